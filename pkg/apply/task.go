package apply

import (
	"context"
	"errors"
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
func (r *runner) perform(ctx context.Context, task int) {
	res := &r.results[task]
	own, begin, end := r.waiting(ctx, task)
	defer end()
	for own.Err() == nil && res.goesOn() {
		clear, aside := r.clear(task)
		if aside {
			return
		}
		if !clear || !r.rests(own, task) || !r.asPlanned(own, task) || !r.call(own, task, begin) {
			break
		}
		if res.Open() {
			r.settle(ctx, task)
			return
		}
		r.wake(task, false)
	}
	r.finish(task)
}

// waiting gives a task that has not begun a context that ends when no more tasks are
// begun. Begin says that its first call is about to leave: from then on the context
// lives as long as the run, unless it comes too late, and begin is false. A task that
// others wait for begins all the same, lest they stay without what it gives up.
func (r *runner) waiting(ctx context.Context, task int) (own context.Context, begin func() bool, end func()) {
	if r.results[task].begun() || r.claims.claimed(task) {
		return ctx, func() bool { return true }, func() {}
	}
	own, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.beginning, cancel)
	begin = sync.OnceValue(func() bool {
		early := stop()
		if !early {
			cancel()
		}
		return early
	})
	return own, begin, func() { stop(); cancel() }
}

// call makes the task's next call and books what came of it. It reports whether
// the task may go on.
func (r *runner) call(ctx context.Context, task int, begin func() bool) bool {
	res := &r.results[task]
	s := sending{runner: r, task: task, call: res.next(), attempt: res.tries + 1, begin: begin}
	if why := r.classes.stopped(s.call); why != "" {
		r.leave(task, why)
		return false
	}
	if s.call.Action == fleet.Delete {
		r.deletes.Add(1)
		r.deleting.Add(1)
	}
	reply := r.send(ctx, &s)
	if reply.Fatal {
		r.halt(reply.Err)
	}
	if s.intents > 0 || reply.Outcome != fleet.NotAttempted || reply.Fatal {
		r.classes.note(s.call, reply)
		r.book(task, s.attempt, reply)
	}
	if reply.Outcome != fleet.Unknown {
		r.deleted(s.call.Action)
	}
	return reply.Outcome == fleet.Done || reply.Outcome == fleet.Unknown || errors.Is(reply.Err, fleet.ErrRecheck) && r.again(task)
}

// sending is one call on its way.
type sending struct {
	*runner
	task, attempt int
	call          fleet.Call
	begin         func() bool // whether it may begin
	intents       int
}

// What a call rests on must not be older than this when it is sent: an endpoint
// that is hurt was read, an intent was begun. With the time that the request may
// take to be written, the latter is writeLimit.
const (
	lookedLately = 5 * time.Second // or three calls' time, at a slow pace
	slowSync     = 10 * time.Second
	mostRechecks = 30 // a pace that was throttled recovers by then
)

// lately is how long ago an endpoint may have been read right before it is hurt.
// What counts is the pace of the moment: where throttles have slowed it, calls
// would wait for ever on reads that are too old when their turn comes.
func (r *runner) lately() time.Duration {
	rate := r.opts.Settling.Rate
	if slowed, ok := r.on.(interface{ Pace() float64 }); ok {
		rate = slowed.Pace()
	}
	if rate > 0 {
		return max(lookedLately, time.Duration(3/rate*float64(time.Second)))
	}
	return lookedLately
}

// announce journals that the call is about to leave, unless what it rests on is
// too old by now, or it may not begin any more: a permit, a throttle or an outage
// may have taken long, or the disk. The error is an ErrRecheck then.
func (s *sending) announce() error {
	res, began := &s.results[s.task], time.Now()
	if s.call.Action.Hurts() && began.Sub(res.looked) > s.lately() {
		return fleet.ErrRecheck
	}
	if s.classes.stopped(s.call) != "" || !s.begin() {
		return fleet.ErrRecheck
	}
	s.intents++
	i := journal.Intent{Task: s.task, Call: res.done, Attempt: s.attempt, Action: s.call.Action, ID: s.call.EndpointID, Name: s.call.Name, ICCID: res.card(),
		Links: s.call.Action == fleet.Create && s.call.Fields.ICCID != "", Starts: s.call.Activate}
	if err := s.opts.Journal.Intent(i); err != nil {
		return err
	}
	now := time.Now()
	if max(now.Sub(began), now.Round(0).Sub(began.Round(0))) > slowSync {
		return fleet.ErrRecheck
	}
	res.intent(i, now)
	return nil
}

// own doubts a create that was answered with an id that is not its own.
func (s *sending) own(reply fleet.Reply) fleet.Reply {
	if reply.Outcome == fleet.Done && s.call.Action == fleet.Create && !s.taken.take(reply.ID) {
		reply.Outcome, reply.Err = fleet.Unknown, fmt.Errorf("create was answered with id %s, which is another endpoint's", reply.ID)
		reply.ID = ""
	}
	return reply
}

// again says whether a call may be prepared once more; the platform may be too
// slow for it.
func (r *runner) again(task int) bool {
	res := &r.results[task]
	if res.rechecks++; res.rechecks < mostRechecks {
		return true
	}
	r.leave(task, fmt.Sprintf("not begun: %d times the call could not be sent within %s of what it rests on; go on when the platform and the disk are faster", mostRechecks, r.lately()))
	return false
}

// leave ends a task where it stands, with the reason.
func (r *runner) leave(task int, why string) {
	f := r.results[task].stands(task)
	f.Err = why
	r.finds(task, f)
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
	call.Begun = r.begun()
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
	if len(f.Steps) == 0 {
		f.Flaw = fleet.Stale
	}
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
	case err != nil && ctx.Err() != nil: // the run says why
		return false
	case err != nil:
		r.leave(task, fmt.Sprintf("reading it before %s: %v", call.Action, err))
		return false
	case len(page.Endpoints) == 1:
		res.looked = time.Now()
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
