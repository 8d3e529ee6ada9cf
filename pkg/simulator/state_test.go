package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
)

// live makes a platform that has been through many random calls.
func live(t *testing.T, seed uint64) *visitor {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	stock := BuiltInStock()
	stock.SIMs = append(stock.SIMs[:20:20], Range("893204200000200000", 5, "8")...)
	v := visit(t, WithStock(stock))
	for i := range 200 {
		id := fleet.ID(fmt.Sprint(firstID + r.IntN(20)))
		switch r.IntN(8) {
		case 0, 1:
			v.create(fmt.Sprintf("e%d \"ü\"", i))
		case 2, 3:
			v.post("/api/linkSim", about(id, fmt.Sprintf(`,"iccid":%q`, stock.SIMs[r.IntN(25)].ICCID)))
		case 4:
			v.post("/api/activateEndpoint", about(id, ""))
		case 5:
			v.post("/api/changeEndpointLifecycle", about(id, `,"lifeCycle":"S","reason":"1"`))
		case 6:
			v.post("/api/delinkSim", about(id, ""))
		case 7:
			v.post("/api/deleteEndpoint", about(id, ""))
		}
	}
	return v
}

func saved(t *testing.T, s *Simulator) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLoadAfterSaveIsTheSame(t *testing.T) {
	for seed := range uint64(50) {
		a := live(t, seed).sim
		text := saved(t, a)
		b := New()
		if err := b.Load(strings.NewReader(text)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(a.Endpoints()) == 0 || len(a.Bills()) == 0 {
			t.Errorf("seed %d: got %d endpoints and bills %v, want some", seed, len(a.Endpoints()), a.Bills())
		}
		if !slices.Equal(a.Endpoints(), b.Endpoints()) || !slices.Equal(a.SIMs(), b.SIMs()) ||
			!maps.Equal(a.Bills(), b.Bills()) || !reflect.DeepEqual(a.Catalogue(), b.Catalogue()) {
			t.Errorf("seed %d: the loaded platform differs", seed)
		}
		if again := saved(t, b); again != text {
			t.Errorf("seed %d: saved again, got %s, want %s", seed, again, text)
		}
		a.AddEndpoint(fleet.Endpoint{})
		b.AddEndpoint(fleet.Endpoint{})
		if x, y := a.Endpoints(), b.Endpoints(); x[len(x)-1].ID != y[len(y)-1].ID {
			t.Errorf("seed %d: the next id is %s, want %s", seed, y[len(y)-1].ID, x[len(x)-1].ID)
		}
	}
}

func TestWorkThatIsDueIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, WithFaults(
			Fault{Op: opCreate, Row: "late", Effect: TimeoutLate, Delay: time.Minute},
			Fault{Op: opCreate, Row: "gone", Effect: HangDropped}))
		v.create("late")
		v.do(v.request("POST", "/api/createEndpoint", createBody("gone")).WithContext(ended(t)))
		state, err := ReadState(strings.NewReader(saved(t, v.sim)))
		if err != nil {
			t.Fatal(err)
		}
		next := New(WithState(state))
		if got := len(next.Endpoints()); got != 0 {
			t.Errorf("got %d endpoints, want none yet", got)
		}
		time.Sleep(time.Minute)
		if got := next.Endpoints(); len(got) != 1 || got[0].Name != "late" {
			t.Errorf("got %v, want the late one", got)
		}
	})
}

// ended is a context that ends after a second.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestLoadRefusesWhatDoesNotHangTogether(t *testing.T) {
	v := visit(t, WithStock(Stock{Catalogue: BuiltInStock().Catalogue, SIMs: Range("893204200000123456", 1, "7")}))
	v.create("a")
	v.post("/api/linkSim", about("100000001", `,"iccid":"`+firstSIM+`"`))
	good := saved(t, v.sim)
	tests := []struct{ name, old, new, want string }{
		{"not JSON", "{", "[", "invalid character"},
		{"other format", stateFormat, "something", `got format "something"`},
		{"other version", `"version": 1`, `"version": 2`, "version 2"},
		{"unknown field", `"nextId"`, `"next"`, "unknown field"},
		{"more", "\n}\n", "\n} {}", "more than one"},
		{"old next id", `"nextId": 100000002`, `"nextId": 3`, "out of order"},
		{"SIM of nobody", `"endpointId": "100000001"` + "\n  }\n ],\n \"bills\"", `"endpointId": "5"` + "\n  }\n ],\n \"bills\"", "linked to endpoint"},
		{"no such SIM", `"iccid": "` + firstSIM + `",` + "\n   \"status\": \"Pre-Active\",\n   \"created\"", `"iccid": "1",` + "\n   \"status\": \"Pre-Active\",\n   \"created\"", "holds"},
		{"unknown work", `"due": []`, `"due": [{"op":"login","at":"2026-01-01T00:00:00Z","endpointInfo":{}}]`, "unknown operation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("%q is not in %s", tt.old, good)
			}
			sim := New()
			before := saved(t, sim)
			err := sim.Load(strings.NewReader(bad))
			if err == nil || !errors.Is(err, fleet.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if saved(t, sim) != before {
				t.Error("a refused state changed the platform")
			}
		})
	}
}
