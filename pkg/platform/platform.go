// Package platform is the HTTP client of the platform.
package platform

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// Options say which platform is spoken to, and as whom.
type Options struct {
	BaseURL       string // scheme and host; plain http only to loopback
	Username      string
	Password      Secret
	TargetAccount string       // the account a reseller acts as, empty for one's own
	Dialect       wire.Dialect // nil is wire.EndpointInfo, which is documented
	// Purse is what every request is paid from. Nil is one of this client's own, of
	// DefaultRate: other clients and programs, which the platform counts together
	// with it, know nothing of that one. They share a pace.NewShared.
	Purse       *pace.Purse
	Parallel    int            // calls in flight, for the connections to keep
	CallTimeout time.Duration  // for the calls that may take 180 s; others wait at most 40 s
	Grace       time.Duration  // how long a mutation in flight may go on after the context ended
	MaxOutage   time.Duration  // no useful answer, or nothing but throttles, for longer than this: give up
	Refusals    Refusals       // remembers refused logins between runs; nil remembers nothing
	Cache       Cache          // keeps the access token between runs; nil keeps nothing
	Roots       *x509.CertPool // who may vouch for the platform, as Roots makes them; nil: whom the system trusts
	// Proxy says through which proxy a request goes; nil means as the environment
	// has it (HTTPS_PROXY, NO_PROXY).
	Proxy func(*http.Request) (*url.URL, error)
	Once  bool       // a login is sent once, whatever comes of it, and never a second one
	Watch func(Seen) // is told of each request, by several goroutines; nil is told nothing
	// Transport carries the requests instead of the network: an embedded
	// simulator. It must report through httptrace when headers are written.
	Transport http.RoundTripper
}

// Refusals remembers logins that the platform refused, so that no run repeats
// one: the platform locks an account after repeated failures (documented).
type Refusals interface {
	Refused(host, username string, password Secret) bool
	Remember(host, username string, password Secret) error
	Accept(host, username string, password Secret) error // the platform took it after all
}

// Token is an access token with its times.
type Token struct {
	Text          Secret
	Granted, Ends time.Time
}

// Cache keeps the access token from one run to the next. It never gets the refresh
// token, which lives longer. What goes wrong with it is its own to tell: no run
// fails for it, and one without a token logs in.
type Cache interface {
	Take() (token Token, ok bool) // for the same login as this one's only
	Keep(token Token)
	Drop(text Secret) // the platform refused it
}

// Defaults for Options that are zero.
const (
	DefaultGrace     = 80 * time.Second
	DefaultMaxOutage = time.Hour
	DefaultRate      = 1.8 // calls per second; the platform allows about two (observed)
)

// Client speaks to one account of the platform. It may be used by several
// goroutines.
type Client struct {
	opts    Options
	base    *url.URL
	proxy   *url.URL // nil: none
	http    http.RoundTripper
	tokens  *tokens
	breaker *breaker
	sent    [256]atomic.Int64 // by wire.Op
	settled atomic.Int64
}

// New makes a client; it sends nothing. The error is an ErrUsage that says
// what is wrong with the URL or the credentials.
func New(opts Options) (*Client, error) {
	base, err := baseURL(opts.BaseURL)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, err)
	}
	if opts.Username == "" || opts.Password.Empty() {
		return nil, fleet.Kind(fleet.ErrUsage, errors.New("no credentials: give a user name and a password"))
	}
	c := &Client{opts: opts.filled(), base: base, http: opts.Transport}
	if c.http == nil {
		if c.proxy, err = proxyOf(base, opts.Proxy); err != nil {
			return nil, fleet.Kind(fleet.ErrUsage, err)
		}
		c.http = newTransport(base, c.proxy, c.opts)
	}
	c.tokens = newTokens(c)
	c.breaker = newBreaker(c.opts.MaxOutage, c.probe)
	return c, nil
}

// filled are the options with what holds where they say nothing.
func (o Options) filled() Options {
	if o.Dialect == nil {
		o.Dialect = wire.EndpointInfo{}
	}
	if o.Purse == nil {
		o.Purse = pace.New(DefaultRate)
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = wire.LongDeadline
	}
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	if o.MaxOutage <= 0 {
		o.MaxOutage = DefaultMaxOutage
	}
	return o
}

// AbilitiesOf are those of the dialect of a name, for who recalls a run that
// may have spoken another one. The error is an ErrPlan.
func AbilitiesOf(dialect string) (fleet.Abilities, error) {
	d, ok := wire.DialectByName(dialect)
	if !ok {
		return fleet.Abilities{}, fleet.Kind(fleet.ErrPlan, fmt.Errorf("unknown dialect %s, want %s", fleet.Quote(dialect), fleet.Alternatives(wire.DialectNames())))
	}
	return d.Abilities(), nil
}

// baseURL checks the platform's address: https, or plain http to loopback.
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil: // its text may hold a password
		return nil, errors.New("platform URL: it cannot be read; want scheme and host only, such as https://sft.bics.com")
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return nil, fmt.Errorf("platform URL %s: want scheme and host only, such as https://sft.bics.com", fleet.Quote(u.Redacted()))
	case u.Scheme == "https", u.Scheme == "http" && Loopback(u):
		return u, nil
	}
	return nil, fmt.Errorf("platform URL %s: want https (plain http only to loopback)", fleet.Quote(u.Redacted()))
}

// CheckURL reads the platform's address. The error is an ErrUsage.
func CheckURL(text string) (*url.URL, error) {
	u, err := baseURL(text)
	return u, fleet.Kind(fleet.ErrUsage, err)
}

// Abilities are those of the client's dialect.
func (c *Client) Abilities() fleet.Abilities { return c.opts.Dialect.Abilities() }

// Pace is how many calls a second may leave at the moment, fewer after throttles; 0
// when they are not limited.
func (c *Client) Pace() float64 { return c.opts.Purse.Rate() }

// Sent is how many requests of an operation left this client, as far as it
// knows: a request counts when its headers were written.
func (c *Client) Sent(op wire.Op) int64 { return c.sent[op].Load() }

// Settled is how many of them were to find out what a call did of which nobody knew.
func (c *Client) Settled() int64 { return c.settled.Load() }

// Login makes sure that there is a token. The error is an ErrLogin when the
// platform refused; it is not asked twice.
func (c *Client) Login(ctx context.Context) error {
	return c.tokens.ready(ctx, "")
}

// attempt is what came of sending one request once.
type attempt struct {
	reply    wire.Reply
	token    Secret        // that was sent
	wrote    bool          // the headers were written: the platform may have seen it
	written  time.Time     // when they were
	took     time.Duration // from the permit to the end of the answer
	began    time.Time
	retryAsk time.Duration // Retry-After, 0 when there was none
	tokenAge time.Duration // of the token that was sent, when it was sent
	err      error         // nil, a *wire.Fault of the transport, or the context's error before the send
}

// prepare is called after the permit and before the first byte.
type prepare func() error

func nothing() error { return nil }

// try waits for a permit and sends a request once. The breaker and the token
// are looked at again after the permit; when the one has opened or the other
// has run out meanwhile, the permit is lost and another one taken later, so
// that those who waited do not all leave at the same moment.
func (c *Client) try(ctx context.Context, req wire.Request, priority pace.Priority, stale string, before prepare) (attempt, string) {
	for {
		if err := c.enter(ctx, priority, stale); err != nil {
			return attempt{err: err}, ""
		}
		if c.breaker.open() {
			continue
		}
		token, granted, ok := c.tokens.current(stale)
		if !ok && token == stale {
			return attempt{err: &wire.Fault{Op: req.Op, Class: wire.Unauthorized, Text: "a token was refused, and the platform gave the same one again"}}, token
		}
		if !ok {
			continue
		}
		if err := before(); err != nil {
			return attempt{err: err}, token
		}
		a := c.exchange(ctx, req, token)
		a.tokenAge = a.began.Sub(granted)
		return a, token
	}
}

// enter waits for the end of an outage, for a token and for a permit. Before
// the first token there is no outage to wait for: the platform was never there.
func (c *Client) enter(ctx context.Context, priority pace.Priority, stale string) error {
	if c.tokens.had() {
		if err := c.breaker.wait(ctx); err != nil {
			return err
		}
	}
	if err := c.token(ctx, stale); err != nil {
		return err
	}
	return c.opts.Purse.Wait(ctx, priority)
}

// deadline is how long to wait for the answer to a request.
func (c *Client) deadline(req wire.Request) time.Duration {
	return min(req.Deadline(), c.opts.CallTimeout)
}
