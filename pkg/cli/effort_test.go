package cli

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// transient are faults that pass: the next attempt fares as if nothing had been.
var transient = []simulator.Effect{
	simulator.HTTP503Before, simulator.HTTP503After, simulator.DropBefore, simulator.DropAfter, simulator.TimeoutApplied,
	simulator.TimeoutLate, simulator.UnsureApplied, simulator.HangApplied, simulator.CutBody, simulator.HTTP504After,
}

// What faults cost in calls: with none of them nothing but what is needed, and
// little more with few.
func TestEffort(t *testing.T) {
	const rows = 1000
	for _, tt := range []struct {
		perMil uint64
		most   float64
	}{{0, 1.00}, {10, 1.03}, {50, 1.15}} {
		t.Run(fmt.Sprint(tt.perMil), func(t *testing.T) {
			w := &schedule{seed: 7, perMil: tt.perMil, effects: transient}
			all, necessary := effort(t, w, rows)
			ratio := float64(all) / float64(necessary)
			t.Logf("faults %g %%: %d calls, %d necessary: %.3f", float64(tt.perMil)/10, all, necessary, ratio)
			if ratio > tt.most {
				t.Errorf("got %.3f calls for each that is necessary, want at most %.2f", ratio, tt.most)
			}
		})
	}
}

// effort onboards a fleet at the platform's pace and counts the calls that the
// platform saw, logins left out, and those that were necessary: the steps, the
// look-ups and the pages of two listings.
func effort(t *testing.T, w *schedule, rows int) (all, necessary int) {
	cards := simulator.Range("893204200000123400", rows, "7")
	want := &fleet.Fleet{Policies: []fleet.Policy{{}}}
	for i := range rows {
		want.Specs = append(want.Specs, fleet.Spec{State: fleet.StateActive, Fields: fleet.Fields{Name: fmt.Sprint("m-", i), PlanID: "100234",
			ServiceProfileID: "SP_1249", SIMProductID: "7", ICCID: cards[i].ICCID}})
	}
	synctest.Test(t, func(t *testing.T) {
		stock := simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: cards}
		sim := simulator.New(simulator.WithStock(stock), simulator.WithLatency(2*time.Second), simulator.WithFaultFunc(w.passing))
		s, err := sessionOn(sim, 1.8, 360)
		if err != nil {
			t.Fatal(err)
		}
		p, l, err := s.planFiles(t.Context(), quiet, want, terms{limits: plan.Unlimited})
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.do(t.Context(), want, p, l)
		if err != nil || run.Worst() != fleet.Done {
			t.Fatalf("got %v, %v", run.Count(), err)
		}
		counts := sim.Counts()
		for op, n := range counts {
			if op != wire.OpLogin && op != wire.OpRefresh {
				all += n
			}
		}
		page := (rows + 249) / 250 // rows of a page at most
		lookUps := counts[wire.OpSIMProducts]
		necessary = p.Counts.Calls + lookUps + 2 + 3*page // the first listing of endpoints is an empty page, which is asked for twice
		t.Logf("%v, %d reads to settle, %s", counts, run.Settles, run.Ended.Sub(run.Started))
	})
	return all, necessary
}

// passing is a fault of a first attempt.
func (w *schedule) passing(e simulator.Event) (simulator.Effect, time.Duration) {
	if e.Attempt > 1 || !e.Op.Mutates() {
		return simulator.NoEffect, 0
	}
	return w.fault(e)
}
