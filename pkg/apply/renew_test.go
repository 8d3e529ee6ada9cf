package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
)

// A run of hours lists again, no more than once in the age that is allowed, never
// while a call is in flight, and does not begin what changed meanwhile.
func TestALongRunRestsOnWhatIsCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 10 * time.Second}
		p := onboarding(100) // of 30 s each: 1,000 s with three workers
		began, lists := time.Now(), []time.Duration{}
		look := func(context.Context) (*plan.Plan, *inventory.Inventory, error) {
			f.mu.Lock()
			lists = append(lists, time.Since(began))
			if f.inFlight > 0 {
				t.Errorf("%d calls are in flight while all is listed", f.inFlight)
			}
			f.mu.Unlock()
			time.Sleep(time.Second)
			now, have := onboarding(100), &inventory.Inventory{}
			now.Tasks[99].Before = &fleet.Endpoint{ID: "7"} // somebody made it
			return now, have, nil
		}
		results, err := do(t.Context(), p, f, Options{Workers: 3, Renewal: Renewal{Read: time.Now(), Age: 5 * time.Minute, Look: look}})
		if err != nil {
			t.Fatal(err)
		}
		if len(lists) != 3 || lists[0] <= 5*time.Minute {
			t.Errorf("listed after %s", lists)
		}
		if last := results[99]; last.Outcome != fleet.Stale || !strings.Contains(fleet.Message(last.Err), "an endpoint 7 has appeared") {
			t.Errorf("the last row is %s: %v", last.Outcome, last.Err)
		}
		if n := slices.IndexFunc(results[:99], func(r Result) bool { return r.Outcome != fleet.Done }); n >= 0 {
			t.Errorf("row %d is %s: %v", n, results[n].Outcome, results[n].Err)
		}
	})
}

func TestNothingIsBegunOnAListingThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 10 * time.Second}
		lists := 0
		look := func(context.Context) (*plan.Plan, *inventory.Inventory, error) {
			lists++
			return nil, nil, fleet.Kind(fleet.ErrIncomplete, errors.New("a page is missing"))
		}
		results, err := do(t.Context(), onboarding(10), f, Options{Workers: 1, Renewal: Renewal{Read: time.Now(), Age: time.Minute, Look: look}})
		if !errors.Is(err, fleet.ErrIncomplete) || !errors.Is(err, fleet.ErrStopped) || lists != 1 {
			t.Errorf("got %v after %d listings", err, lists)
		}
		if why := fleet.Message(results[3].Err); why != "not begun: what was read of it is older than 1m0s, and reading it again failed: a page is missing" {
			t.Errorf("got %q", why)
		}
		if len(f.calls) != 9 || results[2].Outcome != fleet.Done || results[9].Outcome != fleet.NotAttempted {
			t.Errorf("%d calls, %s, %s", len(f.calls), results[2].Outcome, results[9].Outcome)
		}
	})
}
