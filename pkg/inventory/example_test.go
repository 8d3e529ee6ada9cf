package inventory_test

import (
	"context"
	"fmt"
	"log"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// account is a platform that shows everything on one page, as a test has one; a
// platform.Client is the other Lister.
type account struct{}

func (account) Page(_ context.Context, q fleet.Query) (fleet.Page, error) {
	switch q.List {
	case fleet.Endpoints:
		return fleet.Page{Endpoints: []fleet.Endpoint{
			{ID: "881", Fields: fleet.Fields{Name: "meter-0001", ICCID: "8932042000001234562"}, Status: fleet.StatusActive, Reported: fleet.Fieldset(fleet.AllFields[:]...)},
			{ID: "882", Fields: fleet.Fields{Name: "meter-0002"}, Status: fleet.StatusPreActive, Reported: fleet.Fieldset(fleet.AllFields[:]...)},
		}, Pages: 1, Total: 2}, nil
	case fleet.RatePlans:
		return fleet.Page{Entries: []fleet.Entry{{ID: "100234", Name: "IoT Basic"}}, Pages: 1, Total: 1}, nil
	}
	return fleet.Page{Pages: 1, Total: 0}, nil
}

// A listing is whole, or an error that is a fleet.ErrIncomplete.
func ExampleFetch() {
	have, err := inventory.Fetch(context.Background(), account{}, inventory.Options{})
	if err != nil {
		log.Fatal(err)
	}
	live, others := have.ByName(" meter-0001 ")
	fmt.Println(len(have.Endpoints), live.ID, live.Status, len(others))
	// Output:
	// 2 881 Active 0
}

// Names in the place of ids are looked up before a plan is made.
func ExampleCatalogue_Resolve() {
	specs := []fleet.Spec{
		{Names: fleet.Names{Plan: "IoT Basic"}, Origin: fleet.Origin{File: "fleet.csv", Line: 2}},
		{Names: fleet.Names{Plan: "IoT Basics"}, Origin: fleet.Origin{File: "fleet.csv", Line: 3}},
	}
	names, err := inventory.FetchCatalogue(context.Background(), account{}, inventory.Needed(specs, 0), inventory.Options{})
	if err != nil {
		log.Fatal(err)
	}
	err = names.Resolve(specs, 0)
	fmt.Println(specs[0].PlanID)
	fmt.Println(err)
	// Output:
	// 100234
	// fleet.csv:3: plan "IoT Basics" is not in the account's catalogue, want one of "IoT Basic" (100234); did you mean "IoT Basic"?
}
