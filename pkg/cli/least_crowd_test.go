package cli

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// crowd is several endpoints of which rows exchange cards and names.
type crowd struct {
	dialect wire.Dialect
	live    []fleet.Endpoint
	specs   []fleet.Spec
	protect []fleet.Glob
	orphans fleet.Orphans // of names that begin with m-
	initial fleet.Status
	seed    uint64 // of how long the calls take
	workers int
}

var (
	crowdCards = simulator.Range("8932042000001234000", 14, "7")
	most       = func(often, seldom int) *rapid.Generator[bool] {
		return rapid.Map(rapid.IntRange(1, often+seldom), func(n int) bool { return n <= often })
	}
)

func drawCrowd(t *rapid.T) *crowd {
	c := &crowd{seed: rapid.Uint64().Draw(t, "seed"), dialect: rapid.SampledFrom(dialects()).Draw(t, "dialect"), workers: rapid.SampledFrom([]int{1, 2, 8}).Draw(t, "workers"),
		initial: rapid.SampledFrom([]fleet.Status{fleet.StatusPreActive, fleet.StatusHold}).Draw(t, "new endpoints are"),
		orphans: rapid.SampledFrom([]fleet.Orphans{fleet.OrphansIgnore, fleet.OrphansIgnore, fleet.OrphansReport, fleet.OrphansSuspend, fleet.OrphansDelete}).Draw(t, "orphans")}
	n := rapid.IntRange(2, 8).Draw(t, "endpoints")
	names := []string{}
	for i := range n {
		e := fleet.Endpoint{ID: fleet.ID(fmt.Sprint(i + 1)), Status: fleet.StatusHold, Fields: fleet.Fields{Name: fmt.Sprint("m-", i), PlanID: anyPlan.Draw(t, "plan"), ServiceProfileID: "SP_1249", SIMProductID: "7", APNGroupID: "PDP_12", RoamingProfileID: "1201"}}
		if most(5, 1).Draw(t, "has a SIM") {
			e.ICCID, e.Status = crowdCards[i].ICCID, statuses.Draw(t, "status")
		}
		c.live, names = append(c.live, e), append(names, e.Name)
	}
	pool := append([]simulator.Card(nil), crowdCards[:n+3]...) // three are free
	if most(4, 1).Draw(t, "cards move") {
		pool = rapid.Permutation(pool).Draw(t, "cards")
	}
	called := append(names[:n:n], "x-1", "x-2")
	if most(1, 1).Draw(t, "names move") {
		called = rapid.Permutation(called).Draw(t, "names")
	}
	listed := rapid.SampledFrom([]int{2, 6, 6}).Draw(t, "listed for one outside")
	for i := range n {
		if most(listed, 1).Draw(t, "is listed") {
			c.specs = append(c.specs, c.drawRow(t, i, called[i], pool[i].ICCID))
		}
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "more rows") {
		s := fleet.Spec{Fields: fleet.Fields{Name: called[n+i], PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7", APNGroupID: "PDP_12", RoamingProfileID: "1201"}}
		c.drawWish(t, &s, pool[n+i].ICCID)
		c.specs = append(c.specs, s)
	}
	if len(c.specs) == 0 {
		c.specs = []fleet.Spec{{Fields: fleet.Fields{Name: "x-3"}, State: fleet.StateAbsent}}
	}
	for i := range c.specs {
		if s := &c.specs[i]; slices.ContainsFunc(c.specs, func(other fleet.Spec) bool { return other.Name == s.PreviousName }) {
			s.ID, s.PreviousName = c.named(s.PreviousName), "" // a file may not say it otherwise
		}
		c.specs[i].Origin = fleet.Origin{File: "fleet.yaml", Line: i + 6}
	}
	for range rapid.IntRange(0, 2).Draw(t, "protected") {
		c.protect = append(c.protect, fleet.Glob(rapid.SampledFrom(called).Draw(t, "protect")))
	}
	return c
}

// named is the id of an endpoint.
func (c *crowd) named(name string) fleet.ID {
	return c.live[slices.IndexFunc(c.live, func(e fleet.Endpoint) bool { return e.Name == name })].ID
}

// drawRow is a row about a live endpoint, which may be called anew.
func (c *crowd) drawRow(t *rapid.T, i int, name string, card fleet.ICCID) fleet.Spec {
	s := fleet.Spec{Fields: fleet.Fields{Name: name, PlanID: anyPlan.Draw(t, "wanted plan"), SIMProductID: "7"}}
	if most(1, 9).Draw(t, "another product") {
		s.SIMProductID = "8"
	}
	fresh := name[0] == 'x'
	switch {
	case fresh && rapid.Bool().Draw(t, "by its previous name"):
		s.PreviousName = c.live[i].Name
	case name != c.live[i].Name || rapid.Bool().Draw(t, "by its id"):
		s.ID = c.live[i].ID
	}
	c.drawWish(t, &s, card)
	return s
}

// drawWish says what is wanted of the SIM and the state.
func (c *crowd) drawWish(t *rapid.T, s *fleet.Spec, card fleet.ICCID) {
	s.State = rapid.SampledFrom([]fleet.State{fleet.StateActive, fleet.StateActive, fleet.StateActive, fleet.StatePreActive, fleet.StateUnmanaged, fleet.StateUnmanaged, fleet.StateSuspended, fleet.StateAbsent}).Draw(t, "state")
	switch rapid.IntRange(0, 7).Draw(t, "SIM") {
	case 0:
		s.ClearSIM = s.State != fleet.StateActive && s.State != fleet.StateSuspended
	case 1:
	default:
		s.ICCID = card
		s.Relink = most(2, 1).Draw(t, "relink")
	}
	if s.State == fleet.StateAbsent {
		s.ICCID, s.Relink = "", false
	}
}

// drawFromStock lets some rows that name no SIM take one from stock.
func (c *crowd) drawFromStock(t *rapid.T) {
	for i := range c.specs {
		s := &c.specs[i]
		s.AutoSIM = s.ICCID == "" && !s.ClearSIM && !s.Relink && rapid.Bool().Draw(t, "from stock")
	}
}

func (c *crowd) String() string {
	text := fmt.Sprintf("protected %v, orphans %s, %d workers, new endpoints are %s\n", c.protect, c.orphans, c.workers, c.initial)
	for _, e := range c.live {
		text += fmt.Sprintf("live %s: %s %+v\n", e.ID, e.Status, e.Fields)
	}
	for _, s := range c.specs {
		text += fmt.Sprintf("row %s %q (was %q): %+v, state %q, clear %t, from stock %t, relink %t\n", s.ID, s.Name, s.PreviousName, s.Fields, s.State, s.ClearSIM, s.AutoSIM, s.Relink)
	}
	return text
}

func (c *crowd) policy() fleet.Policy {
	return fleet.Policy{File: "fleet.yaml", Scope: []fleet.Glob{"m-*"}, Orphans: c.orphans}
}

func (c *crowd) fleet() *fleet.Fleet {
	return &fleet.Fleet{Specs: slices.Clone(c.specs), Protect: c.protect, Policies: []fleet.Policy{c.policy()}}
}

// simulator is the platform of a crowd. How long a call takes depends on what it
// is about, so that no order of calls comes about by itself.
func (c *crowd) simulator() *simulator.Simulator {
	return simulator.New(simulator.WithInitialStatus(c.initial), simulator.WithFaultFunc(c.slow),
		simulator.WithStock(simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: crowdCards, Endpoints: c.live}))
}

func (c *crowd) slow(e simulator.Event) (simulator.Effect, time.Duration) {
	if !e.Op.Mutates() {
		return simulator.NoEffect, 0
	}
	h := fnv.New64a()
	fmt.Fprint(h, c.seed, e.Op, e.Row)
	return simulator.Slow, time.Duration(h.Sum64()%4) * 7 * time.Second
}

// do plans a crowd on a platform, under limits, and applies that.
func (c *crowd) do(sim *simulator.Simulator, limits plan.Limits) (p *plan.Plan, run *report.Run, again *plan.Plan, err error) {
	ctx, want := context.Background(), c.fleet()
	alarm := time.AfterFunc(3*time.Hour, func() { panic("the run does not end:\n" + c.String()) })
	defer alarm.Stop()
	s, err := sessionIn(c.dialect, sim, 0, c.workers)
	if err != nil {
		return nil, nil, nil, err
	}
	p, l, err := s.planFiles(ctx, quiet, want, terms{limits: limits})
	if err != nil {
		return nil, nil, nil, err
	}
	if stuck := inTurn(p, func(*plan.Task, int) bool { return true }); stuck != "" {
		return nil, nil, nil, errors.New(stuck + "\n" + planText(p))
	}
	if run, err = s.do(ctx, want, p, l); err != nil {
		return p, nil, nil, err
	}
	again, _, err = s.planFiles(ctx, quiet, want, terms{limits: limits})
	return p, run, again, err
}
