package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"sftctl/pkg/fleet"
)

// forgotten stands in the mark of a plan behind the run that used it up, once that
// run is removed: the plan stays used, and nobody misses the run.
const forgotten = "forgotten"

// Forget removes a run, and leaves its plan used up. The account must be locked.
// The error is an ErrIO, or an ErrPlan when something of the run still counts: a
// call that nobody settled or verified, or a file that is not of a run.
func (s *Store) Forget(run string) error {
	h, err := s.History(run)
	if err == nil {
		err = s.counts(h)
	}
	if err == nil {
		err = s.retire(h)
	}
	if err != nil {
		return err
	}
	// The journal goes first, for good: one without its plan could not be told from
	// one that somebody damaged. What a crash leaves of the rest, Tidy removes.
	err = errors.Join(s.fs.Remove(s.path(run, journalFile)), s.fs.SyncDir(s.path(run, "")))
	if err == nil {
		err = errors.Join(s.remove(run), s.fs.SyncDir(s.runs()))
	}
	return fleet.Kind(fleet.ErrIO, err)
}

// counts refuses to forget a run of which something may still happen, or whose
// folder is not only its own.
func (s *Store) counts(h *History) error {
	names, err := s.fs.ReadDir(s.path(h.Run, ""))
	if err != nil {
		return fleet.Kind(fleet.ErrIO, err)
	}
	for _, name := range names {
		if !isOfRun(name) {
			err = errors.Join(err, fmt.Errorf("run %s is not removed: %s is not a file of a run", h.Run, filepath.Join(s.path(h.Run, ""), name)))
		}
	}
	if open := len(h.Open()); open > 0 {
		err = errors.Join(err, fmt.Errorf("run %s is not removed: %s of it in doubt", h.Run, fleet.Count(open, "call")))
	}
	if !h.Verified() {
		err = errors.Join(err, fmt.Errorf("run %s is not removed: nobody verified what it did", h.Run))
	}
	return fleet.Kind(fleet.ErrPlan, err)
}

// retire notes that the run which used a plan up will not be there any more.
func (s *Store) retire(h *History) error {
	names, err := s.marked()
	if path, ok := names[h.Run]; err == nil && ok {
		err = fleet.Kind(fleet.ErrIO, s.replace(path, []byte(h.Run+"\n"+forgotten+"\n")))
	}
	return err
}

// readMark reads what a mark says: which run used the plan up, and whether that run
// was forgotten since.
func readMark(data []byte) (run string, gone bool) {
	lines := bytes.Fields(data)
	if len(lines) == 0 {
		return "", false
	}
	return string(lines[0]), slices.ContainsFunc(lines[1:], func(line []byte) bool { return string(line) == forgotten })
}
