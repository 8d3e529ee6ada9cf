package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// wanted is what an effect does to a create: how many endpoints there are at
// once and after 100 seconds, and what the client sees.
type wanted struct {
	now, later int
	see        func(seen) bool
}

func envelopeOf(codes, text string) func(seen) bool {
	return func(g seen) bool {
		return g.err == nil && g.status == 200 && g.codes() == codes &&
			strings.Contains(g.env.Response.ResultParam.ResultDescription, text)
	}
}

func bareStatus(code int) func(seen) bool {
	return func(g seen) bool { return g.err == nil && g.status == code && g.codes() == "/" }
}

func lost(g seen) bool { return g.err != nil && g.status == 0 && g.body == "" }

func unended(g seen) bool { return errors.Is(g.err, context.DeadlineExceeded) }

func isWhole(g seen) bool { return json.Valid([]byte(g.body)) }

func redirected(code int) func(seen) bool {
	return func(g seen) bool {
		return g.status == code && strings.HasPrefix(g.header.Get("Location"), "https://elsewhere.invalid/api/")
	}
}

var wants = map[Effect]wanted{
	Status401:         {0, 0, bareStatus(401)},
	Enveloped401:      {0, 0, envelopeOf("1/401", "")},
	Status429:         {0, 0, bareStatus(429)},
	RateLimitText:     {0, 0, envelopeOf("1/99429", "rate limit")},
	Forbidden:         {0, 0, envelopeOf("1/99403", "Authorisation Failure")},
	TimeoutApplied:    {1, 1, envelopeOf("1/10240", "API operation has Time out")},
	TimeoutLate:       {0, 1, envelopeOf("1/10240", "API operation has Time out")},
	TimeoutDropped:    {0, 0, envelopeOf("1/10240", "API operation has Time out")},
	UnsureApplied:     {1, 1, envelopeOf("1/10239", "verify")},
	UnsureLate:        {0, 1, envelopeOf("1/10239", "verify")},
	UnsureDropped:     {0, 0, envelopeOf("1/10239", "verify")},
	Unexpected:        {0, 0, envelopeOf("1/10057", "")},
	UnexpectedApplied: {1, 1, envelopeOf("1/10057", "")},
	HTTP500Before:     {0, 0, bareStatus(500)},
	HTTP502Before:     {0, 0, bareStatus(502)},
	HTTP503Before:     {0, 0, bareStatus(503)},
	HTTP504Before:     {0, 0, bareStatus(504)},
	HTTP500After:      {1, 1, bareStatus(500)},
	HTTP502After:      {1, 1, bareStatus(502)},
	HTTP503After:      {1, 1, bareStatus(503)},
	HTTP504After:      {1, 1, bareStatus(504)},
	DropBefore:        {0, 0, lost},
	DropAfter:         {1, 1, lost},
	DropLate:          {0, 1, lost},
	CutBody:           {1, 1, func(g seen) bool { return errors.Is(g.err, io.ErrUnexpectedEOF) && g.body != "" && !isWhole(g) }},
	TruncatedJSON:     {1, 1, func(g seen) bool { return g.err == nil && g.status == 200 && g.body != "" && !isWhole(g) }},
	HTMLPage: {0, 0, func(g seen) bool {
		return g.status == 200 && strings.HasPrefix(g.header.Get("Content-Type"), "text/html")
	}},
	EmptyBody: {1, 1, func(g seen) bool { return g.err == nil && g.status == 200 && g.body == "" }},
	NotJSON:   {1, 1, func(g seen) bool { return g.err == nil && g.status == 200 && g.body != "" && !isWhole(g) }},
	NoData0:   {0, 0, envelopeOf("0/1359", "")},
	NoData1:   {0, 0, envelopeOf("1/1359", "")},
	NoID: {1, 1, func(g seen) bool {
		r := g.env.Response
		return g.codes() == "0/99001" && r.EndpointID == nil && r.ResponseParam != nil && r.ResponseParam.EndpointID == nil
	}},
	NoParam: {1, 1, func(g seen) bool {
		return g.codes() == "0/99001" && g.env.Response.EndpointID == nil && g.env.Response.ResponseParam == nil
	}},
	WrongID:      {1, 1, func(g seen) bool { return g.codes() == "0/99001" && *g.env.Response.EndpointID != "100000001" }},
	LyingSuccess: {0, 0, envelopeOf("0/99001", "")},
	HangApplied:  {1, 1, unended},
	HangLate:     {0, 1, unended},
	HangDropped:  {0, 0, unended},
	Slow:         {0, 1, unended},
	Duplicate:    {2, 2, envelopeOf("0/99001", "")},
	LoginRefused: {0, 0, envelopeOf("1/10126", "")},
	LoginBlocked: {0, 0, envelopeOf("1/11044", "")},
	Redirect302:  {0, 0, redirected(302)},
	Redirect307:  {0, 0, redirected(307)},
	MadeOnly:     {1, 1, envelopeOf("1/10239", "verify")},
	LinkedOnly:   {1, 1, envelopeOf("1/10239", "verify")},
	MadeFirst:    {1, 1, envelopeOf("1/10239", "verify")},

	// those that touch listings only
	PagingIgnored: {1, 1, envelopeOf("0/99001", "")},
	RowMissed:     {1, 1, envelopeOf("0/99001", "")},
	RowRepeated:   {1, 1, envelopeOf("0/99001", "")},
}

// TestEffects plays every effect on a create, in virtual time.
func TestEffects(t *testing.T) {
	for effect := NoEffect + 1; effect < effectEnd; effect++ {
		want, ok := wants[effect]
		if !ok {
			t.Errorf("no row for %s", effect)
			continue
		}
		t.Run(effect.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := visit(t, WithFaults(Fault{Op: opCreate, Row: "a", Times: 1, Effect: effect, Delay: 100 * time.Second}))
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
				defer cancel()
				start := time.Now()
				g := v.do(v.request("POST", "/api/createEndpoint", createBody("a")).WithContext(ctx))
				if !want.see(g) {
					t.Errorf("got HTTP %d %q (%v)", g.status, g.body, g.err)
				}
				if wait := time.Since(start); errors.Is(g.err, context.DeadlineExceeded) != (wait == 50*time.Second) {
					t.Errorf("answered after %s", wait)
				}
				if got := len(v.sim.Endpoints()); got != want.now {
					t.Errorf("got %d endpoints at once, want %d", got, want.now)
				}
				time.Sleep(99*time.Second - time.Since(start))
				if got := len(v.sim.Endpoints()); got != want.now {
					t.Errorf("got %d endpoints after 99 s, want %d", got, want.now)
				}
				time.Sleep(time.Second)
				if got := len(v.sim.Endpoints()); got != want.later {
					t.Errorf("got %d endpoints after 100 s, want %d", got, want.later)
				}
				checkEntry(t, v.sim, effect, want, start)
				if g := v.create("a"); g.codes() != "0/99001" {
					t.Errorf("second attempt: got HTTP %d %s, want 0/99001", g.status, g.codes())
				}
			})
		})
	}
}

func checkEntry(t *testing.T, sim *Simulator, effect Effect, want wanted, start time.Time) {
	t.Helper()
	log := sim.Log()
	e := log[len(log)-1]
	if e.Effect != effect || e.Account != "user" || e.Applied != (want.later > 0) {
		t.Errorf("got effect %q, applied %t in the log, want %q, %t", e.Effect, e.Applied, effect, want.later > 0)
	}
	at := time.Duration(0)
	if want.now != want.later {
		at = 100 * time.Second
	}
	if got := e.AppliedAt.Sub(start); e.Applied && got != at {
		t.Errorf("applied after %s, want %s", got, at)
	}
}

// TestEffectsOnSockets plays those effects whose form on the wire only a
// socket shows.
func TestEffectsOnSockets(t *testing.T) {
	for _, effect := range []Effect{DropBefore, DropAfter, CutBody, TruncatedJSON, EmptyBody, HTMLPage, Redirect307, HTTP503After} {
		t.Run(effect.String(), func(t *testing.T) {
			v := visitServer(t, WithFaults(Fault{Op: opCreate, Effect: effect}))
			g := v.create("a")
			if !wants[effect].see(g) {
				t.Errorf("got HTTP %d %q (%v)", g.status, g.body, g.err)
			}
			if got := len(v.sim.Endpoints()); got != wants[effect].now {
				t.Errorf("got %d endpoints, want %d", got, wants[effect].now)
			}
		})
	}
}

func TestHangOnASocketEndsWithTheClient(t *testing.T) {
	arrived := make(chan struct{})
	v := visitServer(t, WithFaultFunc(func(e Event) (Effect, time.Duration) {
		if e.Op != opCreate {
			return NoEffect, 0
		}
		close(arrived)
		return HangApplied, 0
	}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan seen)
	go func() {
		done <- v.do(v.request("POST", "/api/createEndpoint", createBody("a")).WithContext(ctx))
	}()
	<-arrived
	if got := len(v.sim.Endpoints()); got != 1 {
		t.Errorf("got %d endpoints, want 1", got)
	}
	cancel()
	if g := <-done; !errors.Is(g.err, context.Canceled) {
		t.Errorf("got HTTP %d (%v), want no answer", g.status, g.err)
	}
}
