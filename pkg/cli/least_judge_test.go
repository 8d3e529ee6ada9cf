package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// The judge knows what the planner ought to do without knowing how it does it. It
// searches the shortest way from what is live to what is wanted, asks the platform
// by HTTP what each call does, and holds each call against the rules of the
// contract.

// plight is the situation of one endpoint, and whether its neighbour has the card
// that is wanted for it.
type plight struct {
	there bool
	fleet.Fields
	status fleet.Status
	held   bool
}

func (p plight) String() string {
	if !p.there {
		return fmt.Sprintf("nothing (card held: %t)", p.held)
	}
	return fmt.Sprintf("%s %+v (card held: %t)", p.status, p.Fields, p.held)
}

// The subject's and its neighbour's ids and names, and the cards. The wanted one
// may be the neighbour's.
const (
	subjectID, neighbourID     = "1", "2"
	subjectName, neighbourName = "m", "neighbour"
)

var (
	judged     = simulator.Range("8932042000001234000", 3, "7")
	ownCard    = judged[0].ICCID
	newCard    = judged[1].ICCID
	farCard    = judged[2].ICCID
	mismatched = simulator.Range("8932042000002000000", 1, "8")[0].ICCID
	unstocked  = simulator.Range("8932042000009999000", 1, "7")[0].ICCID
)

// platform is one with the subject in its situation, and the neighbour.
func (p plight) platform(initial fleet.Status) *simulator.Simulator {
	neighbour := fleet.Endpoint{ID: neighbourID, Fields: fleet.Fields{Name: neighbourName, PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7", ICCID: farCard}, Status: fleet.StatusActive}
	if p.held {
		neighbour.ICCID = newCard
	}
	live := []fleet.Endpoint{neighbour}
	if p.there {
		live = append(live, fleet.Endpoint{ID: subjectID, Fields: p.Fields, Status: p.status})
	}
	return simulator.New(simulator.WithInitialStatus(initial),
		simulator.WithStock(simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: append(judged[:3:3], simulator.Card{ICCID: mismatched, Product: "8"}), Endpoints: live}))
}

// raw is a mutating call as it travels, by its path in the documented dialect.
type raw struct {
	path      string
	neighbour bool // it is not about the subject
	fleet.Fields
	lifeCycle string
	starts    bool // a create that activates too
}

// The calls; in the collection a create may have a SIM and activate.
var (
	rawDelink   = raw{path: "delinkSim"}
	rawActivate = raw{path: "activateEndpoint"}
	rawResume   = raw{path: "changeEndpointLifecycle", lifeCycle: "A"}
	rawSuspend  = raw{path: "changeEndpointLifecycle", lifeCycle: "S"}
	rawDelete   = raw{path: "deleteEndpoint"}
	rawRelease  = raw{path: "delinkSim", neighbour: true}
)

func rawCreate(f fleet.Fields) raw { f.ICCID = ""; return raw{path: "createEndpoint", Fields: f} }
func rawModify(f fleet.Fields) raw { return raw{path: "modifyEndpoint", Fields: f} }
func rawLink(card fleet.ICCID) raw {
	return raw{path: "linkSim", Fields: fleet.Fields{ICCID: card}}
}

// speech is how calls travel in a dialect.
type speech struct {
	list string // the path of the listing
	id   string // what it calls an endpoint's id, and its name
	name string
	say  func(raw) (method, path, body string)
}

var speeches = map[wire.Dialect]speech{
	wire.EndpointInfo{}: {"GetEndpoint", "endpointId", "endpointName", func(c raw) (string, string, string) { return "POST", c.path, c.body() }},
	wire.Collection{}:   {"GetEndpoints", "endPointId", "name", raw.collected},
}

// collected is a call in the collection.
func (c raw) collected() (method, path, body string) {
	method, path = "POST", map[string]string{"createEndpoint": "CreateEndPoint", "modifyEndpoint": "ChangePlan", "linkSim": "LinkSim", "delinkSim": "DeLinkSim",
		"activateEndpoint": "EndPointActivation", "changeEndpointLifecycle": "EndPointLifeCycleChange", "deleteEndpoint": "DeleteEndPoint"}[c.path]
	if c.path == "modifyEndpoint" && c.PlanID == "" {
		method, path = "PATCH", "endpoint"
	}
	param := map[string]string{}
	for _, f := range fleet.AllFields {
		if value := c.Get(f); value != "" && f != fleet.FieldName {
			param[f.String()] = value
		}
	}
	if c.Name != "" {
		param["name"] = c.Name
	}
	request := map[string]any{"requestParam": param}
	switch {
	case c.neighbour:
		request["endPointId"] = neighbourID
	case c.path != "createEndpoint":
		request["endPointId"] = subjectID
	default:
		param["isLinkSIM"], param["isDefaultActivation"] = fmt.Sprint(c.ICCID != ""), fmt.Sprint(c.starts)
	}
	if c.lifeCycle != "" {
		param["lifeCycle"], param["reason"] = c.lifeCycle, "1"
	}
	data, _ := json.Marshal(map[string]any{"Request": request}) // texts always marshal
	return method, path, string(data)
}

func (c raw) body() string {
	info := map[string]string{}
	for _, f := range fleet.AllFields {
		if value := c.Get(f); value != "" {
			info[f.String()] = value
		}
	}
	switch {
	case c.neighbour:
		info["endpointId"] = neighbourID
	case c.path != "createEndpoint":
		info["endpointId"] = subjectID
	}
	if c.lifeCycle != "" {
		info["lifeCycle"], info["reason"] = c.lifeCycle, "1"
	}
	body, _ := json.Marshal(map[string]any{"endpointInfo": info}) // texts always marshal
	return string(body)
}

// judge remembers what the platform answered.
type judge struct {
	initial fleet.Status // of new endpoints
	dialect wire.Dialect
	answers map[question]reaction
}

type question struct {
	at   plight
	call raw
}

type reaction struct {
	then plight
	code string
	done bool
}

func newJudge(initial fleet.Status, dialect wire.Dialect) *judge {
	return &judge{initial: initial, dialect: dialect, answers: map[question]reaction{}}
}

// ask finds out what a call does to an endpoint in a situation.
func (j *judge) ask(at plight, call raw) reaction {
	q := question{at, call}
	a, known := j.answers[q]
	if known {
		return a
	}
	sim := at.platform(j.initial)
	token := exchange(sim, "POST", "login", "", `{"username":"ann","password":"pw"}`).Token
	speech := speeches[j.dialect]
	method, path, body := speech.say(call)
	reply := exchange(sim, method, path, token, body).Response
	a = reaction{then: speech.plightOf(exchange(sim, "GET", speech.list, token, "").Response.Param.Rows), code: reply.Param1.Code, done: reply.Code == "0"}
	j.answers[q] = a
	return a
}

// heard is what the judge understands of a reply.
type heard struct {
	Token    string `json:"AccessToken"`
	Response struct {
		Code   string `json:"resultCode"`
		Param1 struct {
			Code string `json:"resultCode"`
		} `json:"resultParam"`
		Param struct {
			Rows []map[string]string `json:"rows"`
		} `json:"responseParam"`
	} `json:"Response"`
}

// exchange sends one request to a platform.
func exchange(sim http.Handler, method, path, token, body string) (h heard) {
	r := httptest.NewRequest(method, "/api/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || w.Code != http.StatusOK {
		panic(fmt.Sprintf("%s %s: HTTP %d %v: %s", method, path, w.Code, err, w.Body))
	}
	return h
}

// plightOf reads a listing.
func (s speech) plightOf(rows []map[string]string) (p plight) {
	for _, row := range rows {
		row["endpointName"] = row[s.name]
		given := func(f fleet.Field) string { return strings.TrimPrefix(row[f.String()], "-") }
		if row[s.id] == neighbourID {
			p.held = fleet.ICCID(given(fleet.FieldICCID)) == newCard
			continue
		}
		p.there, p.status = true, fleet.Status(row["status"])
		for _, f := range fleet.AllFields {
			p.Set(f, given(f))
		}
	}
	return p
}

// matter is that of one row: what is live, what it wants, and what the contract says about
// the two. Values and names are compared in the form that the platform has.
type matter struct {
	dialect    wire.Dialect
	start      plight
	product    fleet.ID // of which the card has to be, also where the dialect does not set it
	want       fleet.Spec
	protected  bool // the subject
	guarded    bool // the neighbour is protected
	nameTaken  bool // another endpoint bears the wanted name and keeps it
	unreported fleet.FieldSet
}

func (m matter) String() string {
	return fmt.Sprintf("live: %s, not reported: %s\nwanted: %+v, id %q, previous name %q, state %q, clear %t, relink %t, key %s\nprotected: %t, its neighbour: %t, name taken: %t", m.start, m.unreported,
		m.want.Fields, m.want.ID, m.want.PreviousName, m.want.State, m.want.ClearSIM, m.want.Relink, m.want.Key, m.protected, m.guarded, m.nameTaken)
}

// The parts of a wish that are done or refused apart from each other: each value,
// and the SIM with the state, for which this one stands.
const simAndState = fleet.FieldSet(fleet.FieldICCID)

var valueParts = [...]fleet.Field{fleet.FieldName, fleet.FieldPlan, fleet.FieldServiceProfile, fleet.FieldAPNGroup, fleet.FieldSIMProduct, fleet.FieldRoamingProfile}

// wishes are the parts that the row is about.
func (m matter) wishes() fleet.FieldSet { return m.want.Given() | simAndState }

// met says whether an endpoint is as wanted in some parts.
func (m matter) met(parts fleet.FieldSet, p plight) bool {
	if m.want.State == fleet.StateAbsent || !p.there {
		return !p.there && m.want.State == fleet.StateAbsent
	}
	for _, f := range valueParts {
		if parts.Has(f) && p.Get(f) != m.want.Get(f) {
			return false
		}
	}
	return parts&simAndState == 0 || m.cardMet(p) && m.stateMet(p)
}

func (m matter) cardMet(p plight) bool {
	switch {
	case m.want.ClearSIM:
		return p.ICCID == ""
	case m.want.ICCID != "":
		return p.ICCID == m.want.ICCID
	}
	return p.ICCID == m.start.ICCID
}

// idle is neither active nor suspended; which of the two an endpoint without a SIM
// is in depends on the platform.
func idle(s fleet.Status) bool { return s == fleet.StatusPreActive || s == fleet.StatusHold }

func (m matter) stateMet(p plight) bool {
	switch m.want.State {
	case fleet.StateActive:
		return p.status == fleet.StatusActive
	case fleet.StateSuspended:
		return p.status == fleet.StatusSuspended
	case fleet.StatePreActive:
		return idle(p.status)
	}
	// Where no state is managed it stays, but that nothing without a SIM is active.
	return idle(p.status) && (m.want.ClearSIM || !m.start.there || idle(m.start.status)) || p.status == m.start.status
}

// left says whether an endpoint is as it was in all other parts.
func (m matter) left(parts fleet.FieldSet, p plight) bool {
	if m.want.State == fleet.StateAbsent || !m.start.there && !p.there {
		return true
	}
	for _, f := range valueParts {
		if !parts.Has(f) && p.Get(f) != m.start.Get(f) {
			return false
		}
	}
	return parts&simAndState != 0 || p.ICCID == m.start.ICCID && p.status == m.start.status
}

// ends says whether a status is one in which the row may end.
func (m matter) ends(status fleet.Status) bool {
	return m.stateMet(plight{status: status})
}

// permits says whether the rules allow a call that the platform does.
func (m matter) permits(from plight, call raw, to plight) bool {
	w := m.want
	switch {
	case call.path == "createEndpoint": // nothing live is made anew, nothing unknown is made
		return !m.start.there && w.ID == "" && w.State != fleet.StateAbsent && (call.ICCID == "" || m.fits(call.ICCID)) && (!call.starts || m.ends(fleet.StatusActive))
	case call.path == "deleteEndpoint": // a drift is never solved by deleting
		return w.State == fleet.StateAbsent && !m.protected
	case call == rawRelease:
		return w.Relink && !m.guarded
	case call == rawDelink:
		return !m.protected && (w.State == fleet.StateAbsent || w.ClearSIM || w.ICCID != "" && w.ICCID != m.start.ICCID)
	case call.path == "linkSim":
		return m.fits(call.ICCID)
	case to.status == fleet.StatusActive && from.status != to.status: // each by its own call
		return m.ends(to.status) && (call == rawActivate) == (from.status == fleet.StatusPreActive)
	case to.status == fleet.StatusSuspended && from.status != to.status:
		return m.ends(to.status) && !m.protected
	case call.path == "modifyEndpoint" && call.Name != "": // rows are told apart by their names
		return !m.protected && !m.nameTaken
	}
	return true
}

// fits says whether a card is the wanted one, and of the wanted product.
func (m matter) fits(card fleet.ICCID) bool {
	product := fleet.ID("7")
	if card == mismatched {
		product = "8"
	}
	return card == m.want.ICCID && (m.product == "" || m.product == product)
}

// creates are the calls that make the endpoint.
func (m matter) creates() []raw {
	bare := rawCreate(m.want.Fields)
	if m.dialect != (wire.Collection{}) || m.want.ICCID == "" {
		return []raw{bare, rawRelease}
	}
	linked := bare
	linked.ICCID = m.want.ICCID
	active := linked
	active.starts = true
	return []raw{bare, linked, active, rawRelease}
}

// calls are those that might lead on from a situation.
func (m matter) calls(parts fleet.FieldSet, p plight) []raw {
	if !p.there {
		return m.creates()
	}
	calls := []raw{rawDelink, rawActivate, rawResume, rawSuspend, rawDelete, rawRelease}
	if m.want.ICCID != "" {
		calls = append(calls, rawLink(m.want.ICCID))
	}
	sets := []fleet.Fields{{}}
	for _, f := range valueParts {
		if parts.Has(f) && m.want.Get(f) != "" && m.want.Get(f) != p.Get(f) {
			for _, set := range slices.Clone(sets) {
				set.Set(f, m.want.Get(f))
				sets = append(sets, set)
			}
		}
	}
	for _, set := range sets[1:] {
		if mixed := set.PlanID != "" && set != (fleet.Fields{PlanID: set.PlanID}); mixed && m.dialect == (wire.Collection{}) {
			continue // a rate plan has a call of its own
		}
		calls = append(calls, rawModify(set))
	}
	return calls
}

// search is the number of calls of the shortest way to some parts of what is
// wanted; false when there is none.
func (j *judge) search(m matter, parts fleet.FieldSet) (int, bool) {
	at, seen := []plight{m.start}, map[plight]bool{m.start: true}
	for steps := 0; len(at) > 0; steps++ {
		var next []plight
		for _, p := range at {
			if m.met(parts, p) && m.left(parts, p) {
				return steps, true
			}
			for _, call := range m.calls(parts, p) {
				a := j.ask(p, call)
				if a.done && !seen[a.then] && m.permits(p, call, a.then) {
					seen[a.then] = true
					next = append(next, a.then)
				}
			}
		}
		at = next
	}
	return 0, false
}

// verdict is what ought to become of a row.
type verdict struct {
	done    fleet.FieldSet
	refused fleet.FieldSet
	steps   int
}

// rule finds what of a row's wish can be done, and in how many steps. A new
// endpoint is made with all that is wanted of it, or not at all; of one that
// exists, what is not possible does not keep the rest from being done.
func (j *judge) rule(m matter) verdict {
	var v verdict
	v.done = m.wishes()
	whole := !m.start.there || m.want.State == fleet.StateAbsent
	for _, f := range append(valueParts[:], fleet.FieldICCID) {
		part := fleet.FieldSet(f)
		if whole || m.wishes()&part == 0 {
			continue
		}
		if _, ok := j.search(m, part); !ok || m.inTheDark(f) {
			v.done, v.refused = v.done&^part, v.refused|part
		}
	}
	steps, ok := j.search(m, v.done)
	if v.steps = steps; !ok {
		v.done, v.refused = 0, m.wishes()
	}
	return v
}

// inTheDark is where the contract refuses although the platform would do it:
// nobody knows what is there now, because the platform does not report it.
func (m matter) inTheDark(part fleet.Field) bool {
	if part != fleet.FieldICCID {
		return m.unreported.Has(part)
	}
	swaps := m.want.ICCID != "" && m.want.ICCID != m.start.ICCID
	return m.unreported.Has(fleet.FieldStatus) && (m.want.State != fleet.StateUnmanaged || swaps)
}
