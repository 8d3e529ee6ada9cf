package plan

import (
	"fmt"
	"runtime"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// largeFleet makes n specs and n live endpoints of which nine in ten are as
// they should be; the rest differ in plan, state or SIM, or are missing.
func largeFleet(n int) (*fleet.Fleet, []fleet.Endpoint, []fleet.SIM) {
	want := &fleet.Fleet{Specs: make([]fleet.Spec, n)}
	live := make([]fleet.Endpoint, n)
	sims := make([]fleet.SIM, 0, n)
	all := fleet.Fieldset(fleet.AllFields[:]...)
	for i := range n {
		fields := fleet.Fields{Name: fmt.Sprintf("meter-%07d", i), PlanID: "100234", ServiceProfileID: "SP_1249",
			APNGroupID: "PDP_12", SIMProductID: "7", ICCID: fleet.WithCheckDigit(fmt.Sprintf("893204%012d", i))}
		want.Specs[i] = fleet.Spec{Fields: fields, State: fleet.StateActive, Origin: fleet.Origin{File: "fleet.csv", Line: i + 2}}
		e := fleet.Endpoint{ID: fleet.ID(fmt.Sprint(900000 + i)), Fields: fields, Status: fleet.StatusActive, Reported: all}
		sim := fleet.SIM{ICCID: fields.ICCID, Status: fleet.SIMActive, EndpointID: e.ID, Attached: true}
		switch i % 40 {
		case 0:
			e.PlanID = "100300"
		case 1:
			e.Status = fleet.StatusSuspended
		case 2:
			e.ICCID, e.Status = "", fleet.StatusHold
			sim = fleet.SIM{ICCID: fields.ICCID, Status: fleet.SIMReady}
		case 3:
			e.Name, e.ICCID = fmt.Sprintf("other-%07d", i), ""
			sim = fleet.SIM{ICCID: fields.ICCID, Status: fleet.SIMReady}
		}
		live[i], sims = e, append(sims, sim)
	}
	return want, live, sims
}

var benchOptions = Options{ID: "bench", Abilities: testAbilities, Limits: Unlimited}

// BenchmarkBuild1M plans a million specs against a million live endpoints. The
// index is made outside the loop, where the listing makes it;
// BenchmarkIndex1M measures it. The metric live-B/endpoint is what the plan
// keeps alive.
func BenchmarkBuild1M(b *testing.B) {
	const n = 1_000_000
	want, live, sims := largeFleet(n)
	have, err := inventory.New(live, sims, true)
	if err != nil {
		b.Fatal(err)
	}
	var p *Plan
	before := heap()
	b.ResetTimer()
	for b.Loop() {
		if p, err = Build(want, have, benchOptions); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(int64(heap())-int64(before))/n, "live-B/endpoint")
	if p.Counts.Change != n/10 {
		b.Fatalf("got %d tasks with steps, want %d", p.Counts.Change, n/10)
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(want)
	runtime.KeepAlive(have)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkIndex1M is the cost of indexing a million endpoints and SIMs.
func BenchmarkIndex1M(b *testing.B) {
	_, live, sims := largeFleet(1_000_000)
	for b.Loop() {
		if _, err := inventory.New(live, sims, true); err != nil {
			b.Fatal(err)
		}
	}
}
