package wire

import (
	"errors"
	"fmt"
	"strings"

	"sftctl/pkg/fleet"
)

// Class is the kind of an answer, or of the lack of one. What follows from it
// for each operation is the client's table, not this package's.
type Class uint8

// The classes.
const (
	OK           Class = iota
	NoOp               // the platform says that it was so already
	Refused            // a documented or observed refusal: not applied
	NotFound           // the platform does not know the endpoint
	NoData             // code 1359
	Unauthorized       // the token is not valid, in either form
	Forbidden          // "Authorisation Failure": the account may not do this
	LoginRefused       // wrong password, wrong target account, blocked
	Throttled          // HTTP 429 or a rate-limit text
	TimedOut           // the platform gave up waiting; the work may go on
	Unsure             // 10239: the platform asks to verify
	Unexpected         // 10057: the platform asks to try again
	Mystery            // a failure with a code that nobody has explained
	BadReply           // not a whole envelope
	MissingData        // success without the data that it must carry
	WrongEcho          // an answer about another endpoint
	Redirect           // HTTP 3xx, never followed
	ClientError        // other HTTP 4xx
	ServerError        // HTTP 5xx
	NotSent            // no header was written: proved not sent
	Cut                // the connection was lost after the headers were written
	Deadline           // no answer within the deadline
	classEnd
)

var classNames = [...]string{
	OK: "ok", NoOp: "no-op", Refused: "refused", NotFound: "not found", NoData: "no data",
	Unauthorized: "unauthorized", Forbidden: "forbidden", LoginRefused: "login refused", Throttled: "throttled",
	TimedOut: "timed out", Unsure: "unsure", Unexpected: "unexpected error", Mystery: "unexplained failure",
	BadReply: "bad reply", MissingData: "missing data", WrongEcho: "answer about another endpoint",
	Redirect: "redirect", ClientError: "client error", ServerError: "server error",
	NotSent: "not sent", Cut: "connection lost", Deadline: "no answer in time",
}

// Classes are all classes.
func Classes() []Class {
	classes := make([]Class, classEnd)
	for i := range classes {
		classes[i] = Class(i)
	}
	return classes
}

func (c Class) String() string { return classNames[c] }

// Fault is an answer that is not plain success.
type Fault struct {
	Class  Class
	Op     Op
	Status int    // HTTP status, 0 when there was no answer
	Outer  string // Response.resultCode
	Inner  string // Response.resultParam.resultCode
	Text   string // resultDescription, or a short preview of what came instead
	Err    error  // what the transport said, when it was the transport
}

func (f *Fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Op, f.Class)
	if code := f.Code(); code != "" {
		fmt.Fprintf(&b, " (%s)", fleet.Printable(code))
	}
	if f.Text != "" {
		fmt.Fprintf(&b, ": %s", fleet.Printable(f.Text))
	}
	if f.Err != nil {
		fmt.Fprintf(&b, ": %s", fleet.Printable(f.Err.Error()))
	}
	return b.String()
}

// Code is the most telling code of the answer: inner, else outer, else HTTP.
func (f *Fault) Code() string {
	switch {
	case f.Inner != "":
		return f.Inner
	case f.Outer != "":
		return f.Outer
	case f.Status != 0:
		return fmt.Sprintf("HTTP %d", f.Status)
	}
	return ""
}

// Unwrap gives the transport's error and the fault's kind for errors.Is.
func (f *Fault) Unwrap() []error {
	var errs []error
	if kind := f.kind(); kind != nil {
		errs = append(errs, kind)
	}
	if f.Err != nil {
		errs = append(errs, f.Err)
	}
	return errs
}

func (f *Fault) kind() error {
	switch f.Class {
	case LoginRefused:
		return fleet.ErrLogin
	case Forbidden:
		return fleet.ErrPermission
	case Unauthorized:
		return fleet.ErrLogin
	case OK, NoOp, Refused, NotFound:
		return nil
	}
	return fleet.ErrUnreachable
}

// ClassOf returns the class of an error: that of the *Fault in its chain, OK
// for nil, Cut for anything else.
func ClassOf(err error) Class {
	var f *Fault
	switch {
	case err == nil:
		return OK
	case errors.As(err, &f):
		return f.Class
	}
	return Cut
}
