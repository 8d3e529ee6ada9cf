// Package wire holds the platform's bytes: what a request looks like in each of
// its dialects, and what a reply means. Of it a program needs no more than a Dialect
// for the options of its client.
package wire

import (
	"net/url"
	"time"

	"sftctl/pkg/fleet"
)

// The headers of every call (documented). The token does not travel in
// Authorization.
const (
	HeaderToken       = "X-Authorization" // "Bearer " + token
	HeaderContentType = "Content-Type"
	ContentType       = "application/json"
	HeaderRequested   = "X-Requested-With"
	RequestedWith     = "XMLHttpRequest"
	BearerPrefix      = "Bearer "
)

// Client deadlines: the platform gives up after 30 s, and after 180 s for the
// calls that reach into the network (documented); a client waits a little
// longer, so that the platform's own answer arrives.
const (
	ShortDeadline = 40 * time.Second
	LongDeadline  = 200 * time.Second
)

// Op names an operation of the platform.
type Op uint8

// The operations.
const (
	OpLogin Op = iota
	OpRefresh
	OpCreate
	OpModify
	OpLink
	OpDelink
	OpActivate
	OpLifecycle
	OpDelete
	OpEndpoints
	OpSIMs
	OpRatePlans
	OpServiceProfiles
	OpAPNGroups
	OpSIMProducts
	OpRoamingProfiles
)

var opNames = [...]string{
	OpLogin: "login", OpRefresh: "refresh", OpCreate: "create", OpModify: "modify", OpLink: "link",
	OpDelink: "delink", OpActivate: "activate", OpLifecycle: "lifecycle", OpDelete: "delete",
	OpEndpoints: "endpoints", OpSIMs: "sims", OpRatePlans: "plans", OpServiceProfiles: "service-profiles",
	OpAPNGroups: "apn-groups", OpSIMProducts: "sim-products",
	OpRoamingProfiles: "roaming-profiles",
}

// Ops are all operations.
func Ops() []Op {
	ops := make([]Op, len(opNames))
	for i := range ops {
		ops[i] = Op(i)
	}
	return ops
}

func (o Op) String() string { return opNames[o] }

// Mutates says whether the operation changes the fleet.
func (o Op) Mutates() bool { return o >= OpCreate && o <= OpDelete }

// Slow says whether the platform may take 180 s for the operation: create,
// link, de-link, activation and lifecycle change (documented). Everything else,
// modify and delete with it, is cut off after 30 s.
func (o Op) Slow() bool {
	switch o {
	case OpCreate, OpLink, OpDelink, OpActivate, OpLifecycle:
		return true
	}
	return false
}

// Deadline is how long a client waits for the operation.
func (o Op) Deadline() time.Duration {
	if o.Slow() {
		return LongDeadline
	}
	return ShortDeadline
}

// Request is a call in the form that travels.
type Request struct {
	Op     Op
	Method string
	Path   string // below the base URL, with a leading slash
	Query  url.Values
	Body   []byte // nil for a call without one
	Slow   bool   // the platform may take 180 s, whatever the operation says
}

// Deadline is how long a client waits for the answer.
func (r Request) Deadline() time.Duration {
	if r.Slow {
		return LongDeadline
	}
	return r.Op.Deadline()
}

// Reply is an answer in the form that travelled.
type Reply struct {
	Status int
	Body   []byte
}

// Dialect is one way in which the platform is spoken to.
type Dialect interface {
	// Abilities say how steps become calls.
	Abilities() fleet.Abilities
	// Call builds the request of a mutating call. It fails on a call that must
	// never be sent, such as one without the id it is about.
	Call(fleet.Call) (Request, error)
	// ReadCall reads the answer to a mutating call: the endpoint's id where the
	// answer gives one, the code to report, and a *Fault unless the answer
	// proves success.
	ReadCall(fleet.Call, Reply) (fleet.ID, string, error)
	// Query builds the request for one page of a listing.
	Query(fleet.Query) (Request, error)
	// ReadQuery reads a page; the error is a *Fault. A page that the platform
	// says has no data is empty and no error.
	ReadQuery(fleet.Query, Reply) (fleet.Page, error)
}

// Follower is a dialect in which the answer to one query may leave open what
// the answer to another says.
type Follower interface {
	// Follow is the query to ask next, if the page leaves something open.
	Follow(fleet.Query, fleet.Page) (fleet.Query, bool)
	// Fill puts the answer to that query into the page.
	Fill(page, more fleet.Page) fleet.Page
}

// dialects are the dialects by name; the first is the default.
var dialects = []struct {
	name    string
	dialect Dialect
}{
	{"endpointinfo", EndpointInfo{}},
	{"collection", Collection{}},
}

// DialectNames lists the dialects that DialectByName knows.
func DialectNames() []string {
	names := make([]string, len(dialects))
	for i, d := range dialects {
		names[i] = d.name
	}
	return names
}

// DialectByName finds a dialect.
func DialectByName(name string) (Dialect, bool) {
	for _, d := range dialects {
		if d.name == name {
			return d.dialect, true
		}
	}
	return nil, false
}
