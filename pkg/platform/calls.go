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
// replay; its error keeps the call from being sent, and is fatal unless it is
// an ErrRecheck. A call is replayed only
// after what proves that it was not executed: a refused token, a throttle, or a
// send that never came to its headers. A token that is refused although it is
// new ends the run, and so does an outage longer than MaxOutage: the call is
// then NotAttempted, and the error an ErrUnreachable.
func (c *Client) Do(ctx context.Context, call fleet.Call, before func() error) fleet.Reply {
	req, err := c.opts.Dialect.Call(call)
	if err == nil {
		_, err = c.request(ctx, req, "") // what cannot be built is never sent, however often it is tried
	}
	if err != nil {
		return fleet.Reply{Outcome: fleet.Failed, Err: err}
	}
	m := mutation{client: c, call: call, req: req}
	for {
		a, token := c.try(ctx, req, priorityOf(m.call), m.stale, before)
		if !m.again(ctx, m.read(ctx, a), a, token) {
			return c.identified(ctx, m.call, m.reply)
		}
		m.call.Begun = true // what is replayed goes before new tasks
	}
}

// identified finds the id of an endpoint that was made, by a success without an
// id, together with the link of its SIM: the SIM names it. What does not show at
// once, or under another name, stays unknown.
func (c *Client) identified(ctx context.Context, call fleet.Call, reply fleet.Reply) fleet.Reply {
	if call.Action != fleet.Create || call.Fields.ICCID == "" || wire.ClassOf(reply.Err) != wire.MissingData {
		return reply
	}
	sims, err := c.Page(ctx, fleet.Query{List: fleet.SIMs, ICCID: call.Fields.ICCID, Settles: true})
	if err != nil || len(sims.SIMs) != 1 || sims.SIMs[0].EndpointID == "" {
		return reply
	}
	id := sims.SIMs[0].EndpointID
	made, err := c.page(ctx, fleet.Query{List: fleet.Endpoints, ID: id, Settles: true})
	if err == nil && len(made.Endpoints) == 1 && fleet.FieldName.Same(call.Fields.Name, made.Endpoints[0].Name) {
		reply.Outcome, reply.ID, reply.Err = fleet.Done, id, nil
	}
	return reply
}

func priorityOf(call fleet.Call) pace.Priority {
	switch {
	case call.Action.Hurts():
		return pace.Settle // its endpoint was read for it just now
	case call.Begun:
		return pace.Next
	}
	return pace.Begin
}

// mutation is a call on its way.
type mutation struct {
	client  *Client
	call    fleet.Call
	req     wire.Request
	reply   fleet.Reply
	stale   string    // the token that was refused
	renewed bool      // it was refused just now
	refused int       // how often in all a token was
	unsent  time.Time // when the call first proved not sent
	tries   int       // that proved so
}

// read turns an attempt into the reply and the verdict on it.
func (m *mutation) read(ctx context.Context, a attempt) Verdict {
	c, reply, err := m.client, &m.reply, a.err
	if a.began.IsZero() { // it never came to a send: an interrupt, or nobody can send
		reply.Outcome, reply.Err, reply.Fatal = fleet.NotAttempted, err, ctx.Err() == nil && !errors.Is(err, fleet.ErrRecheck)
		return Failed
	}
	if a.wrote {
		reply.Sends++
	}
	reply.Started, reply.Written, reply.Duration, reply.Code = a.began, a.written, a.took, ""
	if err == nil {
		reply.ID, reply.Code, err = c.opts.Dialect.ReadCall(m.call, a.reply)
		reply.Code, err = c.mask(reply.Code, a.token.text()), c.masked(err, a.token.text())
	}
	c.feedback(ctx, m.req.Op, a, err)
	verdict := Judge(wire.ClassOf(err), m.req.Op)
	reply.Err, reply.Outcome, reply.Fatal = err, verdict.outcome(), verdict == Stop
	if verdict == Done {
		reply.Err = nil
	}
	return verdict
}

// again says whether the call is to be sent once more. When it may be, but
// should not, it says so in the reply.
func (m *mutation) again(ctx context.Context, verdict Verdict, a attempt, token string) bool {
	switch verdict {
	case Renew:
		return m.renew(a, token)
	case Wait:
		return m.wait()
	case Unsent:
		return m.resend(ctx)
	}
	return false
}

func (m *mutation) renew(a attempt, token string) bool {
	m.refused++
	if m.renewed && a.tokenAge <= freshToken || m.refused >= mostRefused {
		m.reply.Fatal = true // a new token is refused too: so would every other be
		return false
	}
	m.renewed, m.stale = true, token
	return true
}

// wait leaves the pause to the purse, and gives up when nothing but throttles
// came for too long.
func (m *mutation) wait() bool {
	m.renewed = false // the pause may have outlived the token
	if err := m.client.breaker.patience(); err != nil {
		m.reply.Err, m.reply.Fatal = err, true
	}
	return !m.reply.Fatal
}

// resend waits for the next try of a call that was not sent, for as long as an
// outage may last.
func (m *mutation) resend(ctx context.Context) bool {
	if m.unsent.IsZero() {
		m.unsent = time.Now()
	}
	m.renewed = false
	m.tries++
	if spent, most := time.Since(m.unsent), m.client.opts.MaxOutage; spent >= most {
		m.reply.Fatal = true
		m.reply.Err = fmt.Errorf("%w (tried %d times in %s, want it sent within %s; go on when the platform can be reached, or give it longer with --max-outage)",
			m.reply.Err, m.tries, spent.Round(time.Second), most)
		return false
	}
	if err := pause(ctx, m.tries); err != nil {
		m.reply.Err = err
		return false
	}
	return true
}

// Page reads one page of a listing, or one row of it. Reads have no effect, so
// a lost or senseless answer is asked for again. The error is an
// ErrUnreachable, ErrLogin or ErrPermission.
func (c *Client) Page(ctx context.Context, q fleet.Query) (fleet.Page, error) {
	page, err := c.page(ctx, q)
	dialect, ok := c.opts.Dialect.(wire.Follower)
	if err != nil || !ok {
		return page, err
	}
	next, ok := dialect.Follow(q, page)
	if !ok {
		return page, nil
	}
	more, err := c.page(ctx, next)
	if err != nil {
		return fleet.Page{}, err
	}
	return dialect.Fill(page, more), nil
}

// page asks one query.
func (c *Client) page(ctx context.Context, q fleet.Query) (fleet.Page, error) {
	req, err := c.opts.Dialect.Query(q)
	if err != nil {
		return fleet.Page{}, err
	}
	var page fleet.Page
	stale, refused := "", 0
	err = c.persist(ctx, req.Op, func() (attempt, error) {
		a, token := c.try(ctx, req, priorityOfRead(q), stale, nothing)
		if q.Settles && a.wrote {
			c.settled.Add(1)
		}
		if a.err != nil {
			return a, a.err
		}
		var err error
		page, err = c.opts.Dialect.ReadQuery(q, a.reply)
		err = c.masked(err, token)
		if wire.ClassOf(err) == wire.Unauthorized && (refused == 0 || a.tokenAge > freshToken && refused < mostRefused) {
			stale, refused = token, refused+1
			return a, errRenew
		}
		return a, err
	})
	return page, err
}

func priorityOfRead(q fleet.Query) pace.Priority {
	if q.Settles {
		return pace.Settle
	}
	return pace.Next
}

// mostRefused is how often a call may meet a refused token, however old those were:
// at a slow pace each has waited too long to be called new.
const mostRefused = 5

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

// persist repeats a read or a login until its answer means something.
func (c *Client) persist(ctx context.Context, op wire.Op, once func() (attempt, error)) error {
	for try := 1; ; {
		a, err := once()
		if errors.Is(err, errRenew) {
			continue
		}
		if a.began.IsZero() { // it never came to a send
			return err
		}
		c.feedback(ctx, op, a, err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case c.opts.Once:
			return err
		case c.free(op, err):
			continue
		case Judge(wire.ClassOf(err), op) != Again, try >= c.most(op, a):
			return fmt.Errorf("%w%s", err, tries(try))
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		try++
	}
}

// free says whether an answer costs no try. A throttle does not, for as long as
// an outage may last; it slows everybody instead. Nor does trouble in an
// outage, whose end a read waits for in front of the breaker; a login is no more
// than one try of the probe.
func (c *Client) free(op wire.Op, err error) bool {
	outage := c.breaker.open()
	if outage && columnOf[op] == logins {
		return false
	}
	switch Judge(wire.ClassOf(err), op) {
	case Wait:
		return c.breaker.outage() < c.opts.MaxOutage
	case Again:
		return outage
	}
	return false
}

// most is how often a read or a login is tried.
func (c *Client) most(op wire.Op, a attempt) int {
	switch {
	case columnOf[op] == logins && c.breaker.open():
		return 1
	case op == wire.OpLogin && a.wrote:
		return loginTries
	}
	return readTries
}

func tries(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (tried %d times)", n)
}

// pause waits a random time below a limit that doubles with each try.
func pause(ctx context.Context, try int) error {
	const most = 6 // doublings up to the longest wait; more would overflow one day
	return sleep(ctx, rand.N(min(firstWait<<min(try-1, most), longWait)))
}
