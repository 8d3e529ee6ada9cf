package plan

import (
	"fmt"
	"slices"

	"sftctl/pkg/fleet"
)

// Place is a step of a plan.
type Place struct {
	Task int `json:"task"`
	Step int `json:"step"`
}

// What one task gives up and another one claims is a SIM or a name. Rows are
// planned as if every endpoint that a row is about gave up what is claimed of it;
// where its own task turns out to keep that, the claim is planned again, and
// refused.

// moves are the claims of a plan on what its other tasks give up.
type moves struct {
	owner map[*fleet.Endpoint]int32 // the task of each live endpoint that has one
	cards map[*fleet.Endpoint]bool  // those that turned out to keep their SIM
	names map[*fleet.Endpoint]string
}

// claim is the place that gives up what a step needs; which step of the task that
// is, is filled in when all tasks have their steps. It is nil when nothing does.
func (m *moves) claim(of *fleet.Endpoint) *Place {
	task, ok := m.owner[of]
	if !ok {
		return nil
	}
	return &Place{Task: int(task), Step: -1}
}

func (m *moves) card(of *fleet.Endpoint) *Place {
	if m.cards[of] {
		return nil
	}
	return m.claim(of)
}

func (m *moves) name(of *fleet.Endpoint) *Place {
	if m.names[of] != "" {
		return nil
	}
	return m.claim(of)
}

// gives finds the step by which a task gives up what is claimed: its endpoint's SIM,
// or its name; -1 when none does.
func (t *Task) gives(claimed fleet.Action) int {
	return slices.IndexFunc(t.Steps, func(s Step) bool { return s.givesUp(claimed) })
}

// givesUp says whether a step gives up what a step of some kind may claim: a SIM for
// one that links, or makes place for that, else a name.
func (s Step) givesUp(claimed fleet.Action) bool {
	if claimed == fleet.Link || claimed == fleet.Delink {
		return s.Action == fleet.Delink
	}
	return s.Action == fleet.Delete || s.Action == fleet.Modify && s.Set.Name != ""
}

// settleMoves finds the step that each claim waits for.
func (b *builder) settleMoves() {
	claims := b.settleClaims()
	for claims && b.refuseExchangedNames() {
		claims = b.settleClaims()
	}
	if claims {
		b.waitBeforeDelinks()
	}
}

// settleClaims points claims at steps, and plans again what claims something that
// is kept. It is false when nobody claims anything.
func (b *builder) settleClaims() bool {
	claims, by := b.claims()
	for len(claims) > 0 {
		i := claims[len(claims)-1]
		claims = claims[:len(claims)-1]
		if !b.granted(i) {
			b.fill(i)
			claims = append(append(claims, i), by[i]...)
		}
	}
	return len(by) > 0
}

// claims are the tasks that claim something, and for each task those that claim
// something of it.
func (b *builder) claims() (all []int, by map[int][]int) {
	by = map[int][]int{}
	for i := range b.tasks {
		for k := range b.tasks[i].Steps {
			if after := b.tasks[i].Steps[k].After; after != nil {
				all = append(all, i)
				by[after.Task] = append(by[after.Task], i)
			}
		}
	}
	return all, by
}

// granted points the claims of a task at steps; it is false when one of them is
// for what is kept, which is noted.
func (b *builder) granted(i int) bool {
	for k := range b.tasks[i].Steps {
		s := &b.tasks[i].Steps[k]
		if s.After == nil {
			continue
		}
		giver := &b.tasks[s.After.Task]
		if s.After.Step = giver.gives(s.Action); s.After.Step >= 0 {
			continue
		}
		if s.Action == fleet.Link {
			b.moves.cards[giver.Before] = true
		} else {
			b.moves.names[giver.Before] = "whose row keeps it, or is refused"
		}
		return false
	}
	return true
}

// refuseExchangedNames refuses renames that wait for each other in a circle: there
// is no order in which no two endpoints have one name. It is true when there was
// one.
func (b *builder) refuseExchangedNames() bool {
	all := circles(len(b.tasks), func(i int) int {
		k := b.tasks[i].gives(fleet.Modify)
		if k < 0 || b.tasks[i].Steps[k].After == nil {
			return -1
		}
		return b.tasks[i].Steps[k].After.Task
	})
	for _, circle := range all {
		for _, i := range circle {
			b.moves.names[b.tasks[i].Before] = "and that one waits, directly or not, for the name of this one; rename one of them to a third name first"
		}
		for _, i := range circle {
			b.fill(i)
		}
	}
	return len(all) > 0
}

// waitBeforeDelinks lets a swap wait for its new SIM before it gives up the old
// one: the device is without a SIM for the shortest time, and keeps the old one
// when the new one does not come. In a circle one of them has to begin.
func (b *builder) waitBeforeDelinks() {
	for i := range b.tasks {
		b.hoist(i)
	}
	for _, circle := range circles(len(b.tasks), func(i int) int {
		if k := b.tasks[i].gives(fleet.Link); k >= 0 && b.tasks[i].Steps[k].After != nil {
			return b.tasks[i].Steps[k].After.Task
		}
		return -1
	}) {
		b.lower(slices.Min(circle))
	}
}

// hoist moves a claim from the link of a task to its de-link, if it has one.
func (b *builder) hoist(i int) {
	steps := b.tasks[i].Steps
	k := b.tasks[i].gives(fleet.Link)
	if k >= 0 && k+1 < len(steps) && steps[k+1].Action == fleet.Link {
		steps[k].After, steps[k+1].After = steps[k+1].After, nil
	}
}

// lower moves it back.
func (b *builder) lower(i int) {
	steps, k := b.tasks[i].Steps, b.tasks[i].gives(fleet.Link)
	steps[k+1].After, steps[k].After = steps[k].After, nil
}

// circles are those of a graph in which every node has one successor at most,
// -1 where it has none.
func circles(n int, next func(int) int) (all [][]int) {
	walk := make([]int32, n) // in which walk a node was seen
	for start := range n {
		i := start
		for i >= 0 && walk[i] == 0 {
			walk[i] = int32(start + 1)
			i = next(i)
		}
		if i < 0 || walk[i] != int32(start+1) {
			continue
		}
		circle := []int{i}
		for j := next(i); j != i; j = next(j) {
			circle = append(circle, j)
		}
		all = append(all, circle)
	}
	return all
}

// relinks adds tasks for endpoints outside the files that give up a SIM to a row
// which says relink.
func (b *builder) relinks(want *fleet.Fleet) {
	defer func() { b.bare = bareOrphans(want, b.tasks[b.rows:]) }()
	unfit := b.namedByUnfit()
	for i := range b.tasks[:b.rows] {
		spec := b.tasks[i].Spec
		if !spec.Relink || spec.ICCID == "" {
			continue
		}
		live, others := b.have.ByICCID(spec.ICCID)
		if _, owned := b.moves.owner[live]; live == nil || len(others) > 0 || owned || unfit.has(live) {
			continue
		}
		b.moves.owner[live] = int32(len(b.tasks))
		b.tasks = append(b.tasks, Task{Before: live, Note: fmt.Sprintf("no file lists it, and %s takes its SIM (%s:%d, relink)", fleet.Quote(b.tasks[i].Label()), fleet.Printable(spec.Origin.File), spec.Origin.Line)})
	}
}

// namedByUnfit are the endpoints that rows name of which nobody knows what they are
// about: nothing is taken from what they may mean. A row with an id means that one,
// which has an owner.
func (b *builder) namedByUnfit() listed {
	var specs []fleet.Spec
	for i, unfit := range b.unfit {
		if unfit && b.tasks[i].Spec.ID == "" {
			specs = append(specs, *b.tasks[i].Spec)
		}
	}
	l := listedBy(specs)
	l.iccids = nil
	return l
}

// relink plans that an endpoint outside the files gives up its SIM.
func (b *builder) relink(t *Task) {
	if b.protected(t) {
		t.refuse("it is protected, and SIM %s would be de-linked", t.Before.ICCID)
		return
	}
	t.step(fleet.Delink, fleet.Fields{}, "SIM %s goes to another endpoint", t.Before.ICCID)
	if b.bare[t.Before] {
		t.step(fleet.Delete, fleet.Fields{}, "orphans are to be deleted")
	}
}

// dropIdleRelinks removes the tasks of endpoints whose SIM nobody takes after all.
func (b *builder) dropIdleRelinks() {
	if len(b.tasks) == b.rows {
		return
	}
	_, by := b.claims()
	b.compact(func(i int) bool { return i < b.rows || len(by[i]) > 0 })
}

// compact keeps some tasks. What they wait for must be among them.
func (b *builder) compact(keeps func(int) bool) {
	place, kept, rows := make([]int, len(b.tasks)), b.tasks[:0], 0
	for i := range b.tasks {
		if !keeps(i) {
			continue
		}
		if place[i] = len(kept); i < b.rows {
			rows++
		}
		kept = append(kept, b.tasks[i])
	}
	b.tasks, b.rows = kept, rows
	for i := range b.tasks {
		for k := range b.tasks[i].Steps {
			if after := b.tasks[i].Steps[k].After; after != nil {
				after.Task = place[after.Task]
			}
		}
	}
}
