package fleet_test

import (
	"errors"
	"fmt"

	"sftctl/pkg/fleet"
)

// A card number is read as people write it; what a spreadsheet did to one is named.
func ExampleParseICCID() {
	for _, text := range []string{"8932 0420-0000 1234 562F", "8.93204E+18", "8932042000001234563"} {
		card, err := fleet.ParseICCID(text)
		fmt.Println(card, err)
	}
	// Output:
	// 8932042000001234562 <nil>
	//  iccid "8.93204E+18" is in scientific notation, want 19 or 20 digits; a spreadsheet did this: take the number from the source again and import the column as text
	// 8932042000001234563 iccid "8932042000001234563" fails its check digit: got 3, want 2
}

// Two numbers are of one card when one is the other with its check digit.
func ExampleICCID_Equal() {
	short := fleet.ICCID("8932042000001234562")
	long := fleet.WithCheckDigit(string(short))
	fmt.Println(long, short.Equal(long), short.Equal("8932042000001234570"))
	// Output:
	// 89320420000012345623 true false
}

// A state reads and prints itself, and so do the other words of a file. The zero
// State is the one that nobody manages.
func ExampleState_UnmarshalText() {
	var state fleet.State
	fmt.Println(state.UnmarshalText([]byte("pre-active")), state, fleet.Status("Hold").Meets(state))
	fmt.Println(state.UnmarshalText([]byte("actve")))
	// Output:
	// <nil> pre-active true
	// unknown state "actve", want active, pre-active, suspended or absent; did you mean "active"?
}

// The kind of an error says what to do next.
func ExampleKind() {
	err := fmt.Errorf("reading the plan: %w", fleet.Kind(fleet.ErrPlan, errors.New("it was cut off")))
	fmt.Println(err, errors.Is(err, fleet.ErrPlan), errors.Is(err, fleet.ErrIO))
	// Output:
	// reading the plan: it was cut off true false
}
