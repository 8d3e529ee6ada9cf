// Package simulator is the platform in memory: an http.Handler with real state,
// and with faults on demand.
package simulator

import (
	"context"
	"net/http"
	"sync"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Simulator is a simulated platform with one account. It serves the documented
// paths as an http.Handler, and without sockets as an http.RoundTripper. All
// its methods may be used from many goroutines.
type Simulator struct {
	set settings

	mu       sync.Mutex
	live     *store // what is
	seen     *store // what reads show; live itself without read lag
	cat      Catalogue
	bills    map[fleet.ID]int
	gone     map[fleet.ID]string // names of the endpoints that were removed
	nextID   uint64
	due      []*job   // work still to be done, by time
	lagging  []lagged // changes that reads do not show yet, by time
	faults   []Fault
	choose   func(Event) (Effect, time.Duration)
	attempts map[Event]int // calls so far, under the event with attempt 0
	bucket   bucket
	auth     auth
	log      journal
	stamp    stamp
}

// New makes a simulated platform. Without options it has the stock of
// BuiltInStock, accepts any user with any password, answers at once and limits
// nothing.
func New(opts ...Option) *Simulator {
	set := defaults()
	for _, opt := range opts {
		opt(&set)
	}
	s := &Simulator{set: set, attempts: map[Event]int{}, faults: set.faults, choose: set.choose}
	s.auth.init(set)
	s.bucket = newBucket(set.rate, set.burst)
	s.log.limit = set.logLimit
	switch {
	case set.state != nil:
		s.restore(*set.state)
	case set.stock != nil:
		s.restock(*set.stock)
	default:
		s.restock(BuiltInStock())
	}
	return s
}

// ServeHTTP answers one request as the platform would.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, a := s.read(r)
	if c != nil {
		a = s.handle(r.Context(), c)
	}
	a.send(w)
}

// handle carries a call through the gate, its wait and its work. It returns
// when ctx ends; what is due then is still done at its time.
func (s *Simulator) handle(ctx context.Context, c *call) answer {
	wait, a, done := s.enter(c)
	if done {
		return a
	}
	if !sleep(ctx, wait) {
		return answer{gone: true}
	}
	return s.leave(c)
}

// enter admits a call. It is done at once when the call is refused at the gate
// or has nothing to wait for.
func (s *Simulator) enter(c *call) (time.Duration, answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.settle()
	c.row = s.rowOf(c)
	c.entry = s.log.add(c, now)
	if a, refused := s.gate(c, now); refused {
		return 0, s.note(c, a), true
	}
	wait := s.wait(c)
	s.schedule(c, now, wait)
	if wait == 0 {
		return 0, s.finish(c, now), true
	}
	return wait, answer{}, false
}

// wait is how long the call takes; endless is negative.
func (s *Simulator) wait(c *call) time.Duration {
	switch t := effects[c.effect]; {
	case t.hangs:
		return -1
	case c.effect == Slow:
		return c.delay
	}
	if s.set.latency == nil {
		return 0
	}
	return max(0, s.set.latency(c.route.op))
}

func (s *Simulator) leave(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finish(c, s.settle())
}

// finish does what is left of the work and makes the answer.
func (s *Simulator) finish(c *call, now time.Time) answer {
	r := reply{}
	switch t := effects[c.effect]; {
	case c.job != nil && (c.job.done || t.work == atOnce):
		s.run(c.job, now)
		r = c.job.reply
	case c.job == nil && t.work == atOnce:
		r = s.serve(c, now)
	}
	if t := effects[c.effect]; t.answer != nil {
		return s.note(c, t.answer(s, c, r))
	}
	return s.note(c, s.render(c, r))
}

// serve answers the calls that do not change the fleet.
func (s *Simulator) serve(c *call, now time.Time) reply {
	if c.bad != "" {
		return refuse(codeInvalid, c.bad)
	}
	switch c.route.op {
	case wire.OpLogin:
		return s.auth.login(c, now)
	case wire.OpRefresh:
		return s.auth.renew(c, now)
	case wire.OpEndpoints:
		return s.listEndpoints(c)
	case wire.OpSIMs:
		return s.listSIMs(c)
	}
	return s.lookUp(c)
}

// note writes the answer into the log.
func (s *Simulator) note(c *call, a answer) answer {
	e := c.entry
	e.Outer, e.Inner, e.ReplyBytes = a.outer, a.inner, len(a.body)
	if !a.drop {
		e.Status = a.status
	}
	return a
}

// sleep waits; it says false when ctx ends first. A negative wait has no end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d < 0 {
		<-ctx.Done()
		return false
	}
	if d == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
