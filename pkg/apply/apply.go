// Package apply does a plan.
package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// Platform is what a plan is done on.
type Platform interface {
	// Abilities say how steps become calls.
	Abilities() fleet.Abilities
	// Do sends one mutating call. It calls before right before it sends, and
	// sends nothing when that fails.
	Do(ctx context.Context, call fleet.Call, before func() error) fleet.Reply
	// Page reads one endpoint by its id, right before it is hurt.
	Page(ctx context.Context, q fleet.Query) (fleet.Page, error)
}

// Options bound a run.
type Options struct {
	Workers  int             // tasks at a time, at least 1
	Progress func(Completed) // told of every task that ends, from several goroutines; nil tells nobody
	Stale    map[int]string  // tasks that may not run, by their place in the plan, with what changed since
	// Known says whether an id belonged to an endpoint before the run; nil knows
	// those of the plan's tasks only.
	Known func(fleet.ID) bool
}

// Completed is a task that has ended.
type Completed struct {
	Outcome fleet.Outcome
	Calls   int // mutating calls that it made
}

// StepResult is what became of one step.
type StepResult struct {
	Action  fleet.Action
	Outcome fleet.Outcome
}

// book notes what came of a call. A step that is done in part is unknown: it is
// neither done nor proved not applied.
func (s *StepResult) book(outcome fleet.Outcome, more bool) {
	part := s.Outcome == fleet.Unknown // by an earlier call
	switch {
	case outcome == fleet.Done && !more:
		s.Outcome = fleet.Done
	case outcome == fleet.Done || part:
		s.Outcome = fleet.Unknown
	default:
		s.Outcome = outcome
	}
}

// Result is what became of one task. Its zero value says that nobody reached
// it.
type Result struct {
	Task     *plan.Task
	Steps    []StepResult
	Outcome  fleet.Outcome
	ID       fleet.ID // the endpoint's id, as far as it is known
	Verified bool     // a listing made after the run shows what was wanted
	Err      error    // why it is not done
	Code     string   // the platform's code of the last call
	Attempts int      // requests that left this machine for it
	Started  time.Time
	Duration time.Duration // of its calls, together with the waits between them
	checked  bool          // it was read right before it was hurt
}

// Workers says how many tasks must go on at a time to use every permit: calls
// per second times the longest call, as far as the machine goes.
func Workers(rate float64, callTimeout time.Duration) int {
	const unpaced, most = 64, 512
	if rate <= 0 {
		return unpaced
	}
	return min(max(int(rate*callTimeout.Seconds()+0.5), 1), most)
}

// Run does the tasks that have steps, side by side, each task's steps in order.
// A task that fails is a result; the error says why the run as a whole was cut
// short. The results are in the order of the tasks, every task once.
func Run(ctx context.Context, p *plan.Plan, on Platform, opts Options) ([]Result, error) {
	if len(p.Blocked) > 0 {
		return nil, fleet.Kind(fleet.ErrGuard, errors.New(p.Blocked[0]))
	}
	results := make([]Result, len(p.Tasks))
	runCtx, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	var g errgroup.Group
	g.SetLimit(max(opts.Workers, 1))
	r := runner{on: on, abilities: on.Abilities(), halt: halt, progress: opts.Progress, taken: takenBy(p, opts.Known)}
	for i := range results {
		results[i] = planned(&p.Tasks[i])
		if why, ok := opts.Stale[i]; ok {
			results[i].staleFrom(0, why)
			continue
		}
		if len(p.Tasks[i].Steps) == 0 || runCtx.Err() != nil {
			continue
		}
		g.Go(func() error {
			r.perform(runCtx, &results[i])
			return nil
		})
	}
	_ = g.Wait()
	return results, cutShort(ctx, runCtx)
}

// cutShort is why a run ended early, nil when it did not.
func cutShort(ctx, runCtx context.Context) error {
	if ctx.Err() != nil {
		return fleet.Kind(fleet.ErrStopped, context.Cause(ctx))
	}
	if runCtx.Err() != nil {
		return context.Cause(runCtx)
	}
	return nil
}

// planned is the result of a task before anything was done.
func planned(t *plan.Task) Result {
	r := Result{Task: t}
	if t.Before != nil {
		r.ID = t.Before.ID
	}
	for _, s := range t.Steps {
		r.Steps = append(r.Steps, StepResult{Action: s.Action})
	}
	r.sum()
	return r
}

// sum makes the outcome of the task from its steps and its refusals.
func (r *Result) sum() {
	out := fleet.Unchanged
	for _, s := range r.Steps {
		out = fleet.Worse(out, s.Outcome)
	}
	if len(r.Task.Refused) > 0 {
		out = fleet.Worse(out, fleet.Refused)
	}
	r.Outcome = out
	if r.Outcome == fleet.Refused && r.Err == nil {
		r.Err = errors.Join(refusals(r.Task)...)
	}
}

func refusals(t *plan.Task) []error {
	var errs []error
	for _, text := range t.Refused {
		errs = append(errs, errors.New(text))
	}
	return errs
}

// staleFrom ends a task at a step, because its endpoint is not as it was when it
// was planned.
func (r *Result) staleFrom(step int, why string) {
	for i := step; i < len(r.Steps); i++ {
		r.Steps[i].Outcome = fleet.Stale
	}
	r.Err = errors.New(why)
	r.sum()
}

type runner struct {
	on        Platform
	abilities fleet.Abilities
	halt      context.CancelCauseFunc
	progress  func(Completed)
	taken     *taken
}

// taken are the ids that a create cannot give any more.
type taken struct {
	mu     sync.Mutex
	ids    map[fleet.ID]bool
	before func(fleet.ID) bool
}

func takenBy(p *plan.Plan, before func(fleet.ID) bool) *taken {
	t := &taken{ids: map[fleet.ID]bool{}, before: before}
	for i := range p.Tasks {
		if live := p.Tasks[i].Before; live != nil {
			t.ids[live.ID] = true
		}
	}
	return t
}

// take notes a new id; it is false when the id is somebody's already.
func (t *taken) take(id fleet.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids[id] || t.before != nil && t.before(id) {
		return false
	}
	t.ids[id] = true
	return true
}

// perform does the steps of one task, until one of them is not done.
func (r *runner) perform(ctx context.Context, res *Result) {
	began := time.Now()
	calls := r.abilities.Calls(res.Task.Changes())
	for n, call := range calls {
		call.Begun = n > 0
		call.EndpointID, call.Name = res.ID, liveName(res.Task)
		more := n+1 < len(calls) && calls[n+1].First < call.End // the step takes another call
		if ctx.Err() != nil || !r.call(ctx, res, call, more) {
			break
		}
	}
	res.sum()
	res.finish(began)
	if r.progress != nil {
		r.progress(Completed{Outcome: res.Outcome, Calls: res.Attempts})
	}
}

// liveName is the name by which the platform knows the task's endpoint now.
func liveName(t *plan.Task) string {
	if t.Before != nil && t.Before.Name != "" {
		return t.Before.Name
	}
	return t.Label()
}

func (res *Result) finish(began time.Time) {
	if !res.Started.IsZero() {
		res.Duration = time.Since(began)
	}
}

// call makes one call and books what came of it on the steps that it covers.
// It reports whether the next call may follow. More says that the last of those
// steps takes another call.
func (r *runner) call(ctx context.Context, res *Result, call fleet.Call, more bool) bool {
	if !r.asPlanned(ctx, res, call) {
		return false
	}
	reply := r.on.Do(ctx, call, func() error { return nil })
	if reply.Outcome == fleet.Done && call.Action == fleet.Create && !r.taken.take(reply.ID) {
		reply.Outcome, reply.Err = fleet.Unknown, fmt.Errorf("create was answered with id %s, which is another endpoint's", reply.ID)
		reply.ID = ""
	}
	res.note(call, reply, more)
	if reply.Fatal {
		r.halt(reply.Err)
	}
	return reply.Outcome == fleet.Done
}

// note books a reply on the row and on the steps that the call covers.
func (res *Result) note(call fleet.Call, reply fleet.Reply, more bool) {
	if res.Started.IsZero() {
		res.Started = reply.Started
	}
	res.Attempts += reply.Sends
	if reply.Code != "" {
		res.Code = reply.Code
	}
	for i := call.First; i < call.End; i++ {
		res.Steps[i].book(reply.Outcome, more && i == call.End-1)
	}
	if reply.ID != "" {
		res.ID = reply.ID
	}
	if reply.Outcome != fleet.Done && (reply.Outcome != fleet.NotAttempted || reply.Fatal) {
		res.Err = reply.Err
	}
}

// asPlanned reads an endpoint right before the first step that hurts it, and says
// whether it is still what the plan saw. If not, the rest of the task is stale.
func (r *runner) asPlanned(ctx context.Context, res *Result, call fleet.Call) bool {
	if !call.Action.Hurts() || res.checked {
		return true
	}
	res.checked = true
	page, err := r.on.Page(ctx, fleet.Query{List: fleet.Endpoints, ID: call.EndpointID})
	switch {
	case err != nil:
		res.Err = fmt.Errorf("reading it before %s: %w", call.Action, err)
		return false
	case len(page.Endpoints) == 1:
		if why := changed(res.Task, &page.Endpoints[0]); why != "" {
			res.staleFrom(call.First, why)
			return false
		}
	default:
		res.staleFrom(call.First, "the endpoint is gone since the plan")
		return false
	}
	return true
}

// changed names what is not as the plan saw it, of what tells endpoints apart
// and what is at stake. A name that the task itself has changed is no change.
func changed(t *plan.Task, now *fleet.Endpoint) string {
	was := t.Before
	renamed := t.Spec != nil && t.Spec.Name != "" && fleet.NameKey(now.Name) == fleet.NameKey(t.Spec.Name)
	switch {
	case fleet.NameKey(now.Name) != fleet.NameKey(was.Name) && !renamed:
		return fmt.Sprintf("its name was %s in the plan, and is %s now", fleet.Quote(was.Name), fleet.Quote(now.Name))
	case now.Reported.Has(fleet.FieldICCID) && !now.ICCID.Equal(was.ICCID):
		return fmt.Sprintf("its SIM was %s in the plan, and is %s now", fleet.Quote(string(was.ICCID)), fleet.Quote(string(now.ICCID)))
	case now.Status != was.Status:
		return fmt.Sprintf("its status was %s in the plan, and is %s now", fleet.Quote(string(was.Status)), fleet.Quote(string(now.Status)))
	}
	return ""
}
