// Package pace decides when the next request may leave.
package pace

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Priority orders those who wait for a permit; a smaller one goes first.
type Priority uint8

// The priorities.
const (
	Login  Priority = iota // nothing moves without a token
	Settle                 // reads that find out what an unknown call did, and calls for which something was read just now
	Next                   // the next step of a task that has begun, and listings
	Begin                  // the first step of a new task
	priorities
)

// Purse is where every call of an account takes its permit: logins and
// listings pay like all others, because the platform counts them (two calls
// per second for an account, observed). There is no burst. When the platform
// throttles, everybody stops, and goes on at half the rate, which then grows
// back. A purse with slots shares its permits with all purses on the same slot
// file, whatever their process. Its methods may be used by several goroutines.
type Purse struct {
	slots   *Slots     // nil when this purse is the only one
	full    rate.Limit // what was asked for
	mu      sync.Mutex
	limiter *rate.Limiter
	until   time.Time     // no permit before
	pause   time.Duration // how long the last throttle stopped everybody
	waiting [priorities]queue
	armed   bool
	err     error // the first of the slot file
}

// The bounds of slowing down: a pause starts at a second and doubles to a
// minute while throttles go on, a pause that the platform asks for is obeyed
// up to 15 minutes, and the rate falls no lower than a call in ten seconds.
const (
	firstPause  = time.Second
	longPause   = time.Minute
	longestAsk  = 15 * time.Minute
	slowest     = rate.Limit(0.1)
	recovery    = 1.05 // growth of the rate with each call that went well
	unpacedStop = rate.Limit(1000)
	unpacedSlow = rate.Limit(10)
)

// New makes a purse that gives perSecond permits a second, or any number of
// them when perSecond is 0.
func New(perSecond float64) *Purse { return NewShared(perSecond, nil) }

// NewShared makes a purse whose permits are at the same time permits of the
// slots, which may be nil. Together, purses of one rate give no more than one
// of them would. When perSecond is 0 it takes no slots, but still tells the
// others to pause when the platform throttles.
func NewShared(perSecond float64, slots *Slots) *Purse {
	full := rate.Limit(perSecond)
	if perSecond <= 0 {
		full = rate.Inf
	}
	return &Purse{slots: slots, full: full, limiter: rate.NewLimiter(full, 1)}
}

// Rate is the present number of permits a second, 0 when there is no limit.
func (p *Purse) Rate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limiter.Limit() == rate.Inf {
		return 0
	}
	return float64(p.limiter.Limit())
}

// Err is the first error of the slot file. Permits that it concerned kept this
// purse's own pace only, so together with other processes there may have been
// more than the rate.
func (p *Purse) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *Purse) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// Wait returns when the caller may send one request, or with the context's
// error when that ends first.
func (p *Purse) Wait(ctx context.Context, priority Priority) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := p.enter(priority)
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		p.leave(priority, turn)
		return ctx.Err()
	}
}

// enter joins the queue; it returns nil when there is nothing to wait for.
func (p *Purse) enter(priority Priority) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limiter.Limit() == rate.Inf && !time.Now().Before(p.until) {
		return nil
	}
	turn := make(chan struct{})
	p.waiting[priority].push(turn)
	p.arm()
	return turn
}

func (p *Purse) leave(priority Priority, turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[priority].remove(turn)
}

// arm sets the clock for the next permit. It is called with the lock held.
func (p *Purse) arm() {
	if p.armed || p.next() == nil {
		return
	}
	p.armed = true
	delay := p.limiter.Reserve().Delay()
	after(max(delay, time.Until(p.until)), p.claim)
}

// after calls f once d is over. What is due now needs no timer: in a bubble of
// testing/synctest it would be run by whoever sets it, and two at once bring the
// race detector down (golang/go issue 78156, seen with Go 1.26.8).
func after(d time.Duration, f func()) {
	if d <= 0 {
		go f()
		return
	}
	time.AfterFunc(d, f)
}

// claim takes a slot for the permit whose time has come by our own pace, and
// not before: a slot that is taken for later would hold the others up. The lock
// is not held meanwhile, so Wait, Throttled and Passed go on while another
// process keeps us from the file.
func (p *Purse) claim() {
	if p.slots == nil || p.full == rate.Inf {
		p.grant()
		return
	}
	interval, due := p.due()
	if !due {
		return
	}
	at, taken, err := p.slots.take(interval)
	switch {
	case err != nil:
		p.note(err)
		p.grant()
	case taken:
		after(time.Until(at), p.grant)
	default:
		after(time.Until(at), p.claim)
	}
}

// due says whether somebody still wants the permit now, and the time until the
// next one. A purse that was slowed takes longer slots, so that the account as a
// whole slows down. Longer ones than the longest pause would not be believed;
// such a pace is kept by the limiter alone.
func (p *Purse) due() (interval time.Duration, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next() == nil {
		p.armed = false
		return 0, false
	}
	seconds := min(1/float64(p.limiter.Limit()), longestAsk.Seconds())
	return time.Duration(seconds * float64(time.Second)), true
}

// grant gives the permit whose time has come to whoever is first now.
func (p *Purse) grant() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := time.Until(p.until); left > 0 {
		time.AfterFunc(left, p.claim) // the slot is lost: others may have those at the end of the pause
		return
	}
	p.armed = false
	if q := p.next(); q != nil {
		close(q.pop())
	}
	p.arm()
}

// next is the first queue in which somebody waits.
func (p *Purse) next() *queue {
	for i := range p.waiting {
		if p.waiting[i].len() > 0 {
			return &p.waiting[i]
		}
	}
	return nil
}

// Throttled says that the platform refused a call because there were too many,
// and for how long it asked to wait (0 when it did not say). Calls that were in
// flight together count as one throttle. Other processes pause as long, but
// keep their rate until they are throttled themselves.
func (p *Purse) Throttled(ask time.Duration) {
	pause := p.stop(ask)
	if p.slots == nil || pause <= 0 {
		return
	}
	if err := p.slots.pause(pause); err != nil {
		p.note(err)
	}
}

// stop returns how long the pause is now, or 0 when it was as long before.
func (p *Purse) stop(ask time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.until
	p.extend(ask)
	if p.until.Equal(before) {
		return 0
	}
	return time.Until(p.until)
}

func (p *Purse) extend(ask time.Duration) {
	now := time.Now()
	if now.Before(p.until) {
		p.until = latest(p.until, now.Add(min(ask, longestAsk)))
		return
	}
	p.pause = min(max(2*p.pause, firstPause), longPause)
	p.until = now.Add(max(p.pause, min(ask, longestAsk)))
	p.slow()
}

func (p *Purse) slow() {
	if p.limiter.Limit() == rate.Inf {
		p.limiter.SetLimit(unpacedSlow)
		return
	}
	p.limiter.SetLimit(max(p.limiter.Limit()/2, min(slowest, p.full)))
}

// Passed says that the platform took a call: the pace recovers a little.
func (p *Purse) Passed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limiter.Limit() == p.full || time.Now().Before(p.until) {
		return
	}
	p.pause = 0
	grown := p.limiter.Limit() * recovery
	if grown >= p.full || p.full == rate.Inf && grown >= unpacedStop {
		grown = p.full
		p.release()
	}
	p.limiter.SetLimit(grown)
}

// release lets everybody go when there is no limit any more.
func (p *Purse) release() {
	if p.full != rate.Inf {
		return
	}
	for q := p.next(); q != nil; q = p.next() {
		close(q.pop())
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// queue is first in, first out; a place that was left is skipped.
type queue struct {
	turns []chan struct{}
	left  map[chan struct{}]bool
}

func (q *queue) push(turn chan struct{}) { q.turns = append(q.turns, turn) }

func (q *queue) len() int { return len(q.turns) - len(q.left) }

func (q *queue) pop() chan struct{} {
	for {
		turn := q.turns[0]
		q.turns = q.turns[1:]
		if !q.left[turn] {
			return turn
		}
		delete(q.left, turn)
	}
}

// remove takes a turn out; one that was given already is lost, since nobody
// can tell whether its permit is still worth something.
func (q *queue) remove(turn chan struct{}) {
	select {
	case <-turn:
		return
	default:
	}
	if q.left == nil {
		q.left = map[chan struct{}]bool{}
	}
	q.left[turn] = true
}
