package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// decodeRequest reads the body of a call of the collection: the endpoint's id
// beside requestParam (observed). Keys match in their exact letter case.
func (c *call) decodeRequest(data []byte) {
	var request, param map[string]json.RawMessage
	if json.Unmarshal(data, &request) != nil || request == nil {
		c.bad = "Request is not an object"
		return
	}
	if id, ok := request["endPointId"]; ok {
		c.info.EndpointID = c.id("endPointId", id)
	}
	if data, ok := request["requestParam"]; ok && json.Unmarshal(data, &param) != nil {
		c.bad = "requestParam is not an object"
		return
	}
	if param == nil && c.route.op == wire.OpCreate {
		c.bad = "Request has no requestParam"
		return
	}
	for name, data := range param {
		c.setParam(name, data)
	}
	c.checkModify()
}

// checkModify keeps the two calls that modify apart: a rate plan changes by a
// call of its own (observed), and by that only (assumed).
func (c *call) checkModify() {
	switch {
	case c.bad != "" || c.route.method != "PATCH" && c.route.path != changePlan:
	case c.route.path != changePlan && c.info.PlanID != "":
		c.bad = "invalid planId: it is changed by ChangePlan"
	case c.route.path == changePlan && c.info.PlanID == "":
		c.bad = "invalid planId: missing"
	case c.route.path == changePlan:
		c.info = info{EndpointID: c.info.EndpointID, PlanID: c.info.PlanID}
	}
}

func (c *call) setParam(name string, data []byte) {
	i := &c.info
	switch name {
	case "addonPlanIds", "addAddonPlanIds":
		i.AddPlans = c.ids(name, data)
	case "removeAddonUniqueIds":
		i.RemoveAddons = c.ids(name, data)
	case "name":
		i.Name = c.text(name, data)
	case "isLinkSIM":
		i.LinkSIM = c.text(name, data)
	case "isDefaultActivation":
		i.Activation = c.text(name, data)
	case "roamingProfileId":
		i.RoamingProfileID = c.id(name, data)
	case "monthlyLimit":
		i.MonthlyLimit = c.text(name, data)
	case "planId", "apnGroupId", "iccid", "lifeCycle", "reason":
		i.set(name, c.text(name, data))
	}
}

// text reads a value of a body. Only the id of a plan was seen as a number.
func (c *call) text(name string, data []byte) string {
	var v scalar
	if err := json.Unmarshal(data, &v); err != nil {
		c.bad = "invalid " + name + ": " + err.Error()
	}
	if v.number && name != "planId" {
		c.bad = "invalid " + name + ": a number, want a text"
	}
	return v.text
}

func (c *call) id(name string, data []byte) fleet.ID { return fleet.ID(c.text(name, data)) }

func (c *call) ids(name string, data []byte) []fleet.ID {
	var values []scalar
	if json.Unmarshal(data, &values) != nil {
		c.bad = "invalid " + name + ": want a list of texts"
		return nil
	}
	var ids []fleet.ID
	for _, v := range values {
		ids = append(ids, fleet.ID(v.text))
	}
	return ids
}

func (s *Simulator) createIn(c *call, now time.Time) (reply, change) {
	if c.route.speech != collection {
		return s.create(c.info, now)
	}
	r, ch := s.createFolded(c.info, now)
	if r.outer == "0" && c.partly() {
		return s.createFolded(c.part(), now)
	}
	return r, ch
}

// rides names what a create is to do along.
func (c *call) rides() string {
	switch {
	case c.route.op != wire.OpCreate || c.info.LinkSIM != "true":
		return ""
	case c.info.Activation != "true":
		return "link"
	}
	return "link activate"
}

// partly says whether the call does only a part of what it was asked for.
func (c *call) partly() bool {
	return c.rides() != "" && (c.effect == MadeOnly || c.effect == MadeFirst || c.effect == LinkedOnly)
}

// part is what a create does at once of what it was asked for.
func (c *call) part() info {
	in := c.info
	if in.Activation = "false"; c.effect != LinkedOnly {
		in.LinkSIM = "false"
	}
	return in
}

// along notes what a create did along, and has what is left of it done later.
func (s *Simulator) along(c *call, at time.Time) {
	e := c.entry
	switch e.Also, e.AlsoAt = c.rides(), at; {
	case c.partly() && c.effect == LinkedOnly:
		e.Also = "link"
	case c.partly():
		e.Also, e.AlsoAt = "", time.Time{}
	case e.Also == "":
		e.AlsoAt = time.Time{}
	}
	if c.effect == MadeFirst && c.rides() != "" {
		s.later(c, at.Add(c.delay))
	}
}

// later has link and activation done as if by calls of their own.
func (s *Simulator) later(c *call, at time.Time) {
	what := info{EndpointID: c.entry.EndpointID, ICCID: c.info.ICCID}
	for op := range strings.FieldsSeq(c.rides()) {
		rest := &call{route: route{op: ops[op], speech: collection}, info: what, entry: &Entry{}}
		s.enqueue(&job{call: rest, at: at, of: c.entry})
	}
}

// ops are the operations that ride in a create.
var ops = map[string]wire.Op{"link": wire.OpLink, "activate": wire.OpActivate}

// createFolded makes an endpoint, links its SIM and activates it, all or nothing
// (assumed). Name, isLinkSIM and roaming profile are documented as mandatory,
// and the ICCID with a link; rate plan and APN group are assumed to be.
func (s *Simulator) createFolded(in info, now time.Time) (reply, change) {
	if bad := s.badCreate(in); bad != "" {
		return refuse(codeInvalid, bad), change{}
	}
	e := &endpoint{seq: s.nextID, created: now}
	e.Fields, e.Status = in.values(), s.set.initial
	if in.LinkSIM == "true" {
		if r, _ := s.link(e, in); r.outer != "0" {
			return r, change{}
		}
	}
	e.ID = s.newID()
	e.add(in.AddPlans)
	return reply{outer: "0", inner: codeCreated, text: "endpoint created", echo: e.ID, top: true}, s.withSIM(e, in, now)
}

// values are what a create or a patch sets.
func (in info) values() fleet.Fields {
	return fleet.Fields{Name: in.Name, PlanID: in.PlanID, APNGroupID: in.APNGroupID, RoamingProfileID: in.RoamingProfileID, MonthlyLimit: in.MonthlyLimit}
}

// withSIM is the change that a create makes, with what folds into it.
func (s *Simulator) withSIM(e *endpoint, in info, now time.Time) change {
	if in.LinkSIM != "true" {
		return change{endpoint: e}
	}
	_, ch := s.link(e, in)
	if in.Activation == "true" {
		_, ch = s.move(ch.endpoint, fleet.StatusActive, codeActivated, now)
	}
	return ch
}

func (s *Simulator) badCreate(in info) string {
	for _, f := range []struct{ name, value string }{
		{"name", in.Name}, {"isLinkSIM", in.LinkSIM}, {"roamingProfileId", string(in.RoamingProfileID)},
		{"planId", string(in.PlanID)}, {"apnGroupId", string(in.APNGroupID)},
	} {
		if f.value == "" {
			return "invalid " + f.name + ": missing"
		}
	}
	switch {
	case in.LinkSIM != "true" && in.LinkSIM != "false":
		return "invalid isLinkSIM " + in.LinkSIM + `: want "true" or "false"`
	case in.Activation != "true" && in.Activation != "false" && in.Activation != "":
		return "invalid isDefaultActivation " + in.Activation + `: want "true" or "false"`
	case in.Activation == "true" && in.LinkSIM != "true":
		return "invalid isDefaultActivation: there is no SIM to activate"
	}
	return s.badValues(in)
}

func (s *Simulator) badValues(in info) string {
	if bad := s.cat.check(in); bad != "" {
		return bad
	}
	for _, id := range in.AddPlans {
		if len(only(s.cat.Plans, id)) == 0 {
			return "invalid add-on plan " + string(id) + ": not in the catalogue"
		}
	}
	return s.cat.badRoaming(in.RoamingProfileID)
}

// badRoaming checks an id, or several with a pipe between (observed).
func (c *Catalogue) badRoaming(ids fleet.ID) string {
	if ids == "" || len(c.RoamingProfiles) == 0 {
		return ""
	}
	for id := range strings.SplitSeq(string(ids), "|") {
		if len(only(c.RoamingProfiles, fleet.ID(id))) == 0 {
			return "invalid roamingProfileId " + id + ": not in the catalogue"
		}
	}
	return ""
}

// patch sets what is given: a rate plan by itself, or any of the other values
// (documented, under the names that create has for them, which is assumed).
func (s *Simulator) patch(e *endpoint, in info) (reply, change) {
	if bad := s.badValues(in); bad != "" {
		return refuse(codeInvalid, bad), change{}
	}
	next := *e
	set := in.values()
	for _, f := range fleet.AllFields {
		if value := set.Get(f); value != "" {
			next.Set(f, value)
		}
	}
	switch {
	case set == (fleet.Fields{}) && len(in.AddPlans)+len(in.RemoveAddons) == 0:
		return refuse(codeInvalid, "nothing to modify in requestParam"), change{}
	case !next.drop(in.RemoveAddons):
		return refuse(codeInvalid, "invalid removeAddonUniqueIds: not an add-on of the endpoint"), change{}
	}
	next.add(in.AddPlans)
	code := codeModified
	if in.PlanID != "" {
		code = codePlanChanged
	}
	return accept(code, "endpoint modified", e), change{endpoint: &next}
}

// add gives an endpoint add-on plans, each under an id of its own.
func (e *endpoint) add(plans []fleet.ID) {
	e.Addons = slices.Clone(e.Addons)
	for _, id := range plans {
		e.AddonsSoFar++
		e.Addons = append(e.Addons, addon{fleet.ID(fmt.Sprintf("%s%03d", e.ID, e.AddonsSoFar)), id})
	}
}

func (e *endpoint) drop(ids []fleet.ID) bool {
	before := len(e.Addons)
	e.Addons = slices.DeleteFunc(slices.Clone(e.Addons), func(a addon) bool { return slices.Contains(ids, a.UniqueID) })
	return before-len(e.Addons) == len(ids)
}

// listCollection answers GetEndpoints, which was not seen to take an id, and
// GetEndPointProfile, which takes nothing else.
func (s *Simulator) listCollection(c *call) reply {
	if c.route.path != profilePath {
		return s.pageOfEndpoints(c)
	}
	if c.about() == "" {
		return refuse(codeInvalid, "invalid endPointId: missing")
	}
	e := s.seen.endpoints[c.about()]
	if e == nil {
		return noData()
	}
	return reply{outer: "0", inner: codeGot, text: "found", profile: e}
}

// appendListed writes a GetEndpoints row (assumed throughout: only the call was
// observed).
func (s *Simulator) appendListed(b []byte, e *endpoint) []byte {
	b = append(b, '{')
	b = member(b, "endPointId", string(e.ID))
	b = member(b, "name", e.Name)
	if !s.set.bareListing {
		b = member(b, "iccid", dash(string(e.ICCID)))
		b = member(b, "status", string(e.Status))
	}
	b = appendValues(b, e)
	return append(b, '}')
}

func appendValues(b []byte, e *endpoint) []byte {
	b = member(b, "planId", dash(string(e.PlanID)))
	b = member(b, "apnGroupId", dash(string(e.APNGroupID)))
	return member(b, "roamingProfileId", dash(string(e.RoamingProfileID)))
}

// appendProfile writes what stands under info: first what was observed, then, on
// demand left out, what is assumed. That add-on plans are the promotional ones is
// assumed.
func (s *Simulator) appendProfile(b []byte, e *endpoint) []byte {
	b = append(b, `{"basicInfo":{`...)
	b = member(b, "iccid", dash(string(e.ICCID)))
	b = member(b, "name", e.Name)
	b = append(b, `,"msisdn":"-","imsi":"-","imeiLockStatus":"-"`...)
	if !s.set.observedProfile {
		b = member(b, "endPointId", string(e.ID))
		b = member(b, "status", string(e.Status))
		b = appendValues(b, e)
		b = member(b, "monthlyLimit", dash(e.MonthlyLimit))
	}
	b = append(b, `},"promotionalPlans":{"plan":[`...)
	for i, a := range e.Addons {
		b = append(comma(b, i), '{')
		b = member(b, "uniqueId", string(a.UniqueID))
		b = member(b, "planId", string(a.PlanID))
		b = member(b, "planName", s.cat.name(s.cat.Plans, a.PlanID))
		b = append(b, '}')
	}
	return append(b, `]},"benefitInfo":{"benefit":[]}}`...)
}
