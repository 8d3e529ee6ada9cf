package platform

import (
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

const freeSIM = "8932042000001234562"

// inCollection is a client of a simulated platform in the collection dialect.
func inCollection(t *testing.T, opts ...simulator.Option) (*Client, *simulator.Simulator) {
	t.Helper()
	sim := simulator.New(opts...)
	return client(t, sim, func(o *Options) { o.Dialect = wire.Collection{} }), sim
}

// folded is a create that links its SIM and activates it.
var folded = fleet.Call{Action: fleet.Create, Name: "m", Activate: true, Fields: fleet.Fields{Name: "m", PlanID: "100234",
	APNGroupID: "PDP_12", RoamingProfileID: "1201", ICCID: freeSIM}}

func faulty(op wire.Op, effect simulator.Effect) simulator.Option {
	return simulator.WithFaults(simulator.Fault{Op: op, Effect: effect})
}

func TestAFoldedCreateWithoutAnIDIsFoundByItsSIM(t *testing.T) {
	none := folded
	none.Activate, none.Fields.ICCID = false, ""
	tests := []struct {
		name  string
		call  fleet.Call
		opts  []simulator.Option
		want  fleet.Outcome
		reads int64 // of SIMs
	}{
		{"with an id", folded, nil, fleet.Done, 0},
		{"without", folded, []simulator.Option{simulator.WithoutCreateID()}, fleet.Done, 1},
		{"without, and nothing done", folded, []simulator.Option{simulator.WithoutCreateID(), faulty(wire.OpCreate, simulator.LyingSuccess)}, fleet.Unknown, 1},
		{"without, and not yet to be seen", folded, []simulator.Option{simulator.WithoutCreateID(), simulator.WithReadLag(1 << 40)}, fleet.Unknown, 1},
		{"without, and the reads name another", folded, []simulator.Option{simulator.WithoutCreateID(), faulty(wire.OpEndpoints, simulator.NoData1)}, fleet.Unknown, 1},
		{"without, and no SIM", none, []simulator.Option{simulator.WithoutCreateID()}, fleet.Unknown, 0},
		{"unclear", folded, []simulator.Option{faulty(wire.OpCreate, simulator.TimeoutApplied)}, fleet.Unknown, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := inCollection(t, tt.opts...)
			got := c.Do(t.Context(), tt.call, nothing)
			if got.Outcome != tt.want || (got.ID == "100000001") != (tt.want == fleet.Done) || (got.Err == nil) != (tt.want == fleet.Done) || got.Sends != 1 {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
			if n := c.Sent(wire.OpSIMs); n != tt.reads || c.Sent(wire.OpCreate) != 1 {
				t.Errorf("asked for SIMs %d times and created %d times, want %d and once", n, c.Sent(wire.OpCreate), tt.reads)
			}
		})
	}
}

func TestASIMOnAnEndpointOfAnotherNameProvesNothing(t *testing.T) {
	c, sim := inCollection(t, simulator.WithoutCreateID(), faulty(wire.OpCreate, simulator.LyingSuccess))
	sim.AddEndpoint(fleet.Endpoint{Fields: fleet.Fields{Name: "other", SIMProductID: "7", ICCID: freeSIM}, Status: fleet.StatusHold})
	call := folded
	if got := c.Do(t.Context(), call, nothing); got.Outcome == fleet.Done {
		t.Errorf("got %+v, want it not done", got)
	}
}

// TestOneEndpointIsReadWithItsState: whether or not a profile says the state, a
// read of one endpoint does, as long as it has a SIM.
func TestOneEndpointIsReadWithItsState(t *testing.T) {
	for name, tt := range map[string]struct {
		opts  []simulator.Option
		iccid fleet.ICCID
		want  fleet.Status
		reads int64
	}{
		"in the profile":     {nil, freeSIM, fleet.StatusSuspended, 0},
		"of the SIM":         {[]simulator.Option{simulator.WithObservedProfile()}, freeSIM, fleet.StatusSuspended, 1},
		"nowhere":            {[]simulator.Option{simulator.WithObservedProfile()}, "", "", 0},
		"of no SIM by lag":   {[]simulator.Option{simulator.WithObservedProfile(), faulty(wire.OpSIMs, simulator.NoData1)}, freeSIM, "", 1},
		"of a SIM, slowly":   {[]simulator.Option{simulator.WithObservedProfile(), simulator.WithFaults(simulator.Fault{Op: wire.OpSIMs, Times: 1, Effect: simulator.Enveloped401})}, freeSIM, fleet.StatusSuspended, 2},
		"a profile, renewed": {[]simulator.Option{simulator.WithFaults(simulator.Fault{Op: wire.OpEndpoints, Times: 1, Effect: simulator.Enveloped401})}, freeSIM, fleet.StatusSuspended, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, sim := inCollection(t, tt.opts...)
			status := fleet.StatusSuspended
			if tt.iccid == "" {
				status = fleet.StatusHold
			}
			id := sim.AddEndpoint(fleet.Endpoint{Fields: fleet.Fields{Name: "m", SIMProductID: "7", ICCID: tt.iccid}, Status: status})
			page, err := c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, ID: id})
			if err != nil || len(page.Endpoints) != 1 {
				t.Fatalf("got %v, %v, want one endpoint", page, err)
			}
			if e := page.Endpoints[0]; e.ID != id || e.Name != "m" || e.Status != tt.want || e.Reported.Has(fleet.FieldStatus) != (tt.want != "") {
				t.Errorf("got %+v, want status %q", e, tt.want)
			}
			if n := c.Sent(wire.OpSIMs); n != tt.reads {
				t.Errorf("asked for SIMs %d times, want %d", n, tt.reads)
			}
		})
	}
}

// TestTheStepsOfALife: what one call does shows in the next read, in both shapes
// of the profile.
func TestTheStepsOfALife(t *testing.T) {
	for _, opts := range [][]simulator.Option{nil, {simulator.WithObservedProfile(), simulator.WithoutCreateID()}} {
		c, sim := inCollection(t, opts...)
		made := c.Do(t.Context(), folded, nothing)
		for _, step := range []struct {
			call fleet.Call
			want fleet.Outcome
		}{
			{fleet.Call{Action: fleet.Activate}, fleet.Done}, // it was
			{fleet.Call{Action: fleet.Suspend}, fleet.Done},
			{fleet.Call{Action: fleet.Suspend}, fleet.Done}, // it was
			{fleet.Call{Action: fleet.Resume}, fleet.Done},
			{fleet.Call{Action: fleet.Modify, Fields: fleet.Fields{PlanID: "100300"}}, fleet.Done},
			{fleet.Call{Action: fleet.Modify, Fields: fleet.Fields{Name: "n", APNGroupID: "PDP_20"}}, fleet.Done},
			{fleet.Call{Action: fleet.Delete}, fleet.Failed}, // its SIM is attached
			{fleet.Call{Action: fleet.Delink}, fleet.Done},
			{fleet.Call{Action: fleet.Delink}, fleet.Done}, // it was
			{fleet.Call{Action: fleet.Activate}, fleet.Failed},
			{fleet.Call{Action: fleet.Link, Fields: fleet.Fields{ICCID: freeSIM}}, fleet.Done},
			{fleet.Call{Action: fleet.Delink}, fleet.Done},
			{fleet.Call{Action: fleet.Delete}, fleet.Done},
			{fleet.Call{Action: fleet.Delete}, fleet.Done}, // it is gone
		} {
			step.call.EndpointID = made.ID
			if got := c.Do(t.Context(), step.call, nothing); got.Outcome != step.want {
				t.Errorf("%s: got %+v, want %s", step.call.Action, got, step.want)
			}
		}
		if page, err := c.Page(t.Context(), fleet.Query{List: fleet.Endpoints, ID: made.ID}); err != nil || len(page.Endpoints) > 0 || len(sim.Endpoints()) > 0 {
			t.Errorf("got %v, %v, want nothing left", page, err)
		}
	}
}
