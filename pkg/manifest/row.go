package manifest

import (
	"strings"

	"sftctl/pkg/fleet"
)

// clearWord is the text that takes the SIM off an endpoint.
const clearWord = "!clear"

// autoWord is the text that wants any free SIM of the stock, in any letter case.
const autoWord = "auto"

// row is a row, or a layer under rows, as it was written. An empty text is not
// given. The columns are in the order in which they are written.
type row struct {
	EndpointID       string `csv:"endpointId" yaml:"endpointId,omitempty"`
	EndpointName     string `csv:"endpointName" yaml:"endpointName,omitempty"`
	PlanID           string `csv:"planId" yaml:"planId,omitempty"`
	ServiceProfileID string `csv:"serviceProfileId" yaml:"serviceProfileId,omitempty"`
	APNGroupID       string `csv:"apnGroupId" yaml:"apnGroupId,omitempty"`
	SIMProductID     string `csv:"simProductId" yaml:"simProductId,omitempty"`
	ICCID            string `csv:"iccid" yaml:"iccid,omitempty"`
	State            string `csv:"state" yaml:"state,omitempty"`
	Group            string `csv:"group" yaml:"group,omitempty"`
	PreviousName     string `csv:"previousName" yaml:"previousName,omitempty"`
	Relink           string `csv:"relink" yaml:"relink,omitempty"`
	RoamingProfileID string `csv:"roamingProfileId" yaml:"roamingProfileId,omitempty"`
	MonthlyLimit     string `csv:"monthlyLimit" yaml:"monthlyLimit,omitempty"`
	AddonPlanIDs     string `csv:"addonPlanIds" yaml:"addonPlanIds,omitempty"`
	Plan             string `csv:"plan" yaml:"plan,omitempty"`
	ServiceProfile   string `csv:"serviceProfile" yaml:"serviceProfile,omitempty"`
	APNGroup         string `csv:"apnGroup" yaml:"apnGroup,omitempty"`
	SIMProduct       string `csv:"simProduct" yaml:"simProduct,omitempty"`
	RoamingProfile   string `csv:"roamingProfile" yaml:"roamingProfile,omitempty"`
}

// field is a field of a row.
type field int

// The fields of a row. noField means the row itself.
const (
	noField field = iota - 1
	endpointID
	endpointName
	planID
	serviceProfileID
	apnGroupID
	simProductID
	iccid
	state
	group
	previousName
	relink
	roamingProfileID
	monthlyLimit
	addonPlanIDs
	plan
	serviceProfile
	apnGroup
	simProduct
	roamingProfile
	fieldCount
)

var fieldNames = []string{
	"endpointId", "endpointName", "planId", "serviceProfileId", "apnGroupId", "simProductId", "iccid", "state",
	"group", "previousName", "relink", "roamingProfileId", "monthlyLimit", "addonPlanIds",
	"plan", "serviceProfile", "apnGroup", "simProduct", "roamingProfile",
}

func (f field) String() string { return fieldNames[f] }

// fieldOf finds a field by its name in any letter case.
func fieldOf(name string) field {
	for i, known := range fieldNames {
		if strings.EqualFold(name, known) {
			return field(i)
		}
	}
	return noField
}

// at is where a row keeps a field.
func (r *row) at(f field) *string {
	switch f {
	case endpointID:
		return &r.EndpointID
	case endpointName:
		return &r.EndpointName
	case planID:
		return &r.PlanID
	case serviceProfileID:
		return &r.ServiceProfileID
	case apnGroupID:
		return &r.APNGroupID
	case simProductID:
		return &r.SIMProductID
	case iccid:
		return &r.ICCID
	case state:
		return &r.State
	case group:
		return &r.Group
	case previousName:
		return &r.PreviousName
	case relink:
		return &r.Relink
	case roamingProfileID:
		return &r.RoamingProfileID
	case monthlyLimit:
		return &r.MonthlyLimit
	case addonPlanIDs:
		return &r.AddonPlanIDs
	case plan:
		return &r.Plan
	case serviceProfile:
		return &r.ServiceProfile
	case apnGroup:
		return &r.APNGroup
	case simProduct:
		return &r.SIMProduct
	}
	return &r.RoamingProfile
}

// twins are the fields that say one thing by id and by name.
var twins = [...][2]field{{planID, plan}, {serviceProfileID, serviceProfile}, {apnGroupID, apnGroup}, {simProductID, simProduct}, {roamingProfileID, roamingProfile}}

// isList says whether a field takes several values with a pipe between; in YAML a
// list of them will do.
func (f field) isList() bool {
	return f == roamingProfileID || f == roamingProfile || f == addonPlanIDs
}

// layerFields are what defaults and groups can set.
var layerFields = []field{planID, serviceProfileID, apnGroupID, simProductID, roamingProfileID, monthlyLimit, addonPlanIDs, state, relink,
	plan, serviceProfile, apnGroup, simProduct, roamingProfile}

// layers are what lies under the rows of one file.
type layers struct {
	defaults *row
	groups   map[string]*row // each laid over the defaults already
	names    []string        // of the groups, as declared
}

// under is the row that lies under those of a group, nil for none.
func (l *layers) under(group string) *row {
	if base, ok := l.groups[group]; ok {
		return base
	}
	return l.defaults
}

// lay puts a row over another: what it gives wins, and an id also over a name
// for the same thing and the other way round.
func lay(base *row, over row) row {
	if base == nil {
		return over
	}
	out := over
	for f := range fieldCount {
		if *out.at(f) == "" && f != group {
			*out.at(f) = *base.at(f)
		}
	}
	for _, t := range twins {
		byID, byName := *over.at(t[0]), *over.at(t[1])
		if byID != "" || byName != "" {
			*out.at(t[0]), *out.at(t[1]) = byID, byName
		}
	}
	return out
}

// spec is what a row says, with everything that lies under it. The card number
// is put in by the caller, who has read it.
func (r *row) spec() fleet.Spec {
	s := fleet.Spec{
		ID: fleet.ID(r.EndpointID),
		Fields: fleet.Fields{
			Name: r.EndpointName, PlanID: fleet.ID(r.PlanID), ServiceProfileID: fleet.ID(r.ServiceProfileID),
			APNGroupID: fleet.ID(r.APNGroupID), SIMProductID: fleet.ID(r.SIMProductID), RoamingProfileID: fleet.ID(r.RoamingProfileID),
			MonthlyLimit: r.MonthlyLimit, AddonPlanIDs: fleet.ID(r.AddonPlanIDs),
		},
		Names:    fleet.Names{Plan: r.Plan, ServiceProfile: r.ServiceProfile, APNGroup: r.APNGroup, SIMProduct: r.SIMProduct, RoamingProfile: r.RoamingProfile},
		ClearSIM: r.ICCID == clearWord, AutoSIM: r.ICCID == autoWord, Relink: r.Relink == "true",
		PreviousName: r.PreviousName, Group: r.Group,
	}
	s.State, _ = stateOf(r.State)
	return s
}

// stateOf reads a word for a state in any letter case: the platform, and whatever lists
// its endpoints, writes Active.
func stateOf(text string) (fleet.State, bool) {
	var s fleet.State
	text = strings.ToLower(text)
	for s = fleet.StateUnmanaged; s <= fleet.StateAbsent; s++ {
		if s.String() == text {
			return s, true
		}
	}
	return fleet.StateUnmanaged, false
}

var stateNames = []string{
	fleet.StateActive.String(), fleet.StatePreActive.String(), fleet.StateSuspended.String(), fleet.StateAbsent.String(),
}

var stateWords = fleet.Alternatives(stateNames)

// rowOf writes a spec down again. Layers are not taken apart: the row says
// everything itself.
func rowOf(s fleet.Spec) row {
	r := row{
		EndpointID: string(s.ID), EndpointName: s.Name, PlanID: string(s.PlanID),
		ServiceProfileID: string(s.ServiceProfileID), APNGroupID: string(s.APNGroupID),
		SIMProductID: string(s.SIMProductID), ICCID: string(s.ICCID), State: s.State.String(),
		PreviousName: s.PreviousName, Plan: s.Names.Plan, ServiceProfile: s.Names.ServiceProfile,
		APNGroup: s.Names.APNGroup, SIMProduct: s.Names.SIMProduct, RoamingProfile: s.Names.RoamingProfile,
		RoamingProfileID: string(s.RoamingProfileID), MonthlyLimit: s.MonthlyLimit, AddonPlanIDs: string(s.AddonPlanIDs),
	}
	switch {
	case s.ClearSIM:
		r.ICCID = clearWord
	case s.AutoSIM && s.ICCID == "":
		r.ICCID = autoWord
	}
	if s.Relink {
		r.Relink = "true"
	}
	for _, t := range twins {
		if *r.at(t[0]) != "" {
			*r.at(t[1]) = "" // the id that it was resolved to
		}
	}
	return r
}
