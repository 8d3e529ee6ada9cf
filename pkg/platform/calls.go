package platform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// Do sends one mutating call and says what came of it. The before function is
// called after the permit and before the first byte, and again before each
// replay; its error keeps the call from being sent. A call is replayed only
// after a refused token or a throttle, which prove that it was not executed; a
// token that is refused although it is new ends the run.
func (c *Client) Do(ctx context.Context, call fleet.Call, before func() error) fleet.Reply {
	req, err := c.opts.Dialect.Call(call)
	if err != nil {
		return fleet.Reply{Outcome: fleet.Failed, Err: err}
	}
	var reply fleet.Reply
	renewed, stale := false, ""
	for {
		a, token := c.try(ctx, req, priorityOf(call), stale, before)
		verdict := c.read(ctx, call, req.Op, a, &reply)
		call.Begun = true // what is replayed goes before new tasks
		switch {
		case verdict == Renew && (!renewed || a.tokenAge > freshToken):
			renewed, stale = true, token
		case verdict == Renew:
			reply.Fatal = true // a new token is refused too: so would every other be
			return reply
		case verdict == Wait && c.outage() >= c.opts.MaxOutage:
			reply.Outcome, reply.Fatal = fleet.NotAttempted, true
			return reply
		case verdict == Wait:
			renewed = false // the pause may have outlived the token
		default:
			return reply
		}
	}
}

func priorityOf(call fleet.Call) pace.Priority {
	if call.Begun {
		return pace.Next
	}
	return pace.Begin
}

// read turns an attempt into the reply and the verdict on it.
func (c *Client) read(ctx context.Context, call fleet.Call, op wire.Op, a attempt, reply *fleet.Reply) Verdict {
	err := a.err
	if a.began.IsZero() { // it never came to a send: an interrupt, or nobody can send
		reply.Outcome, reply.Err, reply.Fatal = fleet.NotAttempted, err, ctx.Err() == nil
		return Failed
	}
	if a.wrote {
		reply.Sends++
	}
	reply.Started, reply.Duration = a.began, a.took
	if err == nil {
		reply.ID, reply.Code, err = c.opts.Dialect.ReadCall(call, a.reply)
	}
	class := wire.ClassOf(err)
	c.feedback(op, class, a.retryAsk)
	verdict := Judge(class, op)
	reply.Err, reply.Outcome, reply.Fatal = err, verdict.outcome(), verdict == Stop
	if verdict == Done {
		reply.Err = nil
	}
	return verdict
}

// Page reads one page of a listing, or one row of it. Reads have no effect, so
// a lost or senseless answer is asked for again. The error is an
// ErrUnreachable, ErrLogin or ErrPermission.
func (c *Client) Page(ctx context.Context, q fleet.Query) (fleet.Page, error) {
	req, err := c.opts.Dialect.Query(q)
	if err != nil {
		return fleet.Page{}, err
	}
	var page fleet.Page
	stale, renewed := "", false
	err = c.persist(ctx, req.Op, func() (attempt, error) {
		a, token := c.try(ctx, req, pace.Next, stale, nothing)
		if a.err != nil {
			return a, a.err
		}
		var err error
		page, err = c.opts.Dialect.ReadQuery(q, a.reply)
		if wire.ClassOf(err) == wire.Unauthorized && (!renewed || a.tokenAge > freshToken) {
			stale, renewed = token, true
			return a, errRenew
		}
		return a, err
	})
	return page, err
}

// freshToken is the age up to which a token that is refused again after it was
// renewed means that every token would be; an older one has merely run out.
const freshToken = 5 * time.Second

// errRenew asks persist for another round that costs no try.
var errRenew = errors.New("token to be renewed")

// Reads are tried four times, with a random wait of up to 1, 2 and 4 s between.
//
// A login that was sent is tried twice only: an answer that was lost may have
// been a refusal, and refusals add up to a lock-out.
const (
	readTries  = 4
	loginTries = 2
	firstWait  = time.Second
	longWait   = time.Minute
)

// persist repeats a read or a login until its answer means something. A
// throttle costs no try; it slows everybody instead.
func (c *Client) persist(ctx context.Context, op wire.Op, once func() (attempt, error)) error {
	for try := 1; ; {
		a, err := once()
		switch {
		case errors.Is(err, errRenew):
			continue
		case a.began.IsZero(): // it never came to a send
			return err
		case err == nil:
			c.feedback(op, wire.OK, 0)
			return nil
		}
		class := wire.ClassOf(err)
		c.feedback(op, class, a.retryAsk)
		switch verdict := Judge(class, op); {
		case ctx.Err() != nil:
			return ctx.Err()
		case verdict == Wait && c.outage() < c.opts.MaxOutage:
			continue
		case verdict != Again, try == readTries, op == wire.OpLogin && a.wrote && try == loginTries:
			return fmt.Errorf("%w%s", err, tries(try))
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		try++
	}
}

func tries(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (tried %d times)", n)
}

// pause waits a random time below a limit that doubles with each try.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(rand.N(min(firstWait<<(try-1), longWait)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
