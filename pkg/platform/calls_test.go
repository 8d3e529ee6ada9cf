package platform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// What was not sent is sent again, each time by leave of before.
func TestACallThatWasNotSentIsTriedAgain(t *testing.T) {
	refused := answer{err: errors.New("connect: connection refused"), unsent: true}
	tests := []struct {
		name    string
		down    int           // sends that fail
		between time.Duration // a call of somebody else that passes each time
		leave   time.Duration // when the run is interrupted
		outcome fleet.Outcome
		fatal   bool
	}{
		{name: "a blip", down: 5, outcome: fleet.Done},
		{name: "a connection that always fails while others pass", down: 1 << 30, between: time.Second, outcome: fleet.NotAttempted, fatal: true},
		{name: "an interrupt", down: 1 << 30, leave: time.Minute, outcome: fleet.NotAttempted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(func(path string, n int) answer {
					if path == "/api/activateEndpoint" && n <= tt.down {
						return refused
					}
					return answer{}
				})
				c := client(t, s)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if tt.leave > 0 {
					time.AfterFunc(tt.leave, leave)
				}
				if tt.between > 0 {
					go others(ctx, c, tt.between)
				}
				before, start := 0, time.Now()
				reply := c.Do(ctx, calls[wire.OpActivate], func() error { before++; return nil })
				if reply.Outcome != tt.outcome || reply.Fatal != tt.fatal || before != s.counts["/api/activateEndpoint"] {
					t.Errorf("got %s, fatal %t, before %d times for %d requests: %v", reply.Outcome, reply.Fatal, before, s.counts["/api/activateEndpoint"], reply.Err)
				}
				if tt.fatal && (!errors.Is(reply.Err, fleet.ErrUnreachable) || time.Since(start) < DefaultMaxOutage || time.Since(start) > DefaultMaxOutage+2*time.Minute) {
					t.Errorf("it was given up after %s: %v", time.Since(start), reply.Err)
				}
				if took := time.Since(start); tt.outcome == fleet.Done && (took < 100*time.Millisecond || took > 31*time.Second) {
					t.Errorf("five tries went within %s, want pauses of up to 1, 2, 4, 8 and 16 s", took)
				}
				if tt.leave > 0 && time.Since(start) != tt.leave {
					t.Errorf("it ended after %s, want %s", time.Since(start), tt.leave)
				}
			})
		})
	}
}

// Headers that are not written in time are never written: the call may be tried
// again at once, long before its deadline.
func TestHeadersThatAreNotWrittenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			if path == "/api/activateEndpoint" && n == 1 {
				return answer{status: 200, dial: time.Hour}
			}
			return answer{}
		})
		before, start := 0, time.Now()
		reply := client(t, s).Do(t.Context(), calls[wire.OpActivate], func() error { before++; return nil })
		if took := time.Since(start); reply.Outcome != fleet.Done || reply.Sends != 1 || before != 2 || took < writeLimit || took > writeLimit+firstWait {
			t.Errorf("got %s after %s, %d sends and %d calls of before: %v", reply.Outcome, took, reply.Sends, before, reply.Err)
		}
	})
}

// others are calls that pass, until the context ends.
func others(ctx context.Context, c *Client, every time.Duration) {
	for sleep(ctx, every) == nil {
		c.Do(ctx, calls[wire.OpDelete], nothing)
	}
}

// odd is a dialect whose calls cannot be built as requests.
type odd struct{ wire.EndpointInfo }

func (odd) Call(fleet.Call) (wire.Request, error) {
	return wire.Request{Op: wire.OpDelete, Method: "not a method", Path: "/x"}, nil
}

func TestACallThatCannotBeBuiltFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		before, start := 0, time.Now()
		reply := client(t, s, func(o *Options) { o.Dialect = odd{} }).Do(t.Context(), calls[wire.OpDelete], func() error { before++; return nil })
		if reply.Outcome != fleet.Failed || reply.Fatal || reply.Err == nil || before != 0 || len(s.headers) != 0 || time.Since(start) != 0 {
			t.Errorf("got %s, fatal %t, before %d times, %d requests after %s: %v", reply.Outcome, reply.Fatal, before, len(s.headers), time.Since(start), reply.Err)
		}
	})
}

// A read that finds an outage goes on after it, and still has all its tries.
func TestReadsWaitForTheEndOfAnOutage(t *testing.T) {
	for name, limit := range map[string]time.Duration{"waited for": time.Hour, "given up": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const to = 30 * time.Minute
				w := newWindow(0, to, answer{status: 503})
				well := w.answer
				w.answer = func(path string, n int) answer {
					if strings.Contains(path, "login") {
						return answer{}
					}
					return well(path, n)
				}
				c := client(t, w, func(o *Options) { o.MaxOutage = limit })
				for !c.breaker.open() {
					c.Do(t.Context(), calls[wire.OpActivate], nothing)
				}
				_, err := c.Page(t.Context(), fleet.Query{List: fleet.RatePlans})
				took := time.Since(w.start)
				switch limit {
				case time.Hour:
					if err != nil || took < to || took > to+time.Minute {
						t.Errorf("got %v after %s, want the page after %s", err, took, to)
					}
				default:
					if !errors.Is(err, fleet.ErrUnreachable) || took != limit {
						t.Errorf("got %v after %s, want %v after %s", err, took, fleet.ErrUnreachable, limit)
					}
				}
				if n := w.counts["/api/QueryRatePlan"]; n > 1 {
					t.Errorf("the read was sent %d times", n)
				}
			})
		})
	}
}

// The try in which the breaker opens does not count: four more may follow.
func TestATryThatFindsAnOutageDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			if path == "/api/QueryRatePlan" && n <= readTries {
				return answer{status: 503}
			}
			return answer{}
		})
		c := client(t, s)
		if err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 18 {
			c.breaker.trouble(troubleCost, errDown)
		}
		if _, err := c.Page(t.Context(), fleet.Query{List: fleet.RatePlans}); err != nil || s.counts[probed] != 1 {
			t.Errorf("got %v after %d probes, want the page after 1", err, s.counts[probed])
		}
	})
}

// A permit that was waited for while the breaker opened is not used.
func TestAPermitOfAnOutageIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		c := client(t, s, func(o *Options) { o.Purse = pace.New(0.1) })
		if err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(time.Second, func() {
			for range 20 {
				c.breaker.trouble(troubleCost, errDown)
			}
		})
		var sent time.Duration
		reply := c.Do(t.Context(), calls[wire.OpActivate], func() error { sent = time.Since(start); return nil })
		if reply.Outcome != fleet.Done || sent < probeEvery || s.counts[probed] != 1 {
			t.Errorf("got %s, sent after %s and %d probes, want it after the probe at 31s", reply.Outcome, sent, s.counts[probed])
		}
	})
}

// A call that our own interrupt cuts off says nothing of the platform.
func TestAnInterruptIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, _ int) answer {
			if path == "/api/activateEndpoint" {
				return answer{status: 200, delay: time.Hour}
			}
			return answer{}
		})
		c := client(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if reply := c.Do(ctx, calls[wire.OpActivate], nothing); reply.Outcome != fleet.Unknown {
					t.Errorf("got %s", reply.Outcome)
				}
			})
		}
		wg.Wait()
		if start := time.Now(); c.breaker.open() || c.Do(t.Context(), calls[wire.OpDelete], nothing).Outcome != fleet.Done || time.Since(start) != 0 {
			t.Errorf("after 50 calls were cut off by us: open %t, and the next call took %s", c.breaker.open(), time.Since(start))
		}
	})
}

// Reads that settle what is unknown go before new work, and before listings.
func TestReadsThatSettleGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		s := newScript(func(path string, _ int) answer {
			if strings.Contains(path, "login") {
				return answer{}
			}
			order = append(order, path)
			if path == "/api/fetchSIM" && len(order) < 3 {
				return answer{status: 503} // what is tried again keeps its place
			}
			return answer{}
		})
		c := client(t, s, func(o *Options) { o.Purse = pace.New(0.1) })
		if err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { c.Do(t.Context(), calls[wire.OpActivate], nothing) })
			wg.Go(func() { _, _ = c.Page(t.Context(), fleet.Query{List: fleet.RatePlans}) })
		}
		synctest.Wait()
		wg.Go(func() {
			_, _ = c.Page(t.Context(), fleet.Query{List: fleet.SIMs, ICCID: "8932042000001234562", Settles: true})
		})
		wg.Wait()
		if got := fmt.Sprint(order[:3]); got != "[/api/fetchSIM /api/fetchSIM /api/fetchSIM]" {
			t.Errorf("got %s, want the read that settles three times first", got)
		}
	})
}

// Of the reads that settle those count that left, each time they do.
func TestSettlingReadsCountWhenTheyLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			if path == "/api/fetchSIM" && n <= 2 {
				return []answer{{err: errors.New("connect: connection refused"), unsent: true}, {status: 503}}[n-1]
			}
			return answer{}
		})
		c := client(t, s)
		_, _ = c.Page(t.Context(), fleet.Query{List: fleet.SIMs, ICCID: "8932042000001234562", Settles: true})
		_, _ = c.Page(t.Context(), fleet.Query{List: fleet.RatePlans})
		if got := c.Settled(); got != 2 || c.Sent(wire.OpSIMs) != got {
			t.Errorf("got %d, want the 2 that left of %d", got, c.Sent(wire.OpSIMs))
		}
	})
}

func TestAReplySaysWhenItWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			switch {
			case path == "/api/activateEndpoint" && n == 1:
				return answer{status: 429, delay: time.Minute, header: http.Header{"Retry-After": {"60"}}}
			case path == "/api/activateEndpoint":
				return answer{status: 502, dial: 9 * time.Second, delay: time.Minute}
			}
			return answer{}
		})
		start := time.Now()
		reply := client(t, s).Do(t.Context(), calls[wire.OpActivate], nothing)
		if got := reply.Written.Sub(start); reply.Outcome != fleet.Unknown || reply.Sends != 2 || got != 2*time.Minute+9*time.Second {
			t.Errorf("got %s after %d sends, written after %s, want the second send, at 2m9s", reply.Outcome, reply.Sends, got)
		}
	})
}

func TestPausesAreRandomAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for try, limit := range map[int]time.Duration{1: time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
			longest := time.Duration(0)
			for range 200 {
				start := time.Now()
				if err := pause(t.Context(), try); err != nil {
					t.Fatal(err)
				}
				longest = max(longest, time.Since(start))
			}
			if longest > limit || longest < limit/2 {
				t.Errorf("try %d: the longest of 200 pauses is %s, want up to %s", try, longest, limit)
			}
		}
	})
}
