package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// newEndpoint is the body of a CreateEndPoint call; more is added to its values.
func newEndpoint(name, more string) string {
	return fmt.Sprintf(`{"Request":{"requestParam":{"name":%q,"isLinkSIM":"false","roamingProfileId":"1201","apnGroupId":"PDP_12","planId":"100234"%s}}}`, name, more)
}

func withSIM(name, activation string) string {
	return strings.Replace(newEndpoint(name, `,"iccid":"`+firstSIM+`","isDefaultActivation":"`+activation+`"`), `"false"`, `"true"`, 1)
}

func request(id fleet.ID, param string) string {
	if param == "" {
		return fmt.Sprintf(`{"Request":{"endPointId":%q}}`, id)
	}
	return fmt.Sprintf(`{"Request":{"endPointId":%q,"requestParam":{%s}}}`, id, param)
}

func (v *visitor) patch(body string) seen {
	v.t.Helper()
	return v.do(v.request("PATCH", "/api/endpoint", body))
}

// TestFoldedCreate: what stands in the body decides how far the one call goes.
func TestFoldedCreate(t *testing.T) {
	tests := []struct {
		name, body string
		status     fleet.Status
		sim        fleet.SIMStatus
		bills      int
	}{
		{"no SIM", newEndpoint("a", ""), fleet.StatusPreActive, fleet.SIMReady, 0},
		{"a SIM that is not to be linked", newEndpoint("a", `,"iccid":"`+firstSIM+`"`), fleet.StatusPreActive, fleet.SIMReady, 0},
		{"linked", withSIM("a", "false"), fleet.StatusPreActive, fleet.SIMPreActive, 0},
		{"linked and active", withSIM("a", "true"), fleet.StatusActive, fleet.SIMActive, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := visit(t)
			g := v.post("/api/CreateEndPoint", tt.body)
			if g.codes() != "0/99001" || !strings.Contains(g.body, `"endPointId":"100000001"`) || strings.Contains(g.body, "endpointId") {
				t.Fatalf("got %s, want the id under Response as endPointId", g.body)
			}
			e, k := v.sim.Endpoints()[0], v.sim.live.card(firstSIM)
			if e.Name != "a" || e.Status != tt.status || e.RoamingProfileID != "1201" || e.APNGroupID != "PDP_12" || e.PlanID != "100234" {
				t.Errorf("got %+v, want status %s and what was given", e, tt.status)
			}
			if k.status != tt.sim || (k.endpoint == e.ID) != (e.ICCID == firstSIM) || (e.ICCID != "") != (tt.sim != fleet.SIMReady) {
				t.Errorf("got SIM %+v beside %+v, want it %s", *k, e, tt.sim)
			}
			if got := v.sim.Bills()[e.ID]; got != tt.bills {
				t.Errorf("got %d bills, want %d", got, tt.bills)
			}
		})
	}
}

func TestCollectionRefusals(t *testing.T) {
	const create = "/api/CreateEndPoint"
	drop := func(field string) string {
		return strings.NewReplacer(`"`+field+`":"a",`, "", `"`+field+`":"1201",`, "", `"`+field+`":"false",`, "",
			`,"`+field+`":"100234"`, "", `"`+field+`":"PDP_12",`, "").Replace(newEndpoint("a", ""))
	}
	tests := []struct{ name, path, body, codes, text string }{
		{"whole", create, newEndpoint("b", `,"monthlyLimit":"5","addonPlanIds":["100300"]`), "0/99001", ""},
		{"plan as a number", create, strings.Replace(newEndpoint("b", ""), `"100234"`, `100234`, 1), "0/99001", ""},
		{"several roaming profiles", create, strings.Replace(newEndpoint("b", ""), `"1201"`, `"1201|1202"`, 1), "0/99001", ""},
		{"path in the other case", "/api/createEndpoint", newEndpoint("b", ""), "0/99001", ""},
		{"the other body", create, createBody("b"), "0/99001", ""},
		{"no name", create, drop("name"), "1/99400", "name"},
		{"no switch for the SIM", create, drop("isLinkSIM"), "1/99400", "isLinkSIM"},
		{"no roaming profile", create, drop("roamingProfileId"), "1/99400", "roamingProfileId"},
		{"no plan", create, drop("planId"), "1/99400", "planId"},
		{"no APN group", create, drop("apnGroupId"), "1/99400", "apnGroupId"},
		{"a switch that is no text", create, strings.Replace(newEndpoint("b", ""), `"false"`, `false`, 1), "1/99400", "isLinkSIM"},
		{"a switch of another text", create, strings.Replace(newEndpoint("b", ""), `"false"`, `"no"`, 1), "1/99400", "isLinkSIM no"},
		{"unknown roaming profile", create, strings.Replace(newEndpoint("b", ""), `"1201"`, `"1201|7"`, 1), "1/99400", "roamingProfileId 7"},
		{"unknown add-on", create, newEndpoint("b", `,"addonPlanIds":["5"]`), "1/99400", "add-on plan 5"},
		{"add-ons that are no list", create, newEndpoint("b", `,"addonPlanIds":"5"`), "1/99400", "addonPlanIds"},
		{"activation without a SIM", create, newEndpoint("b", `,"isDefaultActivation":"true"`), "1/99400", "isDefaultActivation"},
		{"link without an ICCID", create, strings.Replace(newEndpoint("b", ""), `"false"`, `"true"`, 1), "1/99400", "iccid"},
		{"no Request", create, `{"request":{}}`, "1/99400", "Request"},
		{"Request is no object", create, `{"Request":[]}`, "1/99400", "Request"},
		{"no requestParam", create, `{"Request":{}}`, "1/99400", "requestParam"},
		{"a path of one dialect in the other", "/api/activateEndpoint", request("100000001", ""), "1/99400", "want endpointInfo"},
		{"and the other way", "/api/EndPointActivation", about("100000001", ""), "1/99400", "Request"},
		{"no id", "/api/DeLinkSim", `{"Request":{}}`, "1/99400", "endpointId"},
		{"unknown id", "/api/DeLinkSim", request("5", ""), "1/99404", "5"},
		{"id as a number", "/api/DeLinkSim", `{"Request":{"endPointId":100000001}}`, "1/99400", "endPointId"},
		{"the id inside requestParam", "/api/DeLinkSim", `{"Request":{"requestParam":{"endPointId":"100000001"}}}`, "1/99400", "endpointId"},
		{"plan change", "/api/ChangePlan", request("100000001", `"planId":"100300"`), "0/7001", ""},
		{"plan change, number", "/api/ChangePlan", request("100000001", `"planId":100300`), "0/7001", ""},
		{"plan change without a plan", "/api/ChangePlan", request("100000001", `"name":"x"`), "1/99400", "planId"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := visit(t)
			v.create("first")
			g := v.post(tt.path, tt.body)
			if g.status != 200 || g.codes() != tt.codes {
				t.Errorf("got HTTP %d %s, want 200 %s: %s", g.status, g.codes(), tt.codes, g.body)
			}
			if text := g.env.Response.ResultParam.ResultDescription; !strings.Contains(text, tt.text) {
				t.Errorf("got text %q, want %q in it", text, tt.text)
			}
			if g.codes()[0] == '1' && len(v.sim.Endpoints()) != 1 {
				t.Errorf("a refusal made %d endpoints", len(v.sim.Endpoints()))
			}
		})
	}
	v := visit(t, WithStrictCase())
	if g := v.post("/api/createEndpoint", newEndpoint("b", "")); g.codes() != "1/99400" {
		t.Errorf("strict case: got %s, want 1/99400", g.codes())
	}
	v.post(create, withSIM("a", "false"))
	if g := v.post(create, withSIM("b", "false")); g.codes() != "1/99409" || len(v.sim.Endpoints()) != 1 {
		t.Errorf("a SIM in use: got %s and %d endpoints, want 1/99409 and one", g.codes(), len(v.sim.Endpoints()))
	}
}

func TestPatch(t *testing.T) {
	v := visit(t)
	v.post("/api/CreateEndPoint", newEndpoint("a", `,"addonPlanIds":["100300","100400"]`))
	for _, tt := range []struct{ param, codes string }{
		{`"name":"b","apnGroupId":"PDP_20","roamingProfileId":"1202","monthlyLimit":"9"`, "0/99002"},
		{`"addAddonPlanIds":["100300"],"removeAddonUniqueIds":["100000001001"]`, "0/99002"},
		{`"removeAddonUniqueIds":["100000001001"]`, "1/99400"},
		{`"planId":"100300"`, "1/99400"},
		{`"apnGroupId":"PDP_7"`, "1/99400"},
		{`"unheardOf":"x"`, "1/99400"},
	} {
		if g := v.patch(request("100000001", tt.param)); g.codes() != tt.codes {
			t.Errorf("%s: got %s, want %s", tt.param, g.body, tt.codes)
		}
	}
	e := v.sim.live.order[0]
	want := fleet.Fields{Name: "b", PlanID: "100234", APNGroupID: "PDP_20", RoamingProfileID: "1202", MonthlyLimit: "9"}
	if e.Fields != want {
		t.Errorf("got %+v, want %+v", e.Fields, want)
	}
	if got, want := fmt.Sprint(e.Addons), "[{100000001002 100400} {100000001003 100300}]"; got != want {
		t.Errorf("got add-ons %s, want %s", got, want)
	}
}

// profile reads GetEndPointProfile by other means than it is written.
func profile(t *testing.T, g seen) (basic map[string]string, addons []map[string]string) {
	t.Helper()
	var body struct {
		Response struct {
			Info struct {
				BasicInfo        map[string]string `json:"basicInfo"`
				PromotionalPlans struct {
					Plan []map[string]string `json:"plan"`
				} `json:"promotionalPlans"`
			} `json:"info"`
		}
	}
	if err := json.Unmarshal([]byte(g.body), &body); err != nil {
		t.Fatalf("%s: %v", g.body, err)
	}
	return body.Response.Info.BasicInfo, body.Response.Info.PromotionalPlans.Plan
}

func TestProfile(t *testing.T) {
	for _, observed := range []bool{false, true} {
		var opts []Option
		if observed {
			opts = append(opts, WithObservedProfile())
		}
		v := visit(t, opts...)
		v.post("/api/CreateEndPoint", strings.Replace(withSIM("a", "true"), `"planId"`, `"addonPlanIds":["100300"],"planId"`, 1))
		g := v.get("/api/GetEndPointProfile?endPointId=100000001")
		basic, addons := profile(t, g)
		if basic["name"] != "a" || basic["iccid"] != firstSIM || len(addons) != 1 || addons[0]["planId"] != "100300" || addons[0]["planName"] != "IoT Plus" {
			t.Errorf("got %s", g.body)
		}
		if has := basic["status"] == "Active" && basic["endPointId"] == "100000001" && basic["planId"] == "100234"; has == observed {
			t.Errorf("observed only: %t, got %v", observed, basic)
		}
		if g.env.Response.ResponseParam != nil {
			t.Errorf("got a responseParam: %s", g.body)
		}
		for query, want := range map[string]string{"?endPointId=5": "1/1359", "": "1/99400"} {
			if g := v.get("/api/GetEndPointProfile" + query); g.codes() != want {
				t.Errorf("%q: got %s, want %s", query, g.codes(), want)
			}
		}
	}
}

func TestTheDialectsShareTheState(t *testing.T) {
	v := visit(t)
	v.create("a")
	if g := v.post("/api/LinkSim", request("100000001", `"iccid":"`+firstSIM+`"`)); g.codes() != "0/99003" {
		t.Fatalf("got %s", g.body)
	}
	if g := v.post("/api/activateEndpoint", about("100000001", "")); g.codes() != "0/5014" {
		t.Fatalf("got %s", g.body)
	}
	rows := v.get("/api/GetEndpoints?page=1&perPage=10").rows()
	if len(rows) != 1 || rows[0]["endPointId"] != "100000001" || rows[0]["name"] != "a" || rows[0]["status"] != "Active" || rows[0]["roamingProfileId"] != "-" {
		t.Errorf("got %v", rows)
	}
	if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 1 || rows[0]["iccid"] != firstSIM {
		t.Errorf("got %v", rows)
	}
}

func TestABareListingLeavesStateAndSIMToOthers(t *testing.T) {
	v := visit(t, WithBareListing())
	v.post("/api/CreateEndPoint", withSIM("a", "true"))
	row := v.get("/api/GetEndpoints").rows()[0]
	if _, told := row["status"]; told || row["iccid"] != "" || row["name"] != "a" || row["planId"] != "100234" {
		t.Errorf("got %v, want neither status nor iccid", row)
	}
	if g := v.get("/api/GetEndPointProfile?endPointId=100000001"); !strings.Contains(string(g.body), `"status":"Active"`) {
		t.Errorf("got the profile %s", g.body)
	}
}

func TestLookUpsOfTheCollection(t *testing.T) {
	v := visit(t)
	g := v.get("/api/QueryRatePlan?planCategory=NORMAL&planType=0")
	if p := g.env.Response.ResponseParam; p == nil || len(p.Plan) != 3 || p.Plan[0].BasicInfo["planId"] != "100234" {
		t.Errorf("got %s, want plan[].basicInfo", g.body)
	}
	for path, networks := range map[string]bool{"/api/GetRoamingProfiles": true, "/api/GetRoamingProfile?roamingProfileId=1201": false} {
		g := v.get(path)
		if g.codes() != "0/1204" || strings.Contains(string(g.body), `"tadigList":[{`) != networks {
			t.Errorf("%s: got %s, want 1204, with networks %t", path, g.body, networks)
		}
		if rows := g.rows(); len(rows) == 0 || rows[0]["roamingProfileId"] != "1201" || rows[0]["roamingProfileName"] != "DEFAULT" {
			t.Errorf("%s: got %v", path, rows)
		}
	}
	stock := BuiltInStock()
	stock.Catalogue.RoamingProfiles = nil
	if g := visit(t, WithStock(stock)).post("/api/CreateEndPoint", strings.Replace(newEndpoint("b", ""), "1201", "77", 1)); g.codes() != "0/99001" {
		t.Errorf("without a catalogue of roaming profiles: got %s, want any id taken", g.body)
	}
}

// TestEffectsInTheCollection plays every effect on a create of the collection:
// they are known by operation and row, so they are the same.
func TestEffectsInTheCollection(t *testing.T) {
	for effect, want := range wants {
		t.Run(effect.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := visit(t, WithFaults(Fault{Op: opCreate, Row: "a", Times: 1, Effect: effect, Delay: 100 * time.Second}))
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
				defer cancel()
				start := time.Now()
				g := v.do(v.request("POST", "/api/CreateEndPoint", newEndpoint("a", "")).WithContext(ctx))
				if !want.see(g) {
					t.Errorf("got HTTP %d %q (%v)", g.status, g.body, g.err)
				}
				if got := len(v.sim.Endpoints()); got != want.now {
					t.Errorf("got %d endpoints at once, want %d", got, want.now)
				}
				time.Sleep(100*time.Second - time.Since(start))
				if got := len(v.sim.Endpoints()); got != want.later {
					t.Errorf("got %d endpoints after 100 s, want %d", got, want.later)
				}
				checkEntry(t, v.sim, effect, want, start)
			})
		})
	}
}

// A create may do at once, or for good, a part of what it was to do; the rest comes
// later, or not.
func TestAFoldedCreateDoneInPart(t *testing.T) {
	for effect, want := range map[Effect][2]string{MadeOnly: {"Pre-Active/", "Pre-Active/"}, LinkedOnly: {"Pre-Active/linked", "Pre-Active/linked"}, MadeFirst: {"Pre-Active/", "Active/linked"}} {
		for _, kept := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				v := visit(t, WithFaults(Fault{Op: opCreate, Row: "a", Times: 1, Effect: effect, Delay: time.Minute}))
				if g := v.post("/api/CreateEndPoint", withSIM("a", "true")); g.codes() != "1/10239" {
					t.Fatalf("%s: got %s", effect, g.body)
				}
				looks := func() string {
					e := v.sim.Endpoints()[0]
					if e.ICCID != "" {
						return string(e.Status) + "/linked"
					}
					return string(e.Status) + "/"
				}
				if got := looks(); got != want[0] {
					t.Errorf("%s: got %s at once, want %s", effect, got, want[0])
				}
				if kept {
					again := New()
					if err := again.Load(strings.NewReader(saved(t, v.sim))); err != nil {
						t.Fatal(err)
					}
					v.sim = again
				}
				time.Sleep(2 * time.Minute)
				if got := looks(); got != want[1] {
					t.Errorf("%s: got %s in the end, want %s", effect, got, want[1])
				}
				if e := v.sim.Log(); !kept && (e[1].Asks != "link activate" || e[1].Also != map[Effect]string{LinkedOnly: "link", MadeFirst: "link activate"}[effect] || e[1].AlsoAt.IsZero() != (effect == MadeOnly)) {
					t.Errorf("%s: got %+v", effect, e[1])
				}
			})
		}
	}
}

func TestFaultsOfReadsInTheCollection(t *testing.T) {
	v := visit(t, WithFaults(
		Fault{Op: opEndpoints, Row: "b", Times: 1, Effect: WrongID},
		Fault{Op: opEndpoints, Row: "b", From: 2, Times: 1, Effect: NoParam},
		Fault{Op: opEndpoints, Row: "2", Effect: RowMissed}))
	for _, name := range []string{"a", "b", "c"} {
		v.post("/api/CreateEndPoint", newEndpoint(name, ""))
	}
	read := func() map[string]string {
		basic, _ := profile(t, v.get("/api/GetEndPointProfile?endPointId=100000002"))
		return basic
	}
	if got := read(); got["name"] != "a" || got["endPointId"] != "100000001" {
		t.Errorf("got %v, want the profile of another endpoint", got)
	}
	if got := read(); got != nil {
		t.Errorf("got %v, want no info", got)
	}
	if got := read(); got["name"] != "b" {
		t.Errorf("got %v, want b", got)
	}
	if rows := v.get("/api/GetEndpoints?page=2&perPage=1").rows(); len(rows) != 1 || rows[0]["name"] != "c" {
		t.Errorf("got %v, want b missed", rows)
	}
	log := v.sim.Log()
	if e := log[len(log)-2]; e.Op != wire.OpEndpoints || e.Row != "b" || e.EndpointID != "100000002" || e.Path != "/api/GetEndPointProfile" {
		t.Errorf("got %+v for a profile", e)
	}
}

func TestTheCollectionsStateIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithFaults(Fault{Op: opCreate, Row: "late", Effect: TimeoutLate, Delay: time.Minute},
			Fault{Op: wire.OpModify, Row: "a", Effect: TimeoutLate, Delay: time.Minute}))
		v.post("/api/CreateEndPoint", newEndpoint("a", `,"monthlyLimit":"5","addonPlanIds":["100300"]`))
		v.post("/api/CreateEndPoint", withSIM("late", "true"))
		v.patch(request("100000001", `"addAddonPlanIds":["100400"]`))
		text := saved(t, v.sim)
		b := New()
		if err := b.Load(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if again := saved(t, b); again != text {
			t.Errorf("saved again, got %s, want %s", again, text)
		}
		time.Sleep(time.Minute)
		list := b.Endpoints()
		if len(list) != 2 || list[1].Status != fleet.StatusActive || list[1].ICCID != firstSIM || len(b.live.order[0].Addons) != 2 || b.live.order[0].MonthlyLimit != "5" {
			t.Errorf("got %+v and %+v, want the late work done", list, b.live.order[0].extras)
		}
		if _, err := ReadState(strings.NewReader(strings.Replace(text, `"dialect": "collection"`, `"dialect": "x"`, 1))); err == nil || !errors.Is(err, fleet.ErrInvalid) {
			t.Errorf("an unknown dialect: got %v, want an error", err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add(newEndpoint("a", `,"addonPlanIds":[1]`))
	f.Add(`{"Request":{"endPointId":1,"requestParam":null}}`)
	sim := New()
	v := &visitor{sim: sim, base: "http://platform.test", client: clientOf(sim)}
	f.Fuzz(func(t *testing.T, body string) {
		v.t = t
		v.token = v.logIn("user", "secret")
		for _, path := range []string{"/api/CreateEndPoint", "/api/ChangePlan", "/api/LinkSim"} {
			g := v.post(path, body)
			if g.err != nil || g.status != 200 || !isWhole(g) {
				t.Errorf("%s %q: got HTTP %d %q (%v), want an envelope", path, body, g.status, g.body, g.err)
			}
		}
	})
}
