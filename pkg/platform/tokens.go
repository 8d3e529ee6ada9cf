package platform

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// assumedLife is how long an access token is taken to live when it does not
// say so itself (public clients cache one for nine minutes, observed).
const assumedLife = 9 * time.Minute

// shortestLife keeps a token that claims to end at once from being renewed
// without end.
const shortestLife = 10 * time.Second

// longestLife is the longest that a token is believed to live.
const longestLife = 24 * time.Hour

// renewAgain is when a renewal that got no answer is tried again.
const renewAgain = 15 * time.Second

// lostLogin is how long a password rests after logins whose answers were lost:
// each may have been a refusal, and refusals add up to a lock-out.
const lostLogin = 15 * time.Minute

// tokens holds the account's tokens; one renewal at a time serves everybody.
type tokens struct {
	client *Client
	turn   chan struct{} // holds one element: who takes it may renew
	mu     sync.Mutex    // guards what follows; never held while waiting
	have   pair
	// refused is a refused login, which is final.
	refused error
	lost    int         // logins in a row whose answer was lost
	rests   time.Time   // no login before, when several were lost
	there   atomic.Bool // the platform gave this client a token, or did its work for one
}

// pair is an access token with the means to renew it.
type pair struct {
	access, refresh Secret
	granted         time.Time
	renewAt         time.Time // at 80 % of the token's life, on the monotonic clock
	endsAt          time.Time
}

func newPair(access, refresh Secret, granted time.Time, life time.Duration) pair {
	return pair{access: access, refresh: refresh, granted: granted, renewAt: granted.Add(life * 8 / 10), endsAt: granted.Add(life)}
}

// serves says whether the token can be used now.
func (p pair) serves(stale string) bool {
	return !p.access.Empty() && p.access.text() != stale && time.Now().Before(p.endsAt)
}

func newTokens(c *Client) *tokens {
	t := &tokens{client: c, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// current returns the token that can be used now, if there is one other than
// the stale one. It waits for nothing.
func (t *tokens) current(stale string) (token string, granted time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have.access.text(), t.have.granted, t.refused == nil && t.have.serves(stale)
}

// latest is the last token that there was, though it may have run out.
func (t *tokens) latest() string {
	have, _ := t.look()
	return have.access.text()
}

// had says whether there ever was a token.
func (t *tokens) had() bool { return t.latest() != "" }

// ready returns when there is a token other than the stale one. Whoever finds
// that its time to be renewed has come renews it, while the others go on with
// it as long as it lives. The error is an ErrLogin when the platform refused
// the login, and an ErrUnreachable in an outage, which is the probe's to end.
func (t *tokens) ready(ctx context.Context, stale string) error {
	if _, _, ok := t.current(stale); ok {
		select {
		case <-t.turn:
		default:
			return nil // somebody renews it already, or looks whether it is time
		}
	} else {
		select {
		case <-t.turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { t.turn <- struct{}{} }()
	have, refused := t.look()
	switch outage := t.client.breaker.open(); {
	case refused != nil || have.serves(stale) && (outage || time.Now().Before(have.renewAt)):
		return refused
	case outage:
		return errOutage
	}
	return t.renew(ctx, stale)
}

var errOutage = fleet.Kind(fleet.ErrUnreachable, errors.New("no token, and the platform does not answer: try again later"))

// revive is ready for the probe of an outage.
func (t *tokens) revive(ctx context.Context, stale string) error {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	if have, refused := t.look(); refused != nil || have.serves(stale) {
		return refused
	}
	return t.renew(ctx, stale)
}

func (t *tokens) look() (pair, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have, t.refused
}

// renew asks for a new pair with the refresh token, and logs in when there is
// none or it does not serve. When the platform does not answer, a token that
// lives still serves, and is renewed a little later. The first token may be that
// of an earlier run.
func (t *tokens) renew(ctx context.Context, stale string) error {
	if stale != "" {
		t.drop(stale)
	}
	have, _ := t.look()
	if have.access.Empty() && t.take() {
		return nil
	}
	if have.refresh.Empty() {
		return t.login(ctx)
	}
	got, err := t.ask(ctx, wire.Refresh(), have.refresh.text())
	switch {
	case err == nil:
		t.keep(got)
		return nil
	case ctx.Err() != nil:
		return err
	case wire.ClassOf(err) != wire.LoginRefused && have.serves(stale):
		t.postpone()
		return nil
	case t.client.opts.Once:
		return err
	}
	return t.login(ctx)
}

// postpone leaves the token as it is for a while.
func (t *tokens) postpone() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have.renewAt = time.Now().Add(renewAgain)
}

func (t *tokens) login(ctx context.Context) error {
	o := t.client.opts
	if o.Refusals != nil && o.Refusals.Refused(t.client.base.Host, o.Username, o.Password) {
		return t.refuse(fleet.Kind(fleet.ErrLogin, fmt.Errorf(
			"login: %s was refused with this password before, and is not tried again because the platform locks accounts; correct the password, or use --login-again", fleet.Quote(o.Username))))
	}
	req, err := wire.Login(o.Username, o.Password.text(), o.TargetAccount)
	if err != nil {
		return err
	}
	got, err := t.ask(ctx, req, "")
	if wire.ClassOf(err) == wire.LoginRefused {
		return t.refuse(t.remember(err))
	}
	if err != nil {
		return err
	}
	t.keep(got)
	if o.Refusals != nil {
		return fleet.Kind(fleet.ErrIO, o.Refusals.Accept(t.client.base.Host, o.Username, o.Password))
	}
	return nil
}

// rest is the error that keeps a password at home after lost answers.
func (t *tokens) rest(op wire.Op) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := time.Until(t.rests)
	if op != wire.OpLogin || left <= 0 {
		return nil
	}
	return &wire.Fault{Op: op, Class: wire.NotSent, Text: fmt.Sprintf(
		"the answers to %d logins were lost, and each may have been a refusal, after which the platform locks accounts; the next may go in %s", t.lost, left.Round(time.Second))}
}

// count notes what came of a login that was sent.
func (t *tokens) count(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch wire.ClassOf(err) {
	case wire.OK:
		t.lost = 0
	case wire.Cut, wire.Deadline, wire.TimedOut:
		t.lost++
		if t.lost >= loginTries {
			t.rests = time.Now().Add(lostLogin)
		}
	}
}

// refuse makes a refusal final for this run.
func (t *tokens) refuse(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = err
	return err
}

// remember notes a refusal for the runs to come, unless it was about the target
// account: the password may be right.
func (t *tokens) remember(err error) error {
	o := t.client.opts
	var f *wire.Fault
	if o.Refusals == nil || errors.As(err, &f) && f.Inner == wire.CodeBadTarget {
		return err
	}
	if kept := o.Refusals.Remember(t.client.base.Host, o.Username, o.Password); kept != nil {
		return errors.Join(err, fleet.Kind(fleet.ErrIO, kept))
	}
	return err
}

// ask sends a login or a refresh; lost answers are asked for again, refusals
// are not.
func (t *tokens) ask(ctx context.Context, req wire.Request, token string) (got wire.Tokens, err error) {
	err = t.client.persist(ctx, req.Op, func() (a attempt, err error) {
		if err := t.rest(req.Op); err != nil {
			return a, err
		}
		if err := t.client.opts.Purse.Wait(ctx, pace.Login); err != nil {
			return a, err
		}
		got, a, err = t.send(ctx, req, token)
		return a, err
	})
	return got, err
}

func (t *tokens) send(ctx context.Context, req wire.Request, token string) (got wire.Tokens, a attempt, err error) {
	a = t.client.exchange(ctx, req, token)
	if err = a.err; err == nil {
		got, err = wire.ReadTokens(req.Op, a.reply)
		err = t.client.masked(err, token)
	}
	if req.Op == wire.OpLogin && a.wrote {
		t.count(err)
	}
	return got, a, err
}

// masked hides the password, and the token of a request, in what the platform said
// of it.
func (c *Client) masked(err error, token string) error {
	var f *wire.Fault
	if errors.As(err, &f) {
		f.Text, f.Outer, f.Inner = c.mask(f.Text, token), c.mask(f.Outer, token), c.mask(f.Inner, token)
	}
	return err
}

// mask hides even a secret that is too short to be looked for elsewhere.
func (c *Client) mask(text, token string) string {
	for _, secret := range []Secret{NewSecret(token), c.opts.Password} {
		if plain := secret.text(); plain != "" {
			text = secret.Mask(strings.ReplaceAll(text, plain, masked))
		}
	}
	return text
}

func (t *tokens) keep(got wire.Tokens) {
	have := newPair(NewSecret(got.Access), NewSecret(got.Refresh), time.Now(), lifeOf(got.Access))
	t.set(have)
	t.there.Store(true)
	if cache := t.client.opts.Cache; cache != nil {
		cache.Keep(Token{have.access, have.granted, have.endsAt})
	}
}

func (t *tokens) set(have pair) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have = have
}

// take goes on with the token of an earlier run, unless its time to be renewed has
// come. Its times are those of the wall clock; from here on the monotonic one counts.
func (t *tokens) take() bool {
	cache := t.client.opts.Cache
	if cache == nil {
		return false
	}
	kept, ok := cache.Take()
	now := time.Now()
	age, life := now.Round(0).Sub(kept.Granted), kept.Ends.Sub(kept.Granted)
	if !ok || kept.Text.Empty() || age < 0 || life > longestLife || age >= life*8/10 {
		return false
	}
	t.set(newPair(kept.Text, Secret{}, now.Add(-age), life))
	return true
}

// drop takes a token that was refused out of the cache.
func (t *tokens) drop(stale string) {
	if cache := t.client.opts.Cache; cache != nil {
		cache.Drop(NewSecret(stale))
	}
}

// lifeOf is how long a token is taken to live.
func lifeOf(token string) time.Duration {
	if life, told := claimedLife(token); told {
		return max(life, shortestLife)
	}
	return assumedLife
}

// claimedLife reads how long a token lives from its own claims. Its end is compared
// with its beginning where it tells both, so that a wrong clock here does not
// matter.
func claimedLife(token string) (life time.Duration, told bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, false
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct{ Exp, Iat float64 }
	if err != nil || json.Unmarshal(data, &claims) != nil || claims.Exp <= 0 {
		return 0, false
	}
	begin := claims.Iat
	if begin <= 0 {
		begin = float64(time.Now().Unix())
	}
	seconds := claims.Exp - begin
	if seconds <= 0 || seconds > longestLife.Seconds() {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}
