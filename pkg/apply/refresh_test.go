package apply

import (
	"errors"
	"testing"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// noted is a journal that counts findings.
type noted struct {
	forgetful
	findings int
}

func (n *noted) Finding(journal.Finding) { n.findings++ }

// What comes after a step that was acknowledged and did not show waits until a
// listing shows it, and for ever where it failed.
func TestNothingGoesOnBehindADoubt(t *testing.T) {
	const d, f, u, n = fleet.Done, fleet.Failed, fleet.Unknown, fleet.NotAttempted
	full := []plan.Step{{Action: fleet.Create}, {Action: fleet.Link, Set: fleet.Fields{ICCID: card}}, {Action: fleet.Activate}}
	bare := fleet.Endpoint{ID: "7", Status: fleet.StatusPreActive}
	linked := fleet.Endpoint{ID: "7", Status: fleet.StatusPreActive, Fields: fleet.Fields{ICCID: card}}
	for name, tt := range map[string]struct {
		stand [3]fleet.Outcome // with as many calls done as are not not-attempted
		live  *fleet.Endpoint
		want  string
		goes  bool // on
		left  bool // unfinished
		waits bool // for a listing that lags
		says  bool // why
		notes int
	}{
		"a create that is not there yet": {[3]fleet.Outcome{u, n, n}, nil, "create=unknown link=not-attempted activate=not-attempted ", false, true, true, true, 0},
		"a create that came":             {[3]fleet.Outcome{u, n, n}, &bare, "create=done link=not-attempted activate=not-attempted ", true, true, false, false, 1},
		"a link that is not there yet":   {[3]fleet.Outcome{u, u, n}, &bare, "create=done link=unknown activate=not-attempted ", false, true, true, true, 1},
		"a link that came":               {[3]fleet.Outcome{d, u, n}, &linked, "create=done link=done activate=not-attempted ", true, true, false, false, 1},
		"a link that failed":             {[3]fleet.Outcome{d, f, n}, &linked, "create=done link=failed activate=not-attempted ", false, false, false, true, 0},
		"a doubt before a failure":       {[3]fleet.Outcome{u, f, n}, &bare, "create=done link=failed activate=not-attempted ", false, false, false, true, 1},
		"nothing in doubt":               {[3]fleet.Outcome{d, n, n}, &bare, "create=done link=not-attempted activate=not-attempted ", true, true, false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{}, Steps: full}}}
			r := planned(&p.Tasks[0], abilities)
			r.ID, r.sent, r.Err = "7", time.Now(), errors.New("it does not show")
			for i, o := range tt.stand {
				if r.Steps[i].Outcome = o; o != n {
					r.done++
				}
			}
			r.sum()
			results, have, to := []Result{r}, found(t), &noted{}
			if tt.live != nil {
				have = found(t, *tt.live)
			}
			Shown(results, have, to)
			got := &results[0]
			if steps(*got) != tt.want || got.goesOn() != tt.goes || Unfinished(results) != tt.left || to.findings != tt.notes || (got.Err != nil) != tt.says {
				t.Errorf("got %s, goes on %t, unfinished %t, %d findings, %v", steps(*got), got.goesOn(), Unfinished(results), to.findings, got.Err)
			}
			if lags := Lags(results, nil, have, time.Hour); (lags > 0) != tt.waits {
				t.Errorf("the listing lags for %s", lags)
			}
		})
	}
}
