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
	return fails(worth(err), loginAdvice(err, e.o.targetAccount), "%v", err)
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
	return fails(fleet.ErrUnreachable, "neither dialect is answered in a way that is understood: is --url the right host, and is it the API of SIM for Things?",
		"%s is not understood: %v", e.o.dialect, e.firstErr)
}

// permission says whether the account may make endpoint calls.
func (e *examination) permission(context.Context) finding {
	if wire.ClassOf(e.firstErr) != wire.Forbidden {
		return passes("the account may list endpoints")
	}
	return fails(fleet.ErrPermission, permissionAdvice(e.o.targetAccount), "%v", e.firstErr)
}
