// Package report says what a plan will do and what a run has done.
package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// Run is what there is to say of one run.
type Run struct {
	ID        string
	Plan      *plan.Plan
	Results   []apply.Result
	Started   time.Time
	Ended     time.Time
	Reads     int64     // requests that change nothing, logins among them
	Settles   int64     // those of them that found out what an unknown call did
	Cut       error     // why the run ended early, nil when it did not
	Doubt     error     // why the listing after the run could not be made, nil when it was
	Exit      int       // the exit code
	Live      *Progress // how far it is while another process does it, nil when none does
	Over      bool      // no command goes on with it: it still goes on by itself, or another run took its place
	Simulated bool      // nothing real was touched
	Reach     string    // the flags by which another command gets to it, such as " --profile lab"
	Tool      string    // name and version of the program
}

// Options say how something is shown.
type Options struct {
	Full   bool      // every endpoint and every step, not just the first and what is alike
	Now    time.Time // when somebody looks: a plan says when it can be done at the earliest
	Color  bool      // text is coloured, for a terminal that shows it
	Folded bool      // the rows of a run are folded like other text; else each is one line, which grep finds
}

// Formats are the forms in which plans and runs are shown.
var Formats = []string{"text", "json", "markdown", "html"}

// WritePlan writes a plan in one of the Formats.
func WritePlan(w io.Writer, p *plan.Plan, format string, opts Options) error {
	switch format {
	case "text":
		return PlanText(w, p, opts)
	case "json":
		return planJSON(w, p)
	case "markdown":
		return planSheet(p, opts).markdown(w)
	case "html":
		return planHTML(w, p, opts)
	}
	return unknown(format)
}

// Write writes a run in one of the Formats.
func (r *Run) Write(w io.Writer, format string, opts Options) error {
	switch format {
	case "text":
		return r.text(w, opts)
	case "json":
		return r.json(w)
	case "markdown":
		return r.listing(opts).markdown(w)
	case "html":
		return r.html(w, opts)
	}
	return unknown(format)
}

func unknown(format string) error {
	return fmt.Errorf("unknown format %s, want %s", fleet.Quote(format), fleet.Alternatives(Formats))
}

// Count is how many results have each outcome.
func (r *Run) Count() map[fleet.Outcome]int {
	counts := map[fleet.Outcome]int{}
	for i := range r.Results {
		counts[r.Results[i].Outcome]++
	}
	return counts
}

// Mutations is how many requests left this machine that could change something.
func (r *Run) Mutations() int {
	n := 0
	for i := range r.Results {
		n += r.Results[i].Attempts
	}
	return n
}

// Worst is the worst outcome of all rows, Unchanged when there are none.
func (r *Run) Worst() fleet.Outcome {
	worst := fleet.Unchanged
	for i := range r.Results {
		worst = fleet.Worse(worst, r.Results[i].Outcome)
	}
	return worst
}

// reason is why a result is not done, empty when it is.
func reason(r *apply.Result) string {
	if r.Err == nil {
		return ""
	}
	return r.Err.Error()
}

// unfinished are the outcomes whose rows somebody has to look at again.
func unfinished(o fleet.Outcome) bool {
	return !slices.Contains([]fleet.Outcome{fleet.Done, fleet.Unchanged}, o)
}

// Files are the files of a run's folder by name, each with what writes it: what the
// next command and other programs read.
func (r *Run) Files() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"results.csv":  r.WriteResults,
		"failed.csv":   r.WriteFailed,
		"summary.json": r.WriteSummary,
	}
}

// Pages are the other files of the folder: what is made of the run for people.
func (r *Run) Pages() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"report.html": func(w io.Writer) error { return r.html(w, Options{}) },
		"report.md":   func(w io.Writer) error { return r.listing(Options{}).markdown(w) },
	}
}
