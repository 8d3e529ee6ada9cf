package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
)

// Reason is a kind of thing that went wrong, and how often.
type Reason struct {
	Outcome fleet.Outcome `json:"outcome"`
	Text    string        `json:"reason"`
	Rows    int           `json:"rows"`
	Example string        `json:"example"`
}

// Reasons groups the rows that are not done by what was said of them, numbers
// and names left out where there are several; the most frequent first.
func (r *Run) Reasons() []Reason {
	byText, whole := map[string]*Reason{}, map[string]string{}
	for i := range r.Results {
		res := &r.Results[i]
		if !unfinished(res.Outcome) || res.Err == nil {
			continue
		}
		text := particular.ReplaceAllString(reason(res), "…")
		key := res.Outcome.String() + text
		if byText[key] == nil {
			byText[key], whole[key] = &Reason{Outcome: res.Outcome, Text: text, Example: res.Task.Label()}, reason(res)
		}
		byText[key].Rows++
	}
	var reasons []Reason
	for key, reason := range byText {
		if reason.Rows == 1 {
			reason.Text = whole[key]
		}
		reasons = append(reasons, *reason)
	}
	slices.SortFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Outcome, b.Outcome))
	})
	return reasons
}

const firstRows = 10

// text writes the summary of a run for a person, with the first of the rows that
// are not done.
func (r *Run) text(w io.Writer, opts Options) error {
	out := newPrinter(w, opts)
	out.in(bold, func() { out.row("run %s: %s%s", r.ID, r.Outcomes(), simulated(r.Simulated)) })
	for _, f := range r.facts() {
		out.in(f.ink, func() { out.row("  %s", f.text) })
	}
	shown, limit := 0, opts.limit(firstRows)
	for i := range r.Results {
		res := &r.Results[i]
		if !unfinished(res.Outcome) || shown == limit || res.Err == nil {
			continue
		}
		shown++
		out.in(inkFor(res.Outcome), func() { out.row("  %s %s", res.Outcome, strings.TrimLeft(place(res.Task)+" "+told(res), " ")) })
	}
	out.reasons(r.Reasons(), shown)
	out.next(r.next())
	return out.end()
}

// row prints a line that grep may look for, or that a terminal shows.
func (p *printer) row(format string, args ...any) {
	if p.opts.Folded {
		p.para(format, args...)
		return
	}
	p.line(format, args...)
}

// inkFor is the ink of a row that is not done: red where the platform may or may
// not have done it, or would not.
func inkFor(o fleet.Outcome) ink {
	if o == fleet.Failed || o == fleet.Unknown {
		return red
	}
	return yellow
}

// told is what is said of a row that is not done.
func told(res *apply.Result) string {
	return name{Text: fleet.Printable(res.Task.Label()), Odd: fleet.Odd(res.Task.Label()) != ""}.String() + ": " + fleet.Printable(oneLine(reason(res)))
}

// remark is a line about a whole run.
type remark struct {
	ink  ink
	text string
}

// facts are what a run came to, besides its rows.
func (r *Run) facts() []remark {
	facts := []remark{{plain, fmt.Sprintf("%s (%s planned), %s, %s", fleet.Count(r.Mutations(), "mutating call"), fleet.Number(r.Plan.Counts.Calls), r.readsText(), took(r.Ended.Sub(r.Started)))}}
	for _, alert := range r.alerts() {
		facts = append(facts, remark{r.alarm(), alert})
	}
	if r.Live != nil || r.Doubt != nil {
		return facts
	}
	return append(facts, remark{plain, fleet.Count(r.verified(), "row") + " verified by a listing after the run"})
}

// alerts are what whoever reads of a run has to know first.
func (r *Run) alerts() (all []string) {
	if r.Live != nil {
		return []string{"still running: " + r.Live.String()}
	}
	if r.Cut != nil {
		all = append(all, "cut short: "+fleet.Printable(oneLine(r.Cut.Error())))
	}
	if r.Doubt != nil {
		all = append(all, "not verified: "+fleet.Printable(oneLine(r.Doubt.Error())))
	}
	return all
}

// alarm is the ink of the alerts: that a run goes on is none.
func (r *Run) alarm() ink {
	if r.Live != nil {
		return plain
	}
	return red
}

func (r *Run) readsText() string {
	text := fleet.Count(int(r.Reads), "read")
	if r.Settles > 0 {
		text += fmt.Sprintf(" (%s to find out what was unknown)", fleet.Number(int(r.Settles)))
	}
	return text
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// reasons prints the groups where the rows shown one by one are not all.
func (p *printer) reasons(reasons []Reason, shown int) {
	rows := 0
	for _, reason := range reasons {
		rows += reason.Rows
	}
	if rows <= shown {
		return
	}
	p.line("  … and %s more, --full lists all; by reason:", fleet.Number(rows-shown))
	for _, reason := range reasons[:min(len(reasons), firstRows)] {
		p.in(inkFor(reason.Outcome), func() {
			p.row("  %9s %s: %s", fleet.Number(reason.Rows), reason.Outcome, fleet.Printable(oneLine(reason.Text)))
		})
	}
}

// next prints what is to be done, a line each.
func (p *printer) next(all []advice) {
	for _, a := range all {
		p.in(bold, func() { p.line("  next: %s", a) })
	}
}

// Outcomes says how many rows came to what: "10,988 done, 20 refused".
func (r *Run) Outcomes() string {
	var parts []string
	for _, c := range outcomes(r.Count()) {
		if c.N > 0 {
			parts = append(parts, c.Number()+" "+c.What)
		}
	}
	if len(parts) == 0 {
		return "no rows"
	}
	return strings.Join(parts, ", ")
}

// outcomes are the numbers of all outcomes, the good ones first.
func outcomes(counts map[fleet.Outcome]int) []count {
	var all []count
	for _, o := range [...]fleet.Outcome{fleet.Done, fleet.Unchanged, fleet.Refused, fleet.Stale, fleet.Failed, fleet.Unknown, fleet.NotAttempted} {
		all = append(all, count{counts[o], o.String()})
	}
	return all
}

func took(d time.Duration) string {
	if d < time.Minute {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// limit is how many rows are listed: the first of them, or all.
func (o Options) limit(first int) int {
	if o.Full {
		return math.MaxInt
	}
	return first
}
