package cli

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// place is where a fault strikes: the n-th attempt of a row's call.
type place struct {
	op      wire.Op
	attempt int
}

// pairing is two places in the life of one row where faults may meet.
type pairing struct {
	need          need
	first, second place
}

// pairings are for every kind of call a fault on its first attempt and one on
// its second, and for calls that follow each other a fault on each.
var pairings = []pairing{
	{bare, place{wire.OpCreate, 1}, place{wire.OpCreate, 2}},
	{stocked, place{wire.OpLink, 1}, place{wire.OpLink, 2}},
	{activated, place{wire.OpActivate, 1}, place{wire.OpActivate, 2}},
	{changed, place{wire.OpModify, 1}, place{wire.OpModify, 2}},
	{suspended, place{wire.OpLifecycle, 1}, place{wire.OpLifecycle, 2}},
	{resumed, place{wire.OpLifecycle, 1}, place{wire.OpLifecycle, 2}},
	{removed, place{wire.OpDelink, 1}, place{wire.OpDelink, 2}},
	{removedRaw, place{wire.OpDelete, 1}, place{wire.OpDelete, 2}},
	{onboarded, place{wire.OpCreate, 1}, place{wire.OpCreate, 2}},
	{stocked, place{wire.OpCreate, 1}, place{wire.OpCreate, 2}},
	{onboarded, place{wire.OpCreate, 1}, place{wire.OpLink, 1}},
	{onboarded, place{wire.OpLink, 1}, place{wire.OpActivate, 1}},
	{onboarded, place{wire.OpCreate, 1}, place{wire.OpActivate, 1}},
	{swapped, place{wire.OpDelink, 1}, place{wire.OpLink, 1}},
	{swapped, place{wire.OpLink, 1}, place{wire.OpActivate, 1}},
	{removed, place{wire.OpDelink, 1}, place{wire.OpDelete, 1}},
}

// meeting is a pairing with the faults that strike; the second may be none.
type meeting struct {
	pairing
	a, b simulator.Effect
}

// meetings are all single faults and all pairs.
func meetings() []meeting {
	var all []meeting
	for _, p := range pairings {
		for _, a := range breakages {
			for _, b := range append([]simulator.Effect{simulator.NoEffect}, breakages...) {
				all = append(all, meeting{p, a, b})
			}
		}
	}
	return all
}

// rowsEach is how many meetings share a schedule, one a row.
const rowsEach = 24

// gather makes a schedule of meetings; the lag and the workers change from one
// to the next.
func gather(number int, all []meeting, dialect wire.Dialect) *schedule {
	w := &schedule{seed: uint64(number), dialect: dialect, workers: []int{64, 1, 8}[number%3], latency: 10 * time.Millisecond, lag: []time.Duration{0, 30 * time.Second}[number%2],
		pinned: map[simulator.Event]simulator.Effect{}, touched: map[string]time.Time{}}
	for i, m := range all {
		w.kinds = append(w.kinds, m.need)
		w.pinned[simulator.Event{Op: m.first.op, Row: rowName(i), Attempt: m.first.attempt}] = m.a
		w.pinned[simulator.Event{Op: m.second.op, Row: rowName(i), Attempt: m.second.attempt}] = m.b
	}
	return w
}

// trials plays schedules side by side; each is given by its number.
func trials(t *testing.T, n int, make func(i int) *schedule) {
	var played atomic.Int64
	began := time.Now()
	t.Run("all", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for i := worker; i < n && !t.Failed(); i += runtime.GOMAXPROCS(0) {
					w := make(i)
					if violations, _ := trial(t, w); len(violations) > 0 {
						t.Errorf("schedule %d: %s\n%s", i, w, strings.Join(violations, "\n"))
					}
					played.Add(1)
				}
			})
		}
	})
	t.Logf("%d schedules, %.0f per second", played.Load(), float64(played.Load())/time.Since(began).Seconds())
}

// raceStep picks one schedule of so many for the race detector: it needs variety,
// not all of them.
const raceStep = 25

// Every fault of every call, alone and with every other on the next attempt or
// on the next call of the row.
func TestBatteryPairs(t *testing.T) { inEach(t, pairs) }

func pairs(t *testing.T, dialect wire.Dialect) {
	all := meetings()
	n := (len(all) + rowsEach - 1) / rowsEach
	step := 1
	if raceEnabled {
		step = raceStep
	}
	t.Logf("%d single faults and pairs", len(all)/step)
	trials(t, n/step, func(i int) *schedule {
		i *= step
		return gather(i, all[i*rowsEach:min((i+1)*rowsEach, len(all))], dialect)
	})
}

// everything is a schedule with a row of every kind.
func everything(seed int, dialect wire.Dialect) *schedule {
	w := &schedule{seed: uint64(seed), dialect: dialect, workers: 8, latency: time.Second, strays: 2, orphans: fleet.OrphansDelete, touched: map[string]time.Time{}}
	for i := range 22 {
		w.kinds = append(w.kinds, need(i)%kinds)
	}
	return w
}

// A crash at every operation of the disk, with the power or of the process only;
// and every operation failing, once or for good.
func TestBatteryCrashPoints(t *testing.T) { inEach(t, crashPoints) }

func crashPoints(t *testing.T, dialect wire.Dialect) {
	const most = 160 // operations of one run with its end, and some more
	var points []crash
	for ops := 1; ops <= most; ops++ {
		for _, power := range []bool{false, true} {
			points = append(points, crash{ops: ops, power: power, next: "resume"},
				crash{ops: ops, power: power, broken: syscall.EIO, next: "resume"},
				crash{ops: ops, power: power, broken: syscall.ENOSPC, forGood: true, next: "resume"})
		}
	}
	step := 1
	if raceEnabled {
		step = raceStep
	}
	trials(t, len(points)/step, func(i int) *schedule {
		w := everything(i, dialect)
		w.crashes = []crash{points[i*step]}
		return w
	})
}

// A schedule is the same whenever it is played, on one processor as on several:
// faults are chosen by what a call is about.
func TestBatteryReplays(t *testing.T) { inEach(t, replays) }

func replays(t *testing.T, dialect wire.Dialect) {
	seeds := 60
	if raceEnabled {
		seeds = 8
	}
	for seed := range seeds {
		var first []string
		for _, procs := range []int{1, 2, 4} {
			before := runtime.GOMAXPROCS(procs)
			w := draw(10_000+seed, dialect)
			// What strikes at a moment strikes whatever happens then, and how often
			// something is read depends on waits that are random.
			w.crashes, w.foreign, w.calm = nil, nil, true
			trial(t, w)
			runtime.GOMAXPROCS(before)
			if first == nil {
				first = w.trace
			}
			if diff := cmp.Diff(first, w.trace); diff != "" {
				t.Fatalf("seed %d on %d processors: %s", seed, procs, diff)
			}
		}
	}
}
