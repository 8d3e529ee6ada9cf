package plan

import (
	"fmt"
	"strings"

	"sftctl/pkg/fleet"
)

// card checks the SIM that a row wants to be linked against the stock, and
// returns it in the platform's own form, with the place that gives it up first. A
// row that names none gets none.
func (b *builder) card(t *Task) (iccid fleet.ICCID, after *Place, refusal string) {
	if t.Spec.ICCID == "" || !b.have.HasSIMs {
		return t.Spec.ICCID, nil, ""
	}
	if b.arrived(t) {
		return "", nil, fmt.Sprintf("SIM %s is linked to it by the listing of the SIMs, and not by that of the endpoints: it changed while it was being read; plan again", t.Spec.ICCID)
	}
	iccid, after, refusal = b.numbered(t.Spec, t.product())
	if refusal != "" && t.Spec.AutoSIM {
		refusal += "; it was chosen from stock, plan the files again for another one"
	}
	return iccid, after, refusal
}

// arrived says whether the SIM that a row wants went to its own endpoint after the
// endpoints were listed. What else the listings say of such a card is out of date, and
// to de-link it there would cut the device off.
func (b *builder) arrived(t *Task) bool {
	sim, ok := b.have.SIM(t.Spec.ICCID)
	return ok && t.Before != nil && sim.EndpointID == t.Before.ID
}

// product is the SIM product of a task's endpoint, or the one that it shall have.
func (t *Task) product() fleet.ID {
	if t.Before != nil && t.Before.Reported.Has(fleet.FieldSIMProduct) {
		return t.Before.SIMProductID
	}
	return t.Spec.SIMProductID
}

// linkCard plans that a card is linked; one that is not chosen yet has no number.
func (t *Task) linkCard(iccid fleet.ICCID, after *Place, reason string) {
	if t.Spec.AutoSIM {
		reason = fromStock(iccid)
	}
	t.Steps = append(t.Steps, Step{Action: fleet.Link, Set: fleet.Fields{ICCID: iccid}, Reason: reason, After: after})
}

// numbered checks a card by its number. One that was chosen from stock is not taken
// from another endpoint, even if that gives it up.
func (b *builder) numbered(spec *fleet.Spec, product fleet.ID) (iccid fleet.ICCID, after *Place, refusal string) {
	sim, ok := b.have.SIM(spec.ICCID)
	if !ok {
		return "", nil, fmt.Sprintf("SIM %s is not in the account's stock; correct the number, or order the card", spec.ICCID)
	}
	live, holder := b.holder(sim)
	if holder != "" {
		if after = b.moves.card(live); after == nil || spec.AutoSIM {
			return "", nil, fmt.Sprintf("SIM %s is linked to %s%s", sim.ICCID, holder, b.keeps(spec, live))
		}
	} else if sim.Status != fleet.SIMReady {
		return "", nil, fmt.Sprintf("SIM %s is %s, want %s", sim.ICCID, fleet.Quote(string(sim.Status)), fleet.SIMReady)
	}
	if !b.fits(sim, product) {
		return "", nil, fmt.Sprintf("SIM %s is of product %s, want %s (simProductId %s)", sim.ICCID, fleet.Quote(sim.Product), fleet.Quote(b.opts.Products[product]), product)
	}
	return sim.ICCID, after, ""
}

// fits says whether a card is of a product, as far as that can be told.
func (b *builder) fits(sim fleet.SIM, product fleet.ID) bool {
	name, known := b.opts.Products[product]
	return !known || sim.Product == "" || strings.EqualFold(sim.Product, name) || sim.Product == string(product)
}

// keeps says why an endpoint does not give up its SIM, and what to do.
func (b *builder) keeps(spec *fleet.Spec, live *fleet.Endpoint) string {
	task, listed := b.moves.owner[live]
	switch {
	case spec.AutoSIM:
		return ""
	case !listed && spec.Relink:
		return ", and a row names that one"
	case !listed:
		return "; de-link it there first (iccid !clear in a row of that endpoint), or say relink: true in this row"
	case b.tasks[task].Spec == nil: // this row's own wish, relink
		return fmt.Sprintf(", which keeps it: %s", b.tasks[task].Refused[0])
	}
	origin := b.tasks[task].Spec.Origin
	return fmt.Sprintf(", whose row (%s:%d) keeps it, or is refused", fleet.Printable(origin.File), origin.Line)
}

// holder names the endpoint that a card is linked to, empty when it is free. A
// card is free only if every sign says so. The endpoint is nil where the signs do
// not agree on one.
func (b *builder) holder(sim fleet.SIM) (live *fleet.Endpoint, name string) {
	named := func(e *fleet.Endpoint) string { return fmt.Sprintf("endpoint %s (%s)", e.ID, fleet.Quote(e.Name)) }
	if live, others := b.have.ByICCID(sim.ICCID); live != nil {
		if len(others) > 0 || sim.EndpointID != "" && sim.EndpointID != live.ID {
			return nil, named(live) + " and to another one"
		}
		return live, named(live)
	}
	if live, ok := b.have.ByID(sim.EndpointID); ok {
		return nil, named(live)
	}
	if sim.EndpointID != "" {
		return nil, fmt.Sprintf("endpoint %s, which is not in the listing", sim.EndpointID)
	}
	if sim.Attached {
		return nil, "an endpoint that the platform does not name"
	}
	return nil, ""
}

// swap plans what happens to the SIM of an endpoint that exists. It returns
// what the state is decided from; ok is false where nothing more should be
// done, because the SIM that the state would need was refused.
func (b *builder) swap(t *Task) (after situation, ok bool) {
	spec, live := t.Spec, t.Before
	now := situation{want: spec.State, status: live.Status, hasSIM: live.ICCID != ""}
	if !spec.ClearSIM && !spec.WantsSIM() {
		return now, true
	}
	switch {
	case !live.Reported.Has(fleet.FieldICCID):
		t.refuse("the platform does not report its SIM, so nothing is linked or de-linked")
	case spec.ClearSIM && live.ICCID == "", spec.AutoSIM && live.ICCID != "", !spec.ClearSIM && live.ICCID != "" && live.ICCID.Equal(spec.ICCID):
		return now, true
	case spec.State != fleet.StateUnmanaged && !live.Reported.Has(fleet.FieldStatus):
		t.refuse(statusUnreported, spec.State) // before the SIM goes, not after
	case spec.ClearSIM && b.protected(t):
		t.refuse("it is protected, and SIM %s would be de-linked", live.ICCID)
	case spec.ClearSIM:
		t.step(fleet.Delink, fleet.Fields{}, "no SIM is wanted, it has %s", live.ICCID)
		return situation{want: spec.State, status: fleet.StatusHold}, true
	default:
		return b.link(t)
	}
	return situation{}, false
}

// link plans the wanted card in the place of none or another.
func (b *builder) link(t *Task) (then situation, ok bool) {
	spec, live := t.Spec, t.Before
	iccid, after, refusal := b.card(t)
	want := spec.State
	switch {
	case refusal != "":
	case live.ICCID == "" && !live.Status.Meets(fleet.StatePreActive):
		refusal = fmt.Sprintf("it is %s without a SIM, and a SIM is linked to Pre-Active or Hold only", fleet.Quote(string(live.Status)))
	case live.ICCID != "" && b.protected(t):
		refusal = fmt.Sprintf("it is protected, and SIM %s would be de-linked", live.ICCID)
	case live.ICCID != "":
		want, refusal = afterSwap(spec.State, live.Status)
	}
	if refusal == "" && want == fleet.StateSuspended {
		refusal = activatedToSuspend
	}
	if refusal != "" {
		t.refuse("%s", refusal)
		return situation{}, false
	}
	if live.ICCID != "" {
		t.step(fleet.Delink, fleet.Fields{}, "SIM %s makes place for %s", live.ICCID, iccid)
	}
	t.linkCard(iccid, after, fmt.Sprintf("SIM %s → %s", orNone(string(live.ICCID)), iccid))
	return situation{want: want, status: fleet.StatusPreActive, hasSIM: true}, true
}

// afterSwap is the state in which a swap ends: the wanted one, or where none is
// managed the one before.
func afterSwap(want fleet.State, was fleet.Status) (fleet.State, string) {
	if want != fleet.StateUnmanaged {
		return want, ""
	}
	switch was {
	case fleet.StatusActive:
		return fleet.StateActive, ""
	case fleet.StatusPreActive, fleet.StatusHold:
		return fleet.StateUnmanaged, ""
	}
	return want, fmt.Sprintf("it is %s, and would not be so after its SIM is changed; say which state is wanted", fleet.Quote(string(was)))
}

// situation is what decides about the state of an endpoint.
type situation struct {
	want   fleet.State
	status fleet.Status // once the SIM steps are done
	hasSIM bool         // likewise
}

const statusUnreported = "the platform does not report its status, so state %s is not compared"

// state plans the step to the wanted state, or refuses what is not possible in
// place. A SIM decides, not Pre-Active versus Hold alone: the documents
// disagree about which of the two an endpoint without a SIM is in.
func (b *builder) state(t *Task, s situation) {
	if s.want == fleet.StateUnmanaged || s.status.Meets(s.want) {
		return
	}
	idle := s.status.Meets(fleet.StatePreActive)
	reason := fmt.Sprintf("state %s → %s", s.status, s.want)
	switch {
	case !t.Before.Reported.Has(fleet.FieldStatus):
		t.refuse(statusUnreported, s.want)
	case s.want == fleet.StateActive && idle && s.hasSIM:
		t.step(fleet.Activate, fleet.Fields{}, "%s", reason)
	case s.want == fleet.StateActive && idle:
		t.refuse("state active needs a SIM: give iccid")
	case s.want == fleet.StateActive && s.status == fleet.StatusSuspended:
		t.step(fleet.Resume, fleet.Fields{}, "%s", reason)
	case s.want == fleet.StateSuspended && s.status == fleet.StatusActive && b.protected(t):
		t.refuse("it is protected, and would be suspended")
	case s.want == fleet.StateSuspended && s.status == fleet.StatusActive:
		t.step(fleet.Suspend, fleet.Fields{}, "%s", reason)
	case s.want == fleet.StateSuspended && idle:
		t.refuse("%s", activatedToSuspend)
	case s.want == fleet.StatePreActive && (s.status == fleet.StatusActive || s.status == fleet.StatusSuspended):
		t.refuse("it is %s, and the platform has no way back to pre-active; want suspended, or give it another SIM", s.status)
	default:
		t.refuse("its status %s is not known, so state %s is not reached from it", fleet.Quote(string(s.status)), s.want)
	}
}
