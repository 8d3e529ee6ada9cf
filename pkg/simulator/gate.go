package simulator

import (
	"net/http"
	"strconv"
	"time"
)

// bucket is the rate limit: it fills at a steady rate, and a call takes one.
type bucket struct {
	perSecond float64
	burst     float64
	level     float64
	filled    time.Time
}

func newBucket(perSecond float64, burst int) bucket {
	b := float64(max(1, burst))
	return bucket{perSecond: perSecond, burst: b, level: b}
}

func (b *bucket) take(now time.Time) bool {
	if b.perSecond <= 0 {
		return true
	}
	if !b.filled.IsZero() {
		b.level = min(b.burst, b.level+now.Sub(b.filled).Seconds()*b.perSecond)
	}
	b.filled = now
	const rounding = 1e-6 // calls that come exactly at the rate must pass
	if b.level < 1-rounding {
		return false
	}
	b.level = max(0, b.level-1)
	return true
}

// gate turns calls away that come too fast, without a good token or from the
// wrong account. Such a call is no attempt: no fault is used up by it. A fault
// that leaves the work undone stands before the gate, as an outage would.
func (s *Simulator) gate(c *call, now time.Time) (answer, bool) {
	event := Event{Op: c.route.op, Row: c.row}
	n := s.attempts[event] + 1
	allowed := s.bucket.take(now)
	refusal, admitted := s.auth.admit(c, now)
	c.entry.Account = c.account()
	effect, delay := s.pick(Event{event.Op, event.Row, n})
	if effects[effect].work != never {
		switch {
		case !allowed:
			return s.throttled(c), true
		case !admitted:
			return s.render(c, refusal), true
		}
	}
	s.attempts[event] = n
	c.effect, c.delay = effect, delay
	c.entry.Attempt, c.entry.Effect = n, effect
	return answer{}, false
}

func (s *Simulator) throttled(c *call) answer {
	if s.set.form == ThrottleText {
		return s.render(c, refuse(codeThrottled, textThrottled))
	}
	return s.tooMany()
}

func (s *Simulator) tooMany() answer {
	a := bare(http.StatusTooManyRequests)
	if s.set.retryAfter > 0 {
		seconds := (s.set.retryAfter + time.Second - 1) / time.Second
		a.extra = [2]string{"Retry-After", strconv.Itoa(int(seconds))}
	}
	return a
}

// pick finds the effect of a call: that of the first fault that fits, else
// what the fault function says.
func (s *Simulator) pick(e Event) (Effect, time.Duration) {
	for _, f := range s.faults {
		if f.fits(e) {
			return f.Effect, f.Delay
		}
	}
	if s.choose != nil {
		if effect, delay := s.choose(e); effect < effectEnd {
			return effect, delay
		}
	}
	return NoEffect, 0
}
