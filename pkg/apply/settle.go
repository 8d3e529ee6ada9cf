package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// Settling says how reading finds out what an unknown call did.
type Settling struct {
	// Window is how long after its request was written a call may still be
	// applied and show. The platform works for up to 180 s (documented); the
	// rest is for what reads may lag (assumed).
	Window time.Duration
	Rate   float64 // calls per second, 0 when not limited: bounds how often all is listed
	// Patience is how long reads may fail before the outcome is left unknown.
	Patience time.Duration
	Unpaged  bool // the platform lists everything at once
}

// DefaultWindow is S: the platform's 180 s and a minute.
const DefaultWindow = 240 * time.Second

// looks are the times after a request at which its endpoint is read, for those
// that were applied soon; what was not applied shows only after the window.
var looks = []time.Duration{20 * time.Second, 60 * time.Second, 120 * time.Second}

// again is how long to wait after a read that failed.
const again = 30 * time.Second

// evidence is what reads have shown so far of one call.
type evidence struct {
	sent   time.Time // when the request was written, at the latest
	absent time.Time // end of the first read that proves absence, zero before
	failed time.Time // since when reads fail, zero when they do not
	retry  time.Time // when to read again at the earliest, after one that failed
	looked time.Time // beginning of the last read
}

// verdict is what follows from reading.
type verdict uint8

const (
	undecided verdict = iota
	applied
	notApplied
)

// judge takes in a read that began at a time and ended now: it shows the call's
// effect, or not. Absence is proved by a read that began a window after the
// request was written, and where the call is billed or makes something, by
// another one that began a window after that one ended.
func (e *evidence) judge(shown bool, began time.Time, twice bool, window time.Duration) verdict {
	e.failed, e.retry, e.looked = time.Time{}, time.Time{}, began
	switch {
	case shown:
		return applied
	case began.Before(e.sent.Add(window)):
		return undecided
	case !twice:
		return notApplied
	case e.absent.IsZero():
		e.absent = time.Now()
		return undecided
	case began.Before(e.absent.Add(window)):
		return undecided
	}
	return notApplied
}

// fail takes in a read that failed; it is true when that goes on for too long.
func (e *evidence) fail(patience time.Duration) bool {
	if e.failed.IsZero() {
		e.failed = time.Now()
	}
	e.retry = time.Now().Add(again)
	return time.Since(e.failed) >= patience
}

// next is when the next read may tell something new. A look that would come
// shortly before the read that proves absence is that read.
func (e *evidence) next(window time.Duration) time.Time {
	if !e.absent.IsZero() {
		return later(e.absent.Add(window), e.retry)
	}
	proof := later(e.sent.Add(window), e.retry)
	for _, after := range looks {
		at := later(e.sent.Add(after), e.retry)
		if e.sent.Add(after).After(e.looked) && later(at, time.Now()).Before(proof.Add(-looks[0])) {
			return at
		}
	}
	return proof
}

// twice says whether two reads must show that a call was not applied before it is
// sent again: one makes an endpoint, the other is billed.
func twice(a fleet.Action) bool { return a == fleet.Create || a == fleet.Activate }

// ruling is a verdict with what it rests on.
type ruling struct {
	verdict
	id   fleet.ID      // of the endpoint, where it was found by its name
	flaw fleet.Outcome // failed when something is wrong besides
	why  string
}

var stopped = ruling{why: "the run was stopped before that was known"}

// settle finds out what a task's last call did, in the background: an endpoint
// with an id is read by itself, new ones are looked for in listings that serve
// all of them.
func (r *runner) settle(ctx context.Context, task int, settlers *sync.WaitGroup) {
	res := &r.results[task]
	switch {
	case res.next().Action != fleet.Create:
		settlers.Go(func() {
			defer r.panics.Guard(r.crash)
			r.decide(task, r.watch(ctx, task))
		})
	case !r.creates.add(task, res.sent):
		r.decide(task, stopped)
	}
}

// watch reads a task's endpoint until it is known whether the last call was
// applied.
func (r *runner) watch(ctx context.Context, task int) ruling {
	res := &r.results[task]
	call, s := res.next(), r.opts.Settling
	e := evidence{sent: res.sent}
	for until(ctx, e.next(s.Window)) {
		began := time.Now()
		live, err := r.look(ctx, call.EndpointID)
		if err != nil {
			if e.fail(s.Patience) {
				return ruling{why: fmt.Sprintf("reading it failed for %s: %v", s.Patience, err)}
			}
			continue
		}
		if v := e.judge(res.shownBy(call, live), began, twice(call.Action), s.Window); v != undecided {
			return ruling{verdict: v, why: res.moved(v, live)}
		}
	}
	return stopped
}

// moved says what else is not as the task left it, where its call was not
// applied.
func (r *Result) moved(v verdict, live *fleet.Endpoint) string {
	switch {
	case v != notApplied:
		return ""
	case live == nil:
		return "the endpoint is gone since the plan"
	}
	return r.changed(live)
}

// look reads one endpoint; nil when the platform has none of that id.
func (r *runner) look(ctx context.Context, id fleet.ID) (*fleet.Endpoint, error) {
	page, err := settlingReads{r}.Page(ctx, fleet.Query{List: fleet.Endpoints, ID: id})
	if err != nil || len(page.Endpoints) == 0 {
		return nil, err
	}
	return &page.Endpoints[0], nil
}

// until waits for a time; it is false when the context ends first.
func until(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// decide acts on a ruling about a task's last call: the task goes on, sends the
// call again, or ends. What is left undecided stays unknown.
func (r *runner) decide(task int, by ruling) {
	res := &r.results[task]
	r.deleted(res.next().Action)
	switch {
	case by.verdict == undecided:
		r.doubt(task, by.why)
	case by.verdict == applied:
		r.settled(task, fleet.Done, by)
	case by.why != "":
		r.settled(task, fleet.Stale, by)
	case res.tries >= mostAttempts:
		by.why = fmt.Sprintf("%s was sent %d times, and reading proved each time that it was not applied (the last answer: %v)", res.next().Action, res.tries, res.Err)
		r.settled(task, fleet.Failed, by)
	default:
		r.settled(task, fleet.NotAttempted, by)
	}
	if res.goesOn() && !r.opts.Only {
		r.wake(task, false)
		r.queue.again(task)
		return
	}
	r.finish(task)
}

// settled books what a task's last call came to.
func (r *runner) settled(task int, o fleet.Outcome, by ruling) {
	res := &r.results[task]
	f := res.stands(task)
	f.Err, f.Flaw = by.why, by.flaw
	if by.id != "" {
		f.ID = by.id
	}
	call := res.calls[res.done]
	for i := call.First; i < call.End; i++ {
		f.Steps[i] = o
	}
	r.finds(task, f)
}

// doubt leaves a task's last call unknown, and adds why.
func (r *runner) doubt(task int, why string) {
	f := r.results[task].stands(task)
	if f.Err != "" {
		f.Err += "; "
	}
	f.Err += "not settled: " + why
	r.finds(task, f)
}

// creates are the calls that may have made an endpoint whose id nobody knows.
// They are looked for in listings, each for all of them.
type creates struct {
	mu   sync.Mutex
	open map[int]*evidence // nil once nobody lists any more
	bell chan struct{}
}

// begin starts to list whenever something is open, until the context ends.
func (c *creates) begin(r *runner, ctx context.Context, settlers *sync.WaitGroup) {
	c.open, c.bell = map[int]*evidence{}, make(chan struct{}, 1)
	settlers.Go(func() {
		defer r.panics.Guard(r.crash)
		l := lister{runner: r}
		for c.wait(ctx, &l) {
			l.list(ctx)
		}
		for _, task := range c.close() {
			r.decide(task, stopped)
		}
	})
}

// add opens a task; it is false when nobody lists any more.
func (c *creates) add(task int, sent time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		return false
	}
	c.open[task] = &evidence{sent: sent}
	select {
	case c.bell <- struct{}{}:
	default:
	}
	return true
}

// close takes no more tasks, and returns those that are open.
func (c *creates) close() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	tasks := slices.Sorted(maps.Keys(c.open))
	c.open = nil
	return tasks
}

// tasks are those that are open, in order.
func (c *creates) tasks() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.open))
}

func (c *creates) evidence(task int) *evidence {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[task]
}

// due is when to list next, false when nothing is open. A first look is due for
// each; the looks that prove absence wait for one another, since one listing can
// serve them all, but none longer than a window. A first look that comes shortly
// before those waits for them too.
func (c *creates) due(window time.Duration, earliest time.Time) (at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first, soon, late time.Time
	for _, e := range c.open {
		switch next := e.next(window); {
		case next.Before(e.sent.Add(window)):
			first = earlier(first, next)
		default:
			soon, late = earlier(soon, next), later(late, next)
		}
	}
	switch proof := later(earlier(late, soon.Add(window)), earliest); {
	case len(c.open) == 0:
		return time.Time{}, false
	case first.IsZero(), !soon.IsZero() && later(first, earliest).After(proof.Add(-looks[0])):
		return proof, true
	}
	return later(first, earliest), true
}

// earlier is the earlier of two times; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wait returns when the next listing is due; it is false when the context ends.
func (c *creates) wait(ctx context.Context, l *lister) bool {
	for {
		at, ok := c.due(l.opts.Settling.Window, l.earliest())
		if ok && !at.After(time.Now()) {
			return ctx.Err() == nil
		}
		var due <-chan time.Time
		if ok {
			due = time.After(time.Until(at))
		}
		select {
		case <-due:
		case <-c.bell:
		case <-ctx.Done():
			return false
		}
	}
}

// close decides about one task that is open no more.
func (l *lister) close(task int, by ruling) {
	l.creates.mu.Lock()
	delete(l.creates.open, task)
	l.creates.mu.Unlock()
	l.decide(task, by)
}

// lister lists for those who wait for new endpoints.
type lister struct {
	*runner
	began time.Time // of the last listing
	pages int       // that it took
}

// earliest is when the next listing may begin: listings take at most a twentieth
// of the calls, and one in a window is enough to prove absence.
func (l *lister) earliest() time.Time {
	if l.began.IsZero() {
		return time.Time{}
	}
	interval := l.opts.Settling.Window
	if rate := l.opts.Settling.Rate; rate > 0 {
		interval = max(interval, time.Duration(20*float64(l.pages)/rate*float64(time.Second)))
	}
	return l.began.Add(interval)
}

// list makes a listing and decides about all that it proves something of.
func (l *lister) list(ctx context.Context) {
	tasks := l.creates.tasks()
	began, deletes := time.Now(), l.deletes.Load()
	growing := l.deleting.Load() == 0
	have, err := inventory.Fetch(ctx, settlingReads{l.runner}, inventory.Options{Unpaged: l.opts.Settling.Unpaged, Growing: growing})
	if err == nil && growing && deletes != l.deletes.Load() {
		err = fleet.Kind(fleet.ErrIncomplete, errors.New("endpoints were deleted while it was read"))
	}
	if err != nil {
		l.failed(ctx, tasks, err)
		return
	}
	l.began, l.pages = began, have.Pages
	for _, task := range tasks {
		l.judge(task, began, have)
	}
}

// failed gives up those for which listings have failed for too long.
func (l *lister) failed(ctx context.Context, tasks []int, err error) {
	for _, task := range tasks {
		if l.creates.evidence(task).fail(l.opts.Settling.Patience) && ctx.Err() == nil {
			l.close(task, ruling{why: fmt.Sprintf("listing failed for %s: %v", l.opts.Settling.Patience, err)})
		}
	}
}

// judge holds one create against a listing.
func (l *lister) judge(task int, began time.Time, have *inventory.Inventory) {
	by := l.made(task, have)
	if by.verdict != applied && l.mistaken(task, have) {
		l.close(task, ruling{why: "an endpoint of its name was made, and the platform gave that one's id to another row; look at both"})
		return
	}
	by.verdict = l.creates.evidence(task).judge(by.verdict == applied, began, true, l.opts.Settling.Window)
	if by.verdict != undecided {
		l.close(task, by)
	}
}

// made says whether a listing shows what a create has made. Where something on
// the way made two endpoints of one call, the row has failed, and a person must
// choose.
func (r *runner) made(task int, have *inventory.Inventory) (by ruling) {
	made := r.madeFor(task, have)
	if len(made) > 0 {
		by.verdict, by.id = applied, made[0]
		r.taken.take(by.id)
	}
	if len(made) > 1 {
		by.flaw, by.why = fleet.Failed, twins(made)
	}
	return by
}

// madeFor are the endpoints of the task's name that were not there before.
func (r *runner) madeFor(task int, have *inventory.Inventory) []fleet.ID {
	ids := named(r.results[task].next().Name, have)
	return slices.DeleteFunc(ids, func(id fleet.ID) bool { return !r.taken.free(id) })
}

// named are the ids of all endpoints of a name.
func named(name string, have *inventory.Inventory) (ids []fleet.ID) {
	first, others := have.ByName(name)
	if first != nil {
		ids = append(ids, first.ID)
	}
	for _, other := range others {
		ids = append(ids, other.ID)
	}
	return ids
}

// mistaken says whether the endpoint that a create made was taken for another row's:
// then its absence from what is free proves nothing.
func (r *runner) mistaken(task int, have *inventory.Inventory) bool {
	return slices.ContainsFunc(named(r.results[task].next().Name, have), r.taken.since)
}

func twins(ids []fleet.ID) string {
	return fmt.Sprintf("one endpoint was made, and %d are called so now (%s, %s); remove those that should not be, then run again", len(ids), ids[0], ids[1])
}

// settlingReads are reads that go before new work.
type settlingReads struct{ *runner }

// Page reads a page.
func (s settlingReads) Page(ctx context.Context, q fleet.Query) (fleet.Page, error) {
	s.reads.Add(1)
	q.Settles = true
	return s.on.Page(ctx, q)
}
