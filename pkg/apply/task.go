package apply

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// mostAttempts is how often a call is sent at most, each time after it was
// proved that the time before it was not applied.
const mostAttempts = 3

// perform does the calls of one task from where it stands, until one is not
// done. One whose outcome is unknown is handed to those that settle, and the
// place is free for another task.
func (r *runner) perform(ctx context.Context, task int, settlers *sync.WaitGroup) {
	res := &r.results[task]
	for ctx.Err() == nil && res.goesOn() && r.asPlanned(ctx, task) && r.call(ctx, task) {
		if res.open {
			r.settle(ctx, task, settlers)
			return
		}
	}
	r.finish(task)
}

// call makes the task's next call and books what came of it. It reports whether
// the call was made and did not fail.
func (r *runner) call(ctx context.Context, task int) bool {
	res := &r.results[task]
	call := res.next()
	if why := r.classes.stopped(call); why != "" {
		f := res.stands(task)
		f.Err = why
		r.finds(task, f)
		return false
	}
	attempt, intents := res.tries+1, 0
	if call.Action == fleet.Delete {
		r.deletes.Add(1)
		r.deleting.Add(1)
	}
	reply := r.on.Do(ctx, call, func() error {
		intents++
		i := journal.Intent{Task: task, Call: res.done, Attempt: attempt, Action: call.Action, ID: call.EndpointID, Name: call.Name, ICCID: res.card()}
		if err := r.opts.Journal.Intent(i); err != nil {
			return err
		}
		res.intent(i, time.Now())
		return nil
	})
	if reply.Outcome == fleet.Done && call.Action == fleet.Create && !r.taken.take(reply.ID) {
		reply.Outcome, reply.Err = fleet.Unknown, fmt.Errorf("create was answered with id %s, which is another endpoint's", reply.ID)
		reply.ID = ""
	}
	if reply.Fatal {
		r.halt(reply.Err)
	}
	if intents == 0 && reply.Outcome == fleet.NotAttempted && !reply.Fatal {
		r.deleted(call.Action)
		return false // an interrupt came before it
	}
	r.classes.note(call, reply)
	r.book(task, attempt, reply)
	if reply.Outcome != fleet.Unknown {
		r.deleted(call.Action)
	}
	return reply.Outcome == fleet.Done || reply.Outcome == fleet.Unknown
}

// deleted notes that a call which may have removed an endpoint is over, and known.
func (r *runner) deleted(a fleet.Action) {
	if a == fleet.Delete {
		r.deleting.Add(-1)
	}
}

// book writes what came of a call, then takes it into the result.
func (r *runner) book(task, attempt int, reply fleet.Reply) {
	res := &r.results[task]
	o := journal.Outcome{Task: task, Call: res.done, Attempt: attempt, Outcome: reply.Outcome, ID: reply.ID, Code: reply.Code,
		Sends: reply.Sends, Started: reply.Started.UTC().Round(0), Took: reply.Duration}
	if reply.Outcome != fleet.Done && reply.Err != nil && (reply.Outcome != fleet.NotAttempted || reply.Fatal) {
		o.Err = reply.Err.Error()
	}
	if !reply.Written.IsZero() {
		res.sent = reply.Written
	}
	r.opts.Journal.Outcome(o)
	res.outcome(o)
}

// next is the call that the task makes next.
func (r *Result) next() fleet.Call {
	call := r.calls[r.done]
	call.Begun = r.done > 0 || r.tries > 0
	call.EndpointID, call.Name = r.ID, r.liveName()
	return call
}

// liveName is the name by which the platform knows the task's endpoint now.
func (r *Result) liveName() string {
	name := ""
	if r.Task.Before != nil {
		name = r.Task.Before.Name
	}
	for i, s := range r.Steps {
		if given := r.Task.Steps[i].Set.Name; s.Outcome == fleet.Done && given != "" {
			name = given
		}
	}
	if name == "" {
		return r.Task.Label()
	}
	return name
}

// card is the SIM that the task is about, empty when it is about none.
func (r *Result) card() fleet.ICCID {
	for _, s := range r.Task.Steps {
		if s.Action == fleet.Link {
			return s.Set.ICCID
		}
	}
	return ""
}

// finds writes how a task was found to stand, and takes it into the result.
func (r *runner) finds(task int, f journal.Finding) {
	f.Task = task
	r.opts.Journal.Finding(f)
	r.results[task].finding(f)
}

// stale ends a task, because its endpoint is not as it was when it was planned.
func (r *runner) stale(task int, why string) {
	f := r.results[task].stands(task)
	f.Err = why
	for i, o := range f.Steps {
		if o == fleet.NotAttempted {
			f.Steps[i] = fleet.Stale
		}
	}
	r.finds(task, f)
}

// asPlanned reads an endpoint right before each step that hurts it, and says
// whether it is still what the plan saw, but for what the task did itself. If
// not, the rest of the task is stale.
func (r *runner) asPlanned(ctx context.Context, task int) bool {
	res := &r.results[task]
	if !res.calls[res.done].Action.Hurts() {
		return true
	}
	call := res.next()
	page, err := r.on.Page(ctx, fleet.Query{List: fleet.Endpoints, ID: call.EndpointID})
	switch {
	case err != nil:
		f := res.stands(task)
		f.Err = fmt.Errorf("reading it before %s: %w", call.Action, err).Error()
		r.finds(task, f)
		return false
	case len(page.Endpoints) == 1:
		if why := res.changed(&page.Endpoints[0]); why != "" {
			r.stale(task, why)
			return false
		}
	default:
		r.stale(task, "the endpoint is gone since the plan")
		return false
	}
	return true
}

// images are what the endpoint may look like by what was found when the task was
// planned and the steps that were done since: as it is now, then as reads that
// lag may still show it. A step may leave the status open.
func (r *Result) images() []fleet.Endpoint {
	var e fleet.Endpoint
	if r.Task.Before != nil {
		e = *r.Task.Before
	}
	images := []fleet.Endpoint{e}
	for i, s := range r.Steps {
		if s.Outcome == fleet.Done {
			happened(&e, r.Task.Steps[i])
			images = append(images, e)
		}
	}
	slices.Reverse(images)
	return images
}

// happened changes the image of an endpoint by a step.
func happened(e *fleet.Endpoint, s plan.Step) {
	switch s.Action {
	case fleet.Create, fleet.Modify:
		if s.Set.Name != "" {
			e.Name = s.Set.Name
		}
	case fleet.Link:
		e.ICCID = s.Set.ICCID
	case fleet.Delink:
		e.ICCID = ""
	}
	switch s.Action {
	case fleet.Activate, fleet.Resume:
		e.Status = fleet.StatusActive
	case fleet.Suspend:
		e.Status = fleet.StatusSuspended
	case fleet.Create, fleet.Link, fleet.Delink:
		e.Status = "" // Pre-Active or Hold: the platform decides
	}
}

// changed names what is not as the task left it, of what tells endpoints apart
// and what is at stake.
func (r *Result) changed(now *fleet.Endpoint) string {
	images := r.images()
	if slices.ContainsFunc(images, func(was fleet.Endpoint) bool { return differs(was, now) == "" }) {
		return ""
	}
	return differs(images[0], now)
}

// differs names what an endpoint is not any more.
func differs(was fleet.Endpoint, now *fleet.Endpoint) string {
	active := now.Status == fleet.StatusActive || now.Status == fleet.StatusSuspended
	switch {
	case fleet.NameKey(now.Name) != fleet.NameKey(was.Name):
		return fmt.Sprintf("its name was %s in the plan, and is %s now", fleet.Quote(was.Name), fleet.Quote(now.Name))
	case now.Reported.Has(fleet.FieldICCID) && !now.ICCID.Equal(was.ICCID):
		return fmt.Sprintf("its SIM was %s in the plan, and is %s now", fleet.Quote(string(was.ICCID)), fleet.Quote(string(now.ICCID)))
	case was.Status == "" && active:
		return fmt.Sprintf("its status is %s now, which no step of this run made it", fleet.Quote(string(now.Status)))
	case was.Status != "" && now.Status != was.Status:
		return fmt.Sprintf("its status was %s in the plan, and is %s now", fleet.Quote(string(was.Status)), fleet.Quote(string(now.Status)))
	}
	return ""
}
