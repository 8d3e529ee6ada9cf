package wire

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
)

const sim1 = "8932042000001234562"

var whole = fleet.Fields{Name: "m", PlanID: "1", APNGroupID: "PDP_12", RoamingProfileID: "1201"}

// What travels in one call is one part of a modify.
func TestPartsOfAModify(t *testing.T) {
	set := fleet.Fields{Name: "n", PlanID: "2", APNGroupID: "PDP_12"}
	for dialect, want := range map[Dialect][]fleet.Fields{EndpointInfo{}: {set}, Collection{}: {{PlanID: "2"}, {Name: "n", APNGroupID: "PDP_12"}}} {
		if got := dialect.Abilities().Parts(set); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", dialect.Abilities().Dialect, got, want)
		}
	}
}

func TestTheShapeCarriesTheCollectionDialect(t *testing.T) {
	create := []fleet.Change{
		{Action: fleet.Create, Fields: fleet.Fields{Name: "m", PlanID: "1"}},
		{Action: fleet.Link, Fields: fleet.Fields{ICCID: sim1}},
		{Action: fleet.Activate},
	}
	tests := []struct {
		name    string
		dialect Dialect
		changes []fleet.Change
		want    []string
	}{
		{"create in three calls", EndpointInfo{}, create, []string{"create 0:1", "link 1:2", "activate 2:3"}},
		{"create in one call", Collection{}, create, []string{"create 0:3"}},
		{"create and link in one call", Collection{}, create[:2], []string{"create 0:2"}},
		{"activate does not fold without its create", Collection{}, create[1:], []string{"link 0:1", "activate 1:2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, call := range tt.dialect.Abilities().Calls(tt.changes) {
				got = append(got, call.Action.String()+" "+string(rune('0'+call.First))+":"+string(rune('0'+call.End)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// collectionCalls are the requests as clients of the platform send them.
var collectionCalls = []struct {
	name, method, path, body string
	call                     fleet.Call
}{
	{"create without a SIM", "POST", "/api/CreateEndPoint",
		`{"Request":{"requestParam":{"name":"m","isLinkSIM":"false","isDefaultActivation":"false","roamingProfileId":"1201","apnGroupId":"PDP_12","planId":"1"}}}`,
		fleet.Call{Action: fleet.Create, Fields: whole}},
	{"create, link", "POST", "/api/CreateEndPoint",
		`{"Request":{"requestParam":{"name":"m","isLinkSIM":"true","iccid":"` + sim1 + `","isDefaultActivation":"false","roamingProfileId":"1201","apnGroupId":"PDP_12","planId":"1"}}}`,
		fleet.Call{Action: fleet.Create, Fields: linked(whole)}},
	{"create, link, activate; several roaming profiles", "POST", "/api/CreateEndPoint",
		`{"Request":{"requestParam":{"name":"m","isLinkSIM":"true","iccid":"` + sim1 + `","isDefaultActivation":"true","roamingProfileId":"1201|1202","apnGroupId":"PDP_12","planId":"1"}}}`,
		fleet.Call{Action: fleet.Create, Activate: true, Fields: func() fleet.Fields { f := linked(whole); f.RoamingProfileID = "1201|1202"; return f }()}},
	{"create with a limit and add-ons", "POST", "/api/CreateEndPoint",
		`{"Request":{"requestParam":{"name":"m","isLinkSIM":"false","isDefaultActivation":"false","roamingProfileId":"1201","apnGroupId":"PDP_12","planId":"1",
		"monthlyLimit":"5.5","addonPlanIds":["100300","100400"]}}}`,
		fleet.Call{Action: fleet.Create, Fields: func() fleet.Fields {
			f := whole
			f.MonthlyLimit, f.AddonPlanIDs = "5.5", "100300|100400"
			return f
		}()}},
	{"rate plan", "POST", "/api/ChangePlan", `{"Request":{"endPointId":"881","requestParam":{"planId":"100300"}}}`,
		fleet.Call{Action: fleet.Modify, EndpointID: "881", Fields: fleet.Fields{PlanID: "100300"}}},
	{"other values", "PATCH", "/api/endpoint", `{"Request":{"endPointId":"881","requestParam":{"name":"n","apnGroupId":"PDP_20","roamingProfileId":"1202"}}}`,
		fleet.Call{Action: fleet.Modify, EndpointID: "881", Fields: fleet.Fields{Name: "n", APNGroupID: "PDP_20", RoamingProfileID: "1202"}}},
	{"link", "POST", "/api/LinkSim", `{"Request":{"endPointId":"881","requestParam":{"iccid":"` + sim1 + `"}}}`,
		fleet.Call{Action: fleet.Link, EndpointID: "881", Fields: fleet.Fields{ICCID: sim1}}},
	{"delink", "POST", "/api/DeLinkSim", `{"Request":{"endPointId":"881"}}`, fleet.Call{Action: fleet.Delink, EndpointID: "881"}},
	{"activate", "POST", "/api/EndPointActivation", `{"Request":{"endPointId":"881"}}`, fleet.Call{Action: fleet.Activate, EndpointID: "881"}},
	{"suspend", "POST", "/api/EndPointLifeCycleChange", `{"Request":{"endPointId":"881","requestParam":{"lifeCycle":"S","reason":"1"}}}`,
		fleet.Call{Action: fleet.Suspend, EndpointID: "881"}},
	{"resume", "POST", "/api/EndPointLifeCycleChange", `{"Request":{"endPointId":"881","requestParam":{"lifeCycle":"A","reason":"1"}}}`,
		fleet.Call{Action: fleet.Resume, EndpointID: "881"}},
	{"delete", "POST", "/api/DeleteEndPoint", `{"Request":{"endPointId":"881"}}`, fleet.Call{Action: fleet.Delete, EndpointID: "881"}},
}

func linked(f fleet.Fields) fleet.Fields {
	f.ICCID = sim1
	return f
}

func TestCollectionCalls(t *testing.T) {
	for _, tt := range collectionCalls {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Collection{}.Call(tt.call)
			if err != nil {
				t.Fatal(err)
			}
			if got.Method != tt.method || got.Path != tt.path {
				t.Errorf("got %s %s, want %s %s", got.Method, got.Path, tt.method, tt.path)
			}
			if diff := cmp.Diff(decoded(t, tt.body), decoded(t, string(got.Body))); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCollectionCallsThatMustNeverLeave(t *testing.T) {
	with := func(change func(*fleet.Fields)) fleet.Fields { f := whole; change(&f); return f }
	tests := map[string]fleet.Call{
		"delete without id":                {Action: fleet.Delete},
		"delete of id 0":                   {Action: fleet.Delete, EndpointID: "0"},
		"activate without id":              {Action: fleet.Activate},
		"link without iccid":               {Action: fleet.Link, EndpointID: "1"},
		"modify of nothing":                {Action: fleet.Modify, EndpointID: "1"},
		"modify across two calls":          {Action: fleet.Modify, EndpointID: "1", Fields: fleet.Fields{Name: "a", PlanID: "2"}},
		"modify of a limit":                {Action: fleet.Modify, EndpointID: "1", Fields: fleet.Fields{MonthlyLimit: "5"}},
		"modify of add-ons":                {Action: fleet.Modify, EndpointID: "1", Fields: fleet.Fields{AddonPlanIDs: "5"}},
		"modify of a fixed field":          {Action: fleet.Modify, EndpointID: "1", Fields: fleet.Fields{SIMProductID: "7"}},
		"create with an id":                {Action: fleet.Create, EndpointID: "1", Fields: whole},
		"create without a name":            {Action: fleet.Create, Fields: with(func(f *fleet.Fields) { f.Name = "" })},
		"create without a plan":            {Action: fleet.Create, Fields: with(func(f *fleet.Fields) { f.PlanID = "" })},
		"create without a roaming profile": {Action: fleet.Create, Fields: with(func(f *fleet.Fields) { f.RoamingProfileID = "" })},
		"create with a service profile":    {Action: fleet.Create, Fields: with(func(f *fleet.Fields) { f.ServiceProfileID = "SP_1" })},
		"activation without a SIM":         {Action: fleet.Create, Activate: true, Fields: whole},
		"no action":                        {},
		"an action that is not known":      {Action: 99, EndpointID: "1"},
	}
	for name, call := range tests {
		if req, err := (Collection{}).Call(call); err == nil {
			t.Errorf("%s: got the request %s, want an error", name, req.Body)
		}
	}
}

func TestCollectionQueries(t *testing.T) {
	tests := []struct {
		query fleet.Query
		want  string
		limit time.Duration
	}{
		{fleet.Query{List: fleet.Endpoints}, "/api/GetEndpoints?", ShortDeadline},
		{fleet.Query{List: fleet.Endpoints, Page: 2, PerPage: 250}, "/api/GetEndpoints?page=2&perPage=250", ShortDeadline},
		{fleet.Query{List: fleet.Endpoints, ID: "88 1"}, "/api/GetEndPointProfile?endPointId=88+1", LongDeadline},
		{fleet.Query{List: fleet.SIMs, Page: 1, PerPage: 1}, "/api/fetchSIM?page=1&perPage=1", ShortDeadline},
		{fleet.Query{List: fleet.SIMs, ICCID: sim1}, "/api/fetchSIM?iccid=" + sim1, ShortDeadline},
		{fleet.Query{List: fleet.RatePlans}, "/api/QueryRatePlan?", ShortDeadline},
		{fleet.Query{List: fleet.ServiceProfiles}, "/api/GetServiceProfile?", ShortDeadline},
		{fleet.Query{List: fleet.APNGroups}, "/api/GetAPNGroup?", ShortDeadline},
		{fleet.Query{List: fleet.SIMProducts}, "/api/GetSIMProduct?", ShortDeadline},
		{fleet.Query{List: fleet.RoamingProfiles}, "/api/GetRoamingProfiles?", ShortDeadline},
	}
	for _, tt := range tests {
		req, err := Collection{}.Query(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := req.Path + "?" + req.Query.Encode(); got != tt.want || req.Method != "GET" || req.Body != nil || req.Deadline() != tt.limit {
			t.Errorf("got %s %s within %s, want GET %s within %s", req.Method, got, req.Deadline(), tt.want, tt.limit)
		}
	}
	if _, err := (Collection{}).Query(fleet.Query{List: 99}); err == nil {
		t.Error("got a query for an unknown listing, want an error")
	}
}

// The answers as clients of the platform read them: the id in one of three
// places or in none, codes as texts or numbers, no-ops under an outer 1.
func TestCollectionReadCall(t *testing.T) {
	envelope := func(outer, inner, more string) string {
		return `{"Response":{"resultCode":"` + outer + `","resultParam":{"resultCode":"` + inner + `"}` + more + `}}`
	}
	tests := []struct {
		name   string
		action fleet.Action
		body   string
		id     fleet.ID
		want   Class
	}{
		{"id under Response", fleet.Create, envelope("0", "0", `,"endPointId":"881"`), "881", OK},
		{"id as a number", fleet.Create, envelope("0", "0", `,"endPointId":881`), "881", OK},
		{"id under responseParam", fleet.Create, envelope("0", "0", `,"responseParam":{"endPointId":"881"}`), "881", OK},
		{"id in the first row", fleet.Create, envelope("0", "0", `,"responseParam":{"rows":[{"endPointId":881},{"endPointId":"5"}]}`), "881", OK},
		{"ids that differ", fleet.Create, envelope("0", "0", `,"endPointId":"880","responseParam":{"rows":[{"endPointId":881}]}`), "", WrongEcho},
		{"no id", fleet.Create, envelope("0", "0", ""), "", MissingData},
		{"no id, rows of another kind", fleet.Create, envelope("0", "0", `,"responseParam":{"rows":["881"]}`), "", MissingData},
		{"no id, dashes", fleet.Create, envelope("0", "0", `,"endPointId":"-","responseParam":{"rows":[]}`), "", MissingData},
		{"created, beside a text of rates", fleet.Create, `{"Response":{"resultCode":"0","resultParam":{"resultDescription":"rate limit 4"},"responseParam":{"rows":[{"endPointId":"9"}]}}}`, "9", OK},
		{"too fast", fleet.Create, `{"Response":{"resultCode":"1","resultParam":{"resultDescription":"API rate limit exceeded"}}}`, "", Throttled},
		{"rate plan changed", fleet.Modify, envelope("0", "7001", ""), "881", OK},
		{"rate plan changed, outer 1", fleet.Modify, envelope("1", "7001", ""), "881", OK},
		{"patched", fleet.Modify, envelope("0", "0", ""), "881", OK},
		{"a failure that nobody explained", fleet.Modify, envelope("1", "7002", ""), "", Mystery},
		{"linked", fleet.Link, envelope("0", "0", ""), "881", OK},
		{"delinked", fleet.Delink, envelope("0", "6413", ""), "881", OK},
		{"delinked before", fleet.Delink, envelope("1", "6420", ""), "", NoOp},
		{"activated", fleet.Activate, envelope("0", "5014", ""), "881", OK},
		{"active before", fleet.Activate, envelope("1", "2507", ""), "", NoOp},
		{"nothing to activate", fleet.Activate, envelope("1", "6420", ""), "", Refused},
		{"suspended", fleet.Suspend, envelope("0", "5017", `,"responseParam":{"currentStatus":"Suspended","previousStatus":"Active"}`), "881", OK},
		{"suspended, the other code", fleet.Suspend, envelope("0", "9003", ""), "881", OK},
		{"suspended before", fleet.Suspend, envelope("1", "1254", ""), "", NoOp},
		{"deleted", fleet.Delete, envelope("0", "10159", ""), "881", OK},
		{"about another endpoint", fleet.Delete, envelope("0", "10159", `,"endPointId":"882"`), "", WrongEcho},
		{"token", fleet.Delete, envelope("1", "401", ""), "", Unauthorized},
		{"token as a number", fleet.Delete, `{"Response":{"resultCode":1,"resultParam":{"resultCode":401}}}`, "", Unauthorized},
		{"unclear", fleet.Create, envelope("1", "10239", ""), "", Unsure},
		{"late", fleet.Create, envelope("1", "10240", ""), "", TimedOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := fleet.Call{Action: tt.action, EndpointID: "881", Name: "m"}
			if tt.action == fleet.Create {
				call.EndpointID = ""
			}
			id, _, err := Collection{}.ReadCall(call, Reply{200, []byte(tt.body)})
			if got := ClassOf(err); got != tt.want || id != tt.id {
				t.Errorf("got id %q, %s (%v), want %q, %s", id, got, err, tt.id, tt.want)
			}
		})
	}
}

func TestThePlanChangeCodeIsTheCollectionsAlone(t *testing.T) {
	call := fleet.Call{Action: fleet.Modify, EndpointID: "1"}
	if _, _, err := (EndpointInfo{}).ReadCall(call, Reply{200, []byte(envelopeOf("1", "7001", ""))}); ClassOf(err) != Mystery {
		t.Errorf("got %s, want %s", ClassOf(err), Mystery)
	}
}

func TestCollectionReadEndpoints(t *testing.T) {
	body := `{"Response":{"resultCode":"0","totalNoOfPages":"2","resultParam":{"resultCode":"0"},"responseParam":{"rows":[
	 {"endPointId":881,"name":"m","planId":100234,"apnGroupId":"PDP_12","roamingProfileId":"1201|1202","status":"Active","iccid":"` + sim1 + `"},
	 {"endPointId":"882","name":"n","iccid":"-","roamingProfileId":1201}]}}}`
	got, err := Collection{}.ReadQuery(fleet.Query{List: fleet.Endpoints, Page: 1}, Reply{200, []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	want := fleet.Page{Pages: 2, Total: -1, Endpoints: []fleet.Endpoint{
		{ID: "881", Status: fleet.StatusActive, Fields: fleet.Fields{Name: "m", PlanID: "100234", APNGroupID: "PDP_12", RoamingProfileID: "1201|1202", ICCID: sim1},
			Reported: fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldAPNGroup, fleet.FieldRoamingProfile, fleet.FieldICCID, fleet.FieldStatus)},
		{ID: "882", Fields: fleet.Fields{Name: "n", RoamingProfileID: "1201"}, Reported: fleet.Fieldset(fleet.FieldName, fleet.FieldICCID, fleet.FieldRoamingProfile)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadProfile(t *testing.T) {
	const base = `"basicInfo":{"iccid":"` + sim1 + `","name":"m","msisdn":"-","imsi":"206010000000001","imeiLockStatus":"-"}`
	seen := fleet.Fieldset(fleet.FieldName, fleet.FieldICCID)
	tests := []struct {
		name, more string
		want       fleet.Endpoint
		class      Class
	}{
		{"as observed", `,"info":{` + base + `,"promotionalPlans":{"plan":[{"uniqueId":"1","planId":"5"}]},"benefitInfo":{"benefit":[]}}`,
			fleet.Endpoint{ID: "881", Fields: fleet.Fields{Name: "m", ICCID: sim1}, Reported: seen}, OK},
		{"with its id and status", `,"info":{"basicInfo":{"endPointId":881,"name":"m","iccid":"-","endPointStatus":"Hold"}}`,
			fleet.Endpoint{ID: "881", Fields: fleet.Fields{Name: "m"}, Status: fleet.StatusHold, Reported: seen | fleet.Fieldset(fleet.FieldStatus)}, OK},
		{"of another endpoint", `,"info":{"basicInfo":{"endPointId":"882","name":"m"}}`, fleet.Endpoint{}, WrongEcho},
		{"no info", ``, fleet.Endpoint{}, MissingData},
		{"null info", `,"info":null`, fleet.Endpoint{}, MissingData},
		{"no basicInfo", `,"info":{"benefitInfo":{}}`, fleet.Endpoint{}, MissingData},
		{"an empty basicInfo", `,"info":{"basicInfo":{}}`, fleet.Endpoint{}, MissingData},
		{"info of another kind", `,"info":[]`, fleet.Endpoint{}, BadReply},
		{"a list where a text is wanted", `,"info":{"basicInfo":{"name":["m"]}}`, fleet.Endpoint{}, BadReply},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"Response":{"resultCode":"0","resultParam":{"resultCode":"0"}` + tt.more + `}}`
			got, err := Collection{}.ReadQuery(fleet.Query{List: fleet.Endpoints, ID: "881"}, Reply{200, []byte(body)})
			if ClassOf(err) != tt.class {
				t.Fatalf("got %s (%v), want %s", ClassOf(err), err, tt.class)
			}
			var want []fleet.Endpoint
			if tt.class == OK {
				want = []fleet.Endpoint{tt.want}
			}
			if diff := cmp.Diff(want, got.Endpoints); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, body := range []string{envelopeOf("1", "1359", ""), envelopeOf("1", "99404", "")} {
		if got, err := (Collection{}).ReadQuery(fleet.Query{List: fleet.Endpoints, ID: "881"}, Reply{200, []byte(body)}); err != nil || len(got.Endpoints) > 0 {
			t.Errorf("got %v, %v, want no endpoint", got, err)
		}
	}
}

// A limit that cannot be read says nothing; it never spoils the listing.
func TestTheLimitOfARow(t *testing.T) {
	for written, want := range map[string]string{`"5"`: "5", `5`: "5", `5.50`: "5.50", `"5.50"`: "5.50", `"-"`: "", `null`: "", `{"eur":5}`: "unread", `[5]`: "unread", `""`: ""} {
		body := `{"Response":{"resultCode":"0","responseParam":{"rows":[{"endPointId":"881","monthlyLimit":` + written + `}]}}}`
		got, err := Collection{}.ReadQuery(fleet.Query{List: fleet.Endpoints}, Reply{200, []byte(body)})
		if err != nil || len(got.Endpoints) != 1 {
			t.Errorf("%s: got %v, %v", written, got, err)
			continue
		}
		limit := got.Endpoints[0].MonthlyLimit
		if !got.Endpoints[0].Reported.Has(fleet.FieldMonthlyLimit) {
			limit = "unread"
		}
		if limit != want {
			t.Errorf("%s: got %q, want %q", written, limit, want)
		}
	}
}

// What a dialect can create, modify or link it has, and nothing else but the
// state.
func TestADialectSaysWhatItLacks(t *testing.T) {
	for _, d := range []Dialect{EndpointInfo{}, Collection{}} {
		can := d.Abilities()
		used := can.Creates | can.Modifiable() | can.Silent | fleet.Fieldset(fleet.FieldICCID, fleet.FieldStatus)
		if can.Has() != used {
			t.Errorf("%s: got %s, want %s", can.Dialect, can.Has(), used)
		}
	}
}

func TestDialectsByName(t *testing.T) {
	if diff := cmp.Diff([]string{"endpointinfo", "collection"}, DialectNames()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, name := range DialectNames() {
		if d, ok := DialectByName(name); !ok || d.Abilities().Dialect != name {
			t.Errorf("%s: got %v, %t", name, d, ok)
		}
	}
}

// FuzzCollection: no reply makes the reader panic, none that lacks an id is a
// created endpoint, and no page names an endpoint that was not asked for.
func FuzzCollection(f *testing.F) {
	f.Add(200, `{"Response":{"resultCode":"0","responseParam":{"rows":[{"endPointId":881}]}}}`)
	f.Add(200, `{"Response":{"resultCode":"0","info":{"basicInfo":{"name":"m","iccid":"-"}}}}`)
	f.Add(200, envelopeOf("1", "2507", "already"))
	f.Fuzz(func(t *testing.T, status int, body string) {
		reply := Reply{status, []byte(body)}
		for _, action := range fleet.Actions {
			call := fleet.Call{Action: action, EndpointID: "881", Name: "n"}
			if action == fleet.Create {
				call.EndpointID = ""
			}
			id, _, err := Collection{}.ReadCall(call, reply)
			if err == nil && (id == "" || id == "0" || status < 200 || status > 299) {
				t.Errorf("%s: success with id %q under status %d", action, id, status)
			}
		}
		for list := fleet.Endpoints; list <= fleet.RoamingProfiles; list++ {
			for _, id := range []fleet.ID{"", "881"} {
				page, err := Collection{}.ReadQuery(fleet.Query{List: list, ID: id}, reply)
				for _, e := range page.Endpoints {
					if err != nil || e.ID == "" || e.ID == "0" || id != "" && e.ID != id {
						t.Errorf("endpoint %+v beside error %v", e, err)
					}
				}
			}
		}
	})
}

// FuzzCollectionCall: what is built is one JSON object, and never lacks the id
// that it is about.
func FuzzCollectionCall(f *testing.F) {
	f.Add("m", "1", "881", sim1)
	f.Fuzz(func(t *testing.T, name, plan, id, iccid string) {
		for _, action := range fleet.Actions {
			fields := whole
			fields.Name, fields.PlanID, fields.ICCID = name, fleet.ID(plan), fleet.ICCID(iccid)
			if action == fleet.Modify {
				fields = fleet.Fields{PlanID: fleet.ID(plan)}
			}
			req, err := Collection{}.Call(fleet.Call{Action: action, EndpointID: fleet.ID(id), Fields: fields})
			if err != nil {
				continue
			}
			decoded(t, string(req.Body))
			if has := strings.Contains(string(req.Body), `"endPointId"`); has == (action == fleet.Create) {
				t.Errorf("%s: got %s", action, req.Body)
			}
		}
	})
}

func TestTheStateOfAnEndpointIsThatOfItsSIM(t *testing.T) {
	ask := fleet.Query{List: fleet.Endpoints, ID: "881", Settles: true}
	seen := fleet.Fieldset(fleet.FieldName, fleet.FieldICCID)
	page := func(status fleet.Status, iccid fleet.ICCID) fleet.Page {
		e := fleet.Endpoint{ID: "881", Fields: fleet.Fields{Name: "m", ICCID: iccid}, Status: status, Reported: seen}
		if status != "" {
			e.Reported |= fleet.Fieldset(fleet.FieldStatus)
		}
		return fleet.Page{Endpoints: []fleet.Endpoint{e}}
	}
	for _, quiet := range []fleet.Page{page(fleet.StatusHold, sim1), page("", ""), {}} {
		if next, ok := (Collection{}).Follow(ask, quiet); ok {
			t.Errorf("got %+v after %+v, want no further query", next, quiet)
		}
	}
	if next, ok := (Collection{}).Follow(fleet.Query{List: fleet.Endpoints}, page("", sim1)); ok {
		t.Errorf("got %+v after a listing, want no further query", next)
	}
	next, ok := Collection{}.Follow(ask, page("", sim1))
	if want := (fleet.Query{List: fleet.SIMs, ICCID: sim1, Settles: true}); !ok || next != want {
		t.Errorf("got %+v, %t, want %+v", next, ok, want)
	}
	for _, tt := range []struct {
		sim  fleet.SIM
		want fleet.Status
	}{
		{fleet.SIM{ICCID: sim1, EndpointID: "881", Status: fleet.SIMSuspended}, fleet.StatusSuspended},
		{fleet.SIM{ICCID: sim1, EndpointID: "882", Status: fleet.SIMSuspended}, ""},
		{fleet.SIM{ICCID: sim1, Status: fleet.SIMReady}, ""},
		{fleet.SIM{ICCID: sim1, EndpointID: "881"}, ""},
	} {
		got := Collection{}.Fill(page("", sim1), fleet.Page{SIMs: []fleet.SIM{tt.sim}}).Endpoints[0]
		if got.Status != tt.want || got.Reported.Has(fleet.FieldStatus) != (tt.want != "") {
			t.Errorf("%+v: got %+v, want status %q", tt.sim, got, tt.want)
		}
	}
}
