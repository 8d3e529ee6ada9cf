package platform

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

const createPath = "/api/createEndpoint"

// window is a platform that is well but for a time, in which everything is
// answered alike. Creates take a second. Its tokens live for nine minutes.
type window struct {
	*script
	from, to time.Duration // since the start
	start    time.Time
	times    []time.Duration // of all requests
	made     int
}

func newWindow(from, to time.Duration, during answer) *window {
	w := &window{from: from, to: to, start: time.Now()}
	w.script = newScript(func(path string, _ int) answer {
		now := time.Since(w.start)
		w.times = append(w.times, now)
		switch {
		case now >= w.from && now < w.to:
			return during
		case path == createPath:
			w.made++
			return answer{status: 200, delay: time.Second, body: fmt.Sprintf(`{"Response":{"resultCode":"0","endpointId":"%d"}}`, 1000+w.made)}
		}
		return answer{}
	})
	w.life = 9 * time.Minute
	return w
}

// between counts the requests of a span of time.
func (w *window) between(from, to time.Duration) (n int) {
	for _, at := range w.times {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// run makes 200 creates with 50 workers at the usual pace, and says how long it
// took. Rows that are given up do not stop the others.
func (w *window) run(t *testing.T, maxOutage time.Duration) (replies []fleet.Reply, befores []int, took time.Duration) {
	t.Helper()
	c := client(t, w, func(o *Options) { o.Purse, o.MaxOutage = pace.New(1.8), maxOutage })
	replies, befores = make([]fleet.Reply, 200), make([]int, 200)
	rows := make(chan int)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for i := range rows {
				replies[i] = c.Do(t.Context(), calls[wire.OpCreate], func() error { befores[i]++; return nil })
			}
		})
	}
	for i := range replies {
		rows <- i
	}
	close(rows)
	wg.Wait()
	return replies, befores, time.Since(w.start)
}

func count(replies []fleet.Reply) map[fleet.Outcome]int {
	counts := map[fleet.Outcome]int{}
	for _, r := range replies {
		counts[r.Outcome]++
	}
	return counts
}

var outages = map[string]struct {
	during  answer
	unknown int // rows at most
}{
	"503":                {answer{status: 503}, 30},
	"connection refused": {answer{err: errors.New("connect: connection refused"), unsent: true}, 0},
	"page of a proxy":    {answer{status: 200, body: "<html>"}, 30},
	"redirect":           {answer{status: 302}, 30},
	"connection cut":     {answer{err: io.ErrUnexpectedEOF}, 30},
	"hangs":              {answer{status: 200, delay: time.Hour}, 60}, // all that are in flight, and the budget
}

// A total outage in the middle of a run costs few rows, hardly any requests,
// and is over when it is over.
func TestAnOutageOfSixHours(t *testing.T) {
	for name, tt := range outages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const from, to = time.Minute, 6*time.Hour + time.Minute
				w := newWindow(from, to, tt.during)
				replies, befores, took := w.run(t, 12*time.Hour)
				got := count(replies)
				if got[fleet.Unknown] > tt.unknown || got[fleet.Done] != len(replies)-got[fleet.Unknown] {
					t.Errorf("got %v, want %d unknown at most, and the others done", got, tt.unknown)
				}
				opened := from + 5*time.Minute
				asked, most := w.between(opened, to), int((to-opened).Minutes()*2)
				if asked > most {
					t.Errorf("got %d requests in the outage, want %d at most", asked, most)
				}
				if rest := took - to; rest > 5*time.Minute {
					t.Errorf("it took %s after the outage to do the rest", rest)
				}
				sum := 0
				for i, r := range replies {
					sum += befores[i]
					if r.Sends != 1 {
						t.Errorf("row %d: %s after %d sends, want 1", i, r.Outcome, r.Sends)
					}
				}
				if sum != w.counts[createPath] {
					t.Errorf("before was called %d times for %d requests", sum, w.counts[createPath])
				}
				t.Logf("%v; %d requests in the first 5 min, %d in the rest (most %d); done %s after the outage",
					got, w.between(from, opened), asked, most, (took - to).Round(time.Second))
			})
		})
	}
}

func TestAnOutageThatIsGivenUp(t *testing.T) {
	for name, tt := range outages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWindow(time.Minute, 6*time.Hour, tt.during)
				replies, _, took := w.run(t, time.Hour)
				got := count(replies)
				if got[fleet.Unknown] > tt.unknown || got[fleet.Failed] > 0 || got[fleet.Done]+got[fleet.Unknown]+got[fleet.NotAttempted] != len(replies) || took > 70*time.Minute {
					t.Errorf("got %v after %s, want %d unknown at most and the rest not attempted after an hour", got, took, tt.unknown)
				}
				for i, r := range replies {
					if r.Outcome == fleet.NotAttempted && (!r.Fatal || !errors.Is(r.Err, fleet.ErrUnreachable) || r.Sends != 0) {
						t.Errorf("row %d: fatal %t after %d sends: %v", i, r.Fatal, r.Sends, r.Err)
					}
				}
				t.Logf("%v after %s and %d requests: %v", got, took.Round(time.Second), len(w.times), replies[len(replies)-1].Err)
			})
		})
	}
}

// A probe that is throttled obeys like any other call.
func TestAProbeThatIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(0, 3*time.Hour, answer{status: 429, header: http.Header{"Retry-After": {"600"}}})
		c := client(t, w)
		c.tokens.keep(wire.Tokens{Access: "a", Refresh: "r"})
		for !c.breaker.open() {
			c.breaker.trouble(troubleCost, errDown)
		}
		if reply := c.Do(t.Context(), calls[wire.OpCreate], nothing); reply.Outcome != fleet.NotAttempted || !reply.Fatal {
			t.Errorf("got %s, fatal %t: %v", reply.Outcome, reply.Fatal, reply.Err)
		}
		if n := len(w.times); n < 6 || n > 7 {
			t.Errorf("got %d probes in an hour, want one in ten minutes", n)
		}
	})
}

func TestAStormOfThrottles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const from, to = time.Minute, 11 * time.Minute
		w := newWindow(from, to, answer{status: 429})
		replies, _, took := w.run(t, time.Hour)
		if got := count(replies); got[fleet.Done] != len(replies) {
			t.Errorf("got %v, want %d done", got, len(replies))
		}
		if n := w.between(from, to); n > 30 {
			t.Errorf("got %d requests in the storm, want 30 at most", n)
		}
		t.Logf("%d requests in the storm; done after %s", w.between(from, to), took.Round(time.Second))
	})
}

// A door-keeper that still refuses old tokens, and even gives new ones, does
// not make the platform work.
func TestADoorKeeperDoesNotEndAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(nil)
		start, down := time.Now(), 0
		s.answer = func(path string, _ int) answer {
			if now := time.Since(start); path == "/api/login" || path == "/api/RefreshToken" || now < time.Minute || now > 3*time.Hour {
				return answer{}
			}
			down++
			if down%2 == 0 {
				return answer{status: 401}
			}
			return answer{status: 502}
		}
		c := client(t, s, func(o *Options) { o.MaxOutage = 4 * time.Hour })
		unknown := 0
		for time.Since(start) < 3*time.Hour {
			if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome == fleet.Unknown {
				unknown++
			}
			time.Sleep(time.Second)
		}
		if unknown > 20 || down > 2*180+60 {
			t.Errorf("got %d unknown rows and %d requests in three hours, want no more than the budget", unknown, down)
		}
	})
}

// A probe whose token is refused renews it with one try of each kind.
func TestAProbeThatFindsNoTokenIsSparing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(time.Minute, 2*time.Hour, answer{status: 503})
		down := w.answer
		w.answer = func(path string, n int) answer {
			if a := down(path, n); path != probed {
				return a
			}
			return answer{status: 401}
		}
		replies, _, took := w.run(t, time.Hour)
		if asked, most := w.between(5*time.Minute, took), int((took-5*time.Minute).Minutes()*2); asked > most || count(replies)[fleet.NotAttempted] < 50 {
			t.Errorf("got %v and %d requests in the outage, want the rest not attempted after %d at most", count(replies), asked, most)
		}
	})
}

// A login that is refused after an outage ends the run for everybody, and is
// not repeated.
func TestALoginRefusedAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const from, to = time.Minute, time.Hour
		w := newWindow(from, to, answer{status: 503})
		well := w.answer
		w.answer = func(path string, n int) answer {
			a := well(path, n)
			if time.Since(w.start) >= to && (path == "/api/login" || path == "/api/RefreshToken") {
				return answer{status: 200, body: envelope("1", "10126", "Invalid")}
			}
			return a
		}
		replies, _, _ := w.run(t, 12*time.Hour)
		for i, r := range replies {
			if r.Outcome == fleet.NotAttempted && (!r.Fatal || !errors.Is(r.Err, fleet.ErrLogin)) {
				t.Errorf("row %d: fatal %t: %v", i, r.Fatal, r.Err)
			}
		}
		if got := count(replies); got[fleet.NotAttempted] < 50 || w.counts["/api/login"] != 2 {
			t.Errorf("got %v and %d logins, want the rest not attempted after one that was refused", got, w.counts["/api/login"])
		}
	})
}

// A platform that was never there is not waited for.
func TestADeadHostEndsARunWithinSeconds(t *testing.T) {
	for _, a := range []answer{{err: errors.New("connect: connection refused"), unsent: true}, {status: 503}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWindow(0, time.Hour, a)
			c := client(t, w)
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if _, err := c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, Page: 1}); !errors.Is(err, fleet.ErrUnreachable) {
						t.Errorf("got %v, want %v", err, fleet.ErrUnreachable)
					}
				})
			}
			wg.Wait()
			reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
			if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, fleet.ErrUnreachable) {
				t.Errorf("got %s, fatal %t: %v", reply.Outcome, reply.Fatal, reply.Err)
			}
			if took := time.Since(w.start); took > time.Minute || len(w.times) > 20 {
				t.Errorf("eleven calls ended after %s and %d requests", took, len(w.times))
			}
		})
	}
}

// A renewal that finds nobody, after the token has run out, is waited for.
func TestARenewalInAnOutageIsWaitedFor(t *testing.T) {
	for name, tt := range outages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const to = 40 * time.Minute
				w := newWindow(20*time.Minute, to, tt.during)
				c := client(t, w)
				if err := c.Login(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Minute)
				reply := c.Do(t.Context(), calls[wire.OpCreate], nothing)
				if took := time.Since(w.start); reply.Outcome != fleet.Done || reply.Sends != 1 || took > to+lostLogin {
					t.Errorf("got %s after %s and %d sends: %v", reply.Outcome, took, reply.Sends, reply.Err)
				}
			})
		})
	}
}
