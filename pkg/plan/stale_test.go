package plan

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

func TestStale(t *testing.T) {
	base := endpoint("1", "m", fleet.StatusActive, cardA)
	want := spec("m", fleet.StateActive, cardA)
	want.PlanID = "100300"
	build := func(live []fleet.Endpoint, s fleet.Spec) *Task { return &world{live: live}.build(t, s).Tasks[0] }
	planned := build([]fleet.Endpoint{base}, want)
	tests := []struct {
		name  string
		live  func(e *fleet.Endpoint)
		stale bool
	}{
		{"the same", func(*fleet.Endpoint) {}, false},
		{"a field that the task does not touch", func(e *fleet.Endpoint) { e.APNGroupID = "PDP_9"; want.APNGroupID = "" }, false},
		{"the field that it touches", func(e *fleet.Endpoint) { e.PlanID = "9" }, true},
		{"done meanwhile", func(e *fleet.Endpoint) { e.PlanID = "100300" }, true},
		{"another endpoint of the name", func(e *fleet.Endpoint) { e.ID = "2" }, true},
		{"suspended meanwhile, which changes its steps", func(e *fleet.Endpoint) { e.Status = fleet.StatusSuspended }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			live, s := base, want
			tt.live(&live)
			s.APNGroupID = ""
			p := *planned
			now := build([]fleet.Endpoint{live}, s)
			if why := p.Stale(now); (why != "") != tt.stale {
				t.Errorf("got %q, want stale %t", why, tt.stale)
			}
		})
	}
	if why := planned.Stale(build(nil, want)); why == "" {
		t.Error("the endpoint is gone, and the task is not stale")
	}
	create := build(nil, want)
	if why := create.Stale(planned); why == "" {
		t.Error("the endpoint appeared, and the create is not stale")
	}
}

// Order of rows must not matter for what is done to each.
func TestOrderDoesNotMatter(t *testing.T) {
	want, live, sims := largeFleet(400)
	forward := buildOrdered(t, want.Specs, live, sims)
	slices.Reverse(want.Specs)
	slices.Reverse(live)
	slices.Reverse(sims)
	backward := buildOrdered(t, want.Specs, live, sims)
	if diff := cmp.Diff(forward, backward); diff != "" {
		t.Errorf("(-forward +backward):\n%s", diff)
	}
}

func buildOrdered(t *testing.T, specs []fleet.Spec, live []fleet.Endpoint, sims []fleet.SIM) map[string]string {
	t.Helper()
	have, err := inventory.New(live, sims, true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Build(&fleet.Fleet{Specs: specs}, have, benchOptions)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range p.Tasks {
		got[p.Tasks[i].Label()] = fmt.Sprint(p.Tasks[i].Steps, p.Tasks[i].Refused)
	}
	return got
}
