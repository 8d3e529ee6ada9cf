package apply

import (
	"strings"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// A name that stands for another id now keeps a row from beginning, and from
// passing for what is wanted; what has begun goes on, and so do the others.
func TestRowsWhoseNamesMovedAreStale(t *testing.T) {
	p := onboarding(3)
	p.Tasks = append(p.Tasks, plan.Task{Spec: &fleet.Spec{}, Before: &fleet.Endpoint{ID: "9"}}, plan.Task{Spec: &fleet.Spec{}, Refused: []string{"no SIM"}})
	f := &fake{}
	results := New(p, f.Abilities())
	results[1].outcome(journal.Outcome{Task: 1, Outcome: fleet.Done, ID: "id-m1"})
	const why = `plan "Gold" stood for "1" when the plan was made, and stands for "2" now`
	stale := Renamed(results, map[int]string{0: why, 1: why, 3: why, 4: why}, map[int]string{0: "gone"})
	if err := Run(t.Context(), p, results, f, Options{Journal: forgetful{}, Workers: 1, Stale: stale}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"stale create=stale link=stale activate=stale ", "done create=done link=done activate=done ", "done create=done link=done activate=done ", "stale ", "refused ",
	} {
		if got := results[i].Outcome.String() + " " + steps(results[i]); got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
	for _, i := range []int{0, 3} {
		if err := results[i].Err; err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("row %d: got %v, want %s", i, err, why)
		}
	}
	if len(f.calls) != 5 {
		t.Errorf("got %d calls, want 5", len(f.calls))
	}
}
