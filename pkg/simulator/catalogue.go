package simulator

import (
	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Catalogue is what the platform offers; a create or modify that names
// anything else is refused.
type Catalogue struct {
	Plans           []fleet.Entry `json:"plans"`
	ServiceProfiles []fleet.Entry `json:"serviceProfiles"`
	APNGroups       []fleet.Entry `json:"apnGroups"`
	SIMProducts     []fleet.Entry `json:"simProducts"`
	// RoamingProfiles are asked for by the collection only; without any, every
	// id is taken.
	RoamingProfiles []fleet.Entry `json:"roamingProfiles,omitempty"`
}

// catalogueKind is how one of the catalogues is asked for and written.
type catalogueKind struct{ filter, id, name string }

// The look-ups (documented for plans, service profiles and roaming profiles,
// assumed for the other two).
var kinds = map[wire.Op]catalogueKind{
	wire.OpRatePlans:       {"planId", "planId", "planName"},
	wire.OpServiceProfiles: {"serviceProfileId", "profileId", "profileName"},
	wire.OpAPNGroups:       {"apnGroupId", "apnGroupId", "apnGroupName"},
	wire.OpSIMProducts:     {"simProductId", "simProductId", "simProductName"},
	wire.OpRoamingProfiles: {"roamingProfileId", "roamingProfileId", "roamingProfileName"},
}

func (c *Catalogue) entries(op wire.Op) []fleet.Entry {
	switch op {
	case wire.OpRatePlans:
		return c.Plans
	case wire.OpServiceProfiles:
		return c.ServiceProfiles
	case wire.OpAPNGroups:
		return c.APNGroups
	case wire.OpRoamingProfiles:
		return c.RoamingProfiles
	}
	return c.SIMProducts
}

// check says which given value is not in the catalogue; an APN group need not
// be given.
func (c *Catalogue) check(in info) string {
	for _, f := range [...]struct {
		name    string
		value   fleet.ID
		entries []fleet.Entry
	}{
		{"planId", in.PlanID, c.Plans},
		{"serviceProfileId", in.ServiceProfileID, c.ServiceProfiles},
		{"simProductId", in.SIMProductID, c.SIMProducts},
		{"apnGroupId", in.APNGroupID, c.APNGroups},
	} {
		if f.value != "" && len(only(f.entries, f.value)) == 0 {
			return "invalid " + f.name + " " + string(f.value) + ": not in the catalogue"
		}
	}
	return ""
}

// only is the part of a catalogue with one id.
func only(entries []fleet.Entry, id fleet.ID) []fleet.Entry {
	for i, e := range entries {
		if e.ID == id {
			return entries[i : i+1]
		}
	}
	return nil
}

// name of an entry; its id where the catalogue does not have it.
func (c *Catalogue) name(entries []fleet.Entry, id fleet.ID) string {
	if found := only(entries, id); len(found) > 0 {
		return found[0].Name
	}
	return string(id)
}

// SetCatalogue changes what the platform offers from now on; endpoints keep
// what they have.
func (s *Simulator) SetCatalogue(c Catalogue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.cat = c
}

// Catalogue is what the platform offers.
func (s *Simulator) Catalogue() Catalogue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cat
}
