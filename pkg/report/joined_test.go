package report

import (
	"strings"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
)

// What one call does is shown as one step, and counted as one.
func TestAFoldedCreateIsOneStep(t *testing.T) {
	abilities := fleet.Abilities{Dialect: "folding", Folds: []fleet.Action{fleet.Link, fleet.Activate}}
	want := &fleet.Fleet{Specs: []fleet.Spec{{Fields: fleet.Fields{Name: "m1", PlanID: "7", ICCID: "8932042000001234000"}, State: fleet.StateActive}}}
	have, err := inventory.New(nil, []fleet.SIM{{ICCID: "8932042000001234000", Status: fleet.SIMReady}}, true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(want, have, plan.Options{ID: "p", Abilities: abilities, Limits: plan.Unlimited, Rate: 1})
	if err != nil || p.Estimate.Floor != time.Second || p.Estimate.Activations != 1 {
		t.Fatalf("got %+v, %v, want one call and one activation", p.Estimate, err)
	}
	for full, line := range map[bool]string{true: "create    it is not on the platform + link: SIM 8932042000001234000 is wanted + activate: state active is wanted",
		false: "create    it is not on the platform + link: "} {
		var b strings.Builder
		if err := WritePlan(&b, p, "text", Options{Full: full}); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(b.String()), " ")
		for _, text := range []string{"steps 1 create (with 1 link, 1 activate)", "calls 1, one for each step", strings.Join(strings.Fields(line), " ")} {
			if !strings.Contains(got, text) {
				t.Errorf("got %s, want %s", b.String(), text)
			}
		}
	}
}
