package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
)

// documentedCalls are the requests of the platform's own pages: paths and the
// fields of create, modify and delete documented, the other bodies assumed.
var documentedCalls = []struct {
	name, method, path, body string
	call                     fleet.Call
}{
	{"create", "POST", "/api/createEndpoint",
		`{"endpointInfo":{"endpointName":"meter-1","planId":"100234","serviceProfileId":"SP_1249","simProductId":"7","apnGroupId":"PDP_12"}}`,
		fleet.Call{Action: fleet.Create, Name: "meter-1", Fields: fleet.Fields{Name: "meter-1", PlanID: "100234",
			ServiceProfileID: "SP_1249", SIMProductID: "7", APNGroupID: "PDP_12"}}},
	{"create without an APN group", "POST", "/api/createEndpoint",
		`{"endpointInfo":{"endpointName":"Zürich <1>","planId":"DEFAULTPRE1","serviceProfileId":"SP_1","simProductId":"7"}}`,
		fleet.Call{Action: fleet.Create, Fields: fleet.Fields{Name: "Zürich <1>", PlanID: "DEFAULTPRE1",
			ServiceProfileID: "SP_1", SIMProductID: "7"}}},
	{"modify all", "POST", "/api/modifyEndpoint",
		`{"endpointInfo":{"endpointId":"881","endpointName":"meter-2","planId":"100300","apnGroupId":"PDP_20"}}`,
		fleet.Call{Action: fleet.Modify, EndpointID: "881", Fields: fleet.Fields{Name: "meter-2", PlanID: "100300", APNGroupID: "PDP_20"}}},
	{"modify one", "POST", "/api/modifyEndpoint", `{"endpointInfo":{"endpointId":"881","planId":"100300"}}`,
		fleet.Call{Action: fleet.Modify, EndpointID: "881", Fields: fleet.Fields{PlanID: "100300"}}},
	{"delete", "POST", "/api/deleteEndpoint", `{"endpointInfo":{"endpointId":"881"}}`,
		fleet.Call{Action: fleet.Delete, EndpointID: "881"}},
	{"link", "POST", "/api/linkSim", `{"endpointInfo":{"endpointId":"881","iccid":"8932042000001234562"}}`,
		fleet.Call{Action: fleet.Link, EndpointID: "881", Fields: fleet.Fields{ICCID: "8932042000001234562"}}},
	{"delink", "POST", "/api/delinkSim", `{"endpointInfo":{"endpointId":"881"}}`,
		fleet.Call{Action: fleet.Delink, EndpointID: "881"}},
	{"activate", "POST", "/api/activateEndpoint", `{"endpointInfo":{"endpointId":"881"}}`,
		fleet.Call{Action: fleet.Activate, EndpointID: "881"}},
	{"suspend", "POST", "/api/changeEndpointLifecycle", `{"endpointInfo":{"endpointId":"881","lifeCycle":"S","reason":"1"}}`,
		fleet.Call{Action: fleet.Suspend, EndpointID: "881"}},
	{"resume", "POST", "/api/changeEndpointLifecycle", `{"endpointInfo":{"endpointId":"881","lifeCycle":"A","reason":"1"}}`,
		fleet.Call{Action: fleet.Resume, EndpointID: "881"}},
}

func TestCallsAreTheDocumentedRequests(t *testing.T) {
	for _, tt := range documentedCalls {
		t.Run(tt.name, func(t *testing.T) {
			got, err := EndpointInfo{}.Call(tt.call)
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

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCallsThatMustNeverLeave(t *testing.T) {
	whole := fleet.Fields{Name: "a", PlanID: "1", ServiceProfileID: "2", SIMProductID: "3"}
	tests := map[string]fleet.Call{
		"delete without id":           {Action: fleet.Delete},
		"delete of id 0":              {Action: fleet.Delete, EndpointID: "0"},
		"activate without id":         {Action: fleet.Activate},
		"link without iccid":          {Action: fleet.Link, EndpointID: "1"},
		"modify of nothing":           {Action: fleet.Modify, EndpointID: "1"},
		"modify of a fixed field":     {Action: fleet.Modify, EndpointID: "1", Fields: fleet.Fields{PlanID: "2", ServiceProfileID: "SP_1"}},
		"create without a plan":       {Action: fleet.Create, Fields: fleet.Fields{Name: "a", ServiceProfileID: "2", SIMProductID: "3"}},
		"create without a name":       {Action: fleet.Create, Fields: fleet.Fields{PlanID: "1", ServiceProfileID: "2", SIMProductID: "3"}},
		"create with a SIM":           {Action: fleet.Create, Fields: func() fleet.Fields { f := whole; f.ICCID = "8"; return f }()},
		"create with what it lacks":   {Action: fleet.Create, Fields: func() fleet.Fields { f := whole; f.RoamingProfileID = "1201"; return f }()},
		"no action":                   {},
		"an action that is not known": {Action: 99, EndpointID: "1"},
	}
	for name, call := range tests {
		if req, err := (EndpointInfo{}).Call(call); err == nil {
			t.Errorf("%s: got the request %s, want an error", name, req.Body)
		}
	}
}

func TestQueries(t *testing.T) {
	tests := []struct {
		query fleet.Query
		want  string
	}{
		{fleet.Query{List: fleet.Endpoints}, "/api/GetEndpoint?"},
		{fleet.Query{List: fleet.Endpoints, ID: "88 1"}, "/api/GetEndpoint?endpointId=88+1"},
		{fleet.Query{List: fleet.Endpoints, Page: 2, PerPage: 250}, "/api/GetEndpoint?page=2&perPage=250"},
		{fleet.Query{List: fleet.SIMs, Page: 1, PerPage: 1}, "/api/fetchSIM?page=1&perPage=1"},
		{fleet.Query{List: fleet.SIMs, ICCID: "8932042000001234562"}, "/api/fetchSIM?iccid=8932042000001234562"},
		{fleet.Query{List: fleet.RatePlans}, "/api/QueryRatePlan?"},
		{fleet.Query{List: fleet.ServiceProfiles}, "/api/GetServiceProfile?"},
		{fleet.Query{List: fleet.APNGroups}, "/api/GetAPNGroup?"},
		{fleet.Query{List: fleet.SIMProducts}, "/api/GetSIMProduct?"},
		{fleet.Query{List: fleet.RoamingProfiles}, "/api/GetRoamingProfile?"},
	}
	for _, tt := range tests {
		req, err := EndpointInfo{}.Query(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := req.Path + "?" + req.Query.Encode(); got != tt.want || req.Method != "GET" || req.Body != nil {
			t.Errorf("got %s %s with body %q, want GET %s without", req.Method, got, req.Body, tt.want)
		}
	}
}

func TestDeadlinesFollowTheDocumentedLimits(t *testing.T) {
	want := map[Op]time.Duration{OpCreate: 200 * time.Second, OpLink: 200 * time.Second, OpDelink: 200 * time.Second,
		OpActivate: 200 * time.Second, OpLifecycle: 200 * time.Second}
	for _, op := range Ops() {
		limit := want[op]
		if limit == 0 {
			limit = 40 * time.Second
		}
		if got := op.Deadline(); got != limit {
			t.Errorf("%s: got %s, want %s", op, got, limit)
		}
	}
}

// A page as the sister pages of the documentation show it, with every quirk
// that was seen: codes as numbers, ids as numbers, other spellings, "-", null.
func TestReadEndpoints(t *testing.T) {
	body := `{"Response":{"resultCode":0,"responseId":"x","responseTimestamp":"25/11/2025 10:15:30","totalNoOfPages":"3",
	"resultParam":{"resultCode":99004,"resultDescription":"ok"},
	"responseParam":{"totalCount":7,"rows":[
	 {"endpointId":"881","endpointName":"meter-1","planId":"100234","serviceProfileId":"SP_1249","apnGroupId":"PDP_12","simProductId":"7","status":"Active","iccid":"8932042000001234562"},
	 {"endPointId":882,"name":"Zürich","planId":100234,"apnGroupId":"-","simProductId":7,"endPointStatus":"pre-active","iccid":"-","unheardOf":{"a":[1]}},
	 {"ENDPOINTID":"883","endpointName":null,"lifeCycleStatus":"HOLD","iccid":8988303000000614227}
	]}}}`
	got, err := EndpointInfo{}.ReadQuery(fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 250}, Reply{200, []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	all := fleet.Fieldset(fleet.AllFields[:]...) &^ (EndpointInfo{}).Abilities().Lacks
	want := fleet.Page{Pages: 3, Total: 7, Endpoints: []fleet.Endpoint{
		{ID: "881", Status: fleet.StatusActive, Reported: all, Fields: fleet.Fields{Name: "meter-1", PlanID: "100234",
			ServiceProfileID: "SP_1249", APNGroupID: "PDP_12", SIMProductID: "7", ICCID: "8932042000001234562"}},
		{ID: "882", Status: fleet.StatusPreActive, Reported: all &^ fleet.Fieldset(fleet.FieldServiceProfile),
			Fields: fleet.Fields{Name: "Zürich", PlanID: "100234", SIMProductID: "7"}},
		{ID: "883", Status: fleet.StatusHold, Reported: fleet.Fieldset(fleet.FieldName, fleet.FieldStatus, fleet.FieldICCID),
			Fields: fleet.Fields{ICCID: "8988303000000614227"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadSIMs(t *testing.T) {
	body := `{"Response":{"resultCode":"0","totalNoOfPages":1,"resultParam":{"resultCode":"0"},"responseParam":{"rows":[
	 {"simId":"1","iccid":"8932042000001234562","simStatus":"Ready to Activate","simAttachStatus":"NOT ATTACHED","endPointId":"-","simProduct":"MFF2",
	  "activationCode":{"textQrCode":"LPA:1$secret","smDpPlusAdress":"x","matchingId":"y"},"iMSIList":[{"supplierIMSIList":[]}]},
	 {"iccid":"8932042000001234570","simStatus":"Active","simAttachStatus":"ATTACHED","endPointId":"881"},
	 {"iccid":"8932042000001234588","simStatus":"Pre-Active","simAttachStatus":"attached","endPointId":""}]}}}`
	got, err := EndpointInfo{}.ReadQuery(fleet.Query{List: fleet.SIMs, Page: 1}, Reply{200, []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.SIM{
		{ICCID: "8932042000001234562", Status: fleet.SIMReady, Product: "MFF2"},
		{ICCID: "8932042000001234570", Status: fleet.SIMActive, EndpointID: "881", Attached: true},
		{ICCID: "8932042000001234588", Status: fleet.SIMPreActive, Attached: true},
	}
	if diff := cmp.Diff(want, got.SIMs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadCatalogues(t *testing.T) {
	tests := []struct {
		name, param string
		list        fleet.List
		want        []fleet.Entry
	}{
		{"documented plans", `{"rows":[{"planId":"100234","planName":"Basic","tariffId":"1","serviceProfileId":"SP_1","status":"Active"}]}`,
			fleet.RatePlans, []fleet.Entry{{ID: "100234", Name: "Basic"}}},
		{"observed plans", `{"plan":[{"basicInfo":{"planId":100234,"planName":"Basic"}},{"basicInfo":{"planId":"DEFAULTPRE9","planName":"Pre"}}]}`,
			fleet.RatePlans, []fleet.Entry{{ID: "100234", Name: "Basic"}, {ID: "DEFAULTPRE9", Name: "Pre"}}},
		{"service profiles", `{"rows":[{"profileId":"SP_1249","profileName":"Data","serviceName":"x","RATTypeName":"4G"}]}`,
			fleet.ServiceProfiles, []fleet.Entry{{ID: "SP_1249", Name: "Data"}}},
		{"APN groups", `{"rows":[{"apnGroupId":"PDP_12","apnGroupName":"iot","apnList":["a"]}]}`,
			fleet.APNGroups, []fleet.Entry{{ID: "PDP_12", Name: "iot"}}},
		{"SIM products", `{"rows":[{"simProductId":7,"simProductName":"MFF2"}]}`,
			fleet.SIMProducts, []fleet.Entry{{ID: "7", Name: "MFF2"}}},
		{"an empty catalogue", `{"rows":[]}`, fleet.RatePlans, nil},
		{"documented roaming profiles", `{"rows":[{"roamingProfileId":"1201","roamingProfileName":"DEFAULT","destinationGroupId":"9","status":"Active"}]}`,
			fleet.RoamingProfiles, []fleet.Entry{{ID: "1201", Name: "DEFAULT"}}},
		{"observed roaming profiles", `{"rows":[{"roamingProfileId":1202,"roamingProfileName":"Europe","tadigList":[
			{"operatorId":1,"operatorName":"BICS","categoryGroupId":"2","tadigCode":"BELTB","countryName":"Belgium"}]}]}`,
			fleet.RoamingProfiles, []fleet.Entry{{ID: "1202", Name: "Europe"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"Response":{"resultCode":"0","resultParam":{"resultCode":"1604"},"responseParam":` + tt.param + `}}`
			for _, dialect := range []Dialect{EndpointInfo{}, Collection{}} {
				got, err := dialect.ReadQuery(fleet.Query{List: tt.list}, Reply{200, []byte(body)})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got.Entries); diff != "" {
					t.Errorf("%s (-want +got):\n%s", dialect.Abilities().Dialect, diff)
				}
			}
		})
	}
}

func TestAReadThatFailedIsNeverAnEmptyList(t *testing.T) {
	wrap := func(rest string) string { return `{"Response":{"resultCode":"0"` + rest + `}}` }
	tests := []struct {
		name, body string
		want       Class
	}{
		{"no data, outer 1", `{"Response":{"resultCode":"1","resultParam":{"resultCode":"1359"}}}`, OK},
		{"no data, outer 0", `{"Response":{"resultCode":"0","resultParam":{"resultCode":1359}}}`, OK},
		{"no responseParam", wrap(``), MissingData},
		{"null responseParam", wrap(`,"responseParam":null`), MissingData},
		{"no rows", wrap(`,"responseParam":{}`), MissingData},
		{"null rows", wrap(`,"responseParam":{"rows":null}`), MissingData},
		{"rows is an object", wrap(`,"responseParam":{"rows":{}}`), BadReply},
		{"a row without id", wrap(`,"responseParam":{"rows":[{"endpointName":"a"}]}`), BadReply},
		{"a row with null id", wrap(`,"responseParam":{"rows":[{"endpointId":null}]}`), BadReply},
		{"a row with id 0", wrap(`,"responseParam":{"rows":[{"endpointId":0}]}`), BadReply},
		{"an id that is a float", wrap(`,"responseParam":{"rows":[{"endpointId":1e3}]}`), BadReply},
		{"two statuses", wrap(`,"responseParam":{"rows":[{"endpointId":"1","status":"Active","STATUS":"Hold"}]}`), BadReply},
		{"a count that is none", wrap(`,"totalNoOfPages":"many","responseParam":{"rows":[]}`), BadReply},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := EndpointInfo{}.ReadQuery(fleet.Query{List: fleet.Endpoints, Page: 1}, Reply{200, []byte(tt.body)})
			if got := ClassOf(err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if len(page.Endpoints) > 0 {
				t.Errorf("got rows %v beside it", page.Endpoints)
			}
		})
	}
}

func TestARowAboutAnotherEndpointIsNotTheAnswer(t *testing.T) {
	body := `{"Response":{"resultCode":"0","responseParam":{"rows":[{"endpointId":"882"}]}}}`
	_, err := EndpointInfo{}.ReadQuery(fleet.Query{List: fleet.Endpoints, ID: "881"}, Reply{200, []byte(body)})
	if got := ClassOf(err); got != WrongEcho {
		t.Errorf("got %s, want %s", got, WrongEcho)
	}
}

// 1204 is the documented sign that roaming profiles were found; a look-up that
// says so under an outer 1 has been answered.
func TestTheCodeOfRoamingProfiles(t *testing.T) {
	body := `{"Response":{"resultCode":"1","resultParam":{"resultCode":"1204"},"responseParam":{"rows":[{"roamingProfileId":"1201"}]}}}`
	for list, want := range map[fleet.List]Class{fleet.RoamingProfiles: OK, fleet.ServiceProfiles: Mystery} {
		if _, err := (EndpointInfo{}).ReadQuery(fleet.Query{List: list}, Reply{200, []byte(body)}); ClassOf(err) != want {
			t.Errorf("%s: got %s, want %s", list, ClassOf(err), want)
		}
	}
}
