package platform

import (
	"context"
	"errors"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// feedback tells the purse and the breaker what an answer means for everybody.
// A login that passes does not end an outage: it does nobody's work. A call that
// was cut off here, because its context ended, says nothing of the platform.
func (c *Client) feedback(ctx context.Context, op wire.Op, a attempt, err error) {
	switch cost := costOf(err); {
	case wire.ClassOf(err) == wire.Throttled:
		c.breaker.throttled(err)
		c.opts.Purse.Throttled(a.retryAsk)
	case cost == 0:
		c.opts.Purse.Passed()
	case ctx.Err() == nil:
		c.breaker.trouble(cost, err)
	}
	if useful(err) && columnOf[op] != logins {
		c.breaker.passed()
		c.tokens.there.Store(true)
	}
}

// token waits for a token other than the stale one. Once the platform was there, one
// that cannot be reached for the next token is an outage like any other: it is
// waited for as long as one may last.
func (c *Client) token(ctx context.Context, stale string) error {
	began := time.Now()
	for try := 1; ; try++ {
		err := c.tokens.ready(ctx, stale)
		if ctx.Err() != nil || c.opts.Once || !c.tokens.there.Load() || !errors.Is(err, fleet.ErrUnreachable) {
			return err
		}
		if max(time.Since(began), c.breaker.outage()) >= c.opts.MaxOutage {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		if err := c.breaker.wait(ctx); err != nil {
			return err
		}
	}
}

// probe finds out for everybody whether an outage is over, by a read that takes
// nothing from anybody. It is sent with whatever token there is: in an outage
// no password travels for nothing. Only when that token is refused is it
// renewed; when the new one is refused too, those who wait will see for
// themselves.
func (c *Client) probe(ctx context.Context) (requests int, err error) {
	token := c.tokens.latest()
	if err := c.glance(ctx, token); wire.ClassOf(err) != wire.Unauthorized {
		return 1, err
	}
	if err := c.tokens.revive(ctx, token); err != nil {
		return 3, err // a renewal is up to two requests
	}
	if err := c.glance(ctx, c.tokens.latest()); wire.ClassOf(err) != wire.Unauthorized {
		return 4, err
	}
	return 4, nil
}

// glance reads one row, once. An answer that says that the platform works is no
// error, whatever else it says.
func (c *Client) glance(ctx context.Context, token string) error {
	q := fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 1}
	req, err := c.opts.Dialect.Query(q)
	if err != nil {
		return err
	}
	if err := c.opts.Purse.Wait(ctx, pace.Login); err != nil {
		return err
	}
	a := c.exchange(ctx, req, token)
	if err = a.err; err == nil {
		_, err = c.opts.Dialect.ReadQuery(q, a.reply)
		err = c.masked(err, token)
	}
	c.feedback(ctx, req.Op, a, err)
	if useful(err) {
		return nil
	}
	return err
}
