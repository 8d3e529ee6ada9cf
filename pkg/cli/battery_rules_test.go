package cli

import (
	"bytes"
	"encoding/csv"
	"maps"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/oracle"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// rules demand what the oracle's invariants do not: that no row is given up, or
// left in doubt, without need. They are named after the faults that they are
// about.
func (m *machine) rules() {
	store := (&process{}).storeOn(m.disk)
	histories, _ := store.Histories()
	for _, h := range histories {
		m.checkCalls(h)
		m.checkExit(store, h)
	}
	for i := range m.runs {
		m.checkLeft(i)
		m.checkGivenUp(i)
	}
	m.checkHungUp()
	m.checkRenamed()
}

// mostTries is how often a call may be sent, not counting what the platform
// proved not to have executed.
const mostTries = 3

// checkCalls demands of a journal that no call is sent too often (W3), and that
// none fails by a throttle (W14) or by the first refusal of a token (W11).
func (m *machine) checkCalls(h *journal.History) {
	tries, flying := map[[2]int]int{}, map[[2]int]bool{}
	for _, r := range h.Records {
		switch r := r.(type) {
		case journal.Opened: // a process that was killed may have sent what it announced
			clear(flying)
		case journal.Intent:
			call := [2]int{r.Task, r.Call}
			if !flying[call] {
				tries[call]++
			}
			if flying[call] = true; tries[call] > mostTries {
				m.fail("W3", "run %s sends %s of %s for the time number %d", h.Run, r.Action, r.Name, tries[call])
			}
		case journal.Outcome:
			call := [2]int{r.Task, r.Call}
			if flying[call] = false; r.Outcome == fleet.NotAttempted {
				tries[call]--
			}
			switch failed := r.Outcome == fleet.Failed; {
			case failed && (r.Code == "HTTP 429" || r.Code == "99429"):
				m.fail("W14", "in run %s a call of task %d failed because there were too many (%s)", h.Run, r.Task, r.Code)
			case failed && (r.Code == "HTTP 401" || r.Code == "401") && r.Sends < 2:
				m.fail("W11", "in run %s a call of task %d failed because a token was refused once", h.Run, r.Task)
			}
		}
	}
}

// checkLeft demands that a run which nothing cut short leaves no row that it did
// not attempt (W3), unless it says why.
func (m *machine) checkLeft(run int) {
	if m.runs[run].Command == "resume" && m.runs[run].Exit == 5 {
		m.fail("P3", "run %d is a resume that chose what it refuses", run)
	}
	if m.runs[run].Crashed || m.runs[run].Exit != exitRows {
		return
	}
	for _, row := range rowsOf(m.runs[run]) {
		if row["_outcome"] == fleet.NotAttempted.String() && row["_error"] == "" {
			m.fail("W3", "run %d leaves %q without an attempt, and was not cut short", run, row["endpointName"])
		}
	}
}

// checkHungUp demands that whoever sends a call waits for the answer, also after
// an interrupt (P4).
func (m *machine) checkHungUp() {
	for _, e := range m.sim.Log() {
		killed := slices.ContainsFunc(m.runs, func(r oracle.Run) bool {
			return r.Crashed && !e.At.Before(r.Began) && !e.At.After(r.Ended.Add(time.Second))
		})
		if e.Op.Mutates() && e.Effect == simulator.NoEffect && e.Attempt > 0 && e.Status == 0 && !killed {
			m.fail("P4", "nobody waited for the answer to request %d, %s of %q", e.Seq, e.Op, e.Row)
		}
	}
}

// checkRenamed demands that nothing is hurt once it was read under a name that
// somebody else gave it (W27).
func (m *machine) checkRenamed() {
	seen := map[fleet.ID]time.Time{} // when an endpoint was last read by itself
	for _, e := range m.sim.Log() {
		changed, touched := m.world.touched[string(e.EndpointID)]
		switch {
		case e.Op == wire.OpEndpoints && e.EndpointID != "" && e.Status == 200:
			seen[e.EndpointID] = e.At
		case !touched || !strings.HasPrefix(e.Row, "x-"):
		case e.Op == wire.OpDelete || e.Op == wire.OpDelink || e.Op == wire.OpLifecycle:
			if at := seen[e.EndpointID]; at.After(changed.Add(m.world.lag)) {
				m.fail("W27", "request %d is %s of %q, which was renamed at %s and read at %s", e.Seq, e.Op, e.Row, changed.Format(time.TimeOnly), at.Format(time.TimeOnly))
			}
		}
	}
}

// checkDoubts demands of a plan that it repeats no call of which an earlier run
// does not know whether it was applied (P3).
func (m *machine) checkDoubts(p *process, made *plan.Plan) {
	histories, _ := p.store.Histories()
	for _, h := range histories {
		for _, open := range inDoubt(h) {
			for i := range made.Tasks {
				t := &made.Tasks[i]
				same := open.Action == fleet.Create && t.Label() == open.Name || t.Before != nil && t.Before.ID == open.ID
				if same && slices.ContainsFunc(t.Steps, func(s plan.Step) bool {
					return s.Action == open.Action || slices.Contains(m.rode(open), s.Action.String())
				}) {
					m.fail("P3", "%s of %s is planned, and run %s does not know yet whether it did that", open.Action, open.Name, h.Run)
				}
			}
		}
	}
}

// rode is what was to ride along with a create, as the platform was asked.
func (m *machine) rode(open journal.Intent) (along []string) {
	for _, e := range m.sim.Log() {
		if open.Action == fleet.Create && e.Op == wire.OpCreate && e.Row == open.Name {
			along = append(along, strings.Fields(e.Asks)...)
		}
	}
	return along
}

// checkGivenUp demands of a run that was not cut short that it makes what a create
// was to do along and did not: that is no failure before it was tried (W3).
func (m *machine) checkGivenUp(run int) {
	for _, row := range rowsOf(m.runs[run]) {
		if _, touched := m.world.touched[row["_endpointId"]]; touched {
			continue
		}
		steps := strings.Fields(row["_steps"])
		for _, op := range []wire.Op{wire.OpLink, wire.OpActivate} {
			sent := func(e simulator.Entry) bool {
				return e.Op == op && e.Row == row["endpointName"] && e.Attempt > 0 && !e.At.After(m.runs[run].Ended)
			}
			rode := slices.Contains(m.rode(journal.Intent{Action: fleet.Create, Name: row["endpointName"]}), op.String())
			if rode && slices.Contains(steps, "create=done") && slices.Contains(steps, op.String()+"=failed") && !slices.ContainsFunc(m.sim.Log(), sent) {
				m.fail("W3", "run %d reports %s of %q as failed, and never tried it", run, op, row["endpointName"])
			}
		}
	}
}

// rowsOf are the rows of a run's results by column.
func rowsOf(run oracle.Run) (rows []map[string]string) {
	lines, err := csv.NewReader(bytes.NewReader(run.Results)).ReadAll()
	if err != nil {
		return nil
	}
	for _, cells := range lines[min(1, len(lines)):] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// checkExit demands that a journal does not say of a run that it ended with 0 while
// one of its rows is neither done nor as it should be (I10).
func (m *machine) checkExit(store *journal.Store, h *journal.History) {
	end, ended := h.Ended()
	old, err := recall(store, h, virtualClock())
	if err != nil || !ended || end.Exit != 0 {
		return
	}
	if worst := old.report().Worst(); worst != fleet.Done && worst != fleet.Unchanged {
		m.fail("I10", "run %s ended with 0 by its journal, and a row of it is %s", h.Run, worst)
	}
}

// checkForgotten demands that a run which never ended in good order is gone on
// with, unless another one took its place: nobody got its results (I8).
func (m *machine) checkForgotten(p *process) {
	histories, _ := p.store.Histories()
	for _, h := range histories {
		if _, ended := h.Ended(); h.Begun() && !ended && p.store.SupersededBy(h) == "" {
			m.fail("I8", "run %s never reported, and is not resumed", h.Run)
		}
	}
}

// inDoubt are the last intents of the tasks of which a run does not know whether
// the call was applied. It does not ask the history, which may be wrong.
func inDoubt(h *journal.History) []journal.Intent {
	last, open := map[int]journal.Intent{}, map[int]bool{}
	for _, r := range h.Records {
		switch r := r.(type) {
		case journal.Intent:
			last[r.Task], open[r.Task] = r, true
		case journal.Outcome:
			open[r.Task] = r.Outcome == fleet.Unknown
		case journal.Finding:
			open[r.Task] = slices.Contains(r.Steps, fleet.Unknown)
		}
	}
	var intents []journal.Intent
	for _, task := range slices.Sorted(maps.Keys(last)) {
		if open[task] {
			intents = append(intents, last[task])
		}
	}
	return intents
}
