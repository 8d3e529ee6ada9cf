package manifest

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
)

var update = flag.Bool("update", false, "write the .want files of testdata anew")

// write puts files into a directory of their own; names and contents take
// turns.
func write(t *testing.T, namesAndContents ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i := 0; i < len(namesAndContents); i += 2 {
		path := filepath.Join(dir, namesAndContents[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(namesAndContents[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readIn reads files of a directory; what it returns names them without it.
func readIn(dir string, opts Options, names ...string) (*fleet.Fleet, string) {
	paths := make([]string, len(names))
	for i, name := range names {
		if paths[i] = name; name != "-" {
			paths[i] = filepath.Join(dir, name)
		}
	}
	f, warnings, err := Read(paths, opts)
	var b strings.Builder
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	for _, w := range warnings {
		b.WriteString("warning: " + w.Error() + "\n")
	}
	return f, strings.ReplaceAll(b.String(), dir+string(filepath.Separator), "")
}

// mustRead reads one file that has to be good.
func mustRead(t *testing.T, name, content string) *fleet.Fleet {
	t.Helper()
	f, problems := readIn(write(t, name, content), Options{}, name)
	if f == nil {
		t.Fatalf("got problems:\n%swant none, for\n%s", problems, content)
	}
	return f
}

// TestProblems compares every problem of the files in testdata with what is
// written beside them.
func TestProblems(t *testing.T) {
	for _, dir := range caseDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			opts := Options{}
			if strings.HasSuffix(dir, "-by-iccid") {
				opts.Key = fleet.ByICCID
			}
			_, got := readIn(dir, opts, caseFiles(t, dir)...)
			compareWant(t, dir+".want", got)
		})
	}
}

func caseDirs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "fuzz" {
			dirs = append(dirs, filepath.Join("testdata", e.Name()))
		}
	}
	if len(dirs) == 0 {
		t.Fatal("got no cases, want some")
	}
	return dirs
}

// caseFiles are the files of a case but for those that others include.
func caseFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "included") {
			names = append(names, e.Name())
		}
	}
	return names
}

func compareWant(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("problems, got - want +:\n%s", diff)
	}
}

func TestErrorKinds(t *testing.T) {
	dir := write(t, "bad.csv", "endpointName\n\"\"x\n")
	_, _, err := Read([]string{filepath.Join(dir, "bad.csv"), filepath.Join(dir, "missing.csv")}, Options{})
	if !errors.Is(err, fleet.ErrInvalid) {
		t.Errorf("got %v, want an ErrInvalid", err)
	}
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, fleet.ErrIO) {
		t.Errorf("got %v, want an ErrNotExist that is no ErrIO", err)
	}
	var p *Problem
	if !errors.As(err, &p) || p.File != filepath.Join(dir, "bad.csv") || p.Line != 2 {
		t.Errorf("got first problem %+v, want one in line 2 of bad.csv", p)
	}
}

func TestReadFailureIsIO(t *testing.T) {
	_, _, err := Read([]string{"-"}, Options{Stdin: failing{}})
	if !errors.Is(err, fleet.ErrInvalid) {
		t.Errorf("got %v, want an ErrInvalid", err)
	}
	if os.Getuid() == 0 {
		return // root may read everything
	}
	path := filepath.Join(write(t, "a.csv", "endpointName\nx\n"), "a.csv")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err = Read([]string{path}, Options{}); !errors.Is(err, fleet.ErrIO) {
		t.Errorf("got %v, want an ErrIO", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestManyProblemsAreCounted(t *testing.T) {
	text := "endpointName,state\n" + strings.Repeat("x,actve\n", 2500)
	_, problems := readIn(write(t, "a.csv", text), Options{}, "a.csv")
	lines := strings.Split(strings.TrimSpace(problems), "\n")
	if got, want := len(lines), mostProblems+1; got != want {
		t.Errorf("got %d lines, want %d", got, want)
	}
	// 2,500 states and 2,499 repeats of the name.
	if got, want := lines[len(lines)-1], "and 3999 more problems"; got != want {
		t.Errorf("got last line %q, want %q", got, want)
	}
}

func TestRepeatsAllNameBothPlaces(t *testing.T) {
	text := "id,filename\n" + strings.Repeat("1,same\n", 658)
	dir := write(t, "sites.csv", text, "fleet.yaml", `apiVersion: sftctl/v1
kind: Fleet
include:
  - {file: sites.csv, columns: {endpointName: "{{filename}}"}}
`)
	_, problems := readIn(dir, Options{}, "fleet.yaml")
	lines := strings.Split(strings.TrimSpace(problems), "\n")
	if got, want := len(lines), 657; got != want {
		t.Fatalf("got %d problems, want %d", got, want)
	}
	want := `sites.csv:659:3: endpointName is given twice, got "same", want it in one row only; the other is sites.csv:2:3`
	if got := lines[656]; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRowGivenTwiceIsOneProblem(t *testing.T) {
	row := "m1," + string(card(1)) + "\n"
	_, got := readIn(write(t, "a.csv", "endpointName,iccid\n"+row+row), Options{}, "a.csv")
	want := "a.csv:3:1: endpointName is given twice, got \"m1\", want it in one row only; the other is a.csv:2:1\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestCheckText(t *testing.T) {
	for _, want := range []Check{Strict, Warn} {
		text, _ := want.MarshalText()
		var got Check
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("got %v and error %v, want %v", got, err, want)
		}
	}
	var c Check
	if err := c.UnmarshalText([]byte("warm")); err == nil {
		t.Error("got no error for an unknown check, want one")
	}
}
