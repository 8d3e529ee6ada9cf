package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// rack is a platform on which a card sits in one endpoint.
type rack struct {
	mu     sync.Mutex
	cards  map[fleet.ID]fleet.ICCID
	fails  map[string]bool // calls that fail, by endpoint and action
	early  []string        // links of cards that sat elsewhere
	called []string
}

func (r *rack) Abilities() fleet.Abilities { return fleet.Abilities{} }

func (r *rack) Page(_ context.Context, q fleet.Query) (fleet.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := fleet.Endpoint{ID: q.ID, Fields: fleet.Fields{Name: "m" + string(q.ID), ICCID: r.cards[q.ID]}, Status: fleet.StatusPreActive}
	return fleet.Page{Endpoints: []fleet.Endpoint{e}}, nil
}

func (r *rack) Do(_ context.Context, call fleet.Call, before func() error) fleet.Reply {
	if err := before(); err != nil {
		return fleet.Reply{Err: err}
	}
	time.Sleep(time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	did := fmt.Sprint(call.EndpointID, " ", call.Action)
	r.called = append(r.called, did)
	if r.fails[did] {
		return fleet.Reply{Outcome: fleet.Failed, Sends: 1, Err: errors.New("refused")}
	}
	switch call.Action {
	case fleet.Delink:
		r.cards[call.EndpointID] = ""
	case fleet.Link:
		for id, card := range r.cards {
			if card == call.Fields.ICCID && id != call.EndpointID {
				r.early = append(r.early, did)
			}
		}
		r.cards[call.EndpointID] = call.Fields.ICCID
	}
	return fleet.Reply{Outcome: fleet.Done, ID: call.EndpointID, Sends: 1, Started: time.Now(), Written: time.Now()}
}

// exchanges is a plan in which each of n endpoints gets the card of another one;
// takes[i] is whose, and a negative one begins with a free card.
func exchanges(takes []int) (*plan.Plan, *rack) {
	p, on := &plan.Plan{}, &rack{cards: map[fleet.ID]fleet.ICCID{}, fails: map[string]bool{}}
	card := func(i int) fleet.ICCID { return fleet.ICCID(fmt.Sprintf("893299000001%07d", i)) }
	for i, from := range takes {
		id := fleet.ID(fmt.Sprint(i))
		on.cards[id] = card(i)
		want, after := card(1000+i), (*plan.Place)(nil)
		if from >= 0 {
			want, after = card(from), &plan.Place{Task: from, Step: 0}
		}
		before := &fleet.Endpoint{ID: id, Fields: fleet.Fields{Name: "m" + string(id), ICCID: card(i)}, Status: fleet.StatusPreActive, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
		p.Tasks = append(p.Tasks, plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: before.Name, ICCID: want}}, Before: before,
			Steps: []plan.Step{{Action: fleet.Delink}, {Action: fleet.Link, Set: fleet.Fields{ICCID: want}, After: after}}})
	}
	return p, on
}

func TestAFailedReleaseLeavesItsClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, on := exchanges([]int{1, 2, -1})
		for i := range 2 { // a chain: each waits before it gives up its own card
			s := p.Tasks[i].Steps
			s[0].After, s[1].After = s[1].After, nil
		}
		on.fails["2 delink"] = true
		results, err := do(t.Context(), p, on, Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range results {
			got = append(got, steps(r)+fleet.Message(r.Err))
		}
		want := []string{`delink=not-attempted link=not-attempted not begun: delink waits for delink of "m1", which was not done`,
			`delink=not-attempted link=not-attempted not begun: delink waits for delink of "m2", which was not done`,
			`delink=failed link=not-attempted refused`}
		if !slices.Equal(got, want) || len(on.called) != 1 {
			t.Errorf("after %q got\n%s", on.called, strings.Join(got, "\n"))
		}
		if Unfinished(results) {
			t.Error("the run has something left, which can never be done")
		}
	})
}

// What is given up is taken at once, not when the other's turn comes.
func TestAClaimBringsItsReleaseForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := make([]int, 200)
		for i := range takes {
			takes[i] = -1
		}
		takes[0], takes[199] = 199, 0
		p, on := exchanges(takes)
		if _, err := do(t.Context(), p, on, Options{Workers: 2}); err != nil || len(on.early) > 0 {
			t.Errorf("got %v, early %q", err, on.early)
		}
		if at := slices.Index(on.called, "0 link"); at > 12 {
			t.Errorf("the card was linked by call %d only", at+1)
		}
	})
}

// Whatever is exchanged, whatever fails, whenever it is stopped: the run ends,
// no card is linked before it is free, and what was stopped goes on.
func TestExchangesEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			n := rapid.IntRange(2, 12).Draw(rt, "n")
			takes := rapid.Permutation(numbers(n)).Draw(rt, "takes")
			for i := range takes {
				if takes[i] == i || rapid.IntRange(0, 5).Draw(rt, "free") == 0 {
					takes[i] = -1
				}
			}
			p, on := exchanges(takes)
			for i := range n {
				if rapid.IntRange(0, 9).Draw(rt, "fails") == 0 {
					on.fails[fmt.Sprint(i, " ", rapid.SampledFrom([]string{"delink", "link"}).Draw(rt, "what"))] = true
				}
			}
			opts := Options{Workers: rapid.IntRange(1, 4).Draw(rt, "workers")}
			if rapid.Bool().Draw(rt, "time box") {
				opts.Halt.After = time.Duration(rapid.IntRange(1, 2*n).Draw(rt, "after")) * time.Second
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rapid.IntRange(1, 4*n).Draw(rt, "stopped"))*time.Second)
			results, _ := do(ctx, p, on, opts)
			cancel()
			lied := false
			for i := range results {
				if r := &results[i]; r.done == 1 && r.goesOn() && rapid.IntRange(0, 2).Draw(rt, "lied") == 0 {
					r.finding(journal.Finding{Steps: []fleet.Outcome{rapid.SampledFrom([]fleet.Outcome{fleet.Failed, fleet.Unknown}).Draw(rt, "as"), fleet.NotAttempted}})
					lied = true
				}
			}
			if err := Run(context.Background(), p, results, on, Options{Journal: forgetful{}, Workers: 2}); err != nil {
				rt.Error(err)
			}
			doubts := false
			for i := range results {
				r := &results[i]
				if len(on.fails) == 0 && !lied && r.Outcome != fleet.Done {
					rt.Errorf("%s is %s: %s", r.Task.Label(), steps(*r), fleet.Message(r.Err))
				}
				if r.Steps[0].Outcome != fleet.Done && r.Steps[1].Outcome != fleet.NotAttempted {
					rt.Errorf("%s went on behind what is not done: %s", r.Task.Label(), steps(*r))
				}
				doubts = doubts || r.Steps[0].Outcome == fleet.Unknown
			}
			if len(on.early) > 0 || Unfinished(results) != doubts {
				rt.Errorf("linked before they were free: %q, unfinished %t, after %q", on.early, Unfinished(results), on.called)
			}
		})
	})
}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// Two tasks wait for one that nobody began when the time is up: the one that has not
// begun is left, and the one that has must not wait for ever.
func TestTwoWaitForOneWhenTheTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(id fleet.ID, name string, card fleet.ICCID) *fleet.Endpoint {
			return &fleet.Endpoint{ID: id, Fields: fleet.Fields{Name: name, ICCID: card}, Status: fleet.StatusHold, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
		}
		f := &fake{takes: 4 * time.Second, live: map[fleet.ID]fleet.Endpoint{"3": *at("3", "m3", "893")}, modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldName, fleet.FieldPlan)}}
		p := &plan.Plan{Tasks: []plan.Task{
			{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "new", ICCID: "893"}}, Steps: []plan.Step{{Action: fleet.Create}, {Action: fleet.Link, Set: fleet.Fields{ICCID: "893"}, After: &plan.Place{Task: 3, Step: 0}}}},
			{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "m1"}}, Before: at("1", "m1", ""), Steps: []plan.Step{{Action: fleet.Modify, Set: fleet.Fields{PlanID: "2"}}}},
			{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "m3"}}, Before: at("2", "m2", ""), Steps: []plan.Step{{Action: fleet.Modify, Set: fleet.Fields{Name: "m3"}, After: &plan.Place{Task: 3, Step: 1}}}},
			{Spec: &fleet.Spec{ID: "3", State: fleet.StateAbsent}, Before: at("3", "m3", "893"), Steps: []plan.Step{{Action: fleet.Delink}, {Action: fleet.Delete}}},
		}}
		for after := time.Second; after < 20*time.Second; after += time.Second {
			began := time.Now()
			results, err := do(t.Context(), p, f, Options{Workers: 2, Halt: Halt{After: after}})
			if took := time.Since(began); took > time.Minute {
				t.Errorf("a time box of %s: it took %s (%v): %s", after, took, err, steps(results[0]))
			}
		}
	})
}
