// Package report says what a plan will do and what a run has done.
package report

import (
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
	Reads     int64  // requests that change nothing, logins among them
	Settles   int64  // those of them that found out what an unknown call did
	Cut       error  // why the run ended early, nil when it did not
	Doubt     error  // why the listing after the run could not be made, nil when it was
	Exit      int    // the exit code
	Simulated bool   // nothing real was touched
	Tool      string // name and version of the program
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

// Files are the files of a run's folder by name, each with what writes it.
func (r *Run) Files() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"results.csv":  r.WriteResults,
		"failed.csv":   r.WriteFailed,
		"summary.json": r.WriteSummary,
	}
}
