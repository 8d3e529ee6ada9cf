package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/report"
)

// The exit codes that are no error of a kind.
const (
	exitOK       = 0
	exitOther    = 1
	exitDiffers  = 2
	exitRows     = 3
	exitUnknown  = 4
	exitInternal = 70
)

// errDiffers is the answer of a command that was asked whether live differs.
var errDiffers = errors.New("live differs from the files")

// rowsError says that a run ended and what was the worst of its rows.
type rowsError struct{ worst fleet.Outcome }

func (e *rowsError) Error() string { return "some rows are " + e.worst.String() }

// exits is the one table of exit codes, the worst first.
var exits = []struct {
	code int
	is   func(error) bool
}{
	{74, kind(fleet.ErrIO)},
	{exitUnknown, worst(fleet.Unknown)},
	{11, kind(fleet.ErrLocked)},
	{64, kind(fleet.ErrUsage)},
	{65, kind(fleet.ErrInvalid)},
	{5, kind(fleet.ErrGuard)},
	{5, kind(fleet.ErrPlan)},
	{7, kind(fleet.ErrLogin)},
	{7, kind(fleet.ErrPermission)},
	{8, kind(fleet.ErrIncomplete)},
	{8, kind(fleet.ErrUnreachable)},
	{6, kind(fleet.ErrStopped)},
	{exitRows, worst(fleet.Failed, fleet.Stale, fleet.Refused, fleet.NotAttempted)},
	{exitDiffers, kind(errDiffers)},
}

func kind(k error) func(error) bool { return func(err error) bool { return errors.Is(err, k) } }

func worst(outcomes ...fleet.Outcome) func(error) bool {
	return func(err error) bool {
		var rows *rowsError
		if !errors.As(err, &rows) {
			return false
		}
		for _, o := range outcomes {
			if rows.worst == o {
				return true
			}
		}
		return false
	}
}

// exitCode is the number for what a command came to. A signal outweighs
// everything: whoever sent it wants to know that it was heard.
func exitCode(ctx context.Context, err error) int {
	var over *overWith
	if errors.As(err, &over) {
		return over.code
	}
	var by *interrupted
	if errors.As(context.Cause(ctx), &by) {
		return 128 + int(by.signal)
	}
	if err == nil {
		return exitOK
	}
	for _, exit := range exits {
		if exit.is(err) {
			return exit.code
		}
	}
	if strings.HasPrefix(err.Error(), "unknown command") {
		return 64 // cobra has no kind for it
	}
	return exitOther
}

// runError is what a run comes to as an error: why it was cut short, what could
// not be checked, and the worst of its rows.
func runError(run *report.Run) error {
	var rows error
	if worst := run.Worst(); worst != fleet.Done && worst != fleet.Unchanged {
		rows = &rowsError{worst}
	}
	return errors.Join(run.Cut, run.Doubt, rows)
}

// overWith is what a command came to, whatever signal comes while others are told of
// it.
type overWith struct {
	err  error // nil where all went well
	code int
}

func (s *overWith) Error() string { return fleet.Message(s.err) }
func (s *overWith) Unwrap() error { return s.err }

// stopped is an error that tells which signal it was, where all that was under way
// knows is that it was cancelled.
func stopped(ctx context.Context, err error) error {
	var by *interrupted
	if !errors.Is(err, context.Canceled) || !errors.As(context.Cause(ctx), &by) {
		return err
	}
	return &cutOff{err, by}
}

type cutOff struct {
	err error
	by  *interrupted
}

func (c *cutOff) Error() string {
	return strings.ReplaceAll(c.err.Error(), context.Canceled.Error(), c.by.Error())
}
func (c *cutOff) Unwrap() error { return c.err }

// reported is an error that a run's own output says; it has no text any more.
type reported struct{ err error }

func (r *reported) Error() string { return "" }
func (r *reported) Unwrap() error { return r.err }

// complain prints why a command failed. What its own output has said already
// is not said again.
func complain(w io.Writer, err error) {
	if over, ok := err.(*overWith); ok {
		err = over.err
	}
	if err == nil || err == errDiffers {
		return
	}
	for _, line := range strings.Split(strings.ReplaceAll(err.Error(), "\t", "  "), "\n") { // cobra indents by tabs
		switch {
		case line == "":
		case errors.Is(err, fleet.ErrInvalid) && !logs(w): // an editor jumps to the place that such a line begins with
			say(w, "%s", fleet.Printable(line))
		default:
			say(w, "sftctl: %s", fleet.Printable(line))
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n > manyProblems {
		say(w, "sftctl: %s in all", fleet.Count(n, "problem"))
	}
}

// manyProblems are more than fit a screen: whoever sees the last ones wants to know
// how many went by.
const manyProblems = 20
