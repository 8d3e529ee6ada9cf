package cli

import (
	"context"
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
	c := &crowd{seed: rapid.Uint64().Draw(t, "seed"), workers: rapid.SampledFrom([]int{1, 2, 8}).Draw(t, "workers"),
		initial: rapid.SampledFrom([]fleet.Status{fleet.StatusPreActive, fleet.StatusHold}).Draw(t, "new endpoints are"),
		orphans: rapid.SampledFrom([]fleet.Orphans{fleet.OrphansIgnore, fleet.OrphansIgnore, fleet.OrphansReport, fleet.OrphansSuspend, fleet.OrphansDelete}).Draw(t, "orphans")}
	n := rapid.IntRange(2, 8).Draw(t, "endpoints")
	names := []string{}
	for i := range n {
		e := fleet.Endpoint{ID: fleet.ID(fmt.Sprint(i + 1)), Status: fleet.StatusHold, Fields: fleet.Fields{Name: fmt.Sprint("m-", i), PlanID: anyPlan.Draw(t, "plan"), ServiceProfileID: "SP_1249", SIMProductID: "7"}}
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
		s := fleet.Spec{Fields: fleet.Fields{Name: called[n+i], PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}}
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

func (c *crowd) String() string {
	text := fmt.Sprintf("protected %v, orphans %s, %d workers, new endpoints are %s\n", c.protect, c.orphans, c.workers, c.initial)
	for _, e := range c.live {
		text += fmt.Sprintf("live %s: %s %+v\n", e.ID, e.Status, e.Fields)
	}
	for _, s := range c.specs {
		text += fmt.Sprintf("row %s %q (was %q): %+v, state %q, clear %t, relink %t\n", s.ID, s.Name, s.PreviousName, s.Fields, s.State, s.ClearSIM, s.Relink)
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

// fate is what ought to become of a row, or of an endpoint that no row is about.
type fate struct {
	spec   *fleet.Spec     // nil of an endpoint outside the files
	live   *fleet.Endpoint // nil of one that is to be made, or is not there anyway
	exempt bool            // the contract refuses the row by who it is
	taken  bool            // its SIM goes to a row that says relink
	matter
	verdict
}

// fates are those of the rows in their order, then those of the endpoints outside
// the files.
type fates struct {
	all   []*fate
	judge *judge
	crowd *crowd
}

// foretell works out what ought to become of a crowd.
func (c *crowd) foretell(j *judge) *fates {
	f := &fates{judge: j, crowd: c}
	for i := range c.specs {
		f.all = append(f.all, c.recognise(&c.specs[i]))
	}
	for i := range f.all {
		for k := range f.all[:i] {
			if f.all[i].live != nil && f.all[i].live == f.all[k].live {
				f.all[i].exempt, f.all[k].exempt = true, true
			}
		}
	}
	for i := range c.live {
		if e := &c.live[i]; f.of(e) == nil {
			f.all = append(f.all, &fate{live: e})
		}
	}
	for _, one := range f.all {
		one.matter = f.matterOf(one)
	}
	f.grantNames()
	f.grantCards()
	f.release()
	return f
}

// recognise finds the endpoint that a row is about.
func (c *crowd) recognise(s *fleet.Spec) *fate {
	find := func(fits func(*fleet.Endpoint) bool) *fleet.Endpoint {
		for i := range c.live {
			if fits(&c.live[i]) {
				return &c.live[i]
			}
		}
		return nil
	}
	if s.ID != "" {
		return &fate{spec: s, live: find(func(e *fleet.Endpoint) bool { return e.ID == s.ID })}
	}
	one := &fate{spec: s, live: find(func(e *fleet.Endpoint) bool { return e.Name == s.Name })}
	if old := find(func(e *fleet.Endpoint) bool { return e.Name == s.PreviousName }); old != nil {
		one.exempt = one.live != nil
		if one.live == nil {
			one.live = old
		}
	}
	return one
}

// of is the fate of a row that is about an endpoint.
func (f *fates) of(e *fleet.Endpoint) *fate {
	i := slices.IndexFunc(f.all, func(one *fate) bool { return one.live == e })
	if i < 0 {
		return nil
	}
	return f.all[i]
}

func (f *fates) holder(fits func(*fleet.Endpoint) bool) *fate {
	i := slices.IndexFunc(f.all, func(one *fate) bool { return one.live != nil && fits(one.live) })
	if i < 0 {
		return nil
	}
	return f.all[i]
}

// matterOf tells a fate to the judge, in the judge's names.
func (f *fates) matterOf(one *fate) (m matter) {
	if one.live != nil {
		m.start = one.plight(*one.live)
		m.protected = fleet.MatchAny(f.crowd.protect, one.live.Name)
	}
	if one.spec == nil {
		m.want = f.orphan(one)
		return m
	}
	m.want = *one.spec
	m.want.Relink = false // that a card is held is told otherwise
	m.want.Fields = one.plight(fleet.Endpoint{Fields: one.spec.Fields}).Fields
	m.protected = m.protected || one.spec.Name != "" && fleet.MatchAny(f.crowd.protect, one.spec.Name)
	return m
}

// plight is how an endpoint stands, in the judge's names.
func (one *fate) plight(e fleet.Endpoint) plight {
	p := plight{there: true, Fields: e.Fields, status: e.Status}
	switch {
	case one.live != nil && e.Name == one.live.Name:
		p.Name = subjectName
	case one.spec != nil && e.Name == one.spec.Name && e.Name != "":
		p.Name = "n"
	}
	switch {
	case e.ICCID == "":
	case one.live != nil && e.ICCID == one.live.ICCID:
		p.ICCID = ownCard
	case one.spec != nil && e.ICCID == one.spec.ICCID:
		p.ICCID = newCard
	}
	return p
}

// orphan is what the policy wants of an endpoint that no row lists in any way.
func (f *fates) orphan(one *fate) (wish fleet.Spec) {
	e := one.live
	listed := slices.ContainsFunc(f.crowd.specs, func(s fleet.Spec) bool { return e.ICCID != "" && s.ICCID == e.ICCID }) && !one.taken
	switch {
	case listed || f.crowd.lists(e.Name):
	case f.crowd.orphans == fleet.OrphansDelete:
		wish.State = fleet.StateAbsent
	case f.crowd.orphans == fleet.OrphansSuspend && e.Status == fleet.StatusActive && !one.taken:
		wish.State = fleet.StateSuspended
	}
	return wish
}

// lists says whether a name is that of a row, or out of scope.
func (c *crowd) lists(name string) bool {
	return name[0] != 'm' || slices.ContainsFunc(c.specs, func(s fleet.Spec) bool { return s.Name == name || s.PreviousName == name })
}

// judgeAll rules on every fate anew, and says whether any ruling changed.
func (f *fates) judgeAll() (changed bool) {
	for _, one := range f.all {
		before := one.verdict
		if one.verdict = (verdict{refused: one.wishes()}); !one.exempt {
			one.verdict = f.judge.rule(one.matter)
		}
		changed = changed || one.verdict != before
	}
	return changed
}

// grantNames gives names to rows: first those that nobody bears, then those that
// become free by that. Names that wait for each other in a circle are never given.
func (f *fates) grantNames() {
	bearer := func(one *fate) *fate {
		if one.spec == nil || one.live == nil || one.spec.Name == "" || one.spec.Name == one.live.Name {
			return nil
		}
		return f.holder(func(e *fleet.Endpoint) bool { return e.Name == one.spec.Name })
	}
	for _, one := range f.all {
		one.nameTaken = bearer(one) != nil
	}
	for f.judgeAll() {
		for _, one := range f.all {
			if b := bearer(one); b != nil {
				one.nameTaken = !b.leavesName()
			}
		}
	}
}

func (one *fate) leavesName() bool {
	gone := one.want.State == fleet.StateAbsent && one.verdict.done != 0
	return gone || one.verdict.done.Has(fleet.FieldName) && one.want.Name != subjectName
}

// grantCards takes cards back from rows whose holder keeps them after all, until
// nobody waits for what does not come. What is exchanged in a circle is given.
func (f *fates) grantCards() {
	for changed := true; changed; changed = f.judgeAll() {
		for _, one := range f.all {
			one.start.held = f.held(one)
		}
	}
}

func (f *fates) held(one *fate) bool {
	holder := f.holderFor(one)
	switch {
	case holder == nil:
		return false
	case holder.spec == nil:
		return !one.spec.Relink || holder.protected
	}
	return !holder.leavesCard()
}

// holderFor is who else has the card that a row wants.
func (f *fates) holderFor(one *fate) *fate {
	if one.spec == nil || one.spec.ICCID == "" {
		return nil
	}
	holder := f.holder(func(e *fleet.Endpoint) bool { return e.ICCID == one.spec.ICCID })
	if holder == one {
		return nil
	}
	return holder
}

func (one *fate) leavesCard() bool {
	if one.verdict.done&simAndState == 0 {
		return false
	}
	return one.want.State == fleet.StateAbsent || one.want.ClearSIM || one.want.ICCID == newCard
}

// release notes which endpoints outside the files lose their SIM. Then no row lists
// them any more.
func (f *fates) release() {
	for _, one := range f.all {
		if h := f.holderFor(one); h != nil && h.spec == nil && one.verdict.done&simAndState != 0 {
			h.taken = true
			h.want = f.orphan(h)
			h.verdict = f.judge.rule(h.matter)
		}
	}
}

// steps is how many there are for a fate at least.
func (one *fate) leastSteps() int {
	if one.taken && one.want.State != fleet.StateAbsent {
		return 1
	}
	return one.verdict.steps
}

// planned checks a plan: each row and each endpoint has the least steps, and
// refused is what cannot be done.
func (f *fates) planned(p *plan.Plan) string {
	total := 0
	for i, one := range f.all {
		total += one.leastSteps()
		if one.spec == nil {
			continue
		}
		t := p.Tasks[i]
		switch {
		case len(t.Steps) != one.leastSteps():
			return fmt.Sprintf("row %d takes %d steps, and %d will do", i+1, len(t.Steps), one.leastSteps())
		case (len(t.Refused) > 0) != (one.verdict.refused != 0):
			return fmt.Sprintf("row %d: refused are %q, want %s", i+1, t.Refused, one.verdict.refused)
		}
	}
	steps, early := 0, 0
	for _, t := range p.Tasks {
		steps += len(t.Steps)
		for k, s := range t.Steps {
			if s.Action == fleet.Link && s.After != nil && k > 0 && t.Steps[k-1].Action == fleet.Delink {
				early++
			}
		}
	}
	if circles := f.circles(); early != circles {
		return fmt.Sprintf("%d rows give up their SIM before the new one is free, and %d have to, one in each circle", early, circles)
	}
	if steps != total {
		return fmt.Sprintf("the plan has %d steps, and all of them need %d", steps, total)
	}
	return ""
}

// circles is how many circles there are of rows that exchange their SIMs.
func (f *fates) circles() (n int) {
	next := func(one *fate) *fate {
		if h := f.holderFor(one); h != nil && one.verdict.done&simAndState != 0 {
			return h
		}
		return nil
	}
	for i, one := range f.all {
		least := i
		at := next(one)
		for steps := 0; at != nil && at != one && steps < len(f.all); steps++ {
			least, at = min(least, slices.Index(f.all, at)), next(at)
		}
		if at == one && least == i { // each is counted from its first row
			n++
		}
	}
	return n
}

// fulfilled checks the platform after an apply: everybody is where it ought to be,
// and nobody lost its SIM without need, not even for a while.
func (f *fates) fulfilled(sim *simulator.Simulator) string {
	live, delinks, seen := sim.Endpoints(), map[fleet.ID]int{}, map[fleet.ID]bool{}
	for _, e := range sim.Log() {
		if e.Op == wire.OpDelink && e.Applied {
			delinks[e.EndpointID]++
		}
	}
	for i, one := range f.all {
		at := slices.IndexFunc(live, func(e fleet.Endpoint) bool {
			return one.live != nil && e.ID == one.live.ID || one.live == nil && e.Name == one.spec.Name && !slices.ContainsFunc(f.crowd.live, func(old fleet.Endpoint) bool { return old.ID == e.ID })
		})
		p := plight{}
		if at >= 0 {
			p = one.plight(live[at])
			seen[live[at].ID] = true
		}
		if wrong := one.ended(p); wrong != "" {
			return fmt.Sprintf("number %d: %s", i+1, wrong)
		}
		if one.live != nil && delinks[one.live.ID] != one.delinks() {
			return fmt.Sprintf("number %d was de-linked %d times, want %d", i+1, delinks[one.live.ID], one.delinks())
		}
	}
	if len(live) != len(seen) {
		return fmt.Sprintf("%d endpoints are live, want %d", len(live), len(seen))
	}
	return ""
}

func (one *fate) ended(p plight) string {
	switch {
	case one.taken && one.want.State != fleet.StateAbsent:
		if p.ICCID != "" || p.status != fleet.StatusHold {
			return fmt.Sprintf("it ends as %s, and another row takes its SIM", p)
		}
		return ""
	case one.live == nil && one.verdict.done == 0:
		if p.there {
			return fmt.Sprintf("it is made as %s", p)
		}
		return ""
	}
	p.held = one.start.held
	m := one.matter
	if one.verdict.done == 0 && p != m.start || one.verdict.done != 0 && !m.met(one.verdict.done, p) || !m.left(one.verdict.done, p) {
		return fmt.Sprintf("it ends as %s, want %s of:\n%s", p, one.verdict.done, m)
	}
	return ""
}

// delinks is how often an endpoint needs to lose its SIM.
func (one *fate) delinks() int {
	if one.live.ICCID != "" && (one.taken || one.leavesCard()) {
		return 1
	}
	return 0
}

// settled checks the plan after an apply: nothing is left but what was refused.
func (f *fates) settled(again *plan.Plan) string {
	for i, t := range again.Tasks {
		if i >= len(f.crowd.specs) { // of an endpoint outside the files
			if len(t.Steps) > 0 {
				return fmt.Sprintf("%s would be changed again", t.Label())
			}
			continue
		}
		switch one := f.all[i]; {
		case one.exempt: // what was in its way may be gone
		case len(t.Steps) > 0:
			return fmt.Sprintf("row %d would be changed again", i+1)
		case (len(t.Refused) > 0) != (one.verdict.refused != 0):
			return fmt.Sprintf("row %d: refused are %q after the apply, want %s", i+1, t.Refused, one.verdict.refused)
		}
	}
	return ""
}

// do plans a crowd on a platform, under limits, and applies that.
func (c *crowd) do(sim *simulator.Simulator, limits plan.Limits) (p *plan.Plan, run *report.Run, again *plan.Plan, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
	defer cancel()
	want := c.fleet()
	s, err := sessionOn(sim, 0, c.workers)
	if err != nil {
		return nil, nil, nil, err
	}
	p, l, err := s.planFiles(ctx, quiet, want, terms{limits: limits})
	if err != nil {
		return nil, nil, nil, err
	}
	if run, err = s.do(ctx, want, p, l); err != nil {
		return p, nil, nil, err
	}
	again, _, err = s.planFiles(ctx, quiet, want, terms{limits: limits})
	return p, run, again, err
}
