package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
	"sftctl/pkg/wire"
)

// login logs in once.
func (e *examination) login(ctx context.Context) finding {
	e.opts.Once, e.opts.Grace = true, e.o.grace
	if !e.simulated {
		e.opts.Refusals = e.memory()
	}
	client, err := platform.New(e.opts)
	if err != nil {
		return fails(fleet.ErrUsage, "", "%v", err)
	}
	e.client = client
	ctx, cancel := context.WithTimeout(ctx, patience+min(e.o.callTimeout, wire.ShortDeadline))
	defer cancel()
	err = client.Login(ctx)
	e.count(err)
	switch {
	case err == nil && e.o.loginAgain && !e.simulated:
		return warns("leave --login-again out from now on: it would repeat a login that is refused", "as %s", fleet.Quote(e.opts.Username))
	case err == nil:
		return passes("as %s", fleet.Quote(e.opts.Username))
	}
	return fails(worth(err), loginAdvice(err), "%v", err)
}

func (e *examination) count(err error) {
	if wire.ClassOf(err) == wire.Throttled {
		e.throttled++
	}
}

// worth is the kind of a failed request.
func worth(err error) error {
	for _, kind := range []error{fleet.ErrIO, fleet.ErrLogin, fleet.ErrPermission} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return fleet.ErrUnreachable
}

// loginAdvice says what to do about a login that failed.
func loginAdvice(err error) string {
	var f *wire.Fault
	errors.As(err, &f)
	switch {
	case f == nil && errors.Is(err, fleet.ErrLogin):
		return "nothing was sent. Correct the password; if this one is right after all, because the account was unblocked or the refusal was a mistake, say --login-again once"
	case f == nil:
		return "nothing was sent: other commands of this machine hold the account's pace up, as slots says"
	case f.Inner == wire.CodeBlocked:
		return "the platform blocked the user after refused logins: have the password reset there; the new one is tried as any other"
	case f.Inner == wire.CodeBadTarget:
		return "correct --target-account: it is an account below that of the user, who must be a reseller; the password may be right"
	case f.Status >= 400 && f.Status < 500 && f.Class == wire.LoginRefused && f.Inner == "" && f.Status != 401 && f.Status != 403:
		return fmt.Sprintf("HTTP %d is no answer of the platform's login: is --url right? It takes scheme and host, without a path. Once it is, say --login-again, since this counts as a refusal", f.Status)
	case f.Class == wire.LoginRefused:
		return "correct user name and password. This one is remembered as refused and not sent again by any command, since the platform blocks users for repeated refusals; --login-again sends it once more"
	case f.Class == wire.Cut, f.Class == wire.Deadline, f.Class == wire.TimedOut:
		return "the answer was lost, and may have been a refusal: it is not asked for again here. Make sure of the password before you try once more"
	}
	return adviceOn(f.Class)
}

// adviceOn says what to do about an answer that is none.
func adviceOn(class wire.Class) string {
	switch class {
	case wire.Throttled:
		return "the account has about 2 calls a second (observed) for all that use it: end other programs, or lower --rate"
	case wire.BadReply, wire.MissingData:
		return "something in front of the platform answered, such as a proxy, a sign-in page or a notice of maintenance: open the URL in a browser"
	case wire.Redirect:
		return "it points elsewhere, which is never followed: is --url right?"
	case wire.ServerError, wire.Unexpected, wire.Unsure:
		return "the platform has trouble of its own: try again later; runs wait for it (--max-outage)"
	case wire.TimedOut, wire.Deadline:
		return "it takes too long, there or on the way: try again later, and see what --call-timeout says"
	case wire.NotSent, wire.Cut:
		return "the connection does not hold: is there a proxy or a firewall that cuts it?"
	}
	return "sftctl doctor --debug shows how each request went"
}

// token says how long the token lives.
func (e *examination) token(context.Context) finding {
	life, told := e.client.TokenLife()
	switch {
	case !told:
		return passes("it does not say how long it lives; %s are assumed", life)
	case life < time.Minute:
		return warns("is this machine's clock right? A token that ends so soon is renewed all the time, which costs calls", "it lives %s", life.Round(time.Second))
	}
	return passes("it lives %s, and is renewed before its end", life.Round(time.Second))
}

// ask reads one page, once.
func (e *examination) ask(ctx context.Context, in wire.Dialect, q fleet.Query) (fleet.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, patience+min(e.o.callTimeout, wire.ShortDeadline))
	defer cancel()
	page, err := e.client.Ask(ctx, in, q)
	e.count(err)
	return page, err
}

var oneRow = fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 1}

// answer asks for one endpoint, and says whether the platform did its work on it.
// What it said is for the checks that follow.
func (e *examination) answer(ctx context.Context) finding {
	e.first, e.firstErr = e.ask(ctx, e.opts.Dialect, oneRow)
	last := e.seen[len(e.seen)-1]
	seen := fmt.Sprintf("%s %s: HTTP %d in %s", last.Method, last.Path, last.Status, last.Took.Round(time.Millisecond))
	if last.ID != "" {
		seen += ", number " + last.ID
	}
	switch class := wire.ClassOf(e.firstErr); {
	case e.firstErr == nil, class == wire.Forbidden, misunderstood(e.firstErr):
		return passes("%s", seen)
	case class == wire.Unauthorized:
		return fails(fleet.ErrLogin, "a token that was given a moment ago is refused: does another program log in as this user? is the clock right?", "%v", e.firstErr)
	default:
		return fails(worth(e.firstErr), adviceOn(class), "%v", e.firstErr)
	}
}

// misunderstood says whether an answer is the platform's, to a question in a dialect that
// it does not understand: nothing is at that path, or what is there looks
// different.
func misunderstood(err error) bool {
	var f *wire.Fault
	if !errors.As(err, &f) {
		return false
	}
	switch f.Class {
	case wire.ClientError:
		return true
	case wire.BadReply, wire.MissingData, wire.WrongEcho:
		return f.Outer != "" || f.Inner != "" // an envelope, with other things in it
	case wire.Refused, wire.NotFound, wire.Mystery:
		return true
	}
	return false
}

// dialect says whether the platform understands the dialect that was chosen, or
// else which of the others.
func (e *examination) dialect(ctx context.Context) finding {
	if !misunderstood(e.firstErr) {
		return passes("%s: a listing of endpoints is understood", e.o.dialect)
	}
	for _, name := range wire.DialectNames() {
		other, _ := wire.DialectByName(name)
		if name == e.o.dialect {
			continue
		}
		if _, err := e.ask(ctx, other, oneRow); err == nil || wire.ClassOf(err) == wire.Forbidden {
			return fails(fleet.ErrUsage, "say --dialect "+name, "%s is not understood, and %s is: %v", e.o.dialect, name, e.firstErr)
		}
	}
	return fails(fleet.ErrUnreachable, "HTTP 404, or rows without an endpointId, is what a platform looks like that speaks the other dialect, whose calls have the names CreateEndPoint and GetEndpoints and take a Request: this version does not speak it. Is --url the right host?",
		"%s is not understood: %v", e.o.dialect, e.firstErr)
}

// permission says whether the account may make endpoint calls.
func (e *examination) permission(context.Context) finding {
	if wire.ClassOf(e.firstErr) != wire.Forbidden {
		return passes("the account may list endpoints")
	}
	advice := "endpoint calls are for enterprise accounts (documented). This may be a reseller's: name the enterprise to act as with --target-account"
	if e.o.targetAccount != "" {
		advice = "endpoint calls are for enterprise accounts (documented): is --target-account one, or a reseller again?"
	}
	return fails(fleet.ErrPermission, advice, "%v", e.firstErr)
}
