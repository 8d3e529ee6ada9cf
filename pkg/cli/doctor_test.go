package cli

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// patient is somebody whom the doctor looks at.
type patient struct {
	*testing.T
	dir string
	sim *simulator.Simulator
	url string
}

// withPlatform serves a platform with a number of endpoints, behind a handler that
// may get in its way.
func withPlatform(t *testing.T, endpoints int, before func(http.Handler) http.Handler, opts ...simulator.Option) *patient {
	t.Helper()
	stock := simulator.BuiltInStock()
	for i := range endpoints {
		stock.Endpoints = append(stock.Endpoints, fleet.Endpoint{Fields: fleet.Fields{Name: fmt.Sprint("m-", i), PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}})
	}
	p := &patient{T: t, dir: t.TempDir(), sim: simulator.New(append([]simulator.Option{simulator.WithStock(stock)}, opts...)...)}
	var handler http.Handler = p.sim
	if before != nil {
		handler = before(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// see runs the doctor, and gives its findings by check.
func (p *patient) see(args ...string) (code int, found map[string]finding, all string) {
	p.Helper()
	code, out, talk := in(p.T, p.dir, "", map[string]string{"SFTCTL_PASSWORD": canary}, append([]string{"doctor", "--json", "--debug", "--url", p.url}, args...)...)
	var document struct {
		Exit   int
		Checks []finding
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil || document.Exit != code || len(document.Checks) != len(checks) {
		p.Fatalf("got code %d, %v, %s%s", code, err, out, talk)
	}
	found = map[string]finding{}
	for _, f := range document.Checks {
		found[f.Check] = f
	}
	p.wantNoSecret(out + talk)
	return code, found, out + talk
}

func (p *patient) wantNoSecret(text string) {
	p.Helper()
	for _, what := range leaks([]byte(text)) {
		p.Errorf("%s shows in %s", what, text)
	}
}

// want demands that one check, and no check that does not rest on it, names what is
// wrong.
func (p *patient) want(code int, check string, g grade, seen, advice string, args ...string) map[string]finding {
	p.Helper()
	got, found, all := p.see(args...)
	if f := found[check]; got != code || f.Grade != g || !strings.Contains(f.Seen, seen) || !strings.Contains(f.Advice, advice) {
		p.Errorf("got code %d, want %d, and %s: %s, %s, %s\n%s", got, code, check, g, seen, advice, all)
	}
	for name, f := range found {
		if f.Grade == failed && name != check {
			p.Errorf("%s failed, want %s alone\n%s", name, check, all)
		}
	}
	return found
}

func TestDoctorFindsNothing(t *testing.T) {
	p := withPlatform(t, 3, nil)
	found := p.want(0, "login", fine, `as "ann"`, "")
	for name, f := range found {
		if f.Grade != fine || f.Advice != "" || f.Seen == "" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	for check, seen := range map[string]string{"account": "3 endpoints, 250 SIMs", "paging": "with totals", "clock": "within 1s", "token": "it lives ", "rate": "0 throttled", "tls": "plain http"} {
		if !strings.Contains(found[check].Seen, seen) {
			t.Errorf("%s: got %s, want %s", check, found[check].Seen, seen)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "state")); err == nil {
		t.Error("it made a state directory")
	}
	if logins(p.sim) != 1 {
		t.Errorf("got %d logins, want 1", logins(p.sim))
	}
}

func logins(sim *simulator.Simulator) (n int) {
	for _, e := range sim.Log() {
		if e.Op == wire.OpLogin {
			n++
		}
	}
	return n
}

func TestDoctorNamesWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		endpoints    int
		fault        string
		opts         []simulator.Option
		before       func(http.Handler) http.Handler
		args         []string
		code         int
		check        string
		grade        grade
		seen, advice string
	}{
		"refused login":     {fault: "login=login-refused", code: 7, check: "login", seen: "10126", advice: "not sent again by any command"},
		"blocked user":      {fault: "login=login-blocked", code: 7, check: "login", seen: "11044", advice: "have the password reset"},
		"wrong target":      {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller), simulator.WithTargetAccounts("7")}, args: []string{"--target-account", "8"}, code: 7, check: "login", seen: "10117", advice: "correct --target-account"},
		"login throttled":   {fault: "login=status-429", code: 8, check: "login", seen: "throttled", advice: "2 calls a second"},
		"login page":        {fault: "login=html-page", code: 8, check: "login", seen: "no pair of tokens", advice: "something in front of the platform"},
		"login busy":        {fault: "login=http-503-before", code: 8, check: "login", seen: "HTTP 503", advice: "try again later"},
		"login lost":        {fault: "login=drop-before", code: 8, check: "login", seen: "connection lost", advice: "may have been a refusal"},
		"login hangs":       {fault: "login=hang-dropped", args: []string{"--call-timeout", "300ms"}, code: 8, check: "login", seen: "no answer in time", advice: "may have been a refusal"},
		"wrong path":        {before: under("/elsewhere"), code: 7, check: "login", seen: "HTTP 404", advice: "is --url right?"},
		"token has ended":   {opts: []simulator.Option{simulator.WithTokenLife(time.Nanosecond)}, code: 7, check: "answer", seen: "unauthorized", advice: "given a moment ago"},
		"token refused":     {fault: "endpoints=status-401", code: 7, check: "answer", seen: "unauthorized", advice: "given a moment ago"},
		"short token":       {opts: []simulator.Option{simulator.WithTokenLife(20 * time.Second)}, check: "token", grade: warning, seen: "it lives ", advice: "clock right"},
		"opaque token":      {opts: []simulator.Option{simulator.WithOpaqueTokens()}, check: "token", grade: fine, seen: "9m0s are assumed"},
		"no permission":     {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller)}, code: 7, check: "permission", seen: "Authorisation Failure", advice: "--target-account"},
		"no permission yet": {opts: []simulator.Option{simulator.WithAccount(simulator.Reseller)}, fault: "endpoints=forbidden", args: []string{"--target-account", "8"}, code: 7, check: "permission", seen: "Authorisation Failure", advice: "a reseller again"},
		"throttled":         {fault: "endpoints=status-429", code: 8, check: "answer", seen: "throttled", advice: "2 calls a second"},
		"throttled text":    {fault: "endpoints=rate-limit-text", code: 8, check: "answer", seen: "throttled", advice: "2 calls a second"},
		"page":              {fault: "endpoints=html-page", code: 8, check: "answer", seen: "bad reply", advice: "something in front of the platform"},
		"5xx":               {fault: "endpoints=http-502-before", code: 8, check: "answer", seen: "HTTP 502", advice: "--max-outage"},
		"timeout text":      {fault: "endpoints=timeout-dropped", code: 8, check: "answer", seen: "timed out", advice: "takes too long"},
		"hangs":             {fault: "endpoints=hang-dropped", args: []string{"--call-timeout", "300ms"}, code: 8, check: "answer", seen: "no answer in time", advice: "takes too long"},
		"dropped":           {fault: "endpoints=drop-before", code: 8, check: "answer", seen: "connection lost", advice: "does not hold"},
		"redirect":          {fault: "endpoints=redirect-302", code: 8, check: "answer", seen: "redirect", advice: "never followed"},
		"other rows":        {before: instead(`{"Response":{"resultCode":"0","responseParam":{"rows":[{"name":"x"}]}}}`), code: 8, check: "dialect", seen: "no endpointId", advice: "neither dialect is answered"},
		"paging ignored":    {endpoints: 3, fault: "endpoints=paging-ignored", check: "paging", grade: warning, seen: "paging is ignored", advice: "--listing unpaged"},
		"said to be":        {endpoints: 3, fault: "endpoints=paging-ignored", args: []string{"--listing", "unpaged"}, check: "paging", grade: fine, seen: "3 rows"},
		"pages the same":    {endpoints: 300, before: firstPageOnly, code: 8, check: "paging", seen: "page 2 repeats page 1", advice: "plans are refused"},
		"page cap":          {endpoints: 70, opts: []simulator.Option{simulator.WithPaging(50, 50)}, check: "paging", grade: fine, seen: "at most 50 rows, though 250 were asked for, with totals"},
		"cap, no totals":    {endpoints: 70, opts: []simulator.Option{simulator.WithPaging(50, 50), simulator.WithoutTotals()}, check: "paging", grade: fine, seen: "at most 50 rows, though 250 were asked for, without totals"},
		"no totals":         {endpoints: 3, opts: []simulator.Option{simulator.WithoutTotals()}, check: "paging", grade: fine, seen: "ends with an empty page"},
		"sims fail":         {fault: "sims=http-500-before", code: 8, check: "account", seen: "0 endpoints; SIMs: sims: server error", advice: "try again later"},
		"too fast":          {args: []string{"--rate", "40"}, check: "rate", grade: warning, seen: "40 calls a second are asked for, and the real platform lets 2 a second through", advice: "leave --rate at 1.8"},
		"a little too fast": {args: []string{"--rate", "2.5"}, check: "rate", grade: warning, seen: "2.5 calls a second", advice: "leave --rate at 1.8"},
		"as fast as it is":  {args: []string{"--rate", "2"}, check: "rate", grade: fine, seen: "2 calls a second"},
		"no limit at all":   {args: []string{"--rate", "0"}, check: "rate", grade: fine, seen: "no limit is asked for, as suits a platform on this machine, and the real platform lets 2"},
		"late clock":        {before: clockBy(-time.Hour), check: "clock", grade: warning, seen: "1h0m0s ahead of the platform's", advice: "NTP"},
		"early clock":       {before: clockBy(2 * time.Hour), check: "clock", grade: warning, seen: "2h0m0s behind the platform's", advice: "NTP"},
		"path in the URL":   {args: []string{"--url", "https://sft.example.invalid/api"}, code: 64, check: "url", seen: "want scheme and host only", advice: "without a path"},
		"plain URL":         {args: []string{"--url", "http://sft.example.invalid"}, code: 64, check: "url", seen: "want https", advice: ""},
		"no such name":      {args: []string{"--url", "https://no..name"}, code: 8, check: "dns", seen: "no such host", advice: "name server"},
		"nobody there":      {args: []string{"--url", "http://127.0.0.1:1"}, code: 8, check: "tcp", seen: "connection refused", advice: "HTTPS_PROXY"},
		"bad flags":         {args: []string{"--dialect", "klingon", "--rate", "-1"}, code: 64, check: "settings", seen: `unknown dialect "klingon", want endpointinfo or collection; --rate`, advice: "configuration"},
		"nobody":            {args: []string{"--username", ""}, code: 64, check: "credentials", seen: "no user name", advice: "--help"},
		"two passwords":     {args: []string{"--password-stdin"}, code: 64, check: "credentials", seen: "2 ways", advice: "--help"},
		"hostile answer":    {before: echoing, code: 7, check: "login", seen: `\x1b]0;`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.fault != "" {
				fault, err := simulator.ParseFault(tt.fault)
				if err != nil {
					t.Fatal(err)
				}
				tt.opts = append(tt.opts, simulator.WithFaults(fault))
			}
			p := withPlatform(t, tt.endpoints, tt.before, tt.opts...)
			if tt.grade == "" {
				tt.grade = failed
			}
			p.want(tt.code, tt.check, tt.grade, tt.seen, tt.advice, tt.args...)
			if n := logins(p.sim); n > 1 {
				t.Errorf("got %d logins, want one at most", n)
			}
		})
	}
}

// under puts a platform below a path, so that nothing is where it should be.
func under(path string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return http.StripPrefix(path, h) }
}

func instead(body string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", h)
		for _, path := range []string{"/api/GetEndpoint", "/api/GetEndpoints"} {
			mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) })
		}
		return mux
	}
}

// firstPageOnly gives the first page, whatever page is asked for.
func firstPageOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Has("page") {
			q.Set("page", "1")
			r.URL.RawQuery = q.Encode()
		}
		h.ServeHTTP(w, r)
	})
}

func clockBy(d time.Duration) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(d).UTC().Format(http.TimeFormat))
			h.ServeHTTP(w, r)
		})
	}
}

// echoing answers a login with what it was sent, in every place and form.
func echoing(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Password string }
		_ = json.NewDecoder(r.Body).Decode(&sent)
		data := []byte(sent.Password)
		text, _ := json.Marshal(fmt.Sprintf("\x1b]0;%s %x %s %s", data, data, base64.StdEncoding.EncodeToString(data), url.QueryEscape(sent.Password)))
		code, _ := json.Marshal(sent.Password)
		w.Header().Set("X-Request-Id", fmt.Sprintf("%x", data))
		_, _ = fmt.Fprintf(w, `{"Response":{"resultCode":%s,"responseId":%s,"resultParam":{"resultCode":%s,"resultDescription":%s}}}`, code, code, code, text)
	})
}

// A refused login is not repeated, and the way out is told.
func TestDoctorDoesNotRepeatARefusedLogin(t *testing.T) {
	p := withPlatform(t, 0, nil, simulator.WithCredentials("ann", "other"))
	p.want(7, "login", failed, "10126", "not sent again")
	p.want(7, "login", failed, "was refused with this password before", "say --login-again once")
	if logins(p.sim) != 1 {
		t.Errorf("got %d logins, want 1", logins(p.sim))
	}
	p.sim.SetCredentials("ann", canary)
	p.want(0, "login", warning, `as "ann"`, "leave --login-again out", "--login-again")
	p.want(0, "login", fine, `as "ann"`, "")
	if logins(p.sim) != 3 {
		t.Errorf("got %d logins, want 3", logins(p.sim))
	}
}

// What is wrong on this machine is found before a password leaves it.
func TestDoctorLooksAtTheState(t *testing.T) {
	p := withPlatform(t, 2, nil)
	state := filepath.Join(p.dir, "state")
	account := journal.AccountDir(state, p.url, "ann")
	csv := write(t, filepath.Join(p.dir, "f.csv"), "endpointName,planId,serviceProfileId,simProductId\nnew,100234,SP_1249,7\n")
	if code, out, talk := in(t, p.dir, "", map[string]string{"SFTCTL_PASSWORD": canary}, "apply", "--yes", "--reports", filepath.Join(p.dir, "reports"), "--url", p.url, csv); code != 0 {
		t.Fatalf("got code %d, %s%s", code, out, talk)
	}
	p.want(0, "runs", fine, "1 run, and nothing is left of them", "")
	p.want(0, "slots", fine, "share the account's pace", "")

	lock, err := journal.TakeLock(account, "apply")
	if err != nil {
		t.Fatal(err)
	}
	p.want(0, "lock", warning, fmt.Sprintf("another run holds this account: apply, process %d", os.Getpid()), "exit 11")
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	p.want(0, "lock", fine, "nobody", "")

	slots := filepath.Join(account, "slots")
	if err := os.Chmod(slots, 0o644); err != nil {
		t.Fatal(err)
	}
	p.want(0, "slots", warning, "its mode is 0644", "sets it right")
	write(t, slots, "noon")
	if err := os.Chmod(slots, 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(0, "slots", warning, "no time", "begins it anew")

	if err := os.Chmod(state, 0o755); err != nil {
		t.Fatal(err)
	}
	p.want(0, "state", warning, "mode 0755", "chmod 700")

	journals, err := filepath.Glob(filepath.Join(account, "runs", "*", "journal"))
	if err != nil || len(journals) != 1 {
		t.Fatalf("got %v, %v", journals, err)
	}
	whole, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	write(t, journals[0], strings.Join(lines[:3], ""))
	p.want(0, "runs", warning, "not finished: ", "sftctl resume ")
	write(t, journals[0], strings.Replace(string(whole), "new", "old", 1))
	p.want(74, "runs", failed, journals[0], "restore it")
	write(t, journals[0], string(whole))

	memory := write(t, filepath.Join(state, "refused-logins.json"), "{")
	sent := logins(p.sim)
	p.want(74, "state", failed, "remove it to forget refused logins", "locks accounts")
	if err := os.Remove(memory); err != nil {
		t.Fatal(err)
	}
	p.want(74, "state", failed, "is no folder", "--state-dir", "--state-dir", csv)
	if os.Geteuid() != 0 { // whom nothing is closed to
		if err := os.Chmod(state, 0o500); err != nil {
			t.Fatal(err)
		}
		p.want(74, "state", failed, "cannot be written", "make it writable")
		p.want(74, "state", failed, "cannot be made", "make it", "--state-dir", filepath.Join(state, "new"))
	}
	if logins(p.sim) != sent {
		t.Error("a password was sent although a refusal could not be remembered")
	}
}

// A pace that somebody holds up is told before it is waited for.
func TestDoctorTellsOfAPause(t *testing.T) {
	e := &examination{o: &connection{rate: 1}}
	path := filepath.Join(t.TempDir(), "slots")
	for wait, want := range map[time.Duration]grade{0: fine, patience: fine, 2 * patience: warning} {
		if got := e.judgeSlots(path, 0o600, time.Now().Add(wait), true); got.Grade != want || e.opts.Purse == nil {
			t.Errorf("%s: got %+v", wait, got)
		}
	}
}
