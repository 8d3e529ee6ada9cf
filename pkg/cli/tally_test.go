package cli

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

// onWay is a run of n endpoints, each of which takes two calls, and the requests
// that it has made.
func onWay(n int, allowed float64, workers int) (w *work, t *tally, requests *int64) {
	p := &plan.Plan{Tasks: make([]plan.Task, n)}
	for i := range p.Tasks {
		p.Tasks[i] = plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: fmt.Sprint(i)}}, Steps: []plan.Step{{Action: fleet.Create}, {Action: fleet.Activate}}}
	}
	w = &work{plan: p, results: apply.New(p, fleet.Abilities{})}
	requests = new(int64)
	return w, newTally(w, gauge{func() int64 { return *requests }, func() float64 { return allowed }, workers}), requests
}

func TestTally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tally, requests := onWay(10, 2, 360)
		hold := func(when string, want report.Progress) {
			t.Helper()
			want.Total, want.Allowed = 10, 2
			if got := tally.now(); got != want {
				t.Errorf("%s:\ngot  %+v\nwant %+v", when, got, want)
			}
		}
		hold("before", report.Progress{Calls: 20})
		call := func(task, call int, o fleet.Outcome, took time.Duration) {
			tally.saw(journal.Intent{Task: task, Call: call, Attempt: 1})
			*requests++
			time.Sleep(took)
			tally.saw(journal.Outcome{Task: task, Call: call, Outcome: o, Sends: 1, Took: took})
		}
		tally.saw(journal.Intent{Task: 9})
		hold("in flight", report.Progress{Calls: 20, InFlight: 1})
		tally.saw(journal.Outcome{Task: 9, Outcome: fleet.NotAttempted})
		hold("never sent", report.Progress{Calls: 20})
		call(0, 0, fleet.Done, time.Second)
		call(0, 1, fleet.Done, time.Second)
		w.results[0].Outcome = fleet.Done
		tally.ended(apply.Completed{Task: 0, Result: &w.results[0]})
		// 18 calls at two a second, and one that takes a second.
		hold("a row", report.Progress{Done: 1, Calls: 18, Rate: 1, Left: 10 * time.Second})
		call(1, 0, fleet.Failed, 2*time.Second)
		w.results[1].Outcome, w.results[1].Err = fleet.Failed, errors.New("refused")
		tally.ended(apply.Completed{Task: 1, Result: &w.results[1]})
		call(2, 0, fleet.Unknown, 4*time.Second)
		// What failed takes its calls along; what is unknown may still take both.
		hold("doubt", report.Progress{Done: 2, NotDone: 1, Unknown: 1, Calls: 16, Rate: 0.5, Left: 10 * time.Second})
		tally.saw(journal.Finding{Task: 2, Steps: []fleet.Outcome{fleet.Unknown, fleet.NotAttempted}})
		hold("still", report.Progress{Done: 2, NotDone: 1, Unknown: 1, Calls: 16, Rate: 0.5, Left: 10 * time.Second})
		tally.saw(journal.Finding{Task: 2, Steps: []fleet.Outcome{fleet.Done, fleet.NotAttempted}})
		*requests += 4 // to find out: half of what is allowed goes into reading
		hold("settled", report.Progress{Done: 2, NotDone: 1, Calls: 16, Rate: 1, Left: 18 * time.Second})
		time.Sleep(time.Minute)
		if got := tally.now().Rate; got != 0 {
			t.Errorf("got %g calls/s after a minute without any", got)
		}
	})
}

// Few workers are what bounds a run where calls take long.
func TestTimeLeftFollowsFromWhatIsScarce(t *testing.T) {
	for _, c := range []struct {
		allowed float64
		workers int
		took    time.Duration
		want    time.Duration
	}{
		{2, 360, 180 * time.Second, 279*time.Second + 500*time.Millisecond}, // 199 calls at 2/s, then the last one's 180 s
		{2, 10, 100 * time.Second, 2090 * time.Second},
		{0, 100, time.Second, 2*time.Second + 990*time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, tally, requests := onWay(100, c.allowed, c.workers)
			*requests = 1
			tally.saw(journal.Intent{})
			tally.saw(journal.Outcome{Outcome: fleet.Done, Sends: 1, Took: c.took})
			if got := tally.now().Left; got.Round(time.Millisecond) != c.want {
				t.Errorf("%g/s, %d workers, %s: got %s, want %s", c.allowed, c.workers, c.took, got, c.want)
			}
		})
	}
}

// A run that goes on counts only what is left of it.
func TestTallyOfARest(t *testing.T) {
	w, _, _ := onWay(3, 2, 10)
	w.stale = map[int]string{1: "gone"}
	tally := newTally(w, gauge{func() int64 { return 7 }, func() float64 { return 2 }, 10})
	if got := tally.now(); got.Total != 2 || got.Calls != 4 || got.Rate != 0 {
		t.Errorf("got %+v", got)
	}
}
