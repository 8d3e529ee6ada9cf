package apply

import (
	"fmt"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// writeLimit is how long after its intent a request may still be written: it is
// cancelled then.
const writeLimit = 30 * time.Second

// Replay makes the results of a run again from its plan and its journal. It is a
// pure function of them and of the time: an intent without an outcome may have
// been sent, and is as old as the clocks prove it. The error is an ErrPlan when
// the journal speaks of what the plan does not have.
func Replay(p *plan.Plan, abilities fleet.Abilities, h *journal.History, now journal.Moment) ([]Result, error) {
	results := New(p, abilities)
	for _, record := range h.Records {
		if !replay(results, record, now) {
			return nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("the journal of run %s does not fit the plan that it keeps", h.Run))
		}
	}
	for i := range results {
		results[i].Attempts += results[i].loose
		results[i].loose = 0
		results[i].sum()
	}
	return results, nil
}

// replay takes one record into the results; it is false when it does not fit.
func replay(results []Result, record journal.Record, now journal.Moment) bool {
	has := func(task, call int) bool {
		return 0 <= task && task < len(results) && 0 <= call && call < len(results[task].calls)
	}
	switch r := record.(type) {
	case journal.Intent:
		if !has(r.Task, r.Call) {
			return false
		}
		results[r.Task].intent(r, now.Wall.Add(-r.Age(now)).Add(writeLimit))
	case journal.Outcome:
		if !has(r.Task, r.Call) {
			return false
		}
		results[r.Task].outcome(r)
	case journal.Finding:
		if r.Task < 0 || r.Task >= len(results) || len(r.Steps) != len(results[r.Task].Steps) {
			return false
		}
		results[r.Task].finding(r)
	case journal.End:
		for i := range results {
			results[i].End(r)
		}
	}
	return true
}
