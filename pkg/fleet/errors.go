package fleet

import (
	"errors"
	"strings"
)

// The kinds of error that decide what a caller does next; test with errors.Is.
var (
	ErrUsage       = errors.New("bad usage")                    // flags or arguments
	ErrInvalid     = errors.New("invalid input")                // a file that cannot be meant
	ErrLogin       = errors.New("login refused")                // never to be tried again with the same password
	ErrPermission  = errors.New("no permission")                // the account may not do this
	ErrUnreachable = errors.New("platform unreachable")         // no answer that means anything
	ErrIncomplete  = errors.New("listing incomplete")           // a listing that is not proved whole
	ErrGuard       = errors.New("refused by a guard")           // more than was allowed
	ErrPlan        = errors.New("plan cannot be used")          // stale, cut, foreign or edited
	ErrStopped     = errors.New("stopped before the end")       // a halt rule or a time box
	ErrIO          = errors.New("local input or output failed") // disk, pipe, permission
	ErrRecheck     = errors.New("to be looked at again")        // what a call rests on is too old to send it now
	ErrLocked      = errors.New("account is locked")            // another run changes it
)

// Kind gives an error one of the kinds above without changing its text.
func Kind(kind, err error) error {
	if err == nil {
		return nil
	}
	return &kinded{kind, err}
}

// Message is the text of an error, empty when there is none.
func Message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

type kinded struct{ kind, err error }

func (k *kinded) Error() string   { return k.err.Error() }
func (k *kinded) Unwrap() []error { return []error{k.kind, k.err} }

// Problems are all that is wrong with an input, in the order of the input. It
// is an ErrInvalid.
type Problems []error

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, err := range p {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(p, ErrInvalid) true and shows the single problems.
func (p Problems) Unwrap() []error { return append([]error{ErrInvalid}, p...) }

// Err returns p as an error, nil when there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
