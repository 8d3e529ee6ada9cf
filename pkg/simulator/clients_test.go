package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

func clientOf(sim *Simulator) *http.Client { return &http.Client{Transport: sim, CheckRedirect: stay} }

// publicClient calls the platform in the order and reads its answers in the way
// of programs that were seen to work with it. It shares nothing with our own
// client, so it notices when simulator and client err together.
type publicClient struct {
	*visitor
	refresh string
}

// object is an answer as such a program sees it: a tree of names.
type object map[string]any

func (o object) at(path ...string) any {
	var v any = map[string]any(o)
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (o object) text(path ...string) string {
	text, _ := o.at(path...).(string)
	return text
}

func (o object) outer() string { return o.text("Response", "resultCode") }
func (o object) inner() string { return o.text("Response", "resultParam", "resultCode") }

// rows are those of a listing, with the names as they are spelt.
func (o object) rows() []object {
	list, _ := o.at("Response", "responseParam", "rows").([]any)
	out := make([]object, len(list))
	for i, row := range list {
		out[i], _ = row.(map[string]any)
	}
	return out
}

func (c *publicClient) read(g seen) object {
	c.t.Helper()
	var o object
	if g.err != nil || g.status != http.StatusOK || json.Unmarshal([]byte(g.body), &o) != nil {
		c.t.Fatalf("got HTTP %d %q (%v), want an object", g.status, g.body, g.err)
	}
	return o
}

// logIn reads the flat pair, whose names have a capital each.
func (c *publicClient) logIn() {
	c.t.Helper()
	c.token = ""
	c.take(c.read(c.post("/api/login", `{"username":"user","password":"secret"}`)))
}

func (c *publicClient) take(pair object) {
	c.t.Helper()
	c.token, c.refresh = pair.text("AccessToken"), pair.text("RefreshToken")
	if c.token == "" || c.refresh == "" {
		c.t.Fatalf("got %v, want AccessToken and RefreshToken", pair)
	}
}

// call sends a call of the collection; on an enveloped 401 it renews its token
// once and calls again.
func (c *publicClient) call(method, path, body string) object {
	c.t.Helper()
	o := c.read(c.do(c.request(method, path, body)))
	if o.outer() != "1" || o.inner() != "401" {
		return o
	}
	c.token = c.refresh
	c.take(c.read(c.get("/api/RefreshToken")))
	return c.read(c.do(c.request(method, path, body)))
}

func (c *publicClient) fetch(query url.Values) object {
	c.t.Helper()
	return c.call("GET", "/api/fetchSIM?"+query.Encode(), "")
}

// freeSIM looks through the pages for a SIM that is ready and on no endpoint.
func (c *publicClient) freeSIM(perPage int) (iccid string, pages int) {
	c.t.Helper()
	for page := 1; ; page++ {
		o := c.fetch(url.Values{"page": {strconv.Itoa(page)}, "perPage": {strconv.Itoa(perPage)}})
		count, ok := o.at("Response", "totalNoOfPages").(float64)
		if !ok {
			c.t.Fatalf("got %v, want totalNoOfPages beside responseParam", o)
		}
		for _, row := range o.rows() {
			if strings.EqualFold(row.text("simStatus"), "ready to activate") && row.text("endPointId") == "-" && row.text("simAttachStatus") == "NOT ATTACHED" {
				return row.text("iccid"), page
			}
		}
		if page >= int(count) {
			return "", page
		}
	}
}

// create makes an endpoint in one call and finds its id: under Response, else by
// the row of its SIM.
func (c *publicClient) create(name, iccid, activation string) string {
	c.t.Helper()
	o := c.call("POST", "/api/CreateEndPoint", fmt.Sprintf(`{"Request":{"requestParam":{"name":%q,"roamingProfileId":"1201|1202","apnGroupId":"PDP_12",`+
		`"planId":"100234","iccid":%q,"isLinkSIM":"true","isDefaultActivation":%q}}}`, name, iccid, activation))
	if o.outer() != "0" {
		c.t.Fatalf("got %v, want success", o)
	}
	if id := o.text("Response", "endPointId"); id != "" {
		return id
	}
	rows := c.fetch(url.Values{"iccid": {iccid}}).rows()
	if len(rows) != 1 || rows[0].text("iccid") != iccid || rows[0].text("endPointId") == "-" {
		c.t.Fatalf("got %v, want the row of the SIM with its endpoint", rows)
	}
	return rows[0].text("endPointId")
}

func public(t *testing.T, opts ...Option) *publicClient {
	t.Helper()
	sim := New(opts...)
	c := &publicClient{visitor: &visitor{t: t, sim: sim, base: "http://platform.test", client: clientOf(sim)}}
	c.logIn()
	return c
}

// expect sends the same call twice and checks the codes of both answers: what is
// so already comes as a failure.
func (c *publicClient) expect(path, id, param string, codes ...string) {
	c.t.Helper()
	for i, want := range codes {
		o := c.call("POST", path, request(fleet.ID(id), param))
		if got := o.outer() + "/" + o.inner(); got != want {
			c.t.Errorf("%s, call %d: got %s, want %s", path, i+1, got, want)
		}
	}
}

func TestPublicClientsLifeOfAnEndpoint(t *testing.T) {
	for name, opts := range map[string][]Option{"with ids": nil, "without": {WithoutCreateID()}} {
		t.Run(name, func(t *testing.T) {
			c := public(t, opts...)
			iccid, _ := c.freeSIM(100)
			id := c.create("meter", iccid, "false")
			c.expect("/api/EndPointActivation", id, "", "0/5014", "1/2507")
			c.expect("/api/EndPointLifeCycleChange", id, `"lifeCycle":"S","reason":"1"`, "0/5017", "1/1254")
			c.expect("/api/EndPointLifeCycleChange", id, `"lifeCycle":"A","reason":"3"`, "0/5017", "1/1254")
			c.expect("/api/ChangePlan", id, `"planId":100300`, "0/7001")
			c.expect("/api/DeLinkSim", id, "", "0/6413", "1/6420")
			c.expect("/api/EndPointActivation", id, "", "1/6420")
			c.expect("/api/LinkSim", id, `"iccid":"`+iccid+`"`, "0/99003")
			c.expect("/api/EndPointActivation", id, "", "0/5014")
			c.expect("/api/DeLinkSim", id, "", "0/6413")
			c.expect("/api/DeleteEndPoint", id, "", "0/10159")
			if n := len(c.sim.Endpoints()); n != 0 {
				t.Errorf("got %d endpoints, want none left", n)
			}
			if again, _ := c.freeSIM(100); again != iccid {
				t.Errorf("got free SIM %s, want %s again", again, iccid)
			}
		})
	}
}

func TestPublicClientReadsStates(t *testing.T) {
	c := public(t)
	iccid, _ := c.freeSIM(1)
	id := c.create("meter", iccid, "true")
	o := c.call("POST", "/api/EndPointLifeCycleChange", request(fleet.ID(id), `"lifeCycle":"S","reason":"2"`))
	if o.text("Response", "responseParam", "currentStatus") != "Suspended" || o.text("Response", "responseParam", "previousStatus") != "Active" {
		t.Errorf("got %v, want both states", o)
	}
	row := c.fetch(url.Values{"iccid": {iccid}}).rows()[0]
	if row.text("simStatus") != "Suspended" || row.text("simAttachStatus") != "ATTACHED" || row.text("endPointId") != id {
		t.Errorf("got %v, want a suspended SIM on %s", row, id)
	}
	o = c.call("GET", "/api/GetEndPointProfile?endPointId="+id, "")
	if o.outer() != "0" || o.text("Response", "info", "basicInfo", "iccid") != iccid || o.text("Response", "info", "basicInfo", "name") != "meter" {
		t.Errorf("got %v, want the profile", o)
	}
	if rows := c.fetch(url.Values{"iccid": {"8932042000009999999"}}).rows(); len(rows) != 0 {
		t.Errorf("got %v for an unknown SIM, want no row", rows)
	}
}

func TestPublicClientPagesThroughTheStock(t *testing.T) {
	c := public(t)
	var iccid string
	for i := range 7 {
		iccid, _ = c.freeSIM(5)
		c.create(fmt.Sprint("m", i), iccid, "false")
	}
	if _, page := c.freeSIM(5); page != 2 {
		t.Errorf("found a free SIM on page %d, want 2: seven of five a page are taken", page)
	}
	// Here a SIM that is "available" is one on an idle endpoint.
	o := c.fetch(url.Values{"simStatusId": {"12"}, "simAttachStatusId": {"1"}, "page": {"1"}, "perPage": {"1"}})
	if rows := o.rows(); len(rows) != 1 || rows[0].text("simStatus") != "Pre-Active" || o.at("Response", "totalNoOfPages") != float64(7) {
		t.Errorf("got %v, want one of seven", o)
	}
}

func TestPublicClientRenewsItsToken(t *testing.T) {
	c := public(t)
	iccid, _ := c.freeSIM(10)
	id := c.create("meter", iccid, "true")
	old := c.token
	c.token = "stale"
	c.expect("/api/EndPointActivation", id, "", "1/2507")
	if c.token == "stale" || c.token == old {
		t.Error("the token was not renewed")
	}
	if o := c.call("GET", "/api/GetEndpoints", ""); len(o.rows()) != 1 || o.rows()[0].text("endPointId") != id {
		t.Errorf("got %v with the new token, want the endpoint", o)
	}
}
