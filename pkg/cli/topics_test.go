package cli

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// entriesOf are the things that a topic is about, one by one.
func entriesOf(t *testing.T, topic string) (names []string) {
	t.Helper()
	for _, about := range topics {
		if about.name == topic {
			for _, e := range about.entries {
				names = append(names, strings.Split(e.name, ", ")...)
			}
		}
	}
	if len(names) == 0 {
		t.Fatalf("there is no topic %s", topic)
	}
	return names
}

// Every exit code that there is has its meaning, and no other; the README has the
// same ones.
func TestExitCodesAreExplained(t *testing.T) {
	want := map[string]bool{}
	for _, code := range []int{exitOK, exitOther, exitDiffers, exitRows, exitUnknown, exitInternal,
		128 + int(syscall.SIGHUP), 128 + int(syscall.SIGINT), 128 + int(syscall.SIGTERM)} {
		want[fmt.Sprint(code)] = true
	}
	for _, exit := range exits {
		want[fmt.Sprint(exit.code)] = true
	}
	got := entriesOf(t, "exit-codes")
	for _, code := range got {
		if !want[code] {
			t.Errorf("exit code %s is explained, and no command exits with it", code)
		}
		delete(want, code)
	}
	if len(want) > 0 {
		t.Errorf("not explained: %v", want)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| exit | |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, code := range got {
		if !regexp.MustCompile(`\b` + code + `\b`).MatchString(table) {
			t.Errorf("the README says nothing of exit code %s", code)
		}
	}
}

// Every variable that is read is explained; those of flags are, by their rule.
func TestVariablesAreExplained(t *testing.T) {
	want := map[string]bool{"HTTPS_PROXY": true, "NO_PROXY": true, "SSL_CERT_FILE": true, "SSL_CERT_DIR": true} // Go reads them
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:Getenv|set|userDir)\((?:env, )?"([A-Z_]+)"`).FindAllStringSubmatch(string(data), -1) {
			want[m[1]] = true
		}
	}
	got := entriesOf(t, "environment")
	for _, name := range got {
		if name != "SFTCTL_..." && !want[name] {
			t.Errorf("%s is explained, and nothing reads it", name)
		}
		delete(want, name)
	}
	if len(want) > 0 || !slices.Contains(got, "SFTCTL_PASSWORD") {
		t.Errorf("not explained: %v", want)
	}
}

// The columns of a run's results and all that it leaves, in the state and among the
// reports, are explained.
func TestResultsAndFilesAreExplained(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "f.csv"), "endpointName,planId,serviceProfileId,simProductId\nm-1,100234,SP_1249,7\n")
	if code, _, talk := at(t, dir, "", "apply", "--yes", file); code != 0 {
		t.Fatalf("got exit code %d\n%s", code, talk)
	}
	if code, _, talk := at(t, dir, "", "plan", "--plans", filepath.Join(dir, "plans"), file); code != 0 {
		t.Fatalf("got exit code %d\n%s", code, talk)
	}
	change := write(t, filepath.Join(dir, "g.csv"), "endpointName,planId,serviceProfileId,simProductId\nm-1,100300,SP_1249,7\n")
	if code, _, talk := at(t, dir, "", "reconcile", "--reports", filepath.Join(dir, "reports"), "--max-modifies", "0", change); code != 5 {
		t.Fatalf("got exit code %d\n%s", code, talk)
	}
	seen := map[string]bool{"$XDG_CONFIG_HOME/sftctl/config.yaml": true, "STATE/accounts/ACCOUNT/token": true, "STATE/refused-logins.json": true} // of others
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name := explained(t, strings.TrimPrefix(path, dir+"/")); err == nil && d.Type().IsRegular() && filepath.Dir(path) != dir && name == "" {
			t.Errorf("%s is not explained", path)
		} else {
			seen[name] = true
		}
		return err
	})
	for _, name := range entriesOf(t, "files") {
		if !seen[name] {
			t.Errorf("%s is explained, and nothing leaves it", name)
		}
	}
	results, _ := filepath.Glob(filepath.Join(dir, "reports", "*", "results.csv"))
	if err != nil || len(results) != 1 {
		t.Fatalf("got results %v, %v", results, err)
	}
	f, err := os.Open(results[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header, err := csv.NewReader(f).Read()
	if got, want := entriesOf(t, "results"), header[4:]; err != nil || !slices.Equal(got, want) {
		t.Errorf("got columns %v explained, want %v (%v)", got, want, err)
	}
}

// explained is how the topic of files names one, empty when it does not.
func explained(t *testing.T, path string) string {
	id := `\d{8}T\d{6}Z-[a-z2-9]{4}`
	for _, name := range entriesOf(t, "files") {
		pattern := regexp.QuoteMeta(name)
		for word, stands := range map[string]string{"STATE": "state", "ACCOUNT": "[^/]+~[0-9a-f]{8}", "PLANS": "plans", "REPORTS": "reports", "RUN": id, "PLAN": id, `\\\*`: "[^/]+"} {
			pattern = regexp.MustCompile(`(^|/)`+word+`($|/|\\\.)`).ReplaceAllString(pattern, "${1}"+stands+"${2}")
		}
		if regexp.MustCompile("^" + pattern + "$").MatchString(path) {
			return name
		}
	}
	return ""
}

// A topic fits a terminal, and is printed by help.
func TestTopicsArePrinted(t *testing.T) {
	for _, topic := range topics {
		code, out, _ := at(t, t.TempDir(), "", "help", topic.name)
		for line := range strings.Lines(out) {
			if len([]rune(line)) > textWidth+1 {
				t.Errorf("%s: got a line of %d characters: %s", topic.name, len([]rune(line)), line)
			}
		}
		if code != 0 || !strings.Contains(out, topic.entries[len(topic.entries)-1].name) {
			t.Errorf("%s: got exit code %d and %s", topic.name, code, out)
		}
	}
}
