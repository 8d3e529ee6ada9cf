package apply

import (
	"path/filepath"
	"slices"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Doubts are the calls of earlier runs of the account that nobody has settled, and
// those that were done so lately that a listing may not show them: within the
// settling window. A plan that is made without them may do once more what the
// platform is still about to do.
func Doubts(runs []*journal.History, now journal.Moment, window time.Duration) (doubts []plan.Doubt) {
	for _, h := range runs {
		for _, i := range h.Open() {
			doubts = append(doubts, doubtOf(h, i, false))
		}
		for _, i := range h.Young(now, window) {
			doubts = append(doubts, doubtOf(h, i, true))
		}
	}
	return doubts
}

func doubtOf(h *journal.History, i journal.Intent, done bool) plan.Doubt {
	return plan.Doubt{Run: h.Run, Done: done, Action: i.Action, ID: i.ID, Name: i.Name, ICCID: i.ICCID, Links: i.Links, Starts: i.Starts,
		Superseded: slices.ContainsFunc(h.Records, func(r journal.Record) bool { _, over := r.(journal.Superseded); return over })}
}

// setRight is how far clocks are set back when they are set right now and then: a
// run that is dated later than now by no more began before now.
const setRight = time.Minute

// Ahead are those of some runs that are dated after now: the clock was ahead when
// they began, or is behind now. When they were, nobody knows.
func Ahead(runs []*journal.History, now journal.Moment) (ahead []*journal.History) {
	for _, h := range runs {
		if h.At.After(now.Wall.Add(setRight)) {
			ahead = append(ahead, h)
		}
	}
	return ahead
}

// Earlier is what a plan of files is held against by its guards: the last runs of
// the account, which are given the oldest first, as Histories has them. Runs that
// are Ahead count as the oldest: they must not hide what came after them, and are
// better than nothing where there is no other.
func Earlier(runs []*journal.History, inputs []fleet.Input, now journal.Moment) (e plan.Earlier) {
	ahead := Ahead(runs, now)
	runs = slices.Concat(ahead, runs[:len(runs)-len(ahead)])
	same := func(a, b fleet.Input) bool { return a.File == b.File }
	inputs = absolute(inputs)
	for i := len(runs) - 1; i >= 0; i-- {
		h := runs[i]
		end, _ := h.LastEnd()
		if e.LiveRun == "" || e.Live == 0 && end.Live > 0 {
			e.Live, e.LiveRun = end.Live, h.Run
		}
		if e.RowsRun == "" && h.Rows > 0 && h.Clean() && !piped(inputs) && slices.EqualFunc(h.Inputs, inputs, same) {
			e.Rows, e.RowsRun = h.Rows, h.Run
		}
	}
	return e
}

// piped says whether some rows came by standard input, of which nobody knows whether
// it is the same as before.
func piped(inputs []fleet.Input) bool {
	return slices.ContainsFunc(inputs, func(in fleet.Input) bool { return in.File == "-" })
}

// absolute names files wherever one stands.
func absolute(inputs []fleet.Input) []fleet.Input {
	all := slices.Clone(inputs)
	for i := range all {
		if path, err := filepath.Abs(all[i].File); err == nil && all[i].File != "-" {
			all[i].File = path
		}
	}
	return all
}

// Recall makes the plan and the results of a run again from what is kept of it, with
// the abilities of the dialect that its header names. The error is that of
// journal.Store.Plan, plan.Read or Replay.
func Recall(store *journal.Store, h *journal.History, abilities fleet.Abilities, now journal.Moment) (*plan.Plan, []Result, error) {
	file, err := store.Plan(h)
	if err != nil {
		return nil, nil, err
	}
	p, err := plan.Read(file)
	if err != nil {
		return nil, nil, err
	}
	results, err := Replay(p, abilities, h, now)
	return p, results, err
}

// Resumable says whether a run has tasks that may still be begun or settled, or
// results that nobody verified.
func Resumable(h *journal.History, results []Result) bool {
	return !h.Verified() || len(h.Open()) > 0 || Unfinished(results)
}
