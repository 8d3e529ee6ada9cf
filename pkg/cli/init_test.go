package cli

import (
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

// Headers and cells are as little trusted as names: neither the terminal nor the
// draft gets what acts on a terminal, and the draft is what was drafted.
func TestHostileColumnsAreEscaped(t *testing.T) {
	dir := t.TempDir()
	for i, text := range append(payloads(), "a: b", "#x", "\"", "'", "\\", "{{", "}}", "}", "x\n- file: y", "x\nscope: [\"*\"]", "!clear", "<<", "~", "=cmd()", "%s", strings.Repeat("x", 300)) {
		for j, rows := range [][][]string{
			{{"x" + text, "SIM", "Type", "Notes"}, {"m-1", "8932042000001234562", text, text}, {"m-2", "8932042000001234570", "y" + text, text}},
			{{"Device", "SIM" + text, "Type" + text, text}, {"m" + text, "8932042000001234562", "a", "b"}, {"n", "8932042000001234570" + text, "a", "b"}},
			{{"_" + text, text, "y", "SIM"}, {text, text, text, text}, {"1", "8.93E+18", text, "8.93E+18"}},
		} {
			var content strings.Builder
			out := csv.NewWriter(&content)
			_ = out.WriteAll(rows)
			from, to := write(t, filepath.Join(dir, "a.csv"), content.String()), filepath.Join(dir, "a.yaml")
			code, stdout, talk := at(t, dir, "", "init", "--from", from, to)
			data, err := os.ReadFile(to)
			if err == nil {
				err = os.Remove(to)
			} else if code == 65 && errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			if err != nil || code != 0 && code != 65 {
				t.Errorf("payload %d, %d: got code %d, %v, %s", i, j, code, err, talk)
			}
			for _, found := range control(stdout + talk + string(data)) {
				t.Errorf("payload %d, %d: %s", i, j, found)
			}
			for _, key := range []string{"\nscope:", "\norphans:", "\nendpoints:", "\n- file:", "\ndefaults:"} {
				if strings.Contains(string(data), key) {
					t.Errorf("payload %d, %d: got %q in\n%s", i, j, key, data)
				}
			}
		}
	}
}

// A file that somebody makes while a manifest is drafted is not replaced, one that
// cannot be written is not begun, and neither leaves anything behind.
func TestInitReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fleet.yaml")
	o := initOptions{out: path}
	err := o.write(Env{}, func(w io.Writer) error {
		write(t, path, "mine")
		_, err := io.WriteString(w, "drafted")
		return err
	})
	if data, _ := os.ReadFile(path); !errors.Is(err, fleet.ErrUsage) || !strings.Contains(err.Error(), "it is there already") || string(data) != "mine" {
		t.Errorf("got %v and %q", err, data)
	}
	o.out = filepath.Join(dir, "other.yaml")
	full := errors.New("no space")
	err = o.write(Env{}, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return full
	})
	if !errors.Is(err, full) || !errors.Is(err, fleet.ErrIO) {
		t.Errorf("got %v", err)
	}
	if err := o.write(Env{}, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(o.out)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 5 {
		t.Errorf("got %v, %v", info, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("got %v left behind", left)
	}
}

// Standard output that is full or closed is told of.
func TestInitTellsOfAFullOutput(t *testing.T) {
	var talk strings.Builder
	env := Env{Args: []string{"init", "-"}, Stdout: fullDisk{}, Stderr: &talk, Getenv: func(string) (string, bool) { return "", false }}
	if code := Main(t.Context(), env); code != 74 || !strings.Contains(talk.String(), "no space left") {
		t.Errorf("got code %d, %s", code, talk.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// Where it is a log that is spoken to, the table is one record.
func TestInitSpeaksIntoALog(t *testing.T) {
	dir := t.TempDir()
	from := write(t, filepath.Join(dir, "a.csv"), "Device,SIM\nm-1,8932042000001234562\nm-2,8932042000001234570\n")
	code, _, talk := at(t, dir, "", "init", "--log-format", "json", "--from", from, filepath.Join(dir, "a.yaml"))
	for line := range strings.Lines(talk) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("got %q, want a record", line)
		}
	}
	if code != 0 || strings.Contains(talk, "8932042000001234562") {
		t.Errorf("got code %d, %s", code, talk)
	}
}
