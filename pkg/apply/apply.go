// Package apply does a plan.
//
// Whoever does one holds the lock of its account, begins the run with Begin, does it
// with Run, holds what came of it against what is live with Confirm, and ends the
// journal with what Ended makes of the results. What earlier runs left is for the
// plan to know: Doubts and Earlier find it. The example of package pkg does all that.
package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Platform is what a plan is done on.
type Platform interface {
	// Abilities say how steps become calls.
	Abilities() fleet.Abilities
	// Do sends one mutating call. It calls before right before it sends, and
	// sends nothing when that fails.
	Do(ctx context.Context, call fleet.Call, before func() error) fleet.Reply
	// Page reads a page of endpoints, or one of them by its id.
	Page(ctx context.Context, q fleet.Query) (fleet.Page, error)
}

// Journal keeps what is about to be done and what came of it.
type Journal interface {
	Intent(journal.Intent) error // durable on return
	Outcome(journal.Outcome)
	Finding(journal.Finding)
}

// Options bound a run. The zero Options do one task at a time, and want a Journal.
type Options struct {
	Workers  int             // tasks at a time, at least 1
	Progress func(Completed) // told of every task that ends, from several goroutines; nil tells nobody
	Stale    map[int]string  // tasks that may not run, by their place in the plan, with what changed since
	// Known says whether an id belonged to an endpoint before the run; nil knows
	// those of the plan's tasks only.
	Known    func(fleet.ID) bool
	Journal  Journal // has to be given: nothing is sent that it does not have first
	Settling Settling
	Halt     Halt
	Renewal  Renewal
	Only     bool // settle what is open, and send nothing
	// Found is a listing made right before the run: what was open and shows there
	// needs no further reading. Nil when there is none.
	Found *inventory.Inventory
}

// Halt says when a run begins no more tasks. Those that have begun go on.
type Halt struct {
	Percent float64       // of the finished tasks failed; 0 never halts
	Least   int           // and at least so many
	After   time.Duration // so long after the beginning; 0 never
}

// Completed is a task that has ended.
type Completed struct {
	Task   int     // its place in the plan
	Result *Result // nobody changes it any more while the run lasts
}

// Workers says how many tasks must go on at a time to use every permit: calls
// per second times the longest call, as far as the machine goes. Without a rate
// there are enough to have calls in flight while others wait for the disk.
func Workers(rate float64, callTimeout time.Duration) int {
	const unpaced, most = 256, 512
	if rate <= 0 {
		return unpaced
	}
	return min(max(int(rate*callTimeout.Seconds()+0.5), 1), most)
}

// New are the results of a plan of which nothing is done.
func New(p *plan.Plan, abilities fleet.Abilities) []Result {
	results := make([]Result, len(p.Tasks))
	for i := range results {
		results[i] = planned(&p.Tasks[i], abilities)
	}
	return results
}

// Run does what is left of a plan: tasks side by side, each task's steps in
// order. A call of which nobody knows whether it was applied is settled by
// reading, while the others go on. The results are changed in place. A task that
// fails is a result; the error says why the run as a whole was cut short: an
// ErrGuard, or an ErrUsage for options that do not fit, before anything was sent,
// an ErrStopped where nothing more was begun, or what every other call would have
// met too. The account must be locked.
func Run(ctx context.Context, p *plan.Plan, results []Result, on Platform, opts Options) error {
	opts, err := opts.ready(p, results)
	if err == nil && !opts.Only {
		err = guarded(p)
	}
	if err != nil {
		return err
	}
	runCtx, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	beginning, last := context.WithCancel(runCtx)
	defer last()
	r := &runner{beginning: beginning, last: last, on: on, opts: opts, plan: p, results: results, listing: newListing(opts.Renewal.Read), halt: halt, taken: takenBy(results, opts.Known), queue: newQueue(len(results)), classes: newClasses(), claims: claimed(results)}
	r.run(runCtx)
	return r.cutShort(ctx, runCtx)
}

// ready are the options with what holds where they say nothing. The error is an
// ErrUsage that says what is missing or does not fit.
func (o Options) ready(p *plan.Plan, results []Result) (Options, error) {
	if o.Settling.Window <= 0 {
		o.Settling.Window = DefaultWindow
	}
	var problems []error
	if o.Journal == nil {
		problems = append(problems, errors.New("apply.Options has no Journal, and nothing is sent that is not journalled first: give what apply.Begin returns"))
	}
	if o.Renewal.Age > 0 && o.Renewal.Look == nil {
		problems = append(problems, errors.New("apply.Options has a Renewal.Age and no Renewal.Look to read live again with"))
	}
	if len(results) != len(p.Tasks) {
		problems = append(problems, fmt.Errorf("got %d results, want one for each of the plan's %d tasks, as apply.New makes them", len(results), len(p.Tasks)))
	}
	return o, fleet.Kind(fleet.ErrUsage, errors.Join(problems...))
}

// runner does the tasks of a run.
type runner struct {
	on      Platform
	opts    Options
	plan    *plan.Plan
	results []Result
	halt    context.CancelCauseFunc
	taken   *taken
	queue   *queue
	creates creates
	classes *classes
	claims  *claims
	listing *listing
	panics  fleet.Panics

	settlers sync.WaitGroup // those who find out what unknown calls did

	deletes  atomic.Int64 // deleting calls so far
	deleting atomic.Int64 // of them, those that are in flight or unknown

	ending    atomic.Pointer[error] // why no more tasks are begun
	beginning context.Context       // ends when none are
	last      context.CancelFunc
	finished  atomic.Int64
	failed    atomic.Int64
}

// run hands out tasks until none is left, or until nothing may be begun and what
// had begun is over.
func (r *runner) run(ctx context.Context) {
	listings, stop := context.WithCancel(ctx)
	r.creates.begin(r, listings)
	if after := r.opts.Halt.After; after > 0 {
		timer := time.AfterFunc(after, func() { r.endSoon(fmt.Errorf("the time of the run (%s) is up; no new tasks were begun", after)) })
		defer timer.Stop()
	}
	defer context.AfterFunc(ctx, r.queue.ring)() // who waits for tasks has to look
	var g errgroup.Group
	g.SetLimit(max(r.opts.Workers, 1))
	r.putStaleAside()
	r.reopen(ctx)
	fresh := 0
	for {
		task, ok := r.queue.next(func() (int, bool) { return r.fresh(ctx, &fresh) })
		if !ok {
			break
		}
		g.Go(func() error {
			defer r.panics.Guard(r.crash)
			r.perform(ctx, task)
			return nil
		})
	}
	_ = g.Wait()
	stop()
	r.settlers.Wait()
	r.panics.Rethrow()
}

// crash ends a run in which a goroutine came upon a bug: nothing new is begun, and
// calls in flight may answer.
func (r *runner) crash() {
	r.halt(errors.New("internal error"))
	r.queue.close()
}

// reopen hands what was open before the run to those that settle.
func (r *runner) reopen(ctx context.Context) {
	for i := range r.results {
		if !r.results[i].Open() {
			continue
		}
		r.queue.take(i)
		r.queue.enter()
		if r.results[i].next().Action == fleet.Delete {
			r.deleting.Add(1)
		}
		if by, shown := r.found(i); shown {
			r.decide(ctx, i, by)
			continue
		}
		r.settle(ctx, i)
	}
}

// found says whether the listing made right before the run shows a task's open
// call.
func (r *runner) found(task int) (by ruling, shown bool) {
	res, have := &r.results[task], r.opts.Found
	switch {
	case have == nil:
		return by, false
	case res.next().Action == fleet.Create:
		by = r.made(task, have)
		return by, by.verdict == applied
	}
	live, _ := have.ByID(res.ID)
	by.verdict = applied
	by.shown, shown = res.showing(live)
	return by, shown
}

// putStaleAside ends the tasks that may not run, before any begins: others may
// wait for them.
func (r *runner) putStaleAside() {
	for i := range r.results {
		if why, ok := r.opts.Stale[i]; ok && (r.results[i].goesOn() || r.results[i].unbegun()) {
			r.stale(i, why)
			r.wake(i, true)
		}
	}
}

// fresh finds the next task that nobody has taken up.
func (r *runner) fresh(ctx context.Context, from *int) (int, bool) {
	for ; *from < len(r.results); *from++ {
		if ctx.Err() != nil || r.opts.Only || r.ending.Load() != nil {
			return 0, false
		}
		if r.queue.take(*from) && r.results[*from].goesOn() {
			*from++
			return *from - 1, true
		}
	}
	return 0, false
}

// endSoon begins no more tasks; the first reason counts.
func (r *runner) endSoon(why error) {
	err := fleet.Kind(fleet.ErrStopped, why)
	r.ending.CompareAndSwap(nil, &err)
	r.last()
	r.queue.ring()
}

// cutShort is why a run ended early, nil when it did not.
func (r *runner) cutShort(ctx, runCtx context.Context) error {
	switch ending := r.ending.Load(); {
	case ctx.Err() != nil:
		return fleet.Kind(fleet.ErrStopped, context.Cause(ctx))
	case runCtx.Err() != nil:
		return context.Cause(runCtx)
	case ending != nil && r.left():
		return *ending
	}
	return nil
}

// left says whether tasks remain that nobody began.
func (r *runner) left() bool {
	for i := range r.results {
		if r.results[i].goesOn() {
			return true
		}
	}
	return false
}

// finish counts a task that ended, and halts the run when too many failed.
func (r *runner) finish(task int) {
	res := &r.results[task]
	r.wake(task, true)
	finished, failed := r.finished.Add(1), r.failed.Load()
	if res.Outcome == fleet.Failed {
		failed = r.failed.Add(1)
	}
	if h := r.opts.Halt; h.Percent > 0 && failed >= int64(h.Least) && float64(failed)*100 > h.Percent*float64(finished) {
		r.endSoon(fmt.Errorf("%d of %d tasks failed, more than %g %% (--halt-after); no new tasks were begun", failed, finished, h.Percent))
	}
	if r.opts.Progress != nil {
		r.opts.Progress(Completed{Task: task, Result: res})
	}
	r.queue.leave()
}

// taken are the ids that a create cannot give any more.
type taken struct {
	mu     sync.Mutex
	ids    map[fleet.ID]bool
	made   map[fleet.ID]bool // those of them that creates of this run gave
	before func(fleet.ID) bool
}

func takenBy(results []Result, before func(fleet.ID) bool) *taken {
	t := &taken{ids: map[fleet.ID]bool{}, made: map[fleet.ID]bool{}, before: before}
	for i := range results {
		if id := results[i].ID; id != "" {
			t.ids[id], t.made[id] = true, results[i].Task.Before == nil
		}
	}
	return t
}

// take notes a new id; it is false when the id is somebody's already.
func (t *taken) take(id fleet.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.has(id) {
		return false
	}
	t.ids[id], t.made[id] = true, true
	return true
}

// since says whether a create of this run was answered with an id.
func (t *taken) since(id fleet.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.made[id]
}

func (t *taken) has(id fleet.ID) bool { return t.ids[id] || t.before != nil && t.before(id) }

// free says whether an id may be that of a new endpoint.
func (t *taken) free(id fleet.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.has(id)
}
