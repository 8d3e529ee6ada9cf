package simulator

import (
	"strconv"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Inner result codes. Those of five digits that begin with 99 are stand-ins:
// nothing is known of the platform's own. The codes of activate, lifecycle,
// delink and delete were observed in the other dialect.
const (
	codeCreated     = "99001"
	codeModified    = "99002"
	codeLinked      = "99003"
	codeGot         = "99004"
	codeInvalid     = "99400"
	codeForbidden   = "99403"
	codeNotFound    = "99404"
	codeConflict    = "99409"
	codeThrottled   = "99429"
	codeActivated   = "5014"
	codeActive      = "2507"
	codeMoved       = "5017"
	codeSameState   = "1254"
	codeDelinked    = "6413"
	codeNoSIM       = "6420"
	codeDeleted     = "10159"
	codePlanChanged = "7001"  // observed
	codePlans       = "1604"  // documented
	codeRoaming     = "1204"  // documented
	codeNoData      = "1359"  // documented
	codeToken       = "401"   // observed
	codeUnexpected  = "10057" // documented
	codeUnsure      = "10239" // documented
	codeTimeout     = "10240" // documented
	codeBadLogin    = "10126" // documented
	codeBadTarget   = "10117" // documented
	codeBlocked     = "11044" // documented
	textForbidden   = "Authorisation Failure"
	textThrottled   = "API rate limit exceeded"
	textTimeoutRead = "API operation has Time out, try again later"
	textTimeoutWork = "API operation has Time out, verify whether it was completed"
)

// work runs a mutating call against the fleet without changing it: the reply,
// and the change that goes with a reply of success.
func (s *Simulator) work(c *call, now time.Time) (reply, change) {
	if c.bad != "" {
		return refuse(codeInvalid, c.bad), change{}
	}
	if c.route.op == wire.OpCreate {
		return s.createIn(c, now)
	}
	if c.info.EndpointID == "" {
		return refuse(codeInvalid, "invalid endpointId: missing"), change{}
	}
	e := s.live.endpoints[c.info.EndpointID]
	if e == nil {
		return refuse(codeNotFound, "endpoint "+string(c.info.EndpointID)+" not found"), change{}
	}
	switch c.route.op {
	case wire.OpModify:
		if c.route.speech == collection {
			return s.patch(e, c.info)
		}
		return s.modify(e, c.info)
	case wire.OpLink:
		return s.link(e, c.info)
	case wire.OpDelink:
		return s.delink(e, c.info)
	case wire.OpActivate:
		return s.activate(e, now)
	case wire.OpLifecycle:
		return s.lifecycle(e, c.info, now)
	}
	return s.erase(e)
}

func (s *Simulator) create(in info, now time.Time) (reply, change) {
	for _, f := range []struct{ name, value string }{
		{"endpointName", in.Name}, {"planId", string(in.PlanID)},
		{"serviceProfileId", string(in.ServiceProfileID)}, {"simProductId", string(in.SIMProductID)},
	} {
		if f.value == "" {
			return refuse(codeInvalid, "invalid "+f.name+": missing"), change{}
		}
	}
	if bad := s.cat.check(in); bad != "" {
		return refuse(codeInvalid, bad), change{}
	}
	e := &endpoint{seq: s.nextID, created: now}
	e.ID = s.newID()
	e.Fields = fleet.Fields{Name: in.Name, PlanID: in.PlanID, ServiceProfileID: in.ServiceProfileID,
		APNGroupID: in.APNGroupID, SIMProductID: in.SIMProductID}
	e.Status = s.set.initial
	return reply{outer: "0", inner: codeCreated, text: "endpoint created", echo: e.ID, top: true}, change{endpoint: e}
}

// newID gives an id that no endpoint has or had.
func (s *Simulator) newID() fleet.ID {
	for {
		id := fleet.ID(strconv.FormatUint(s.nextID, 10))
		s.nextID++
		if _, gone := s.gone[id]; !gone && s.live.endpoints[id] == nil {
			return id
		}
	}
}

// modify sets what is given (documented: name, plan and APN group; nothing
// else can be modified).
func (s *Simulator) modify(e *endpoint, in info) (reply, change) {
	switch {
	case in.ServiceProfileID != "":
		return refuse(codeInvalid, "invalid serviceProfileId: cannot be modified"), change{}
	case in.SIMProductID != "":
		return refuse(codeInvalid, "invalid simProductId: cannot be modified"), change{}
	case in.Name == "" && in.PlanID == "" && in.APNGroupID == "":
		return refuse(codeInvalid, "nothing to modify: endpointName, planId and apnGroupId are missing"), change{}
	}
	if bad := s.cat.check(in); bad != "" {
		return refuse(codeInvalid, bad), change{}
	}
	next := *e
	if in.Name != "" {
		next.Name = in.Name
	}
	if in.PlanID != "" {
		next.PlanID = in.PlanID
	}
	if in.APNGroupID != "" {
		next.APNGroupID = in.APNGroupID
	}
	return accept(codeModified, "endpoint modified", e), change{endpoint: &next}
}

// link takes a SIM that is ready, free and of the endpoint's product
// (documented: ready and free; assumed: the product). An endpoint of the
// collection has no product before its first SIM.
func (s *Simulator) link(e *endpoint, in info) (reply, change) {
	if in.ICCID == "" {
		return refuse(codeInvalid, "invalid iccid: missing"), change{}
	}
	if e.ICCID != "" || e.Status != fleet.StatusPreActive && e.Status != fleet.StatusHold {
		return refuse(codeConflict, "the endpoint is "+string(e.Status)+" and cannot take a SIM"), change{}
	}
	k := s.live.card(in.ICCID)
	switch {
	case k == nil:
		return refuse(codeInvalid, "invalid iccid "+string(in.ICCID)+": not in stock"), change{}
	case k.endpoint != "":
		return refuse(codeConflict, "SIM "+string(in.ICCID)+" is in use"), change{}
	case k.status != fleet.SIMReady:
		return refuse(codeConflict, "SIM "+string(in.ICCID)+" is "+string(k.status)+", not "+string(fleet.SIMReady)), change{}
	case e.SIMProductID != "" && k.product != e.SIMProductID:
		return refuse(codeConflict, "SIM "+string(in.ICCID)+" is of product "+string(k.product)+", not "+string(e.SIMProductID)), change{}
	}
	next := *e
	next.ICCID, next.SIMProductID, next.Status = k.iccid, k.product, fleet.StatusPreActive
	return accept(codeLinked, "SIM linked", e), change{endpoint: &next, card: k.with(fleet.SIMPreActive, e.ID)}
}

func (k *card) with(status fleet.SIMStatus, id fleet.ID) *card {
	next := *k
	next.status, next.endpoint = status, id
	return &next
}

func (s *Simulator) delink(e *endpoint, in info) (reply, change) {
	switch {
	case e.ICCID == "":
		return refuse(codeNoSIM, "no SIM is attached"), change{}
	case in.ICCID != "" && !in.ICCID.Equal(e.ICCID):
		return refuse(codeConflict, "another SIM than "+string(in.ICCID)+" is attached"), change{}
	}
	next := *e
	next.ICCID, next.Status = "", fleet.StatusHold
	return accept(codeDelinked, "SIM delinked", e),
		change{endpoint: &next, card: s.live.card(e.ICCID).with(fleet.SIMReady, "")}
}

func (s *Simulator) activate(e *endpoint, now time.Time) (reply, change) {
	switch {
	case e.ICCID == "":
		return refuse(codeNoSIM, "no SIM is attached"), change{}
	case e.Status == fleet.StatusActive:
		return refuse(codeActive, "the endpoint is active already"), change{}
	case e.Status != fleet.StatusPreActive:
		return refuse(codeConflict, "the endpoint is "+string(e.Status)+" and cannot be activated"), change{}
	}
	return s.move(e, fleet.StatusActive, codeActivated, now)
}

// lifecycle takes A (active) and S (suspended), with one of the three reasons
// (observed).
func (s *Simulator) lifecycle(e *endpoint, in info, now time.Time) (reply, change) {
	if in.Reason != "1" && in.Reason != "2" && in.Reason != "3" {
		return refuse(codeInvalid, "invalid reason "+in.Reason+": want 1, 2 or 3"), change{}
	}
	switch in.LifeCycle {
	case "A":
		return s.resume(e, now)
	case "S":
		return s.suspend(e, now)
	}
	return refuse(codeInvalid, "invalid lifeCycle "+in.LifeCycle+": want A or S"), change{}
}

func (s *Simulator) resume(e *endpoint, now time.Time) (reply, change) {
	switch {
	case e.ICCID == "":
		return refuse(codeNoSIM, "no SIM is attached"), change{}
	case e.Status == fleet.StatusActive:
		return refuse(codeSameState, "the endpoint is in that state already"), change{}
	}
	return s.move(e, fleet.StatusActive, codeMoved, now)
}

func (s *Simulator) suspend(e *endpoint, now time.Time) (reply, change) {
	switch e.Status {
	case fleet.StatusSuspended:
		return refuse(codeSameState, "the endpoint is in that state already"), change{}
	case fleet.StatusActive:
		return s.move(e, fleet.StatusSuspended, codeMoved, now)
	}
	return refuse(codeConflict, "the endpoint is "+string(e.Status)+" and cannot be suspended"), change{}
}

// move changes the state of an endpoint and of its SIM, which share it. The
// way from Pre-Active to Active is what is billed.
func (s *Simulator) move(e *endpoint, to fleet.Status, code string, now time.Time) (reply, change) {
	next := *e
	next.Status = to
	ch := change{endpoint: &next}
	if k := s.live.card(e.ICCID); k != nil {
		ch.card = k.with(fleet.SIMStatus(to), e.ID)
	}
	if e.Status == fleet.StatusPreActive && to == fleet.StatusActive {
		ch.billed = e.ID
		if next.activated.IsZero() {
			next.activated = now
		}
	}
	r := accept(code, "the endpoint is "+string(to), e)
	r.from, r.to = e.Status, to
	return r, ch
}

func (s *Simulator) erase(e *endpoint) (reply, change) {
	if e.ICCID != "" || e.Status != fleet.StatusPreActive && e.Status != fleet.StatusHold {
		return refuse(codeConflict, "the endpoint is "+string(e.Status)+" with a SIM attached"), change{}
	}
	return accept(codeDeleted, "endpoint deleted", e), change{removed: e}
}
