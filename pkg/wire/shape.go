package wire

import (
	"bytes"
	"fmt"
)

// What an answer may be, so that one that was made to hurt costs little more
// memory than its bytes. The platform's own answers are nested six deep, and
// within the bytes that the client takes there is room for fewer whole rows.
const (
	mostDepth = 32
	mostItems = 50_000  // of all lists together
	mostValue = 4 << 10 // bytes of a code, an id or a name
	mostText  = 500     // characters of a description that are kept
)

// checkShape looks at an answer before it is taken apart: how deep it is
// nested, and how many items its lists have. What is no JSON is for the parser
// to tell.
func checkShape(body []byte) error {
	depth, items := 0, 0
	var lists uint64 // bit n: what is open at depth n is a list
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case '"':
			i = endOfString(body, i)
		case '{', '[':
			if depth++; depth > mostDepth {
				return fmt.Errorf("the answer is nested more than %d deep", mostDepth)
			}
			lists &^= 1 << depth
			if c == '[' {
				lists |= 1 << depth
			}
		case '}', ']':
			depth = max(depth-1, 0)
		case ',':
			if items += int(lists >> depth & 1); items >= mostItems {
				return fmt.Errorf("the answer lists more than %d things", mostItems)
			}
		}
	}
	return nil
}

// endOfString is where the string that begins at a place ends.
func endOfString(body []byte, begin int) int {
	for i := begin + 1; i < len(body); i++ {
		end := bytes.IndexByte(body[i:], '"')
		if end < 0 {
			break
		}
		if i += end; !escaped(body[begin+1 : i]) {
			return i
		}
	}
	return len(body)
}

// escaped says whether what follows a text is escaped by it.
func escaped(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// brief is the beginning of a description that is longer than anybody reads.
func brief(text string) string {
	n := 0
	for i := range text {
		if n++; n > mostText {
			return text[:i] + "…"
		}
	}
	return text
}
