package fleet

import (
	"slices"
	"time"
)

// Change is one step for one endpoint in words that no dialect owns.
type Change struct {
	Action Action
	Fields Fields // what create, modify or link sets
}

// Abilities say as data how a dialect of the platform turns steps into calls,
// so that the planner can count them without knowing the dialect.
type Abilities struct {
	Dialect string
	// Modifies are the fields that can be changed in place; the fields of one
	// set travel in one call.
	Modifies []FieldSet
	// Creates are the fields that a create must have.
	Creates FieldSet
	// Folds are the steps that may ride in the create call when they follow it
	// directly, in this order.
	Folds []Action
	// Lacks are the fields that the dialect does not have: they are neither sent
	// nor compared, whatever a file says of them.
	Lacks FieldSet
	// Silent are the fields that a create sets and that no listing was seen to
	// report: where they are not reported they are not compared.
	Silent FieldSet
}

// Has is the set of fields that the dialect manages.
func (a Abilities) Has() FieldSet { return Fieldset(AllFields[:]...) &^ a.Lacks }

// Compared is the set of fields in which an endpoint is held against a file, by
// what the platform reports of it.
func (a Abilities) Compared(reported FieldSet) FieldSet { return a.Has() &^ (a.Silent &^ reported) }

// Modifiable is the set of all fields that can be changed in place.
func (a Abilities) Modifiable() FieldSet {
	var set FieldSet
	for _, s := range a.Modifies {
		set |= s
	}
	return set
}

// Call is one mutating request.
type Call struct {
	Action     Action
	EndpointID ID     // empty for a create
	Name       string // the endpoint's name, for look-ups and messages
	Fields     Fields // what it sets
	Activate   bool   // a create that also activates
	First, End int    // the steps it covers: changes[First:End]
	Begun      bool   // a step of the task went before, so it goes before new tasks
}

// Parts are what a modify sets, call by call: a step for each.
func (a Abilities) Parts(set Fields) []Fields {
	var parts []Fields
	for _, together := range a.Modifies {
		if part := set.Only(together); part != (Fields{}) {
			parts = append(parts, part)
		}
	}
	return parts
}

// Calls are those that the serial steps of one task take: a create takes the
// steps along that fold into it, every other step is a call.
func (a Abilities) Calls(changes []Change) []Call {
	var calls []Call
	for i := 0; i < len(changes); i = calls[len(calls)-1].End {
		calls = append(calls, a.fold(changes, i))
	}
	return calls
}

func (a Abilities) fold(changes []Change, i int) Call {
	call := Call{Action: changes[i].Action, Fields: changes[i].Fields, First: i, End: i + 1}
	if call.Action != Create {
		return call
	}
	for _, action := range a.Folds {
		if call.End >= len(changes) || changes[call.End].Action != action {
			break
		}
		switch action {
		case Link:
			call.Fields.ICCID = changes[call.End].Fields.ICCID
		case Activate:
			call.Activate = true
		}
		call.End++
	}
	return call
}

// Reply is what came of one call.
type Reply struct {
	Outcome  Outcome // Done, Failed (proved not applied), Unknown or NotAttempted
	ID       ID      // the endpoint's id, when the platform gave it
	Code     string  // the platform's inner result code, else its outer one or the HTTP status
	Err      error   // why it is not Done
	Sends    int     // how often the request left this machine and may have been seen
	Started  time.Time
	Written  time.Time     // when the last request's headers were written, zero when they were not
	Duration time.Duration // of the last send
	Fatal    bool          // every other call would end the same way: stop the run
}

// List names one of the platform's listings.
type List uint8

// The listings.
const (
	Endpoints List = iota
	SIMs
	RatePlans
	ServiceProfiles
	APNGroups
	SIMProducts
	RoamingProfiles
)

var listWords = words{"listing", []string{"endpoints", "sims", "plans", "service-profiles", "apn-groups", "sim-products", "roaming-profiles"}}

// ListNames are the names of the listings, in their order.
func ListNames() []string { return slices.Clone(listWords.texts) }

func (l List) String() string { return listWords.text(int(l)) }

// MarshalText prints the name of the listing.
func (l List) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the name of a listing.
func (l *List) UnmarshalText(text []byte) error {
	i, err := listWords.parse(string(text))
	if err == nil {
		*l = List(i)
	}
	return err
}

// Query asks for one page of a listing, or for one row of it by id.
type Query struct {
	List    List
	ID      ID    // one endpoint
	ICCID   ICCID // one SIM
	Page    int   // from 1; 0 asks without paging
	PerPage int
	Settles bool // finds out what an unknown call did: goes before new work
}

// Page is a part of a listing.
type Page struct {
	Endpoints []Endpoint
	SIMs      []SIM
	Entries   []Entry
	Pages     int // how many pages the platform says there are; 0 when it did not say
	Total     int // how many rows the platform says there are; -1 when it did not say
}
