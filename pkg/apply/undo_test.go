package apply

import (
	"fmt"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

const newCard = fleet.ICCID("8932042000001234570")

// live is an endpoint with id 7.
func live(name string, ratePlan fleet.ID, card fleet.ICCID, status fleet.Status) fleet.Endpoint {
	return fleet.Endpoint{ID: "7", Fields: fleet.Fields{Name: name, PlanID: ratePlan, ICCID: card}, Status: status, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
}

// ran is the result of a task whose steps ended so.
func ran(t plan.Task, outcomes ...fleet.Outcome) Result {
	r := planned(&t, abilities)
	for i := range t.Steps {
		r.Steps[i].Outcome = fleet.Done
		if i < len(outcomes) {
			r.Steps[i].Outcome = outcomes[i]
		}
	}
	r.ID = "7"
	r.sum()
	return r
}

// leftText says in a line what is left.
func leftText(left []Left) string {
	var all []string
	for _, l := range left {
		all = append(all, fmt.Sprintf("%s %s: %s", l.ID, l.Action, l.Why))
	}
	return strings.Join(all, "\n")
}

func act(actions ...fleet.Action) (steps []plan.Step) {
	for _, a := range actions {
		s := plan.Step{Action: a}
		switch a {
		case fleet.Link:
			s.Set.ICCID = newCard
		case fleet.Modify:
			s.Set = fleet.Fields{Name: "new", PlanID: "200"}
		}
		steps = append(steps, s)
	}
	return steps
}

// What each kind of step comes to backwards, and what it comes to where live is
// another now than the run left it.
func TestUndo(t *testing.T) {
	const pre, active, suspended, hold = fleet.StatusPreActive, fleet.StatusActive, fleet.StatusSuspended, fleet.StatusHold
	anActive := live("old", "100", card, active)
	tests := []struct {
		name     string
		before   fleet.Endpoint
		steps    []plan.Step
		outcomes []fleet.Outcome
		now      fleet.Endpoint
		want     fleet.Spec // without its id; none when it is zero
		left     string
	}{
		{"values", anActive, act(fleet.Modify), nil, live("new", "200", card, active),
			fleet.Spec{Fields: fleet.Fields{Name: "old", PlanID: "100"}}, ""},
		{"a value that there was not before", live("old", "", card, active), act(fleet.Modify), nil, live("new", "200", card, active),
			fleet.Spec{Fields: fleet.Fields{Name: "old"}}, "7 modify: it had no planId before the run, and a value cannot be taken away"},
		{"a value that somebody changed since", anActive, act(fleet.Modify), nil, live("new", "300", card, active),
			fleet.Spec{Fields: fleet.Fields{Name: "old"}}, `7 modify: planId is "300" now, and the run left it "200": somebody changed it since`},
		{"values that are back already", anActive, act(fleet.Modify), nil, anActive,
			fleet.Spec{Fields: fleet.Fields{Name: "old", PlanID: "100"}}, ""},
		{"a modify that failed", anActive, act(fleet.Modify), []fleet.Outcome{fleet.Failed}, anActive, fleet.Spec{}, ""},
		{"a modify of which nobody knows", anActive, act(fleet.Modify), []fleet.Outcome{fleet.Unknown}, anActive, fleet.Spec{}, ""},

		{"a suspend", anActive, act(fleet.Suspend), nil, live("old", "100", card, suspended), fleet.Spec{State: fleet.StateActive}, ""},
		{"a resume", live("old", "100", card, suspended), act(fleet.Resume), nil, anActive, fleet.Spec{State: fleet.StateSuspended}, ""},
		{"a suspend that somebody undid", anActive, act(fleet.Suspend), nil, anActive, fleet.Spec{State: fleet.StateActive}, ""},
		{"a resume, and no SIM any more", live("old", "100", card, suspended), act(fleet.Resume), nil, live("old", "100", "", hold),
			fleet.Spec{}, `7 resume: status is "Hold" now, and the run left it "Active": somebody changed it since`},

		{"an activation", live("old", "100", card, pre), act(fleet.Modify, fleet.Activate), nil, live("new", "200", card, active),
			fleet.Spec{Fields: fleet.Fields{Name: "old", PlanID: "100"}}, "7 activate: " + whyActivated},
		{"a swap of an active one", anActive, act(fleet.Delink, fleet.Link, fleet.Activate), nil, live("old", "100", newCard, active),
			fleet.Spec{State: fleet.StateActive, Fields: fleet.Fields{ICCID: card}}, "7 activate: " + whyBilled},
		{"a swap that activated", live("old", "100", card, pre), act(fleet.Delink, fleet.Link, fleet.Activate), nil, live("old", "100", newCard, active),
			fleet.Spec{State: fleet.StatePreActive, Fields: fleet.Fields{ICCID: card}}, "7 activate: " + whyBilled},
		{"a swap that was not activated", anActive, act(fleet.Delink, fleet.Link, fleet.Activate), []fleet.Outcome{fleet.Done, fleet.Done, fleet.Failed}, live("old", "100", newCard, hold),
			fleet.Spec{State: fleet.StateActive, Fields: fleet.Fields{ICCID: card}}, ""},
		{"half a swap", anActive, act(fleet.Delink, fleet.Link), []fleet.Outcome{fleet.Done, fleet.Failed}, live("old", "100", "", hold),
			fleet.Spec{State: fleet.StateActive, Fields: fleet.Fields{ICCID: card}}, ""},
		{"a swap of a suspended one", live("old", "100", card, suspended), act(fleet.Delink, fleet.Link, fleet.Activate), nil, live("old", "100", newCard, active),
			fleet.Spec{}, "7 link: " + whySuspended + "\n7 activate: " + whyActivated},
		{"a swap, and another one since", anActive, act(fleet.Delink, fleet.Link, fleet.Activate), nil, live("old", "100", "8932042000001234588", active),
			fleet.Spec{}, "7 activate: " + whyBilled + "\n" + `7 link: iccid is "8932042000001234588" now, and the run left it "8932042000001234570": somebody changed it since`},
		{"a swap, and suspended since", anActive, act(fleet.Delink, fleet.Link, fleet.Activate), nil, live("old", "100", newCard, suspended),
			fleet.Spec{}, "7 activate: " + whyBilled + "\n" + `7 link: status is "Suspended" now, and the run left it "Active": somebody changed it since`},
		{"a link", live("old", "100", "", hold), act(fleet.Link, fleet.Activate), nil, live("old", "100", newCard, active),
			fleet.Spec{State: fleet.StatePreActive, ClearSIM: true}, "7 activate: " + whyBilled},
		{"a link, and activated since", live("old", "100", "", hold), act(fleet.Link), nil, live("old", "100", newCard, active),
			fleet.Spec{}, `7 link: status is "Active" now, and the run left it "Pre-Active": somebody changed it since`},
		{"a link, and de-linked since", live("old", "100", "", hold), act(fleet.Link), nil, live("old", "100", "", pre),
			fleet.Spec{State: fleet.StatePreActive, ClearSIM: true}, ""},
		{"a de-link", live("old", "100", card, pre), act(fleet.Delink), nil, live("old", "100", "", hold),
			fleet.Spec{State: fleet.StatePreActive, Fields: fleet.Fields{ICCID: card}}, ""},
		{"a de-link, and another SIM since", live("old", "100", card, pre), act(fleet.Delink), nil, live("old", "100", newCard, pre),
			fleet.Spec{}, `7 delink: iccid is "8932042000001234570" now, and the run left it none: somebody changed it since`},
		{"a de-link of a status that nobody knows", live("old", "100", card, "Barred"), act(fleet.Delink), nil, live("old", "100", "", hold),
			fleet.Spec{}, `7 delink: its status was "Barred", which cannot be reached`},

		{"a delete", anActive, act(fleet.Delink, fleet.Delete), nil, fleet.Endpoint{ID: "8"}, fleet.Spec{}, "7 delete: " + whyDeleted},
		{"half a delete", anActive, act(fleet.Delink, fleet.Delete), []fleet.Outcome{fleet.Done, fleet.Failed}, live("old", "100", "", hold),
			fleet.Spec{State: fleet.StateActive, Fields: fleet.Fields{ICCID: card}}, ""},
		{"gone since", anActive, act(fleet.Modify, fleet.Suspend), nil, fleet.Endpoint{ID: "8"},
			fleet.Spec{}, "7 modify: " + whyGone + "\n7 suspend: " + whyGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			results := []Result{ran(plan.Task{Before: &tt.before, Steps: tt.steps}, tt.outcomes...)}
			p := &plan.Plan{Header: plan.Header{Protect: []fleet.Glob{"x"}, Policies: []fleet.Policy{{Orphans: fleet.OrphansDelete}}}}
			back := Undo(p, results).Since(found(t, tt.now))
			var got fleet.Spec
			if len(back.Fleet.Specs) > 0 {
				got = back.Fleet.Specs[0]
				if got.ID != "7" {
					t.Errorf("the spec is of id %q, want 7", got.ID)
				}
				got.ID = ""
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || leftText(back.Left) != tt.left {
				t.Errorf("got %+v, and left\n%s\nwant %+v, and left\n%s", got, leftText(back.Left), tt.want, tt.left)
			}
			if len(back.Fleet.Protect) != 1 || back.Fleet.Policies != nil {
				t.Errorf("protect is %v and the policies are %v, want those of the run and none", back.Fleet.Protect, back.Fleet.Policies)
			}
		})
	}
}

// What the run made is named once, whatever it did to it, and what nobody knows
// is counted.
func TestUndoOfWhatWasMadeOrIsUnknown(t *testing.T) {
	made := ran(plan.Task{Spec: &fleet.Spec{}, Steps: act(fleet.Create, fleet.Link, fleet.Activate)})
	unknown := ran(plan.Task{Spec: &fleet.Spec{}, Steps: act(fleet.Create)}, fleet.Unknown)
	back := Undo(&plan.Plan{}, []Result{made, unknown})
	if len(back.Fleet.Specs) != 0 || leftText(back.Left) != "7 create: "+whyMade || back.Unknown != 1 {
		t.Errorf("got %d specs, %d unknown and left %s", len(back.Fleet.Specs), back.Unknown, leftText(back.Left))
	}
}

// What the platform does not report is no change, and is for the plan to refuse.
func TestUndoLeavesWhatIsNotReportedToThePlan(t *testing.T) {
	before := live("old", "100", card, fleet.StatusActive)
	back := Undo(&plan.Plan{}, []Result{ran(plan.Task{Before: &before, Steps: act(fleet.Modify, fleet.Delink, fleet.Link)})})
	now := found(t, live("", "", "", fleet.StatusPreActive))
	now.Endpoints[0].Reported = fleet.Fieldset(fleet.FieldStatus)
	if back = back.Since(now); len(back.Fleet.Specs) != 1 || back.Left != nil || back.Fleet.Specs[0].Given() != fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldICCID) {
		t.Errorf("got %+v, left %s", back.Fleet.Specs, leftText(back.Left))
	}
}
