package platform

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

func TestOneRenewalServesAllWorkers(t *testing.T) {
	for _, expired := range []answer{{status: 401}, {status: 200, body: envelope("1", "401", "token")}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(string, int) answer { return answer{} })
			s.expired = expired
			c := client(t, s)
			if err := c.Login(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.issued = map[string]time.Time{} // the platform forgets every token
			var wg sync.WaitGroup
			for range 32 {
				wg.Go(func() {
					if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Done {
						t.Errorf("got %s: %v", reply.Outcome, reply.Err)
					}
				})
			}
			wg.Wait()
			if s.counts["/api/login"] != 1 || s.counts["/api/RefreshToken"] != 1 {
				t.Errorf("got %d logins and %d refreshes, want 1 and 1", s.counts["/api/login"], s.counts["/api/RefreshToken"])
			}
		})
	}
}

func TestTokensAreRenewedBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		s.life = 9 * time.Minute
		c := client(t, s)
		for range 100 {
			if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Done || reply.Sends != 1 {
				t.Fatalf("got %s after %d sends: %v", reply.Outcome, reply.Sends, reply.Err)
			}
			time.Sleep(time.Minute)
		}
		if s.counts["/api/login"] != 1 || s.counts["/api/RefreshToken"] > 15 {
			t.Errorf("got %d logins and %d refreshes in 100 minutes", s.counts["/api/login"], s.counts["/api/RefreshToken"])
		}
	})
}

func TestATokenSaysHowLongItLives(t *testing.T) {
	tests := map[string]time.Duration{
		"opaque":                           assumedLife,
		"a.!!!.c":                          assumedLife,
		"h.eyJleHAiOjE2MH0.s":              assumedLife, // exp alone, long past: the clocks differ
		"h.eyJpYXQiOjEwMCwiZXhwIjo3MDB9.s": 10 * time.Minute,
	}
	for token, want := range tests {
		if got := lifeOf(token); got != want {
			t.Errorf("%s: got %s, want %s", token, got, want)
		}
	}
}

type memory struct{ refused bool }

func (m *memory) Refused(_, _ string, _ Secret) bool   { return m.refused }
func (m *memory) Accept(_, _ string, _ Secret) error   { return nil }
func (m *memory) Remember(_, _ string, _ Secret) error { m.refused = true; return nil }

func TestARefusedLoginIsTriedOnce(t *testing.T) {
	for _, a := range []answer{{status: 200, body: envelope("1", "10126", "Invalid")}, {status: 401}, {status: 200, body: envelope("1", "11044", "blocked")}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(path string, _ int) answer {
				if path == "/api/login" {
					return a
				}
				return answer{}
			})
			remembered := &memory{}
			c := client(t, s, func(o *Options) { o.Refusals = remembered })
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
					if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, fleet.ErrLogin) || reply.Sends != 0 {
						t.Errorf("got %s, fatal %t, after %d sends: %v", reply.Outcome, reply.Fatal, reply.Sends, reply.Err)
					}
				})
			}
			wg.Wait()
			remembered.refused = false // this run must know by itself
			if err := c.tokens.revive(t.Context(), ""); !errors.Is(err, fleet.ErrLogin) {
				t.Errorf("the probe of an outage: got %v, want %v", err, fleet.ErrLogin)
			}
			remembered.refused = true
			next := client(t, s, func(o *Options) { o.Refusals = remembered })
			if err := next.Login(t.Context()); !errors.Is(err, fleet.ErrLogin) {
				t.Errorf("the next run: got %v, want %v", err, fleet.ErrLogin)
			}
			if s.counts["/api/login"] != 1 {
				t.Errorf("got %d logins, want 1", s.counts["/api/login"])
			}
		})
	}
}

// A login that hangs in the middle of a run stops it when that has lasted too
// long. Until then few are sent: an answer that was lost may be a refusal.
func TestALoginThatHangsStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			if path == "/api/login" && n > 1 || path == "/api/RefreshToken" {
				return answer{status: 200, delay: time.Hour}
			}
			return answer{}
		})
		c := client(t, s)
		if err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.issued = map[string]time.Time{}
		time.Sleep(time.Hour)
		start, logins := time.Now(), s.counts["/api/login"]
		reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
		if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, fleet.ErrUnreachable) {
			t.Errorf("got %s, fatal %t, %v", reply.Outcome, reply.Fatal, reply.Err)
		}
		if lasted := time.Since(start); lasted < DefaultMaxOutage || lasted > DefaultMaxOutage+20*time.Minute {
			t.Errorf("it was given up after %s, want %s", lasted, DefaultMaxOutage)
		}
		if n := s.counts["/api/login"] - logins; n > 6 {
			t.Errorf("got %d logins whose answers were lost in an hour, want 6 at most", n)
		}
	})
}

// A platform that says for ever that a login takes too long is given up too, and
// is not asked many times.
func TestLoginsThatTimeOutAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := answer{status: 200, body: envelope("1", "10240", "API operation has Time out")}
		s := newScript(func(path string, n int) answer {
			if path == "/api/login" && n > 1 || path == "/api/RefreshToken" {
				return slow
			}
			return answer{}
		})
		c := client(t, s)
		if err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		start := time.Now()
		reply := c.Do(t.Context(), calls[wire.OpActivate], nothing)
		lasted := time.Since(start)
		if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, fleet.ErrUnreachable) || lasted < DefaultMaxOutage || lasted > DefaultMaxOutage+5*time.Minute {
			t.Errorf("got %s, fatal %t, after %s: %v", reply.Outcome, reply.Fatal, lasted, reply.Err)
		}
		if n := s.counts["/api/login"] - 1; n > 6 {
			t.Errorf("got %d logins in an hour, want 6 at most", n)
		}
	})
}

// A renewal that fails while the token lives fails no call.
func TestABlipOfTheRenewalIsHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			if path == "/api/RefreshToken" && n <= 4 || path == "/api/login" && n > 1 {
				return answer{status: 503}
			}
			return answer{}
		})
		s.life = 9 * time.Minute
		c := client(t, s)
		for range 30 {
			if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Done || reply.Sends != 1 {
				t.Fatalf("got %s after %d sends: %v", reply.Outcome, reply.Sends, reply.Err)
			}
			time.Sleep(30 * time.Second)
		}
		if s.counts["/api/login"] != 1 {
			t.Errorf("got %d logins", s.counts["/api/login"])
		}
	})
}

// A token that runs out during the pause of a throttle is renewed once more.
func TestATokenMayRunOutTwiceInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := answer{status: 401}
		s := newScript(func(path string, n int) answer {
			if path == "/api/activateEndpoint" && n <= 3 {
				return []answer{bad, {status: 429, header: http.Header{"Retry-After": {"900"}}}, bad}[n-1]
			}
			return answer{}
		})
		if reply := client(t, s).Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Done {
			t.Errorf("got %s, fatal %t: %v", reply.Outcome, reply.Fatal, reply.Err)
		}
	})
}

// A wrong target account says nothing about the password, and what the platform
// repeats of a password is not shown.
func TestWhatIsKeptOfARefusedLogin(t *testing.T) {
	for code, kept := range map[string]bool{"10117": false, "10126": true, "11044": true} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(path string, _ int) answer {
				return answer{status: 200, body: envelope("1", code, "no login with pw-c4n4ry for ann")}
			})
			remembered := &memory{}
			err := client(t, s, func(o *Options) { o.Refusals, o.Password = remembered, NewSecret("pw-c4n4ry") }).Login(t.Context())
			if !errors.Is(err, fleet.ErrLogin) || remembered.refused != kept || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("%s: got %v, remembered %t, want %t", code, err, remembered.refused, kept)
			}
		})
	}
}

// A platform that gives the refused token again is not asked for ever.
func TestTheSameTokenAgainEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, _ int) answer {
			if path == "/api/login" || path == "/api/RefreshToken" {
				return answer{status: 200, body: `{"AccessToken":"same","RefreshToken":"r"}`}
			}
			return answer{}
		})
		reply := client(t, s).Do(t.Context(), calls[wire.OpActivate], nothing)
		if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, fleet.ErrLogin) || s.counts["/api/RefreshToken"] != 1 {
			t.Errorf("got %s, fatal %t, %v after %d renewals", reply.Outcome, reply.Fatal, reply.Err, s.counts["/api/RefreshToken"])
		}
	})
}
