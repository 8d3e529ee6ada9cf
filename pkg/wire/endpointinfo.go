package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"sftctl/pkg/fleet"
)

// EndpointInfo is the documented dialect: one call for each step, with a
// top-level endpointInfo as body. Paths and the fields of create, modify and
// delete are documented; the bodies of the other calls and the shape of a
// GetEndpoint row are assumed from the platform's sister pages.
type EndpointInfo struct{}

// The paths (documented; those of APN groups and SIM products are assumed).
var endpointInfoPaths = map[Op]struct{ method, path string }{
	OpCreate:          {"POST", "/api/createEndpoint"},
	OpModify:          {"POST", "/api/modifyEndpoint"},
	OpLink:            {"POST", "/api/linkSim"},
	OpDelink:          {"POST", "/api/delinkSim"},
	OpActivate:        {"POST", "/api/activateEndpoint"},
	OpLifecycle:       {"POST", "/api/changeEndpointLifecycle"},
	OpDelete:          {"POST", "/api/deleteEndpoint"},
	OpEndpoints:       {"GET", "/api/GetEndpoint"},
	OpSIMs:            {"GET", "/api/fetchSIM"},
	OpRatePlans:       {"GET", "/api/QueryRatePlan"},
	OpServiceProfiles: {"GET", "/api/GetServiceProfile"},
	OpAPNGroups:       {"GET", "/api/GetAPNGroup"},
	OpSIMProducts:     {"GET", "/api/GetSIMProduct"},
	OpRoamingProfiles: {"GET", "/api/GetRoamingProfile"},
}

// endpointInfo is the body of every mutating call.
type endpointInfo struct {
	EndpointID       fleet.ID    `json:"endpointId,omitempty"`
	EndpointName     string      `json:"endpointName,omitempty"`
	PlanID           fleet.ID    `json:"planId,omitempty"`
	ServiceProfileID fleet.ID    `json:"serviceProfileId,omitempty"`
	SIMProductID     fleet.ID    `json:"simProductId,omitempty"`
	APNGroupID       fleet.ID    `json:"apnGroupId,omitempty"`
	ICCID            fleet.ICCID `json:"iccid,omitempty"`
	LifeCycle        string      `json:"lifeCycle,omitempty"` // A active, S suspend (observed)
	Reason           string      `json:"reason,omitempty"`    // 1 system (observed)
}

const reasonSystem = "1"

// Abilities of the documented dialect: name, rate plan and APN group change in
// place in one call; nothing folds.
func (EndpointInfo) Abilities() fleet.Abilities {
	return fleet.Abilities{
		Dialect:  "endpointinfo",
		Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldAPNGroup)},
		Creates:  fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldServiceProfile, fleet.FieldSIMProduct),
		Lacks:    fleet.Fieldset(fleet.FieldRoamingProfile, fleet.FieldMonthlyLimit, fleet.FieldAddonPlans),
	}
}

// actionOps are the operations that carry out the actions.
var actionOps = map[fleet.Action]Op{
	fleet.Create: OpCreate, fleet.Modify: OpModify, fleet.Link: OpLink, fleet.Delink: OpDelink,
	fleet.Activate: OpActivate, fleet.Suspend: OpLifecycle, fleet.Resume: OpLifecycle, fleet.Delete: OpDelete,
}

// Call builds the request of a mutating call.
func (EndpointInfo) Call(call fleet.Call) (Request, error) {
	op, ok := actionOps[call.Action]
	if !ok {
		return Request{}, fmt.Errorf("no call for action %q", call.Action)
	}
	info, err := infoOf(call)
	if err != nil {
		return Request{}, fmt.Errorf("%s %s: %w", call.Action, fleet.Quote(call.Name), err)
	}
	body, err := json.Marshal(map[string]endpointInfo{"endpointInfo": info})
	route := endpointInfoPaths[op]
	return Request{Op: op, Method: route.method, Path: route.path, Body: body}, err
}

func infoOf(call fleet.Call) (endpointInfo, error) {
	if call.Action == fleet.Create {
		return createInfo(call.Fields)
	}
	if call.EndpointID == "" || call.EndpointID == "0" {
		return endpointInfo{}, errors.New("no endpoint id")
	}
	info := endpointInfo{EndpointID: call.EndpointID}
	switch call.Action {
	case fleet.Modify:
		return modifyInfo(info, call.Fields)
	case fleet.Link:
		if info.ICCID = call.Fields.ICCID; info.ICCID == "" {
			return info, errors.New("no iccid to link")
		}
	case fleet.Suspend:
		info.LifeCycle, info.Reason = "S", reasonSystem
	case fleet.Resume:
		info.LifeCycle, info.Reason = "A", reasonSystem
	}
	return info, nil
}

func createInfo(f fleet.Fields) (endpointInfo, error) {
	can := (EndpointInfo{}).Abilities()
	if missing := can.Creates &^ f.Given(); missing != 0 {
		return endpointInfo{}, fmt.Errorf("create needs %s", missing)
	}
	if not := f.Given() & (can.Lacks | fleet.Fieldset(fleet.FieldICCID)); not != 0 {
		return endpointInfo{}, fmt.Errorf("create takes no %s", not)
	}
	return endpointInfo{EndpointName: f.Name, PlanID: f.PlanID, ServiceProfileID: f.ServiceProfileID,
		SIMProductID: f.SIMProductID, APNGroupID: f.APNGroupID}, nil
}

func modifyInfo(info endpointInfo, f fleet.Fields) (endpointInfo, error) {
	can := (EndpointInfo{}).Abilities().Modifiable()
	if not := f.Given() &^ can; not != 0 || f.Given() == 0 {
		return info, fmt.Errorf("modify sets %q, want one or more of %s", f.Given(), can)
	}
	info.EndpointName, info.PlanID, info.APNGroupID = f.Name, f.PlanID, f.APNGroupID
	return info, nil
}

// ReadCall reads the answer to a mutating call. The success of a create rests
// on the id that it gives, that of the others on the codes.
func (EndpointInfo) ReadCall(call fleet.Call, reply Reply) (fleet.ID, string, error) {
	return documented.readCall(call, reply)
}

func (r reading) readCall(call fleet.Call, reply Reply) (fleet.ID, string, error) {
	op := actionOps[call.Action]
	env, fault := r.judge(op, reply, call.Name, call.Fields.Name)
	code := env.ResultParam.ResultCode.text
	if code == "" {
		code = env.ResultCode.text
	}
	if fault != nil {
		return "", fault.Code(), fault
	}
	id, fault := r.echo(env, call)
	if fault != nil {
		fault.Op, fault.Status = op, reply.Status
		fault.Outer, fault.Inner = env.ResultCode.text, env.ResultParam.ResultCode.text
		return "", code, fault
	}
	return id, code, nil
}

// echo reads the id and name in an answer, in every place where the platform
// puts them, and checks them against the call.
func (r reading) echo(env envelope, call fleet.Call) (fleet.ID, *Fault) {
	ids, err := r.ids(actionOps[call.Action], env)
	if err != nil {
		return "", &Fault{Class: BadReply, Err: err}
	}
	param, _ := env.param() // it was read just now
	id, name := firstID(ids), first(env.EndpointName, param.EndpointName).text
	switch {
	case slices.ContainsFunc(ids, func(other fleet.ID) bool { return other != "" && other != id }),
		call.EndpointID != "" && id != "" && id != call.EndpointID,
		name != "" && call.Name != "" && !sameName(name, call):
		return "", &Fault{Class: WrongEcho, Text: fmt.Sprintf("id %q, name %q", id, name)}
	case call.Action == fleet.Create && id == "":
		return "", &Fault{Class: MissingData, Text: "no endpointId in the reply"}
	case id == "":
		id = call.EndpointID
	}
	return id, nil
}

// sameName allows the old and the new name in the answer to a rename.
func sameName(name string, call fleet.Call) bool {
	key := fleet.NameKey(name)
	return key == fleet.NameKey(call.Name) || key == fleet.NameKey(call.Fields.Name)
}

var listOps = map[fleet.List]Op{
	fleet.Endpoints: OpEndpoints, fleet.SIMs: OpSIMs, fleet.RatePlans: OpRatePlans,
	fleet.ServiceProfiles: OpServiceProfiles, fleet.APNGroups: OpAPNGroups, fleet.SIMProducts: OpSIMProducts,
	fleet.RoamingProfiles: OpRoamingProfiles,
}

// Query builds the request for a page of a listing. Paging is documented for
// fetchSIM and assumed for GetEndpoint; look-ups are asked whole.
func (EndpointInfo) Query(q fleet.Query) (Request, error) {
	op, ok := listOps[q.List]
	if !ok {
		return Request{}, fmt.Errorf("no query for %s", q.List)
	}
	query := filter(q)
	if q.ID != "" {
		query.Set("endpointId", string(q.ID))
	}
	route := endpointInfoPaths[op]
	return Request{Op: op, Method: route.method, Path: route.path, Query: query}, nil
}

// filter is the part of a query that both dialects spell alike.
func filter(q fleet.Query) url.Values {
	query := url.Values{}
	if q.ICCID != "" {
		query.Set("iccid", string(q.ICCID))
	}
	if q.Page > 0 {
		query.Set("page", strconv.Itoa(q.Page))
		query.Set("perPage", strconv.Itoa(q.PerPage))
	}
	return query
}
