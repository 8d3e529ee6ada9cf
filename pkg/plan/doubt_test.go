package plan

import (
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

// What a call of an earlier run may still change is left alone, by name, id or
// card, until a listing shows that it has. That a listing does not show it proves
// nothing.
func TestDoubtsBlock(t *testing.T) {
	active := endpoint("1", "m", fleet.StatusActive, cardA)
	bare := endpoint("1", "m", fleet.StatusPreActive, "")
	linked := endpoint("1", "m", fleet.StatusPreActive, cardA)
	tests := []struct {
		name    string
		live    []fleet.Endpoint
		doubt   Doubt
		spec    fleet.Spec
		blocked bool
	}{
		{"create that does not show", nil, Doubt{Action: fleet.Create, Name: "m"}, spec("m", fleet.StateActive, cardA), true},
		{"create of another form of the name", nil, Doubt{Action: fleet.Create, Name: " m"}, spec("m", fleet.StateActive, cardA), true},
		{"create that does not show, of what is not wanted any more", nil, Doubt{Action: fleet.Create, Name: "m"}, spec("m", fleet.StateAbsent, ""), true},
		{"create that shows", []fleet.Endpoint{bare}, Doubt{Action: fleet.Create, Name: "m"}, spec("m", fleet.StateActive, cardA), false},
		{"create of somebody else", nil, Doubt{Action: fleet.Create, Name: "n"}, spec("m", fleet.StateActive, cardA), false},
		{"create with its link that shows in part", []fleet.Endpoint{bare}, Doubt{Action: fleet.Create, Name: "m", ICCID: cardA, Links: true}, spec("m", fleet.StateActive, cardA), true},
		{"create with its link that shows", []fleet.Endpoint{linked}, Doubt{Action: fleet.Create, Name: "m", ICCID: cardA, Links: true}, spec("m", fleet.StateActive, cardA), false},
		{"create with activation that shows in part", []fleet.Endpoint{linked}, Doubt{Action: fleet.Create, Name: "m", ICCID: cardA, Links: true, Starts: true}, spec("m", fleet.StateActive, cardA), true},
		{"create with activation that shows", []fleet.Endpoint{active}, Doubt{Action: fleet.Create, Name: "m", ICCID: cardA, Links: true, Starts: true}, spec("m", fleet.StateSuspended, cardA), false},
		{"link by its card", nil, Doubt{Action: fleet.Link, ID: "9", Name: "n", ICCID: cardA}, spec("m", fleet.StateActive, cardA), true},
		{"link that does not show", []fleet.Endpoint{bare}, Doubt{Action: fleet.Link, ID: "1", Name: "m", ICCID: cardA}, spec("m", fleet.StateActive, cardA), true},
		{"link that shows", []fleet.Endpoint{linked}, Doubt{Action: fleet.Link, ID: "1", Name: "m", ICCID: cardA}, spec("m", fleet.StateActive, cardA), false},
		{"activation that does not show", []fleet.Endpoint{linked}, Doubt{Action: fleet.Activate, ID: "1", ICCID: cardA}, spec("m", fleet.StateActive, cardA), true},
		{"activation that shows", []fleet.Endpoint{active}, Doubt{Action: fleet.Activate, ID: "1", ICCID: cardA}, spec("m", fleet.StateSuspended, cardA), false},
		{"activation of before a swap", []fleet.Endpoint{active}, Doubt{Action: fleet.Activate, ID: "1", ICCID: cardB}, spec("m", fleet.StateSuspended, cardA), true},
		{"suspend that does not show, and is not wanted", []fleet.Endpoint{active}, Doubt{Action: fleet.Suspend, ID: "1"}, spec("m", fleet.StateActive, cardA), true},
		{"delete that does not show", []fleet.Endpoint{active}, Doubt{Action: fleet.Delete, ID: "1", Name: "m"}, spec("m", fleet.StateActive, cardA), true},
		{"delete that shows", nil, Doubt{Action: fleet.Delete, ID: "1", Name: "m"}, spec("m", fleet.StateActive, cardA), false},
		{"de-link that does not show", []fleet.Endpoint{active}, Doubt{Action: fleet.Delink, ID: "1", Name: "m"}, spec("m", fleet.StateActive, cardA), true},
		{"modify of what is as wanted", []fleet.Endpoint{active}, Doubt{Action: fleet.Modify, ID: "1", Name: "m"}, spec("m", fleet.StateActive, cardA), false},
		{"modify of what is not", []fleet.Endpoint{active}, Doubt{Action: fleet.Modify, ID: "1", Name: "m"}, spec("m", fleet.StateSuspended, cardA), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.doubt.Run = "RUN"
			task := world{live: tt.live, doubts: []Doubt{tt.doubt}}.build(t, tt.spec).Tasks[0]
			blocked := len(task.Refused) > 0 && strings.Contains(task.Refused[0], "sftctl resume RUN settles it")
			if blocked != tt.blocked || blocked && len(task.Steps) > 0 {
				t.Errorf("got steps %s, refused %v, want blocked %t", did(task), task.Refused, tt.blocked)
			}
		})
	}
	over := Doubt{Run: "RUN", Action: fleet.Create, Name: "m", Superseded: true}
	if task := (world{doubts: []Doubt{over}}).build(t, spec("m", fleet.StateActive, "")).Tasks[0]; len(task.Refused) == 0 || !strings.HasSuffix(task.Refused[0], "the next apply or reconcile finds out first") {
		t.Errorf("a run that is not resumed: got %q", task.Refused)
	}
	orphan := world{live: []fleet.Endpoint{active}, policy: fleet.Policy{Scope: []fleet.Glob{"m*"}, Orphans: fleet.OrphansDelete},
		doubts: []Doubt{{Run: "RUN", Action: fleet.Suspend, ID: "1"}}}.build(t, spec("other", fleet.StateAbsent, "")).Tasks[1]
	if len(orphan.Steps) > 0 || len(orphan.Refused) == 0 {
		t.Errorf("an orphan in doubt: got %s", did(orphan))
	}
}
