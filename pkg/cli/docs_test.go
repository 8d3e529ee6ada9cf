package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the output of the commands in docs anew")

// What stands in a fenced block of the documentation is what the program says. A
// block in sh has commands: each line that begins with $ is a command, a remark
// "# exit N" at its end is its exit code when that is not 0, and what follows it is
// all that it prints, where a line … stands for any lines. A block with a name
// after its language is a file. The blocks of a document are one after another
// in one folder. Ids, times and the like may differ; an id that was printed
// stands for the same one everywhere.
func TestDocs(t *testing.T) {
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got no documents, %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel() // each waits for the pace it tells of
			s := newDocReader(t)
			s.triedReadme()
			s.document(path)
		})
	}
}

// docReader is a person who does what a document says.
type docReader struct {
	*testing.T
	dir string
	env []string
	ids map[string]string // of the document, and what they are this time
}

func newDocReader(t *testing.T) *docReader {
	s := &docReader{T: t, dir: t.TempDir(), ids: map[string]string{}}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "SFTCTL_") && !strings.HasPrefix(variable, "XDG_") && !strings.HasPrefix(variable, "CLICOLOR") {
			s.env = append(s.env, variable)
		}
	}
	s.env = append(s.env, "HOME="+s.dir, "GORACE=atexit_sleep_ms=5")
	s.env = append(s.env, goEnv(t)...)
	return s
}

// triedReadme does what the README begins with, as most did who go on to a page: the
// simulated platform of their user is not untouched any more.
func (s *docReader) triedReadme() {
	sample, err := filepath.Abs("../../samples/fleet.yaml")
	if err != nil {
		s.Fatal(err)
	}
	if code, got := s.run("mkdir .readme && cd .readme && sftctl apply --simulate --rate 0 --yes '" + sample + "'"); code != 0 {
		s.Fatalf("got exit code %d, want 0\n%s", code, got)
	}
}

// goEnv is for who builds a program with the packages: where they are, and what the
// go command finds below HOME otherwise, so that nothing is fetched twice.
func goEnv(t *testing.T) []string {
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"SFTCTL_SOURCE=" + source}
	for _, name := range []string{"GOENV", "GOCACHE", "GOMODCACHE"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return env
}

// document walks through a document, and writes it anew if it is to be.
func (s *docReader) document(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	var out strings.Builder
	lines := strings.SplitAfter(string(data), "\n")
	for i := 0; i < len(lines); {
		info, fenced := strings.CutPrefix(lines[i], "```")
		out.WriteString(lines[i])
		if i++; !fenced {
			continue
		}
		begin := i
		for i < len(lines) && lines[i] != "```\n" {
			i++
		}
		out.WriteString(s.block(fmt.Sprintf("%s:%d", filepath.Base(path), begin), strings.Fields(info), lines[begin:i]))
		if i < len(lines) {
			out.WriteString(lines[i])
			i++
		}
	}
	if *update && out.String() != string(data) {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			s.Fatal(err)
		}
	}
}

// block does what a block says, and returns what it should say.
func (s *docReader) block(place string, info, lines []string) string {
	switch {
	case len(info) == 2:
		if err := os.WriteFile(filepath.Join(s.dir, info[1]), []byte(strings.Join(lines, "")), 0o600); err != nil {
			s.Fatal(err)
		}
		return strings.Join(lines, "")
	case len(info) != 1 || info[0] != "sh" || len(lines) == 0 || !strings.HasPrefix(lines[0], "$ "):
		s.Fatalf("%s: got a block that is neither a file with a name nor commands", place)
	}
	var out strings.Builder
	for i := 0; i < len(lines); {
		end := i + 1
		for strings.HasSuffix(lines[end-1], "\\\n") && end < len(lines) {
			end++
		}
		command := strings.Join(lines[i:end], "")
		for i = end; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); {
			i++
		}
		out.WriteString(command + s.command(place, command[2:], strings.Join(lines[end:i], "")))
	}
	return out.String()
}

// command runs a command, holds what it prints to what is wanted, and returns it
// as it should stand in the document.
func (s *docReader) command(place, command, want string) string {
	if values, ok := strings.CutPrefix(strings.TrimSpace(command), "export "); ok {
		s.env = append(s.env, strings.Fields(os.Expand(values, s.variable))...)
		return want
	}
	code, got := s.run(command)
	if wanted := exitOf(command); code != wanted {
		s.Errorf("%s: $ %sgot exit code %d, want %d\n%s", place, command, code, wanted, got)
	}
	if s.fits(want, got) {
		return want
	}
	if *update {
		return s.retold(want, got)
	}
	s.Errorf("%s: $ %s%s", place, command, diff.Diff("want", []byte(leveled(want)), "got", []byte(leveled(got))))
	return want
}

func (s *docReader) variable(name string) string {
	if name == "PWD" {
		return s.dir
	}
	return os.Getenv(name)
}

func (s *docReader) run(command string) (code int, output string) {
	for id, now := range s.ids {
		command = strings.ReplaceAll(command, id, now)
	}
	cmd := exec.CommandContext(s.Context(), "sh", "-c", command)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// exitOf is the exit code that a command's remark tells.
func exitOf(command string) int {
	if m := regexp.MustCompile(`# exit (\d+)\n$`).FindStringSubmatch(command); m != nil {
		code, _ := strconv.Atoi(m[1])
		return code
	}
	return 0
}

// volatile is what differs each time; the first is an id.
var volatile = []*regexp.Regexp{
	regexp.MustCompile(`\d{8}T\d{6}Z-[a-z2-9]{4}`),
	regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`),
	regexp.MustCompile(`[0-9a-f]{8}\.simulator\.invalid`),
	regexp.MustCompile(`\b1000000\d\d\b`),     // the id of an endpoint that was made
	regexp.MustCompile(`reads, [\d.]+[mµ]?s`), // how long a run took
	regexp.MustCompile(`by sftctl \S+`),
}

// anyVolatile is one of them, in a group of its own each.
var anyVolatile = func() *regexp.Regexp {
	var parts []string
	for _, v := range volatile {
		parts = append(parts, "("+v.String()+")")
	}
	return regexp.MustCompile(strings.Join(parts, "|"))
}()

// leveled is a text without what differs each time.
func leveled(text string) string {
	for _, v := range volatile {
		text = v.ReplaceAllString(text, v.String())
	}
	return text
}

// fits says whether a command said what is wanted, and if it did learns what the
// ids stand for.
func (s *docReader) fits(want, got string) bool {
	var pattern strings.Builder
	var ids []string
	for line := range strings.Lines(want) {
		if line == "…\n" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		at := 0
		for _, m := range anyVolatile.FindAllStringSubmatchIndex(line, -1) {
			pattern.WriteString(regexp.QuoteMeta(line[at:m[0]]))
			at = m[1]
			pattern.WriteString(s.pattern(line[m[0]:m[1]], m, &ids))
		}
		pattern.WriteString(regexp.QuoteMeta(line[at:]))
	}
	found := regexp.MustCompile(`^` + pattern.String() + `$`).FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, id := range ids {
		if now, ok := s.ids[id]; ok && now != found[i+1] {
			return false
		}
		s.ids[id] = found[i+1]
	}
	return true
}

// pattern is what a text that differs each time may be; m are the groups of it.
func (s *docReader) pattern(text string, m []int, ids *[]string) string {
	for i, v := range volatile[1:] {
		if m[2*(i+2)] >= 0 {
			return `(?:` + v.String() + `)`
		}
	}
	if now, ok := s.ids[text]; ok {
		return now
	}
	*ids = append(*ids, text)
	return `(` + volatile[0].String() + `)`
}

// retold is what a command said with the ids of the document.
func (s *docReader) retold(want, got string) string {
	old, now := volatile[0].FindAllString(want, -1), volatile[0].FindAllString(got, -1)
	for i := range min(len(old), len(now)) {
		if _, ok := s.ids[old[i]]; !ok {
			s.ids[old[i]] = now[i]
		}
	}
	for id, now := range s.ids {
		got = strings.ReplaceAll(got, now, id)
	}
	return got
}

// The page about planning names every flag that bounds a plan or chooses its rows,
// and none that there is not.
func TestDocsNameTheFlags(t *testing.T) {
	data, err := os.ReadFile("../../docs/planning.md")
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot(Env{})
	known := map[string]bool{"help": true}
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	}
	for _, m := range regexp.MustCompile(`--([a-z][a-z-]+)`).FindAllStringSubmatch(string(data), -1) {
		if !known[m[1]] {
			t.Errorf("got --%s, which no command has", m[1])
		}
	}
	for name := range known {
		guard := regexp.MustCompile(`^(max-(deletes|delinks|suspends|activations|modifies|changes-percent|age)|allow-.*|first-run|target|target-file|exclude|limit)$`)
		if guard.MatchString(name) && !strings.Contains(string(data), "`--"+name) {
			t.Errorf("got nothing about --%s", name)
		}
	}
}
