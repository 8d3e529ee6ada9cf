package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
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

// Verify holds results against a listing made after the run, and the same files
// planned on it. What the listing shows is done, what it does not show although
// the platform acknowledged it is unknown: either the listing lags or the
// platform did not do what it said. A row that needs nothing any more is
// verified.
func Verify(p *plan.Plan, results []Result, after *plan.Plan, have *inventory.Inventory) {
	for i, now := range pair(p, after) {
		r := &results[i]
		if r.Task.Orphan() && len(r.Steps) == 0 {
			continue
		}
		if now == nil {
			now = &plan.Task{} // an orphan that is none any more needs nothing
		}
		r.verify(now, have)
	}
}

// verify judges one row; now is what it comes to on the listing.
func (r *Result) verify(now *plan.Task, have *inventory.Inventory) {
	live, _ := have.ByID(r.ID)
	if r.ID == "" && now.Before != nil {
		live, r.ID = now.Before, now.Before.ID
	}
	if live != nil && r.made() && fleet.NameKey(live.Name) != fleet.NameKey(r.Task.Spec.Name) {
		live = nil // the create was answered with somebody else's id
	}
	missing := append(r.compare(live), r.doubled(have)...)
	r.sum()
	r.Verified = (r.Outcome == fleet.Done || r.Outcome == fleet.Unchanged) && len(now.Steps) == 0 && len(now.Refused) == 0
	switch {
	case len(missing) > 0:
		r.Err = errors.Join(append([]error{r.Err}, missing...)...)
	case r.Outcome == fleet.Done && !r.Verified:
		r.doubt(fmt.Errorf("all steps were acknowledged, but by the listing after the run the row is not as wanted: %s", left(now)))
	}
}

// compare holds the row's steps against the live endpoint, nil when there is
// none. It resolves unknown steps that show, and returns those that were
// acknowledged and do not show.
func (r *Result) compare(live *fleet.Endpoint) (missing []error) {
	resolved, unsure := false, false
	for i := range r.Steps {
		s, shown := &r.Steps[i], r.shows(i, live)
		switch {
		case (s.Outcome == fleet.Unknown || s.Outcome == fleet.Failed) && shown:
			// A failure that shows as done was somebody else's second answer.
			s.Outcome, resolved = fleet.Done, true
		case s.Outcome == fleet.Done && !shown:
			s.Outcome = fleet.Unknown
			missing = append(missing, fmt.Errorf("the platform acknowledged %s, but the listing after the run does not show it", s.Action))
		}
		unsure = unsure || s.Outcome == fleet.Unknown || s.Outcome == fleet.Failed
	}
	if resolved && !unsure {
		r.Err = r.resolved()
	}
	return missing
}

// made says whether the row's endpoint was to be created.
func (r *Result) made() bool {
	return r.Task.Spec != nil && len(r.Steps) > 0 && r.Steps[0].Action == fleet.Create
}

// doubled finds a second endpoint of the name that the row made: something
// between here and the platform sent the create twice.
func (r *Result) doubled(have *inventory.Inventory) []error {
	if r.Attempts == 0 || !r.made() || r.Steps[0].Outcome != fleet.Done {
		return nil
	}
	first, others := have.ByName(r.Task.Label())
	if len(others) == 0 {
		return nil
	}
	r.Steps[0].Outcome = fleet.Unknown
	return []error{fmt.Errorf("one endpoint was made, and %d are called so now (%s, %s, …); remove those that should not be", len(others)+1, first.ID, others[0].ID)}
}

// resolved is what is left to say of a row whose unknown step turned out to be
// done: nothing, unless that kept other steps from being begun.
func (r *Result) resolved() error {
	if !slices.ContainsFunc(r.Steps, func(s StepResult) bool { return s.Outcome == fleet.NotAttempted }) {
		return nil
	}
	return fmt.Errorf("a step was in doubt, and the listing after the run shows it done; run again for the others (%w)", r.Err)
}

// shows says whether a live endpoint bears the effect of a step. Of a de-link
// that makes place for another card, not having the old one is the effect.
func (r *Result) shows(step int, live *fleet.Endpoint) bool {
	if live == nil {
		return r.deleted()
	}
	switch planned := r.Task.Steps[step]; planned.Action {
	case fleet.Delete:
		return false
	case fleet.Modify:
		return planned.Set.Only(live.Reported) == planned.Set && sameValues(planned.Set, live.Fields)
	case fleet.Link:
		return live.ICCID.Equal(planned.Set.ICCID)
	case fleet.Delink:
		return live.Reported.Has(fleet.FieldICCID) && (r.Task.Before == nil || !live.ICCID.Equal(r.Task.Before.ICCID))
	case fleet.Activate, fleet.Resume:
		return live.Status == fleet.StatusActive && r.cardBefore(step, live)
	case fleet.Suspend:
		return live.Status == fleet.StatusSuspended
	}
	return true // a create: it is there
}

// cardBefore says whether the card that the task linked before a step is there;
// without it a listing that lags shows the state of before the swap.
func (r *Result) cardBefore(step int, live *fleet.Endpoint) bool {
	for _, s := range r.Task.Steps[:step] {
		if s.Action == fleet.Link && !live.ICCID.Equal(s.Set.ICCID) {
			return false
		}
	}
	return true
}

// deleted says whether the row's endpoint was to go.
func (r *Result) deleted() bool {
	return slices.ContainsFunc(r.Task.Steps, func(s plan.Step) bool { return s.Action == fleet.Delete })
}

// sameValues says whether every given value is the live one.
func sameValues(want, have fleet.Fields) bool {
	for _, f := range fleet.AllFields {
		if w := want.Get(f); w != "" && !f.Same(w, have.Get(f)) {
			return false
		}
	}
	return true
}

// left says in short what a row still needs, or why it cannot have it.
func left(now *plan.Task) string {
	if len(now.Refused) > 0 {
		return now.Refused[0]
	}
	var texts []string
	for _, s := range now.Steps {
		texts = append(texts, fmt.Sprintf("%s (%s)", s.Action, s.Reason))
	}
	return strings.Join(texts, ", ")
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
