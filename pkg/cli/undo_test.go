package cli

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
)

// drawChanges makes live endpoints, and for each a row, by its id, that changes it
// in some way, with a way back or without one. Names and SIMs may go from one
// endpoint to another.
func drawChanges(t *rapid.T) world {
	var w world
	n := rapid.IntRange(1, 8).Draw(t, "endpoints")
	free := rapid.Permutation(cards).Draw(t, "cards")
	other := rapid.Permutation(free[:2*n]).Draw(t, "other cards")
	var names []string // that are given up, or new
	var renamed []int
	for i := range n {
		e := fleet.Endpoint{Fields: fleet.Fields{Name: fmt.Sprint("m-", i), PlanID: anyPlan.Draw(t, "plan"), ServiceProfileID: "SP_1249", SIMProductID: "7",
			APNGroupID: anyAPN.Draw(t, "apn")}, Status: fleet.StatusHold}
		if rapid.IntRange(0, 3).Draw(t, "has a SIM") > 0 {
			e.ICCID, e.Status = free[i].ICCID, statuses.Draw(t, "status")
		}
		w.live = append(w.live, e)
		w.specs = append(w.specs, drawSpec(t, e.Name, other[i].ICCID))
		if rapid.Bool().Draw(t, "is renamed") {
			names, renamed = append(names, e.Name, fmt.Sprint("new-", i)), append(renamed, i)
		}
	}
	if len(names) > 0 {
		names = rapid.Permutation(names).Draw(t, "names")
	}
	for k, i := range renamed {
		w.specs[i].Name = names[k]
	}
	return w
}

// restore applies a fleet and then what undoes it, and says what is not as it was
// before although nobody said so. It counts the steps of the way back.
func restore(t *testing.T, w world, undone map[fleet.Action]int) string {
	sim := simulator.New(simulator.WithStock(simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: cards, Endpoints: w.live}), simulator.WithPaging(3, 4))
	before := byID(sim)
	for i, e := range sim.Endpoints() { // in the order in which they were made
		w.specs[i].ID = e.ID
	}
	s, err := sessionOn(sim, 0, 4)
	if err != nil {
		return err.Error()
	}
	p, results, err := s.played(t, &fleet.Fleet{Specs: w.specs})
	if err != nil {
		return err.Error()
	}
	back := apply.Undo(p, results)
	l, err := s.look(t.Context(), back.Fleet)
	if err != nil {
		return err.Error()
	}
	back = back.Since(l.have)
	p, results, err = s.played(t, back.Fleet)
	if err != nil {
		return err.Error()
	}
	for i := range results {
		for _, step := range results[i].Steps {
			undone[step.Action]++
		}
	}
	after := byID(sim)
	forgive(before, after, back.Left, p)
	return cmp.Diff(before, after)
}

// forgive leaves out of a comparison what was named as not undone: an activation
// excuses the status, everything else the endpoint.
func forgive(before, after map[fleet.ID]fleet.Endpoint, left []apply.Left, p *plan.Plan) {
	for _, l := range left {
		if was, is := before[l.ID], after[l.ID]; l.Action == fleet.Activate && was.ID == is.ID && was.ID != "" {
			was.Status = is.Status
			before[l.ID] = was
			continue
		}
		delete(before, l.ID)
		delete(after, l.ID)
	}
	for _, t := range p.Tasks {
		if len(t.Refused) > 0 {
			delete(before, t.Spec.ID)
			delete(after, t.Spec.ID)
		}
	}
}

func byID(sim *simulator.Simulator) map[fleet.ID]fleet.Endpoint {
	all := map[fleet.ID]fleet.Endpoint{}
	for _, e := range sim.Endpoints() {
		all[e.ID] = e
	}
	return all
}

// played plans a fleet and does that; every row must come to an end.
func (s *session) played(t *testing.T, want *fleet.Fleet) (*plan.Plan, []apply.Result, error) {
	p, l, err := s.planFiles(t.Context(), quiet, want, terms{limits: plan.Unlimited})
	if err != nil {
		return nil, nil, err
	}
	run, err := s.do(t.Context(), want, p, l)
	if err != nil || run.Cut != nil || run.Doubt != nil {
		return nil, nil, fmt.Errorf("the run: %v, %v, %v", err, run.Cut, run.Doubt)
	}
	for i := range run.Results {
		if r := &run.Results[i]; r.Outcome != fleet.Done && r.Outcome != fleet.Unchanged && r.Outcome != fleet.Refused {
			return nil, nil, fmt.Errorf("%s is %s: %v\n%s", r.Task.Label(), r.Outcome, r.Err, planText(p))
		}
	}
	return p, run.Results, nil
}

// Whatever a run did: after its undo live is as it was before, but for what was
// named as not undone.
func TestUndoBringsBackWhatWasBefore(t *testing.T) {
	undone := map[fleet.Action]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := drawChanges(rt)
		var violation string
		synctest.Test(t, func(t *testing.T) { violation = restore(t, w, undone) })
		if violation != "" {
			rt.Fatal(violation)
		}
	})
	for _, action := range []fleet.Action{fleet.Modify, fleet.Link, fleet.Delink, fleet.Activate, fleet.Suspend, fleet.Resume} {
		if undone[action] == 0 {
			t.Errorf("no undo had a step %s", action)
		}
	}
	t.Logf("steps of the undos: %v", undone)
}
