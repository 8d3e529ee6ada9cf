package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"

	"sftctl/pkg/wire"
)

// session is what a token stands for.
type session struct {
	username string
	account  string // the target account, else the user
	acting   bool   // as a target account
	refresh  bool   // a refresh token, good for nothing else
	expires  time.Time
}

// tokens are the flat reply to a login and to a refresh (documented).
type tokens struct {
	AccessToken  string
	RefreshToken string
}

// auth holds who may come in.
type auth struct {
	set      settings
	sessions map[string]session
	refused  map[string]int // refused logins since the last good one
	count    uint64
	forgetAt int // how many sessions are kept until the ended ones are dropped
}

func (a *auth) init(set settings) {
	a.set, a.sessions, a.refused = set, map[string]session{}, map[string]int{}
}

// SetCredentials changes the one user that is accepted, as when somebody sets
// a new password while a run is going on; it also clears the lock-out, as the
// platform's password reset does (documented). Tokens stay valid.
func (s *Simulator) SetCredentials(username, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth.set.username, s.auth.set.password = username, password
	clear(s.auth.refused)
}

// ExpireTokens makes every token invalid that was given so far.
func (s *Simulator) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.auth.sessions)
}

// login gives tokens for a name and a password. A user with too many refused
// logins is blocked even with the right password (documented).
func (a *auth) login(c *call, now time.Time) reply {
	in := c.login
	switch {
	case a.set.lockout > 0 && a.refused[in.username] >= a.set.lockout:
		return refuse(codeBlocked, "the account is blocked after repeated failed logins")
	case !a.known(in):
		a.refused[in.username]++
		return refuse(codeBadLogin, "invalid username or password")
	case in.target != "" && !a.mayActAs(in.target):
		return refuse(codeBadTarget, "invalid targetAccountId "+in.target)
	}
	delete(a.refused, in.username)
	return a.grant(session{username: in.username, account: in.account(), acting: in.target != ""}, now)
}

func (a *auth) known(in credentials) bool {
	if a.set.username == "" && a.set.password == "" {
		return in.username != "" && in.password != ""
	}
	return in.username == a.set.username && in.password == a.set.password
}

// mayActAs says whether a target account may be named: by a reseller only
// (documented).
func (a *auth) mayActAs(target string) bool {
	if a.set.account != Reseller {
		return false
	}
	return len(a.set.targets) == 0 || slices.Contains(a.set.targets, target)
}

// renew gives a new pair for a refresh token.
func (a *auth) renew(c *call, now time.Time) reply {
	old, ok := a.sessions[c.token]
	if !ok || !old.refresh || !now.Before(old.expires) {
		return refuse(codeToken, "token is invalid or expired")
	}
	c.entry.Account = old.account
	return a.grant(old, now)
}

func (a *auth) grant(s session, now time.Time) reply {
	a.forget(now)
	var t tokens
	s.refresh, s.expires = false, now.Add(a.set.tokenLife)
	t.AccessToken = a.issue(s)
	s.refresh, s.expires = true, now.Add(a.set.refreshLife)
	t.RefreshToken = a.issue(s)
	return reply{outer: "0", tokens: &t}
}

// forget drops the tokens that have ended, from time to time.
func (a *auth) forget(now time.Time) {
	if len(a.sessions) < a.forgetAt {
		return
	}
	maps.DeleteFunc(a.sessions, func(_ string, old session) bool { return !now.Before(old.expires) })
	a.forgetAt = 2*len(a.sessions) + chunkSize
}

// issue makes a token: a JWT in shape, with its end in exp, or an opaque text.
// It proves nothing and is only looked up.
func (a *auth) issue(s session) string {
	a.count++
	payload := fmt.Sprintf(`{"sub":%q,"jti":"%d","exp":%d}`, s.username, a.count, s.expires.Unix())
	sum := sha256.Sum256([]byte(payload))
	token := base64.RawURLEncoding.EncodeToString(sum[:])
	if !a.set.opaque {
		token = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + token
	}
	a.sessions[token] = s
	return token
}

// admit checks the token of a call, and that the account may make it: endpoint
// calls are for enterprises only (documented).
func (a *auth) admit(c *call, now time.Time) (reply, bool) {
	if c.route.op == wire.OpLogin || c.route.op == wire.OpRefresh {
		return reply{}, true
	}
	s, ok := a.sessions[c.token]
	if !ok || s.refresh || !now.Before(s.expires) {
		return refuse(codeToken, "token is invalid or expired"), false
	}
	c.session = s
	if a.set.account == Reseller && !s.acting && (c.route.op.Mutates() || c.route.op == wire.OpEndpoints) {
		return refuse(codeForbidden, textForbidden), false
	}
	return reply{}, true
}
