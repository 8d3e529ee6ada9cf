package journal_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

// A run has the account to itself. Its plan is copied, and used up by its first
// intent, which is on the disk when Intent returns. apply.Begin calls Create, and
// marks the runs whose place the new one takes before.
func ExampleStore_Create() {
	state, err := os.MkdirTemp("", "state")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(state)
	dir := journal.AccountDir(state, "https://sft.bics.com", "ann")
	store, err := journal.NewStore(dir, journal.OS{}, journal.SystemClock)
	if err != nil {
		log.Fatal(err)
	}
	lock, err := journal.TakeLock(dir, "meters")
	if err != nil {
		log.Fatal(err)
	}
	run := journal.NewID(time.Now())
	kept, err := store.Create(journal.Header{Run: run, Plan: "P1", BaseURL: "https://sft.bics.com", Account: "ann"},
		journal.Opened{Command: "reconcile", Tool: "meters 1.0"},
		func(w io.Writer) error { _, err := io.WriteString(w, "the plan"); return err })
	if err != nil {
		log.Fatal(err)
	}
	if err := kept.Intent(journal.Intent{Attempt: 1, Action: fleet.Create, Name: "meter-0001"}); err != nil {
		log.Fatal(err) // and the request must not leave
	}
	if err := kept.Close(); err != nil { // as if the process had ended here
		log.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		log.Fatal(err)
	}
	read(store, run)
	// Output:
	// nobody knows what became of create meter-0001
	// the plan is used up: true
}

// read says what a run left.
func read(store *journal.Store, run string) {
	h, err := store.History(run)
	if err != nil {
		log.Fatal(err)
	}
	for _, open := range h.Open() {
		fmt.Println("nobody knows what became of", open.Action, open.Name)
	}
	by, err := store.UsedBy("P1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the plan is used up:", by == run)
}
