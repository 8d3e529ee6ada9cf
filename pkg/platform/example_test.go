package platform_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"

	"sftctl/pkg/fleet"
	"sftctl/pkg/pace"
	"sftctl/pkg/platform"
	"sftctl/pkg/simulator"
)

// A client speaks the documented dialect, and keeps the platform's pace, unless it is
// told otherwise: a simulator on this machine needs none.
func ExampleNew() {
	server := httptest.NewServer(simulator.New())
	defer server.Close()
	client, err := platform.New(platform.Options{BaseURL: server.URL, Username: "ann", Password: platform.NewSecret("secret"), Purse: pace.New(0)})
	if err != nil {
		log.Fatal(err)
	}
	sims, err := client.Page(context.Background(), fleet.Query{List: fleet.SIMs, Page: 1, PerPage: 3})
	if err != nil {
		log.Fatal(err)
	}
	for _, sim := range sims.SIMs {
		fmt.Println(sim.ICCID, sim.Status, sim.Product)
	}
	fmt.Println("of", sims.Total)
	// Output:
	// 8932042000001234000 Ready To Activate MFF2 industrial
	// 8932042000001234018 Ready To Activate MFF2 industrial
	// 8932042000001234026 Ready To Activate MFF2 industrial
	// of 250
}

// A login that was refused is not to be tried again: the platform locks accounts.
func ExampleClient_Login() {
	server := httptest.NewServer(simulator.New(simulator.WithCredentials("ann", "secret")))
	defer server.Close()
	client, err := platform.New(platform.Options{BaseURL: server.URL, Username: "ann", Password: platform.NewSecret("wrong")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Is(client.Login(context.Background()), fleet.ErrLogin))
	// Output:
	// true
}
