package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

// envelope is the documented reply, read here by other means than the
// simulator writes it.
type envelope struct {
	Response struct {
		ResultCode        json.RawMessage `json:"resultCode"`
		ResponseID        string          `json:"responseId"`
		ResponseTimestamp string          `json:"responseTimestamp"`
		EndpointID        *string         `json:"endpointId"`
		TotalNoOfPages    *int            `json:"totalNoOfPages"`
		ResultParam       struct {
			ResultCode        json.RawMessage `json:"resultCode"`
			ResultDescription string          `json:"resultDescription"`
		} `json:"resultParam"`
		ResponseParam *struct {
			EndpointID     *string             `json:"endpointId"`
			CurrentStatus  string              `json:"currentStatus"`
			PreviousStatus string              `json:"previousStatus"`
			TotalCount     *int                `json:"totalCount"`
			Rows           []map[string]string `json:"rows"`
			Plan           []struct {
				BasicInfo map[string]string `json:"basicInfo"`
			} `json:"plan"`
		} `json:"responseParam"`
	}
}

// seen is an answer as it came out.
type seen struct {
	status int
	header http.Header
	body   string
	env    envelope
	err    error
}

func (g seen) codes() string {
	unquote := func(b []byte) string { return strings.Trim(string(b), `"`) }
	return unquote(g.env.Response.ResultCode) + "/" + unquote(g.env.Response.ResultParam.ResultCode)
}

func (g seen) rows() []map[string]string {
	if g.env.Response.ResponseParam == nil {
		return nil
	}
	return g.env.Response.ResponseParam.Rows
}

// visitor speaks raw HTTP to a simulator.
type visitor struct {
	t      testing.TB
	sim    *Simulator
	base   string
	client *http.Client
	token  string
}

// visit talks to a simulator in this process, without sockets.
func visit(t testing.TB, opts ...Option) *visitor {
	t.Helper()
	sim := New(opts...)
	v := &visitor{t: t, sim: sim, base: "http://platform.test", client: &http.Client{Transport: sim, CheckRedirect: stay}}
	v.token = v.logIn("user", "secret")
	return v
}

// visitServer talks to a simulator behind a loopback socket.
func visitServer(t testing.TB, opts ...Option) *visitor {
	t.Helper()
	sim := New(opts...)
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.CheckRedirect = stay
	v := &visitor{t: t, sim: sim, base: srv.URL, client: client}
	v.token = v.logIn("user", "secret")
	return v
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (v *visitor) logIn(user, password string) string {
	v.t.Helper()
	g := v.post("/api/login", fmt.Sprintf(`{"username":%q,"password":%q}`, user, password))
	var pair struct{ AccessToken string }
	_ = json.Unmarshal([]byte(g.body), &pair) // refused logins have none
	return pair.AccessToken
}

func (v *visitor) request(method, path, body string) *http.Request {
	v.t.Helper()
	r, err := http.NewRequest(method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Requested-With", "XMLHttpRequest")
	if v.token != "" {
		r.Header.Set("X-Authorization", "Bearer "+v.token)
	}
	return r
}

func (v *visitor) do(r *http.Request) seen {
	resp, err := v.client.Do(r)
	if err != nil {
		return seen{err: err}
	}
	defer resp.Body.Close()
	g := seen{status: resp.StatusCode, header: resp.Header}
	body, err := io.ReadAll(resp.Body)
	g.body, g.err = string(body), err
	_ = json.Unmarshal(body, &g.env) // not every answer is an envelope
	return g
}

func (v *visitor) post(path, body string) seen {
	v.t.Helper()
	return v.do(v.request("POST", path, body))
}

func (v *visitor) get(path string) seen {
	v.t.Helper()
	return v.do(v.request("GET", path, ""))
}

func createBody(name string) string {
	return fmt.Sprintf(`{"endpointInfo":{"endpointName":%q,"planId":"100234","serviceProfileId":"SP_1249","simProductId":"7"}}`, name)
}

func (v *visitor) create(name string) seen {
	v.t.Helper()
	return v.post("/api/createEndpoint", createBody(name))
}

func about(id fleet.ID, more string) string {
	return fmt.Sprintf(`{"endpointInfo":{"endpointId":%q%s}}`, id, more)
}

const firstSIM = "8932042000001234562"

func TestBuiltInStockHoldsTheKnownSIM(t *testing.T) {
	sim := New()
	if got := len(sim.SIMs()); got != 250 {
		t.Errorf("got %d SIMs, want 250", got)
	}
	if sim.live.card(firstSIM) == nil {
		t.Errorf("SIM %s is not in stock", firstSIM)
	}
}

func TestCreateReply(t *testing.T) {
	v := visit(t)
	g := v.create("meter-1")
	if g.status != 200 || g.codes() != "0/99001" {
		t.Fatalf("got HTTP %d %s, want 200 0/99001: %s", g.status, g.codes(), g.body)
	}
	r := g.env.Response
	if r.EndpointID == nil || r.ResponseParam == nil || r.ResponseParam.EndpointID == nil || *r.EndpointID != *r.ResponseParam.EndpointID {
		t.Fatalf("got %s, want one id in both places", g.body)
	}
	if r.ResponseID == "" || len(r.ResponseTimestamp) != len("25/11/2025 10:15:30") {
		t.Errorf("got id %q at %q, want both", r.ResponseID, r.ResponseTimestamp)
	}
	if !strings.Contains(g.body, `"resultCode":"0"`) {
		t.Errorf("got %s, want codes as strings", g.body)
	}
	again := v.create("meter-1")
	if *again.env.Response.EndpointID == *r.EndpointID || len(v.sim.Endpoints()) != 2 {
		t.Errorf("got %d endpoints, want a second one with the same name", len(v.sim.Endpoints()))
	}
	if v := visit(t, WithoutCreateID()).create("x"); v.codes() != "0/99001" || v.env.Response.EndpointID != nil {
		t.Errorf("got %s, want success without an id", v.body)
	}
	if v := visit(t, WithNumericCodes()).create("x"); !strings.Contains(v.body, `"resultCode":99001`) {
		t.Errorf("got %s, want codes as numbers", v.body)
	}
}

func TestRefusals(t *testing.T) {
	full := map[string]string{"endpointName": "a", "planId": "100234", "serviceProfileId": "SP_1249", "simProductId": "7", "apnGroupId": "PDP_12"}
	with := func(field, value string) string {
		m := map[string]string{}
		for k, v := range full {
			m[k] = v
		}
		if m[field] = value; value == "" {
			delete(m, field)
		}
		data, _ := json.Marshal(map[string]any{"endpointInfo": m})
		return string(data)
	}
	tests := []struct{ name, path, body, codes, text string }{
		{"whole", "/api/createEndpoint", with("", ""), "0/99001", ""},
		{"no apn group", "/api/createEndpoint", with("apnGroupId", ""), "0/99001", ""},
		{"plan as a number", "/api/createEndpoint", strings.Replace(with("", ""), `"100234"`, `100234`, 1), "0/99001", ""},
		{"no name", "/api/createEndpoint", with("endpointName", ""), "1/99400", "endpointName"},
		{"no plan", "/api/createEndpoint", with("planId", ""), "1/99400", "planId"},
		{"no profile", "/api/createEndpoint", with("serviceProfileId", ""), "1/99400", "serviceProfileId"},
		{"no product", "/api/createEndpoint", with("simProductId", ""), "1/99400", "simProductId"},
		{"unknown plan", "/api/createEndpoint", with("planId", "777"), "1/99400", "planId 777"},
		{"unknown profile", "/api/createEndpoint", with("serviceProfileId", "SP_7"), "1/99400", "serviceProfileId SP_7"},
		{"unknown product", "/api/createEndpoint", with("simProductId", "9"), "1/99400", "simProductId 9"},
		{"unknown apn group", "/api/createEndpoint", with("apnGroupId", "PDP_7"), "1/99400", "apnGroupId PDP_7"},
		{"product as a number", "/api/createEndpoint", strings.Replace(with("", ""), `"7"`, `7`, 1), "1/99400", "simProductId"},
		{"not JSON", "/api/createEndpoint", "{", "1/99400", "JSON"},
		{"other dialect", "/api/createEndpoint", `{"Request":{}}`, "1/99400", "Request"},
		{"no info", "/api/createEndpoint", `{"endpointinfo":{}}`, "1/99400", "endpointInfo"},
		{"null info", "/api/createEndpoint", `{"endpointInfo":null}`, "1/99400", "endpointInfo"},
		{"modify nothing", "/api/modifyEndpoint", about("100000001", ""), "1/99400", "nothing"},
		{"modify profile", "/api/modifyEndpoint", about("100000001", `,"serviceProfileId":"SP_1300","endpointName":"b"`), "1/99400", "serviceProfileId"},
		{"modify product", "/api/modifyEndpoint", about("100000001", `,"simProductId":"8"`), "1/99400", "simProductId"},
		{"modify to unknown plan", "/api/modifyEndpoint", about("100000001", `,"planId":"777"`), "1/99400", "planId 777"},
		{"modify without id", "/api/modifyEndpoint", about("", `,"planId":"100300"`), "1/99400", "endpointId"},
		{"modify unknown", "/api/modifyEndpoint", about("1", `,"planId":"100300"`), "1/99404", "1"},
		{"other spelling of the id", "/api/deleteEndpoint", `{"endpointInfo":{"endPointId":"100000001"}}`, "1/99400", "endpointId"},
		{"delete unknown", "/api/deleteEndpoint", about("1", ""), "1/99404", "1"},
		{"link without SIM", "/api/linkSim", about("100000001", ""), "1/99400", "iccid"},
		{"link unknown SIM", "/api/linkSim", about("100000001", `,"iccid":"8932042000009999999"`), "1/99400", "8932042000009999999"},
		{"link SIM of other product", "/api/linkSim", about("100000001", `,"iccid":"`+string(Range("893204200000200000", 1, "8")[0].ICCID)+`"`), "1/99409", "product"},
		{"lifecycle of no kind", "/api/changeEndpointLifecycle", about("100000001", `,"lifeCycle":"AI","reason":"1"`), "1/99400", "lifeCycle AI"},
		{"lifecycle without reason", "/api/changeEndpointLifecycle", about("100000001", `,"lifeCycle":"S"`), "1/99400", "reason"},
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
			if g.codes()[0] == '1' && (len(v.sim.Endpoints()) != 1 || g.env.Response.ResponseParam != nil) {
				t.Errorf("a refusal made %d endpoints or has a responseParam: %s", len(v.sim.Endpoints()), g.body)
			}
		})
	}
}

func TestModifySetsWhatIsGiven(t *testing.T) {
	v := visit(t)
	v.create("old")
	if g := v.post("/api/modifyEndpoint", about("100000001", `,"endpointName":"new","apnGroupId":"PDP_20"`)); g.codes() != "0/99002" {
		t.Fatalf("got %s, want 0/99002", g.codes())
	}
	e := v.sim.Endpoints()[0]
	if e.Name != "new" || e.APNGroupID != "PDP_20" || e.PlanID != "100234" {
		t.Errorf("got %+v, want the name and the APN group changed and nothing else", e)
	}
}

func TestHTTPManners(t *testing.T) {
	big := `{"endpointInfo":{"endpointName":"` + strings.Repeat("x", 1<<20) + `"}}`
	tests := []struct {
		name, method, path, kind, body string
		opts                           []Option
		status                         int
	}{
		{"unknown path", "POST", "/api/other", "application/json", "{}", nil, 404},
		{"wrong method", "GET", "/api/createEndpoint", "application/json", "", nil, 405},
		{"wrong method of a listing", "POST", "/api/GetEndpoint", "application/json", "{}", nil, 405},
		{"form body", "POST", "/api/createEndpoint", "application/x-www-form-urlencoded", "a=b", nil, 415},
		{"charset", "POST", "/api/createEndpoint", "application/json; charset=utf-8", createBody("a"), nil, 200},
		{"large body", "POST", "/api/createEndpoint", "application/json", big, nil, 413},
		{"other case", "POST", "/api/CREATEendpoint", "application/json", createBody("a"), nil, 200},
		{"other case, strict", "POST", "/api/CREATEendpoint", "application/json", createBody("a"), []Option{WithStrictCase()}, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := visit(t, tt.opts...)
			r := v.request(tt.method, tt.path, tt.body)
			r.Header.Set("Content-Type", tt.kind)
			if g := v.do(r); g.status != tt.status {
				t.Errorf("got HTTP %d (%v), want %d", g.status, g.err, tt.status)
			}
		})
	}
}

func TestLog(t *testing.T) {
	v := visit(t, WithFaults(Fault{Op: opCreate, Row: "b", Effect: DropBefore, Times: 1}))
	v.create("a")
	v.create("b")
	v.create("b")
	log := v.sim.Log()
	if len(log) != 4 {
		t.Fatalf("got %d entries, want 4", len(log))
	}
	if e := log[1]; e.Seq != 2 || e.Op != opCreate || e.Row != "a" || e.EndpointID != "100000001" || !e.Applied ||
		e.AppliedAt.IsZero() || e.Status != 200 || e.Outer != "0" || e.Inner != "99001" || e.Account != "user" || e.Attempt != 1 {
		t.Errorf("got %+v for an accepted create", e)
	}
	if e := log[2]; e.Effect != DropBefore || e.Applied || e.Status != 0 || e.Attempt != 1 {
		t.Errorf("got %+v for a dropped create", e)
	}
	if e := log[3]; e.Effect != NoEffect || !e.Applied || e.Attempt != 2 {
		t.Errorf("got %+v for the second attempt", e)
	}
	if got := v.sim.Counts()[opCreate]; got != 3 {
		t.Errorf("got %d creates, want 3", got)
	}
	var b bytes.Buffer
	if err := v.sim.WriteLog(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[2], `{"op":"create","seq":3`) || !strings.Contains(lines[2], `"effect":"drop-before"`) {
		t.Errorf("got %q", lines)
	}
}

func TestLogLimit(t *testing.T) {
	v := visit(t, WithLogLimit(10))
	for range 5000 {
		v.get("/api/GetSIMProduct")
	}
	log := v.sim.Log()
	if len(log) != 10 || log[9].Seq != 5001 || len(v.sim.log.chunks) > 3 {
		t.Errorf("got %d entries in %d chunks, want the last 10", len(log), len(v.sim.log.chunks))
	}
}
