package oracle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// entry is one request that the platform saw.
type entry struct {
	Seq        uint64    `json:"seq"`
	At         time.Time `json:"at"`
	Op         string    `json:"op"`
	Path       string    `json:"path"`
	Row        string    `json:"row"`     // the endpoint's name then; the page of a listing
	Attempt    int       `json:"attempt"` // 0 when it was turned away at the gate
	EndpointID string    `json:"endpointId"`
	Status     int       `json:"status"` // HTTP; 0 when nobody got an answer
	Outer      string    `json:"outer"`
	Inner      string    `json:"inner"`
	Effect     string    `json:"effect"`
	Applied    bool      `json:"applied"`
	AppliedAt  time.Time `json:"appliedAt"`
	Asks       string    `json:"asks"` // what a create was to do along
	Also       string    `json:"also"` // what it did of that
	AlsoAt     time.Time `json:"alsoAt"`

	action string  // create, …, suspend or resume; "" when a lifecycle call could be either
	intent *intent // the last one before it, nil when there is none
	rides  bool    // no request of its own: it went along with a create
}

func (e *entry) String() string {
	return fmt.Sprintf("%s of %s (request %d at %s)", cmp.Or(e.action, e.Op), e.target(), e.Seq, clock(e.At))
}

func (e *entry) target() string {
	if e.Op == opCreate || e.EndpointID == "" {
		return fmt.Sprintf("%q", e.Row)
	}
	return fmt.Sprintf("%s %q", e.EndpointID, e.Row)
}

// The operations that matter, as the log names them.
const (
	opCreate    = "create"
	opModify    = "modify"
	opLink      = "link"
	opDelink    = "delink"
	opActivate  = "activate"
	opLifecycle = "lifecycle"
	opDelete    = "delete"
	opEndpoints = "endpoints"
	opSIMs      = "sims"
)

func (e *entry) mutates() bool {
	switch e.Op {
	case opCreate, opModify, opLink, opDelink, opActivate, opLifecycle, opDelete:
		return true
	}
	return false
}

// turnedAway says whether the platform did not even look at the call: no good
// token, or too many calls.
func (e *entry) turnedAway() bool {
	return e.Attempt == 0 || e.Status == 401 || e.Status == 429 || e.Inner == "401" || e.Inner == "99429"
}

// legible says whether the caller can read the codes that the log has.
func (e *entry) legible() bool { return e.Effect != "cut-body" && e.Effect != "truncated-json" }

// idle are the answers that say "it is so already", or that there is nothing to
// do it to: the call did nothing.
var idle = []string{"2507", "1254", "6420"}

// refused says whether the answer proves to the caller that nothing was done.
func (e *entry) refused() bool {
	return e.Status == 200 && e.legible() && (strings.HasPrefix(e.Inner, "994") || slices.Contains(idle, e.Inner))
}

// accepted says whether it was done and the caller was told so in plain words.
func (e *entry) accepted() bool {
	plain := e.Effect == "" || e.Effect == "slow" || e.Effect == "duplicate"
	return plain && e.Applied && e.Status == 200 && e.Outer == "0"
}

// answered says whether a read of endpoints gave something to go by.
func (e *entry) answered() bool {
	return e.Status == 200 && e.legible() && e.Effect != "no-param" && (e.Outer == "0" || e.Inner == "1359")
}

// shows says whether a read shows an endpoint: it is of that endpoint, or it
// begins a listing.
func (e *entry) shows(id string) bool {
	if e.EndpointID != "" {
		return e.EndpointID == id && e.Effect != "wrong-id"
	}
	return e.Row == "" || e.Row == "1"
}

// appliedBy says whether the work was done at or before a time; a zero time is
// no bound.
func (e *entry) appliedBy(t time.Time) bool {
	return e.Applied && (t.IsZero() || !e.AppliedAt.After(t))
}

// history is the log, sorted for questions.
type history struct {
	all     []*entry
	reads   []*entry            // of endpoints, with an answer
	calls   []*entry            // mutating ones
	creates map[string][]*entry // by name
	others  map[string][]*entry // mutating ones but creates, by endpoint id
	made    map[string]*entry   // the applied create of an id
}

func (j *judge) readLog() {
	h := history{creates: map[string][]*entry{}, others: map[string][]*entry{}, made: map[string]*entry{}}
	for n, line := range bytes.Split(j.Log, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		e := &entry{}
		if err := json.Unmarshal(line, e); err != nil {
			j.report("evidence", "line %d of the request log: %v", n+1, err)
			continue
		}
		h.add(e)
	}
	j.history = h
}

func (h *history) add(e *entry) {
	if !e.rides {
		h.all = append(h.all, e)
	}
	switch {
	case e.Op == opEndpoints && e.answered():
		h.reads = append(h.reads, e)
	case e.Op == opCreate:
		h.creates[nameKey(e.Row)] = append(h.creates[nameKey(e.Row)], e)
		if e.Applied {
			h.made[e.EndpointID] = e
		}
	case e.mutates():
		h.others[e.EndpointID] = append(h.others[e.EndpointID], e)
	}
	if e.mutates() {
		h.calls = append(h.calls, e)
	}
	for op := range strings.FieldsSeq(e.Asks) {
		if e.EndpointID != "" {
			h.add(e.along(op))
		}
	}
}

// along is what went along with a create, as if it had been a request of its own.
func (e *entry) along(op string) *entry {
	ride := *e
	ride.Op, ride.Asks, ride.rides = op, "", true
	ride.Applied, ride.AppliedAt = slices.Contains(strings.Fields(e.Also), op), e.AlsoAt
	return &ride
}

// nameActions finds out what each call was meant to do. The log has one
// operation for suspend and resume: which it was is seen from the endpoint's
// state where the call was applied, else from the intent.
func (j *judge) nameActions() {
	for _, e := range j.history.calls {
		e.intent = j.lastIntent(e)
		switch {
		case e.Op != opLifecycle:
			e.action = e.Op
		case e.intent != nil:
			e.action = e.intent.Action
		}
	}
	j.replay()
}

// replay follows the states of the endpoints through the calls that were
// applied.
func (j *judge) replay() {
	status := map[string]string{}
	for id, e := range j.before {
		status[id] = e.Status
	}
	for _, e := range j.appliedInOrder() {
		id := e.EndpointID
		if j.foreign(id) {
			status[id] = ""
		}
		if e.Op == opLifecycle && status[id] != "" {
			e.action = moveFrom(status[id])
		}
		status[id] = after(e, status[id])
	}
}

func (j *judge) appliedInOrder() []*entry {
	var done []*entry
	for _, e := range j.history.calls {
		if e.Applied {
			done = append(done, e)
		}
	}
	slices.SortStableFunc(done, func(a, b *entry) int { return a.AppliedAt.Compare(b.AppliedAt) })
	return done
}

// moveFrom is the lifecycle call that a status lets through.
func moveFrom(status string) string {
	if status == "Active" {
		return "suspend"
	}
	return "resume"
}

// after is the status that an applied call leaves; empty when not known.
func after(e *entry, was string) string {
	switch e.Op {
	case opCreate, opLink:
		return "Pre-Active"
	case opDelink:
		return "Hold"
	case opActivate:
		return "Active"
	case opLifecycle:
		return map[string]string{"suspend": "Suspended", "resume": "Active"}[e.action]
	}
	return was
}
