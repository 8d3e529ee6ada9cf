package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sftctl/pkg/crashfs"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

// ran is a run that sent a number of calls, and ended as a crash ends it.
func ran(t *testing.T, s *journal.Store, run, plan string, sent int) *journal.Journal {
	t.Helper()
	j, err := s.Create(header(run, plan), journal.Opened{}, writePlan)
	if err != nil {
		t.Fatal(err)
	}
	for n := range sent {
		if err := j.Intent(journal.Intent{Task: n}); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestNoNameLeavesTheDirectory(t *testing.T) {
	outside := t.TempDir()
	state := filepath.Join(outside, "a", "b", "state")
	s, err := journal.NewStore(state, journal.OS{}, clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "/", "a/b", "./a", "a/", "../x", "../../x", "/etc/x", "../used", "a\x00b", strings.Repeat("long", 99)} {
		_, created := s.Create(header(name, "p"), journal.Opened{}, writePlan)
		_, read := s.History(name)
		_, _, continued := s.Continue(name, journal.Opened{})
		_, copied := s.Plan(&journal.History{Header: header(name, "p")})
		for what, err := range map[string]error{"created": created, "read": read, "continued": continued, "plan": copied} {
			if err == nil {
				t.Errorf("run %q is %s", name, what)
			}
		}
		if !errors.Is(created, fleet.ErrIO) || !errors.Is(read, fleet.ErrUsage) && !errors.Is(read, fleet.ErrIO) {
			t.Errorf("run %q: got %v, %v", name, created, read)
		}
	}
	for _, plan := range []string{"", ".", "../../x", "a/b", "/etc/x", "\x00", strings.Repeat("long", 999)} {
		run := journal.NewID(noon)
		if err := ran(t, s, run, plan, 1).Close(); err != nil {
			t.Fatal(err)
		}
		if by, err := s.UsedBy(plan); by != run || err != nil {
			t.Errorf("plan %q: got %s, %v", plan, by, err)
		}
	}
	found := walk(t, outside, func(path string, d fs.DirEntry) string { return path })
	for path := range found {
		if inside, _ := filepath.Rel(state, path); strings.HasPrefix(inside, "..") && !strings.HasPrefix(state, path) {
			t.Errorf("%s was made", path)
		}
	}
}

// walk maps all paths below a directory, and itself.
func walk(t *testing.T, dir string, value func(string, fs.DirEntry) string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			found[path] = value(path, d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func mode(t *testing.T) func(string, fs.DirEntry) string {
	return func(_ string, d fs.DirEntry) string {
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().String()
	}
}

func TestOnlyTheOwnerReads(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		defer syscall.Umask(syscall.Umask(umask))
		state := filepath.Join(t.TempDir(), "new", "state")
		live(t, state)
		want(t, state)
		widen(t, state)
		live(t, state)
		if j, _, err := reopened(t, state).Continue(r1, journal.Opened{}); err != nil || j.Close() != nil {
			t.Fatal(err)
		}
		want(t, state)
	}
}

func reopened(t *testing.T, state string) *journal.Store {
	t.Helper()
	s, err := journal.NewStore(state, journal.OS{}, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// live locks, runs and leaves everything that there is.
func live(t *testing.T, state string) {
	t.Helper()
	s := reopened(t, state)
	lock, err := journal.TakeLock(state, "apply")
	if err != nil {
		t.Fatal(err)
	}
	runs, _ := s.Runs()
	if err := errors.Join(ran(t, s, []string{r1, r2}[len(runs)], "p"+fmt.Sprint(len(runs)), 1).Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
}

// widen opens everything to everybody.
func widen(t *testing.T, state string) {
	t.Helper()
	for path, mode := range walk(t, state, mode(t)) {
		to := fs.FileMode(0o644)
		if mode[0] == 'd' {
			to = 0o755
		}
		if err := os.Chmod(path, to); err != nil {
			t.Fatal(err)
		}
	}
}

// want checks the modes of all that was written: what is only read is behind
// directories that are closed.
func want(t *testing.T, state string) {
	t.Helper()
	found := walk(t, state, mode(t))
	if len(found) < 8 {
		t.Fatalf("got only %v", found)
	}
	for path, mode := range found {
		rel, _ := filepath.Rel(state, path)
		old := rel == "runs/"+r1 || rel == "runs/"+r1+"/plan" || strings.HasPrefix(rel, "used/")
		if mode != "drwx------" && mode != "-rw-------" && !old {
			t.Errorf("%s is %s", rel, mode)
		}
	}
	if mode := found[filepath.Join(state, "lock")]; mode != "-rw-------" {
		t.Errorf("the lock is %q", mode)
	}
	if dir := found[state]; dir != "drwx------" {
		t.Errorf("the directory is %q", dir)
	}
}

func TestAnotherRunOfThatNameIsNotOverwritten(t *testing.T) {
	on := crashfs.New()
	s := store(t, on)
	if err := ran(t, s, r1, "p1", 3).Close(); err != nil {
		t.Fatal(err)
	}
	before, _ := on.ReadFile(dir + "/runs/" + r1 + "/journal")
	if _, err := s.Create(header(r1, "p2"), journal.Opened{}, writePlan); !errors.Is(err, fleet.ErrIO) || !strings.Contains(err.Error(), r1) {
		t.Errorf("got %v", err)
	}
	if after, _ := on.ReadFile(dir + "/runs/" + r1 + "/journal"); string(after) != string(before) {
		t.Errorf("got %s, want %s", after, before)
	}
}

func TestAPlanIsUsedOnce(t *testing.T) {
	s := store(t, crashfs.New())
	used := func(want string) {
		t.Helper()
		if by, err := s.UsedBy("p1"); by != want || err != nil {
			t.Fatalf("used by %q, %v, want %q", by, err, want)
		}
	}
	used("")
	early := ran(t, s, r1, "p1", 0)
	used("") // it sent nothing, so the plan is as good as it was
	late := ran(t, s, r2, "p1", 2)
	used(r2)
	if err := early.Intent(journal.Intent{}); !errors.Is(err, fleet.ErrIO) || !strings.Contains(err.Error(), "run "+r2+" has used the plan up") {
		t.Errorf("the plan is used by another run: %v", err)
	}
	used(r2)
	if err := late.Intent(journal.Intent{}); err != nil {
		t.Errorf("the run that has the plan: %v", err)
	}
	j, _, err := s.Continue(r2, journal.Opened{})
	if err := errors.Join(err, j.Intent(journal.Intent{}), j.Close()); err != nil {
		t.Errorf("the run that has the plan, later: %v", err)
	}
	used(r2)
}

// The marker outlives the journal: whoever deletes or edits the journal of a run
// does not get its plan back.
func TestAUsedPlanOfWhichTheJournalIsGoneIsRefused(t *testing.T) {
	edit := func(on *crashfs.Disk, path, text string) {
		f, _ := on.Create(path)
		_, _ = f.Write([]byte(text))
	}
	const at = dir + "/runs/" + r1 + "/journal"
	tests := []struct {
		name string
		do   func(on *crashfs.Disk, journal, marker string)
	}{
		{"deleted", func(on *crashfs.Disk, _, _ string) { _ = on.Remove(at) }},
		{"empty", func(on *crashfs.Disk, _, _ string) { edit(on, at, "") }},
		{"without a header", func(on *crashfs.Disk, text, _ string) { edit(on, at, text[strings.Index(text, "\n")+1:]) }},
		{"a line is missing", func(on *crashfs.Disk, text, _ string) {
			l := strings.SplitAfter(text, "\n")
			edit(on, at, l[0]+l[2]+l[3])
		}},
		{"one before the last is missing", func(on *crashfs.Disk, text, _ string) {
			l := strings.SplitAfter(text, "\n")
			edit(on, at, l[0]+l[1]+l[3])
		}},
		{"of another run", func(on *crashfs.Disk, text, _ string) {
			other, _ := on.ReadFile(dir + "/runs/" + r0 + "/journal")
			edit(on, at, string(other))
		}},
		{"empty marker", func(on *crashfs.Disk, _, marker string) { edit(on, marker, "") }},
		{"marker that leads away", func(on *crashfs.Disk, _, marker string) { edit(on, marker, "../../x\n") }},
		{"marker that names nobody", func(on *crashfs.Disk, _, marker string) { edit(on, marker, r7+"\n") }},
	}
	for _, test := range tests {
		on := crashfs.New()
		s := store(t, on)
		if err := errors.Join(ran(t, s, r1, "p1", 2).Close(), ran(t, s, r0, "p0", 0).Close()); err != nil {
			t.Fatal(err)
		}
		text, _ := on.ReadFile(at)
		markers, _ := on.ReadDir(dir + "/used")
		test.do(on, string(text), dir+"/used/"+markers[0])
		for range 2 { // Tidy must not make it forget
			if by, err := s.UsedBy("p1"); err == nil || !errors.Is(err, fleet.ErrPlan) || errors.Is(err, fleet.ErrUsage) {
				t.Errorf("%s: used by %q, %v", test.name, by, err)
			}
			if err := s.Tidy(); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
}

func TestTheCopyOfThePlanIsTheOneThatTheJournalNames(t *testing.T) {
	on := crashfs.New()
	s := store(t, on)
	if err := ran(t, s, r1, "p1", 0).Close(); err != nil {
		t.Fatal(err)
	}
	h, err := s.History(r1)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := on.Create(dir + "/runs/" + r1 + "/plan")
	_, _ = f.Write([]byte("another plan\n"))
	if _, err := s.Plan(h); !errors.Is(err, fleet.ErrPlan) {
		t.Errorf("edited: got %v", err)
	}
	_ = on.Remove(dir + "/runs/" + r1 + "/plan")
	if _, err := s.Plan(h); !errors.Is(err, fleet.ErrPlan) {
		t.Errorf("missing: got %v", err)
	}
}

// What cannot be read is reported beside what can, and stays where it is.
func TestABadJournalHidesNoOther(t *testing.T) {
	on := crashfs.New()
	s := store(t, on)
	for _, run := range []string{r1, r2, r3} {
		if err := ran(t, s, run, run, 1).Close(); err != nil {
			t.Fatal(err)
		}
	}
	f, _ := on.Create(dir + "/runs/" + r2 + "/journal")
	_, _ = f.Write([]byte("bad\nlines\n"))
	all, err := s.Histories()
	if len(all) != 2 || all[0].Run != r1 || all[1].Run != r3 || !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), "run "+r2+": journal, byte 0") {
		t.Errorf("got %d histories, %v", len(all), err)
	}
	if runs, _ := s.Runs(); s.Tidy() != nil || !slices.Equal(runs, []string{r1, r2, r3}) {
		t.Errorf("got %v", runs)
	}
	if _, err := on.ReadFile(dir + "/runs/" + r2 + "/journal"); err != nil {
		t.Error(err)
	}
}

// The time since the boot is the clock's own: the one that Go counts by stands
// still while the machine sleeps, which would make intents look too old.
func TestAnIntentHasTheTimeOfTheClock(t *testing.T) {
	var now atomic.Pointer[journal.Moment]
	now.Store(&journal.Moment{Wall: noon, Boot: "b", Up: time.Hour})
	s, err := journal.NewStore(dir, crashfs.New(), func() journal.Moment { return *now.Load() })
	if err != nil {
		t.Fatal(err)
	}
	j := ran(t, s, r1, "p1", 0)
	slept := journal.Moment{Wall: noon.Add(8 * time.Hour), Boot: "b", Up: 9 * time.Hour}
	now.Store(&slept)
	if err := errors.Join(j.Intent(journal.Intent{}), j.Close()); err != nil {
		t.Fatal(err)
	}
	h, err := s.History(r1)
	if err != nil {
		t.Fatal(err)
	}
	got := h.Open()[0]
	if got.Up != slept.Up || !got.At.Equal(slept.Wall) || got.Boot != "b" {
		t.Errorf("got %+v", got)
	}
	stepped := journal.Moment{Wall: slept.Wall.Add(time.Hour), Boot: "b", Up: slept.Up + 3*time.Second}
	if age := got.Age(stepped); age != 2*time.Second {
		t.Errorf("the wall clock was set, and it is %s old", age)
	}
}

func TestAStateDirectoryThatCannotBeIsAnErrIO(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{file, filepath.Join(file, "below"), "/proc/none/state"} {
		if _, err := journal.NewStore(state, journal.OS{}, clock); !errors.Is(err, fleet.ErrIO) {
			t.Errorf("%s: got %v", state, err)
		}
		if _, err := journal.TakeLock(state, "apply"); !errors.Is(err, fleet.ErrIO) || errors.Is(err, fleet.ErrLocked) {
			t.Errorf("lock in %s: got %v", state, err)
		}
	}
}

func TestAJournalIsReadWhileItIsWritten(t *testing.T) {
	s, err := journal.NewStore(t.TempDir(), journal.OS{}, journal.SystemClock)
	if err != nil {
		t.Fatal(err)
	}
	j := ran(t, s, r1, "p1", 1)
	var all sync.WaitGroup
	for task := range 8 {
		all.Go(func() { work(j, task, span{0, 20}, &acks{}) })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for before, reading := 0, true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		h, err := s.History(r1)
		if err != nil || len(h.Records) < before {
			t.Fatalf("got %+v, %v, after %d records", h, err, before)
		}
		before = len(h.Records)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkIntent is on the disk under the temporary directory.
func BenchmarkIntent(b *testing.B) {
	for _, workers := range []int{1, 64} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			s, err := journal.NewStore(b.TempDir(), journal.OS{}, journal.SystemClock)
			if err != nil {
				b.Fatal(err)
			}
			j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			for task := range workers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := j.Intent(journal.Intent{Task: task, Attempt: 1, Action: fleet.Create, Name: "meter-0007"}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
