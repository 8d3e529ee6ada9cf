package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/wire"
)

// probed is the path that the probe of an outage reads.
const probed = "/api/GetEndpoint"

// script is a platform that answers as told, in memory.
type script struct {
	mu      sync.Mutex
	answer  func(path string, n int) answer // n counts the requests of a path from 1
	counts  map[string]int
	tokens  int
	expired answer        // what a bad token is answered with
	life    time.Duration // tokens older than this are refused; 0 means never
	issued  map[string]time.Time
	headers []http.Header
}

type answer struct {
	status int
	body   string
	header http.Header
	err    error         // the connection breaks
	unsent bool          // before the headers were written
	dial   time.Duration // before the headers are written
	delay  time.Duration // before the answer
}

func newScript(answers func(path string, n int) answer) *script {
	return &script{answer: answers, counts: map[string]int{}, issued: map[string]time.Time{}, expired: answer{status: 401}}
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	a := s.take(r)
	if err := sleep(r.Context(), a.dial); err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(r.Context())
	if !a.unsent && trace != nil {
		trace.WroteHeaders()
	}
	if a.delay > 0 {
		select {
		case <-time.After(a.delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	header := a.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func (s *script) take(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[r.URL.Path]++
	s.headers = append(s.headers, r.Header)
	if a := s.answer(r.URL.Path, s.counts[r.URL.Path]); a.status != 0 || a.err != nil {
		return a
	}
	if r.URL.Path == "/api/login" || r.URL.Path == "/api/RefreshToken" {
		s.tokens++
		token := fmt.Sprintf("token-%d", s.tokens)
		s.issued[token] = time.Now()
		return answer{status: 200, body: fmt.Sprintf(`{"AccessToken":%q,"RefreshToken":"refresh-%d"}`, token, s.tokens)}
	}
	token := strings.TrimPrefix(r.Header.Get("X-Authorization"), "Bearer ")
	if at, ok := s.issued[token]; !ok || s.life > 0 && time.Since(at) > s.life {
		return s.expired
	}
	return answer{status: 200, body: `{"Response":{"resultCode":"0","resultParam":{"resultCode":"0"},"responseParam":{"rows":[]}}}`}
}

func envelope(outer, inner, text string) string {
	return fmt.Sprintf(`{"Response":{"resultCode":%q,"resultParam":{"resultCode":%q,"resultDescription":%q}}}`, outer, inner, text)
}

func client(t *testing.T, transport http.RoundTripper, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{BaseURL: "https://platform.invalid", Username: "ann", Password: NewSecret("pw"), Dialect: wire.EndpointInfo{},
		Purse: pace.New(0), Transport: transport}
	for _, c := range change {
		c(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var calls = map[wire.Op]fleet.Call{
	wire.OpCreate: {Action: fleet.Create, Name: "m", Fields: fleet.Fields{Name: "m", PlanID: "1", ServiceProfileID: "2", SIMProductID: "3"}},
	wire.OpModify: {Action: fleet.Modify, EndpointID: "881", Fields: fleet.Fields{PlanID: "2"}},
	wire.OpLink:   {Action: fleet.Link, EndpointID: "881", Fields: fleet.Fields{ICCID: "8932042000001234562"}},
	wire.OpDelink: {Action: fleet.Delink, EndpointID: "881"}, wire.OpActivate: {Action: fleet.Activate, EndpointID: "881"},
	wire.OpLifecycle: {Action: fleet.Suspend, EndpointID: "881"}, wire.OpDelete: {Action: fleet.Delete, EndpointID: "881"},
}

// provoke is an answer of each class that every mutating call can meet; those
// that only some can meet are in particular.
var provoke = map[wire.Class]answer{
	wire.Refused:      {status: 200, body: envelope("1", "99409", "no")},
	wire.Unauthorized: {status: 401},
	wire.Forbidden:    {status: 200, body: envelope("1", "7", "Authorisation Failure")},
	wire.TimedOut:     {status: 200, body: envelope("1", "10240", "API operation has Time out")},
	wire.Unsure:       {status: 200, body: envelope("1", "10239", "")},
	wire.Unexpected:   {status: 200, body: envelope("1", "10057", "")},
	wire.Mystery:      {status: 200, body: envelope("1", "31337", "hm")},
	wire.NoData:       {status: 200, body: envelope("1", "1359", "")},
	wire.BadReply:     {status: 200, body: `<html>`},
	wire.Redirect:     {status: 302},
	wire.ClientError:  {status: 404},
	wire.ServerError:  {status: 502},
	wire.NotSent:      {err: errors.New("refused"), unsent: true},
	wire.Cut:          {err: io.ErrUnexpectedEOF},
	wire.Deadline:     {status: 200, delay: time.Hour},
	wire.WrongEcho:    {status: 200, body: `{"Response":{"resultCode":"0","endpointId":"882","responseParam":{"endpointId":"883"}}}`},
}

// The reviewed table: what must become of a call for each class of answer.
// done, failed and unknown are outcomes; a call may be seen by the platform
// more than once only where the answer proves that it was not executed.
func TestOutcomesOfMutations(t *testing.T) {
	const d, f, u, n = fleet.Done, fleet.Failed, fleet.Unknown, fleet.NotAttempted
	ops := [...]wire.Op{wire.OpCreate, wire.OpModify, wire.OpLink, wire.OpDelink, wire.OpActivate, wire.OpLifecycle, wire.OpDelete}
	table := map[wire.Class][7]fleet.Outcome{
		wire.Refused:      {f, f, f, f, f, f, f},
		wire.Unauthorized: {f, f, f, f, f, f, f},
		wire.Forbidden:    {f, f, f, f, f, f, f},
		wire.TimedOut:     {u, u, u, u, u, u, u},
		wire.Unsure:       {u, u, u, u, u, u, u},
		wire.Unexpected:   {u, u, u, u, u, u, u},
		wire.Mystery:      {u, u, u, u, u, u, u},
		wire.NoData:       {u, u, u, u, u, u, u},
		wire.BadReply:     {u, u, u, u, u, u, u},
		wire.Redirect:     {u, u, u, u, u, u, u},
		wire.ClientError:  {u, u, u, u, u, u, u},
		wire.ServerError:  {u, u, u, u, u, u, u},
		wire.NotSent:      {n, n, n, n, n, n, n}, // tried for as long as an outage may last
		wire.Cut:          {u, u, u, u, u, u, u},
		wire.Deadline:     {u, u, u, u, u, u, u},
		wire.WrongEcho:    {u, u, u, u, u, u, u},
	}
	for class, want := range table {
		for i, op := range ops {
			t.Run(class.String()+" "+op.String(), func(t *testing.T) {
				sends := 1
				switch class {
				case wire.Unauthorized:
					sends = 2
				case wire.NotSent:
					sends = 0
				}
				reply := doOnce(t, op, provoke[class])
				if got := wire.ClassOf(reply.Err); got != class {
					t.Fatalf("the answer is read as %s", got)
				}
				if reply.Outcome != want[i] || reply.Sends != sends || reply.Err == nil {
					t.Errorf("got %s after %d sends (%v), want %s after %d", reply.Outcome, reply.Sends, reply.Err, want[i], sends)
				}
			})
		}
	}
	particular := []struct {
		op   wire.Op
		body string
		want fleet.Outcome
	}{
		{wire.OpCreate, `{"Response":{"resultCode":"0","endpointId":"881"}}`, d},
		{wire.OpCreate, envelope("0", "99001", ""), u}, // success without an id
		{wire.OpCreate, envelope("1", "2507", ""), u},  // a no-op that create cannot be
		{wire.OpCreate, envelope("1", "99404", ""), f}, // an unknown rate plan
		{wire.OpModify, envelope("0", "99002", ""), d}, {wire.OpModify, envelope("1", "99404", ""), f},
		{wire.OpLink, envelope("0", "99003", ""), d}, {wire.OpLink, envelope("1", "6413", ""), u},
		{wire.OpDelink, envelope("0", "6413", ""), d}, {wire.OpDelink, envelope("1", "6420", ""), d},
		{wire.OpActivate, envelope("0", "5014", ""), d}, {wire.OpActivate, envelope("1", "2507", ""), d},
		{wire.OpActivate, envelope("1", "6420", ""), f},
		{wire.OpLifecycle, envelope("0", "5017", ""), d}, {wire.OpLifecycle, envelope("1", "1254", ""), d},
		{wire.OpLifecycle, envelope("1", "6420", ""), f},
		{wire.OpDelete, envelope("0", "10159", ""), d}, {wire.OpDelete, envelope("1", "99404", ""), d}, // gone is gone
	}
	for _, tt := range particular {
		if reply := doOnce(t, tt.op, answer{status: 200, body: tt.body}); reply.Outcome != tt.want || reply.Sends != 1 {
			t.Errorf("%s %s: got %s after %d sends, want %s after 1", tt.op, tt.body, reply.Outcome, reply.Sends, tt.want)
		}
	}
}

// doOnce sends one call to a platform that gives it the same answer every time.
func doOnce(t *testing.T, op wire.Op, a answer) (reply fleet.Reply) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, _ int) answer {
			if strings.Contains(path, "login") || strings.Contains(path, "Refresh") {
				return answer{}
			}
			return a
		})
		before := 0
		reply = client(t, s).Do(t.Context(), calls[op], func() error { before++; return nil })
		seen := 0
		for path, n := range s.counts {
			if !strings.Contains(path, "login") && !strings.Contains(path, "Refresh") && path != probed {
				seen += n
			}
		}
		if before != seen {
			t.Errorf("before was called %d times for %d requests", before, seen)
		}
	})
	return reply
}

// Every class has a row and every operation a column, so that nothing falls
// through to a default unseen.
func TestTheTableOfVerdictsIsWhole(t *testing.T) {
	for _, class := range wire.Classes() {
		if _, ok := verdicts[class]; !ok {
			t.Errorf("no row for %s", class)
		}
		for _, op := range wire.Ops() {
			v := Judge(class, op)
			if op.Mutates() && v == Again {
				t.Errorf("%s %s: a mutation would be sent again", class, op)
			}
			resends := map[wire.Class]Verdict{wire.Unauthorized: Renew, wire.Throttled: Wait, wire.NotSent: Unsent}
			if want := resends[class]; op.Mutates() && (v == Renew || v == Wait || v == Unsent || want != Unknown) && v != want {
				t.Errorf("%s %s: got %s, want %s; only a refused token, a throttle and no headers prove that nothing was executed", class, op, v, want)
			}
			if !op.Mutates() && v == Unsent {
				t.Errorf("%s %s: got %s, which is for mutations", class, op, v)
			}
		}
	}
}

func TestAThrottleFailsNoCall(t *testing.T) {
	for _, form := range []answer{{status: 429}, {status: 200, body: envelope("1", "9", "rate limit exceeded")},
		{status: 429, header: http.Header{"Retry-After": {"30"}}}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(path string, n int) answer {
				if path == "/api/activateEndpoint" && n <= 10 {
					return form
				}
				return answer{}
			})
			start := time.Now()
			reply := client(t, s).Do(t.Context(), calls[wire.OpActivate], nothing)
			if reply.Outcome != fleet.Done || reply.Err != nil || s.counts["/api/activateEndpoint"] != 11 {
				t.Errorf("got %s (%v) after %d requests, want done after 11", reply.Outcome, reply.Err, s.counts["/api/activateEndpoint"])
			}
			if form.header != nil && time.Since(start) < 300*time.Second {
				t.Errorf("ten times Retry-After 30 took only %s", time.Since(start))
			}
		})
	}
}

func TestEndlessThrottlingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, _ int) answer {
			if path == "/api/activateEndpoint" {
				return answer{status: 429}
			}
			return answer{}
		})
		start := time.Now()
		reply := client(t, s, func(o *Options) { o.MaxOutage = 10 * time.Minute }).Do(t.Context(), calls[wire.OpActivate], nothing)
		if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, fleet.ErrUnreachable) || time.Since(start) > 15*time.Minute || s.counts["/api/activateEndpoint"] > 30 {
			t.Errorf("got %s, fatal %t, %v after %s and %d calls", reply.Outcome, reply.Fatal, reply.Err, time.Since(start), s.counts["/api/activateEndpoint"])
		}
	})
}

func TestReadsAreTriedAgainAndMutationsAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(path string, n int) answer {
			if path == "/api/GetEndpoint" && n < 4 {
				return answer{err: io.ErrUnexpectedEOF}
			}
			if path == "/api/QueryRatePlan" {
				return answer{status: 200, body: `<html>`}
			}
			return answer{}
		})
		c := client(t, s)
		if _, err := c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, Page: 1}); err != nil {
			t.Errorf("a listing that fails three times: got %v", err)
		}
		_, err := c.Page(t.Context(), fleet.Query{List: fleet.RatePlans})
		if !errors.Is(err, fleet.ErrUnreachable) || s.counts["/api/QueryRatePlan"] != readTries {
			t.Errorf("got %v after %d tries, want %v after %d", err, s.counts["/api/QueryRatePlan"], fleet.ErrUnreachable, readTries)
		}
	})
}

func TestDeadlines(t *testing.T) {
	for op, want := range map[wire.Op]time.Duration{wire.OpActivate: 200 * time.Second, wire.OpDelete: 40 * time.Second, wire.OpModify: 40 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(path string, _ int) answer {
				if path == "/api/login" {
					return answer{}
				}
				return answer{status: 200, delay: time.Hour}
			})
			start := time.Now()
			reply := client(t, s).Do(t.Context(), calls[op], nothing)
			if reply.Outcome != fleet.Unknown || time.Since(start) != want {
				t.Errorf("%s: got %s after %s, want unknown after %s", op, reply.Outcome, time.Since(start), want)
			}
		})
	}
}

// An interrupt lets a call in flight answer, and gives it up after the grace.
func TestInterruptsAndTheCallInFlight(t *testing.T) {
	for delay, want := range map[time.Duration]fleet.Outcome{30 * time.Second: fleet.Done, 150 * time.Second: fleet.Unknown} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(func(path string, _ int) answer {
				if path == "/api/login" {
					return answer{}
				}
				return answer{status: 200, body: envelope("0", "5014", ""), delay: delay}
			})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			reply := client(t, s).Do(ctx, calls[wire.OpActivate], nothing)
			if reply.Outcome != want || time.Since(start) > time.Second+DefaultGrace {
				t.Errorf("delay %s: got %s after %s, want %s", delay, reply.Outcome, time.Since(start), want)
			}
			if again := client(t, s).Do(ctx, calls[wire.OpActivate], nothing); again.Outcome != fleet.NotAttempted || again.Fatal {
				t.Errorf("after the interrupt: got %s, fatal %t", again.Outcome, again.Fatal)
			}
		})
	}
}

func TestBeforeKeepsACallFromBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		full := errors.New("disk full")
		reply := client(t, s).Do(t.Context(), calls[wire.OpActivate], func() error { return full })
		if reply.Outcome != fleet.NotAttempted || !reply.Fatal || !errors.Is(reply.Err, full) || s.counts["/api/activateEndpoint"] != 0 {
			t.Errorf("got %s, fatal %t, %v after %d requests", reply.Outcome, reply.Fatal, reply.Err, s.counts["/api/activateEndpoint"])
		}
	})
}

func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		client(t, s).Do(t.Context(), calls[wire.OpActivate], nothing)
		for i, h := range s.headers {
			want := "Bearer token-1"
			if i == 0 {
				want = "" // the login
			}
			if h.Get("X-Authorization") != want || h.Get("Authorization") != "" || h.Get("Content-Type") != "application/json" ||
				h.Get("X-Requested-With") != "XMLHttpRequest" || h.Get("Idempotency-Key") != "" {
				t.Errorf("request %d: got headers %v", i, h)
			}
		}
	})
}

func TestBaseURLs(t *testing.T) {
	for text, good := range map[string]bool{
		"https://sft.bics.com": true, "https://sft.bics.com/": true, "http://127.0.0.1:80": true, "http://localhost:1": true, "http://[::1]:1": true,
		"http://sft.bics.com": false, "sft.bics.com": false, "ftp://127.0.0.1": false, "https://u:p@sft.bics.com": false,
		"https://sft.bics.com/api": false, "https://": false, "http://127.0.0.1.evil.example": false, "http://10.0.0.1": false, "": false, "://": false,
	} {
		_, err := New(Options{BaseURL: text, Username: "u", Password: NewSecret("p"), Dialect: wire.EndpointInfo{}, Purse: pace.New(0)})
		if (err == nil) != good {
			t.Errorf("%s: got %v, want it accepted: %t", text, err, good)
		}
		if err != nil && (!errors.Is(err, fleet.ErrUsage) || strings.Contains(err.Error(), ":p@")) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// Who leaves out the pace is held to the platform's, and who leaves out the dialect
// speaks the documented one.
func TestNewWithoutPaceAndDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(func(string, int) answer { return answer{} })
		c := client(t, s, func(o *Options) { o.Purse, o.Dialect = nil, nil })
		if got, want := c.Abilities().Dialect, (wire.EndpointInfo{}).Abilities().Dialect; got != want || c.Pace() != DefaultRate {
			t.Errorf("got dialect %s at %g calls per second, want %s at %g", got, c.Pace(), want, DefaultRate)
		}
		began := time.Now()
		for range 9 { // and a login
			if _, err := c.Page(t.Context(), fleet.Query{List: fleet.RatePlans}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 4900*time.Millisecond {
			t.Errorf("10 requests took %s, want at least 9 intervals of %g calls per second", took, DefaultRate)
		}
	})
}

func TestAbilitiesOf(t *testing.T) {
	for _, name := range wire.DialectNames() {
		if a, err := AbilitiesOf(name); err != nil || a.Dialect != name {
			t.Errorf("%s: got %s, %v", name, a.Dialect, err)
		}
	}
	if _, err := AbilitiesOf("latin"); !errors.Is(err, fleet.ErrPlan) {
		t.Errorf("got %v, want an ErrPlan", err)
	}
}
