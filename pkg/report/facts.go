package report

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// planSheet says what a plan comes to.
func planSheet(p *plan.Plan, opts Options) *sheet {
	s := &sheet{What: "plan", ID: fleet.Printable(p.ID), Remark: simulated(p.Simulated) + refusedWhole(p)}
	s.Counts, s.Sections = planCounts(p.Counts), sections(p, opts)
	s.Facts = slices.DeleteFunc(append(append(wherePlanned(p), rows(p), chosen(p.Choice), unmanaged(p), uncompared(p), adopted(p), guards(p.Limits)), costs(p, opts.Now)...), func(f fact) bool { return f.Text == "" })
	for _, text := range p.Blocked {
		s.Alerts = append(s.Alerts, "refused by a guard: "+fleet.Printable(text))
	}
	s.odd(differing(p), opts.limit(ordinary.singles))
	return s
}

// refusedWhole marks a plan that cannot be applied.
func refusedWhole(p *plan.Plan) string {
	if len(p.Blocked) > 0 {
		return " (refused by a guard)"
	}
	return ""
}

// differing are the tasks that a plan is about: those that are as they should be
// are left out.
func differing(p *plan.Plan) iter.Seq[*plan.Task] {
	return func(yield func(*plan.Task) bool) {
		for i := range p.Tasks {
			if p.Differs(&p.Tasks[i]) && !yield(&p.Tasks[i]) {
				return
			}
		}
	}
}

// planCounts are the numbers of tasks.
func planCounts(c plan.Counts) []count {
	creates := c.Step(fleet.Create)
	return []count{{creates, "to create"}, {c.Change - creates, "to change"}, {c.Unchanged, "unchanged"}, {c.Refused, "refused"}, {c.Orphans, "orphaned"}}
}

// wherePlanned are the facts about where a plan comes from and where it goes.
func wherePlanned(p *plan.Plan) []fact {
	files := make([]string, len(p.Inputs))
	for i, in := range p.Inputs {
		files[i] = fleet.Printable(in.File)
		if in.Rows > 0 { // a file may only include others
			files[i] += " (" + fleet.Count(in.Rows, "row") + ")"
		}
	}
	return []fact{
		{"account", fleet.Printable(p.Account + " at " + p.BaseURL + dialect(p.Dialect)), true},
		{"files", strings.Join(files, ", "), true},
		{"made", moment(p.Created) + by(p.Tool), true},
	}
}

func dialect(name string) string {
	if name == "" {
		return ""
	}
	return ", dialect " + name
}

func by(tool string) string {
	if tool == "" {
		return ""
	}
	return " by " + fleet.Printable(tool)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "at a time that it does not say"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// rows say what is compared: "8 rows against 3 live endpoints".
func rows(p *plan.Plan) fact {
	return fact{"rows", fleet.Count(p.Counts.Rows, "row") + " against " + fleet.Count(p.Live, "live endpoint"), false}
}

// chosen says which rows a plan is for, if not for all.
func chosen(c *plan.Choice) fact {
	if !c.Any() {
		return fact{}
	}
	return fact{"chosen", fleet.Printable(c.String()) + "; " + fleet.Count(c.LeftOut, "row") + " left out", false}
}

// unmanaged says which fields of the files the dialect does not have, so that
// nobody thinks that they are seen to.
func unmanaged(p *plan.Plan) fact {
	if p.Unmanaged == 0 {
		return fact{}
	}
	text := listOf(p.Unmanaged) + ": not managed in this dialect, so neither sent nor compared"
	if p.Unmanaged.Has(fleet.FieldSIMProduct) {
		text += fmt.Sprintf("; %s still checks the SIMs", fleet.FieldSIMProduct)
	}
	return fact{"left out", text, false}
}

// uncompared says which fields are not held against what is live.
func uncompared(p *plan.Plan) fact {
	if p.Uncompared == 0 {
		return fact{}
	}
	return fact{"unseen", listOf(p.Uncompared) + ": set by a create only, and not reported, so not compared where an endpoint is live", false}
}

func listOf(set fleet.FieldSet) string { return strings.ReplaceAll(set.String(), ",", ", ") }

// adopted says which rows are about endpoints that no run was about before: they
// are taken over, where somebody may have expected new ones.
func adopted(p *plan.Plan) fact {
	if p.Counts.Adopted == 0 {
		return fact{}
	}
	const few = 3
	var names []string
	for i := range p.Tasks {
		if t := &p.Tasks[i]; t.Adopts && len(names) < few {
			names = append(names, shown(t.Label()).String())
		}
	}
	if p.Counts.Adopted > few {
		names = append(names, "…")
	}
	return fact{"adopt", fleet.Count(p.Counts.Adopted, "live endpoint") + " that no run was about before: " + strings.Join(names, ", "), false}
}

// guards say how many steps a plan may hold at most, nothing when as many as it
// likes.
func guards(l plan.Limits) fact {
	var most []string
	for _, limit := range []struct {
		n    int
		step fleet.Action
	}{{l.Deletes, fleet.Delete}, {l.Delinks, fleet.Delink}, {l.Suspends, fleet.Suspend}, {l.Activations, fleet.Activate}, {l.Modifies, fleet.Modify}} {
		if limit.n >= 0 {
			most = append(most, fleet.Number(limit.n)+" "+limit.step.String())
		}
	}
	if l.Percent > 0 {
		most = append(most, fmt.Sprintf("changes to %g %% of what its rows are about", l.Percent))
	}
	if len(most) == 0 {
		return fact{}
	}
	return fact{"guards", "at most " + strings.Join(most, ", "), false}
}

// costs are the facts about what doing a plan takes.
func costs(p *plan.Plan, now time.Time) []fact {
	c := p.Counts
	facts := []fact{{Name: "orphans", Text: orphans(c.Orphans)}}
	if c.Calls == 0 {
		return append(facts, fact{Name: "steps", Text: nothing(c)})
	}
	return append(facts,
		fact{Name: "steps", Text: steps(c)},
		fact{Name: "calls", Text: fleet.Number(c.Calls) + callsOf(c)},
		fact{Name: "time", Text: floor(p.Estimate, now)},
		fact{Name: "in flight", Text: inFlight(p.Estimate.Rate)},
		fact{Name: "billed", Text: billed(p.Estimate.Activations)},
		fact{Name: "for good", Text: forGood(c)},
		fact{Name: "moves", Text: moving(p)},
	)
}

func orphans(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 orphan: live, and listed by no file"
	}
	return fleet.Number(n) + " orphans: live, and listed by no file"
}

func nothing(c plan.Counts) string {
	if c.Refused > 0 {
		return fmt.Sprintf("nothing to do; what differs is refused (%s)", fleet.Count(c.Refused, "row"))
	}
	return "nothing to do"
}

// steps are those of a plan by kind, each call's as one: "6 create (with 6 link,
// 6 activate)". What rides along rides with creates.
func steps(c plan.Counts) string {
	if len(c.Joined) == 0 {
		return byKind(c.Steps, fleet.Actions[:])
	}
	var parts []string
	for _, action := range fleet.Actions {
		switch n := c.Steps[action] - c.Joined[action]; {
		case n == 0:
		case action == fleet.Create:
			parts = append(parts, fmt.Sprintf("%s %s (with %s)", fleet.Number(n), action, byKind(c.Joined, fleet.Actions[:])))
		default:
			parts = append(parts, fleet.Number(n)+" "+action.String())
		}
	}
	return strings.Join(parts, ", ")
}

// byKind lists numbers of steps: "6 create, 6 link".
func byKind(n map[fleet.Action]int, kinds []fleet.Action) string {
	var parts []string
	for _, action := range kinds {
		if n[action] > 0 {
			parts = append(parts, fleet.Number(n[action])+" "+action.String())
		}
	}
	return strings.Join(parts, ", ")
}

// callsOf are the calls by kind, where they are not one for each step.
func callsOf(c plan.Counts) string {
	switch {
	case maps.Equal(c.CallsOf, c.Steps), len(c.Joined) > 0:
		return ", one for each step"
	case len(c.CallsOf) > 0:
		return ": " + byKind(c.CallsOf, fleet.Actions[:])
	}
	return ""
}

// floor is the least time that the calls take, and when that is over if somebody
// begins now.
func floor(e plan.Estimate, now time.Time) string {
	if e.Rate <= 0 {
		return ""
	}
	text := fmt.Sprintf("at least %s at %g calls per second", lasting(e.Floor), e.Rate)
	if now.IsZero() || e.Floor < time.Minute {
		return text
	}
	now = now.UTC()
	end, form := now.Add(e.Floor), "2006-01-02 15:04 UTC"
	if now.Format(time.DateOnly) == end.Format(time.DateOnly) {
		form = "15:04 UTC"
	}
	return text + ": not before " + end.Format(form) + " if begun now"
}

// lasting is a duration in the units of a person, rounded down.
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d days %d h", d/day, d%day/time.Hour)
}

// longest is how long the platform may take for a call (documented), in seconds.
const longest = 180

// inFlight says how many calls must be under way at once to use the rate.
func inFlight(rate float64) string {
	if rate <= 0 {
		return ""
	}
	need := func(seconds float64) int { return int(math.Ceil(rate*seconds - 1e-9)) }
	return fmt.Sprintf("%g calls/s needs %s in flight at 1 s a call, %s at %d s", rate, fleet.Number(need(1)), fleet.Number(need(longest)), longest)
}

func billed(n int) string {
	if n == 0 {
		return ""
	}
	return "up to " + fleet.Count(n, "activation") + " may be billed"
}

// forGood are the steps that no later run takes back.
func forGood(c plan.Counts) string {
	text := byKind(c.Steps, []fleet.Action{fleet.Create, fleet.Activate, fleet.Delete})
	if text == "" {
		return ""
	}
	return text + " cannot be undone"
}

// moving counts the steps that wait for another endpoint's.
func moving(p *plan.Plan) string {
	n := 0
	for i := range p.Tasks {
		for k := range p.Tasks[i].Steps {
			if p.Tasks[i].Steps[k].After != nil {
				n++
			}
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 SIM or name goes from one endpoint to another, which waits for it"
	}
	return fleet.Number(n) + " SIMs or names go from one endpoint to another, which waits for them"
}
