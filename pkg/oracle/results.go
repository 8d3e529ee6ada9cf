package oracle

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
)

// report is a results.csv.
type report struct {
	rows  []result
	named bool // it has a column with the names
}

// result is one row of it.
type result struct {
	name, id, iccid string // as the input gave them
	outcome         string
	steps           []step
	endpointID      string
	verified        bool
	origin          string
	run             string
}

type step struct {
	action, outcome string
	path            string // of the call that it takes, where there is a choice
}

func (r *result) key() string { return rowKey(r.name, r.id, r.iccid) }

func (r *result) orphan() bool { return r.origin == "orphan" }

// done says whether the row is as it was wanted.
func (r *result) done() bool { return r.outcome == "done" || r.outcome == "unchanged" }

func (j *judge) readReports() {
	j.reports = make([]report, len(j.Runs))
	for i := range j.Runs {
		if j.Runs[i].Results == nil || j.Runs[i].Crashed {
			continue
		}
		data := bytes.TrimPrefix(j.Runs[i].Results, []byte("\ufeff"))
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil || len(lines) == 0 {
			j.report("I8", "run %d: its results cannot be read: %v", i, err)
			continue
		}
		j.reports[i] = reportOf(lines)
	}
}

func reportOf(lines [][]string) report {
	column := map[string]int{}
	for i, name := range lines[0] {
		column[strings.ToLower(name)] = i
	}
	_, named := column["endpointname"]
	r := report{named: named, rows: make([]result, 0, len(lines)-1)}
	for _, cells := range lines[1:] {
		r.rows = append(r.rows, resultOf(func(name string) string {
			if i, ok := column[name]; ok {
				return plainCell(cells[i])
			}
			return ""
		}))
	}
	return r
}

func resultOf(cell func(column string) string) result {
	r := result{name: cell("endpointname"), id: cell("endpointid"), iccid: cell("iccid"), outcome: cell("_outcome"),
		endpointID: cell("_endpointid"), verified: cell("_verified") == "true", origin: cell("_origin"), run: cell("_run")}
	for _, text := range strings.Fields(cell("_steps")) {
		action, outcome, _ := strings.Cut(text, "=")
		r.steps = append(r.steps, step{action: action, outcome: outcome})
	}
	r.tellModifies()
	return r
}

// tellModifies tells two modifies of a row apart: the first changes the rate plan,
// by a call of its own, the second everything else.
func (r *result) tellModifies() {
	var places []int
	for i, s := range r.steps {
		if s.action == opModify {
			places = append(places, i)
		}
	}
	if len(places) == 2 {
		r.steps[places[0]].path, r.steps[places[1]].path = pathPlan, pathPatch
	}
}

// The paths of the two calls (observed).
const (
	pathPlan  = "/api/ChangePlan"
	pathPatch = "/api/endpoint"
)

// plainCell takes away the apostrophe that keeps a spreadsheet from running a
// cell.
func plainCell(cell string) string {
	rest, quoted := strings.CutPrefix(cell, "'")
	first := strings.TrimLeft(rest, "'")
	runs := first != "" && (strings.IndexByte("=+-@\t\r\x00", first[0]) >= 0 || strings.ContainsRune("＝＋－＠", []rune(first)[0]))
	if quoted && runs {
		return rest
	}
	return cell
}

// linkRuns finds the runs that do the same plan: they share a journal, or the
// name of the run in their results.
func (j *judge) linkRuns() {
	j.chain = make([]int, len(j.Runs))
	known := map[string]int{}
	for i := range j.Runs {
		keys := j.runKeys(i)
		j.chain[i] = i
		for _, key := range keys {
			if first, ok := known[key]; ok {
				j.chain[i] = first
			}
		}
		for _, key := range keys {
			known[key] = j.chain[i]
		}
	}
}

func (j *judge) runKeys(i int) []string {
	var keys []string
	if lines := journalLines(j.Runs[i].Journal); len(lines) > 0 {
		keys = append(keys, "journal "+string(lines[0]))
	}
	if rows := j.reports[i].rows; len(rows) > 0 && rows[0].run != "" {
		keys = append(keys, "run "+rows[0].run)
	}
	return keys
}

// ranks are the outcomes, the worst first.
var ranks = []string{"unknown", "failed", "stale", "refused", "not-attempted", "done", "unchanged"}

// checkReports demands that every row and every orphan is in each report once,
// with one outcome that is not better than its steps (I8).
func (j *judge) checkReports() {
	for i := range j.Runs {
		if j.reports[i].rows == nil {
			j.checkMissing(i)
			continue
		}
		j.checkCount(i)
		for n := range j.reports[i].rows {
			j.checkOutcome(i, &j.reports[i].rows[n])
		}
	}
}

// checkMissing reports a run that ended with failed rows and named none.
func (j *judge) checkMissing(i int) {
	r := &j.Runs[i]
	if r.changes() && !r.Crashed && r.Results == nil && r.Exit == 3 {
		j.report("I8", "run %d (%s) ended with exit code 3, and there are no results", i, r.Command)
	}
}

func (j *judge) checkCount(i int) {
	want, seen, orphans := map[string]int{}, map[string]int{}, 0
	for n := range j.Rows {
		want[j.Rows[n].key()]++
	}
	for n := range j.reports[i].rows {
		if r := &j.reports[i].rows[n]; r.orphan() {
			orphans++
			seen["orphan "+r.endpointID]++
			want["orphan "+r.endpointID] = 1
		} else {
			seen[r.key()]++
		}
	}
	if n := len(j.reports[i].rows) - orphans; n > len(j.Rows) || n < len(j.Rows) && !j.Runs[i].Partial {
		j.report("I8", "run %d reports %d rows and %d orphans, want %d rows", i, n, orphans, len(j.Rows))
	}
	if j.reports[i].named {
		j.compare(i, want, seen)
	}
}

func (j *judge) compare(i int, want, seen map[string]int) {
	for _, key := range sortedKeys(want) {
		if n := seen[key]; n > want[key] || n < want[key] && !j.Runs[i].Partial {
			j.report("I8", "run %d reports %q %d times, want %d", i, key, n, want[key])
		}
	}
	for _, key := range sortedKeys(seen) {
		if want[key] == 0 {
			j.report("I8", "run %d reports %q, which is no row of the manifest", i, key)
		}
	}
}

func (j *judge) checkOutcome(i int, r *result) {
	rank := slices.Index(ranks, r.outcome)
	if rank < 0 {
		j.report("I8", "run %d reports %q as %q, which is no outcome", i, r.key(), r.outcome)
	}
	if r.origin != "file" && r.origin != "orphan" {
		j.report("I8", "run %d reports %q with origin %q, want file or orphan", i, r.key(), r.origin)
	}
	for _, s := range r.steps {
		if n := slices.Index(ranks, s.outcome); n < 0 || n < rank {
			j.report("I8", "run %d reports %q as %s with its %s %q", i, r.key(), r.outcome, s.action, s.outcome)
		}
	}
}

// checkExits holds exit codes against the outcomes (I10).
func (j *judge) checkExits() {
	for i := range j.Runs {
		if len(j.reports[i].rows) == 0 {
			continue
		}
		worst := len(ranks) - 1
		for n := range j.reports[i].rows {
			if rank := slices.Index(ranks, j.reports[i].rows[n].outcome); rank >= 0 {
				worst = min(worst, rank)
			}
		}
		if exit := j.Runs[i].Exit; !slices.Contains(exitsFor(ranks[worst], j.Runs[i].Partial), exit) {
			j.report("I10", "run %d (%s) ended with exit code %d, and its worst outcome is %s", i, j.Runs[i].Command, exit, ranks[worst])
		}
	}
}

// exitsFor are the exit codes that go with the worst outcome of a run. A run of
// some rows may leave the unknown ones of earlier runs open.
func exitsFor(worst string, partial bool) []int {
	codes := []int{70, 74, 129, 130, 143}
	switch worst {
	case "unknown":
		return append(codes, 4)
	case "done", "unchanged":
		codes = append(codes, 0, 6, 7, 8)
	default:
		codes = append(codes, 3, 5, 6, 7, 8, 11, 64, 65)
	}
	if partial {
		codes = append(codes, 4)
	}
	return codes
}
