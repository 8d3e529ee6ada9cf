package apply

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

const card = fleet.ICCID("8932042000001234562")

func found(t *testing.T, live ...fleet.Endpoint) *inventory.Inventory {
	t.Helper()
	for i := range live {
		live[i].Reported = fleet.Fieldset(fleet.AllFields[:]...)
	}
	have, err := inventory.New(live, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return have
}

var abilities = fleet.Abilities{Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldPlan)}}

// confirm holds results against a platform that shows the same for ever.
func confirm(t *testing.T, p *plan.Plan, results []Result, after *plan.Plan, have *inventory.Inventory) []Result {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		look := func(context.Context) (*plan.Plan, *inventory.Inventory, error) { return after, have, nil }
		if err := Confirm(t.Context(), p, results, look, Options{Journal: forgetful{}, Settling: Settling{Window: DefaultWindow}}); err != nil {
			t.Error(err)
		}
	})
	for i := range results {
		results[i].End(journal.End{Verified: true})
	}
	return results
}

// What a listing after the run proves about each outcome of an onboarding.
func TestVerify(t *testing.T) {
	const d, f, u, n = fleet.Done, fleet.Failed, fleet.Unknown, fleet.NotAttempted
	full := []plan.Step{{Action: fleet.Create}, {Action: fleet.Link, Set: fleet.Fields{ICCID: card}}, {Action: fleet.Activate}}
	bare := fleet.Endpoint{ID: "7", Status: fleet.StatusPreActive}
	linked := fleet.Endpoint{ID: "7", Status: fleet.StatusPreActive, Fields: fleet.Fields{ICCID: card}}
	active := fleet.Endpoint{ID: "7", Status: fleet.StatusActive, Fields: fleet.Fields{ICCID: card}}
	other := fleet.Endpoint{ID: "7", Status: fleet.StatusActive, Fields: fleet.Fields{Name: "hospital", ICCID: card}}
	suspended := fleet.Endpoint{ID: "7", Status: fleet.StatusSuspended, Fields: fleet.Fields{ICCID: card}}
	tests := []struct {
		name     string
		before   [3]fleet.Outcome // of create, link, activate
		live     *fleet.Endpoint
		needs    []plan.Step
		refused  []string
		want     string
		outcome  fleet.Outcome
		verified bool
		err      bool
	}{
		{"done and shown", [3]fleet.Outcome{d, d, d}, &active, nil, nil, "create=done link=done activate=done ", d, true, false},
		{"done and not shown", [3]fleet.Outcome{d, d, d}, &linked, full[2:], nil, "create=done link=done activate=failed ", f, false, true},
		{"done and nothing shown", [3]fleet.Outcome{d, d, d}, nil, full, nil, "create=failed link=failed activate=failed ", f, false, true},
		{"done, shown, and yet not as wanted", [3]fleet.Outcome{d, d, d}, &active, []plan.Step{{Action: fleet.Modify}}, nil, "create=done link=done activate=done ", fleet.Stale, false, true},
		{"done, shown, and refused now", [3]fleet.Outcome{d, d, d}, &active, nil, []string{"serviceProfileId is another"}, "create=done link=done activate=done ", fleet.Stale, false, true},
		{"unknown and shown", [3]fleet.Outcome{d, d, u}, &active, nil, nil, "create=done link=done activate=done ", d, true, false},
		{"unknown and not shown", [3]fleet.Outcome{d, d, u}, &linked, full[2:], nil, "create=done link=done activate=unknown ", u, false, true},
		{"unknown, and another step is needed", [3]fleet.Outcome{d, d, u}, &suspended, []plan.Step{{Action: fleet.Resume}}, nil, "create=done link=done activate=unknown ", u, false, true},
		{"an unknown create that happened", [3]fleet.Outcome{u, n, n}, &bare, full[1:], nil, "create=done link=not-attempted activate=not-attempted ", n, false, true},
		{"an unknown create that is not there", [3]fleet.Outcome{u, n, n}, nil, full, nil, "create=unknown link=not-attempted activate=not-attempted ", u, false, true},
		{"done on somebody else's endpoint", [3]fleet.Outcome{d, d, d}, &other, full, nil, "create=failed link=failed activate=failed ", f, false, true},
		{"failed, and yet shown", [3]fleet.Outcome{d, f, n}, &linked, full[2:], nil, "create=done link=done activate=not-attempted ", n, false, true},
		{"failed", [3]fleet.Outcome{d, f, n}, &bare, full[1:], nil, "create=done link=failed activate=not-attempted ", f, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{}, Steps: full}}}
			r := planned(&p.Tasks[0], abilities)
			r.Attempts, r.ID = 1, "7"
			if tt.before[0] == u {
				r.ID = ""
			}
			for i, o := range tt.before {
				switch r.Steps[i].Outcome = o; o {
				case u, f:
					r.Err = errors.New("lost")
				case d:
					r.done++
				}
			}
			r.sum()
			have := found(t)
			after := plan.Task{Spec: &fleet.Spec{}, Steps: tt.needs, Refused: tt.refused}
			if tt.live != nil {
				have = found(t, *tt.live)
			}
			if tt.live != nil && tt.live != &other {
				after.Before = &have.Endpoints[0]
			}
			got := confirm(t, p, []Result{r}, &plan.Plan{Tasks: []plan.Task{after}}, have)[0]
			if steps(got) != tt.want || got.Outcome != tt.outcome || got.Verified != tt.verified || (got.Err != nil) != tt.err {
				t.Errorf("got %s, %s, verified %t (%v), want %s, %s, %t", steps(got), got.Outcome, got.Verified, got.Err, tt.want, tt.outcome, tt.verified)
			}
		})
	}
}

func TestVerifyEveryKindOfStep(t *testing.T) {
	was := fleet.Endpoint{ID: "1", Status: fleet.StatusActive, Fields: fleet.Fields{PlanID: "1", ICCID: card}}
	with := func(change func(e *fleet.Endpoint)) fleet.Endpoint { e := was; change(&e); return e }
	tests := []struct {
		step  plan.Step
		shown fleet.Endpoint
	}{
		{plan.Step{Action: fleet.Modify, Set: fleet.Fields{PlanID: "2"}}, with(func(e *fleet.Endpoint) { e.PlanID = "2" })},
		{plan.Step{Action: fleet.Delink}, with(func(e *fleet.Endpoint) { e.ICCID = "" })},
		{plan.Step{Action: fleet.Suspend}, with(func(e *fleet.Endpoint) { e.Status = fleet.StatusSuspended })},
	}
	for _, tt := range tests {
		for live, want := range map[*fleet.Endpoint]bool{&tt.shown: true, &was: false} {
			have := found(t, *live)
			r := Result{Task: &plan.Task{Before: &was, Steps: []plan.Step{tt.step}}}
			if got := r.shows(0, &have.Endpoints[0]); got != want {
				t.Errorf("%s: got shown %t, want %t", tt.step.Action, got, want)
			}
		}
	}
}

// A create that something on the way doubled is seen whatever the row's key is.
func TestVerifySeesADoubledCreate(t *testing.T) {
	p := &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "m"}, Key: fleet.ByICCID}, Steps: []plan.Step{{Action: fleet.Create}}}}}
	r := planned(&p.Tasks[0], abilities)
	r.ID, r.Attempts, r.done, r.Steps[0].Outcome = "7", 1, 1, fleet.Done
	have := found(t, fleet.Endpoint{ID: "7", Fields: fleet.Fields{Name: "m"}}, fleet.Endpoint{ID: "8", Fields: fleet.Fields{Name: "m"}})
	results := confirm(t, p, []Result{r}, &plan.Plan{Tasks: []plan.Task{{Spec: p.Tasks[0].Spec, Before: &have.Endpoints[0]}}}, have)
	if got := results[0]; got.Outcome != fleet.Failed || got.Steps[0].Outcome != fleet.Done || got.Verified || got.Err == nil || !strings.Contains(got.Err.Error(), "2 are called so now (7, 8") {
		t.Errorf("got %s, verified %t: %v", got.Outcome, got.Verified, got.Err)
	}
}

// While a listing lags it shows the state of before a swap: active, with the old
// card. That proves nothing of the activation after it.
func TestVerifyIsNotFooledByTheStateBeforeASwap(t *testing.T) {
	was := fleet.Endpoint{ID: "1", Status: fleet.StatusActive, Fields: fleet.Fields{ICCID: "8932042000001234570"}}
	task := plan.Task{Before: &was, Steps: []plan.Step{{Action: fleet.Delink}, {Action: fleet.Link, Set: fleet.Fields{ICCID: card}}, {Action: fleet.Activate}}}
	r := Result{Task: &task}
	have := found(t, was)
	if r.shows(2, &have.Endpoints[0]) {
		t.Error("the activation is taken to show")
	}
}

func TestVerifyOrphansByTheirID(t *testing.T) {
	orphan := func(id fleet.ID, steps ...plan.Step) plan.Task {
		return plan.Task{Before: &fleet.Endpoint{ID: id}, Steps: steps}
	}
	del := plan.Step{Action: fleet.Delete}
	// 1 is gone, 2 is there and still an orphan, 3 was renamed and is none any more.
	p := &plan.Plan{Tasks: []plan.Task{orphan("1", del), orphan("2", del), orphan("3", del), orphan("4")}}
	results := make([]Result, len(p.Tasks))
	for i := range p.Tasks {
		results[i] = planned(&p.Tasks[i], abilities)
		for s := range results[i].Steps {
			results[i].Steps[s].Outcome = fleet.Unknown
		}
		results[i].sum()
	}
	results = confirm(t, p, results, &plan.Plan{Tasks: []plan.Task{orphan("2", del)}}, found(t, fleet.Endpoint{ID: "2"}, fleet.Endpoint{ID: "3"}, fleet.Endpoint{ID: "4"}))
	want := []fleet.Outcome{fleet.Done, fleet.Unknown, fleet.Unknown, fleet.Unchanged}
	for i := range results {
		if results[i].Outcome != want[i] {
			t.Errorf("orphan %d: got %s, want %s", i+1, results[i].Outcome, want[i])
		}
	}
	if !results[0].Verified {
		t.Error("the orphan that is gone is not verified")
	}
}
