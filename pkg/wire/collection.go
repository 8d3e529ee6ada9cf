package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"sftctl/pkg/fleet"
)

// Collection is the dialect that was observed answering: a body of Request and
// requestParam, and one call that creates, links and activates. Its paths and
// bodies were observed unless a comment says otherwise.
type Collection struct{}

// The paths. Modify has two; fetchSIM and the look-ups, but that of roaming
// profiles, are those of the documented dialect. That PATCH takes every value of an endpoint is documented.
var collectionPaths = map[Op]struct{ method, path string }{
	OpCreate:          {"POST", "/api/CreateEndPoint"},
	OpModify:          {"PATCH", "/api/endpoint"},
	OpLink:            {"POST", "/api/LinkSim"},
	OpDelink:          {"POST", "/api/DeLinkSim"},
	OpActivate:        {"POST", "/api/EndPointActivation"},
	OpLifecycle:       {"POST", "/api/EndPointLifeCycleChange"},
	OpDelete:          {"POST", "/api/DeleteEndPoint"},
	OpEndpoints:       {"GET", "/api/GetEndpoints"},
	OpSIMs:            endpointInfoPaths[OpSIMs],
	OpRatePlans:       endpointInfoPaths[OpRatePlans],
	OpServiceProfiles: endpointInfoPaths[OpServiceProfiles],
	OpAPNGroups:       endpointInfoPaths[OpAPNGroups],
	OpSIMProducts:     endpointInfoPaths[OpSIMProducts],
	OpRoamingProfiles: {"GET", "/api/GetRoamingProfiles"},
}

const (
	pathChangePlan = "/api/ChangePlan"
	pathProfile    = "/api/GetEndPointProfile"
)

// collectionCodes are the codes of the documented dialect, whose endpoint codes
// were observed in this one, with that of a change of rate plan (observed).
var collectionCodes = withModify(codes, "7001")

func withModify(tables map[Op]codeTable, success ...string) map[Op]codeTable {
	out := maps.Clone(tables)
	modify := out[OpModify]
	modify.success = success
	out[OpModify] = modify
	return out
}

// observed reads the answers of the collection.
var observed = reading{collectionCodes, collectionIDs}

// collectionIDs adds, for a create, the first row of responseParam: one client
// looks there too (observed).
func collectionIDs(op Op, env envelope) ([]fleet.ID, error) {
	ids, err := env.ids()
	if err != nil || op != OpCreate {
		return ids, err
	}
	var data struct {
		Rows []struct {
			EndPointID value `json:"endPointId"`
		} `json:"rows"`
	}
	if json.Unmarshal(env.ResponseParam, &data) == nil && len(data.Rows) > 0 {
		ids = append(ids, data.Rows[0].EndPointID.id())
	}
	return ids, nil
}

// requestBody is the body of every mutating call.
type requestBody struct {
	Request struct {
		EndPointID fleet.ID      `json:"endPointId,omitempty"`
		Param      *requestParam `json:"requestParam,omitempty"`
	} `json:"Request"`
}

// requestParam is what a call sets. Switches are texts (documented).
type requestParam struct {
	Name                string      `json:"name,omitempty"`
	IsLinkSIM           string      `json:"isLinkSIM,omitempty"`
	IsDefaultActivation string      `json:"isDefaultActivation,omitempty"`
	RoamingProfileID    fleet.ID    `json:"roamingProfileId,omitempty"`
	APNGroupID          fleet.ID    `json:"apnGroupId,omitempty"`
	PlanID              fleet.ID    `json:"planId,omitempty"`
	ICCID               fleet.ICCID `json:"iccid,omitempty"`
	MonthlyLimit        string      `json:"monthlyLimit,omitempty"` // a text (observed)
	AddonPlanIDs        []string    `json:"addonPlanIds,omitempty"` // a list (observed)
	LifeCycle           string      `json:"lifeCycle,omitempty"`    // A active, S suspend
	Reason              string      `json:"reason,omitempty"`       // 1 system
}

// Abilities of the collection: the rate plan has a call of its own, name, APN
// group and roaming profile travel together (documented; their spelling there is
// assumed to be that of create), and a create takes link and activation along.
// That a create needs name and roaming profile is documented; that it needs rate
// plan and APN group is assumed, since every client seen sends them. Services
// follow from the rate plan and the product is the SIM's, so neither is a field.
// Limit and add-ons were seen in a create only.
func (Collection) Abilities() fleet.Abilities {
	return fleet.Abilities{
		Dialect: "collection",
		Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldPlan),
			fleet.Fieldset(fleet.FieldName, fleet.FieldAPNGroup, fleet.FieldRoamingProfile)},
		Creates: fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldAPNGroup, fleet.FieldRoamingProfile),
		Folds:   []fleet.Action{fleet.Link, fleet.Activate},
		Lacks:   fleet.Fieldset(fleet.FieldServiceProfile, fleet.FieldSIMProduct),
		Silent:  fleet.Fieldset(fleet.FieldMonthlyLimit, fleet.FieldAddonPlans),
	}
}

// Call builds the request of a mutating call.
func (Collection) Call(call fleet.Call) (Request, error) {
	op, ok := actionOps[call.Action]
	if !ok {
		return Request{}, fmt.Errorf("no call for action %q", call.Action)
	}
	param, err := paramOf(call)
	if err != nil {
		return Request{}, fmt.Errorf("%s %s: %w", call.Action, fleet.Quote(call.Name), err)
	}
	var body requestBody
	body.Request.EndPointID, body.Request.Param = call.EndpointID, param
	data, err := json.Marshal(body)
	route := collectionPaths[op]
	if op == OpModify && param.PlanID != "" {
		route.method, route.path = "POST", pathChangePlan
	}
	return Request{Op: op, Method: route.method, Path: route.path, Body: data}, err
}

// paramOf is what a call sets; nil for one that only names its endpoint.
func paramOf(call fleet.Call) (*requestParam, error) {
	switch {
	case call.Action == fleet.Create && call.EndpointID == "":
		return createParam(call)
	case call.Action == fleet.Create:
		return nil, errors.New("a create names no endpoint id")
	case call.EndpointID == "" || call.EndpointID == "0":
		return nil, errors.New("no endpoint id")
	}
	switch call.Action {
	case fleet.Modify:
		return modifyParam(call.Fields)
	case fleet.Link:
		if call.Fields.ICCID == "" {
			return nil, errors.New("no iccid to link")
		}
		return &requestParam{ICCID: call.Fields.ICCID}, nil
	case fleet.Suspend:
		return &requestParam{LifeCycle: "S", Reason: reasonSystem}, nil
	case fleet.Resume:
		return &requestParam{LifeCycle: "A", Reason: reasonSystem}, nil
	}
	return nil, nil
}

// createParam refuses what the dialect cannot set.
func createParam(call fleet.Call) (*requestParam, error) {
	f, can := call.Fields, (Collection{}).Abilities()
	switch {
	case can.Creates&^f.Given() != 0:
		return nil, fmt.Errorf("create needs %s", can.Creates&^f.Given())
	case f.Given()&can.Lacks != 0:
		return nil, fmt.Errorf("create takes no %s", f.Given()&can.Lacks)
	case call.Activate && f.ICCID == "":
		return nil, errors.New("no iccid to activate")
	}
	return &requestParam{Name: f.Name, RoamingProfileID: f.RoamingProfileID, APNGroupID: f.APNGroupID, PlanID: f.PlanID,
		MonthlyLimit: f.MonthlyLimit, AddonPlanIDs: fleet.SplitList(string(f.AddonPlanIDs)),
		ICCID: f.ICCID, IsLinkSIM: strconv.FormatBool(f.ICCID != ""), IsDefaultActivation: strconv.FormatBool(call.Activate)}, nil
}

// modifyParam takes the fields of one call only.
func modifyParam(f fleet.Fields) (*requestParam, error) {
	for _, set := range (Collection{}).Abilities().Modifies {
		if f.Given() != 0 && f.Given()&^set == 0 {
			return &requestParam{Name: f.Name, RoamingProfileID: f.RoamingProfileID, APNGroupID: f.APNGroupID, PlanID: f.PlanID}, nil
		}
	}
	return nil, fmt.Errorf("modify sets %q in one call, want one of %s", f.Given(), (Collection{}).Abilities().Modifies)
}

// ReadCall reads the answer to a mutating call. A create that gives no id was
// observed; it is MissingData, and the SIM then tells which endpoint it has.
func (Collection) ReadCall(call fleet.Call, reply Reply) (fleet.ID, string, error) {
	return observed.readCall(call, reply)
}

// Query builds the request for a page of a listing. One endpoint is asked for by
// its profile, for which the platform takes up to 180 s (documented). Paging was
// observed for fetchSIM, with a page count beside responseParam, and is assumed
// for GetEndpoints.
func (Collection) Query(q fleet.Query) (Request, error) {
	op, ok := listOps[q.List]
	if !ok {
		return Request{}, fmt.Errorf("no query for %s", q.List)
	}
	route, query := collectionPaths[op], filter(q)
	req := Request{Op: op, Method: route.method, Path: route.path, Query: query}
	if q.List == fleet.Endpoints && q.ID != "" {
		req.Path, req.Slow = pathProfile, true
		query.Set("endPointId", string(q.ID))
	}
	return req, nil
}

// ReadQuery reads a page of a listing, or the profile of one endpoint.
func (Collection) ReadQuery(q fleet.Query, reply Reply) (fleet.Page, error) {
	return observed.readQuery(q, reply, func(env envelope) (fleet.Page, error) {
		if q.List == fleet.Endpoints && q.ID != "" {
			return readProfile(q, env)
		}
		return readPage(q, env, readListed)
	})
}

// Follow asks for the SIM of an endpoint whose profile does not say its state:
// none was seen to, and while they are linked the two share it (documented).
func (Collection) Follow(q fleet.Query, page fleet.Page) (fleet.Query, bool) {
	if q.List != fleet.Endpoints || q.ID == "" || len(page.Endpoints) != 1 {
		return fleet.Query{}, false
	}
	e := page.Endpoints[0]
	return fleet.Query{List: fleet.SIMs, ICCID: e.ICCID, Settles: q.Settles}, e.ICCID != "" && !e.Reported.Has(fleet.FieldStatus)
}

// Fill takes the state from a SIM that is linked to the endpoint. A SIM that is
// not has moved in between, and the state stays unreported.
func (Collection) Fill(page, more fleet.Page) fleet.Page {
	for _, sim := range more.SIMs {
		if e := &page.Endpoints[0]; sim.EndpointID == e.ID && sim.Shared() != "" {
			e.Status = sim.Shared()
			e.Reported |= fleet.Fieldset(fleet.FieldStatus)
		}
	}
	return page
}

// listedRow is a GetEndpoints row: the documented dialect's with the roaming
// profile and the limit (assumed throughout; only the call was observed).
type listedRow struct {
	endpointRow
	RoamingProfileID value  `json:"roamingProfileId"`
	MonthlyLimit     amount `json:"monthlyLimit"`
}

func (row listedRow) endpoint() fleet.Endpoint {
	e := row.endpointRow.endpoint()
	for field, v := range map[fleet.Field]value{fleet.FieldRoamingProfile: row.RoamingProfileID, fleet.FieldMonthlyLimit: row.MonthlyLimit.value} {
		if v.given {
			e.Reported |= fleet.Fieldset(field)
			e.Set(field, v.text)
		}
	}
	return e
}

// amount is a value that may be any number. Nobody was seen to read one in a
// row, so one that cannot be read says nothing, and the row stands.
type amount struct{ value }

// UnmarshalJSON reads a text, a number or null.
func (a *amount) UnmarshalJSON(data []byte) error {
	var number json.Number
	if json.Unmarshal(data, &number) == nil && number != "" {
		a.value = value{number.String(), true}
	} else {
		_ = a.value.UnmarshalJSON(data)
	}
	return nil
}

func readListed(data []byte, asked fleet.ID, page *fleet.Page) error {
	var row listedRow
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	e := row.endpoint()
	page.Endpoints = append(page.Endpoints, e)
	return checkID(e.ID, asked)
}

// readProfile reads what a profile says of its endpoint: basicInfo with name and
// iccid (observed), and whatever else of a row may stand there (assumed). It was
// not seen to name its id, so that of the question holds unless it does.
func readProfile(q fleet.Query, env envelope) (fleet.Page, error) {
	page := fleet.Page{Total: -1}
	var info struct {
		BasicInfo *listedRow `json:"basicInfo"`
	}
	if len(env.Info) == 0 {
		return page, &Fault{Class: MissingData, Text: "no info"}
	}
	if err := json.Unmarshal(env.Info, &info); err != nil {
		return page, badReply("info: %v", err)
	}
	if info.BasicInfo == nil {
		return page, &Fault{Class: MissingData, Text: "no basicInfo in info"}
	}
	e := info.BasicInfo.endpoint()
	if e.ID == "" {
		e.ID = q.ID
	}
	if e.Reported == 0 {
		return page, &Fault{Class: MissingData, Text: "basicInfo says nothing of the endpoint"}
	}
	page.Endpoints = append(page.Endpoints, e)
	return page, checkID(e.ID, q.ID)
}
