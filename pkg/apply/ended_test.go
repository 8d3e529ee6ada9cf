package apply

import (
	"errors"
	"testing"

	"sftctl/pkg/fleet"
)

func TestEnded(t *testing.T) {
	cut := errors.New("cut")
	for _, tt := range []struct {
		outcomes   []fleet.Outcome
		cut, doubt error
		want       int
	}{
		{nil, nil, nil, 0},
		{[]fleet.Outcome{fleet.Done, fleet.Unchanged}, nil, nil, 0},
		{[]fleet.Outcome{fleet.Done, fleet.Refused}, nil, nil, 3},
		{[]fleet.Outcome{fleet.Failed}, cut, nil, 1},
		{[]fleet.Outcome{fleet.Done}, nil, cut, 1},
		{[]fleet.Outcome{fleet.Failed, fleet.Unknown}, cut, cut, 4},
		{make([]fleet.Outcome, 1), nil, nil, 3}, // not attempted
	} {
		var results []Result
		for _, o := range tt.outcomes {
			results = append(results, Result{Outcome: o})
		}
		if end := Ended(results, tt.cut, tt.doubt); end.Exit != tt.want || end.Verified != (tt.doubt == nil) {
			t.Errorf("%v, %v, %v: got exit %d, verified %t, want %d", tt.outcomes, tt.cut, tt.doubt, end.Exit, end.Verified, tt.want)
		}
	}
}
