package platform

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// Seen is what may be told of a request: how it went, and nothing that travelled
// in it.
type Seen struct {
	At             time.Time // when it left
	Op             wire.Op
	Method, Path   string
	Query          string // values only where they are no more than numbers of pages
	Status         int    // 0 when there was no answer
	Sent, Received int    // bytes of the bodies; Sent is -1 where it would tell how long the password is
	Took           time.Duration
	ID             string    // by which the platform knows the request, if it says so
	Clock          time.Time // of the platform, in whole seconds; zero when it does not tell
	Class          wire.Class
}

// watch tells of an exchange.
func (c *Client) watch(req wire.Request, token string, a attempt, header http.Header) {
	if c.opts.Watch == nil {
		return
	}
	clock, _ := http.ParseTime(header.Get("Date"))
	sent := len(req.Body)
	if req.Op == wire.OpLogin {
		sent = -1
	}
	c.opts.Watch(Seen{At: a.began, Op: req.Op, Method: req.Method, Path: req.Path, Query: harmless(req.Query), Status: a.reply.Status,
		Sent: sent, Received: len(a.reply.Body), Took: a.took, ID: c.idOf(a.reply, token, header), Clock: clock, Class: wire.ClassOf(a.err)})
}

// harmless are the parameters of a request, without the values of those that
// name a card or an endpoint.
func harmless(q url.Values) string {
	var parts []string
	for name, values := range q {
		if name != "page" && name != "perPage" {
			values = []string{"…"}
		}
		parts = append(parts, name+"="+strings.Join(values, ","))
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

// plainID is what an id of a request may look like to be printed.
var plainID = regexp.MustCompile(`^[0-9A-Za-z._:-]{1,64}$`)

// idOf is the request's id in the answer. Whoever answers may put there what he was
// given, and a token could pass for an id.
func (c *Client) idOf(reply wire.Reply, token string, header http.Header) string {
	for _, id := range []string{header.Get("X-Request-Id"), header.Get("X-Correlation-Id"), wire.ResponseID(reply)} {
		if plainID.MatchString(id) && c.Hide(id) == id && NewSecret(token).Mask(id) == id {
			return id
		}
	}
	return ""
}

// Hide replaces the password and the tokens in a text from outside by "***".
func (c *Client) Hide(text string) string {
	have, _ := c.tokens.look()
	return have.refresh.Mask(have.access.Mask(c.opts.Password.Mask(text)))
}

// Ask reads a page once, in any dialect: no answer makes it ask again, and a token
// that is refused is not renewed. The error is a *wire.Fault where there was an
// answer, or that of the login.
func (c *Client) Ask(ctx context.Context, in wire.Dialect, q fleet.Query) (fleet.Page, error) {
	req, err := in.Query(q)
	if err != nil {
		return fleet.Page{}, err
	}
	a, token := c.try(ctx, req, pace.Next, "", nothing)
	if a.began.IsZero() || a.err != nil {
		if !a.began.IsZero() {
			c.feedback(ctx, req.Op, a, a.err)
		}
		return fleet.Page{}, a.err
	}
	page, err := in.ReadQuery(q, a.reply)
	c.feedback(ctx, req.Op, a, err)
	if err != nil {
		err = c.hidden(in, q, a.reply, token, err)
	}
	return page, err
}

// hidden is the error of an answer, read from it once more without the secrets in
// it: its text may show the first half of one.
func (c *Client) hidden(in wire.Dialect, q fleet.Query, reply wire.Reply, token string, err error) error {
	reply.Body = []byte(NewSecret(token).Mask(c.Hide(string(reply.Body))))
	if _, again := in.ReadQuery(q, reply); again != nil && wire.ClassOf(again) == wire.ClassOf(err) {
		return again
	}
	return &wire.Fault{Op: wire.OpEndpoints, Class: wire.ClassOf(err), Status: reply.Status}
}

// TokenLife is how long the token lives that was given last, by its own word or,
// when it does not tell, as it is assumed.
func (c *Client) TokenLife() (life time.Duration, told bool) {
	token := c.tokens.latest()
	if life, told = claimedLife(token); told {
		return life, true
	}
	return lifeOf(token), false
}
