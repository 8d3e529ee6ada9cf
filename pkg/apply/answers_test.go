package apply

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

// kept keeps what a run writes, as a journal does.
type kept struct{ records []journal.Record }

func (k *kept) Intent(i journal.Intent) error { k.records = append(k.records, i); return nil }
func (k *kept) Outcome(o journal.Outcome)     { k.records = append(k.records, o) }
func (k *kept) Finding(f journal.Finding)     { k.records = append(k.records, f) }
func (k *kept) answers(t *testing.T) []Answer {
	t.Helper()
	p := onboarding(1)
	results, err := Replay(p, fleet.Abilities{}, &journal.History{Records: k.records}, journal.Moment{})
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Answers
}

// A run and the replay of its journal know of the same answers: one for each call
// that left.
func TestAnswersAreThoseOfTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now().UTC()
		replies := map[fleet.Action]fleet.Reply{
			fleet.Create:   {Outcome: fleet.Done, ID: "9", Sends: 3, Started: begun.Add(time.Second), Duration: 2 * time.Second},
			fleet.Link:     {Outcome: fleet.Done, Sends: 1, Started: begun.Add(4 * time.Second), Duration: time.Second},
			fleet.Activate: {Outcome: fleet.Failed, Err: errors.New("no"), Started: begun.Add(6 * time.Second)}, // it never left
		}
		f := &fake{answer: func(c fleet.Call) fleet.Reply { return replies[c.Action] }}
		journal := &kept{}
		results, err := do(t.Context(), onboarding(1), f, Options{Workers: 1, Journal: journal})
		if err != nil {
			t.Fatal(err)
		}
		want := []Answer{{fleet.Create, fleet.Done, 3, begun.Add(time.Second), 2 * time.Second}, {fleet.Link, fleet.Done, 1, begun.Add(4 * time.Second), time.Second}}
		if diff := cmp.Diff(want, results[0].Answers); diff != "" {
			t.Errorf("the run: %s", diff)
		}
		if diff := cmp.Diff(want, journal.answers(t)); diff != "" {
			t.Errorf("the replay: %s", diff)
		}
	})
}
