package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/pace"
	"sftctl/pkg/plan"
)

// fake answers calls by endpoint name and action.
type fake struct {
	mu       sync.Mutex
	answer   func(call fleet.Call) fleet.Reply
	calls    []fleet.Call
	inFlight int
	most     int
	takes    time.Duration
	purse    *pace.Purse
	folds    []fleet.Action
	modifies []fleet.FieldSet
	live     map[fleet.ID]fleet.Endpoint
	reads    int
}

func (f *fake) Abilities() fleet.Abilities {
	if f.modifies == nil {
		f.modifies = []fleet.FieldSet{fleet.Fieldset(fleet.FieldPlan)}
	}
	return fleet.Abilities{Modifies: f.modifies, Folds: f.folds}
}

func (f *fake) Page(_ context.Context, q fleet.Query) (fleet.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.live == nil {
		return fleet.Page{}, errors.New("lost")
	}
	if e, ok := f.live[q.ID]; ok {
		return fleet.Page{Endpoints: []fleet.Endpoint{e}}, nil
	}
	return fleet.Page{}, nil
}

func (f *fake) Do(ctx context.Context, call fleet.Call, before func() error) fleet.Reply {
	if err := f.permit(ctx, call); err != nil {
		return fleet.Reply{Err: err}
	}
	if err := before(); err != nil {
		return fleet.Reply{Err: err, Fatal: !errors.Is(err, fleet.ErrRecheck)}
	}
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	f.mu.Unlock()
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inFlight--
	if f.answer != nil {
		if reply := f.answer(call); reply.Outcome != fleet.NotAttempted || reply.Err != nil {
			return reply
		}
	}
	id := call.EndpointID
	if id == "" {
		id = "id-" + fleet.ID(call.Name)
	}
	return fleet.Reply{Outcome: fleet.Done, ID: id, Sends: 1, Started: time.Now()}
}

// permit waits for a turn of the pace, where there is one.
func (f *fake) permit(ctx context.Context, call fleet.Call) error {
	switch {
	case f.purse == nil:
		return nil
	case call.Begun:
		return f.purse.Wait(ctx, pace.Next)
	}
	return f.purse.Wait(ctx, pace.Begin)
}

// do runs a plan from its beginning, without a journal, and without waiting for
// what is lost unless it is told to.
func do(ctx context.Context, p *plan.Plan, on Platform, opts Options) ([]Result, error) {
	results := New(p, on.Abilities())
	if opts.Journal == nil {
		opts.Journal = forgetful{}
	}
	opts.Settling.Window = max(opts.Settling.Window, 1)
	err := Run(ctx, p, results, on, opts)
	return results, err
}

// forgetful is a journal that keeps nothing.
type forgetful struct{}

func (forgetful) Intent(journal.Intent) error { return nil }
func (forgetful) Outcome(journal.Outcome)     {}
func (forgetful) Finding(journal.Finding)     {}

// onboarding is a plan of n creates with link and activate.
func onboarding(n int) *plan.Plan {
	p := &plan.Plan{}
	for i := range n {
		p.Tasks = append(p.Tasks, plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: fmt.Sprint("m", i)}}, Steps: []plan.Step{
			{Action: fleet.Create}, {Action: fleet.Link, Set: fleet.Fields{ICCID: "1"}}, {Action: fleet.Activate}}})
	}
	return p
}

func steps(r Result) string {
	text := ""
	for _, s := range r.Steps {
		text += s.Action.String() + "=" + s.Outcome.String() + " "
	}
	return text
}

func TestStepsOfOneTaskGoInOrderAndTasksSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: time.Second}
		results, err := do(t.Context(), onboarding(100), f, Options{Workers: 10})
		if err != nil || len(f.calls) != 300 || f.most != 10 {
			t.Fatalf("got %d calls, %d at a time, %v, want 300, 10", len(f.calls), f.most, err)
		}
		last := map[string]fleet.Action{}
		for _, call := range f.calls {
			if want := map[fleet.Action]fleet.Action{fleet.NoAction: fleet.Create, fleet.Create: fleet.Link, fleet.Link: fleet.Activate}[last[call.Name]]; call.Action != want {
				t.Errorf("%s: got %s after %q", call.Name, call.Action, last[call.Name])
			}
			if begun := call.Action != fleet.Create; call.Begun != begun || (call.EndpointID != "") != begun {
				t.Errorf("%s %s: begun %t with id %q", call.Name, call.Action, call.Begun, call.EndpointID)
			}
			last[call.Name] = call.Action
		}
		for i, r := range results {
			if r.Outcome != fleet.Done || r.Task.Label() != fmt.Sprint("m", i) || r.Attempts != 3 || r.ID != fleet.ID(fmt.Sprint("id-m", i)) {
				t.Errorf("result %d: got %+v", i, r)
			}
		}
	})
}

func TestAFailedRowStopsNoOther(t *testing.T) {
	no := errors.New("no")
	for action, want := range map[fleet.Action]string{
		fleet.Create:   "create=%s link=not-attempted activate=not-attempted ",
		fleet.Link:     "create=done link=%s activate=not-attempted ",
		fleet.Activate: "create=done link=done activate=%s ",
	} {
		for _, outcome := range []fleet.Outcome{fleet.Failed, fleet.Unknown} {
			f := &fake{answer: func(call fleet.Call) fleet.Reply {
				if call.Name == "m3" && call.Action == action {
					return fleet.Reply{Outcome: outcome, Err: no, Sends: 1}
				}
				return fleet.Reply{}
			}}
			results, err := do(t.Context(), onboarding(10), f, Options{Workers: 3})
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range results {
				if i != 3 && r.Outcome != fleet.Done {
					t.Errorf("row %d: got %s", i, r.Outcome)
				}
			}
			if got := steps(results[3]); got != fmt.Sprintf(want, outcome) || results[3].Outcome != outcome || !strings.HasPrefix(fmt.Sprint(results[3].Err), "no") {
				t.Errorf("got %s, %s (%v), want %s", got, results[3].Outcome, results[3].Err, fmt.Sprintf(want, outcome))
			}
		}
	}
}

func TestAFatalReplyStopsTheRunAndEveryRowIsAccountedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := fleet.Kind(fleet.ErrLogin, errors.New("login refused"))
		f := &fake{takes: time.Second, answer: func(call fleet.Call) fleet.Reply {
			if call.Name == "m5" {
				return fleet.Reply{Outcome: fleet.NotAttempted, Err: refused, Fatal: true}
			}
			return fleet.Reply{}
		}}
		results, err := do(t.Context(), onboarding(1000), f, Options{Workers: 4})
		if !errors.Is(err, fleet.ErrLogin) {
			t.Errorf("got %v, want %v", err, fleet.ErrLogin)
		}
		if len(results) != 1000 || len(f.calls) > 30 {
			t.Errorf("got %d results after %d calls", len(results), len(f.calls))
		}
		for i, r := range results {
			if r.Task == nil || len(r.Steps) != 3 {
				t.Fatalf("row %d is not accounted for: %+v", i, r)
			}
			if i > 20 && r.Outcome != fleet.NotAttempted {
				t.Errorf("row %d: got %s", i, r.Outcome)
			}
		}
	})
}

func TestAnInterruptStartsNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 10 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(15*time.Second, cancel)
		results, err := do(ctx, onboarding(100), f, Options{Workers: 5})
		if !errors.Is(err, fleet.ErrStopped) || len(f.calls) != 10 {
			t.Errorf("got %v after %d calls, want %v after 10", err, len(f.calls), fleet.ErrStopped)
		}
		if got := steps(results[0]); got != "create=done link=done activate=not-attempted " || results[0].Outcome != fleet.NotAttempted {
			t.Errorf("the first row: got %s, %s", got, results[0].Outcome)
		}
	})
}

func TestFoldedStepsEndTogether(t *testing.T) {
	f := &fake{folds: []fleet.Action{fleet.Link, fleet.Activate}, answer: func(call fleet.Call) fleet.Reply {
		if call.Name == "m1" {
			return fleet.Reply{Outcome: fleet.Unknown, Err: errors.New("cut"), Sends: 1}
		}
		return fleet.Reply{}
	}}
	results, err := do(t.Context(), onboarding(2), f, Options{Workers: 1})
	if err != nil || len(f.calls) != 2 {
		t.Fatalf("got %d calls, %v, want 2", len(f.calls), err)
	}
	if steps(results[0]) != "create=done link=done activate=done " || steps(results[1]) != "create=unknown link=unknown activate=unknown " {
		t.Errorf("got %s and %s", steps(results[0]), steps(results[1]))
	}
}

func TestRefusedStaleAndUnchangedRows(t *testing.T) {
	p := onboarding(2)
	p.Tasks = append(p.Tasks, plan.Task{Spec: &fleet.Spec{}, Before: &fleet.Endpoint{ID: "9"}},
		plan.Task{Spec: &fleet.Spec{}, Refused: []string{"no SIM"}},
		plan.Task{Spec: &fleet.Spec{}, Refused: []string{"fixed"}, Steps: []plan.Step{{Action: fleet.Modify, Set: fleet.Fields{PlanID: "1"}}}})
	f := &fake{}
	results, err := do(t.Context(), p, f, Options{Workers: 2, Stale: map[int]string{0: "changed"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Outcome{fleet.Stale, fleet.Done, fleet.Unchanged, fleet.Refused, fleet.Refused}
	for i, r := range results {
		if r.Outcome != want[i] {
			t.Errorf("row %d: got %s, want %s", i, r.Outcome, want[i])
		}
	}
	if got := steps(results[4]); got != "modify=done " || results[4].Err == nil {
		t.Errorf("a refused row's other step: got %s, %v", got, results[4].Err)
	}
	if len(f.calls) != 4 {
		t.Errorf("got %d calls, want 4: nothing for the stale row", len(f.calls))
	}
}

func TestABlockedPlanIsNotRun(t *testing.T) {
	p, f := onboarding(3), &fake{}
	p.Blocked = []string{"too many"}
	if _, err := do(t.Context(), p, f, Options{Workers: 1}); !errors.Is(err, fleet.ErrGuard) || len(f.calls) != 0 {
		t.Errorf("got %v after %d calls", err, len(f.calls))
	}
}

func TestWorkersFollowFromTheRate(t *testing.T) {
	for _, tt := range []struct {
		rate    float64
		timeout time.Duration
		want    int
	}{{1.8, 200 * time.Second, 360}, {0, 200 * time.Second, 256}, {100, 200 * time.Second, 512}, {0.001, time.Second, 1}, {2, 30 * time.Second, 60}} {
		if got := Workers(tt.rate, tt.timeout); got != tt.want {
			t.Errorf("rate %g, timeout %s: got %d, want %d", tt.rate, tt.timeout, got, tt.want)
		}
	}
}

// Each part of a modify is a step with an outcome of its own.
func TestAModifyInParts(t *testing.T) {
	for outcome, want := range map[fleet.Outcome]string{fleet.Done: "modify=done modify=done activate=done ", fleet.Failed: "modify=done modify=failed activate=not-attempted ",
		fleet.Unknown: "modify=done modify=unknown activate=not-attempted ", fleet.NotAttempted: "modify=done modify=not-attempted activate=not-attempted "} {
		p := &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{}, Before: &fleet.Endpoint{ID: "1"},
			Steps: []plan.Step{{Action: fleet.Modify, Set: fleet.Fields{PlanID: "2"}}, {Action: fleet.Modify, Set: fleet.Fields{Name: "n"}}, {Action: fleet.Activate}}}}}
		f := &fake{answer: func(call fleet.Call) fleet.Reply {
			if call.Fields.Name != "" && outcome != fleet.Done {
				return fleet.Reply{Outcome: outcome, Err: errors.New("no")}
			}
			return fleet.Reply{}
		}}
		results, err := do(t.Context(), p, f, Options{Workers: 1})
		if err != nil || steps(results[0]) != want {
			t.Errorf("%s: got %s, %v, want %s", outcome, steps(results[0]), err, want)
		}
	}
}

// What hurts is read right before, each time; what is not as it was is left
// alone, and what cannot be read is not begun.
func TestWhatHurtsIsReadRightBefore(t *testing.T) {
	was := fleet.Endpoint{ID: "1", Status: fleet.StatusActive, Fields: fleet.Fields{Name: "m", ICCID: "8932042000001234562"}, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
	with := func(change func(*fleet.Endpoint)) map[fleet.ID]fleet.Endpoint {
		e := was
		change(&e)
		return map[fleet.ID]fleet.Endpoint{"1": e}
	}
	tests := []struct {
		name  string
		live  map[fleet.ID]fleet.Endpoint
		want  string
		reads int
	}{
		{"as it was, because reads lag", with(func(*fleet.Endpoint) {}), "modify=done delink=done delete=done ", 2},
		{"as the task made it", with(func(e *fleet.Endpoint) { e.Name = "new" }), "modify=done delink=done delete=done ", 2},
		{"renamed", with(func(e *fleet.Endpoint) { e.Name = "hospital" }), "modify=done delink=stale delete=stale ", 1},
		{"another SIM", with(func(e *fleet.Endpoint) { e.ICCID = "8932042000001234570" }), "modify=done delink=stale delete=stale ", 1},
		{"another status", with(func(e *fleet.Endpoint) { e.Status = fleet.StatusSuspended }), "modify=done delink=stale delete=stale ", 1},
		{"gone", map[fleet.ID]fleet.Endpoint{}, "modify=done delink=stale delete=stale ", 1},
		{"unreadable", nil, "modify=done delink=not-attempted delete=not-attempted ", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{live: tt.live}
			p := &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "new"}}, Before: &was,
				Steps: []plan.Step{{Action: fleet.Modify, Set: fleet.Fields{Name: "new", PlanID: "2"}}, {Action: fleet.Delink}, {Action: fleet.Delete}}}}}
			results, err := do(t.Context(), p, f, Options{Workers: 1})
			if err != nil || steps(results[0]) != tt.want || f.reads != tt.reads {
				t.Errorf("got %s after %d reads (%v), %v, want %s after %d", steps(results[0]), f.reads, results[0].Err, err, tt.want, tt.reads)
			}
		})
	}
}

// A create that is answered with somebody else's id goes no further: its SIM
// would be linked there.
func TestACreateCannotGiveAnIDThatIsTaken(t *testing.T) {
	for name, known := range map[string]func(fleet.ID) bool{"of the run": nil, "of before": func(id fleet.ID) bool { return id == "77" }} {
		f := &fake{answer: func(call fleet.Call) fleet.Reply {
			if call.Action == fleet.Create {
				return fleet.Reply{Outcome: fleet.Done, ID: "77", Sends: 1}
			}
			return fleet.Reply{}
		}}
		results, err := do(t.Context(), onboarding(2), f, Options{Workers: 1, Known: known})
		if err != nil {
			t.Fatal(err)
		}
		last := results[1]
		if steps(last) != "create=unknown link=not-attempted activate=not-attempted " || last.ID != "" {
			t.Errorf("%s: got %s, id %q", name, steps(last), last.ID)
		}
		if known != nil && steps(results[0]) != steps(last) {
			t.Errorf("%s: the first row: got %s", name, steps(results[0]))
		}
	}
}

// A bug in a worker must end the run in good order, in the goroutine that called:
// only there can the program say so and end with its own exit code.
func TestABugInAWorkerReachesTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: time.Second, answer: func(call fleet.Call) fleet.Reply {
			if call.Name == "m3" {
				panic("secret")
			}
			return fleet.Reply{Outcome: fleet.Done, ID: fleet.ID("id-" + call.Name), Sends: 1}
		}}
		defer func() {
			kept, ok := recover().(*fleet.Panic)
			if !ok || kept.Type != "string" || !strings.Contains(string(kept.Stack), "TestABugInAWorker") || strings.Contains(string(kept.Stack), "secret") {
				t.Errorf("got %v", kept)
			}
			if n := len(f.calls); n >= 100 {
				t.Errorf("%d calls were made all the same", n)
			}
		}()
		_, _ = do(t.Context(), onboarding(100), f, Options{Workers: 5})
		t.Error("the run went on")
	})
}
