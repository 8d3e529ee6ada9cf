package cli

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rewrite changes the journal of a run that was cut short.
func (s *site) rewrite(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	files, _ := filepath.Glob(s.path("state", "accounts", "*", "runs", "*", "journal"))
	if len(files) != 1 {
		t.Fatalf("got journals %v, want one", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if data = change(data); data == nil {
		err = os.Remove(files[0])
	} else {
		err = os.WriteFile(files[0], data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(filepath.Dir(files[0]))
}

// resummed gives the lines of a journal new checksums, as another version of the
// program would have written them.
func resummed(journal []byte) []byte {
	var out bytes.Buffer
	sum := uint32(0)
	for line := range bytes.Lines(journal) {
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), line[9:])
		fmt.Fprintf(&out, "%08x %s", sum, line[9:])
	}
	return out.Bytes()
}

// A journal that was changed, or is not there any more, stops everything that
// would change the fleet: what it told of may have happened.
func TestBrokenJournal(t *testing.T) {
	t.Parallel()
	line := func(data []byte, n int) []byte { return bytes.SplitAfter(data, []byte("\n"))[n] }
	swap := func(old, new string) func([]byte) []byte {
		return func(data []byte) []byte { return bytes.Replace(data, []byte(old), []byte(new), 1) }
	}
	for _, test := range []struct {
		name   string
		change func([]byte) []byte
		says   string
	}{
		{"an intent changed", swap(`"attempt":1`, `"attempt":2`), "the checksum does not fit"},
		{"a name changed", swap(`"action":"create"`, `"action":"delete"`), "the checksum does not fit"},
		{"an intent cut out", func(d []byte) []byte { return bytes.Replace(d, line(d, 3), nil, 1) }, "the checksum does not fit"},
		{"an intent twice", func(d []byte) []byte {
			return bytes.Replace(d, line(d, 2), append(bytes.Clone(line(d, 2)), line(d, 2)...), 1)
		}, "the checksum does not fit"},
		{"CRLF", func(d []byte) []byte { return bytes.ReplaceAll(d, []byte("\n"), []byte("\r\n")) }, "the checksum does not fit"},
		{"the header gone", func(d []byte) []byte { return bytes.Replace(d, line(d, 0), nil, 1) }, "journal, byte 0"},
		{"the next format", func(d []byte) []byte { return resummed(swap(`"format":1`, `"format":2`)(d)) }, "format version 2, which this version does not know; use the version of sftctl that wrote it"},
		{"a record of tomorrow", func(d []byte) []byte { return resummed(swap(`{"k":"opened"`, `{"k":"foretold"`)(d)) }, `a record of kind "foretold", which this version does not know`},
		{"a field of tomorrow", func(d []byte) []byte { return resummed(swap(`"attempt":1`, `"attempt":1,"mood":"bad"`)(d)) }, `which this version does not know; use the version of sftctl that wrote it`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, 12, 0)
			s.cutShort(t)
			before := s.announced()
			id := s.rewrite(t, test.change)
			for _, args := range [][]string{{"resume"}, {"resume", id}, {"apply", "fleet.plan"}, {"apply", "--yes", "fleet.csv"}} {
				c, code := s.do(args...)
				if code != 5 || !c.err.has(test.says) || !c.err.has("byte ") {
					t.Errorf("got exit code %d, want 5, %q and where\n%s", code, test.says, c)
				}
			}
			if now := s.mutations(); now > before {
				t.Errorf("got %d calls, want none", now-before)
			}
		})
	}
}

// cutShort kills a run of a saved plan in its work.
func (s *site) cutShort(t *testing.T) {
	t.Helper()
	if c, code := s.do("plan", "-o", "fleet.plan", "fleet.csv"); code != 0 {
		t.Fatal(c)
	}
	c := s.command("apply", "fleet.plan", "--parallelism", "2")
	s.atCall(8, c.kill)
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if code := c.end(); code != -1 {
		t.Fatalf("it was not killed: %s", c)
	}
	s.trap.Store(nil)
}

// A plan that was used is not used again, whoever removes what.
func TestJournalGone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		remove func(t *testing.T, s *site)
	}{
		{"the journal", func(t *testing.T, s *site) { s.rewrite(t, func([]byte) []byte { return nil }) }},
		{"all in the journal", func(t *testing.T, s *site) { s.rewrite(t, func([]byte) []byte { return []byte{} }) }},
		{"the run", func(t *testing.T, s *site) {
			for id := range s.journals() {
				_ = os.RemoveAll(filepath.Join(s.accountAt(), "runs", id))
			}
		}},
		{"all runs", func(t *testing.T, s *site) { _ = os.RemoveAll(filepath.Join(s.accountAt(), "runs")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, 12, 0)
			s.cutShort(t)
			before := s.announced()
			test.remove(t, s)
			for range 2 { // what is tidied by the first is not forgotten by the second
				c, code := s.do("apply", "fleet.plan")
				if code != 5 || !c.err.has("the plan was used, and nobody can tell what for") {
					t.Errorf("got exit code %d, want 5 and why\n%s", code, c)
				}
			}
			if now := s.mutations(); now > before {
				t.Errorf("got %d calls, want none", now-before)
			}
		})
	}
}

// A run whose journal is taken away sends nothing more: its lock went too, and what
// another run does it could do once more.
func TestJournalTakenAway(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*site) error{
		"removed": func(s *site) error { return os.RemoveAll(s.path("state")) },
		"moved":   func(s *site) error { return os.Rename(s.path("state"), s.path("elsewhere")) },
		"replaced": func(s *site) error {
			return errors.Join(os.Rename(s.path("state"), s.path("elsewhere")), os.CopyFS(s.path("state"), os.DirFS(s.path("elsewhere"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, 40, 0)
			var took error
			s.atCall(10, func() { took = take(s) })
			c, code := s.do("apply", "--yes", "--parallelism", "4", "fleet.csv")
			if took != nil {
				t.Fatal(took)
			}
			if code != 74 || !c.err.has("was moved or removed while it was written") {
				t.Errorf("got exit code %d, want 74 and why\n%s", code, c)
			}
			if n := s.mutations(); n > 10+4 {
				t.Errorf("got %d calls, want at most the 10 before, and 4 in flight", n)
			}
		})
	}
}

// The plan that a run keeps is the one that it does.
func TestKeptPlanChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t, 12, 0)
	s.cutShort(t)
	files, _ := filepath.Glob(s.path("state", "accounts", "*", "runs", "*", "plan"))
	data, err := os.ReadFile(files[0])
	if err := errors.Join(err, os.WriteFile(files[0], bytes.Replace(data, []byte("100234"), []byte("100300"), 1), 0o600)); err != nil {
		t.Fatal(err)
	}
	before := s.announced()
	for _, args := range [][]string{{"resume"}, {"apply", "--yes", "fleet.csv"}} {
		if c, code := s.do(args...); code != 5 || !c.err.has("its digest is not the one in the journal") {
			t.Errorf("got exit code %d, want 5 and why\n%s", code, c)
		}
	}
	if now := s.mutations(); now > before {
		t.Errorf("got %d calls, want none", now-before)
	}
}

// Where a journal is broken, the message says where it is and how to go on.
func TestBrokenJournalMovedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, 12, 0)
	s.cutShort(t)
	id := s.rewrite(t, func(data []byte) []byte { return bytes.Replace(data, []byte(`"attempt":1`), []byte(`"attempt":2`), 1) })
	c, code := s.do("apply", "--yes", "fleet.csv")
	if at := filepath.Join(s.accountAt(), "runs", id, "journal"); !c.err.has(at) || code != 5 || !c.err.has("moved away with its folder") {
		t.Errorf("it does not say that it is %s, and what to do:\n%s", at, c)
	}
	if err := os.Rename(filepath.Join(s.accountAt(), "runs", id), s.path("kept")); err != nil {
		t.Fatal(err)
	}
	if c, code := s.do("apply", "fleet.plan"); code != 5 {
		t.Errorf("got exit code %d for the plan of that run, want 5\n%s", code, c)
	}
	c, code = s.do("apply", "--yes", "fleet.csv")
	if _, marker, missed := strings.Cut(strings.TrimSpace(c.err.String()), ", remove "); code == 5 && missed {
		if err := os.Remove(marker); err != nil {
			t.Fatal(err)
		}
		c, code = s.do("apply", "--yes", "fleet.csv")
	}
	if code != 0 || !s.complete() || len(s.sim.Endpoints()) != len(s.rows) {
		t.Errorf("got exit code %d and %d endpoints\n%s", code, len(s.sim.Endpoints()), c)
	}
}
