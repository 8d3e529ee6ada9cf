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
	// applied and show; 0 is DefaultWindow. The platform works for up to 180 s
	// (documented); the rest is for what reads may lag (assumed). A shorter one
	// does for a simulated platform only: a call that is taken for lost too soon is
	// made twice.
	Window time.Duration
	Rate   float64 // calls per second, 0 when not limited: bounds how often all is listed
	// Patience is how long reads may fail before the outcome is left unknown; 0
	// leaves it so when the first one fails.
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

// twice says so of what is unclear.
func (r *Result) twice() bool {
	first, end := r.unclear()
	return slices.ContainsFunc(r.Steps[first:end], func(s StepResult) bool { return twice(s.Action) })
}

// ruling is a verdict with what it rests on.
type ruling struct {
	verdict
	shown int           // of the unclear steps, those that are proved done, from the first one on
	id    fleet.ID      // of the endpoint, where it was found by its name or its SIM
	flaw  fleet.Outcome // failed when something is wrong besides
	why   string
}

var stopped = ruling{why: "the run was stopped before that was known"}

// settle finds out what a task's last call did, in the background: an endpoint
// with an id is read by itself, one that was made with a SIM is looked for by that,
// others in listings that serve all of them.
func (r *runner) settle(ctx context.Context, task int) {
	res := &r.results[task]
	find := r.watch
	switch call := res.next(); {
	case call.Action == fleet.Create && call.Fields.ICCID != "":
		find = r.watchCard
	case call.Action == fleet.Create:
		r.list(ctx, task, evidence{sent: res.sent})
		return
	}
	r.settlers.Go(func() {
		defer r.panics.Guard(r.crash)
		find(ctx, task)
	})
}

// list looks for what a create made in listings.
func (r *runner) list(ctx context.Context, task int, e evidence) {
	if !r.creates.add(task, e) {
		r.decide(ctx, task, stopped)
	}
}

// watch reads a task's endpoint until it is known whether the last call was
// applied.
func (r *runner) watch(ctx context.Context, task int) {
	res, s := &r.results[task], r.opts.Settling
	id, e, by := res.next().EndpointID, evidence{sent: res.sent}, stopped
	for by.verdict == undecided && until(ctx, e.next(s.Window)) {
		began := time.Now()
		live, err := r.look(ctx, id)
		if err != nil {
			if e.fail(s.Patience) {
				by.why = fmt.Sprintf("reading it failed for %s: %v", s.Patience, err)
				break
			}
			continue
		}
		shown, all := res.showing(live)
		if v := e.judge(all, began, res.twice(), s.Window); v != undecided {
			by = ruling{verdict: v, shown: shown, why: res.moved(v, shown, live)}
		}
	}
	r.decide(ctx, task, by)
}

// watchCard looks for the endpoint that a create made by the SIM that it was to
// have, as often as that may show what was applied soon. A SIM that is free does not
// prove that there is no endpoint: that is for listings.
func (r *runner) watchCard(ctx context.Context, task int) {
	res := &r.results[task]
	call, e := res.next(), evidence{sent: res.sent}
	for at := e.next(r.opts.Settling.Window); at.Before(e.sent.Add(r.opts.Settling.Window)) && until(ctx, at); at = e.next(r.opts.Settling.Window) {
		e.looked = time.Now()
		if live := r.holder(ctx, call); live != nil && r.taken.take(live.ID) {
			shown, _ := res.showing(live)
			r.decide(ctx, task, ruling{verdict: applied, shown: shown, id: live.ID})
			return
		}
	}
	r.list(ctx, task, e)
}

// holder is the endpoint that has the SIM of a create, if it has its name too; nil
// also where it cannot be read.
func (r *runner) holder(ctx context.Context, call fleet.Call) *fleet.Endpoint {
	page, err := settlingReads{r}.Page(ctx, fleet.Query{List: fleet.SIMs, ICCID: call.Fields.ICCID})
	if err != nil || len(page.SIMs) != 1 || page.SIMs[0].EndpointID == "" {
		return nil
	}
	live, err := r.look(ctx, page.SIMs[0].EndpointID)
	if err != nil || live == nil || !fleet.FieldName.Same(live.Name, call.Name) {
		return nil
	}
	return live
}

// moved says what else is not as the task left it, where its call was not
// applied, or only the first of its steps.
func (r *Result) moved(v verdict, shown int, live *fleet.Endpoint) string {
	switch {
	case v != notApplied:
		return ""
	case live == nil:
		return "the endpoint is gone since the plan"
	}
	so := *r
	so.Steps = slices.Clone(r.Steps)
	so.did(shown)
	return so.changed(live)
}

// did notes that the first of the unclear steps are done.
func (r *Result) did(shown int) {
	first, _ := r.unclear()
	for i := range shown {
		r.Steps[first+i].Outcome = fleet.Done
	}
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
	left := time.Until(at)
	if left <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// decide acts on a ruling about a task's last call: the task goes on, sends the
// call again, or ends. What is left undecided stays unknown. An endpoint that was
// made without all that its call was to do is watched for the rest.
func (r *runner) decide(ctx context.Context, task int, by ruling) {
	res := &r.results[task]
	r.deleted(res.next().Action)
	switch {
	case by.verdict == undecided:
		r.doubt(task, by.why)
	case by.verdict == applied:
		r.settled(task, fleet.Unknown, by)
	case by.why != "":
		r.settled(task, fleet.Stale, by)
	case res.tries >= mostAttempts:
		by.why = fmt.Sprintf("%s was sent %d times, and reading proved each time that it was not applied (the last answer: %v)", res.next().Action, res.tries, res.Err)
		r.settled(task, fleet.Failed, by)
	default:
		r.settled(task, fleet.NotAttempted, by)
	}
	switch {
	case by.verdict == applied && res.Open():
		r.settle(ctx, task)
	case res.goesOn() && !r.opts.Only:
		r.wake(task, false)
		r.queue.again(task)
	default:
		r.finish(task)
	}
}

// settled books what a task's last call came to: the steps that are proved done,
// and the outcome of the others.
func (r *runner) settled(task int, others fleet.Outcome, by ruling) {
	res := &r.results[task]
	f := res.stands(task)
	f.Err, f.Flaw = by.why, by.flaw
	if by.id != "" {
		f.ID = by.id
	}
	first, end := res.unclear()
	for i := first; i < end; i++ {
		if f.Steps[i] = others; i < first+by.shown {
			f.Steps[i] = fleet.Done
		}
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
func (c *creates) begin(r *runner, ctx context.Context) {
	c.open, c.bell = map[int]*evidence{}, make(chan struct{}, 1)
	r.settlers.Go(func() {
		defer r.panics.Guard(r.crash)
		l := lister{runner: r}
		for c.wait(ctx, &l) {
			l.list(ctx)
		}
		for _, task := range c.close() {
			r.decide(ctx, task, stopped)
		}
	})
}

// add opens a task; it is false when nobody lists any more.
func (c *creates) add(task int, e evidence) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		return false
	}
	c.open[task] = &e
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
func (l *lister) close(ctx context.Context, task int, by ruling) {
	l.creates.mu.Lock()
	delete(l.creates.open, task)
	l.creates.mu.Unlock()
	l.decide(ctx, task, by)
}

// lister lists for those who wait for new endpoints.
type lister struct {
	*runner
	ended time.Time // the last listing, with what it proved
	pages int       // that it took
}

// earliest is when the next listing may begin: listings take at most a twentieth
// of the calls, and one in a window after the last is enough to prove absence. One
// that begins sooner proves nothing of what the last one did not show.
func (l *lister) earliest() time.Time {
	if l.ended.IsZero() {
		return time.Time{}
	}
	interval := l.opts.Settling.Window
	if rate := l.opts.Settling.Rate; rate > 0 {
		interval = max(interval, time.Duration(20*float64(l.pages)/rate*float64(time.Second)))
	}
	return l.ended.Add(interval)
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
	for _, task := range tasks {
		l.judge(ctx, task, began, have)
	}
	l.ended, l.pages = time.Now(), have.Pages
}

// failed gives up those for which listings have failed for too long.
func (l *lister) failed(ctx context.Context, tasks []int, err error) {
	for _, task := range tasks {
		if l.creates.evidence(task).fail(l.opts.Settling.Patience) && ctx.Err() == nil {
			l.close(ctx, task, ruling{why: fmt.Sprintf("listing failed for %s: %v", l.opts.Settling.Patience, err)})
		}
	}
}

// judge holds one create against a listing.
func (l *lister) judge(ctx context.Context, task int, began time.Time, have *inventory.Inventory) {
	by := l.made(task, have)
	if by.verdict != applied && l.mistaken(task, have) {
		l.close(ctx, task, ruling{why: "an endpoint of its name was made, and the platform gave that one's id to another row; look at both"})
		return
	}
	by.verdict = l.creates.evidence(task).judge(by.verdict == applied, began, true, l.opts.Settling.Window)
	if by.verdict != undecided {
		l.close(ctx, task, by)
	}
}

// made says whether a listing shows what a create has made. Where something on
// the way made two endpoints of one call, the row has failed, and a person must
// choose.
func (r *runner) made(task int, have *inventory.Inventory) (by ruling) {
	made := r.madeFor(task, have)
	for i, id := range made {
		live, _ := have.ByID(id)
		if shown, _ := r.results[task].showing(live); i == 0 || shown > by.shown {
			by.verdict, by.id, by.shown = applied, id, shown
		}
	}
	if by.id != "" {
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
	q.Settles = true
	return s.on.Page(ctx, q)
}
