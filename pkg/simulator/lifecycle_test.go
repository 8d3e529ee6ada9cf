package simulator

import (
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

const (
	opCreate    = wire.OpCreate
	opEndpoints = wire.OpEndpoints
)

// situations are the columns of the transition table.
var situations = []struct {
	name   string
	status fleet.Status
	sim    fleet.ICCID
}{
	{"pre-active with SIM", fleet.StatusPreActive, firstSIM},
	{"pre-active without", fleet.StatusPreActive, ""},
	{"active", fleet.StatusActive, firstSIM},
	{"suspended", fleet.StatusSuspended, firstSIM},
	{"hold", fleet.StatusHold, ""},
}

// outcome is what a call does in a situation: the codes and the state after;
// an empty state is one that stays, "gone" that of an endpoint no more there.
type outcome struct {
	codes string
	after fleet.Status
}

const gone = "gone"

// transitions is the table of calls against situations.
var transitions = []struct {
	name, path, more string
	cells            [5]outcome
}{
	{"link", "/api/linkSim", `,"iccid":"` + otherSIM + `"`, [5]outcome{
		{"1/99409", ""}, {"0/99003", "Pre-Active"}, {"1/99409", ""}, {"1/99409", ""}, {"0/99003", "Pre-Active"}}},
	{"delink", "/api/delinkSim", "", [5]outcome{
		{"0/6413", "Hold"}, {"1/6420", ""}, {"0/6413", "Hold"}, {"0/6413", "Hold"}, {"1/6420", ""}}},
	{"delink another SIM", "/api/delinkSim", `,"iccid":"` + otherSIM + `"`, [5]outcome{
		{"1/99409", ""}, {"1/6420", ""}, {"1/99409", ""}, {"1/99409", ""}, {"1/6420", ""}}},
	{"activate", "/api/activateEndpoint", "", [5]outcome{
		{"0/5014", "Active"}, {"1/6420", ""}, {"1/2507", ""}, {"1/99409", ""}, {"1/6420", ""}}},
	{"lifecycle A", "/api/changeEndpointLifecycle", `,"lifeCycle":"A","reason":"1"`, [5]outcome{
		{"0/5017", "Active"}, {"1/6420", ""}, {"1/1254", ""}, {"0/5017", "Active"}, {"1/6420", ""}}},
	{"lifecycle S", "/api/changeEndpointLifecycle", `,"lifeCycle":"S","reason":"3"`, [5]outcome{
		{"1/99409", ""}, {"1/99409", ""}, {"0/5017", "Suspended"}, {"1/1254", ""}, {"1/99409", ""}}},
	{"modify", "/api/modifyEndpoint", `,"planId":"100300"`, [5]outcome{
		{"0/99002", ""}, {"0/99002", ""}, {"0/99002", ""}, {"0/99002", ""}, {"0/99002", ""}}},
	{"delete", "/api/deleteEndpoint", "", [5]outcome{
		{"1/99409", ""}, {"0/10159", gone}, {"1/99409", ""}, {"1/99409", ""}, {"0/10159", gone}}},
}

const otherSIM = "8932042000001234570"

func TestTransitions(t *testing.T) {
	for _, call := range transitions {
		for i, at := range situations {
			t.Run(call.name+"/"+at.name, func(t *testing.T) {
				v := visit(t)
				e := fleet.Endpoint{Fields: fleet.Fields{Name: "e", PlanID: "100234", ServiceProfileID: "SP_1249",
					SIMProductID: "7", ICCID: at.sim}, Status: at.status}
				id := v.sim.AddEndpoint(e)
				g := v.post(call.path, about(id, call.more))
				want := call.cells[i]
				if g.status != 200 || g.codes() != want.codes {
					t.Fatalf("got HTTP %d %s, want 200 %s: %s", g.status, g.codes(), want.codes, g.body)
				}
				checkAfter(t, v.sim, id, at.status, want)
				checkEcho(t, g, id, at.status, want)
				checkBills(t, v.sim, id, at.status, want)
			})
		}
	}
}

func checkAfter(t *testing.T, sim *Simulator, id fleet.ID, before fleet.Status, want outcome) {
	t.Helper()
	status := want.after
	if status == "" {
		status = before
	}
	list := sim.Endpoints()
	if status == gone {
		if len(list) != 0 {
			t.Errorf("got %+v, want nothing left", list)
		}
		return
	}
	if len(list) != 1 || list[0].Status != status {
		t.Fatalf("got %+v, want status %s", list, status)
	}
	linked := 0
	for _, k := range sim.SIMs() {
		switch {
		case k.EndpointID == "" && k.Status == fleet.SIMReady && !k.Attached:
		case k.EndpointID == id && k.ICCID == list[0].ICCID && string(k.Status) == string(status) && k.Attached:
			linked++
		default:
			t.Errorf("got SIM %+v beside endpoint %+v", k, list[0])
		}
	}
	if has := list[0].ICCID != ""; has != (linked == 1) {
		t.Errorf("got %d SIMs linked to %+v", linked, list[0])
	}
}

func checkEcho(t *testing.T, g seen, id fleet.ID, before fleet.Status, want outcome) {
	t.Helper()
	p := g.env.Response.ResponseParam
	if want.codes[0] == '1' {
		if p != nil {
			t.Errorf("got a responseParam with a failure: %s", g.body)
		}
		return
	}
	if p == nil || p.EndpointID == nil || *p.EndpointID != string(id) || g.env.Response.EndpointID != nil {
		t.Fatalf("got %s, want the id in responseParam only", g.body)
	}
	if want.codes == "0/5017" && (p.CurrentStatus != string(want.after) || p.PreviousStatus != string(before)) {
		t.Errorf("got %s from %s, want %s from %s", p.CurrentStatus, p.PreviousStatus, want.after, before)
	}
}

func checkBills(t *testing.T, sim *Simulator, id fleet.ID, before fleet.Status, want outcome) {
	t.Helper()
	bills := 0
	if before == fleet.StatusPreActive && want.after == fleet.StatusActive {
		bills = 1
	}
	if got := sim.Bills()[id]; got != bills {
		t.Errorf("got %d bills, want %d", got, bills)
	}
}

func TestSIMCannotBeLinkedTwice(t *testing.T) {
	v := visit(t)
	v.create("a")
	v.create("b")
	if g := v.post("/api/linkSim", about("100000001", `,"iccid":"`+firstSIM+`"`)); g.codes() != "0/99003" {
		t.Fatalf("got %s, want 0/99003", g.body)
	}
	if g := v.post("/api/linkSim", about("100000002", `,"iccid":"`+firstSIM+`"`)); g.codes() != "1/99409" {
		t.Errorf("got %s, want 1/99409", g.body)
	}
}

func TestInitialStatus(t *testing.T) {
	for _, status := range []fleet.Status{fleet.StatusPreActive, fleet.StatusHold} {
		v := visit(t, WithInitialStatus(status))
		v.create("a")
		if got := v.sim.Endpoints()[0].Status; got != status {
			t.Errorf("got %s, want %s", got, status)
		}
	}
}

func TestChangesBehindTheBack(t *testing.T) {
	sim := New()
	a := sim.AddEndpoint(fleet.Endpoint{Fields: fleet.Fields{Name: "a", SIMProductID: "7", ICCID: firstSIM}})
	b := sim.AddEndpoint(fleet.Endpoint{ID: "own-id", Fields: fleet.Fields{Name: "b", SIMProductID: "7", ICCID: firstSIM}})
	list := sim.Endpoints()
	if b != "own-id" || list[0].ICCID != "" || list[0].Status != fleet.StatusHold || list[1].ICCID != firstSIM || list[1].Status != fleet.StatusActive {
		t.Errorf("got %+v, want the SIM taken from a by b", list)
	}
	change := list[1]
	change.Name, change.ICCID, change.Status = "b2", "", fleet.StatusHold
	if err := sim.SetEndpoint(change); err != nil {
		t.Fatal(err)
	}
	if got := sim.Endpoints()[1]; got.Name != "b2" || got.ICCID != "" || sim.live.card(firstSIM).endpoint != "" {
		t.Errorf("got %+v, want it renamed and its SIM free", got)
	}
	if err := sim.RemoveEndpoint(a); err != nil {
		t.Fatal(err)
	}
	if err := sim.RemoveEndpoint(a); err == nil {
		t.Error("removed an endpoint twice, want an error")
	}
	if err := sim.SetEndpoint(fleet.Endpoint{ID: a}); err == nil {
		t.Error("changed an endpoint that is gone, want an error")
	}
	c := Card{ICCID: fleet.WithCheckDigit("893204200000900000"), Product: "7"}
	if !sim.AddSIM(c) || sim.AddSIM(c) || len(sim.SIMs()) != 251 {
		t.Errorf("got %d SIMs, want one more, once", len(sim.SIMs()))
	}
	if got := sim.AddEndpoint(fleet.Endpoint{ID: b}); got == b || len(sim.Endpoints()) != 2 {
		t.Errorf("got id %s twice", got)
	}
}
