package platform

import (
	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Verdict is what follows from an answer.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // may or may not have been applied: settled by reading
	Done                   // applied, or so already
	Failed                 // proved not applied
	Renew                  // proved not executed: once more with a new token
	Wait                   // proved not executed: once more at a slower pace
	Unsent                 // proved not sent: once more after a pause, for as long as an outage may last
	Again                  // a read without effect: ask again a few times
	Stop                   // proved not applied, and every other call would end the same way
)

var verdictNames = [...]string{"unknown", "done", "failed", "renew", "wait", "unsent", "again", "stop"}

func (v Verdict) String() string { return verdictNames[v] }

// column is where an operation stands in the table of verdicts.
type column uint8

const (
	creates column = iota
	modifies
	links
	delinks
	activates
	lifecycles
	deletes
	reads
	logins
	columns
)

var columnOf = map[wire.Op]column{
	wire.OpCreate: creates, wire.OpModify: modifies, wire.OpLink: links, wire.OpDelink: delinks,
	wire.OpActivate: activates, wire.OpLifecycle: lifecycles, wire.OpDelete: deletes,
	wire.OpLogin: logins, wire.OpRefresh: logins,
}

// verdicts is the one place that says what an answer means for an operation.
// What is not proved is unknown. A mutation is sent again only after an answer
// that proves that it was not executed: a refused token, a throttle, or the
// lack of any when nothing was sent.
var verdicts = map[wire.Class][columns]Verdict{
	//                 create   modify   link     delink   activate lifecyc. delete   read    login
	wire.OK:           {Done, Done, Done, Done, Done, Done, Done, Done, Done},
	wire.NoOp:         {Unknown, Unknown, Unknown, Done, Done, Done, Unknown, Failed, Failed},
	wire.Refused:      {Failed, Failed, Failed, Failed, Failed, Failed, Failed, Failed, Failed},
	wire.NotFound:     {Unknown, Failed, Failed, Failed, Failed, Failed, Done, Failed, Failed},
	wire.NoData:       {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Done, Failed},
	wire.Unauthorized: {Renew, Renew, Renew, Renew, Renew, Renew, Renew, Renew, Stop},
	wire.Forbidden:    {Stop, Stop, Stop, Stop, Stop, Stop, Stop, Stop, Stop},
	wire.LoginRefused: {Stop, Stop, Stop, Stop, Stop, Stop, Stop, Stop, Stop},
	wire.Throttled:    {Wait, Wait, Wait, Wait, Wait, Wait, Wait, Wait, Wait},
	wire.TimedOut:     {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.Unsure:       {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.Unexpected:   {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.Mystery:      {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Stop},
	wire.BadReply:     {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.MissingData:  {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.WrongEcho:    {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.Redirect:     {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Failed, Failed},
	wire.ClientError:  {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Failed, Stop},
	wire.ServerError:  {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.NotSent:      {Unsent, Unsent, Unsent, Unsent, Unsent, Unsent, Unsent, Again, Again},
	wire.Cut:          {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
	wire.Deadline:     {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Again, Again},
}

// Judge says what a class of answer means for an operation.
func Judge(class wire.Class, op wire.Op) Verdict {
	col, ok := columnOf[op]
	if !ok {
		col = reads
	}
	row, ok := verdicts[class]
	if !ok {
		return Unknown
	}
	return row[col]
}

// outcome is what a verdict that ends a mutating call makes of it. A token that
// was refused twice, like a call that was stopped, was not executed. What ends
// in waiting or unsent was never the platform's to decide.
func (v Verdict) outcome() fleet.Outcome {
	switch v {
	case Done:
		return fleet.Done
	case Failed, Stop, Renew:
		return fleet.Failed
	case Wait, Unsent:
		return fleet.NotAttempted
	}
	return fleet.Unknown
}
