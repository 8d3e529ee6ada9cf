package apply

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Look lists what is live, and plans the same files on it: what Fleet of the plan
// says, by inventory.Fetch and plan.Build, under the same options but for Doubts,
// Choice and Earlier, which are of the time before the run.
type Look func(ctx context.Context) (after *plan.Plan, have *inventory.Inventory, err error)

// manyPages is from how large a listing on it is not made more than once in a
// settling window.
const manyPages = 5

// Confirm holds results against a listing made after the run. What it shows is
// done. What it does not show although the platform acknowledged it is looked
// for until the settling window has passed, and has failed then: the listing
// lagged, or the platform did not do what it said. The window counts from the
// last request for what does not show. What is neither shown nor proved when the
// context ends, or when listings fail for too long, is unknown. The error says
// why no listing could be made; of the options, Journal and Settling count.
func Confirm(ctx context.Context, p *plan.Plan, results []Result, look Look, opts Options) error {
	opts, err := opts.ready(p, results)
	if err != nil {
		return err
	}
	var e evidence
	var seen *survey
	for {
		began := time.Now()
		after, have, err := look(ctx)
		v := undecided
		switch {
		case err != nil && (hopeless(err) || e.fail(min(opts.Settling.Patience, opts.Settling.Window))):
			seen.commit(results, opts.Journal, false)
			return err
		case err == nil:
			seen = findings(p, results, after, have)
			e.sent = seen.sent
			v = e.judge(len(seen.missing) == 0, began, seen.twice, opts.Settling.Window)
			if have.Pages > manyPages {
				e.looked = e.sent.Add(looks[len(looks)-1])
			}
		}
		if v != undecided || !until(ctx, e.next(opts.Settling.Window)) {
			seen.commit(results, opts.Journal, v == notApplied)
			return err
		}
	}
}

// hopeless says whether asking again cannot help: whoever asks may not.
func hopeless(err error) bool {
	return errors.Is(err, fleet.ErrLogin) || errors.Is(err, fleet.ErrPermission)
}

// survey is what a listing says of the results.
type survey struct {
	all     []journal.Finding // where they differ from the results, or are missing something
	missing map[int]bool      // tasks with steps that were acknowledged and do not show
	twice   bool              // one of those steps is a create or an activation
	sent    time.Time         // the last request for those tasks
}

func findings(p *plan.Plan, results []Result, after *plan.Plan, have *inventory.Inventory) *survey {
	f := &survey{missing: map[int]bool{}}
	for i, now := range pair(p, after) {
		r := &results[i]
		if r.Task.Orphan() && len(r.Steps) == 0 {
			continue
		}
		if now == nil {
			now = &plan.Task{} // an orphan that is none any more needs nothing
		}
		judged, missing := r.judged(now, have)
		if len(missing) > 0 && r.sent.After(f.sent) {
			f.sent = r.sent
		}
		for _, action := range missing {
			f.missing[i] = true
			f.twice = f.twice || twice(action)
		}
		if finding := judged.stands(i); len(missing) > 0 || !reflect.DeepEqual(finding, r.stands(i)) {
			f.all = append(f.all, finding)
		}
	}
	return f
}

// commit takes the findings into the results. Steps that were acknowledged and
// do not show have failed once that is proved, and are unknown before.
func (f *survey) commit(results []Result, to Journal, proved bool) {
	if f == nil {
		return
	}
	for _, finding := range f.all {
		if proved && f.missing[finding.Task] {
			for i, o := range finding.Steps {
				if o == fleet.Unknown && results[finding.Task].acknowledged(i) {
					finding.Steps[i] = fleet.Failed
				}
			}
			finding.Err += "; it was not applied, or somebody undid it"
		}
		to.Finding(finding)
		results[finding.Task].finding(finding)
	}
}

// judged is the result as a listing made after the run shows it; now is what the
// row comes to on that. It returns the steps that were acknowledged and do not
// show.
func (r *Result) judged(now *plan.Task, have *inventory.Inventory) (*Result, []fleet.Action) {
	j := *r
	j.Steps = slices.Clone(r.Steps)
	live, _ := have.ByID(j.ID)
	if j.ID == "" && now.Before != nil {
		live, j.ID = now.Before, now.Before.ID
	}
	if live != nil && j.made() && fleet.NameKey(live.Name) != fleet.NameKey(j.Task.Spec.Name) {
		live = nil // the create was answered with somebody else's id
	}
	missing := j.compare(live)
	j.doubled(have)
	j.sum()
	if differs := len(now.Steps)+len(now.Refused) > 0; differs && j.Outcome == fleet.Done {
		j.flawed(fleet.Stale, "all steps were done, and the row is not as wanted all the same; somebody changed it meanwhile: "+left(now))
	} else if differs && j.Outcome == fleet.Unchanged {
		j.flawed(fleet.Stale, "it was as wanted when the plan was made, and is not any more: "+left(now))
	}
	return &j, missing
}

// flawed notes that something is wrong besides the steps.
func (r *Result) flawed(o fleet.Outcome, why string) {
	r.Flaw, r.Err = o, errors.Join(r.Err, errors.New(why))
	r.sum()
}

// compare holds the row's steps against the live endpoint, nil when there is
// none. It resolves unknown steps that show, and returns those that were
// acknowledged and do not show.
func (r *Result) compare(live *fleet.Endpoint) (missing []fleet.Action) {
	var lies []error
	resolved, unsure := false, false
	for i := range r.Steps {
		s, shown, acked := &r.Steps[i], r.shows(i, live), r.acknowledged(i)
		switch {
		case (s.Outcome == fleet.Unknown || s.Outcome == fleet.Failed) && shown:
			// A failure that shows as done was somebody else's second answer.
			s.Outcome, resolved = fleet.Done, true
		case !shown && acked && (s.Outcome == fleet.Done || s.Outcome == fleet.Unknown):
			s.Outcome = fleet.Unknown
			missing = append(missing, s.Action)
			lies = append(lies, fmt.Errorf("the platform acknowledged %s, but the listing after the run does not show it", s.Action))
		default:
			unsure = unsure || s.Outcome == fleet.Unknown || s.Outcome == fleet.Failed
		}
	}
	if (resolved || len(lies) > 0) && !unsure {
		r.Err = r.resolved()
	}
	r.Err = errors.Join(append([]error{r.Err}, lies...)...)
	return missing
}

// acknowledged says whether the platform said that a step was done, or a read
// showed it once.
func (r *Result) acknowledged(step int) bool {
	return r.done > 0 && step < r.calls[r.done-1].End
}

// made says whether the row's endpoint was to be created.
func (r *Result) made() bool {
	return r.Task.Spec != nil && len(r.Steps) > 0 && r.Steps[0].Action == fleet.Create
}

// doubled finds a second endpoint of the name that the row made: something
// between here and the platform sent the create twice.
func (r *Result) doubled(have *inventory.Inventory) {
	if r.Attempts == 0 || !r.made() || r.Steps[0].Outcome != fleet.Done || r.Flaw == fleet.Failed {
		return
	}
	if ids := named(r.Task.Label(), have); len(ids) > 1 {
		r.flawed(fleet.Failed, twins(ids))
	}
}

// resolved is what is left to say of a row whose unknown step turned out to be
// done: nothing, unless that kept other steps from being begun.
func (r *Result) resolved() error {
	left := slices.ContainsFunc(r.Steps, func(s StepResult) bool { return s.Outcome == fleet.NotAttempted })
	if r.Err == nil || !left {
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

// showing is how many of the unclear steps, from the first one on, a live endpoint
// bears the effects of, and whether that is all of them.
func (r *Result) showing(live *fleet.Endpoint) (n int, all bool) {
	first, end := r.unclear()
	for first+n < end && r.shows(first+n, live) {
		n++
	}
	return n, first+n == end
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
