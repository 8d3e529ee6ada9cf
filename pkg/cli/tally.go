package cli

import (
	"sync"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/report"
)

// gauge is what a tally reads of the connection.
type gauge struct {
	requests func() int64   // that left so far
	allowed  func() float64 // calls per second at the moment, 0 when not limited
	workers  int
}

// tally counts what a run does while it does it. Its methods may be used by several
// goroutines.
type tally struct {
	gauge
	mu       sync.Mutex
	total    int
	done     int           // tasks that are over
	notDone  int           // of them, those that are not done
	left     []int         // calls that each task still takes
	calls    int           // their sum
	flying   map[int]bool  // tasks with a call in flight
	unknown  map[int]bool  // tasks of whose last call nobody knows what it did
	answers  int           // calls that were answered
	took     time.Duration // until then, in all
	requests int64         // before the run
	recent   []reading     // of the last half minute, the oldest first
}

// reading is how many requests had left at a time.
type reading struct {
	at       time.Time
	requests int64
}

// over is how long a rate is taken over: a moment says too little at two calls a
// second, and the whole run is the past.
const over = 30 * time.Second

func newTally(w *work, g gauge) *tally {
	t := &tally{gauge: g, total: left(w), left: make([]int, len(w.results)), flying: map[int]bool{}, unknown: map[int]bool{}, requests: g.requests()}
	for i := range w.results {
		if r := &w.results[i]; w.stale[i] == "" && !r.Finished() {
			t.left[i] = r.CallsLeft()
			t.calls += t.left[i]
		}
		if w.results[i].Open() {
			t.unknown[i] = true
		}
	}
	t.recent = []reading{{time.Now(), t.requests}}
	return t
}

// saw takes in a record of the journal.
func (t *tally) saw(record journal.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch r := record.(type) {
	case journal.Intent:
		t.flying[r.Task] = true
	case journal.Outcome:
		t.answered(r)
	case journal.Finding:
		delete(t.unknown, r.Task)
		for _, o := range r.Steps {
			if o == fleet.Unknown {
				t.unknown[r.Task] = true
			}
		}
	}
}

func (t *tally) answered(o journal.Outcome) {
	delete(t.flying, o.Task)
	delete(t.unknown, o.Task)
	switch o.Outcome {
	case fleet.Done:
		t.spend(o.Task, 1)
	case fleet.Unknown:
		t.unknown[o.Task] = true
	}
	if o.Sends > 0 {
		t.answers++
		t.took += o.Took
	}
}

// spend takes calls of a task off those that are left.
func (t *tally) spend(task, calls int) {
	calls = min(calls, t.left[task])
	t.left[task] -= calls
	t.calls -= calls
}

// ended takes in a task with which the run is through.
func (t *tally) ended(c apply.Completed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	if c.Result.Outcome != fleet.Done {
		t.notDone++
	}
	t.spend(c.Task, t.left[c.Task])
	if c.Result.Open() {
		t.unknown[c.Task] = true
	}
}

// now is how far the run is.
func (t *tally) now() report.Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return report.Progress{Done: t.done, Total: t.total, NotDone: t.notDone, Unknown: len(t.unknown), InFlight: len(t.flying),
		Calls: t.calls, Rate: t.rate(), Allowed: t.allowed(), Left: t.eta()}
}

// rate is the requests per second of late.
func (t *tally) rate() float64 {
	now := reading{time.Now(), t.gauge.requests()}
	t.recent = append(t.recent, now)
	for len(t.recent) > 2 && now.at.Sub(t.recent[1].at) >= over {
		t.recent = t.recent[1:]
	}
	first := t.recent[0]
	if !now.at.After(first.at) {
		return 0
	}
	return float64(now.requests-first.requests) / now.at.Sub(first.at).Seconds()
}

// eta is how long the calls that are left take: as many a second as the pace
// allows, less the share that reads take of it, and no more at a time than there are
// workers, each of which waits as long as calls took so far. It is 0 where nobody
// can tell: before the first answer, and while only doubts are left.
func (t *tally) eta() time.Duration {
	if t.calls == 0 || t.answers == 0 {
		return 0
	}
	latency := t.took / time.Duration(t.answers)
	perSecond := float64(t.workers) / max(latency.Seconds(), 0.001)
	if allowed := t.allowed(); allowed > 0 {
		perSecond = min(perSecond, allowed*t.share())
	}
	return time.Duration(float64(t.calls)/perSecond*float64(time.Second)) + latency
}

// share is how many of the requests of the run changed something.
func (t *tally) share() float64 {
	requests := t.gauge.requests() - t.requests
	if requests <= int64(t.answers) {
		return 1
	}
	return float64(t.answers) / float64(requests)
}
