package apply

import (
	"fmt"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// task is a row of a run, or an orphan when it has no name.
func task(name string, steps []plan.Step, refused ...string) plan.Task {
	t := plan.Task{Steps: steps, Refused: refused, Before: &fleet.Endpoint{ID: "1"}}
	if name != "" {
		t.Spec = &fleet.Spec{Fields: fleet.Fields{Name: name}}
	}
	return t
}

// Which rows are tried again, and what is said of the others.
func TestRetry(t *testing.T) {
	const d, f, u, s, n = fleet.Done, fleet.Failed, fleet.Unknown, fleet.Stale, fleet.NotAttempted
	modify, two := act(fleet.Modify), act(fleet.Modify, fleet.Suspend)
	results := []Result{
		ran(task("done", modify), d),
		ran(task("failed", two), d, f),
		ran(task("unknown", modify), u),
		ran(task("stale", modify), s),
		ran(task("not begun", two), n, n),
		ran(task("unchanged", nil)),
		ran(task("refused", nil, "no")),
		ran(task("refused in part, the rest done", modify, "no"), d),
		ran(task("refused in part, the rest not begun", modify, "no"), n),
		ran(task("", modify), d),
		ran(task("", modify), f),
		ran(task("", modify), u),
		ran(task("", nil, "no")),
	}
	p := &plan.Plan{Header: plan.Header{Protect: []fleet.Glob{"x"}, Policies: []fleet.Policy{{Orphans: fleet.OrphansDelete}}, Inputs: []fleet.Input{{File: "f.csv"}}}}
	a := Retry(p, results)
	var names []string
	for _, spec := range a.Fleet.Specs {
		names = append(names, spec.Name)
	}
	if got, want := fmt.Sprintf("%q", names), `["failed" "stale" "not begun" "refused in part, the rest not begun"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a.Unknown != 2 || a.Refused != 2 || a.Orphans != 1 {
		t.Errorf("got %d unknown, %d refused, %d orphans, want 2, 2, 1", a.Unknown, a.Refused, a.Orphans)
	}
	if a.Fleet.Policies != nil || len(a.Fleet.Protect) != 1 || len(a.Fleet.Inputs) != 1 {
		t.Errorf("got policies %v, protect %v, inputs %v", a.Fleet.Policies, a.Fleet.Protect, a.Fleet.Inputs)
	}
}

// A row that is known by its card finds what the run made for it.
func TestRetryFindsWhatWasMadeForACard(t *testing.T) {
	made := plan.Task{Spec: &fleet.Spec{Key: fleet.ByICCID, Fields: fleet.Fields{ICCID: card}}, Steps: act(fleet.Create, fleet.Link)}
	a := Retry(&plan.Plan{}, []Result{ran(made, fleet.Done, fleet.Failed)})
	if got := a.Fleet.Specs[0].ID; got != "7" || made.Spec.ID != "" {
		t.Errorf("the spec has id %q and that of the run %q, want 7 and none", got, made.Spec.ID)
	}
}

// A row takes a SIM from an endpoint that no file lists, and from no other row's.
func TestRetryTakesNoSIMFromAnotherRow(t *testing.T) {
	taker := plan.Task{Spec: &fleet.Spec{Relink: true, Fields: fleet.Fields{Name: "taker", ICCID: card}}, Steps: act(fleet.Create)}
	for _, tt := range []struct {
		name   string
		holder string // the name of the SIM's endpoint, id 7
		row    plan.Task
		want   int
	}{
		{"of no file", "other", plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "row"}}}, 0},
		{"of another row by its name", "row", plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "row"}}}, 1},
		{"of another row by its id", "other", task("row", act(fleet.Modify)), 1},
		{"an orphan", "other", task("", act(fleet.Modify)), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := ran(tt.row)
			if tt.row.Before == nil {
				row.ID = ""
			}
			a := Retry(&plan.Plan{}, []Result{ran(taker, fleet.Failed), row})
			got := a.Keep(found(t, live(tt.holder, "100", card, fleet.StatusActive)))
			if got != tt.want || a.Fleet.Specs[0].Relink != (tt.want == 0) || !taker.Spec.Relink {
				t.Errorf("got %d, relink %t, want %d", got, a.Fleet.Specs[0].Relink, tt.want)
			}
		})
	}
}

// A row that takes a SIM from stock keeps the one that was chosen, and one that got
// none does not take those that other rows of the run name.
func TestRetryKeepsCardsFromStock(t *testing.T) {
	chosen := task("chosen", act(fleet.Link))
	chosen.Spec.AutoSIM, chosen.Spec.ICCID = true, "8932990000010000030"
	refused := task("refused", nil, "no")
	refused.Spec.ICCID = card
	a := Retry(&plan.Plan{}, []Result{ran(chosen, fleet.Failed), ran(refused), ran(task("no SIM", nil))})
	if len(a.Fleet.Specs) != 1 || !a.Fleet.Specs[0].AutoSIM || a.Fleet.Specs[0].ICCID != chosen.Spec.ICCID {
		t.Errorf("got %+v, want the row with the SIM that was chosen", a.Fleet.Specs)
	}
	if got := fmt.Sprint(a.Fleet.Reserved); got != "["+string(card)+"]" {
		t.Errorf("got %s reserved, want %s", got, card)
	}
}
