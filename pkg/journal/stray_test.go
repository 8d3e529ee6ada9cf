package journal_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

// stray is what people and their machines leave in the place of an account: files
// by path, and folders, which end in a slash.
var stray = []string{"runs/.DS_Store", "runs/note.txt", "runs/old/x", "runs/mine/plan", "runs/mine/journal.new", "runs/empty/", "runs/" + r1 + ".bak/journal", "runs/" + r1 + ".tar.gz",
	"runs/" + r2, "runs/" + r3 + "/plan", "runs/" + r3 + "/.DS_Store", "used/.DS_Store", "used/note.txt", "used/old/x", "used/note.new"}

// litter puts it there, and gives the paths.
func litter(t *testing.T, dir string) (left []string) {
	t.Helper()
	for _, name := range stray {
		path := filepath.Join(dir, name)
		left = append(left, path)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if strings.HasSuffix(name, "/") {
			err = errors.Join(err, os.MkdirAll(path, 0o700))
		} else {
			err = errors.Join(err, os.WriteFile(path, []byte("mine\n"), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return left
}

// What is not from here is neither read nor touched, and stops nothing.
func TestStrayFilesAreLeftAlone(t *testing.T) {
	state := t.TempDir()
	s := reopened(t, state)
	over(t, s, r1, "p1")
	left := litter(t, state)
	for range 2 {
		if err := s.Tidy(); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Histories()
	if len(all) != 1 || all[0].Run != r1 || err != nil {
		t.Errorf("got %d histories, %v, want run %s", len(all), err, r1)
	}
	if by, err := s.UsedBy("p1"); by != r1 || err != nil {
		t.Errorf("the plan was used by %q, %v, want %s", by, err, r1)
	}
	found := walk(t, state, func(string, fs.DirEntry) string { return "" })
	for _, path := range left {
		if _, there := found[path]; !there {
			t.Errorf("%s is gone", path)
		}
	}
	if err := s.Forget(r1); err != nil {
		t.Errorf("forgetting the run: %v", err)
	}
}

// A run that cannot be found again must not begin.
func TestNoRunBeginsUnderAnotherName(t *testing.T) {
	s := reopened(t, t.TempDir())
	if _, err := s.Create(header("old", "p"), journal.Opened{}, writePlan); !errors.Is(err, fleet.ErrIO) || !strings.Contains(err.Error(), `run "old"`) {
		t.Errorf("got %v, want an error that names it", err)
	}
	if _, err := s.History("old"); !journal.Missing(err) {
		t.Errorf("reading it: got %v, want that there is none", err)
	}
}

// Who only looks finds an account that nobody worked on yet, and makes nothing.
func TestLookingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	s := journal.Look(dir, journal.OS{}, clock)
	if all, err := s.Histories(); len(all) > 0 || err != nil {
		t.Errorf("got %d histories, %v", len(all), err)
	}
	if found := walk(t, dir, func(string, fs.DirEntry) string { return "" }); len(found) > 1 {
		t.Errorf("%v was made", slices.Sorted(maps.Keys(found)))
	}
}
