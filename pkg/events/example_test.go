package events_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/events"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// A recorder that hears what the journal of a run is told turns it into events, and a
// writer these into lines, which never keep the run waiting.
func ExampleNewRecorder() {
	p := &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "meter-0001"}}, Steps: []plan.Step{{Action: fleet.Create}}}}}
	results := apply.New(p, fleet.Abilities{})
	var stream bytes.Buffer
	w := events.NewWriter(&stream)
	w.Emit(events.Stream{Format: events.Format, Tool: "meters 1.0", Command: "reconcile"})
	recorder := events.NewRecorder("R1", results, w.Emit)
	recorder.Begin()
	run(apply.Overheard(kept{}, recorder.Saw)) // apply.Run, which gets recorder.Ended as Progress
	if err := w.Close(time.Second); err != nil {
		log.Fatal(err)
	}
	for lines := bufio.NewScanner(&stream); lines.Scan(); {
		var e struct{ Event, Name, State string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			log.Fatal(err)
		}
		if e.Event == "step" {
			fmt.Println(e.Name, e.State)
		}
	}
	// Output:
	// meter-0001 started
	// meter-0001 done
}

// run does one call.
func run(by apply.Journal) {
	if err := by.Intent(journal.Intent{Attempt: 1, Action: fleet.Create, Name: "meter-0001"}); err != nil {
		log.Fatal(err)
	}
	by.Outcome(journal.Outcome{Attempt: 1, Outcome: fleet.Done, ID: "881", Sends: 1})
}

// kept stands in for the journal of a run.
type kept struct{}

func (kept) Intent(journal.Intent) error { return nil }
func (kept) Outcome(journal.Outcome)     {}
func (kept) Finding(journal.Finding)     {}
