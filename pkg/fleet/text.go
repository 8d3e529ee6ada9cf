package fleet

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns text that comes from a file or a server in a form that is
// safe on a terminal: every rune that unicode.IsPrint rejects is escaped, so
// that control sequences, bidirectional marks and invisible letters show.
func Printable(text string) string {
	if printable(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		if r == utf8.RuneError {
			_, size := utf8.DecodeRuneInString(text[i:])
			if size == 1 {
				b.WriteString(`\x` + strconv.FormatUint(uint64(text[i]), 16))
				continue
			}
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// PrintableJSON is a JSON document with what Printable escapes escaped in the way of
// JSON: it harms no terminal and means the same.
func PrintableJSON(data []byte) []byte {
	if bytes.IndexFunc(data, hidden) < 0 {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	for _, r := range string(data) {
		if !hidden(r) { // which can be inside strings only
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			out = append(out, `\u`...)
			for shift := 12; shift >= 0; shift -= 4 {
				out = append(out, "0123456789abcdef"[unit>>shift&15])
			}
		}
	}
	return out
}

func hidden(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

func printable(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0
		}
	}
	return true
}

// Quote prints a text from outside inside an error message: escaped, in
// quotation marks, and cut when it is long.
func Quote(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) > most {
		runes := []rune(text)
		return `"` + Printable(string(runes[:most])) + `…"`
	}
	return `"` + strings.ReplaceAll(Printable(text), `"`, `\"`) + `"`
}

// Number prints a number for a person: 11008 is "11,008".
func Number(n int) string {
	if n < 0 {
		return "-" + Number(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", Number(n/1000), n%1000)
}

// Count says how many there are of something.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Number(n) + " " + thing + "s"
}

// Glob is a name pattern: * stands for any run of letters, ? for one; it
// matches the whole name, in the form in which names are compared.
type Glob string

// Match says whether a name fits the pattern.
func (g Glob) Match(name string) bool {
	return glob([]rune(NameKey(string(g))), []rune(NameKey(name)))
}

// glob walks pattern and name, going back only to the last star, so that it
// takes at most len(pattern) × len(name) steps whatever is given.
func glob(pattern, name []rune) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(pattern[p:]), "*") == ""
}

// MatchAny says whether a name fits any of the patterns.
func MatchAny(patterns []Glob, name string) bool {
	for _, g := range patterns {
		if g.Match(name) {
			return true
		}
	}
	return false
}

// Overlap says whether some name fits both patterns.
func (g Glob) Overlap(h Glob) bool {
	a, b := []rune(NameKey(string(g))), []rune(NameKey(string(h)))
	seen := map[[2]int]bool{}
	var meet func(i, j int) bool
	meet = func(i, j int) bool {
		if seen[[2]int{i, j}] {
			return false
		}
		seen[[2]int{i, j}] = true
		switch {
		case i == len(a) && j == len(b):
			return true
		case i < len(a) && a[i] == '*':
			return meet(i+1, j) || j < len(b) && meet(i, j+1)
		case j < len(b) && b[j] == '*':
			return meet(i, j+1) || i < len(a) && meet(i+1, j)
		case i == len(a) || j == len(b):
			return false
		}
		return (a[i] == b[j] || a[i] == '?' || b[j] == '?') && meet(i+1, j+1)
	}
	return meet(0, 0)
}
