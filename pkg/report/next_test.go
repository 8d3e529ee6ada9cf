package report

import (
	"errors"
	"fmt"
	"testing"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// ended is a run whose rows ended so.
func ended(outcomes ...fleet.Outcome) *Run {
	p := &plan.Plan{}
	for range outcomes {
		p.Tasks = append(p.Tasks, plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "m"}}})
	}
	run := &Run{ID: "RUN", Plan: p}
	for i, o := range outcomes {
		run.Results = append(run.Results, apply.Result{Task: &p.Tasks[i], Outcome: o, Attempts: 1})
	}
	return run
}

func TestNext(t *testing.T) {
	correct := "2 failed or refused: correct the file, or failed.csv of the report, and plan that"
	retry := "sftctl retry RUN  # plans 2 rows anew"
	resume := "sftctl resume RUN  # settles what is in doubt, then does the rest"
	orphan := ended(fleet.Failed)
	orphan.Plan.Tasks[0] = plan.Task{Before: &fleet.Endpoint{ID: "1"}}
	doubtful, simulated, over := ended(fleet.Done), ended(fleet.NotAttempted, fleet.Stale), ended(fleet.Failed)
	doubtful.Doubt, simulated.Simulated, over.Over = errors.New("the listing failed"), true, true
	away := ended(fleet.Stale)
	away.Reach = " --profile lab"
	for name, test := range map[string]struct {
		run  *Run
		want []string
	}{
		"clean":          {ended(fleet.Done, fleet.Unchanged), nil},
		"failed":         {ended(fleet.Failed, fleet.Stale, fleet.Refused), []string{correct, retry}},
		"unknown":        {ended(fleet.Stale, fleet.Unknown), []string{resume}},
		"not verified":   {doubtful, []string{resume}},
		"simulated":      {simulated, []string{"sftctl retry RUN --simulate  # plans 2 rows anew"}},
		"an orphan":      {orphan, []string{"plan the files again for what is left of the orphans (1)"}},
		"still going on": {over, nil},
		"somewhere":      {away, []string{"sftctl retry RUN --profile lab  # plans 1 row anew"}},
	} {
		if got := test.run.next(); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
