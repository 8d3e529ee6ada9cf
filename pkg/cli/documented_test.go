package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/platform"
	"sftctl/pkg/wire"
)

// documented is a second platform, written from the documented payloads alone:
// it shares no code with the simulator or with the client, so that a mistake
// which those two have in common shows here.
type documented struct {
	mu    sync.Mutex
	mux   *http.ServeMux
	next  int
	rows  []map[string]string // endpoints, by the platform's field names
	cards []map[string]string
}

func newDocumented(t *testing.T, iccids ...string) (*documented, string) {
	t.Helper()
	d := &documented{mux: http.NewServeMux(), next: 5000}
	for _, iccid := range iccids {
		d.cards = append(d.cards, map[string]string{"iccid": iccid, "simStatus": "Ready to Activate", "simAttachStatus": "NOT ATTACHED", "endPointId": "-", "simProduct": "MFF2"})
	}
	d.mux.HandleFunc("POST /api/login", d.login)
	d.mux.HandleFunc("GET /api/RefreshToken", d.refresh)
	d.post("/api/createEndpoint", d.create)
	d.post("/api/modifyEndpoint", d.modify)
	d.post("/api/deleteEndpoint", d.remove)
	d.post("/api/linkSim", d.link)
	d.post("/api/delinkSim", d.delink)
	d.post("/api/activateEndpoint", d.activate)
	d.post("/api/changeEndpointLifecycle", d.lifecycle)
	d.mux.HandleFunc("GET /api/GetEndpoint", d.list)
	d.mux.HandleFunc("GET /api/fetchSIM", d.fetchSIM)
	d.mux.HandleFunc("GET /api/QueryRatePlan", d.ratePlans)
	d.mux.HandleFunc("GET /api/GetServiceProfile", d.serviceProfiles)
	d.mux.HandleFunc("GET /api/GetSIMProduct", d.simProducts)
	server := httptest.NewServer(d.mux)
	t.Cleanup(server.Close)
	return d, server.URL
}

func (d *documented) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ Username, Password string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Password != "right" || r.Header.Get("X-Requested-With") != "XMLHttpRequest" {
		fmt.Fprint(w, `{"Response":{"resultCode":"1","resultParam":{"resultCode":"10126","resultDescription":"Invalid username or password"}}}`)
		return
	}
	fmt.Fprint(w, `{"AccessToken":"access","RefreshToken":"refresh"}`)
}

func (d *documented) refresh(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Authorization") != "Bearer refresh" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprint(w, `{"AccessToken":"access","RefreshToken":"refresh"}`)
}

// post serves a mutating call: endpointInfo in, an envelope out.
func (d *documented) post(path string, serve func(info map[string]string) (code, id string, ok bool)) {
	d.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		var body struct{ EndpointInfo map[string]string }
		if r.Header.Get("X-Authorization") != "Bearer access" || json.NewDecoder(r.Body).Decode(&body) != nil || body.EndpointInfo == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		code, id, ok := serve(body.EndpointInfo)
		outer := map[bool]string{true: "0", false: "1"}[ok]
		fmt.Fprintf(w, `{"Response":{"resultCode":%q,"responseId":"1","endpointId":%q,"resultParam":{"resultCode":%q,"resultDescription":"-"}}}`, outer, id, code)
	})
}

func (d *documented) find(id string) map[string]string {
	for _, row := range d.rows {
		if row["endpointId"] == id {
			return row
		}
	}
	return nil
}

func (d *documented) card(key, value string) map[string]string {
	for _, card := range d.cards {
		if card[key] == value {
			return card
		}
	}
	return nil
}

func (d *documented) create(info map[string]string) (string, string, bool) {
	for _, field := range []string{"endpointName", "planId", "serviceProfileId", "simProductId"} {
		if info[field] == "" {
			return "99400", "", false
		}
	}
	d.next++
	id := fmt.Sprint(d.next)
	d.rows = append(d.rows, map[string]string{"endpointId": id, "endpointName": info["endpointName"], "planId": info["planId"], "serviceProfileId": info["serviceProfileId"],
		"simProductId": info["simProductId"], "apnGroupId": dash(info["apnGroupId"]), "status": "Pre-Active", "iccid": "-"})
	return "0", id, true
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (d *documented) modify(info map[string]string) (string, string, bool) {
	row := d.find(info["endpointId"])
	if row == nil || len(info) < 2 {
		return "99404", "", false
	}
	for field, value := range info {
		row[field] = value
	}
	return "0", row["endpointId"], true
}

func (d *documented) remove(info map[string]string) (string, string, bool) {
	for i, row := range d.rows {
		if row["endpointId"] == info["endpointId"] && row["iccid"] == "-" {
			d.rows = append(d.rows[:i], d.rows[i+1:]...)
			return "10159", "", true
		}
	}
	return "99409", "", false
}

func (d *documented) link(info map[string]string) (string, string, bool) {
	row, card := d.find(info["endpointId"]), d.card("iccid", info["iccid"])
	if row == nil || card == nil || card["endPointId"] != "-" || row["iccid"] != "-" {
		return "99409", "", false
	}
	row["iccid"], row["status"] = info["iccid"], "Pre-Active"
	card["endPointId"], card["simAttachStatus"], card["simStatus"] = row["endpointId"], "ATTACHED", "Pre-Active"
	return "0", row["endpointId"], true
}

func (d *documented) delink(info map[string]string) (string, string, bool) {
	row := d.find(info["endpointId"])
	if row == nil || row["iccid"] == "-" {
		return "6420", "", false
	}
	card := d.card("iccid", row["iccid"])
	card["endPointId"], card["simAttachStatus"], card["simStatus"] = "-", "NOT ATTACHED", "Ready to Activate"
	row["iccid"], row["status"] = "-", "Hold"
	return "6413", row["endpointId"], true
}

func (d *documented) activate(info map[string]string) (string, string, bool) {
	row := d.find(info["endpointId"])
	switch {
	case row == nil || row["iccid"] == "-":
		return "6420", "", false
	case row["status"] == "Active":
		return "2507", "", false
	}
	row["status"] = "Active"
	return "5014", row["endpointId"], true
}

func (d *documented) lifecycle(info map[string]string) (string, string, bool) {
	row := d.find(info["endpointId"])
	want := map[string]string{"A": "Active", "S": "Suspended"}[info["lifeCycle"]]
	switch {
	case row == nil || want == "" || info["reason"] == "":
		return "99400", "", false
	case row["status"] == want:
		return "1254", "", false
	}
	row["status"] = want
	return "5017", row["endpointId"], true
}

// rowsOut answers a listing, in pages where they are asked for.
func rowsOut(w http.ResponseWriter, r *http.Request, rows any, n int) {
	if n == 0 {
		fmt.Fprint(w, `{"Response":{"resultCode":"1","resultParam":{"resultCode":"1359","resultDescription":"No data available"}}}`)
		return
	}
	data, _ := json.Marshal(rows)
	fmt.Fprintf(w, `{"Response":{"resultCode":"0","totalNoOfPages":"1","resultParam":{"resultCode":"1604"},"responseParam":{"rows":%s}}}`, data)
}

func (d *documented) list(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := d.rows
	if id := r.URL.Query().Get("endpointId"); id != "" {
		if rows = nil; d.find(id) != nil {
			rows = []map[string]string{d.find(id)}
		}
	}
	rowsOut(w, r, rows, len(rows))
}

func (d *documented) fetchSIM(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	cards := d.cards
	if iccid := r.URL.Query().Get("iccid"); iccid != "" {
		if cards = nil; d.card("iccid", iccid) != nil {
			cards = []map[string]string{d.card("iccid", iccid)}
		}
	}
	rowsOut(w, r, cards, len(cards))
}

func (d *documented) ratePlans(w http.ResponseWriter, r *http.Request) {
	rowsOut(w, r, []map[string]string{{"planId": "100234", "planName": "Gold", "tariffId": "1", "serviceProfileId": "SP_1249", "status": "Active"}}, 1)
}

func (d *documented) serviceProfiles(w http.ResponseWriter, r *http.Request) {
	rowsOut(w, r, []map[string]string{{"profileId": "SP_1249", "profileName": "Data", "serviceName": "data"}}, 1)
}

func (d *documented) simProducts(w http.ResponseWriter, r *http.Request) {
	rowsOut(w, r, []map[string]string{{"simProductId": "7", "simProductName": "MFF2"}}, 1)
}

func clientOf(t *testing.T, url, password string) *platform.Client {
	t.Helper()
	c, err := platform.New(platform.Options{BaseURL: url, Username: "ann", Password: platform.NewSecret(password), Dialect: wire.EndpointInfo{}, Purse: pace.New(0), Parallel: 4})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The client's every operation against the hand-written platform.
func TestEveryOperationOnADocumentedPlatform(t *testing.T) {
	const card = "8932042000001234562"
	d, url := newDocumented(t, card)
	c := clientOf(t, url, "right")
	do := func(call fleet.Call, want fleet.Outcome, code string) fleet.Reply {
		t.Helper()
		reply := c.Do(t.Context(), call, func() error { return nil })
		if reply.Outcome != want || reply.Code != code || reply.Sends != 1 {
			t.Fatalf("%s: got %s, code %s, %d sends (%v), want %s, code %s", call.Action, reply.Outcome, reply.Code, reply.Sends, reply.Err, want, code)
		}
		return reply
	}
	whole := fleet.Fields{Name: "m", PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}
	id := do(fleet.Call{Action: fleet.Create, Name: "m", Fields: whole}, fleet.Done, "0").ID
	if id != "5001" {
		t.Fatalf("got id %q", id)
	}
	on := func(action fleet.Action, fields fleet.Fields) fleet.Call {
		return fleet.Call{Action: action, EndpointID: id, Name: "m", Fields: fields}
	}
	do(on(fleet.Activate, fleet.Fields{}), fleet.Failed, "6420")
	do(on(fleet.Delink, fleet.Fields{}), fleet.Done, "6420") // was not linked: a no-op
	do(on(fleet.Link, fleet.Fields{ICCID: card}), fleet.Done, "0")
	do(on(fleet.Link, fleet.Fields{ICCID: card}), fleet.Failed, "99409")
	do(on(fleet.Activate, fleet.Fields{}), fleet.Done, "5014")
	do(on(fleet.Activate, fleet.Fields{}), fleet.Done, "2507")
	do(on(fleet.Suspend, fleet.Fields{}), fleet.Done, "5017")
	do(on(fleet.Suspend, fleet.Fields{}), fleet.Done, "1254")
	do(on(fleet.Resume, fleet.Fields{}), fleet.Done, "5017")
	do(on(fleet.Modify, fleet.Fields{PlanID: "100300", APNGroupID: "PDP_12"}), fleet.Done, "0")
	do(on(fleet.Delete, fleet.Fields{}), fleet.Failed, "99409")
	page, err := c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, ID: id})
	if err != nil || len(page.Endpoints) != 1 || page.Endpoints[0].Status != fleet.StatusActive || page.Endpoints[0].PlanID != "100300" || page.Endpoints[0].ICCID != card {
		t.Fatalf("get: got %+v, %v", page, err)
	}
	page, err = c.Page(t.Context(), fleet.Query{List: fleet.SIMs, ICCID: card})
	if err != nil || len(page.SIMs) != 1 || page.SIMs[0].EndpointID != id || !page.SIMs[0].Attached {
		t.Fatalf("fetchSIM: got %+v, %v", page, err)
	}
	do(on(fleet.Delink, fleet.Fields{}), fleet.Done, "6413")
	do(on(fleet.Delete, fleet.Fields{}), fleet.Done, "10159")
	if page, err = c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: 250}); err != nil || len(page.Endpoints) != 0 || len(d.rows) != 0 {
		t.Fatalf("after the delete: got %+v, %v", page, err)
	}
	for list, want := range map[fleet.List]fleet.Entry{fleet.RatePlans: {ID: "100234", Name: "Gold"}, fleet.ServiceProfiles: {ID: "SP_1249", Name: "Data"}, fleet.SIMProducts: {ID: "7", Name: "MFF2"}} {
		if page, err := c.Page(t.Context(), fleet.Query{List: list}); err != nil || len(page.Entries) != 1 || page.Entries[0] != want {
			t.Errorf("%s: got %+v, %v", list, page.Entries, err)
		}
	}
	if err := clientOf(t, url, "wrong").Login(t.Context()); err == nil || !strings.Contains(err.Error(), "10126") {
		t.Errorf("a wrong password: got %v", err)
	}
}

// The main job against it, from file to report.
func TestTheMainJobOnADocumentedPlatform(t *testing.T) {
	cards := []string{"8932042000001234562", "8932042000001234570", "8932042000001234588"}
	d, url := newDocumented(t, cards...)
	dir := t.TempDir()
	var csv strings.Builder
	csv.WriteString("endpointName,plan,serviceProfileId,simProductId,iccid,state\n")
	for i, card := range cards {
		fmt.Fprintf(&csv, "meter-%d,Gold,SP_1249,7,%s,active\n", i, card)
	}
	path := write(t, filepath.Join(dir, "f.csv"), csv.String())
	remote := []string{"--simulate=false", "--url", url, "--username", "ann", "--password-file", write(t, filepath.Join(dir, "pw"), "right\n")}
	for i, tt := range []struct {
		command []string
		says    string
	}{
		{[]string{"apply", "--yes"}, "3 done"},
		{[]string{"drift"}, "nothing to do"},
		{[]string{"apply", "--yes"}, "3 unchanged"},
	} {
		code, out, talk := at(t, dir, "", append(append(tt.command, remote...), path)...)
		if code != 0 || !strings.Contains(out, tt.says) {
			t.Fatalf("%d %v: got code %d, %s%s", i, tt.command, code, out, talk)
		}
	}
	if len(d.rows) != 3 || d.rows[0]["status"] != "Active" {
		t.Errorf("got %v", d.rows)
	}
}
