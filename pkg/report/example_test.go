package report_test

import (
	"log"
	"os"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
	"sftctl/pkg/wire"
)

// planned is a plan of one endpoint that is not there.
func planned() *plan.Plan {
	have, err := inventory.New(nil, nil, false)
	if err != nil {
		log.Fatal(err)
	}
	want := &fleet.Fleet{Specs: []fleet.Spec{{Fields: fleet.Fields{Name: "meter-0001", PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}}}}
	p, err := plan.Build(want, have, plan.Options{ID: "20261124T020808Z-jsbb", Created: time.Date(2026, 11, 24, 2, 8, 8, 0, time.UTC),
		Tool: "meters 1.0", BaseURL: "https://sft.bics.com", Account: "ann", Abilities: wire.EndpointInfo{}.Abilities()})
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// A plan is shown to a person before anything is done.
func ExamplePlanText() {
	if err := report.PlanText(os.Stdout, planned(), report.Options{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// plan 20261124T020808Z-jsbb
	//   endpoints  1 to create, 0 to change, 0 unchanged, 0 refused, 0 orphaned
	//   account    ann at https://sft.bics.com, dialect endpointinfo
	//   made       2026-11-24 02:08 UTC by meters 1.0
	//   rows       1 row against 0 live endpoints
	//   guards     at most 0 delete, 0 delink, 0 suspend, 0 activate, 0 modify
	//   steps      1 create
	//   calls      1, one for each step
	//   for good   1 create cannot be undone
	//
	// changes: 1 endpoint
	//   meter-0001 (new)
	//     + create    it is not on the platform
}

// A run is told as text, JSON, Markdown or a page; Files and Pages are what its folder
// has.
func ExampleRun_Write() {
	p := planned()
	began := p.Created.Add(time.Minute)
	run := report.Run{ID: "20261124T020908Z-wk4m", Plan: p, Results: apply.New(p, wire.EndpointInfo{}.Abilities()),
		Started: began, Ended: began.Add(time.Second), Exit: 3, Tool: "meters 1.0"}
	if err := run.Write(os.Stdout, "text", report.Options{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// run 20261124T020908Z-wk4m: 1 not-attempted
	//   0 mutating calls (1 planned), 0 reads, 1s
	//   0 rows verified by a listing after the run
	//   next: sftctl resume 20261124T020908Z-wk4m  # settles what is in doubt, then does the rest
}
