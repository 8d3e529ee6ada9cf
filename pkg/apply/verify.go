package apply

import (
	"errors"
	"fmt"
	"slices"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// Refresh compares a plan with the same files planned on a newer listing and
// returns the tasks that may not run, by their place in the plan, with what
// changed since.
func Refresh(p, now *plan.Plan) map[int]string {
	stale := map[int]string{}
	newer := pair(p, now)
	for i := range p.Tasks {
		t := &p.Tasks[i]
		if len(t.Steps) == 0 {
			continue
		}
		if newer[i] == nil {
			stale[i] = "the endpoint is no orphan any more, or is gone"
		} else if why := t.Stale(newer[i]); why != "" {
			stale[i] = why
		}
	}
	return stale
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

// Verify holds results against the same files planned on a listing made after
// the run. A row that needs nothing any more is verified. A step whose outcome
// was unknown and that is not needed any more was applied. A step that the
// platform acknowledged, and that is needed still, is unknown: either the
// listing lags or the platform did not do what it said.
func Verify(p *plan.Plan, results []Result, after *plan.Plan) {
	for i, now := range pair(p, after) {
		r := &results[i]
		if now == nil && r.Task.Orphan() {
			now = &plan.Task{} // an orphan that is gone needs nothing
		}
		if now == nil || r.Task.Orphan() && len(r.Steps) == 0 {
			continue
		}
		r.verify(now)
	}
}

func (r *Result) verify(now *plan.Task) {
	if ambiguous(r, now) {
		r.doubt(fmt.Errorf("after the run: %s", now.Refused[0]))
		return
	}
	var missing []error
	for i := range r.Steps {
		s := &r.Steps[i]
		needed := slices.ContainsFunc(now.Steps, func(n plan.Step) bool { return n.Action == s.Action })
		switch {
		case needed && s.Outcome == fleet.Done:
			s.Outcome = fleet.Unknown
			missing = append(missing, fmt.Errorf("the platform acknowledged %s, but the listing after the run does not show it", s.Action))
		case !needed && s.Outcome == fleet.Unknown && len(now.Refused) <= len(r.Task.Refused):
			s.Outcome, r.Err = fleet.Done, nil
		}
	}
	if now.Before != nil {
		r.ID = now.Before.ID
	}
	r.Err = errors.Join(append([]error{r.Err}, missing...)...)
	r.sum()
	r.Verified = len(now.Steps) == 0 && len(now.Refused) == 0
}

// ambiguous says that a row which was clear before the run fits several live
// endpoints, or none clearly, after it.
func ambiguous(r *Result, now *plan.Task) bool {
	return len(r.Task.Refused) == 0 && r.Task.Spec != nil && now.Before == nil && len(now.Refused) > 0 && len(now.Steps) == 0 && r.Attempts > 0
}

// doubt turns all that was taken as done into unknown.
func (r *Result) doubt(why error) {
	for i := range r.Steps {
		if r.Steps[i].Outcome == fleet.Done {
			r.Steps[i].Outcome = fleet.Unknown
		}
	}
	r.Err = errors.Join(r.Err, why)
	r.sum()
}
