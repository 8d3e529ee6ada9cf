package fleet

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEscapeCell(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a": "a", "=1": "'=1", "+47": "'+47", "-": "'-", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\x00": "'\x00",
		"＝1": "'＝1", "＋": "'＋", "－": "'－", "＠": "'＠", "'": "'", "'a": "'a", "'=1": "''=1", "''=1": "'''=1", " =1": " =1", "a=1": "a=1",
		"\ufefe": "\ufefe",
	} {
		if got := EscapeCell(cell); got != want {
			t.Errorf("EscapeCell(%q): got %q, want %q", cell, got, want)
		}
		if got := UnescapeCell(want); got != cell {
			t.Errorf("UnescapeCell(%q): got %q, want %q", want, got, cell)
		}
	}
	cells := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("'=+-@\t\r\x00＝＋－＠a"))))
	rapid.Check(t, func(t *rapid.T) { checkEscape(t, cells.Draw(t, "cell")) })
}

func checkEscape(t interface{ Fatalf(string, ...any) }, cell string) {
	escaped := EscapeCell(cell)
	if got := UnescapeCell(escaped); got != cell {
		t.Fatalf("got %q after there and back, want %q", got, cell)
	}
	if escaped != "" && strings.ContainsRune("=+-@\t\r\x00＝＋－＠", []rune(escaped)[0]) {
		t.Fatalf("got %q from %q, want no formula", escaped, cell)
	}
}

func FuzzEscapeCell(f *testing.F) {
	for _, cell := range []string{"", "=1", "'=1", "''", "＝", "\xef\xbc"} {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) { checkEscape(t, cell) })
}
