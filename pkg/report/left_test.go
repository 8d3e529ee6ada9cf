package report

import (
	"bytes"
	"fmt"
	"testing"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

func TestLeftText(t *testing.T) {
	var left []apply.Left
	leave := func(name string, a fleet.Action, why string) {
		id := fleet.ID(fmt.Sprint(len(left) + 1))
		left = append(left, apply.Left{Task: &plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: name}}}, ID: id, Action: a, Why: why})
	}
	leave("m-1", fleet.Modify, `planId is "300" now`)
	for i := range 7 {
		leave(fmt.Sprint("n-", i), fleet.Create, "it is new")
	}
	leave("m\x1b[2", fleet.Modify, `planId is "400" now`)
	leave("m-3", fleet.Activate, `status is "Hold" now`)
	for _, tt := range []struct {
		name string
		left []apply.Left
		full bool
		want string
	}{
		{"nothing", nil, false, ""},
		{"the first", left, false, `not undone:
  2 modify: planId is … now
    m-1 (1), m\x1b[2 (9)
  7 create: it is new
    n-0 (2), n-1 (3), n-2 (4), n-3 (5), n-4 (6), and 2 more (--full lists all)
  1 activate: status is "Hold" now
    m-3 (10)
`},
		{"all", left, true, `not undone:
  2 modify: planId is … now
    m-1 (1), m\x1b[2 (9)
  7 create: it is new
    n-0 (2), n-1 (3), n-2 (4), n-3 (5), n-4 (6), n-5 (7), n-6 (8)
  1 activate: status is "Hold" now
    m-3 (10)
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := LeftText(&got, tt.left, Options{Full: tt.full}); err != nil || got.String() != tt.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got.String(), tt.want)
			}
		})
	}
}
