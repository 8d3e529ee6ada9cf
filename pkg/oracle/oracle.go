// Package oracle judges from evidence alone which invariants a schedule of runs
// has broken. Only tests use it.
package oracle

import (
	"fmt"
	"time"
)

// Evidence is what is known of one schedule: a fleet, the runs that were let
// loose on it, what the platform saw of them, what was there in the end.
type Evidence struct {
	Before  []Endpoint // live before the first run
	Rows    []Row      // what the manifest wants, all rows of it
	Key     string     // what identifies a row: "" or "endpointName", or "iccid"
	Orphans string     // "", "ignore", "report", "suspend" or "delete": policy for names that match Scope and are in no row
	Scope   string     // prefix of the names that the manifest owns; empty for none
	Protect []string   // names never to be suspended, de-linked, renamed or deleted
	// Foreign are the ids of endpoints that were made, changed or removed behind
	// the clients' backs, with the time of the last change.
	Foreign map[string]time.Time
	Settle  time.Duration  // S: how old a request must be before a read can prove its absence
	Rate    float64        // calls per second that were allowed; 0 is not checked
	Log     []byte         // the platform's request log, JSON Lines
	Live    []Endpoint     // live at the end, when all faults were over and all late work was done
	Bills   map[string]int // accepted first activations by endpoint id
	Runs    []Run          // every command that was run, in order
}

// Endpoint is an endpoint as the platform has it.
type Endpoint struct{ ID, Name, PlanID, ServiceProfileID, APNGroupID, SIMProductID, ICCID, Status string }

// Row is what the manifest wants of one endpoint. An empty field is not
// managed.
type Row struct {
	Name, ID, PlanID, APNGroupID string
	ICCID                        string // Clear for none
	State                        string // "", "active", "pre-active", "suspended" or "absent"
	Previous                     string // the name under which the row's endpoint may still be known
}

// Clear is the ICCID of a row that wants no SIM.
const Clear = "!clear"

// Run is one command.
type Run struct {
	Command      string // "plan", "apply", "resume", …
	Began, Ended time.Time
	Crashed      bool   // killed: it has no exit code and no results
	Partial      bool   // its plan holds some of the rows only: a choice, or a retry
	Exit         int    // its exit code
	Results      []byte // results.csv as written, nil when there is none
	Journal      []byte // its journal as it is after the run, nil when there is none
	Planned      int    // mutating calls of its plan, -1 when not known
}

// changes says whether the command may change the fleet.
func (r *Run) changes() bool {
	return r.Command == "apply" || r.Command == "reconcile" || r.Command == "resume"
}

// Violation is a broken invariant with the proof of it, in words.
type Violation struct{ Invariant, Text string }

func (v Violation) String() string { return v.Invariant + ": " + v.Text }

// judge is the evidence, read.
type judge struct {
	Evidence
	history   history
	journals  []journal
	reports   []report
	chain     []int // by run: runs of one number do the same plan
	announced map[subject][]*intent
	before    map[string]*Endpoint
	live      map[string]*Endpoint
	found     []Violation
}

// Check says which invariants the evidence proves to be broken. What it cannot
// tell it does not report. Evidence that cannot be read is a violation of the
// invariant named "evidence". Texts count the runs from 0, as Runs does.
func Check(e Evidence) []Violation {
	j := newJudge(e)
	j.checkNames()
	j.checkBills()
	j.checkLeave()
	j.checkLooks()
	j.checkIntents()
	j.checkResends()
	j.checkReports()
	j.checkTruth()
	j.checkExits()
	j.checkRate()
	j.checkReadOnly()
	j.checkEmptyPlan()
	return j.found
}

func newJudge(e Evidence) *judge {
	j := &judge{Evidence: e, before: index(e.Before), live: index(e.Live)}
	j.readLog()
	j.readJournals()
	j.readReports()
	j.linkRuns()
	j.announced = j.intents()
	j.nameActions()
	return j
}

func index(endpoints []Endpoint) map[string]*Endpoint {
	byID := make(map[string]*Endpoint, len(endpoints))
	for i := range endpoints {
		byID[endpoints[i].ID] = &endpoints[i]
	}
	return byID
}

func (j *judge) report(invariant, format string, args ...any) {
	j.found = append(j.found, Violation{invariant, fmt.Sprintf(format, args...)})
}

// touched says whether an endpoint was changed behind the client's back from
// one time to another; a zero time is no bound.
func (j *judge) touched(id string, from, to time.Time) bool {
	at, ok := j.Foreign[id]
	return ok && !at.Before(from) && (to.IsZero() || !at.After(to))
}

func (j *judge) foreign(id string) bool { return j.touched(id, time.Time{}, time.Time{}) }

const clockForm = "2006-01-02 15:04:05.000"

func clock(t time.Time) string { return t.UTC().Format(clockForm) }
