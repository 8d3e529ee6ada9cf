package fleet

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Odd says in what a name is not what it looks like: letters of another script
// among its own, characters that do not show, a form that only looks the same. It
// is empty for a name in one script with digits and punctuation.
func Odd(name string) string {
	var odd []string
	for _, o := range oddities {
		if o.is(name) {
			odd = append(odd, o.says)
		}
	}
	return strings.Join(odd, ", ")
}

// oddities are what a person cannot see, the worst first.
var oddities = [...]struct {
	says string
	is   func(string) bool
}{
	{"bytes that are no text", func(name string) bool { return !utf8.ValidString(name) }},
	{"characters that turn the direction of the text", func(name string) bool { return hasRune(name, turns) }},
	{"characters that do not show", func(name string) bool { return hasRune(name, hides) }},
	{"letters of several scripts", mixes},
	{"full-width or styled letters", func(name string) bool { return hasRune(name, poses) }},
	{"spaces before or after it", func(name string) bool { return name != strings.TrimSpace(name) }},
	{"double spaces", func(name string) bool { return strings.Contains(name, "  ") }},
	{"not in the usual form of its accents (NFC)", func(name string) bool { return !norm.NFC.IsNormalString(name) }},
}

func hasRune(name string, is func(rune) bool) bool { return strings.IndexFunc(name, is) >= 0 }

func turns(r rune) bool { return r >= utf8.RuneSelf && unicode.Is(unicode.Bidi_Control, r) }

// blank is a Braille cell without dots: a sign by its class, a space to the eye.
const blank = '\u2800'

// hides says whether a character shows as nothing, or as a plain space, and is
// something else.
func hides(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return r != utf8.RuneError && !turns(r) &&
		(!unicode.IsPrint(r) || r == blank || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// poses says whether a letter or digit is a variant of an ASCII one that was made
// for typesetting. Ordinals (nº 5) and superscripts (m²) are ordinary.
func poses(r rune) bool {
	switch {
	case r < utf8.RuneSelf || r == 'º' || r == 'ª':
		return false
	case r >= '！' && r <= '～':
		return true
	case !unicode.In(r, unicode.Lu, unicode.Ll, unicode.Nd):
		return false
	}
	plain := norm.NFKC.String(string(r))
	return len(plain) == 1 && norm.NFC.String(string(r)) != plain
}

// together are scripts that are written side by side in ordinary names. All others
// stand alone.
var together = []string{"Latin", "Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"}

// mixes says whether a name has letters of scripts that are not written side by
// side.
func mixes(name string) bool {
	var scripts []string
	for _, r := range name {
		if s := script(r, scripts); s != "" && !slices.Contains(scripts, s) {
			scripts = append(scripts, s)
		}
	}
	alone := func(s string) bool { return !slices.Contains(together, s) }
	return len(scripts) > 1 && slices.ContainsFunc(scripts, alone)
}

// script is the script of a letter, empty for what belongs to all of them. Those
// that were seen already are looked at first.
func script(r rune, seen []string) string {
	switch {
	case !unicode.IsLetter(r):
		return ""
	case r < utf8.RuneSelf:
		return "Latin"
	case unicode.In(r, unicode.Common, unicode.Inherited):
		return ""
	}
	for _, s := range seen {
		if unicode.Is(unicode.Scripts[s], r) {
			return s
		}
	}
	for s, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return s
		}
	}
	return ""
}
