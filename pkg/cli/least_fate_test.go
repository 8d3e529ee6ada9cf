package cli

import (
	"fmt"
	"slices"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// fate is what ought to become of a row, or of an endpoint that no row is about.
type fate struct {
	lacks  fleet.FieldSet  // what the dialect does not manage
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
	m.dialect, one.lacks = f.crowd.dialect, f.crowd.dialect.Abilities().Lacks
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
	if m.dialect == (wire.Collection{}) {
		m.product = one.spec.SIMProductID
	}
	m.protected = m.protected || one.spec.Name != "" && fleet.MatchAny(f.crowd.protect, one.spec.Name)
	return m
}

// calls are the steps of a task, without those that ride in the call of another.
func calls(t *plan.Task) (n int) {
	for _, s := range t.Steps {
		if !s.Joined {
			n++
		}
	}
	return n
}

// plight is how an endpoint stands, in the judge's names.
func (one *fate) plight(e fleet.Endpoint) plight {
	p := plight{there: true, Fields: e.Fields.Only(^one.lacks), status: e.Status}
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
		case calls(&t) != one.leastSteps():
			return fmt.Sprintf("row %d takes %d steps, and %d will do", i+1, calls(&t), one.leastSteps())
		case (len(t.Refused) > 0) != (one.verdict.refused != 0):
			return fmt.Sprintf("row %d: refused are %q, want %s", i+1, t.Refused, one.verdict.refused)
		}
	}
	steps, early := 0, 0
	for _, t := range p.Tasks {
		steps += calls(&t)
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
