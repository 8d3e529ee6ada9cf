package report

import (
	"io"
	"regexp"
	"strings"
	"testing"
)

// strokes are what ours switches colours on and off with.
var strokes = regexp.MustCompile(`\x1b\[(0|1|31|32|33)m`)

// textForms are plans and runs as text.
func textForms(t *testing.T, opts Options) map[string]string {
	t.Helper()
	run := nastyRun(t)
	run.ID = "20260301T120000Z-wxyz"
	forms := map[string]string{}
	for name, write := range map[string]func(io.Writer) error{
		"nasty plan": func(w io.Writer) error { return WritePlan(w, run.Plan, "text", opts) },
		"nasty run":  func(w io.Writer) error { return run.Write(w, "text", opts) },
		"run":        func(w io.Writer) error { return aBigRun(5000).Write(w, "text", opts) },
		"small run":  func(w io.Writer) error { return aRun().Write(w, "text", opts) },
	} {
		forms[name] = text(t, write)
	}
	return forms
}

// Colours add nothing but themselves: each line that has one ends it, and nothing
// that a terminal would take as a command comes from a file or the platform.
func TestColoursChangeNoWord(t *testing.T) {
	for _, full := range []bool{false, true} {
		colored, bare := textForms(t, Options{Color: true, Full: full}), textForms(t, Options{Full: full})
		for name, got := range colored {
			if rest := strokes.ReplaceAllString(got, ""); rest != bare[name] || strings.ContainsRune(rest, '\x1b') {
				t.Errorf("%s: without its colours it is another text", name)
			}
			for line := range strings.Lines(got) {
				if n := strings.Count(line, "\x1b["); n != 0 && (n != 2 || !strings.HasPrefix(line, "\x1b[") || !strings.HasSuffix(line, "\x1b[0m\n")) {
					t.Errorf("%s: %q", name, line)
				}
			}
			if !strings.Contains(got, "\x1b[31m") || !strings.Contains(got, "\x1b[1m"+name[strings.LastIndex(name, " ")+1:]) {
				t.Errorf("%s: nothing is red, or its title is not bold:\n%s", name, got)
			}
		}
	}
}

// Each line of a plan is in the colour of its sign.
func TestColoursOfAPlan(t *testing.T) {
	want := map[byte]string{'+': "\x1b[32m", '-': "\x1b[31m", '!': "\x1b[31m", '~': "\x1b[33m"}
	seen := map[byte]bool{}
	for line := range strings.Lines(textForms(t, Options{Color: true, Full: true})["nasty plan"]) {
		bare := strings.TrimLeft(strokes.ReplaceAllString(line, ""), " ")
		if len(bare) < 2 || bare[1] != ' ' || !strings.HasPrefix(strokes.ReplaceAllString(line, ""), "    ") {
			continue
		}
		if ink, ok := want[bare[0]]; ok {
			seen[bare[0]] = true
			if !strings.HasPrefix(line, ink) {
				t.Errorf("got %q, want it in %q", line, ink)
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("got lines of %d signs, want %d", len(seen), len(want))
	}
}

// On a terminal no line is wider than a person reads, and no word is lost by that.
func TestFoldedRuns(t *testing.T) {
	folded, whole := textForms(t, Options{Folded: true, Full: true}), textForms(t, Options{Full: true})
	for name, got := range folded {
		for line := range strings.Lines(got) {
			if line = strings.TrimSuffix(line, "\n"); wide(line) > most {
				t.Errorf("%s: %d columns: %s", name, wide(line), line)
			}
		}
		squeeze := func(text string) string { return strings.Join(strings.Fields(text), "") }
		if squeeze(got) != squeeze(whole[name]) {
			t.Errorf("%s: folded it is another text:\n%s", name, got)
		}
	}
}
