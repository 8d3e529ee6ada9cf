package simulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

func TestWrongIDOfARead(t *testing.T) {
	v := visit(t, WithFaults(Fault{Op: opEndpoints, Row: "b", Effect: WrongID}))
	fill(v, 1)
	v.create("b")
	if rows := v.get("/api/GetEndpoint?endpointId=100000002").rows(); len(rows) != 1 || rows[0]["endpointId"] != "100000001" {
		t.Errorf("got %v, want a row about another endpoint", rows)
	}
	if rows := v.get("/api/GetEndpoint").rows(); len(rows) != 2 {
		t.Errorf("got %v, want the listing untouched", rows)
	}
}

func TestTimeoutTextOfARead(t *testing.T) {
	v := visit(t, WithFaults(Fault{Op: opEndpoints, Effect: TimeoutDropped}))
	g := v.get("/api/GetEndpoint")
	if !envelopeOf("1/10240", "try again")(g) {
		t.Errorf("got %s, want the text for reads", g.body)
	}
}

func TestFaultsAreKeyedByRow(t *testing.T) {
	v := visit(t, WithFaults(
		Fault{Op: wire.OpActivate, Row: "b", From: 2, Times: 2, Effect: HTTP503Before},
		Fault{Op: wire.OpSIMs, Row: firstSIM, Times: 1, Effect: Status429},
		Fault{AnyOp: true, Row: "c", Effect: HTTP500Before}))
	fill(v, 1)
	v.create("b")
	for i, want := range []int{200, 503, 503, 200} {
		if g := v.post("/api/activateEndpoint", about("100000002", "")); g.status != want {
			t.Errorf("activate b, attempt %d: got HTTP %d, want %d", i+1, g.status, want)
		}
		if g := v.post("/api/activateEndpoint", about("100000001", "")); g.status != 200 {
			t.Errorf("activate e0: got HTTP %d, want 200", g.status)
		}
	}
	for i, want := range []int{429, 200} {
		if g := v.get("/api/fetchSIM?iccid=" + firstSIM); g.status != want {
			t.Errorf("fetch SIM, attempt %d: got HTTP %d, want %d", i+1, g.status, want)
		}
	}
	if g := v.create("c"); g.status != 500 {
		t.Errorf("any operation on c: got HTTP %d, want 500", g.status)
	}
	v.sim.SetFaults()
	if g := v.create("c"); g.status != 200 {
		t.Errorf("without faults: got HTTP %d, want 200", g.status)
	}
}

func TestARowKeepsItsNameAfterADelete(t *testing.T) {
	v := visit(t, WithFaults(Fault{Op: wire.OpDelete, Row: "a", From: 2, Effect: HTTP500Before}))
	v.create("a")
	v.post("/api/deleteEndpoint", about("100000001", ""))
	if g := v.post("/api/deleteEndpoint", about("100000001", "")); g.status != 500 {
		t.Errorf("got HTTP %d, want 500", g.status)
	}
}

func TestACallWithoutTokenUsesUpNoFault(t *testing.T) {
	v := visit(t, WithFaults(Fault{Op: opCreate, Row: "a", Times: 1, Effect: DropAfter}))
	good := v.token
	v.token = "bad"
	if g := v.create("a"); g.codes() != "1/401" {
		t.Errorf("got %s (%v), want 1/401", g.codes(), g.err)
	}
	v.token = good
	if g := v.create("a"); !lost(g) {
		t.Errorf("got %s, want the fault", g.body)
	}
}

func TestFaultFunc(t *testing.T) {
	var events []Event
	v := visit(t, WithFaultFunc(func(e Event) (Effect, time.Duration) {
		events = append(events, e)
		if e.Row == "a" && e.Attempt == 2 {
			return HTTP500After, 0
		}
		return NoEffect, 0
	}))
	for i, want := range []int{200, 500, 200} {
		if g := v.create("a"); g.status != want {
			t.Errorf("attempt %d: got HTTP %d, want %d", i+1, g.status, want)
		}
	}
	want := []Event{{wire.OpLogin, "", 1}, {opCreate, "a", 1}, {opCreate, "a", 2}, {opCreate, "a", 3}}
	if !slices.Equal(events, want) {
		t.Errorf("got %v, want %v", events, want)
	}
}

func TestLateWorkIsDoneByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithReadLag(30*time.Second), WithFaults(
			Fault{Op: opCreate, Row: "a", Effect: TimeoutLate, Delay: 3 * time.Minute},
			Fault{Op: opCreate, Row: "b", Effect: DropLate, Delay: time.Minute},
			Fault{Op: opCreate, Row: "c", Effect: UnsureLate, Delay: 2 * time.Minute},
			Fault{Op: opCreate, Row: "d", Effect: TimeoutLate, Delay: 2 * time.Minute}))
		for _, name := range []string{"a", "b", "c", "d"} {
			v.create(name)
		}
		time.Sleep(2 * time.Minute)
		if got := names(v.get("/api/GetEndpoint").rows()); !slices.Equal(got, []string{"b"}) {
			t.Errorf("got %v after two minutes, want what reads may show: b", got)
		}
		time.Sleep(time.Hour)
		v.token = v.logIn("user", "secret")
		if got := names(v.get("/api/GetEndpoint").rows()); !slices.Equal(got, []string{"b", "c", "d", "a"}) {
			t.Errorf("got %v, want b, c, d, a: by the time of their work", got)
		}
	})
}

func TestFixedLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		visit(t, WithLatency(2*time.Second)) // one login
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("the login took %s, want 2s", got)
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithLatencyFunc(func(op wire.Op) time.Duration {
			if op == opCreate {
				return 10 * time.Second
			}
			return time.Second
		}))
		start := time.Now()
		done := make(chan seen)
		go func() { done <- v.create("a") }()
		time.Sleep(9 * time.Second)
		if n := len(v.sim.Endpoints()); n != 0 {
			t.Errorf("got %d endpoints after 9 s, want none", n)
		}
		if g := <-done; g.codes() != "0/99001" || time.Since(start) != 10*time.Second {
			t.Errorf("got %s after %s, want 0/99001 after 10s", g.codes(), time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if g := v.do(v.request("POST", "/api/createEndpoint", createBody("b")).WithContext(ctx)); !unended(g) {
			t.Errorf("got HTTP %d (%v), want no answer", g.status, g.err)
		}
		time.Sleep(9 * time.Second)
		log := v.sim.Log()
		if e := log[len(log)-1]; !e.Applied || e.AppliedAt.Sub(e.At) != 10*time.Second {
			t.Errorf("got %+v, want the work done 10 s after the request", e)
		}
	})
}

func TestSlowAnswersAfterItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithFaults(Fault{AnyOp: true, Effect: Slow, Delay: 100 * time.Second}))
		for i, g := range []func() seen{func() seen { return v.create("a") }, func() seen { return v.get("/api/GetEndpoint") }} {
			start := time.Now()
			if got := g(); got.codes()[0] != '0' || time.Since(start) != 100*time.Second {
				t.Errorf("call %d: got %s after %s, want success after 100 s", i, got.codes(), time.Since(start))
			}
		}
	})
}

func TestRoundTripTraces(t *testing.T) {
	v := visit(t)
	var hooks []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { hooks = append(hooks, "conn") },
		WroteHeaders:         func() { hooks = append(hooks, "headers") },
		WroteRequest:         func(httptrace.WroteRequestInfo) { hooks = append(hooks, "request") },
		GotFirstResponseByte: func() { hooks = append(hooks, "first byte") },
	})
	body := &closing{Reader: strings.NewReader(createBody("a"))}
	r := v.request("POST", "/api/createEndpoint", "").WithContext(ctx)
	r.Body = body
	resp, err := v.sim.RoundTrip(r)
	if err != nil || resp.Status != "200 OK" || resp.Request != r || resp.ContentLength <= 0 {
		t.Fatalf("got %+v, %v", resp, err)
	}
	if want := []string{"conn", "headers", "request", "first byte"}; !slices.Equal(hooks, want) || !body.closed {
		t.Errorf("got hooks %v, body closed %t, want %v, true", hooks, body.closed, want)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	before := len(hooks)
	if _, err := v.sim.RoundTrip(r.WithContext(ended)); !errors.Is(err, context.Canceled) || len(hooks) != before {
		t.Errorf("got %v and hooks %v after the end, want context.Canceled and none", err, hooks[before:])
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestServeHTTPDropsByPanic(t *testing.T) {
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("got panic %v, want http.ErrAbortHandler", got)
		}
	}()
	sim := New(WithFaults(Fault{Op: wire.OpLogin, Effect: DropBefore}))
	r := httptest.NewRequest("POST", "/api/login", strings.NewReader(`{}`))
	r.Header.Set("Content-Type", "application/json")
	sim.ServeHTTP(httptest.NewRecorder(), r)
	t.Error("no panic")
}

func TestParseFault(t *testing.T) {
	tests := []struct {
		text string
		want Fault
	}{
		{"create:meter-1=drop-before", Fault{Op: opCreate, Row: "meter-1", Effect: DropBefore}},
		{"login=login-refused,times:1", Fault{Effect: LoginRefused, Times: 1}},
		{"any=http-503-before,from:3,times:2", Fault{AnyOp: true, Effect: HTTP503Before, From: 3, Times: 2}},
		{"link:a:b=c,d=hang-late,delay:3m20s", Fault{Op: wire.OpLink, Row: "a:b=c,d", Effect: HangLate, Delay: 200 * time.Second}},
	}
	for _, tt := range tests {
		got, err := ParseFault(tt.text)
		if err != nil || got != tt.want || got.String() != tt.text && tt.want.Delay == 0 {
			t.Errorf("%s: got %+v (%s), %v, want %+v", tt.text, got, got, err, tt.want)
		}
	}
	bad := []struct {
		text  string
		wants []string
	}{
		{"create", []string{"no effect"}},
		{"create:a=", []string{"no effect", "drop-before"}},
		{"creat:a=drop", []string{`unknown operation "creat"`, `unknown effect "drop"`, "any, login"}},
		{"create=drop-before,from:0,times:x,delay:-1s,often", []string{"from is", "times is", "delay is", `unknown setting "often"`}},
		{"create=timeout-late", []string{"delay"}},
	}
	for _, tt := range bad {
		_, err := ParseFault(tt.text)
		if err == nil || !errors.Is(err, fleet.ErrInvalid) && tt.text != "create" {
			t.Errorf("%s: got %v, want an error", tt.text, err)
			continue
		}
		for _, want := range tt.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", tt.text, err, want)
			}
		}
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("create:meter-1=drop-before,from:2,times:1")
	f.Add("any:x=y=slow,delay:1h2m")
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			return
		}
		if again, err := ParseFault(fault.String()); err != nil || again != fault {
			t.Errorf("%q: got %+v (%v) from %q, want %+v", text, again, err, fault, fault)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add(createBody("a"))
	f.Add(`{"endpointInfo":{"endpointId":1,"planId":null}}`)
	sim := New()
	v := &visitor{sim: sim, base: "http://platform.test", client: &http.Client{Transport: sim}}
	f.Fuzz(func(t *testing.T, body string) {
		v.t = t
		v.token = v.logIn("user", "secret")
		g := v.post("/api/createEndpoint", body)
		if g.err != nil || g.status != 200 || !isWhole(g) {
			t.Errorf("%q: got HTTP %d %q (%v), want an envelope", body, g.status, g.body, g.err)
		}
	})
}
