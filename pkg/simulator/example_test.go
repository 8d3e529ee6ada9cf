package simulator_test

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
)

// A simulator is a handler like any other. It has 250 SIMs, and takes any password,
// until it is told otherwise.
func ExampleNew() {
	server := httptest.NewServer(simulator.New(simulator.WithCredentials("ann", "secret")))
	defer server.Close()
	reply, err := server.Client().Post(server.URL+"/api/login", "application/json", strings.NewReader(`{"username":"ann","password":"wrong"}`))
	if err != nil {
		log.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.StatusCode, strings.Contains(string(body), `"resultCode":"10126"`))
	// Output:
	// 200 true
}

// A test says what goes wrong, changes the fleet behind the back of what it tests, and
// looks at what came of it.
func ExampleSimulator_SetFaults() {
	sim := simulator.New()
	lost, err := simulator.ParseFault("create:meter-0001=drop-after,times:1")
	if err != nil {
		log.Fatal(err)
	}
	sim.SetFaults(lost)
	sim.AddEndpoint(fleet.Endpoint{Fields: fleet.Fields{Name: "meter-0002", ICCID: "8932042000001234000"}})
	for _, e := range sim.Endpoints() {
		fmt.Println(e.Name, e.Status, e.ICCID)
	}
	fmt.Println(lost)
	// Output:
	// meter-0002 Active 8932042000001234000
	// create:meter-0001=drop-after,times:1
}
