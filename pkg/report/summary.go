package report

import (
	"io"
	"time"

	"sftctl/pkg/fleet"
)

// summary is summary.json: what a program wants to know of a run.
type summary struct {
	Format    int                   `json:"format"`
	Run       string                `json:"run"`
	Plan      string                `json:"planId"`
	Tool      string                `json:"tool"`
	BaseURL   string                `json:"baseURL"`
	Account   string                `json:"account"`
	Simulated bool                  `json:"simulated"`
	Started   time.Time             `json:"started"`
	Ended     time.Time             `json:"ended"`
	Seconds   float64               `json:"seconds"`
	Exit      int                   `json:"exit"`
	Cut       string                `json:"cutShort,omitempty"`
	Doubt     string                `json:"notVerified,omitempty"`
	Rows      int                   `json:"rows"`
	Orphans   int                   `json:"orphans"`
	Outcomes  map[fleet.Outcome]int `json:"outcomes"`
	Verified  int                   `json:"verified"`
	Mutations int                   `json:"mutations"`
	Planned   int                   `json:"mutationsPlanned"`
	Reads     int64                 `json:"reads"`
	Settles   int64                 `json:"settlingReads"`
	Reasons   []Reason              `json:"reasons,omitempty"`
	Running   *running              `json:"running,omitempty"`
}

// running is how far a run is that goes on.
type running struct {
	Done     int     `json:"done"`
	Total    int     `json:"total"`
	NotDone  int     `json:"notDone"`
	Unknown  int     `json:"unknown"`
	InFlight int     `json:"inFlight"`
	Calls    int     `json:"callsLeft"`
	Rate     float64 `json:"callsPerSecond"`
	Seconds  float64 `json:"secondsLeft,omitempty"`
}

func (r *Run) running() *running {
	if r.Live == nil {
		return nil
	}
	p := r.Live
	return &running{p.Done, p.Total, p.NotDone, p.Unknown, p.InFlight, p.Calls, p.Rate, p.Left.Round(time.Second).Seconds()}
}

// WriteSummary writes summary.json.
func (r *Run) WriteSummary(w io.Writer) error { return writeJSON(w, r.summary()) }

func (r *Run) summary() summary {
	return summary{
		Format: 1, Run: r.ID, Plan: r.Plan.ID, Tool: r.Tool, BaseURL: r.Plan.BaseURL, Account: r.Plan.Account, Simulated: r.Simulated,
		Started: r.Started.UTC(), Ended: r.Ended.UTC(), Seconds: r.Ended.Sub(r.Started).Seconds(), Exit: r.Exit,
		Cut: fleet.Message(r.Cut), Doubt: fleet.Message(r.Doubt), Rows: r.Plan.Counts.Rows, Orphans: r.Plan.Counts.Orphans,
		Outcomes: r.Count(), Verified: r.verified(), Mutations: r.Mutations(), Planned: r.Plan.Counts.Calls, Reads: r.Reads, Settles: r.Settles,
		Reasons: r.Reasons(), Running: r.running(),
	}
}

func (r *Run) verified() int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Verified {
			n++
		}
	}
	return n
}
