package journal_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/crashfs"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

const dir = "/state/account"

// Runs, named as NewID names them.
const (
	r0 = "20260504T115900Z-aaaa"
	r1 = "20260504T120000Z-aaab"
	r2 = "20260504T120000Z-aaac"
	r3 = "20260504T120000Z-aaad"
	r7 = "20260504T120000Z-aaah"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func clock() journal.Moment { return journal.Moment{Wall: noon, Boot: "boot-1", Up: time.Hour} }

func writePlan(w io.Writer) error {
	_, err := io.WriteString(w, "the plan\n")
	return err
}

func header(run, plan string) journal.Header { return journal.Header{Run: run, Plan: plan} }

func store(t *testing.T, on journal.FS) *journal.Store {
	t.Helper()
	s, err := journal.NewStore(dir, on, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call is a request of the script: of a task, which is a goroutine.
type call struct{ task, number int }

const tasks = 16

// span are the calls that a process makes in each task; a process whose first is
// 0 begins the run, another one goes on with it.
type span struct{ first, end int }

var begins, goesOn = span{0, 10}, span{10, 12}

// result is what a script writes of a call. It writes nothing of the last one.
func (c call) result() fleet.Outcome {
	if c.number%3 == 1 {
		return fleet.Unknown
	}
	return fleet.Done
}

// acks are the calls whose intents were said to be durable.
type acks struct {
	mu  sync.Mutex
	all []call
}

// process runs all tasks side by side until it is through or crashes.
func process(on journal.FS, of span, got *acks) error {
	s, err := journal.NewStore(dir, on, clock)
	if err != nil {
		return err
	}
	j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
	if of.first > 0 {
		j, _, err = s.Continue(r1, journal.Opened{})
	}
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for task := range tasks {
		all.Go(func() { work(j, task, of, got) })
	}
	all.Wait()
	return errors.Join(j.End(journal.End{}), j.Close())
}

func work(j *journal.Journal, task int, of span, got *acks) {
	for n := of.first; n < of.end; n++ {
		c := call{task, n}
		if j.Intent(journal.Intent{Task: task, Call: n}) != nil {
			return
		}
		got.mu.Lock()
		got.all = append(got.all, c)
		got.mu.Unlock()
		if n < of.end-1 {
			j.Outcome(journal.Outcome{Task: task, Call: n, Outcome: c.result()})
		}
	}
}

// holds checks that a disk after a crash has all that was acknowledged, and
// nothing that makes no sense.
func holds(t *testing.T, on *crashfs.Disk, got *acks) {
	t.Helper()
	s := store(t, on)
	tidy(t, s, on)
	all, err := s.Histories()
	if runs, unread := s.Runs(); err != nil || unread != nil || len(runs) != len(all) || len(runs) > 1 {
		t.Fatalf("got runs %v, %d histories, %v, %v", runs, len(all), unread, err)
	}
	if len(all) == 0 && len(got.all) > 0 {
		t.Fatalf("the run is lost, with %d intents", len(got.all))
	}
	for _, h := range all {
		readsAgain(t, s, h)
		isUsed(t, s, h)
		hasAll(t, h, got)
		opensRight(t, h)
	}
}

// readsAgain checks that a journal says the same twice, and that the plan is the
// one that it names.
func readsAgain(t *testing.T, s *journal.Store, h *journal.History) {
	t.Helper()
	if again, err := s.History(h.Run); err != nil || !reflect.DeepEqual(h, again) {
		t.Fatalf("read twice: %+v, then %+v, %v", h, again, err)
	}
	copied, err := s.Plan(h)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(copied); string(text) != "the plan\n" {
		t.Fatalf("got plan %q", text)
	}
}

// isUsed checks who used the plan. Its first intent may be durable without
// having been acknowledged.
func isUsed(t *testing.T, s *journal.Store, h *journal.History) {
	t.Helper()
	want := ""
	if h.Begun() {
		want = h.Run
	}
	if by, err := s.UsedBy("p1"); by != want || err != nil {
		t.Fatalf("the plan was used by %q, %v, want %q", by, err, want)
	}
}

// tidy tidies a store and checks that nothing is left that should not be.
func tidy(t *testing.T, s *journal.Store, on *crashfs.Disk) {
	t.Helper()
	if err := s.Tidy(); err != nil {
		t.Fatal(err)
	}
	runs, _ := s.Runs()
	for _, run := range runs {
		names, _ := on.ReadDir(dir + "/runs/" + run)
		if !slices.Equal(names, []string{"journal", "plan"}) {
			t.Fatalf("run %s has %v", run, names)
		}
	}
	names, _ := on.ReadDir(dir + "/used")
	for _, name := range names {
		if strings.Contains(name, ".") {
			t.Fatalf("%s is left", name)
		}
	}
}

func hasAll(t *testing.T, h *journal.History, got *acks) {
	t.Helper()
	has := map[call]int{}
	for _, r := range h.Records {
		if i, ok := r.(journal.Intent); ok {
			has[call{i.Task, i.Call}]++
		}
	}
	for _, c := range got.all {
		if has[c] != 1 {
			t.Fatalf("%+v is there %d times; %d bytes are torn", c, has[c], h.Torn)
		}
	}
}

// opensRight checks the open intents by what is known of the script: a task's
// calls come one after another, each as an intent and its outcome.
func opensRight(t *testing.T, h *journal.History) {
	t.Helper()
	last := map[int]journal.Record{}
	for _, r := range h.Records {
		switch r := r.(type) {
		case journal.Intent:
			last[r.Task] = r
		case journal.Outcome:
			if i, ok := last[r.Task].(journal.Intent); !ok || i.Call != r.Call {
				t.Fatalf("outcome %+v follows %+v", r, last[r.Task])
			}
			last[r.Task] = r
		}
	}
	want := map[call]bool{}
	for task, r := range last {
		switch r := r.(type) {
		case journal.Intent:
			want[call{task, r.Call}] = true
		case journal.Outcome:
			want[call{task, r.Call}] = r.Outcome == fleet.Unknown
		}
	}
	for _, i := range h.Open() {
		if c := (call{i.Task, i.Call}); !want[c] {
			t.Fatalf("%+v is open", i)
		} else {
			delete(want, c)
		}
	}
	for c, open := range want {
		if open {
			t.Fatalf("%+v is not open", c)
		}
	}
}

// reboot crashes a machine, or only kills the process, and starts it again.
func reboot(on *crashfs.Disk, power bool, seed int) {
	on.Crash()
	on.Reboot(power, uint64(seed))
}

// resumed goes on with the run, if there is one, and checks the same again
// after power was lost.
func resumed(t *testing.T, on *crashfs.Disk, got *acks, seed int) {
	t.Helper()
	s := store(t, on)
	if all, _ := s.Histories(); len(all) == 0 {
		return
	}
	if err := process(on, goesOn, got); err != nil {
		t.Fatal(err)
	}
	reboot(on, true, seed)
	holds(t, on, got)
}

// Power is lost, or the process is killed, at every operation: whatever was
// acknowledged is there, also when the power is lost after the run went on.
func TestACrashAtAnyMomentLosesNothingThatWasAcknowledged(t *testing.T) {
	for _, power := range []bool{true, false} {
		for seed := range 4 {
			t.Run(fmt.Sprint(power, seed), func(t *testing.T) {
				t.Parallel()
				crashEverywhere(t, power, seed)
			})
		}
	}
}

func crashEverywhere(t *testing.T, power bool, seed int) {
	for n, through := 1, false; !through; n++ {
		on, got := crashfs.New(), &acks{}
		on.CrashAt(n, nil)
		through = process(on, begins, got) == nil
		reboot(on, power, 1000*seed+n)
		holds(t, on, got)
		resumed(t, on, got, 1000*seed+n)
		if through && (n < 15 || len(got.all) != tasks*goesOn.end) {
			t.Fatalf("%d operations and %d acknowledged intents", n, len(got.all))
		}
	}
}

// Going on is itself cut off at every operation.
func TestACrashWhileGoingOnLosesNothing(t *testing.T) {
	for seed := range 4 {
		for n, through := 1, false; !through; n++ {
			on, got := crashfs.New(), &acks{}
			if err := process(on, span{0, 2}, got); err != nil {
				t.Fatal(err)
			}
			cutTail(t, on)
			on.CrashAt(n, nil)
			through = process(on, goesOn, got) == nil
			reboot(on, seed%2 == 0, 1000*seed+n)
			holds(t, on, got)
			reboot(on, true, n)
			holds(t, on, got)
		}
	}
}

// cutTail puts half a line behind the journal.
func cutTail(t *testing.T, on *crashfs.Disk) {
	t.Helper()
	data, _ := on.ReadFile(dir + "/runs/" + r1 + "/journal")
	file, err := on.Append(dir+"/runs/"+r1+"/journal", int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(`01234567 {"k":"inte`)); err != nil {
		t.Fatal(err)
	}
}

func TestGoingOnBehindEveryPrefix(t *testing.T) {
	var data []byte
	var sum uint32
	for _, r := range journal.Sample() {
		if h, ok := r.(journal.Header); ok {
			h.Run = r1
			r = h
		}
		line, next, _ := journal.Line(r, sum)
		data, sum = append(data, line...), next
	}
	whole := 0
	for n := range len(data) + 1 {
		if n > 0 && data[n-1] == '\n' {
			whole++
		} else if n+2 < len(data) && data[n] != '\n' && data[n+1] != '\n' && n%17 > 0 {
			continue // all edges, one before and one behind, and some in between
		}
		on := crashfs.New()
		s := store(t, on)
		file, _ := on.Create(dir + "/runs/" + r1 + "/journal")
		_, _ = file.Write(data[:n])
		j, _, err := s.Continue(r1, journal.Opened{Command: "resume"})
		if whole == 0 {
			if !errors.Is(err, fleet.ErrPlan) {
				t.Fatalf("%d bytes: got %v", n, err)
			}
			continue
		}
		if err := errors.Join(err, j.Close()); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		h, err := s.History(r1)
		if err != nil || len(h.Records) != whole || h.Torn != 0 || h.Records[whole-1].(journal.Opened).Command != "resume" {
			t.Fatalf("%d bytes: got %+v, %v, want %d records", n, h, err, whole)
		}
	}
}

// failing is a disk whose n-th operation of a kind fails.
type failing struct {
	kind  string
	err   error
	n     int
	seen  int
	later []crashfs.Op // what was done after that
}

func (f *failing) fail(op crashfs.Op) error {
	if f.n > 0 && f.seen == f.n {
		f.later = append(f.later, op)
	}
	if op.Kind != f.kind || f.seen == f.n {
		return nil
	}
	if f.seen++; f.seen == f.n {
		return f.err
	}
	return nil
}

func TestTheFirstErrorIsFinal(t *testing.T) {
	for _, test := range []failing{{kind: "write", err: syscall.ENOSPC}, {kind: "sync", err: syscall.EIO}, {kind: "rename", err: syscall.EIO},
		{kind: "sync-dir", err: syscall.EIO}, {kind: "create", err: syscall.EMFILE}} {
		t.Run(test.kind, func(t *testing.T) {
			for n := 1; ; n++ {
				f, on, got := test, crashfs.New(), &acks{}
				f.n = n
				s := store(t, on)
				on.FailWith(f.fail)
				failed := alone(t, s, got)
				on.FailWith(nil)
				if f.seen < n {
					if failed || n < 2 {
						t.Fatalf("failed %v without the %d. error", failed, n)
					}
					return
				}
				if !failed || len(f.later) > 0 {
					t.Fatalf("error %d: failed %v, and then %+v was done", n, failed, f.later)
				}
				reboot(on, n%2 == 0, n) // the next process goes on, with what it can read
				holds(t, on, got)
				resumed(t, on, got, n)
			}
		})
	}
}

// alone is a run by a single goroutine. It checks that all errors are ErrIO,
// and that nothing works after the first.
func alone(t *testing.T, s *journal.Store, got *acks) (failed bool) {
	t.Helper()
	check := func(err error) bool {
		if failed && err == nil || err != nil && !errors.Is(err, fleet.ErrIO) {
			t.Fatalf("after an error %v, got %v", failed, err)
		}
		failed = err != nil
		return !failed
	}
	j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
	if !check(err) {
		return true
	}
	for n := range 5 {
		if check(j.Intent(journal.Intent{Task: 0, Call: n})) {
			got.all = append(got.all, call{0, n})
		}
		j.Outcome(journal.Outcome{Task: 0, Call: n})
	}
	check(j.Supersede(r2))
	check(j.End(journal.End{}))
	check(j.Close())
	check(j.Close())
	return failed
}

// An outcome waits for nobody, so the first to hear of its error is the next
// intent: it must not touch the disk, not even to mark the plan.
func TestAnErrorOfAnOutcomeIsTheNextIntents(t *testing.T) {
	on := crashfs.New()
	s := store(t, on)
	j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
	if err != nil {
		t.Fatal(err)
	}
	f := failing{kind: "write", err: syscall.ENOSPC, n: 1}
	on.FailWith(f.fail)
	j.Finding(journal.Finding{})
	err = j.Supersede(r2)
	if first := j.Intent(journal.Intent{}); !errors.Is(err, fleet.ErrIO) || !errors.Is(first, fleet.ErrIO) || len(f.later) > 0 {
		t.Errorf("got %v, then %v, and %+v", err, first, f.later)
	}
	if err := j.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("closed with %v", err)
	}
}

func TestARecordThatCannotBeWrittenIsAnErrIO(t *testing.T) {
	s := store(t, crashfs.New())
	j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
	if err != nil {
		t.Fatal(err)
	}
	j.Outcome(journal.Outcome{Started: noon.AddDate(9000, 0, 0)}) // RFC 3339 ends before
	if err := j.Intent(journal.Intent{}); !errors.Is(err, fleet.ErrIO) {
		t.Errorf("got %v", err)
	}
	if err := j.Close(); !errors.Is(err, fleet.ErrIO) {
		t.Errorf("closed with %v", err)
	}
	if h, err := s.History(r1); err != nil || h.Begun() {
		t.Errorf("got %+v, %v", h, err)
	}
}

func TestAClosedJournalTakesNothing(t *testing.T) {
	on := crashfs.New()
	s := store(t, on)
	j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
	if err := errors.Join(err, j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	before := on.Ops()
	j.Outcome(journal.Outcome{})
	if err := j.Intent(journal.Intent{}); !errors.Is(err, fleet.ErrIO) || on.Ops() != before {
		t.Errorf("got %v, and %d operations", err, on.Ops()-before)
	}
}

// Each sync takes a millisecond here, and all that arrives meanwhile shares the
// next.
func TestIntentsShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, each = 64, 100
		on := crashfs.New()
		s := store(t, on)
		j, err := s.Create(header(r1, "p1"), journal.Opened{}, writePlan)
		if err := errors.Join(err, j.Intent(journal.Intent{Task: workers})); err != nil {
			t.Fatal(err)
		}
		syncs := 0
		on.FailWith(func(op crashfs.Op) error {
			if op.Kind == "sync" {
				syncs++
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		got := &acks{}
		var all sync.WaitGroup
		for task := range workers {
			all.Go(func() {
				work(j, task, span{0, each}, got)
			})
		}
		all.Wait()
		if err := j.Close(); err != nil || len(got.all) != workers*each || syncs > workers*each/10 {
			t.Errorf("%d intents in %d syncs, %v", len(got.all), syncs, err)
		}
		h, err := s.History(r1)
		if err != nil {
			t.Fatal(err)
		}
		hasAll(t, h, got)
	})
}
