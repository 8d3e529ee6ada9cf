package oracle

import (
	"slices"
	"time"
)

// checkRate measures the rate at the platform (I11): in any ten seconds at most
// what the rate allows, and one more.
func (j *judge) checkRate() {
	if j.Rate <= 0 {
		return
	}
	const span = 10 * time.Second
	times := make([]time.Time, len(j.history.all))
	for i, e := range j.history.all {
		times[i] = e.At
	}
	slices.SortFunc(times, time.Time.Compare)
	most, at := 0, 0
	for from, to := 0, 0; from < len(times); from++ {
		for to < len(times) && times[to].Sub(times[from]) < span {
			to++
		}
		if to-from > most {
			most, at = to-from, from
		}
	}
	if limit := j.Rate*span.Seconds() + 1; float64(most) > limit+1e-9 {
		j.report("I11", "%d requests in the %s from %s, want at most %g", most, span, clock(times[at]), limit)
	}
}

// checkReadOnly demands that only a command which may change the fleet sends
// what changes it (I13), and that nothing is sent when no command runs.
func (j *judge) checkReadOnly() {
	if len(j.Runs) == 0 {
		return
	}
	for _, e := range j.history.calls {
		by, allowed := "no command", false
		for i := range j.Runs {
			if r := &j.Runs[i]; r.covers(e.At) {
				by, allowed = r.Command, allowed || r.changes()
			}
		}
		if !allowed {
			j.report("I13", "%s was sent while %s was running", e, by)
		}
	}
}

// checkEmptyPlan demands that a plan right after a run that ended well has
// nothing to do (I17), unless the fleet was changed from outside meanwhile, or
// so little before the run that its listing need not show it.
func (j *judge) checkEmptyPlan() {
	for i := range j.Runs[:max(0, len(j.Runs)-1)] {
		run, next := &j.Runs[i], &j.Runs[i+1]
		well := run.changes() && !run.Crashed && !run.Partial && run.Exit == 0
		if well && next.Command == "plan" && next.Planned > 0 && !j.disturbed(run.Began.Add(-j.Settle), next.Ended) {
			j.report("I17", "run %d (%s) ended with exit code 0, and the plan after it has %d calls", i, run.Command, next.Planned)
		}
	}
}

func (j *judge) disturbed(from, to time.Time) bool {
	for id := range j.Foreign {
		if j.touched(id, from, to) {
			return true
		}
	}
	return false
}
