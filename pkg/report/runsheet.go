package report

import (
	"fmt"
	"iter"
	"strings"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// sheetRows is how many rows of a run are listed.
const sheetRows = 100

// sheet says what a run came to.
func (r *Run) sheet(opts Options) *sheet {
	s := &sheet{What: "run", ID: fleet.Printable(r.ID), Remark: simulated(r.Simulated), Counts: outcomes(r.Count()), Facts: r.where(), Alerts: r.alerts()}
	if reasons := r.reasonSection(); len(reasons.Groups) > 0 {
		s.Sections = append(s.Sections, reasons)
	}
	s.odd(r.tasks(opts), opts.limit(ordinary.singles))
	s.Next = r.next()
	return s
}

// listing is a sheet with the first of the rows that are not done.
func (r *Run) listing(opts Options) *sheet {
	s := r.sheet(opts)
	if rows := r.rowSection(opts); rows.Title != "" {
		s.Sections = append(s.Sections, rows)
	}
	return s
}

// where are the facts about what a run did where and when.
func (r *Run) where() []fact {
	calls := fmt.Sprintf("%s (%s planned), %s", fleet.Count(r.Mutations(), "mutating call"), fleet.Number(r.Plan.Counts.Calls), r.readsText())
	facts := []fact{
		{"account", fleet.Printable(r.Plan.Account + " at " + r.Plan.BaseURL), true},
		{"plan", fleet.Printable(r.Plan.ID), true},
		{"time", fmt.Sprintf("%s to %s, %s", moment(r.Started), moment(r.Ended), took(r.Ended.Sub(r.Started))), false},
		{"calls", calls, false},
		{"exit", fmt.Sprint(r.Exit), false},
	}
	if g := guards(r.Plan.Limits); g.Text != "" {
		facts = append(facts, g)
	}
	if r.Doubt == nil && r.Live == nil {
		facts = append(facts, fact{"verified", fleet.Count(r.verified(), "row") + " by a listing after the run", false})
	}
	return facts
}

// reasonSection groups the rows that are not done by what was said of them.
func (r *Run) reasonSection() section {
	reasons := r.Reasons()
	s := section{Title: "not done, by reason", Singles: none}
	for i, reason := range reasons[:min(len(reasons), ordinary.groups)] {
		such := "such as "
		if reason.Rows == 1 {
			such = ""
		}
		s.Groups = append(s.Groups, entry{Sign: "!", Count: fleet.Count(reason.Rows, "row"), Text: reason.Outcome.String() + ": " + fleet.Printable(oneLine(reason.Text)),
			Such: such, Names: []name{shown(reasons[i].Example)}})
	}
	if more := len(reasons) - len(s.Groups); more > 0 {
		s.More = "… and " + fleet.Count(more, "other reason")
	}
	return s
}

func none(func(entry) bool) {}

// rowSection lists the rows that are not done, or all of them.
func (r *Run) rowSection(opts Options) section {
	n := 0
	for range r.listed(opts) {
		n++
	}
	if n == 0 {
		return section{}
	}
	s := section{Title: fmt.Sprintf("rows that are not done: %s", fleet.Number(n))}
	if opts.Full {
		s.Title = "all rows: " + fleet.Number(n)
	}
	limit := opts.limit(sheetRows)
	s.More = andMore(n - min(n, limit))
	s.Singles = func(yield func(entry) bool) {
		left := limit
		for res := range r.listed(opts) {
			if left--; left < 0 || !yield(resultEntry(res)) {
				return
			}
		}
	}
	return s
}

// listed are the results that are shown one by one.
func (r *Run) listed(opts Options) iter.Seq[*apply.Result] {
	return func(yield func(*apply.Result) bool) {
		for i := range r.Results {
			if (opts.Full || unfinished(r.Results[i].Outcome)) && !yield(&r.Results[i]) {
				return
			}
		}
	}
}

func (r *Run) tasks(opts Options) iter.Seq[*plan.Task] {
	return func(yield func(*plan.Task) bool) {
		for res := range r.listed(opts) {
			if !yield(res.Task) {
				return
			}
		}
	}
}

func resultEntry(res *apply.Result) entry {
	e := entry{Sign: " ", Place: place(res.Task), Name: shown(res.Task.Label()), ID: fleet.Printable(string(res.ID))}
	if e.ID == "" {
		e.ID = "no id"
	}
	if unfinished(res.Outcome) {
		e.Sign = "!"
	}
	text := strings.TrimPrefix(fleet.Printable(oneLine(reason(res)))+"; ", "; ") + stepsText(res.Steps)
	e.Lines = []line{{e.Sign, res.Outcome.String(), strings.TrimSuffix(text, "; ")}}
	return e
}
