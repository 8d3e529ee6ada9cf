package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// Ending is what a command came to, also one that never got as far as a run: for
// those who were not there.
type Ending struct {
	Command   string
	Tool      string // name and version of the program
	Host      string // where it ran
	BaseURL   string
	Platform  string // the host of BaseURL, also where the command did not get as far as to know that; empty where no URL was given
	Account   string // empty where the command did not get as far as to know
	Simulated bool
	Started   time.Time
	Ended     time.Time
	Exit      int
	Problem   string     // why Exit is not 0, as far as the rows do not say it; lines
	Plan      *plan.Plan // nil where none was made
	Resumed   bool       // the plan is that of an earlier command, of which something was done
	Run       *Run       // nil where none was begun
	Reports   string     // the folder of its reports, empty where there is none
	Calls     Calls
	Unknowns  int // calls of the account of which nobody knows what they did; -1 where nobody looked
}

// Calls are the requests of a command.
type Calls struct {
	Mutations int64 `json:"mutations"`
	Reads     int64 `json:"reads"` // logins among them, and Settles
	Settles   int64 `json:"settlingReads"`
	Throttled int64 `json:"throttled"` // those of them that the platform refused because there were too many
}

// OK says whether the command did what it is for: also when it was asked whether
// something differs, and something does.
func (e *Ending) OK() bool { return e.Exit == 0 || e.Exit == 2 }

// Remarkable says whether something may have changed or went wrong, or was found to
// differ by a command that was asked just that.
func (e *Ending) Remarkable() bool {
	return e.Exit != 0 || e.Calls.Mutations > 0
}

// Drift is how many rows and orphans were not as they should be, before anything
// was done about it; -1 where no plan was made, so that nobody looked.
func (e *Ending) Drift() int {
	if e.Plan == nil || e.Resumed {
		return -1
	}
	n := 0
	for i := range e.Plan.Tasks {
		if e.Plan.Differs(&e.Plan.Tasks[i]) {
			n++
		}
	}
	return n
}

// notice is an Ending as a program wants it. The text is for those that show it to
// people as it is.
type notice struct {
	Format    int       `json:"format"`
	Text      string    `json:"text"`
	Command   string    `json:"command"`
	Tool      string    `json:"tool"`
	Host      string    `json:"host,omitempty"`
	BaseURL   string    `json:"baseURL,omitempty"`
	Account   string    `json:"account,omitempty"`
	Simulated bool      `json:"simulated"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"`
	Seconds   float64   `json:"seconds"`
	Exit      int       `json:"exit"`
	Problem   []string  `json:"problem,omitempty"`
	Reports   string    `json:"reports,omitempty"`
	Next      []string  `json:"next,omitempty"`
	Calls     Calls     `json:"calls"`
	Unknowns  *int      `json:"openUnknowns,omitempty"`
	Drift     *int      `json:"driftRows,omitempty"`
	Plan      *planSize `json:"plan,omitempty"`
	Run       *summary  `json:"run,omitempty"`
}

// planSize is what a plan comes to.
type planSize struct {
	ID      string      `json:"planId"`
	Counts  plan.Counts `json:"counts"`
	Blocked []string    `json:"blocked,omitempty"`
}

// MarshalJSON is the one form in which an ending is posted, and which ends a stream
// of events.
func (e *Ending) MarshalJSON() ([]byte, error) {
	n := notice{Format: 1, Text: e.String(), Command: e.Command, Tool: e.Tool, Host: e.Host, BaseURL: e.BaseURL, Account: e.Account, Simulated: e.Simulated,
		Started: e.Started.UTC(), Ended: e.Ended.UTC(), Seconds: e.Ended.Sub(e.Started).Seconds(), Exit: e.Exit, Reports: e.Reports, Calls: e.Calls,
		Unknowns: known(e.Unknowns), Drift: known(e.Drift()), Problem: e.problem()}
	if e.Plan != nil {
		n.Plan = &planSize{e.Plan.ID, e.Plan.Counts, e.Plan.Blocked}
	}
	if e.Run != nil {
		s := e.Run.summary()
		s.Reasons = s.Reasons[:min(len(s.Reasons), mostTold)] // the most frequent come first
		n.Run = &s
		for _, a := range e.Run.next() {
			n.Next = append(n.Next, a.String())
		}
	}
	return json.Marshal(n)
}

// mostTold is how many lines of a kind are told: a notice is read on a phone, and a
// file can have thousands of problems.
const mostTold = 20

// problem are the lines of why it did not go well, as far as the rows do not say so.
func (e *Ending) problem() []string {
	text := e.Problem
	if text == "" && e.Run != nil {
		text = strings.Trim(fleet.Message(e.Run.Cut)+"\n"+fleet.Message(e.Run.Doubt), "\n")
	}
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > mostTold {
		lines = append(lines[:mostTold:mostTold], "… and "+fleet.Number(len(lines)-mostTold)+" more")
	}
	return lines
}

func known(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// WriteSummary writes it as summary.json of a folder in which no run reports.
func (e *Ending) WriteSummary(w io.Writer) error { return writeJSON(w, e) }

// String is one line for people.
func (e *Ending) String() string {
	text := "sftctl " + e.Command + simulated(e.Simulated)
	if e.Account != "" {
		text += " of account " + fleet.Printable(e.Account)
	}
	parts := []string{fmt.Sprintf("exit %d", e.Exit)}
	if e.Run != nil {
		parts = append(parts, e.Run.outcomes())
	} else if e.Drift() >= 0 {
		parts = append(parts, fleet.Count(e.Drift(), "row")+" of "+fleet.Number(len(e.Plan.Tasks))+" differ")
	}
	if lines := e.problem(); len(lines) > 0 {
		parts = append(parts, fleet.Printable(lines[0]))
	}
	return text + ": " + strings.Join(parts, "; ")
}

// outcomes are how many rows have each outcome, the worst first.
func (r *Run) outcomes() string {
	var parts []string
	counts := r.Count()
	for _, o := range fleet.Outcomes {
		if n := counts[o]; n > 0 {
			parts = append(parts, fleet.Number(n)+" "+o.String())
		}
	}
	if len(parts) == 0 {
		return "no rows"
	}
	return strings.Join(parts, ", ")
}
