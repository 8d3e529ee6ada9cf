package apply

import (
	"slices"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Shown books the steps that were acknowledged, that the listing after the run did
// not show, and that a newer listing shows: what comes after them may go on.
func Shown(results []Result, have *inventory.Inventory, to Journal) {
	for i := range results {
		res := &results[i]
		live, there := have.ByID(res.ID)
		if !there || !res.doubted() {
			continue
		}
		if f := res.stands(i); res.clearUp(&f, live) {
			to.Finding(f)
			res.finding(f)
		}
	}
}

// clearUp takes the unknown steps that a live endpoint bears the effects of for done.
func (r *Result) clearUp(f *journal.Finding, live *fleet.Endpoint) (shown bool) {
	wrong := false
	for i, o := range f.Steps {
		if o == fleet.Unknown && r.shows(i, live) {
			f.Steps[i], shown = fleet.Done, true
		}
		wrong = wrong || f.Steps[i] == fleet.Unknown || f.Steps[i] == fleet.Failed
	}
	if shown && !wrong {
		f.Err = ""
	}
	return shown
}

// Refresh compares what is left of a plan with the same files planned on a newer
// listing and returns the tasks that may not go on, by their place in the plan,
// with what changed since. What the run itself did is no change.
func Refresh(p *plan.Plan, results []Result, now *plan.Plan, have *inventory.Inventory) map[int]string {
	stale := map[int]string{}
	newer := pair(p, now)
	for i := range results {
		if res := &results[i]; res.goesOn() {
			if why := res.since(newer[i], have); why != "" {
				stale[i] = why
			}
		}
	}
	return stale
}

// Renamed adds to the stale tasks those whose names stand for other ids now than
// when they were planned. One that has begun goes on: it has sent its ids. One that
// has nothing to do is not as wanted either, whatever it looks like.
func Renamed(results []Result, moved, stale map[int]string) map[int]string {
	for i, why := range moved {
		if r := &results[i]; r.unbegun() {
			stale[i] = why
		}
	}
	return stale
}

// unbegun says whether a task has begun nothing, and nothing is refused that keeps
// it from beginning.
func (r *Result) unbegun() bool {
	return r.done == 0 && r.goesOn() || r.Outcome == fleet.Unchanged
}

// Lags says for how long a listing may still lag behind what the run itself did: of
// the stale tasks, those whose endpoint it does not show, and those of which it does
// not show what was acknowledged.
func Lags(results []Result, stale map[int]string, have *inventory.Inventory, window time.Duration) time.Duration {
	var longest time.Duration
	for i := range results {
		res := &results[i]
		_, there := have.ByID(res.ID)
		if gone := stale[i] != "" && res.done > 0 && !there; gone || res.doubted() {
			longest = max(longest, time.Until(res.sent.Add(window)))
		}
	}
	return longest
}

// since says what has changed about a task since it was planned or last worked
// on; now is what it comes to on a newer listing.
func (r *Result) since(now *plan.Task, have *inventory.Inventory) string {
	switch live, there := have.ByID(r.ID); {
	case r.done > 0 && !there:
		return "the endpoint is gone since the run worked on it"
	case r.done > 0:
		return r.changed(live)
	case now == nil:
		return "the endpoint is no orphan any more, or is gone"
	}
	return r.Task.Stale(now)
}

// pair finds for each task of a plan the one about the same row, or the same
// orphan, in a plan made of the same files later; nil where there is none.
func pair(p, now *plan.Plan) []*plan.Task {
	pairs := make([]*plan.Task, len(p.Tasks))
	orphans := map[fleet.ID]*plan.Task{}
	rows := slices.IndexFunc(now.Tasks, func(t plan.Task) bool { return t.Orphan() })
	if rows < 0 {
		rows = len(now.Tasks)
	}
	for i := rows; i < len(now.Tasks); i++ {
		orphans[now.Tasks[i].Before.ID] = &now.Tasks[i]
	}
	for i := range p.Tasks {
		switch t := &p.Tasks[i]; {
		case t.Orphan():
			pairs[i] = orphans[t.Before.ID]
		case i < rows:
			pairs[i] = &now.Tasks[i]
		}
	}
	return pairs
}
