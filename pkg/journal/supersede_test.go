package journal_test

import (
	"errors"
	"testing"

	"sftctl/pkg/crashfs"
	"sftctl/pkg/journal"
)

// A run is superseded by one that has a journal; the mark of one that a crash kept
// from having any is void.
func TestSupersededByARunThatIsThere(t *testing.T) {
	s, err := journal.NewStore("state", crashfs.New(), journal.SystemClock)
	if err != nil {
		t.Fatal(err)
	}
	j := ran(t, s, r1, "p1", 1)
	by := func() string {
		h, err := s.History(r1)
		if err != nil {
			t.Fatal(err)
		}
		return s.SupersededBy(h)
	}
	if got := by(); got != "" {
		t.Errorf("before: got %s", got)
	}
	if err := errors.Join(j.Supersede(r2), j.Supersede(r3), j.Close()); err != nil {
		t.Fatal(err)
	}
	if got := by(); got != "" {
		t.Errorf("without the other run: got %s", got)
	}
	if err := ran(t, s, r3, "p3", 0).Close(); err != nil {
		t.Fatal(err)
	}
	if got := by(); got != r3 {
		t.Errorf("got %q, want %q", got, r3)
	}
}
