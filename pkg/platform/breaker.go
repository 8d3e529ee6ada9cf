package platform

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// The retry budget. Trouble takes from it, a useful answer gives a little back;
// when nothing is left, the breaker opens. A probe that is answered usefully
// fills half of it: what was an outage a moment ago may be one again.
const (
	fullBudget  = 100
	troubleCost = 5
	timeoutCost = 10
	probeEvery  = 30 * time.Second
)

// breaker keeps requests from leaving while the platform does not answer, so
// that an outage costs time and no rows. While it is open, one of those who
// wait sends a probe for all of them now and then. It also knows how long an
// outage has gone on, be it that nothing answers or that everything is
// throttled. Its methods may be used by several goroutines.
type breaker struct {
	limit time.Duration // an outage that lasts longer is given up
	probe prober
	turn  chan struct{} // holds one element: who takes it probes

	mu     sync.Mutex // guards what follows; never held while waiting
	budget int
	mended chan struct{} // nil while requests may leave, closed when they may again
	since  time.Time     // when the outage began, zero when there is none
	next   time.Time     // no probe before
	why    error         // the last trouble
}

// prober asks the platform for something harmless and says how many requests it
// took. The error is nil after a useful answer and an ErrUnreachable without
// one; any other error is for the caller who happened to wait for the probe.
type prober func(ctx context.Context) (requests int, err error)

func newBreaker(limit time.Duration, probe prober) *breaker {
	b := &breaker{limit: limit, probe: probe, turn: make(chan struct{}, 1), budget: fullBudget}
	b.turn <- struct{}{}
	return b
}

// open says whether requests must wait.
func (b *breaker) open() bool { return b.waiting() != nil }

// waiting is closed when requests may leave again; nil means that they may.
func (b *breaker) waiting() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mended
}

// trouble takes the cost of a lost or senseless answer from the budget.
func (b *breaker) trouble(cost int, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why = why
	b.budget = max(b.budget-cost, 0)
	if b.budget > 0 || b.mended != nil {
		return
	}
	b.mended = make(chan struct{})
	b.next = time.Now().Add(probeEvery)
	b.begin()
}

// throttled notes that a call was refused because there were too many.
func (b *breaker) throttled(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why = why
	b.begin()
}

// begin starts the clock of an outage. It starts with the first sign, not with
// the last useful answer: a client that had nothing to ask was in no outage. It
// is called with the lock held.
func (b *breaker) begin() {
	if b.since.IsZero() {
		b.since = time.Now()
	}
}

// passed notes a useful answer. One to a request that left before the breaker
// opened makes the outage younger but does not end it: many may be on their way.
func (b *breaker) passed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mended != nil {
		b.since = time.Now()
		return
	}
	b.since = time.Time{}
	b.budget = min(b.budget+1, fullBudget)
}

// mend closes the breaker: everybody goes on.
func (b *breaker) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.mended)
	b.mended, b.since, b.budget = nil, time.Time{}, fullBudget/2
}

// outage says for how long no answer was useful.
func (b *breaker) outage() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return 0
	}
	return time.Since(b.since)
}

// wait returns when requests may leave. The error is an ErrUnreachable when the
// outage lasts too long, the context's when that ends first, or the probe's.
func (b *breaker) wait(ctx context.Context) error {
	for {
		mended := b.waiting()
		if mended == nil {
			return nil
		}
		select {
		case <-mended:
		case <-ctx.Done():
			return ctx.Err()
		case <-b.turn:
			err := b.watch(ctx)
			b.turn <- struct{}{}
			if err != nil {
				return err
			}
		}
	}
}

// watch waits for the time of the next probe, or for the end of patience. Its
// caller holds the turn, so that nobody else probes or closes the breaker.
func (b *breaker) watch(ctx context.Context) error {
	b.mu.Lock()
	broken, next, end := b.mended != nil, b.next, b.since.Add(b.limit)
	b.mu.Unlock()
	if !broken {
		return nil
	}
	if end.Before(next) {
		next = end
	}
	if err := sleep(ctx, time.Until(next)); err != nil {
		return err
	}
	if err := b.ask(ctx); err != nil {
		return err
	}
	return b.patience()
}

// ask sends the probe if it is time for one. The next one is due some time after
// its end, so that those who give up after a long probe need none of their own.
// One of several requests, which had to renew the token, counts as so many.
func (b *breaker) ask(ctx context.Context) error {
	if time.Now().Before(b.due()) {
		return nil
	}
	requests, err := b.probe(ctx)
	b.mu.Lock()
	b.next = time.Now().Add(time.Duration(max(requests, 1)) * probeEvery)
	b.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fleet.ErrUnreachable):
		return nil
	}
	b.mend()
	return err
}

func (b *breaker) due() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// patience is the error that ends an outage of more than the limit.
func (b *breaker) patience() error {
	outage := b.outage()
	if outage < b.limit {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return fleet.Kind(fleet.ErrUnreachable, fmt.Errorf(
		"no useful answer from the platform for %s, want one within %s (last: %w); go on when it answers again, or give it longer with --max-outage",
		outage.Round(time.Second), b.limit, b.why))
}

// costOf is what an answer, or the lack of one, takes from the budget. A page,
// a redirect or a bare status comes from something in front of the platform;
// with a code it is the platform's own word.
func costOf(err error) int {
	var f *wire.Fault
	switch wire.ClassOf(err) {
	case wire.Deadline:
		return timeoutCost
	case wire.NotSent, wire.Cut, wire.ServerError:
		return troubleCost
	case wire.BadReply, wire.Redirect, wire.ClientError:
		if errors.As(err, &f) && f.Outer == "" && f.Inner == "" {
			return troubleCost
		}
	}
	return 0
}

// useful says whether an answer shows that the platform does its work. Neither
// a throttle nor a refused token does, which a door-keeper may give while all
// behind it is down, nor that the platform gave up waiting for itself.
func useful(err error) bool {
	switch wire.ClassOf(err) {
	case wire.Throttled, wire.Unauthorized, wire.TimedOut:
		return false
	}
	return costOf(err) == 0
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
