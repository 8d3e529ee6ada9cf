package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sftctl/pkg/fleet"
)

// payload is what responseParam carries in a listing: rows, or for rate plans
// the observed plan[].basicInfo.
type payload struct {
	Rows       []json.RawMessage `json:"rows"`
	TotalCount value             `json:"totalCount"`
	Plans      []struct {
		BasicInfo json.RawMessage `json:"basicInfo"`
	} `json:"plan"`
}

// ReadQuery reads a page of a listing.
func (EndpointInfo) ReadQuery(q fleet.Query, reply Reply) (fleet.Page, error) {
	return documented.readQuery(q, reply, func(env envelope) (fleet.Page, error) { return readPage(q, env, readEndpoint) })
}

// readQuery judges the answer to a query, and leaves what it carries to a
// function.
func (r reading) readQuery(q fleet.Query, reply Reply, carried func(envelope) (fleet.Page, error)) (fleet.Page, error) {
	op := listOps[q.List]
	env, fault := r.judge(op, reply)
	switch {
	case fault == nil:
	case fault.Class == NoData, fault.Class == NotFound && (q.ID != "" || q.ICCID != ""):
		return fleet.Page{Total: -1}, nil
	default:
		return fleet.Page{}, fault
	}
	page, err := carried(env)
	if err == nil {
		return page, nil
	}
	return fleet.Page{}, &Fault{Op: op, Class: ClassOf(err), Status: reply.Status,
		Outer: env.ResultCode.text, Inner: env.ResultParam.ResultCode.text, Text: textOf(err)}
}

func textOf(err error) string {
	if f, ok := err.(*Fault); ok {
		return f.Text
	}
	return err.Error()
}

func badReply(format string, args ...any) error {
	return &Fault{Class: BadReply, Text: fmt.Sprintf(format, args...)}
}

// rowReader adds an endpoint's row to a page; asked is the id that was asked
// for, if any.
type rowReader func(row []byte, asked fleet.ID, page *fleet.Page) error

func readPage(q fleet.Query, env envelope, endpoint rowReader) (fleet.Page, error) {
	page := fleet.Page{Total: -1}
	var data payload
	if len(env.ResponseParam) == 0 {
		return page, &Fault{Class: MissingData, Text: "no responseParam"}
	}
	if err := json.Unmarshal(env.ResponseParam, &data); err != nil {
		return page, badReply("responseParam: %v", err)
	}
	rows, err := data.rows()
	if err != nil {
		return page, err
	}
	if page.Pages, err = count(env.TotalNoOfPages, "totalNoOfPages", 0); err != nil {
		return page, err
	}
	if page.Total, err = count(data.TotalCount, "totalCount", -1); err != nil {
		return page, err
	}
	return page, readRows(q, rows, endpoint, &page)
}

func (p payload) rows() ([]json.RawMessage, error) {
	if p.Rows != nil || p.Plans == nil {
		if p.Rows == nil {
			return nil, &Fault{Class: MissingData, Text: "no rows in responseParam"}
		}
		return p.Rows, nil
	}
	rows := make([]json.RawMessage, len(p.Plans))
	for i, plan := range p.Plans {
		rows[i] = plan.BasicInfo
	}
	return rows, nil
}

func count(v value, name string, none int) (int, error) {
	if v.text == "" {
		return none, nil
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 0 {
		return none, badReply("%s is %q, want a count", name, v.text)
	}
	return n, nil
}

func readRows(q fleet.Query, rows []json.RawMessage, endpoint rowReader, page *fleet.Page) error {
	for i, row := range rows {
		var err error
		switch q.List {
		case fleet.Endpoints:
			err = endpoint(row, q.ID, page)
		case fleet.SIMs:
			err = readSIM(row, q.ICCID, page)
		default:
			err = readEntry(q.List, row, page)
		}
		if err != nil {
			return &Fault{Class: readClass(err), Text: fmt.Sprintf("row %d: %s", i+1, textOf(err))}
		}
	}
	return nil
}

// readClass is ClassOf for errors of reading: what is not a fault is a bad reply.
func readClass(err error) Class {
	if f, ok := err.(*Fault); ok {
		return f.Class
	}
	return BadReply
}

// endpointRow is a GetEndpoint row with the synonyms seen for its fields.
type endpointRow struct {
	EndpointID       value `json:"endpointId"`
	EndpointName     value `json:"endpointName"`
	Name             value `json:"name"`
	PlanID           value `json:"planId"`
	ServiceProfileID value `json:"serviceProfileId"`
	APNGroupID       value `json:"apnGroupId"`
	SIMProductID     value `json:"simProductId"`
	ICCID            value `json:"iccid"`
	Status           value `json:"status"`
	EndPointStatus   value `json:"endPointStatus"`
	LifeCycleStatus  value `json:"lifeCycleStatus"`
}

func readEndpoint(data []byte, asked fleet.ID, page *fleet.Page) error {
	var row endpointRow
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	e := row.endpoint()
	if err := checkID(e.ID, asked); err != nil {
		return err
	}
	page.Endpoints = append(page.Endpoints, e)
	return nil
}

// checkID says whether a row has an id, and the one that was asked for.
func checkID(id, asked fleet.ID) error {
	switch {
	case id == "":
		return badReply("no endpointId")
	case asked != "" && id != asked:
		return &Fault{Class: WrongEcho, Text: fmt.Sprintf("asked for endpoint %q, got %q", asked, id)}
	}
	return nil
}

func (row endpointRow) endpoint() fleet.Endpoint {
	e := fleet.Endpoint{ID: row.EndpointID.id()}
	take := func(field fleet.Field, v value) string {
		if v.given {
			e.Reported |= fleet.FieldSet(field)
		}
		return v.text
	}
	e.Name = take(fleet.FieldName, first(row.EndpointName, row.Name))
	e.PlanID = fleet.ID(take(fleet.FieldPlan, row.PlanID))
	e.ServiceProfileID = fleet.ID(take(fleet.FieldServiceProfile, row.ServiceProfileID))
	e.APNGroupID = fleet.ID(take(fleet.FieldAPNGroup, row.APNGroupID))
	e.SIMProductID = fleet.ID(take(fleet.FieldSIMProduct, row.SIMProductID))
	e.ICCID = fleet.ICCID(take(fleet.FieldICCID, row.ICCID))
	e.Status = fleet.ParseStatus(take(fleet.FieldStatus, first(row.Status, row.EndPointStatus, row.LifeCycleStatus)))
	return e
}

// simRow is a fetchSIM row (observed). The activation code in it is a secret
// and is not read.
type simRow struct {
	ICCID           value `json:"iccid"`
	SIMStatus       value `json:"simStatus"`
	SIMAttachStatus value `json:"simAttachStatus"`
	EndPointID      value `json:"endPointId"`
	SIMProduct      value `json:"simProduct"`
}

func readSIM(data []byte, asked fleet.ICCID, page *fleet.Page) error {
	var row simRow
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	sim := fleet.SIM{
		ICCID:      fleet.ICCID(row.ICCID.text),
		Status:     fleet.ParseSIMStatus(row.SIMStatus.text),
		EndpointID: row.EndPointID.id(),
		Product:    row.SIMProduct.text,
	}
	if sim.ICCID == "" {
		return badReply("no iccid")
	}
	if asked != "" && !sim.ICCID.Equal(asked) {
		return &Fault{Class: WrongEcho, Text: "a row about another iccid"}
	}
	sim.Attached = sim.EndpointID != "" || strings.EqualFold(row.SIMAttachStatus.text, "ATTACHED")
	page.SIMs = append(page.SIMs, sim)
	return nil
}

// entryRow is a row of any catalogue (documented for rate plans, service
// profiles and roaming profiles, assumed for the other two). What else was seen
// in a row, such as the networks of a roaming profile, is not read.
type entryRow struct {
	PlanID           value `json:"planId"`
	PlanName         value `json:"planName"`
	ProfileID        value `json:"profileId"`
	ServiceProfileID value `json:"serviceProfileId"`
	ProfileName      value `json:"profileName"`
	APNGroupID       value `json:"apnGroupId"`
	APNGroupName     value `json:"apnGroupName"`
	SIMProductID     value `json:"simProductId"`
	SIMProductName   value `json:"simProductName"`
	RoamingID        value `json:"roamingProfileId"`
	RoamingName      value `json:"roamingProfileName"`
}

func readEntry(list fleet.List, data []byte, page *fleet.Page) error {
	var row entryRow
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	id, name := row.PlanID, row.PlanName
	switch list {
	case fleet.ServiceProfiles:
		id, name = first(row.ProfileID, row.ServiceProfileID), row.ProfileName
	case fleet.APNGroups:
		id, name = row.APNGroupID, row.APNGroupName
	case fleet.SIMProducts:
		id, name = row.SIMProductID, row.SIMProductName
	case fleet.RoamingProfiles:
		id, name = row.RoamingID, row.RoamingName
	}
	if id.text == "" {
		return badReply("no id")
	}
	page.Entries = append(page.Entries, fleet.Entry{ID: fleet.ID(id.text), Name: name.text})
	return nil
}
