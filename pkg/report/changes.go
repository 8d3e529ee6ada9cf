package report

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// bounds are how much of a section is listed.
type bounds struct {
	groups  int // kinds of change
	singles int // endpoints one by one
	names   int // names of all groups together; none means some examples of each
}

// What may cut off a device is listed by name as far as anybody would read.
var (
	ordinary = bounds{groups: 20, singles: 20}
	painful  = bounds{groups: 100, singles: 100, names: 300}
	refusals = bounds{groups: 20, singles: 20, names: 100}
)

// examples is how many names stand for a group.
const examples = 3

// sections are a plan's tasks: what hurts, what else changes, what is refused,
// what is only reported, what needs nothing.
func sections(p *plan.Plan, opts Options) []section {
	d := details{p, opts}
	hurts := d.pick(func(t *plan.Task) bool { return len(t.Steps) > 0 && hurting(t) })
	changes := d.pick(func(t *plan.Task) bool { return len(t.Steps) > 0 && !hurting(t) })
	reported := d.pick(func(t *plan.Task) bool { return t.Orphan() && !active(t) && !p.Rests(t) })
	resting := d.pick(p.Rests)
	all := []section{
		d.changes("what may cut off a device: "+d.tally(hurts), hurts, painful),
		d.changes(other(hurts)+fleet.Count(len(changes), "endpoint"), changes, ordinary),
		d.refused(),
		d.changes("only reported: "+fleet.Count(len(reported), "endpoint"), reported, painful),
		d.changes("orphans that are suspended already, or not active: "+fleet.Count(len(resting), "endpoint"), resting, ordinary),
	}
	if opts.Full {
		same := d.pick(func(t *plan.Task) bool { return !t.Orphan() && !active(t) })
		all = append(all, d.changes("as they should be: "+fleet.Count(len(same), "endpoint"), same, ordinary))
	}
	return slices.DeleteFunc(all, func(s section) bool { return s.Title == "" })
}

// other is how the changes are called that do not hurt.
func other(hurts []*plan.Task) string {
	if len(hurts) > 0 {
		return "other changes: "
	}
	return "changes: "
}

// details turns tasks into entries.
type details struct {
	plan *plan.Plan
	opts Options
}

func (d details) pick(is func(*plan.Task) bool) []*plan.Task {
	var picked []*plan.Task
	for i := range d.plan.Tasks {
		if is(&d.plan.Tasks[i]) {
			picked = append(picked, &d.plan.Tasks[i])
		}
	}
	return picked
}

// active says whether there is something that will be done, or that will not.
func active(t *plan.Task) bool { return len(t.Steps) > 0 || len(t.Refused) > 0 }

func hurting(t *plan.Task) bool {
	return slices.ContainsFunc(t.Steps, func(s plan.Step) bool { return s.Action.Hurts() })
}

// tally counts the steps that hurt: "4 endpoints (3 delink, 1 delete)".
func (d details) tally(tasks []*plan.Task) string {
	var parts []string
	for _, action := range fleet.Actions {
		if n := d.plan.Counts.Step(action); n > 0 && action.Hurts() {
			parts = append(parts, fleet.Number(n)+" "+action.String())
		}
	}
	return fmt.Sprintf("%s (%s)", fleet.Count(len(tasks), "endpoint"), strings.Join(parts, ", "))
}

// changes are the section of tasks that change, or that have only a note.
func (d details) changes(title string, tasks []*plan.Task, b bounds) section {
	if len(tasks) == 0 {
		return section{}
	}
	if d.opts.Full {
		return section{Title: title, Singles: d.singles(tasks)}
	}
	groups, singles := apart(alike(tasks, equal))
	s := section{Title: title, Singles: d.singles(singles[:min(len(singles), b.singles)])}
	names := b.names
	for _, g := range groups[:min(len(groups), b.groups)] {
		e := entry{Sign: worstSign(g[0]), Count: fleet.Count(len(g), "endpoint"), Text: together(g[0])}
		if b.names > 0 {
			e.list(g, &names)
		} else {
			e.exemplify(g)
		}
		s.Groups = append(s.Groups, e)
	}
	s.More = leftOut(groups[len(s.Groups):], len(singles)-b.singles)
	return s
}

// apart tells groups from what is by itself.
func apart[T any](all [][]T) (groups [][]T, singles []T) {
	for _, g := range all {
		if len(g) > 1 {
			groups = append(groups, g)
			continue
		}
		singles = append(singles, g[0])
	}
	return groups, singles
}

func leftOut[T any](groups [][]T, singles int) string {
	n := max(singles, 0)
	for _, g := range groups {
		n += len(g)
	}
	return andMore(n)
}

// list gives an entry the names of its tasks, as many as the budget has left and
// at least a few.
func (e *entry) list(tasks []*plan.Task, budget *int) {
	n := min(len(tasks), max(examples, *budget))
	*budget -= n
	for _, t := range tasks[:n] {
		n := shown(t.Label())
		n.Card = fromStock(t)
		e.Names = append(e.Names, n)
	}
	e.More = andMore(len(tasks) - n)
}

// fromStock is the card that a task takes from stock; empty when it takes none.
func fromStock(t *plan.Task) string {
	for _, s := range t.Steps {
		if s.Action == fleet.Link && t.Spec.AutoSIM {
			return fleet.Printable(string(s.Set.ICCID))
		}
	}
	return ""
}

// exemplify gives an entry a few names of many.
func (e *entry) exemplify(tasks []*plan.Task) {
	none := 0
	e.list(tasks, &none)
	if e.More != "" {
		e.Such, e.More = "such as ", ""
	}
}

// equal is the same text for tasks that are changed in the same way. A task that
// waits for another one is like no other.
func equal(t *plan.Task) string {
	if slices.ContainsFunc(t.Steps, func(s plan.Step) bool { return s.After != nil }) {
		return fmt.Sprintf("%p", t)
	}
	return together(t)
}

// together says what happens to every task of a group, without what is each one's
// own: "create with planId 7; link the SIM of its row; activate".
func together(t *plan.Task) string {
	parts := make([]string, 0, len(t.Steps)+1)
	for i := range t.Steps {
		if text := kind(t, &t.Steps[i]); t.Steps[i].Joined {
			parts[len(parts)-1] += " + " + text // one call
		} else {
			parts = append(parts, text)
		}
	}
	if t.Note != "" {
		parts = append(parts, t.Note)
	}
	return fleet.Printable(strings.Join(parts, "; "))
}

// kind is a step in the words of its group.
func kind(t *plan.Task, s *plan.Step) string {
	switch s.Action {
	case fleet.Create:
		set := s.Set
		set.Name = ""
		if values := values(set); values != "" {
			return "create with " + values
		}
		return "create"
	case fleet.Modify:
		return arrows(t, s)
	case fleet.Link:
		if t.Spec.AutoSIM {
			return "link a SIM from stock"
		}
		return "link the SIM of its row"
	case fleet.Delink:
		return "delink its SIM"
	}
	return fmt.Sprintf("%s (%s)", s.Action, s.Reason)
}

func values(set fleet.Fields) string {
	text := ""
	for _, f := range fleet.AllFields {
		if v := set.Get(f); v != "" {
			text += ", " + f.String() + " " + v
		}
	}
	return strings.TrimPrefix(text, ", ")
}

// arrows are the values that a modify changes: "planId 100234 → 100300".
func arrows(t *plan.Task, s *plan.Step) string {
	text := ""
	for _, f := range fleet.AllFields {
		if v := s.Set.Get(f); v != "" {
			text += ", " + f.String() + " " + before(t, f) + " → " + v
		}
	}
	return strings.TrimPrefix(text, ", ")
}

func before(t *plan.Task, f fleet.Field) string {
	if t.Before == nil || t.Before.Get(f) == "" {
		return "none"
	}
	return t.Before.Get(f)
}

// singles are tasks one by one, made when they are asked for: a plan may have a
// million.
func (d details) singles(tasks []*plan.Task) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for _, t := range tasks {
			if !yield(d.single(t)) {
				return
			}
		}
	}
}

func (d details) single(t *plan.Task) entry {
	e := entry{Sign: worstSign(t), Place: place(t), Name: shown(t.Label()), ID: "new"}
	if t.Before != nil {
		e.ID = fleet.Printable(string(t.Before.ID))
	}
	for i := range t.Steps {
		s := &t.Steps[i]
		reason := fleet.Printable(s.Reason) + d.waits(s)
		if s.Joined { // one call, one line
			e.Lines[len(e.Lines)-1].Text += " + " + s.Action.String() + ": " + reason
			continue
		}
		e.Lines = append(e.Lines, line{sign(s.Action), s.Action.String(), reason})
	}
	for _, text := range t.Refused {
		e.Lines = append(e.Lines, line{"!", "refused", fleet.Printable(text)})
	}
	if t.Note != "" {
		e.Lines = append(e.Lines, line{"·", "note", fleet.Printable(t.Note)})
	}
	return e
}

// waits says which endpoint gives up what a step needs.
func (d details) waits(s *plan.Step) string {
	if s.After == nil {
		return ""
	}
	giver := &d.plan.Tasks[s.After.Task]
	if s.Action == fleet.Modify { // the name that it has until then
		return fmt.Sprintf("; after endpoint %s gives up that name", fleet.Printable(string(giver.Before.ID)))
	}
	return fmt.Sprintf("; after %s gives up its SIM", shown(giver.Label()))
}

// sign marks what a step does at a glance.
func sign(a fleet.Action) string {
	switch {
	case a == fleet.Create:
		return "+"
	case a.Hurts():
		return "-"
	}
	return "~"
}

// worstSign is the sign of what a task does that matters most.
func worstSign(t *plan.Task) string {
	worst := " "
	for _, s := range t.Steps {
		if mine := sign(s.Action); worst == " " || mine == "-" || worst == "~" {
			worst = mine
		}
	}
	if len(t.Steps) == 0 && len(t.Refused) > 0 {
		return "!"
	}
	return worst
}
