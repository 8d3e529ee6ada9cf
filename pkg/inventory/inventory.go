// Package inventory is the listing of what an account has, complete or refused.
package inventory

import (
	"fmt"
	"slices"

	"sftctl/pkg/fleet"
)

// Inventory is a complete listing, indexed by name, id and SIM. It is not to
// be changed.
type Inventory struct {
	Endpoints []fleet.Endpoint // in the platform's order
	SIMs      []fleet.SIM      // empty unless they were listed
	HasSIMs   bool             // whether the SIMs were listed
	Pages     int              // how many calls the listing took
	names     index
	ids       map[fleet.ID]int32
	iccids    index
	sims      map[string]int32
}

// index finds the rows of a key. Nearly every key has one row; the others are
// kept apart, so that a million names do not cost a million slices.
type index struct {
	one  map[string]int32
	more map[string][]int32
}

func newIndex(size int) index {
	return index{one: make(map[string]int32, size)}
}

func (x *index) add(key string, row int32) {
	if first, taken := x.one[key]; taken {
		if x.more == nil {
			x.more = map[string][]int32{}
		}
		if x.more[key] == nil {
			x.more[key] = []int32{first}
		}
		x.more[key] = append(x.more[key], row)
		return
	}
	x.one[key] = row
}

func (x *index) rows(key string) (one int32, more []int32, found bool) {
	one, found = x.one[key]
	if !found || x.more == nil {
		return one, nil, found
	}
	return one, x.more[key], true
}

// New indexes a listing. Where endpoints do not report their SIM or their state,
// it is taken from the SIMs. The error names an id or a card that is listed twice.
func New(endpoints []fleet.Endpoint, sims []fleet.SIM, hasSIMs bool) (*Inventory, error) {
	inv := &Inventory{Endpoints: endpoints, SIMs: sims, HasSIMs: hasSIMs}
	if err := inv.indexSIMs(); err != nil {
		return nil, err
	}
	if hasSIMs {
		inv.fill()
	}
	return inv, inv.indexEndpoints()
}

func (inv *Inventory) indexSIMs() error {
	inv.sims = make(map[string]int32, len(inv.SIMs))
	for i, sim := range inv.SIMs {
		key := sim.ICCID.Key()
		if _, twice := inv.sims[key]; twice {
			return fmt.Errorf("the SIM listing has two cards with one iccid, rows %d and %d", inv.sims[key]+1, i+1)
		}
		inv.sims[key] = int32(i)
	}
	return nil
}

// fill gives endpoints that did not report their SIM the one that says it is
// linked to them (a missing field is not an empty one, observed), and those that
// did not report their state that of their SIM, which is the same while they are
// linked (documented). What the SIMs do not prove stays unreported.
func (inv *Inventory) fill() {
	if !slices.ContainsFunc(inv.Endpoints, lacking) {
		return
	}
	linked, allSaid := inv.linked()
	inv.Endpoints = slices.Clone(inv.Endpoints)
	for i := range inv.Endpoints {
		e := &inv.Endpoints[i]
		sim, ok := linked[e.ID]
		if !e.Reported.Has(fleet.FieldICCID) && (ok && sim.ICCID != "" || !ok && allSaid) {
			e.ICCID = sim.ICCID
			e.Reported |= fleet.FieldSet(fleet.FieldICCID)
		}
		if !e.Reported.Has(fleet.FieldStatus) && sim.ICCID != "" && sim.ICCID.Equal(e.ICCID) && sim.Shared() != "" {
			e.Status = sim.Shared()
			e.Reported |= fleet.FieldSet(fleet.FieldStatus)
		}
	}
}

// linked are the cards by the endpoint that they name; where several name one, it
// has none that is sure. Where some attached card does not say to what,
// an endpoint's lack of a card is not proved either.
func (inv *Inventory) linked() (by map[fleet.ID]fleet.SIM, allSaid bool) {
	by, allSaid = make(map[fleet.ID]fleet.SIM, len(inv.SIMs)), true
	for _, sim := range inv.SIMs {
		switch _, several := by[sim.EndpointID]; {
		case several:
			by[sim.EndpointID] = fleet.SIM{}
		case sim.EndpointID != "":
			by[sim.EndpointID] = sim
		case sim.Attached:
			allSaid = false
		}
	}
	return by, allSaid
}

// lacking says whether an endpoint does not report what its SIM may tell.
func lacking(e fleet.Endpoint) bool {
	const told = fleet.FieldSet(fleet.FieldICCID | fleet.FieldStatus)
	return e.Reported&told != told
}

func (inv *Inventory) indexEndpoints() error {
	inv.ids = make(map[fleet.ID]int32, len(inv.Endpoints))
	inv.names = newIndex(len(inv.Endpoints))
	inv.iccids = newIndex(len(inv.Endpoints))
	for i := range inv.Endpoints {
		e := &inv.Endpoints[i]
		inv.ids[e.ID] = int32(i)
		inv.names.add(fleet.NameKey(e.Name), int32(i))
		if e.ICCID != "" {
			inv.iccids.add(e.ICCID.Key(), int32(i))
		}
	}
	if len(inv.ids) != len(inv.Endpoints) {
		return fmt.Errorf("the endpoint listing has %d rows but %d different ids", len(inv.Endpoints), len(inv.ids))
	}
	return nil
}

// ByID finds an endpoint by its id.
func (inv *Inventory) ByID(id fleet.ID) (*fleet.Endpoint, bool) {
	i, ok := inv.ids[id]
	if !ok {
		return nil, false
	}
	return &inv.Endpoints[i], true
}

// ByName finds the endpoints of a name in the form in which names are
// compared. The first is nil when there is none; the others are the rest when
// there are several.
func (inv *Inventory) ByName(name string) (first *fleet.Endpoint, others []*fleet.Endpoint) {
	return inv.find(&inv.names, fleet.NameKey(name))
}

// ByICCID finds the endpoints that say they hold a SIM.
func (inv *Inventory) ByICCID(iccid fleet.ICCID) (first *fleet.Endpoint, others []*fleet.Endpoint) {
	return inv.find(&inv.iccids, iccid.Key())
}

func (inv *Inventory) find(x *index, key string) (*fleet.Endpoint, []*fleet.Endpoint) {
	one, more, found := x.rows(key)
	if !found {
		return nil, nil
	}
	var others []*fleet.Endpoint
	for _, row := range more[min(1, len(more)):] {
		others = append(others, &inv.Endpoints[row])
	}
	return &inv.Endpoints[one], others
}

// SIM finds a card of the stock.
func (inv *Inventory) SIM(iccid fleet.ICCID) (fleet.SIM, bool) {
	i, ok := inv.sims[iccid.Key()]
	if !ok {
		return fleet.SIM{}, false
	}
	return inv.SIMs[i], true
}
