package plan

import (
	"fmt"

	"sftctl/pkg/fleet"
)

// Limits are what a plan may hold at most. Of the numbers of steps, a negative one
// is no limit; the zero Limits let creates, links and resumes through, and no other
// step: what hurts, changes values or may be billed needs a number, or NoLimit.
type Limits struct {
	Deletes     int `json:"maxDeletes"`
	Delinks     int `json:"maxDelinks"`
	Suspends    int `json:"maxSuspends"`
	Activations int `json:"maxActivations"`
	Modifies    int `json:"maxModifies"`
	// Percent is the largest share of the live endpoints that rows are about which
	// may change; creates are not among them. 0 is no limit.
	Percent float64 `json:"maxChangesPercent,omitempty"`
	// The others let a plan through that rests on much less than the last run did.
	Shrink          bool `json:"allowShrink,omitempty"`          // fewer rows in the files
	InventoryShrink bool `json:"allowInventoryShrink,omitempty"` // fewer live endpoints
	FirstRun        bool `json:"firstRun,omitempty"`             // many creates, and nothing to compare with
}

// NoLimit is a limit that nothing exceeds.
const NoLimit = -1

// Unlimited lets every plan through.
var Unlimited = Limits{NoLimit, NoLimit, NoLimit, NoLimit, NoLimit, 0, true, true, true}

// Earlier is what the last runs of the account had, for comparison; the zero value
// when there was none.
type Earlier struct {
	Rows    int    // of the same files, in the last run of them that was successful
	RowsRun string // which that was
	Live    int    // endpoints at the end of the last run
	LiveRun string
}

// Of what is counted, a fifth less than the last time is too much to be a habit,
// and a few are none.
const (
	shrinkPercent = 20
	fewCreates    = 50
)

// Check holds a plan against limits and says, for each that is exceeded, what
// would let the plan through.
func (l Limits) Check(c Counts) []string {
	guards := []struct {
		action fleet.Action
		flag   string
		limit  int
	}{
		{fleet.Delete, "--max-deletes", l.Deletes},
		{fleet.Delink, "--max-delinks", l.Delinks},
		{fleet.Suspend, "--max-suspends", l.Suspends},
		{fleet.Activate, "--max-activations", l.Activations},
		{fleet.Modify, "--max-modifies", l.Modifies},
	}
	var blocked []string
	for _, g := range guards {
		if n := c.Step(g.action); g.limit >= 0 && n > g.limit {
			blocked = append(blocked, fmt.Sprintf("the plan has %s, and at most %d are allowed; if they are meant, say %s %d", fleet.Count(n, g.action.String()+" step"), g.limit, g.flag, n))
		}
	}
	if share := c.changedPercent(); l.Percent > 0 && share > l.Percent {
		blocked = append(blocked, fmt.Sprintf("the plan changes %d of the %d live endpoints that its rows are about (%.4g %%), and at most %g %% are allowed; if that is meant, say --max-changes-percent %.4g",
			c.Altered, c.Matched, share, l.Percent, roundedUp(share)))
	}
	return blocked
}

func (c Counts) changedPercent() float64 {
	if c.Matched == 0 {
		return 0
	}
	return 100 * float64(c.Altered) / float64(c.Matched)
}

// roundedUp is the least number of two places that is not less.
func roundedUp(percent float64) float64 {
	rounded := float64(int(percent*100)) / 100
	if rounded < percent {
		rounded += 0.01
	}
	return rounded
}

// CheckEarlier holds what a plan rests on against the last runs: a file that was cut
// off, or a listing of the wrong tenant, must not become the state of a fleet.
func (l Limits) CheckEarlier(p *Header, e Earlier) []string {
	var blocked []string
	if shrunk(p.Counts.Rows, e.Rows) && p.Whole() && !l.Shrink {
		blocked = append(blocked, fmt.Sprintf("the files have %s, and had %d in run %s; if they are whole, say --allow-shrink", fleet.Count(p.Counts.Rows, "row"), e.Rows, e.RowsRun))
	}
	if shrunk(p.Live, e.Live) && !l.InventoryShrink {
		blocked = append(blocked, fmt.Sprintf("the account has %d live endpoints, and had %d at the end of run %s; if it is the right one, say --allow-inventory-shrink", p.Live, e.Live, e.LiveRun))
	}
	if p.Creates() && e.LiveRun == "" && !l.FirstRun {
		blocked = append(blocked, fmt.Sprintf("no run of this account is known here, %d of the %s are live, and %s would be created; if that is meant, and it is the right account, say --first-run",
			p.Counts.Matched, fleet.Count(p.Counts.Rows, "row"), fleet.Count(p.Counts.Step(fleet.Create), "endpoint")))
	}
	return blocked
}

func shrunk(now, before int) bool { return now*100 < before*(100-shrinkPercent) }

// Creates says whether a plan makes many endpoints and knows few or none: an
// onboarding, or a listing of the wrong tenant, where a name or two may be the same.
func (h *Header) Creates() bool {
	creates := h.Counts.Step(fleet.Create)
	return creates > fewCreates && h.Counts.Matched*100 < creates*shrinkPercent
}

// Whole says whether a plan is for all rows of its files, and not for some that were
// chosen, or that a run left behind.
func (h *Header) Whole() bool {
	rows := 0
	for _, in := range h.Inputs {
		rows += in.Rows
	}
	return rows == h.Counts.Rows && !h.Choice.Any()
}

// Tighten returns the stricter of two limits in every respect: what was
// approved with a plan can be narrowed later, never widened.
func (l Limits) Tighten(m Limits) Limits {
	percent := min(l.Percent, m.Percent)
	if percent == 0 {
		percent = max(l.Percent, m.Percent)
	}
	return Limits{tighter(l.Deletes, m.Deletes), tighter(l.Delinks, m.Delinks), tighter(l.Suspends, m.Suspends),
		tighter(l.Activations, m.Activations), tighter(l.Modifies, m.Modifies), percent, l.Shrink && m.Shrink, l.InventoryShrink && m.InventoryShrink, l.FirstRun && m.FirstRun}
}

func tighter(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}
