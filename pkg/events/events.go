// Package events tells programs what a command does while it does it: JSON Lines,
// in the order in which things happened.
package events

import (
	"bytes"
	"time"

	"sftctl/pkg/fleet"
)

// Format is the version of the stream. It changes when something is taken away or
// means something else; a reader has to leave kinds and fields alone that it does
// not know.
const Format = 1

// Event is one line of the stream.
type Event interface{ kind() string }

// Stream is the first line: what follows, and what it is about.
type Stream struct {
	Format  int    `json:"format"`
	Tool    string `json:"tool"` // name and version of the program
	Command string `json:"command"`
}

// Plan is what is to be done, before anything is.
type Plan struct {
	Plan      string               `json:"planId"`
	BaseURL   string               `json:"baseURL"`
	Account   string               `json:"account"`
	Dialect   string               `json:"dialect"`
	Simulated bool                 `json:"simulated"`
	Rows      int                  `json:"rows"`
	Orphans   int                  `json:"orphans"`
	Change    int                  `json:"change"` // endpoints that change
	Refused   int                  `json:"refused"`
	Calls     int                  `json:"calls"` // mutating ones that it takes
	Steps     map[fleet.Action]int `json:"steps"`
	Blocked   []string             `json:"blocked,omitempty"` // why it may not be done
}

// Run begins a run, or goes on with it.
type Run struct {
	Run     string `json:"run"`
	Plan    string `json:"planId"`
	Resumed bool   `json:"resumed"`
	Tasks   int    `json:"tasks"` // that are not over
	Calls   int    `json:"calls"` // mutating ones that they take
}

// Subject is the endpoint that an event is about.
type Subject struct {
	Run  string   `json:"run"`
	Task int      `json:"task"` // place in the plan, from 0
	Name string   `json:"name,omitempty"`
	ID   fleet.ID `json:"endpointId,omitempty"`
	File string   `json:"file,omitempty"` // where its row is
	Line int      `json:"line,omitempty"`
}

// State is how far a step has come.
type State string

// The states of a step. What is not attempted never left this machine, or was
// proved to have done nothing and may be sent again. What is settled was unknown
// before, and its steps say what was found.
const (
	Started      State = "started"
	Done         State = "done"
	Failed       State = "failed"
	Unknown      State = "unknown"
	NotAttempted State = "not-attempted"
	Settled      State = "settled"
)

// Step is a call that does one step, or several at once, on its way.
type Step struct {
	Subject
	State   State   `json:"state"`
	Steps   []Part  `json:"steps"`
	Attempt int     `json:"attempt,omitempty"` // from 1
	Seconds float64 `json:"seconds,omitempty"` // until the answer
	Code    string  `json:"resultCode,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Part is one step of an endpoint, with its outcome as far as it has one.
type Part struct {
	Action  fleet.Action `json:"action"`
	Outcome string       `json:"outcome,omitempty"`
}

// Row is an endpoint with which the run is through.
type Row struct {
	Subject
	Outcome fleet.Outcome `json:"outcome"`
	Steps   []Part        `json:"steps"`
	Calls   int           `json:"calls"` // mutating ones that left, also in earlier runs
	Error   string        `json:"error,omitempty"`
}

// Progress is how far the run is.
type Progress struct {
	Run      string  `json:"run"`
	Done     int     `json:"done"`    // endpoints that are over
	Total    int     `json:"total"`   // that were to be done when the run began
	NotDone  int     `json:"notDone"` // of those that are over, the ones that are not done
	Unknown  int     `json:"unknown"` // endpoints with a call of which nobody knows what it did
	InFlight int     `json:"inFlight"`
	Calls    int     `json:"callsLeft"`
	Rate     float64 `json:"callsPerSecond"`
	Allowed  float64 `json:"callsPerSecondAllowed"` // 0: no limit
	Seconds  float64 `json:"secondsLeft,omitempty"` // until the end, where that can be told
}

// Summary is the last line: what the command came to, as --notify posts it.
type Summary struct {
	Summary any `json:"summary"`
}

func (Stream) kind() string   { return "stream" }
func (Plan) kind() string     { return "plan" }
func (Run) kind() string      { return "run" }
func (Step) kind() string     { return "step" }
func (Row) kind() string      { return "row" }
func (Progress) kind() string { return "progress" }
func (Summary) kind() string  { return "summary" }

// IsStream says whether text, or its first bytes, is that of a stream, or of what is
// left of one whose beginning somebody cut off.
func IsStream(text []byte) bool { return bytes.HasPrefix(text, []byte(`{"event":"`)) }

// stamp is what every line begins with.
type stamp struct {
	Event string    `json:"event"`
	At    time.Time `json:"at"`
}
