package apply

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
)

// Renewal says how old the listing may be that a task rests on when it is begun.
// What hurts is read by itself besides, right before.
type Renewal struct {
	Read time.Time     // when the listing before the run was begun
	Age  time.Duration // 0 lets it be as old as the run
	Look Look          // lists again, and plans the same files on that
}

// listing is what new tasks of a run rest on. It is renewed while no call is in
// flight: so it is of one moment, and a listing for all costs no more than its
// pages.
type listing struct {
	calls *semaphore.Weighted // one share is held by each call, all by a renewal
	turn  chan struct{}       // taken by whoever reads or changes what follows
	read  time.Time
	newer []*plan.Task // what the tasks come to on a newer listing, nil before there is one
	have  *inventory.Inventory
	err   error // why it could not be renewed: the run begins nothing more
}

// allCalls is more than there ever are in flight.
const allCalls = 1 << 30

func newListing(read time.Time) *listing {
	return &listing{calls: semaphore.NewWeighted(allCalls), turn: make(chan struct{}, 1), read: read}
}

// current renews the listing when it is too old.
func (r *runner) current(ctx context.Context) error {
	l, by := r.listing, r.opts.Renewal
	if l.err != nil || by.Age <= 0 || time.Since(l.read) <= by.Age {
		return l.err
	}
	if err := l.calls.Acquire(ctx, allCalls); err != nil {
		return err
	}
	defer l.calls.Release(allCalls)
	began := time.Now()
	now, have, err := by.Look(ctx)
	if err != nil {
		l.err = fmt.Errorf("what was read of it is older than %s, and reading it again failed: %w", by.Age, err)
		return l.err
	}
	l.read, l.newer, l.have = began, pair(r.plan, now), have
	return nil
}

// rests says whether a task that nobody began may begin on what is known of its
// endpoint. If not, it is stale, or left.
func (r *runner) rests(ctx context.Context, task int) bool {
	res := &r.results[task]
	if res.begun() {
		return true
	}
	r.listing.turn <- struct{}{}
	defer func() { <-r.listing.turn }()
	if err := r.current(ctx); ctx.Err() != nil {
		return false
	} else if err != nil {
		r.leave(task, "not begun: "+err.Error())
		r.endSoon(err)
		return false
	}
	if r.listing.newer == nil {
		return true
	}
	why := res.since(r.listing.newer[task], r.listing.have)
	if why != "" {
		r.stale(task, why)
	}
	return why == ""
}

// send sends a call, unless the listing is being renewed.
func (r *runner) send(ctx context.Context, s *sending) fleet.Reply {
	// A renewal ends with the run, so this does not wait for ever.
	if err := r.listing.calls.Acquire(context.WithoutCancel(ctx), 1); err != nil {
		return fleet.Reply{Err: err, Fatal: true}
	}
	defer r.listing.calls.Release(1)
	return s.own(r.on.Do(ctx, s.call, s.announce))
}
