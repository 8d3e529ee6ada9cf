package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/report"
)

// days is a time that may be given in days; 0 is none.
type days time.Duration

func (d *days) String() string {
	if whole := time.Duration(*d) / day; whole > 0 && time.Duration(*d) == whole*day {
		return fmt.Sprintf("%dd", whole)
	}
	return time.Duration(*d).String()
}

// Type is what the help calls it.
func (d *days) Type() string { return "duration" }

const (
	day = 24 * time.Hour
	// leastKept is the shortest time for which runs are kept: long after the last
	// call may still be applied, and after a weekend in which nobody looked.
	leastKept = 7 * day
)

// Set reads such as 90d or 2160h.
func (d *days) Set(text string) error {
	value, err := time.ParseDuration(text)
	if number, found := strings.CutSuffix(text, "d"); found {
		var n int
		n, err = strconv.Atoi(number)
		value = time.Duration(n) * day
		if n > 36500 || n < 0 {
			err = strconv.ErrRange
		}
	}
	if err != nil || value != 0 && value < leastKept {
		return fmt.Errorf("got %s, want at least 7d, such as 90d, or 0 to keep all", fleet.Quote(text))
	}
	*d = days(value)
	return nil
}

// prune removes the runs that ended long ago and that nothing rests on any more,
// with their reports. It must not fail the run that it comes after. While the clock
// is in doubt it removes nothing: what is old then, and what is last?
func (s *session) prune(env Env, reports string, keep days) {
	if keep == 0 {
		return
	}
	before := s.clock().Wall.Add(-time.Duration(keep))
	histories, problems := s.store.Histories()
	if ahead := s.ahead(histories); ahead != "" {
		say(env.Stderr, "warning: nothing was removed (--keep): %s", ahead)
		return
	}
	if problems != nil { // what cannot be read may rest on any of the others
		histories = nil
	}
	removed, failed := s.forget(reports, histories, butLast(histories, s.forgettable(histories, before)))
	refused, unremoved := s.forgetRefused(reports, before)
	for _, gone := range []string{several(removed, "run"), several(refused, "refused plan")} {
		if gone != "" {
			say(env.Stderr, "removed %s that ended before %s (--keep)", gone, before.UTC().Format(time.DateOnly))
		}
	}
	if problems = errors.Join(problems, failed, unremoved); problems != nil {
		say(env.Stderr, "warning: not all old runs were removed (--keep): %s", fleet.Printable(fleet.Message(problems)))
	}
}

// several is a number of things, empty when there are none.
func several(n int, thing string) string {
	if n == 0 {
		return ""
	}
	return fleet.Count(n, thing)
}

// forget removes runs, each only after all that it superseded: a mark that names a
// run which is not there is void, and the older run would be resumed.
func (s *session) forget(reports string, all, old []*journal.History) (removed int, failed error) {
	behind := superseded(all)
	for more := true; more; {
		more = false
		for i, h := range old {
			if h == nil || len(behind[h.Run]) > 0 {
				continue
			}
			old[i] = nil
			if err := errors.Join(removeReport(reports, h), s.store.Forget(h.Run)); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			removed, more = removed+1, true
			for _, runs := range behind {
				delete(runs, h.Run)
			}
		}
	}
	return removed, failed
}

// superseded are the runs that each run took the place of.
func superseded(all []*journal.History) map[string]map[string]bool {
	behind := map[string]map[string]bool{}
	for _, h := range all {
		for _, r := range h.Records {
			mark, ok := r.(journal.Superseded)
			if ok && behind[mark.By] == nil {
				behind[mark.By] = map[string]bool{}
			}
			if ok {
				behind[mark.By][h.Run] = true
			}
		}
	}
	return behind
}

// forgettable are the runs that ended long ago and of which nothing counts any
// more.
func (s *session) forgettable(all []*journal.History, before time.Time) (old []*journal.History) {
	stay := benchmarks(all)
	for _, h := range all {
		if !stay[h.Run] && h.LastTime().Before(before) && !s.counts(h) {
			old = append(old, h)
		}
	}
	return old
}

// counts says whether something of a run may still be settled, verified or done.
func (s *session) counts(h *journal.History) bool {
	if len(h.Open()) > 0 || !h.Verified() {
		return true
	}
	if h.Clean() || s.store.SupersededBy(h) != "" {
		return false
	}
	old, err := s.recall(h)
	return err != nil || old.unfinished()
}

// benchmarks are the runs that later plans and reports are held against: the last
// of all, the last that knows how many endpoints there were, for each choice of
// files the last whole one that was clean, and for each command the last that was.
func benchmarks(all []*journal.History) map[string]bool {
	last := map[string]string{}
	for _, h := range all {
		last["run"] = h.Run
		if end, _ := h.LastEnd(); end.Live > 0 {
			last["live"] = h.Run
		}
		if h.Rows > 0 && h.Clean() {
			last["files "+filesOf(h)] = h.Run
		}
		for command := range successes(h) {
			last["command "+command] = h.Run
		}
	}
	stay := map[string]bool{}
	for _, run := range last {
		stay[run] = true
	}
	return stay
}

// leastEnded is how many of the runs that ended stay however old they are: where the
// clock is ahead, last night is long ago.
const leastEnded = 3

// butLast leaves the last runs that ended out of those that are old.
func butLast(all, old []*journal.History) []*journal.History {
	stay := map[*journal.History]bool{}
	for _, h := range slices.Backward(all) {
		if _, ended := h.Ended(); ended && len(stay) < leastEnded {
			stay[h] = true
		}
	}
	return slices.DeleteFunc(old, func(h *journal.History) bool { return stay[h] })
}

func filesOf(h *journal.History) string {
	names := make([]string, len(h.Inputs))
	for i := range h.Inputs {
		names[i] = h.Inputs[i].File
	}
	return strings.Join(names, "\x00")
}

// successes are when commands that worked on a run ended it with 0, by command.
func successes(h *journal.History) map[string]time.Time {
	all, command := map[string]time.Time{}, ""
	for _, r := range h.Records {
		switch r := r.(type) {
		case journal.Opened:
			command = r.Command
		case journal.End:
			if r.Exit == exitOK {
				all[command] = r.At
			}
		}
	}
	return all
}

// removeReport removes what a run reported, if the folder of its name is just
// that. Anything else is not ours, and stays.
func removeReport(reports string, h *journal.History) error {
	dir := filepath.Join(reports, h.Run)
	if reports == "" || !reportOf(dir, h) {
		return nil
	}
	return removeFolder(dir, reportNames())
}

// reportNames are the files that runs report in; the one that says whose they are
// is the last.
func reportNames() []string {
	var none report.Run
	return lastly(summaryFile, append(sortedKeys(none.Files()), sortedKeys(none.Pages())...))
}

// reportOf says whether a folder holds the report of a run, and nothing else.
func reportOf(dir string, h *journal.History) bool {
	if !holdsOnly(dir, reportNames()) {
		return false
	}
	of, err := summaryIn(dir)
	return err == nil && of.Run == h.Run && of.BaseURL == h.BaseURL && of.Account == h.Account
}
