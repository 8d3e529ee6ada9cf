package cli

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
	"sftctl/pkg/wire"
)

// A run that another process does is as far as its journal says.
func TestSoFar(t *testing.T) {
	p := &plan.Plan{}
	for _, name := range []string{"done", "failed", "flying", "unknown", "between", "waiting", "nothing"} {
		task := plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: name}}, Steps: []plan.Step{{Action: fleet.Create}, {Action: fleet.Link}}}
		if name == "nothing" {
			task.Steps, task.Before = nil, &fleet.Endpoint{ID: "1"}
		}
		p.Tasks = append(p.Tasks, task)
	}
	begun := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	at := func(second int) time.Time { return begun.Add(time.Duration(second) * time.Second) }
	h := &journal.History{Header: journal.Header{Run: "RUN"}}
	call := func(task, number int, action fleet.Action, second int, outcome fleet.Outcome) {
		h.Records = append(h.Records, journal.Intent{Task: task, Call: number, Attempt: 1, Action: action, At: at(second)})
		if outcome != fleet.NotAttempted {
			h.Records = append(h.Records, journal.Outcome{Task: task, Call: number, Attempt: 1, Outcome: outcome, ID: "9", Sends: 1, Started: at(second), Took: time.Second})
		}
	}
	h.Records = append(h.Records, journal.Opened{At: begun})
	call(0, 0, fleet.Create, 0, fleet.Done)
	call(0, 1, fleet.Link, 5, fleet.Done)
	h.Records = append(h.Records, journal.Opened{At: at(90)})
	call(1, 0, fleet.Create, 90, fleet.Failed)
	call(3, 0, fleet.Create, 92, fleet.Unknown)
	call(4, 0, fleet.Create, 94, fleet.Done)
	call(2, 0, fleet.Create, 96, fleet.NotAttempted)
	results, err := apply.Replay(p, wire.EndpointInfo{}.Abilities(), h, journal.Moment{Wall: at(100)})
	if err != nil {
		t.Fatal(err)
	}
	got := (&ofRun{h, p, results}).soFar(at(100))
	// Four calls in ten seconds; left are two each of flying, unknown and waiting, and
	// one of between.
	want := &report.Progress{Done: 2, Total: 6, NotDone: 1, Unknown: 1, InFlight: 1, Calls: 7, Rate: 0.4, Left: 17500 * time.Millisecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := len(h.Open()) - len(flying(h)); got != 1 {
		t.Errorf("got %d calls in doubt, want 1 besides the one in flight", got)
	}
	if got := (&ofRun{h, p, results}).rate(at(300)); got != 0 {
		t.Errorf("got %g calls a second long after the last, want 0", got)
	}
}
