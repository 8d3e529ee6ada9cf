package apply

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

func TestOptionsThatDoNotFitSendNothing(t *testing.T) {
	for want, opts := range map[string]Options{
		"no Journal": {},
		"no Renewal": {Journal: forgetful{}, Renewal: Renewal{Age: time.Hour}},
	} {
		f := &fake{}
		p := onboarding(1)
		err := Run(t.Context(), p, New(p, f.Abilities()), f, opts)
		if !errors.Is(err, fleet.ErrUsage) || !strings.Contains(fleet.Message(err), want) || len(f.calls) > 0 {
			t.Errorf("got %v after %d calls, want %s", err, len(f.calls), want)
		}
	}
	f := &fake{}
	if err := Run(t.Context(), onboarding(2), New(onboarding(1), f.Abilities()), f, Options{Journal: forgetful{}}); !errors.Is(err, fleet.ErrUsage) || len(f.calls) > 0 {
		t.Errorf("got %v after %d calls, want an ErrUsage about the results", err, len(f.calls))
	}
}

// Who says nothing of the window waits for as long as the platform may work.
func TestWindowLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLossy()
		l.after = func(fleet.Call, int) time.Duration { return 170 * time.Second }
		l.loses = func(call fleet.Call, _ int) bool { return call.Action == fleet.Activate }
		p := l.one(plan.Step{Action: fleet.Activate})
		results := New(p, l.Abilities())
		err := Run(t.Context(), p, results, l, Options{Journal: forgetful{}, Settling: Settling{Patience: time.Hour}})
		if err != nil || results[0].Outcome != fleet.Done || l.tries["mactivate"] != 1 {
			t.Errorf("got %s (%v) after %d activations, want done after 1", results[0].Outcome, err, l.tries["mactivate"])
		}
	})
}
