package plan_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
	"sftctl/pkg/wire"
)

// found is what an account has, as inventory.Fetch lists it.
func found() *inventory.Inventory {
	all := fleet.Fieldset(fleet.AllFields[:]...)
	have, err := inventory.New([]fleet.Endpoint{
		{ID: "881", Fields: fleet.Fields{Name: "meter-0001", PlanID: "100234"}, Status: fleet.StatusPreActive, Reported: all},
		{ID: "882", Fields: fleet.Fields{Name: "meter-0002", PlanID: "100234"}, Status: fleet.StatusPreActive, Reported: all},
	}, nil, false)
	if err != nil {
		log.Fatal(err)
	}
	return have
}

func options(limits plan.Limits) plan.Options {
	return plan.Options{ID: "20261124T020808Z-jsbb", Created: time.Date(2026, 11, 24, 2, 8, 8, 0, time.UTC),
		Tool: "meters 1.0", BaseURL: "https://sft.bics.com", Account: "ann", Abilities: wire.EndpointInfo{}.Abilities(), Limits: limits}
}

// A plan says what is done to each endpoint and why, what is refused, and whether
// guards refuse it as a whole.
func ExampleBuild() {
	want := &fleet.Fleet{Specs: []fleet.Spec{
		{Fields: fleet.Fields{Name: "meter-0001", PlanID: "100300"}},
		{Fields: fleet.Fields{Name: "meter-0002"}, State: fleet.StateAbsent},
		{Fields: fleet.Fields{Name: "meter-0003"}},
	}}
	p, err := plan.Build(want, found(), options(plan.Limits{Modifies: plan.NoLimit}))
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range p.Tasks {
		for _, s := range t.Steps {
			fmt.Printf("%s: %s, %s\n", t.Label(), s.Action, s.Reason)
		}
		for _, why := range t.Refused {
			fmt.Printf("%s: refused, %s\n", t.Label(), why)
		}
	}
	fmt.Println(p.Counts.Calls, "calls;", p.Blocked)
	// Output:
	// meter-0001: modify, planId 100234 → 100300
	// meter-0002: delete, state absent is wanted
	// meter-0003: refused, it is not on the platform, and a create needs planId,serviceProfileId,simProductId: give it in the row, its group or the defaults
	// 2 calls; [the plan has 1 delete step, and at most 0 are allowed; if they are meant, say --max-deletes 1]
}

// A plan file is read back whole, or is a fleet.ErrPlan.
func ExamplePlan_Write() {
	want := &fleet.Fleet{Specs: []fleet.Spec{{Fields: fleet.Fields{Name: "meter-0001", PlanID: "100300"}}}}
	p, err := plan.Build(want, found(), options(plan.Unlimited))
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := p.Write(&file); err != nil {
		log.Fatal(err)
	}
	cut := bytes.NewReader(file.Bytes()[:file.Len()-10])
	read, err := plan.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.ID, read.Counts.Step(fleet.Modify))
	_, err = plan.Read(cut)
	fmt.Println(err, errors.Is(err, fleet.ErrPlan))
	// Output:
	// 20261124T020808Z-jsbb 1
	// plan file, line 3: the file ends before its trailer, it was cut; make a new plan true
}
