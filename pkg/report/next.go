package report

import (
	"strings"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
)

// advice is what somebody does next: a command to copy and what it does, or,
// where there is none, only what is to be done.
type advice struct{ Command, Text string }

func (a advice) String() string {
	if a.Command == "" {
		return a.Text
	}
	return a.Command + "  # " + a.Text // a shell takes the whole line
}

// next is what a run leaves to be done. What resume does comes first: the report
// after it says what is left then.
func (r *Run) next() []advice {
	if r.Over {
		return nil
	}
	again := apply.Retry(r.Plan, r.Results)
	var all []advice
	resumes := again.Unknown > 0 || apply.Unfinished(r.Results) || r.Doubt != nil && r.Mutations() > 0
	if resumes {
		all = append(all, r.command("resume", "settles what is in doubt, then does the rest"))
	}
	// Before retry: what is wrong in a file stays so, however often it is planned.
	if n := again.Refused + r.failures(); n > 0 {
		all = append(all, advice{Text: fleet.Number(n) + " failed or refused: correct the file, or failed.csv of the report, and plan that"})
	}
	if n := len(again.Fleet.Specs); n > 0 && !resumes {
		all = append(all, r.command("retry", "plans "+fleet.Count(n, "row")+" anew"))
	}
	if again.Orphans > 0 {
		all = append(all, advice{Text: "plan the files again for what is left of the orphans (" + fleet.Number(again.Orphans) + ")"})
	}
	return all
}

// failures are the rows that the platform would not have as they are, or that it did
// not do; the same again may end the same.
func (r *Run) failures() (n int) {
	for i := range r.Results {
		if r.Results[i].Outcome == fleet.Failed && !r.Results[i].Task.Orphan() {
			n++
		}
	}
	return n
}

// command is a command on the run, for the platform that the run was on.
func (r *Run) command(name, does string) advice {
	text := "sftctl " + name + " " + fleet.Printable(r.ID+r.Reach)
	if r.Simulated && !strings.Contains(r.Reach, "--simulate") {
		text += " --simulate"
	}
	return advice{text, does}
}
