// Package fleet holds the nouns of a SIM fleet, each with its one text form.
package fleet

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ID is an identifier given by the platform: an opaque text, never a number.
// The empty ID means that there is none.
type ID string

// NameKey is the form in which endpoint names are compared: trimmed of white
// space and in Unicode NFC. Names are sent to the platform as written.
func NameKey(name string) string {
	name = strings.TrimSpace(name)
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return norm.NFC.String(name)
		}
	}
	return name
}

// Fields are the values of an endpoint that a file may manage. An empty value
// is not given.
type Fields struct {
	Name             string `json:"endpointName,omitempty"`
	PlanID           ID     `json:"planId,omitempty"`
	ServiceProfileID ID     `json:"serviceProfileId,omitempty"`
	APNGroupID       ID     `json:"apnGroupId,omitempty"`
	SIMProductID     ID     `json:"simProductId,omitempty"`
	ICCID            ICCID  `json:"iccid,omitempty"`
	// RoamingProfileID is an id, or several with a pipe between (observed).
	RoamingProfileID ID     `json:"roamingProfileId,omitempty"`
	MonthlyLimit     string `json:"monthlyLimit,omitempty"` // a decimal number
	// AddonPlanIDs are ids of rate plans with a pipe between.
	AddonPlanIDs ID `json:"addonPlanIds,omitempty"`
}

// Get returns the value of one field as text, empty when it is not given.
func (f Fields) Get(field Field) string {
	switch field {
	case FieldName:
		return f.Name
	case FieldPlan:
		return string(f.PlanID)
	case FieldServiceProfile:
		return string(f.ServiceProfileID)
	case FieldAPNGroup:
		return string(f.APNGroupID)
	case FieldSIMProduct:
		return string(f.SIMProductID)
	case FieldICCID:
		return string(f.ICCID)
	case FieldRoamingProfile:
		return string(f.RoamingProfileID)
	case FieldMonthlyLimit:
		return f.MonthlyLimit
	case FieldAddonPlans:
		return string(f.AddonPlanIDs)
	}
	return ""
}

// Set changes the value of one field; a field that is no value of Fields is
// left alone.
func (f *Fields) Set(field Field, value string) {
	switch field {
	case FieldName:
		f.Name = value
	case FieldPlan:
		f.PlanID = ID(value)
	case FieldServiceProfile:
		f.ServiceProfileID = ID(value)
	case FieldAPNGroup:
		f.APNGroupID = ID(value)
	case FieldSIMProduct:
		f.SIMProductID = ID(value)
	case FieldICCID:
		f.ICCID = ICCID(value)
	case FieldRoamingProfile:
		f.RoamingProfileID = ID(value)
	case FieldMonthlyLimit:
		f.MonthlyLimit = value
	case FieldAddonPlans:
		f.AddonPlanIDs = ID(value)
	}
}

// Only returns f with every field outside the set emptied.
func (f Fields) Only(set FieldSet) Fields {
	var out Fields
	for _, field := range AllFields {
		if set.Has(field) {
			out.Set(field, f.Get(field))
		}
	}
	return out
}

// With is f with the values that other gives.
func (f Fields) With(other Fields) Fields {
	for _, field := range AllFields {
		if value := other.Get(field); value != "" {
			f.Set(field, value)
		}
	}
	return f
}

// Given returns the set of fields that have a value.
func (f Fields) Given() FieldSet {
	var set FieldSet
	for _, field := range AllFields {
		if f.Get(field) != "" {
			set |= FieldSet(field)
		}
	}
	return set
}

// Endpoint is an endpoint as it was found on the platform.
type Endpoint struct {
	ID ID `json:"endpointId"`
	Fields
	Status Status `json:"status,omitempty"`
	// Reported says which fields the platform gave at all. A field that was
	// reported and is empty has no value ("-"); a field that was not reported
	// is not known, which is another thing (observed).
	Reported FieldSet `json:"reported"`
}

// SIM is a card of the account's stock.
type SIM struct {
	ICCID      ICCID
	Status     SIMStatus
	EndpointID ID     // the endpoint it is linked to, empty when free
	Attached   bool   // linked, by either sign that the platform gives
	Product    string // the product's name (observed), not its id; empty when not reported
}

// Shared is the state that a linked card has in common with its endpoint
// (documented); empty where the card does not say, or says that it is free.
func (s SIM) Shared() Status {
	if s.EndpointID == "" || s.Status == SIMReady {
		return ""
	}
	return Status(s.Status)
}

// Entry is a row of one of the platform's catalogues: rate plans, service
// profiles, APN groups, SIM products or roaming profiles.
type Entry struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
}

// Origin is the place in a file where a row was written.
type Origin struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Key says which field identifies a row.
type Key uint8

// The keys. The zero Key is by name.
const (
	ByName Key = iota
	ByICCID
)

// Spec is one wanted endpoint. A field that is empty is not managed: it is
// neither compared nor changed.
type Spec struct {
	ID ID `json:"endpointId,omitempty"`
	Fields
	// Names are what a person wrote instead of an id. Once one is looked up, the
	// id stands beside it.
	Names        Names  `json:"names,omitzero"`
	State        State  `json:"state,omitempty"`
	ClearSIM     bool   `json:"clearSim,omitempty"` // de-link and leave without a SIM
	AutoSIM      bool   `json:"autoSim,omitempty"`  // any free SIM where there is none; ICCID is the chosen one, once there is
	Relink       bool   `json:"relink,omitempty"`   // take the SIM from an endpoint outside the file
	PreviousName string `json:"previousName,omitempty"`
	Group        string `json:"group,omitempty"`
	Key          Key    `json:"key,omitempty"`
	Policy       int    `json:"policy,omitempty"` // index of its file's policy in Fleet.Policies
	Origin       Origin `json:"origin,omitzero"`
	// Cells are the row as it was written, in the order of Fleet.Columns;
	// empty where the inputs have no columns in common.
	Cells []string `json:"cells,omitempty"`
}

// WantsSIM says whether a SIM is wanted, one by its number or any.
func (s *Spec) WantsSIM() bool { return s.ICCID != "" || s.AutoSIM }

// Names are the catalogue names that stand for ids in a row.
type Names struct {
	Plan           string `json:"plan,omitempty"`
	ServiceProfile string `json:"serviceProfile,omitempty"`
	APNGroup       string `json:"apnGroup,omitempty"`
	SIMProduct     string `json:"simProduct,omitempty"`
	// RoamingProfile is a name, or several with a pipe between.
	RoamingProfile string `json:"roamingProfile,omitempty"`
}

// Given returns the set of fields that have a name.
func (n Names) Given() FieldSet {
	var set FieldSet
	if n == (Names{}) {
		return set
	}
	for field, name := range map[Field]string{FieldPlan: n.Plan, FieldServiceProfile: n.ServiceProfile, FieldAPNGroup: n.APNGroup,
		FieldSIMProduct: n.SIMProduct, FieldRoamingProfile: n.RoamingProfile} {
		if name != "" {
			set |= FieldSet(field)
		}
	}
	return set
}

// Orphans says what happens to live endpoints in scope that no file lists.
type Orphans uint8

// The orphan policies. The zero value leaves them alone.
const (
	OrphansIgnore Orphans = iota
	OrphansReport
	OrphansSuspend
	OrphansDelete
)

// Policy is what one file says about endpoints that it does not list.
type Policy struct {
	File    string  `json:"file"`
	Scope   []Glob  `json:"scope,omitempty"`
	Orphans Orphans `json:"orphans,omitempty"`
}

// Owns says whether a name is in the policy's scope.
func (p Policy) Owns(name string) bool { return MatchAny(p.Scope, name) }

// Input is one file that was read.
type Input struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Rows   int    `json:"rows"`
}

// Fleet is what a set of files says.
type Fleet struct {
	Account  string // the account it is meant for; empty when not said
	Specs    []Spec // in the order of the files
	Policies []Policy
	Protect  []Glob   // never suspended, de-linked, renamed or deleted
	Columns  []string // the columns of the input; nil when the inputs differ or are YAML
	Inputs   []Input
	Reserved []ICCID // cards that other rows than these name: none of them is taken from stock
}
