package apply

import (
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// aRunOf is a clean run of a file, which began some time before now.
func aRunOf(run string, ago time.Duration, rows, live int) *journal.History {
	return &journal.History{Header: journal.Header{Run: run, At: at(0).Wall.Add(-ago), Rows: rows, Inputs: []fleet.Input{{File: "/a.csv"}}},
		Records: []journal.Record{journal.Opened{}, journal.End{Live: live}}}
}

func at(later time.Duration) journal.Moment {
	return journal.Moment{Wall: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC).Add(later)}
}

// A run that is dated after now does not hide those of before it from the guards.
// Where all are, the clock may be behind: they are all that there is to go by.
func TestPlansAreHeldAgainstRunsOfTheFutureLast(t *testing.T) {
	const night = 24 * time.Hour
	good, ahead, further := aRunOf(r1, night, 40, 40), aRunOf(r2, -300*night, 3, 3), aRunOf(r3, -301*night, 4, 4)
	for name, tt := range map[string]struct {
		runs  []*journal.History
		now   journal.Moment
		ahead int
		want  plan.Earlier
	}{
		"none":                  {nil, at(0), 0, plan.Earlier{}},
		"all before":            {[]*journal.History{good, ahead}, at(400 * night), 0, plan.Earlier{Rows: 3, RowsRun: r2, Live: 3, LiveRun: r2}},
		"one ahead":             {[]*journal.History{good, ahead}, at(0), 1, plan.Earlier{Rows: 40, RowsRun: r1, Live: 40, LiveRun: r1}},
		"two ahead":             {[]*journal.History{good, ahead, further}, at(0), 2, plan.Earlier{Rows: 40, RowsRun: r1, Live: 40, LiveRun: r1}},
		"nothing else to go by": {[]*journal.History{ahead, further}, at(0), 2, plan.Earlier{Rows: 4, RowsRun: r3, Live: 4, LiveRun: r3}},
		"a clock set right":     {[]*journal.History{good, aRunOf(r2, -time.Second, 3, 3)}, at(0), 0, plan.Earlier{Rows: 3, RowsRun: r2, Live: 3, LiveRun: r2}},
	} {
		if got := Earlier(tt.runs, []fleet.Input{{File: "/a.csv"}}, tt.now); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
		if got := Ahead(tt.runs, tt.now); len(got) != tt.ahead {
			t.Errorf("%s: got %d runs that are ahead, want %d", name, len(got), tt.ahead)
		}
	}
}
