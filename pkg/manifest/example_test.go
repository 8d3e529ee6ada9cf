package manifest_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/manifest"
)

// A name of - is read from Stdin; others are those of files.
func ExampleRead() {
	text := `apiVersion: sftctl/v1
kind: Fleet
defaults: {plan: IoT Basic, state: active}
endpoints:
  - {endpointName: meter-0001, iccid: "8932042000001234562"}
  - {endpointName: meter-0002, state: pre-active}
`
	want, warnings, err := manifest.Read([]string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range warnings {
		log.Print(w.Error())
	}
	for _, spec := range want.Specs {
		fmt.Println(spec.Name, spec.Names.Plan, spec.State, spec.ICCID)
	}
	// Output:
	// meter-0001 IoT Basic active 8932042000001234562
	// meter-0002 IoT Basic pre-active
}

// All that is wrong is found at once, each thing with its place.
func ExampleRead_problems() {
	text := "endpointName,state,iccid\nmeter-0001,actve,\nmeter-0001,active,8.93204E+18\n"
	_, _, err := manifest.Read([]string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	var problems fleet.Problems
	if !errors.As(err, &problems) {
		log.Fatal(err)
	}
	for _, err := range problems {
		if p, ok := errors.AsType[*manifest.Problem](err); ok {
			fmt.Printf("line %d, column %d: %s\n", p.Line, p.Column, p.What)
		}
	}
	fmt.Println(errors.Is(err, fleet.ErrInvalid))
	// Output:
	// line 2, column 12: unknown state
	// line 3, column 1: endpointName is given twice
	// line 3, column 19: iccid "8.93204E+18" is in scientific notation, want 19 or 20 digits; a spreadsheet did this: take the number from the source again and import the column as text
	// true
}

// What is written is read back.
func ExampleWriteCSV() {
	specs := []fleet.Spec{{Fields: fleet.Fields{Name: "meter-0001", PlanID: "100234"}, State: fleet.StatePreActive}}
	if err := manifest.WriteCSV(os.Stdout, specs); err != nil {
		log.Fatal(err)
	}
	// Output:
	// endpointId,endpointName,planId,serviceProfileId,apnGroupId,simProductId,iccid,state
	// ,meter-0001,100234,,,,,pre-active
}
