package manifest

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

var (
	exampleStart = regexp.MustCompile(`^ *#[^ #\n]`)
	exampleMore  = regexp.MustCompile(`^ *#([^ #\n]|  )`)
)

// examples are the runs of lines of a manifest that are commented out.
func examples(lines []string) (runs [][2]int) {
	for i := 0; i < len(lines); i++ {
		if !exampleStart.MatchString(lines[i]) {
			continue
		}
		begin := i
		for i < len(lines) && exampleMore.MatchString(lines[i]) {
			i++
		}
		runs = append(runs, [2]int{begin, i})
	}
	return runs
}

// uncommented is a manifest with some of its examples in force.
func uncommented(lines []string, runs ...[2]int) string {
	out := append([]string(nil), lines...)
	for _, run := range runs {
		for i := run[0]; i < run[1]; i++ {
			out[i] = strings.Replace(out[i], "#", "", 1)
		}
	}
	return strings.Join(out, "")
}

// tryExamples reads a manifest with each of its examples in force, and with all.
func tryExamples(t *testing.T, text string, least int, beside ...string) {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	runs := examples(lines)
	if len(runs) < least {
		t.Errorf("got %d examples, want at least %d", len(runs), least)
	}
	tries := [][][2]int{nil, runs}
	for _, run := range runs {
		tries = append(tries, [][2]int{run})
	}
	schema := compiled(t)
	for _, try := range tries {
		content := uncommented(lines, try...)
		if len(try) > 0 && content == text {
			t.Fatalf("got nothing uncommented of %v", try)
		}
		dir := write(t, append([]string{"a.yaml", content}, beside...)...)
		if f, problems := readIn(dir, Options{}, "a.yaml"); f == nil {
			t.Errorf("got %s, want none, for\n%s", problems, content)
		}
		if found, ok := schemaLines(t, schema, dir+"/a.yaml"); !ok || len(found) > 0 {
			t.Errorf("got the schema's complaints about lines %v of\n%s", found, content)
		}
	}
}

func TestTheStarterAndItsExamplesAreValid(t *testing.T) {
	var b bytes.Buffer
	if err := WriteStarter(&b); err != nil {
		t.Fatal(err)
	}
	tryExamples(t, b.String(), 9, "sites.csv", "id,SIM number,type\n1,"+string(card(1))+",spare\n")
	f := mustRead(t, "a.yaml", b.String())
	if f.Account != "simulated" || len(f.Specs) == 0 || len(f.Policies[0].Scope) != 0 || f.Policies[0].Orphans != fleet.OrphansIgnore {
		t.Errorf("got %+v, want a fleet for the simulated account that owns nothing", f)
	}
	for _, s := range f.Specs {
		if s.State != fleet.StatePreActive {
			t.Errorf("got %s wanted %s", s.Name, s.State)
		}
	}
}

// The starter speaks of every key, and of every state.
func TestTheStarterTeachesEverything(t *testing.T) {
	for _, word := range append(append(stateNames, documentKeys...), clearWord, "iccid: "+autoWord, "not managed", "yaml-language-server") {
		if !strings.Contains(starter, word) {
			t.Errorf("got nothing about %s", word)
		}
	}
	for _, line := range strings.Split(starter, "\n") {
		if len(line) > 110 {
			t.Errorf("got a line of %d letters: %s", len(line), line)
		}
	}
}
