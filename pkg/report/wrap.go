package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// most is how many columns a line of text has at most.
const most = 100

// columns is how many columns a text takes on a terminal.
func columns(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return n + wideColumns(text[i:])
		}
		n++
	}
	return n
}

func wideColumns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Fold breaks a text at spaces so that no line takes more than limit columns; a
// word that is longer is cut.
func Fold(text string, limit int) []string {
	if columns(text) <= limit {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for i, word := range strings.Split(text, " ") {
		size := columns(word)
		switch {
		case i > 0 && used+1+size <= limit:
			line, used = line+" "+word, used+1+size
			continue
		case i > 0:
			lines = append(lines, line)
		}
		cut := pieces(word, limit)
		lines = append(lines, cut[:len(cut)-1]...)
		line = cut[len(cut)-1]
		used = columns(line)
	}
	return append(lines, line)
}

// pieces cuts a word so that none of them takes more than limit columns.
func pieces(word string, limit int) []string {
	var all []string
	start, used := 0, 0
	for i, r := range word {
		n := runeColumns(r)
		if used+n > limit {
			all = append(all, word[start:i])
			start, used = i, 0
		}
		used += n
	}
	return append(all, word[start:])
}
