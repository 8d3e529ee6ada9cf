package cli

import (
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/report"
)

// soFar is how far a run is that another process does, as its journal tells. How
// many calls a second are allowed is known to that process only.
func (r *ofRun) soFar(now time.Time) *report.Progress {
	flying := flying(r.History)
	p := &report.Progress{InFlight: len(flying), Rate: r.rate(now)}
	for i := range r.results {
		res := &r.results[i]
		if len(res.Task.Steps) == 0 {
			continue
		}
		p.Total++
		switch {
		case flying[i]: // what it does is not known, and nobody doubts it yet
		case res.Open():
			p.Unknown++
		case res.Finished():
			p.Done++
		}
		if res.Finished() && res.Outcome != fleet.Done {
			p.NotDone++
		} else if !res.Finished() {
			p.Calls += res.CallsLeft()
		}
	}
	if p.Rate > 0 {
		p.Left = time.Duration(float64(p.Calls) / p.Rate * float64(time.Second))
	}
	return p
}

// flying are the tasks with a call that was announced and has no outcome, since a
// process began to do the run.
func flying(h *journal.History) map[int]bool {
	flying := map[int]bool{}
	for _, record := range h.Records {
		switch record := record.(type) {
		case journal.Opened:
			clear(flying)
		case journal.Intent:
			flying[record.Task] = true
		case journal.Outcome:
			delete(flying, record.Task)
		}
	}
	return flying
}

// rate is how many mutating calls a second were announced of late.
func (r *ofRun) rate(now time.Time) float64 {
	calls, since := 0, now
	for i := len(r.Records) - 1; i >= 0; i-- {
		if _, began := r.Records[i].(journal.Opened); began {
			break
		}
		intent, ok := r.Records[i].(journal.Intent)
		if !ok {
			continue
		}
		if now.Sub(intent.At) > over {
			since = now.Add(-over)
			break
		}
		calls, since = calls+1, intent.At
	}
	if seconds := now.Sub(since).Seconds(); seconds >= 1 {
		return float64(calls) / seconds
	}
	return 0
}
