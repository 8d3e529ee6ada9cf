package apply_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/pace"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/simulator"
)

// A plan is done under a journal. A row that fails is a result; the error says why
// the run as a whole was cut short. The example of package pkg goes all the way,
// from the lock to the report.
func ExampleRun() {
	client, err := platform.New(platform.Options{BaseURL: "https://simulator.invalid", Username: "ann", Password: platform.NewSecret("secret"),
		Purse: pace.New(0), Transport: simulator.New()})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "account")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := planned(client)
	if err != nil {
		log.Fatal(err)
	}
	results, err := do(p, client, dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Task.Label(), r.Outcome, r.Steps, r.Err)
	}
	// Output:
	// meter-0001 done [{create done}] <nil>
	// meter-0002 failed [{create failed}] create: refused (99400): invalid planId no such plan: not in the catalogue
}

// planned is a plan of two endpoints that an empty account does not have.
func planned(client *platform.Client) (*plan.Plan, error) {
	have, err := inventory.Fetch(context.Background(), client, inventory.Options{})
	if err != nil {
		return nil, err
	}
	want := &fleet.Fleet{Specs: []fleet.Spec{
		{Fields: fleet.Fields{Name: "meter-0001", PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}},
		{Fields: fleet.Fields{Name: "meter-0002", PlanID: "no such plan", ServiceProfileID: "SP_1249", SIMProductID: "7"}},
	}}
	return plan.Build(want, have, plan.Options{ID: journal.NewID(time.Now()), Account: "ann", Abilities: client.Abilities()})
}

func do(p *plan.Plan, client *platform.Client, dir string) ([]apply.Result, error) {
	store, err := journal.NewStore(dir, journal.OS{}, journal.SystemClock)
	if err != nil {
		return nil, err
	}
	kept, err := apply.Begin(store, p, apply.Beginning{Run: journal.NewID(time.Now()), Abilities: platform.AbilitiesOf})
	if err != nil {
		return nil, err
	}
	results := apply.New(p, client.Abilities())
	if err := apply.Run(context.Background(), p, results, client, apply.Options{Journal: kept}); err != nil {
		return nil, err
	}
	return results, kept.Close()
}
