package report

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// Reason is a kind of thing that went wrong, and how often.
type Reason struct {
	Outcome fleet.Outcome `json:"outcome"`
	Text    string        `json:"reason"`
	Rows    int           `json:"rows"`
	Example string        `json:"example"`
}

// particular is what tells one row's message from another's: names, ids and
// card numbers, but not the platform's codes.
var particular = regexp.MustCompile(`"[^"]*"|[0-9]{6,}`)

// Reasons groups the rows that are not done by what was said of them, numbers
// and names left out; the most frequent first.
func (r *Run) Reasons() []Reason {
	byText := map[string]*Reason{}
	for i := range r.Results {
		res := &r.Results[i]
		if !unfinished(res.Outcome) || res.Err == nil {
			continue
		}
		text := particular.ReplaceAllString(reason(res), "…")
		key := res.Outcome.String() + text
		if byText[key] == nil {
			byText[key] = &Reason{Outcome: res.Outcome, Text: text, Example: res.Task.Label()}
		}
		byText[key].Rows++
	}
	var reasons []Reason
	for _, reason := range byText {
		reasons = append(reasons, *reason)
	}
	slices.SortFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Text, b.Text))
	})
	return reasons
}

const firstRows = 10

// WriteText writes the summary of a run for a person.
func (r *Run) WriteText(w io.Writer) error {
	out := &printer{w: w}
	out.line("run %s: %s%s", r.ID, outcomesText(r.Count()), simulated(r.Simulated))
	out.line("  %s (%d planned), %s, %s", fleet.Count(r.Mutations(), "mutating call"), r.Plan.Counts.Calls, r.readsText(), took(r.Ended.Sub(r.Started)))
	if r.Cut != nil {
		out.line("  cut short: %s", fleet.Printable(r.Cut.Error()))
	}
	if r.Doubt != nil {
		out.line("  not verified: %s", fleet.Printable(r.Doubt.Error()))
	} else {
		out.line("  %s verified by a listing after the run", fleet.Count(r.verified(), "row"))
	}
	shown := 0
	for i := range r.Results {
		res := &r.Results[i]
		if !unfinished(res.Outcome) || shown == firstRows || res.Err == nil {
			continue
		}
		shown++
		out.line("  %s %s%s: %s", res.Outcome, place(res.Task), fleet.Printable(res.Task.Label()), fleet.Printable(oneLine(reason(res))))
	}
	out.reasons(r.Reasons(), shown)
	return out.err
}

func (r *Run) readsText() string {
	text := fleet.Count(int(r.Reads), "read")
	if r.Settles > 0 {
		text += fmt.Sprintf(" (%d to find out what was unknown)", r.Settles)
	}
	return text
}

// simulated marks what touched nothing real.
func simulated(is bool) string {
	if is {
		return " (SIMULATED)"
	}
	return ""
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

func place(t *plan.Task) string {
	if t.Spec == nil || t.Spec.Origin.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d ", fleet.Printable(t.Spec.Origin.File), t.Spec.Origin.Line)
}

// reasons prints the groups where the rows shown one by one are not all.
func (p *printer) reasons(reasons []Reason, shown int) {
	rows := 0
	for _, reason := range reasons {
		rows += reason.Rows
	}
	if rows <= shown {
		return
	}
	p.line("  … and %d more; by reason:", rows-shown)
	for _, reason := range reasons[:min(len(reasons), firstRows)] {
		p.line("  %7d %s: %s", reason.Rows, reason.Outcome, fleet.Printable(oneLine(reason.Text)))
	}
}

// outcomesText lists the outcomes that occur: "10988 done, 20 refused".
func outcomesText(counts map[fleet.Outcome]int) string {
	var parts []string
	for _, o := range []fleet.Outcome{fleet.Done, fleet.Unchanged, fleet.Refused, fleet.Stale, fleet.Failed, fleet.Unknown, fleet.NotAttempted} {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	if len(parts) == 0 {
		return "no rows"
	}
	return strings.Join(parts, ", ")
}

func took(d time.Duration) string {
	if d < time.Minute {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// PlanText writes a plan for a person: what it comes to, then the tasks that
// change or are refused, the first of them or all.
func PlanText(w io.Writer, p *plan.Plan, full bool) error {
	out := &printer{w: w}
	out.line("plan %s for %s at %s%s", fleet.Printable(p.ID), fleet.Printable(p.Account), fleet.Printable(p.BaseURL), simulated(p.Simulated))
	out.line("  %s against %s: %d to change, %d unchanged, %d refused", fleet.Count(p.Counts.Rows, "row"), fleet.Count(p.Live, "live endpoint"), p.Counts.Change, p.Counts.Unchanged, p.Counts.Refused)
	if p.Counts.Orphans > 0 {
		out.line("  %s: live, in scope, and listed by no file", fleet.Count(p.Counts.Orphans, "orphan"))
	}
	out.steps(p)
	limit := 20
	if full {
		limit = len(p.Tasks)
	}
	out.tasks(p, limit, "to change", func(t *plan.Task) bool { return len(t.Steps) > 0 })
	out.tasks(p, max(limit, 50), "refused", func(t *plan.Task) bool { return len(t.Refused) > 0 && len(t.Steps) == 0 })
	out.tasks(p, limit, "reported", func(t *plan.Task) bool { return t.Orphan() && len(t.Steps) == 0 && len(t.Refused) == 0 })
	for _, blocked := range p.Blocked {
		out.line("refused by a guard: %s", fleet.Printable(blocked))
	}
	return out.err
}

func (p *printer) steps(pl *plan.Plan) {
	if pl.Counts.Calls == 0 {
		text := "  nothing to do"
		if n := pl.Counts.Refused; n > 0 {
			text += fmt.Sprintf("; what differs is refused (%s)", fleet.Count(n, "row"))
		}
		p.line("%s", text)
		return
	}
	var parts []string
	for _, action := range fleet.Actions {
		if n := pl.Counts.Step(action); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, action))
		}
	}
	p.line("  steps: %s", strings.Join(parts, ", "))
	cost := fleet.Count(pl.Counts.Calls, "call")
	if pl.Estimate.Rate > 0 {
		cost += fmt.Sprintf(", at least %s at %g calls per second", pl.Estimate.Floor, pl.Estimate.Rate)
	}
	if n := pl.Estimate.Activations; n > 0 {
		cost += fmt.Sprintf("; %s may be billed", fleet.Count(n, "activation"))
	}
	p.line("  %s", cost)
}

func (p *printer) tasks(pl *plan.Plan, limit int, what string, pick func(*plan.Task) bool) {
	shown, rest := 0, 0
	for i := range pl.Tasks {
		t := &pl.Tasks[i]
		if !pick(t) {
			continue
		}
		if shown == limit {
			rest++
			continue
		}
		shown++
		p.task(t)
	}
	if rest > 0 {
		p.line("… and %d more %s (--full lists all)", rest, what)
	}
}

func (p *printer) task(t *plan.Task) {
	id := "new"
	if t.Before != nil {
		id = string(t.Before.ID)
	}
	p.line("%s%s (%s)", place(t), fleet.Printable(t.Label()), fleet.Printable(id))
	for _, s := range t.Steps {
		p.line("  %s %s: %s", sign(s.Action), s.Action, fleet.Printable(s.Reason))
	}
	for _, text := range t.Refused {
		p.line("  ! refused: %s", fleet.Printable(text))
	}
	if t.Note != "" {
		p.line("  · %s", fleet.Printable(t.Note))
	}
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

// Progress is how far a run has come.
type Progress struct {
	Done, Total int           // endpoints
	NotDone     int           // endpoints that ended otherwise than done
	Rate        float64       // calls per second so far
	Left        time.Duration // until the end at this pace, 0 when nobody can tell
}

// String is one line for a log.
func (p Progress) String() string {
	text := fmt.Sprintf("%d of %d endpoints, %s", p.Done, p.Total, p.Pace())
	if p.Left > 0 {
		text += ", about " + p.Left.Round(time.Second).String() + " left"
	}
	return text
}

// Pace is what a bar that counts by itself does not say.
func (p Progress) Pace() string {
	text := fmt.Sprintf("%.1f calls/s", p.Rate)
	if p.NotDone > 0 {
		text += fmt.Sprintf(", %d not done", p.NotDone)
	}
	return text
}
