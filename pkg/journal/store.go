package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sftctl/pkg/fleet"
)

// Store keeps the runs of one account and the plans that they used up.
type Store struct {
	dir   string
	fs    FS
	clock Clock
}

// NewStore keeps runs in a directory, which is made: that of AccountDir, on OS and by
// SystemClock but in tests. The error is an ErrIO.
func NewStore(dir string, on FS, clock Clock) (*Store, error) {
	s := &Store{dir, on, clock}
	for _, d := range []string{dir, s.runs(), s.used()} {
		if err := on.MkdirAll(d); err != nil {
			return nil, fleet.Kind(fleet.ErrIO, err)
		}
	}
	// A process that was killed may have made them, and not synced their names.
	if err := on.SyncDir(dir); err != nil {
		return nil, fleet.Kind(fleet.ErrIO, err)
	}
	return s, nil
}

// Look is a Store for those who only read: it makes nothing, and wants nothing to
// be there.
func Look(dir string, on FS, clock Clock) *Store { return &Store{dir, on, clock} }

func (s *Store) runs() string { return filepath.Join(s.dir, "runs") }
func (s *Store) used() string { return filepath.Join(s.dir, "used") }

func (s *Store) path(run, file string) string { return filepath.Join(s.runs(), run, file) }

// The files of a run.
const (
	journalFile = "journal"
	planFile    = "plan"
	pending     = ".new" // of a file that is not whole yet
)

// Create begins the journal of a run: a copy of its plan, then the header that
// names the copy's digest. The account must be locked, and older runs that this one
// takes the place of be marked: apply.Begin does that first. The error is an ErrIO.
func (s *Store) Create(h Header, o Opened, plan func(io.Writer) error) (j *Journal, err error) {
	defer func() { err = fleet.Kind(fleet.ErrIO, err) }()
	if err := s.vacant(h.Run); err != nil {
		return nil, err
	}
	var copied bytes.Buffer
	if err := plan(&copied); err != nil {
		return nil, err
	}
	if err := s.fs.MkdirAll(filepath.Join(s.runs(), h.Run)); err != nil {
		return nil, err
	}
	if err := s.replace(s.path(h.Run, planFile), copied.Bytes()); err != nil {
		return nil, err
	}
	h.Format, h.Digest = Format, digest(copied.Bytes())
	file, err := s.fs.Create(s.path(h.Run, journalFile))
	if err != nil {
		return nil, err
	}
	j = start(file, 0, s.clock, func() error { return s.use(h.Plan, h.Run) })
	if err := s.begin(j, h, o); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// vacant refuses the name of a run that began: its journal would be lost. So it does
// one that NewID does not give, under which no run is found again.
func (s *Store) vacant(run string) error {
	_, err := s.History(run)
	_, named := Named(run)
	switch {
	case errors.Is(err, errNoRun) && !named:
		return fmt.Errorf("run %s cannot begin: want a name that journal.NewID gave", fleet.Quote(run))
	case errors.Is(err, errNoRun):
		return nil
	case err == nil:
		return fmt.Errorf("run %s exists already", run)
	}
	return err
}

// begin makes the first lines of a run durable, with the names of its files.
func (s *Store) begin(j *Journal, h Header, o Opened) error {
	if err := j.sync(h); err != nil {
		return err
	}
	if err := j.sync(s.opened(o)); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.path(h.Run, "")); err != nil {
		return err
	}
	return s.fs.SyncDir(s.runs())
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (s *Store) opened(o Opened) Opened {
	now := s.clock()
	o.PID = os.Getpid()
	o.Host, _ = os.Hostname()
	o.At, o.Boot, o.Up = now.Wall.UTC().Round(0), now.Boot, now.Up
	return o
}

// replace writes a file whole or not at all, and durably.
func (s *Store) replace(path string, data []byte) error {
	file, err := s.fs.Create(path + pending)
	if err != nil {
		return err
	}
	if err := errors.Join(put(file, data), file.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(path+pending, path); err != nil {
		return err
	}
	return s.fs.SyncDir(filepath.Dir(path))
}

// Continue opens the journal of a run to go on with it: behind its last whole
// record. Its account must be locked. The error is that of History.
func (s *Store) Continue(run string, o Opened) (*Journal, *History, error) {
	data, h, err := s.read(run)
	if err != nil {
		return nil, nil, err
	}
	file, err := s.reopen(run, data[:h.size])
	if err != nil {
		return nil, nil, fleet.Kind(fleet.ErrIO, err)
	}
	j := start(file, h.sum, s.clock, func() error { return s.use(h.Plan, run) })
	if err := j.sync(s.opened(o)); err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return j, h, nil
}

// reopen opens a journal behind its whole records. They are copied: what is read
// here may be in memory only, because a sync of the process before failed or was
// never reached, and no later sync of that file would tell.
func (s *Store) reopen(run string, whole []byte) (File, error) {
	path := s.path(run, journalFile)
	if err := s.replace(path, whole); err != nil {
		return nil, err
	}
	if err := s.fs.SyncDir(s.runs()); err != nil {
		return nil, err
	}
	return s.fs.Append(path, int64(len(whole)))
}

// History reads the journal of a run, which may be written meanwhile. The error
// is an ErrIO, an ErrPlan when it is missing or cannot be read, or an ErrUsage
// when no run can have that name.
func (s *Store) History(run string) (*History, error) {
	_, h, err := s.read(run)
	return h, err
}

func (s *Store) read(run string) ([]byte, *History, error) {
	if err := possible(run); err != nil {
		return nil, nil, fleet.Kind(fleet.ErrUsage, err)
	}
	data, err := s.fs.ReadFile(s.path(run, journalFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // a file in its place is none either
		return nil, nil, missing(run)
	}
	if err != nil {
		return nil, nil, fleet.Kind(fleet.ErrIO, err)
	}
	h, err := Parse(data)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("run %s: %w (it is %s)", run, err, s.path(run, journalFile))
	case h.Run == "":
		return nil, nil, missing(run)
	case h.Run != run:
		return nil, nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("the journal of run %s is that of run %s", run, fleet.Quote(h.Run)))
	}
	return data, h, nil
}

// possible refuses the name of a run that is no file name.
func possible(run string) error {
	if run == "." || run != filepath.Base(run) || !filepath.IsLocal(run) {
		return fmt.Errorf("%s cannot be a run", fleet.Quote(run))
	}
	return nil
}

// errNoRun is a run without a journal, or with one that a crash cut off before
// its header was whole: nothing was ever sent for it.
var errNoRun = errors.New("no such run")

// Missing says whether an error is that a run has no journal.
func Missing(err error) bool { return errors.Is(err, errNoRun) }

func missing(run string) error {
	return fleet.Kind(fleet.ErrPlan, fleet.Kind(errNoRun, fmt.Errorf("run %s has no journal here", run)))
}

// Plan reads a run's copy of its plan. The error is an ErrIO, or an ErrPlan when
// it is not the one that the journal names.
func (s *Store) Plan(h *History) (io.Reader, error) {
	if err := possible(h.Run); err != nil {
		return nil, fleet.Kind(fleet.ErrPlan, err)
	}
	data, err := s.fs.ReadFile(s.path(h.Run, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan that run %s kept is gone", h.Run))
	}
	if err != nil {
		return nil, fleet.Kind(fleet.ErrIO, err)
	}
	if digest(data) != h.Digest {
		return nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan that run %s keeps was changed: its digest is not the one in the journal", h.Run))
	}
	return bytes.NewReader(data), nil
}

// Runs are the runs of the account, the oldest first; some may have no header
// yet. What else people and their machines leave beside them, a .DS_Store or a
// copy, is none. The error is an ErrIO.
func (s *Store) Runs() ([]string, error) {
	names, err := s.list(s.runs())
	stray := func(name string) bool { _, named := Named(name); return !named }
	return slices.DeleteFunc(names, stray), fleet.Kind(fleet.ErrIO, err)
}

// list lists a directory, which those who only read may not find.
func (s *Store) list(dir string) ([]string, error) {
	names, err := s.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Histories are those of all runs that began, the oldest first. The error has
// all that cannot be read, each an ErrIO or an ErrPlan, and all that are missing
// although they used a plan up: what they sent may still be applied.
func (s *Store) Histories() ([]*History, error) {
	runs, err := s.Runs()
	if err != nil {
		return nil, err
	}
	var all []*History
	var problems []error
	for _, run := range runs {
		h, err := s.History(run)
		switch {
		case errors.Is(err, errNoRun):
		case err != nil:
			problems = append(problems, err)
		default:
			all = append(all, h)
		}
	}
	// The names of two runs of one second do not say which was first.
	slices.SortStableFunc(all, func(a, b *History) int { return a.At.Compare(b.At) })
	return all, errors.Join(append(problems, s.lost(all))...)
}

// SupersededBy is the run that took the place of another, empty when none did. A
// mark is void when a crash came between it and the journal of the newer run.
func (s *Store) SupersededBy(h *History) string {
	for _, r := range h.Records {
		mark, ok := r.(Superseded)
		if !ok {
			continue
		}
		if _, err := s.History(mark.By); !errors.Is(err, errNoRun) {
			return mark.By
		}
	}
	return ""
}

// lost are the runs that used a plan up and have no journal any more.
func (s *Store) lost(there []*History) error {
	marked, err := s.marked()
	for _, h := range there {
		delete(marked, h.Run)
	}
	for _, run := range slices.Sorted(maps.Keys(marked)) {
		if _, missing := s.History(run); errors.Is(missing, errNoRun) {
			err = errors.Join(err, fleet.Kind(fleet.ErrPlan, fmt.Errorf("run %s has sent something, and its journal is missing: restore it, or, ten minutes after the run, remove %s", run, marked[run])))
		}
	}
	return err
}

// marked are the runs that used a plan up and were not forgotten, each with the
// file that says so.
func (s *Store) marked() (map[string]string, error) {
	names, err := s.list(s.used())
	if err != nil {
		return nil, fleet.Kind(fleet.ErrIO, err)
	}
	marked := map[string]string{}
	for _, name := range slices.DeleteFunc(names, func(name string) bool { return !isMarker(name) }) {
		path := filepath.Join(s.used(), name)
		data, err := s.fs.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fleet.Kind(fleet.ErrIO, err)
		}
		if run, gone := readMark(data); !gone {
			marked[run] = path
		}
	}
	return marked, nil
}

// Tidy removes what a crash left: runs that never began, and files that are not
// whole. What is not from here stays. The account must be locked.
func (s *Store) Tidy() error {
	err := errors.Join(s.sweep(s.dir, isOfAccount), s.sweep(s.used(), isMarker))
	marked, unmarked := s.marked()
	err = errors.Join(err, unmarked)
	runs, unread := s.Runs()
	for _, run := range runs {
		switch _, unbegun := s.History(run); {
		case errors.Is(unbegun, errNoRun) && marked[run] != "": // it is missed, not unbegun
		case errors.Is(unbegun, errNoRun):
			err = errors.Join(err, s.unbegin(run))
		case unbegun == nil:
			err = errors.Join(err, s.sweep(s.path(run, ""), isOfRun))
		case errors.Is(unbegun, fleet.ErrIO):
			err = errors.Join(err, unbegun)
		}
	}
	return fleet.Kind(fleet.ErrIO, errors.Join(err, unread))
}

// unbegin removes a run that never began, unless somebody put something of his into
// its folder, or a file in its place.
func (s *Store) unbegin(run string) error {
	names, err := s.fs.ReadDir(s.path(run, ""))
	other := func(name string) bool { return !isOfRun(strings.TrimSuffix(name, pending)) }
	if errors.Is(err, syscall.ENOTDIR) || slices.ContainsFunc(names, other) {
		return nil
	}
	return errors.Join(err, s.sweep(s.path(run, ""), isOfRun), s.remove(run))
}

func isOfRun(name string) bool { return name == journalFile || name == planFile }

// sweep removes those of our files in a directory that are not whole.
func (s *Store) sweep(dir string, ours func(name string) bool) error {
	names, err := s.fs.ReadDir(dir)
	for _, name := range names {
		if whole, cut := strings.CutSuffix(name, pending); cut && ours(whole) {
			err = errors.Join(err, s.fs.Remove(filepath.Join(dir, name)))
		}
	}
	return err
}

// remove removes a run, which has only whole files.
func (s *Store) remove(run string) (err error) {
	for _, name := range []string{journalFile, planFile, ""} {
		if gone := s.fs.Remove(s.path(run, name)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// use marks a plan as used up by a run, durably. It does not take a plan from
// another run that began: that run would be forgotten.
func (s *Store) use(plan, run string) error {
	by, err := s.UsedBy(plan)
	if err == nil && by != "" && by != run {
		err = fleet.Kind(fleet.ErrPlan, fmt.Errorf("run %s has used the plan up", by))
	}
	if err != nil {
		return err
	}
	return s.replace(s.marker(plan), []byte(run+"\n"))
}

// marker is the file that says who used a plan up. A plan's id comes from a
// file, so it is no file name by itself.
func (s *Store) marker(plan string) string {
	return filepath.Join(s.used(), digest([]byte(plan))[:2*markerSize])
}

// markerSize is how many bytes of a digest name a marker.
const markerSize = 16

func isMarker(name string) bool { return isHex(name, markerSize) }

// UsedBy is the run that used a plan up, empty when none did: a run that ended
// before its first intent left the plan as it was. The error is an ErrIO, or an
// ErrPlan when that run was forgotten, or its journal is missing or cannot be read.
func (s *Store) UsedBy(plan string) (string, error) {
	data, err := s.fs.ReadFile(s.marker(plan))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fleet.Kind(fleet.ErrIO, err)
	}
	run, gone := readMark(data)
	if gone {
		return "", fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan was used by run %s, which ended long ago and was removed; make a new plan", run))
	}
	h, err := s.History(run)
	if errors.Is(err, fleet.ErrIO) {
		return "", err
	}
	if err != nil {
		return "", fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan was used, and nobody can tell what for: %v; make a new plan", err))
	}
	if !h.Begun() {
		return "", nil
	}
	return run, nil
}
