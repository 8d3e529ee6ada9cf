package oracle

import (
	"maps"
	"slices"
	"time"
)

// checkTruth holds the reports against what the platform did (I9), with the
// report of names that the platform itself doubled (I1).
func (j *judge) checkTruth() {
	for i := range j.Runs {
		for n := range j.reports[i].rows {
			r := &j.reports[i].rows[n]
			j.checkVerified(i, r)
			for _, s := range r.steps {
				j.checkStep(i, r, s)
			}
		}
	}
	j.checkDoubles()
	j.checkLast()
}

// checkVerified demands that what is done was seen to be done, unless the run
// had no chance to look.
func (j *judge) checkVerified(i int, r *result) {
	if r.outcome == "done" && !r.verified && !j.blind(i) {
		j.report("I9", "run %d reports %q as done, and did not verify it (exit code %d)", i, r.key(), j.Runs[i].Exit)
	}
}

// blind says whether a run could not look at the end: it was stopped, or the
// platform or the disk did not answer. Exit codes 4 and 6 can hide that, so the
// log has to show a listing without a fault after the last call.
func (j *judge) blind(i int) bool {
	switch j.Runs[i].Exit {
	case 129, 130, 143, 7, 8, 70, 74:
		return true
	case 4, 6:
		return !j.listedAtEnd(i)
	}
	return false
}

// listedAtEnd says whether all pages that were asked for after the last call came,
// be it at a second try.
func (j *judge) listedAtEnd(i int) bool {
	type page struct{ op, row string }
	came := map[page]bool{}
	for _, e := range j.history.all {
		switch {
		case !j.Runs[i].covers(e.At):
		case e.mutates():
			clear(came)
		case (e.Op == opEndpoints || e.Op == opSIMs) && e.EndpointID == "":
			came[page{e.Op, e.Row}] = e.answered() && e.Effect == ""
		}
	}
	return len(came) > 0 && !slices.Contains(slices.Collect(maps.Values(came)), false)
}

// covers says whether a time lies within a run. What a killed process had
// handed to the network may arrive a little later.
func (r *Run) covers(t time.Time) bool {
	end := r.Ended
	if r.Crashed {
		end = end.Add(time.Second)
	}
	return !t.Before(r.Began) && !t.After(end)
}

func (j *judge) checkStep(i int, r *result, s step) {
	if j.foreign(r.endpointID) {
		return // the effect may be there, or gone, by other hands
	}
	calls := j.callsFor(r, s)
	switch s.outcome {
	case "done":
		j.checkDone(i, r, s, calls)
	case "failed", "not-attempted":
		j.checkNotDone(i, r, s, calls)
	}
}

// callsFor are the requests for a step of a row, whichever run sent them.
func (j *judge) callsFor(r *result, s step) []*entry {
	if s.action == opCreate {
		return j.history.creates[nameKey(r.name)]
	}
	if r.endpointID == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(j.history.others[r.endpointID]), func(e *entry) bool {
		return e.Op != opOf(s.action) || s.path != "" && e.Path != s.path || e.Op == opLifecycle && e.action != "" && e.action != s.action
	})
}

// checkDone demands that a step which is reported done was applied before the
// run ended, or that the platform said it was so already.
func (j *judge) checkDone(i int, r *result, s step, calls []*entry) {
	if s.action != opCreate && r.endpointID == "" || s.action == opCreate && r.name == "" {
		return // the report does not say of what
	}
	for _, e := range calls {
		right := s.action != opCreate || r.endpointID == "" || e.EndpointID == r.endpointID || e.Effect == "duplicate"
		known := !e.At.After(j.Runs[i].Ended)
		// What the platform acknowledged is reported as done; whether it lied, a
		// run that could not look at the end cannot know, and says not verified.
		believed := right && j.blind(i) && !r.verified && e.Status == 200 && e.Outer == "0" && e.legible()
		if e.appliedBy(j.Runs[i].Ended) && right || known && (e.was(s.action) || believed) {
			return
		}
	}
	j.report("I9", "run %d reports %s of %q (endpoint %q) as done, and none of %d requests for it did it by %s",
		i, s.action, r.key(), r.endpointID, len(calls), clock(j.Runs[i].Ended))
}

// was says whether the answer was that there is nothing left to do.
func (e *entry) was(action string) bool {
	return slices.Contains(idle, e.Inner) || action == opDelete && e.Inner == "99404"
}

// checkNotDone demands that a step which is reported failed or not attempted was
// not applied by the run, neither then nor later. A name that the platform
// doubled makes a row fail although it is there.
func (j *judge) checkNotDone(i int, r *result, s step, calls []*entry) {
	for _, e := range calls {
		if e.Applied && e.Effect != "duplicate" && !j.foreign(e.EndpointID) && j.sentBy(e, i) {
			j.report("I9", "run %d reports %s of %q as %s, and %s was applied at %s", i, s.action, r.key(), s.outcome, e, clock(e.AppliedAt))
			return
		}
	}
}

// sentBy says whether a request was sent by a run, or by an earlier one of the
// same plan. In virtual time a later run may begin at the very instant at which
// one ends; what was sent then may be of either.
func (j *judge) sentBy(e *entry, run int) bool {
	ours := false
	for i := range j.Runs {
		if !j.Runs[i].changes() || !j.Runs[i].covers(e.At) {
			continue
		}
		if i > run {
			return false
		}
		ours = ours || j.chain[i] == j.chain[run]
	}
	return ours
}

// checkDoubles demands that a name which the platform doubled is not called done
// in the last report about it, as long as both are live.
func (j *judge) checkDoubles() {
	live := map[string]int{}
	for i := range j.Live {
		live[nameKey(j.Live[i].Name)]++
	}
	for _, name := range sortedKeys(j.history.creates) {
		i, r := j.lastReport(name)
		if r == nil || !r.done() || live[name] < 2 || j.blind(i) {
			continue
		}
		for _, e := range j.history.creates[name] {
			if e.Effect == "duplicate" && e.appliedBy(j.Runs[i].Ended) {
				j.report("I1", "run %d reports %q as %s, and the platform doubled it at %s", i, name, r.outcome, clock(e.AppliedAt))
			}
		}
	}
}

func (j *judge) lastReport(name string) (int, *result) {
	for i := len(j.Runs) - 1; i >= 0; i-- {
		for n := range j.reports[i].rows {
			if r := &j.reports[i].rows[n]; !r.orphan() && nameKey(r.name) == name {
				return i, r
			}
		}
	}
	return -1, nil
}

// checkLast compares what the last run verified with the fleet at the end. Only
// the last run that could change something is judged: nobody came after it.
func (j *judge) checkLast() {
	last := len(j.Runs) - 1
	for last >= 0 && !j.Runs[last].changes() {
		last--
	}
	if last < 0 {
		return
	}
	for n := range j.reports[last].rows {
		if r := &j.reports[last].rows[n]; r.done() && r.verified && !r.orphan() {
			j.checkMet(last, r)
		}
	}
}

func (j *judge) checkMet(i int, r *result) {
	n := slices.IndexFunc(j.Rows, func(row Row) bool { return row.key() == r.key() })
	if n < 0 || r.endpointID == "" || j.foreign(r.endpointID) || j.doubled(r.name) {
		return
	}
	if why := j.Rows[n].unmet(j.live[r.endpointID]); why != "" {
		j.report("I9", "run %d reports %q (endpoint %s) as %s and verified, and in the end %s", i, r.key(), r.endpointID, r.outcome, why)
	}
}

func (j *judge) doubled(name string) bool {
	return slices.ContainsFunc(j.history.creates[nameKey(name)], func(e *entry) bool { return e.Effect == "duplicate" })
}
