package simulator

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoginCodes(t *testing.T) {
	tests := []struct {
		name, body string
		opts       []Option
		want       string // inner code; empty is a token pair
	}{
		{"anybody", `{"username":"u","password":"p"}`, nil, ""},
		{"no password", `{"username":"u"}`, nil, "10126"},
		{"the one user", `{"username":"u","password":"p"}`, []Option{WithCredentials("u", "p")}, ""},
		{"other password", `{"username":"u","password":"q"}`, []Option{WithCredentials("u", "p")}, "10126"},
		{"other user", `{"username":"v","password":"p"}`, []Option{WithCredentials("u", "p")}, "10126"},
		{"enterprise with target", `{"username":"u","password":"p","targetAccountId":"42"}`, nil, "10117"},
		{"reseller with target", `{"username":"u","password":"p","targetAccountId":"42"}`,
			[]Option{WithAccount(Reseller), WithTargetAccounts("41", "42")}, ""},
		{"reseller with other target", `{"username":"u","password":"p","targetAccountId":"43"}`,
			[]Option{WithAccount(Reseller), WithTargetAccounts("41", "42")}, "10117"},
		{"not JSON", `username=u`, nil, "99400"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := visit(t, tt.opts...)
			g := v.post("/api/login", tt.body)
			if tt.want != "" {
				if g.status != 200 || g.codes() != "1/"+tt.want {
					t.Errorf("got HTTP %d %s, want 200 1/%s", g.status, g.codes(), tt.want)
				}
				return
			}
			var flat map[string]any
			if err := json.Unmarshal([]byte(g.body), &flat); err != nil || len(flat) != 2 || flat["AccessToken"] == "" || flat["RefreshToken"] == "" {
				t.Errorf("got %s, want AccessToken and RefreshToken and nothing else", g.body)
			}
		})
	}
}

func TestLockout(t *testing.T) {
	v := visit(t, WithCredentials("user", "secret"), WithLockout(3))
	for i, want := range []string{"10126", "10126", "10126", "11044", "11044"} {
		if g := v.post("/api/login", `{"username":"user","password":"wrong"}`); g.codes() != "1/"+want {
			t.Errorf("login %d: got %s, want 1/%s", i+1, g.codes(), want)
		}
	}
	if v.logIn("user", "secret") != "" {
		t.Error("a blocked user came in with the right password")
	}
	v.sim.SetCredentials("user", "new")
	if v.logIn("user", "new") == "" {
		t.Error("the user is still blocked after a reset")
	}
}

func TestAGoodLoginForgivesTheRefusedOnes(t *testing.T) {
	v := visit(t, WithCredentials("user", "secret"), WithLockout(2))
	for range 3 {
		if v.logIn("user", "wrong") != "" || v.logIn("user", "secret") == "" {
			t.Fatal("want every second login to come in")
		}
	}
}

func TestTokenForms(t *testing.T) {
	parts := strings.Split(visit(t).token, ".")
	if len(parts) != 3 {
		t.Fatalf("got a token of %d parts, want 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Exp int64 }
	if err != nil || json.Unmarshal(payload, &claims) != nil || time.Until(time.Unix(claims.Exp, 0)) < 9*time.Minute {
		t.Errorf("got payload %s (%v), want an exp in about 10 minutes", payload, err)
	}
	if token := visit(t, WithOpaqueTokens()).token; token == "" || strings.Contains(token, ".") {
		t.Errorf("got %q, want an opaque token", token)
	}
}

func TestBadTokens(t *testing.T) {
	v := visit(t)
	good := v.token
	r := v.request("GET", "/api/GetEndpoint", "")
	r.Header.Del("X-Authorization")
	r.Header.Set("Authorization", "Bearer "+good)
	if g := v.do(r); g.codes() != "1/401" {
		t.Errorf("token in Authorization: got %s, want 1/401", g.codes())
	}
	r = v.request("GET", "/api/GetEndpoint", "")
	r.Header.Set("X-Authorization", good)
	if g := v.do(r); g.codes() != "1/401" {
		t.Errorf("token without Bearer: got %s, want 1/401", g.codes())
	}
	v.token = ""
	if g := v.create("a"); g.codes() != "1/401" || len(v.sim.Endpoints()) != 0 {
		t.Errorf("create without token: got %s and %d endpoints, want 1/401 and none", g.codes(), len(v.sim.Endpoints()))
	}
	v.token = good
	v.sim.ExpireTokens()
	if g := v.create("a"); g.codes() != "1/401" {
		t.Errorf("after the tokens ended: got %s, want 1/401", g.codes())
	}
}

func TestExpiryAndRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithTokenLife(time.Minute), WithRefreshLife(10*time.Minute))
		var pair tokens
		if err := json.Unmarshal([]byte(v.post("/api/login", `{"username":"u","password":"p"}`).body), &pair); err != nil {
			t.Fatal(err)
		}
		v.token = pair.AccessToken
		if g := v.get("/api/RefreshToken"); g.codes() != "1/401" {
			t.Errorf("refresh with a good access token: got %s, want 1/401", g.codes())
		}
		time.Sleep(59 * time.Second)
		if g := v.get("/api/GetEndpoint"); g.codes() != "0/99004" {
			t.Errorf("before the end: got %s, want 0/99004", g.codes())
		}
		time.Sleep(time.Second)
		if g := v.get("/api/GetEndpoint"); g.status != 200 || g.codes() != "1/401" {
			t.Errorf("at the end: got HTTP %d %s, want 200 1/401", g.status, g.codes())
		}
		if g := v.get("/api/RefreshToken"); g.codes() != "1/401" {
			t.Errorf("refresh with an access token: got %s, want 1/401", g.codes())
		}
		v.token = pair.RefreshToken
		if g := v.get("/api/GetEndpoint"); g.codes() != "1/401" {
			t.Errorf("call with a refresh token: got %s, want 1/401", g.codes())
		}
		var next tokens
		if err := json.Unmarshal([]byte(v.get("/api/RefreshToken").body), &next); err != nil || next == pair || next.RefreshToken == pair.RefreshToken {
			t.Fatalf("got %+v (%v), want a new pair", next, err)
		}
		v.token = next.AccessToken
		if g := v.get("/api/GetEndpoint"); g.codes() != "0/99004" {
			t.Errorf("with the new token: got %s, want 0/99004", g.codes())
		}
		v.token = pair.RefreshToken
		time.Sleep(10 * time.Minute)
		if g := v.get("/api/RefreshToken"); g.codes() != "1/401" {
			t.Errorf("old refresh token: got %s, want 1/401", g.codes())
		}
	})
}

func TestStatusExpiry(t *testing.T) {
	v := visit(t, WithExpiryForm(StatusExpiry))
	v.token = "no such token"
	if g := v.create("a"); g.status != 401 {
		t.Errorf("got HTTP %d, want 401", g.status)
	}
	if g := v.get("/api/RefreshToken"); g.status != 401 {
		t.Errorf("refresh: got HTTP %d, want 401", g.status)
	}
}

func TestResellerNeedsATarget(t *testing.T) {
	v := visit(t, WithAccount(Reseller))
	for _, g := range []seen{v.create("a"), v.get("/api/GetEndpoint")} {
		if g.codes() != "1/99403" || !strings.Contains(g.env.Response.ResultParam.ResultDescription, "Authorisation Failure") {
			t.Errorf("got %s, want an authorisation failure", g.body)
		}
	}
	if g := v.get("/api/QueryRatePlan"); g.codes() != "0/1604" {
		t.Errorf("look-up: got %s, want 0/1604", g.codes())
	}
	var pair tokens
	_ = json.Unmarshal([]byte(v.post("/api/login", `{"username":"u","password":"p","targetAccountId":"42"}`).body), &pair)
	v.token = pair.AccessToken
	if g := v.create("a"); g.codes() != "0/99001" {
		t.Errorf("acting as 42: got %s, want 0/99001", g.codes())
	}
	log := v.sim.Log()
	if got := log[len(log)-1].Account; got != "42" {
		t.Errorf("got account %q in the log, want 42", got)
	}
}

func TestRateLimit(t *testing.T) {
	for _, form := range []ThrottleForm{ThrottleStatus, ThrottleText} {
		synctest.Test(t, func(t *testing.T) {
			v := visit(t, WithRateLimit(2, form), WithRetryAfter(1500*time.Millisecond)) // its login takes the one token
			g := v.create("a")
			switch {
			case form == ThrottleStatus && (g.status != 429 || g.header.Get("Retry-After") != "2"):
				t.Errorf("got HTTP %d after %q, want 429 after 2", g.status, g.header.Get("Retry-After"))
			case form == ThrottleText && (g.status != 200 || g.codes() != "1/99429" || !strings.Contains(g.body, "rate limit")):
				t.Errorf("got HTTP %d %s, want an envelope that says rate limit", g.status, g.body)
			}
			if len(v.sim.Endpoints()) != 0 {
				t.Error("a call over the limit was done")
			}
			for i := range 20 {
				time.Sleep(500 * time.Millisecond)
				if g := v.create("b"); g.codes() != "0/99001" {
					t.Fatalf("call %d at the rate: got HTTP %d %s, want 0/99001", i, g.status, g.codes())
				}
			}
			if v.logIn("u", "p") != "" {
				t.Error("a login over the limit came in")
			}
		})
	}
}

func TestOnlyTheRateComesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithRateLimit(2, ThrottleStatus), WithBurst(2))
		ok := 0
		for range 1000 { // 100 s
			time.Sleep(100 * time.Millisecond)
			if v.create("a").status == 200 {
				ok++
			}
		}
		if ok != 201 {
			t.Errorf("got %d calls through, want 200 and the one that the login left", ok)
		}
	})
}

func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithRateLimit(1, ThrottleStatus), WithBurst(3))
		time.Sleep(time.Hour)
		ok := 0
		for range 10 {
			if v.create("a").status == 200 {
				ok++
			}
		}
		if ok != 3 {
			t.Errorf("got %d calls through at once, want 3", ok)
		}
	})
}
