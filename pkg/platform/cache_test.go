package platform

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// shelf is a cache in memory.
type shelf struct {
	token   Token
	full    bool
	dropped []string
}

func (s *shelf) Take() (Token, bool) { return s.token, s.full }
func (s *shelf) Keep(token Token)    { s.token, s.full = token, true }
func (s *shelf) Drop(text Secret)    { s.dropped, s.full = append(s.dropped, text.text()), false }

// keptToken is a token that the platform gave some time ago.
func keptToken(s *script, age, life time.Duration) *shelf {
	granted := time.Now().Round(0).Add(-age)
	s.issued["kept"] = granted
	return &shelf{Token{NewSecret("kept"), granted, granted.Add(life)}, true, nil}
}

func activate(t *testing.T, c *Client) {
	t.Helper()
	if reply := c.Do(t.Context(), calls[wire.OpActivate], nothing); reply.Outcome != fleet.Done || reply.Err != nil {
		t.Errorf("got %s: %v", reply.Outcome, reply.Err)
	}
}

func TestATokenOfAnEarlierRunIsTaken(t *testing.T) {
	tests := map[string]struct {
		age, life time.Duration
		empty     bool
		logins    int
	}{
		"young":           {age: time.Minute, life: 10 * time.Minute},
		"just young":      {age: 8*time.Minute - time.Second, life: 10 * time.Minute},
		"ends soon":       {age: 8 * time.Minute, life: 10 * time.Minute, logins: 1},
		"ended":           {age: time.Hour, life: 10 * time.Minute, logins: 1},
		"from the future": {age: -time.Second, life: 10 * time.Minute, logins: 1},
		"without end":     {age: time.Minute, life: longestLife + time.Second, logins: 1},
		"ends before":     {age: time.Minute, life: -time.Minute, logins: 1},
		"none":            {age: time.Minute, life: 10 * time.Minute, empty: true, logins: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(func(string, int) answer { return answer{} })
				cache := keptToken(s, tt.age, tt.life)
				cache.full = !tt.empty
				activate(t, client(t, s, func(o *Options) { o.Cache = cache }))
				if got := s.counts["/api/login"]; got != tt.logins {
					t.Errorf("got %d logins, want %d", got, tt.logins)
				}
				want := map[bool]string{true: "token-1", false: "kept"}[tt.logins > 0]
				if cache.token.Text.text() != want || len(cache.dropped) > 0 {
					t.Errorf("got %s kept, dropped %v, want %s", cache.token.Text.text(), cache.dropped, want)
				}
			})
		})
	}
}

// A token that is refused is dropped, and one login follows; so does one when the
// time comes to renew a token whose refresh token stayed with another run.
func TestATokenOfAnEarlierRunThatRunsOut(t *testing.T) {
	for name, forget := range map[string]bool{"refused": true, "aged": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(func(string, int) answer { return answer{} })
				cache := keptToken(s, time.Minute, 10*time.Minute)
				c := client(t, s, func(o *Options) { o.Cache = cache })
				if forget {
					clear(s.issued)
				} else {
					activate(t, c)
					time.Sleep(7 * time.Minute)
				}
				activate(t, c)
				if s.counts["/api/login"] != 1 || s.counts["/api/RefreshToken"] != 0 {
					t.Errorf("got %d logins and %d refreshes, want 1 and 0", s.counts["/api/login"], s.counts["/api/RefreshToken"])
				}
				if got := strings.Join(cache.dropped, ","); forget != (got == "kept") {
					t.Errorf("got %q dropped", got)
				}
				if cache.token.Text.text() != "token-1" || cache.token.Ends.Sub(cache.token.Granted) != assumedLife {
					t.Errorf("got %s kept for %s, want token-1 for %s", cache.token.Text.text(), cache.token.Ends.Sub(cache.token.Granted), assumedLife)
				}
			})
		})
	}
}

// What is renewed is kept too, so that the commands beside a long run have it; the
// refresh token never is.
func TestTheRefreshTokenIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		cache := &shelf{}
		c := client(t, s, func(o *Options) { o.Cache = cache })
		for i, want := range []string{"token-1", "token-2"} {
			activate(t, c)
			if got := cache.token.Text.text(); got != want {
				t.Errorf("%d: got %s kept, want %s", i, got, want)
			}
			time.Sleep(8 * time.Minute)
		}
		if s.counts["/api/RefreshToken"] != 1 {
			t.Errorf("got %d refreshes, want 1", s.counts["/api/RefreshToken"])
		}
	})
}

// With a token that is refused at once a run begins as one without: as many logins
// whose answers are lost, and no more.
func TestACacheCostsNoLogin(t *testing.T) {
	logins := func(cache Cache) (n int) {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(path string, _ int) answer {
				if path == "/api/login" {
					return answer{err: errors.New("cut")}
				}
				return answer{}
			})
			_, err := client(t, s, func(o *Options) { o.Cache = cache }).Page(t.Context(), fleet.Query{List: fleet.Endpoints})
			if !errors.Is(err, fleet.ErrUnreachable) {
				t.Errorf("got %v, want %v", err, fleet.ErrUnreachable)
			}
			n = s.counts["/api/login"]
		})
		return n
	}
	want, got := logins(nil), logins(alwaysKept{})
	if want != loginTries || got != want {
		t.Errorf("got %d logins with a token that is refused, want %d", got, want)
	}
}

// alwaysKept has a young token whenever it is asked.
type alwaysKept struct{}

func (alwaysKept) Take() (Token, bool) {
	now := time.Now().Round(0)
	return Token{NewSecret("kept"), now.Add(-time.Minute), now.Add(9 * time.Minute)}, true
}
func (alwaysKept) Keep(Token)  {}
func (alwaysKept) Drop(Secret) {}

// A token that is taken is hidden like one that was given.
func TestATokenOfAnEarlierRunIsHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, _ int) answer {
			return answer{status: http.StatusOK, body: envelope("1", "99409", "what is kept here")}
		})
		c := client(t, s, func(o *Options) { o.Cache = keptToken(s, time.Minute, 10*time.Minute) })
		reply := c.Do(t.Context(), calls[wire.OpModify], nothing)
		if reply.Err == nil || strings.Contains(reply.Err.Error(), "kept") || !strings.Contains(reply.Err.Error(), masked) {
			t.Errorf("got %v", reply.Err)
		}
	})
}
