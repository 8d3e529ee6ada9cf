package platform

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// assumedLife is how long an access token is taken to live when it does not
// say so itself (public clients cache one for nine minutes, observed).
const assumedLife = 9 * time.Minute

// tokens holds the account's tokens; one renewal at a time serves everybody.
type tokens struct {
	client  *Client
	turn    chan struct{} // holds one element: who takes it may read and renew
	access  Secret
	refresh Secret
	renewAt time.Time // at 80 % of the token's life, on the monotonic clock
	refused error     // a refused login is final
}

func newTokens(c *Client) *tokens {
	t := &tokens{client: c, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// get returns a token other than the stale one, renewing it first when its
// time has come. The error is an ErrLogin when the platform refused the login.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	if t.refused != nil {
		return "", t.refused
	}
	if token := t.access.text(); token != "" && token != stale && time.Now().Before(t.renewAt) {
		return token, nil
	}
	err := t.renew(ctx)
	return t.access.text(), err
}

// renew asks for a new pair with the refresh token, and logs in when there is
// none or it does not serve.
func (t *tokens) renew(ctx context.Context) error {
	if !t.refresh.Empty() {
		pair, err := t.ask(ctx, wire.Refresh(), t.refresh.text())
		if err == nil {
			t.keep(pair)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		t.refresh = Secret{}
	}
	return t.login(ctx)
}

func (t *tokens) login(ctx context.Context) error {
	o := t.client.opts
	if o.Refusals != nil && o.Refusals.Refused(t.client.base.Host, o.Username, o.Password) {
		t.refused = fleet.Kind(fleet.ErrLogin, fmt.Errorf(
			"login: %s was refused with this password before, and is not tried again because the platform locks accounts; correct the password, or use --login-again", fleet.Quote(o.Username)))
		return t.refused
	}
	req, err := wire.Login(o.Username, o.Password.text(), o.TargetAccount)
	if err != nil {
		return err
	}
	pair, err := t.ask(ctx, req, "")
	if wire.ClassOf(err) == wire.LoginRefused {
		return t.refuse(err)
	}
	if err == nil {
		t.keep(pair)
	}
	return err
}

// refuse makes a refusal final, for this run and for those to come.
func (t *tokens) refuse(err error) error {
	t.refused = err
	o := t.client.opts
	if o.Refusals != nil {
		if kept := o.Refusals.Remember(t.client.base.Host, o.Username, o.Password); kept != nil {
			t.refused = errors.Join(err, fleet.Kind(fleet.ErrIO, kept))
		}
	}
	return t.refused
}

// ask sends a login or a refresh; lost answers are asked for again, refusals
// are not.
func (t *tokens) ask(ctx context.Context, req wire.Request, token string) (wire.Tokens, error) {
	var pair wire.Tokens
	err := t.client.persist(ctx, req.Op, func() (attempt, error) {
		if err := t.client.opts.Purse.Wait(ctx, pace.Login); err != nil {
			return attempt{err: err}, err
		}
		a := t.client.exchange(ctx, req, token)
		if a.err != nil {
			return a, a.err
		}
		var err error
		pair, err = wire.ReadTokens(req.Op, a.reply)
		return a, err
	})
	return pair, err
}

func (t *tokens) keep(pair wire.Tokens) {
	t.access, t.refresh = NewSecret(pair.Access), NewSecret(pair.Refresh)
	t.renewAt = time.Now().Add(lifeOf(pair.Access) * 8 / 10)
}

// lifeOf reads how long a token lives from its own claims. Its end is compared
// with its beginning where it tells both, so that a wrong clock here does not
// matter.
func lifeOf(token string) time.Duration {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return assumedLife
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct{ Exp, Iat float64 }
	if err != nil || json.Unmarshal(data, &claims) != nil || claims.Exp <= 0 {
		return assumedLife
	}
	begin := claims.Iat
	if begin <= 0 {
		begin = float64(time.Now().Unix())
	}
	seconds := claims.Exp - begin
	if seconds <= 0 || seconds > 24*3600 {
		return assumedLife
	}
	return time.Duration(seconds * float64(time.Second))
}
