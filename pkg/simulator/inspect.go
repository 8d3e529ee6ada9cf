package simulator

import (
	"fmt"
	"maps"
	"time"

	"sftctl/pkg/fleet"
)

// Endpoints are the live endpoints in the order of their creation.
func (s *Simulator) Endpoints() []fleet.Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := make([]fleet.Endpoint, len(s.live.order))
	for i, e := range s.live.order {
		out[i] = e.Endpoint
		out[i].Reported = fleet.Fieldset(fleet.AllFields[:]...)
	}
	return out
}

// SIMs are the cards of the stock, in its order.
func (s *Simulator) SIMs() []fleet.SIM {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := make([]fleet.SIM, len(s.live.cards))
	for i, k := range s.live.cards {
		out[i] = fleet.SIM{ICCID: k.iccid, Status: k.status, EndpointID: k.endpoint,
			Attached: k.endpoint != "", Product: s.cat.name(s.cat.SIMProducts, k.product)}
	}
	return out
}

// Bills counts the accepted first activations, which the platform may charge
// for (documented), by endpoint: each way from Pre-Active to Active is one,
// whichever call took it. Removed endpoints keep theirs.
func (s *Simulator) Bills() map[fleet.ID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return maps.Clone(s.bills)
}

// AddEndpoint creates an endpoint behind the clients' backs, and returns its
// id. An ICCID links it; the SIM is added to the stock if it is not there, and
// taken from the endpoint that had it. An empty ID or one that exists is given
// anew, an empty status is chosen.
func (s *Simulator) AddEndpoint(e fleet.Endpoint) fleet.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return s.add(e)
}

func (s *Simulator) add(e fleet.Endpoint) fleet.ID {
	now := time.Now().UTC()
	rec := &endpoint{Endpoint: fleet.Endpoint{ID: e.ID}, seq: s.nextID, created: now}
	fresh := s.newID()
	if rec.ID == "" || s.live.endpoints[rec.ID] != nil {
		rec.ID = fresh
	}
	e.ID = rec.ID
	s.replace(rec, e, now)
	return rec.ID
}

// SetEndpoint changes an endpoint behind the clients' backs, in all its
// fields; the SIMs follow.
func (s *Simulator) SetEndpoint(e fleet.Endpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.settle()
	old := s.live.endpoints[e.ID]
	if old == nil {
		return fmt.Errorf("set endpoint %s: not found", fleet.Quote(string(e.ID)))
	}
	s.replace(old, e, now)
	return nil
}

// replace puts e in place of old and moves the SIMs.
func (s *Simulator) replace(old *endpoint, e fleet.Endpoint, now time.Time) {
	next := *old
	next.Fields, next.Status = e.Fields, e.Status
	if next.Status == "" {
		next.Status = fleet.StatusPreActive
		if e.ICCID != "" {
			next.Status = fleet.StatusActive
		}
	}
	if next.Status == fleet.StatusActive && next.activated.IsZero() {
		next.activated = now
	}
	if k := s.live.card(old.ICCID); k != nil && k.endpoint == old.ID && !k.iccid.Equal(e.ICCID) {
		s.commit(change{card: k.with(fleet.SIMReady, "")}, now)
	}
	ch := change{endpoint: &next}
	if e.ICCID != "" {
		k := s.takeCard(e, now)
		next.ICCID = k.iccid
		ch.card = k.with(fleet.SIMStatus(next.Status), e.ID)
	}
	s.commit(ch, now)
}

// takeCard finds the SIM for an endpoint and takes it from any other.
func (s *Simulator) takeCard(e fleet.Endpoint, now time.Time) *card {
	if s.live.card(e.ICCID) == nil {
		s.addCard(Card{e.ICCID, e.SIMProductID})
	}
	k := s.live.card(e.ICCID)
	if holder := s.live.endpoints[k.endpoint]; holder != nil && holder.ID != e.ID {
		robbed := *holder
		robbed.ICCID, robbed.Status = "", fleet.StatusHold
		s.commit(change{endpoint: &robbed}, now)
	}
	return k
}

// RemoveEndpoint deletes an endpoint behind the clients' backs, in whatever
// state it is; its SIM goes back to the stock.
func (s *Simulator) RemoveEndpoint(id fleet.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.settle()
	e := s.live.endpoints[id]
	if e == nil {
		return fmt.Errorf("remove endpoint %s: not found", fleet.Quote(string(id)))
	}
	ch := change{removed: e}
	if k := s.live.card(e.ICCID); k != nil && e.ICCID != "" {
		ch.card = k.with(fleet.SIMReady, "")
	}
	s.commit(ch, now)
	return nil
}

// AddSIM puts a free SIM into the stock; it says false when it is there.
func (s *Simulator) AddSIM(c Card) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return s.addCard(c)
}

func (s *Simulator) addCard(c Card) bool {
	if s.live.card(c.ICCID) != nil {
		return false
	}
	k := &card{index: len(s.live.cards), iccid: c.ICCID, product: c.Product, status: fleet.SIMReady}
	s.commit(change{card: k}, time.Now().UTC())
	return true
}
