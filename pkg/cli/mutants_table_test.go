package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is where the module is, from here.
const root = "../.."

// mutant is a bug of one line that the battery has to catch.
type mutant struct {
	name     string
	file     string // below the module
	old, new string // a part of a line that occurs once in the file, and what stands in its place
}

var mutants = []mutant{
	// What is unknown is sent again.
	{"a create without an answer is sent again", "pkg/platform/verdict.go", `wire.Deadline:     {Unknown,`, `wire.Deadline:     {Wait,`},
	{"a create that timed out is sent again", "pkg/platform/verdict.go", `wire.TimedOut:     {Unknown,`, `wire.TimedOut:     {Wait,`},
	{"an activation nobody is sure of is sent again", "pkg/platform/verdict.go", `wire.Unsure:       {Unknown, Unknown, Unknown, Unknown, Unknown,`, `wire.Unsure:       {Unknown, Unknown, Unknown, Unknown, Wait,`},
	{"a lost connection counts as not sent", "pkg/platform/verdict.go", `wire.Cut:          {Unknown, Unknown, Unknown,`, `wire.Cut:          {Unsent, Unsent, Unsent,`},
	// What is not proved counts as proved.
	{"a failing server did nothing", "pkg/platform/verdict.go", `wire.ServerError:  {Unknown,`, `wire.ServerError:  {Failed,`},
	{"a bad reply to an activation means failure", "pkg/platform/verdict.go", `wire.BadReply:     {Unknown, Unknown, Unknown, Unknown, Unknown,`, `wire.BadReply:     {Unknown, Unknown, Unknown, Unknown, Failed,`},
	{"a cut answer is success", "pkg/platform/verdict.go", `wire.Cut:          {Unknown, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown,`, `wire.Cut:          {Unknown, Done, Done, Done, Done, Done, Done,`},
	{"HTTP 200 is success", "pkg/wire/envelope.go", `		if fault.Class == BadReply {`, `		if reply.Status == 200 { return env, nil } else if fault.Class == BadReply {`},
	{"an answer about another endpoint is taken", "pkg/wire/endpointinfo.go", `call.EndpointID != "" && id != "" && id != call.EndpointID,`, `false,`},
	{"a create may give an id that is taken", "pkg/apply/task.go", `s.call.Action == fleet.Create && !s.taken.take(reply.ID) {`, `s.call.Action == fleet.Create && !s.taken.take(reply.ID) && false {`},
	{"429 is failure", "pkg/platform/verdict.go", `wire.Throttled:    {Wait, Wait, Wait, Wait, Wait, Wait, Wait,`, `wire.Throttled:    {Failed, Failed, Failed, Failed, Failed, Failed, Failed,`},
	{"401 is failure", "pkg/platform/verdict.go", `wire.Unauthorized: {Renew, Renew, Renew, Renew, Renew, Renew, Renew,`, `wire.Unauthorized: {Failed, Failed, Failed, Failed, Failed, Failed, Failed,`},
	// Settling.
	{"the first read proves absence at once", "pkg/apply/settle.go", `case began.Before(e.sent.Add(window)):`, `case began.Before(e.sent):`},
	{"one listing proves that nothing was made", "pkg/apply/settle.go", `judge(by.verdict == applied, began, true,`, `judge(by.verdict == applied, began, false,`},
	{"one read proves that nothing was activated", "pkg/apply/settle.go", `return a == fleet.Create || a == fleet.Activate }`, `return a == fleet.Create }`},
	{"the second read follows at once", "pkg/apply/settle.go", `e.absent = time.Now()`, `e.absent = e.sent`},
	{"calls are sent again without end", "pkg/apply/settle.go", `case res.tries >= mostAttempts:`, `case false:`},
	{"every link is seen as done", "pkg/apply/verify.go", `return live.ICCID.Equal(planned.Set.ICCID)`, `return true`},
	{"what is settled does not go on", "pkg/apply/settle.go", `case res.goesOn() && !r.opts.Only:`, `case false:`},
	{"nobody is told that a task ended", "pkg/apply/apply.go", `	r.queue.leave()`, `	_ = r.queue`},
	// A create that takes link and activation along.
	{"an endpoint that was made has its SIM and is active", "pkg/apply/settle.go", `if f.Steps[i] = others; i < first+by.shown {`, `if f.Steps[i] = others; by.verdict == applied || i < first+by.shown {`},
	{"what was made in part is made again", "pkg/apply/result.go", `		apart[i].First, apart[i].End = apart[i].First+c.First, apart[i].End+c.First`, `		apart[i].First, apart[i].End = c.First, c.End; apart[i].Action = fleet.Create`},
	{"the rest is not waited for", "pkg/apply/settle.go", `case by.verdict == applied && res.Open():`, `case false:`},
	{"a free SIM proves that nothing was made", "pkg/apply/settle.go", `	r.list(ctx, task, e)`, `	r.decide(ctx, task, ruling{verdict: notApplied})`},
	{"a doubt about a create ends with its name", "pkg/plan/doubt.go", `&& (!d.Links || live.ICCID.Equal(d.ICCID)) && (!d.Starts || started(live))`, ``},
	{"what rides along is not announced", "pkg/apply/task.go", `Links: s.call.Action == fleet.Create && s.call.Fields.ICCID != "", Starts: s.call.Activate}`, `}`},
	{"of two modifies the first is enough", "pkg/fleet/call.go", `			parts = append(parts, part)`, `			return []Fields{part}`},
	// Verifying.
	{"results are not verified", "pkg/cli/run.go", `	return apply.Confirm(`, `	return nil; return apply.Confirm(`},
	{"the first listing after a run is the last", "pkg/apply/verify.go", `if v != undecided || !until(ctx, e.next(opts.Settling.Window)) {`, `if true {`},
	{"the window of verifying does not begin", "pkg/apply/verify.go", `if len(missing) > 0 && r.sent.After(f.sent) {`, `if len(missing) > 0 && r.sent.Before(f.sent) {`},
	{"all counts as verified", "pkg/cli/run.go", `Verified: run.Doubt == nil,`, `Verified: true,`},
	{"a resume that sends nothing looks at nothing", "pkg/cli/run.go", `if s.mutations() == 0 && w.history == nil {`, `if s.mutations() == 0 {`},
	{"what earlier runs were told is believed", "pkg/cli/account.go", `if err := apply.Confirm(`, `if err := func(...any) error { return nil }(`},
	{"a run that was not verified is finished", "pkg/apply/past.go", `return !h.Verified() || len(h.Open()) > 0`, `return len(h.Open()) > 0`},
	// The journal.
	{"a disk that fails does not matter", "pkg/journal/journal.go", `j.fail(put(j.file, b.lines))`, `_ = put(j.file, b.lines)`},
	{"what can be read is durable", "pkg/journal/store.go", `if err := s.replace(path, whole); err != nil {`, `if err := error(nil); err != nil {`},
	{"the intent is written after the call", "pkg/platform/platform.go", `if err := before(); err != nil {`, `defer func() { _ = before() }(); if err := error(nil); err != nil {`},
	{"an intent is not waited for", "pkg/journal/journal.go", `	return j.sync(i)`, `	j.add(i, true); return nil`},
	{"the journal is not synced", "pkg/journal/journal.go", `	return file.Sync()`, `	return nil`},
	{"the name of a journal is not synced", "pkg/journal/store.go", `if err := s.fs.SyncDir(s.path(h.Run, "")); err != nil {`, `if err := error(nil); err != nil {`},
	{"a new name is not synced", "pkg/journal/store.go", `	return s.fs.SyncDir(filepath.Dir(path))`, `	return nil`},
	{"what a crash cut off is kept", "pkg/journal/store.go", `s.reopen(run, data[:h.size])`, `s.reopen(run, data)`},
	{"a run that goes on has a new checksum", "pkg/journal/store.go", `start(file, h.sum,`, `start(file, 0,`},
	{"tidying removes runs that began", "pkg/journal/store.go", `case errors.Is(unbegun, errNoRun):`, `case true:`},
	{"outcomes are not written", "pkg/apply/task.go", `	r.opts.Journal.Outcome(o)`, `	_ = o`},
	{"findings are not written", "pkg/apply/task.go", `	r.opts.Journal.Finding(f)`, `	_ = f`},
	{"findings are not read", "pkg/apply/replay.go", `results[r.Task].finding(r)`, `_ = r`},
	// Going on.
	{"intents of before a crash are old", "pkg/apply/replay.go", `now.Wall.Add(-r.Age(now)).Add(writeLimit)`, `now.Wall.Add(-r.Age(now)).Add(-writeLimit*10)`},
	{"an intent may have been written at once", "pkg/apply/replay.go", `now.Wall.Add(-r.Age(now)).Add(writeLimit)`, `now.Wall.Add(-r.Age(now))`},
	{"what was in flight was not sent", "pkg/apply/result.go", `	r.book(i.Call, fleet.Unknown)`, `	r.book(i.Call, fleet.NotAttempted)`},
	{"what was in flight is left alone", "pkg/apply/apply.go", `if !r.results[i].Open() {`, `if true {`},
	{"attempts are forgotten in a crash", "pkg/apply/result.go", `r.tries, r.sent = i.Attempt, written`, `r.tries, r.sent = 1, written`},
	{"what was open is done", "pkg/apply/apply.go", `by.shown, shown = res.showing(live)`, `by.shown, shown = 1, live != nil`},
	{"what was open is begun as well", "pkg/apply/apply.go", `		r.queue.take(i)`, `		_ = i`},
	{"what the run made is another's", "pkg/cli/resume.go", `return there && !own[fleet.NameKey(live.Name)]`, `return there && live != nil`},
	{"what earlier runs left open is not settled", "pkg/cli/account.go", `open == 0 && h.Verified() {`, `open >= 0 || h.Verified() {`},
	{"doubts are forgotten", "pkg/apply/past.go", `for _, i := range h.Open() {`, `for _, i := range h.Open()[:0] {`},
	{"unknown outcomes are not open", "pkg/journal/history.go", `open[r.Task] = r.Outcome == fleet.Unknown`, `open[r.Task] = false`},
	{"superseded runs are resumed", "pkg/cli/resume.go", `if h.Clean() || store.SupersededBy(h) != "" {`, `if h.Clean() {`},
	{"a plan is not marked as used", "pkg/journal/journal.go", `j.fail(j.use())`, `_ = j.use`},
	{"a plan may be used again", "pkg/journal/store.go", `	if !h.Begun() {`, `	if h.Begun() {`},
	{"an interrupt ends calls in flight", "pkg/platform/transport.go", `if !req.Op.Mutates() {`, `if true {`},
	// What may be done.
	{"nothing is read before it is hurt", "pkg/apply/task.go", `if !res.calls[res.done].Action.Hurts() {`, `if true {`},
	{"a new name does not matter", "pkg/apply/task.go", `case fleet.NameKey(now.Name) != fleet.NameKey(was.Name):`, `case false:`},
	{"stale tasks are done", "pkg/apply/apply.go", `if why, ok := r.opts.Stale[i]; ok && (r.results[i].goesOn() || r.results[i].unbegun()) {`, `if why, ok := r.opts.Stale[i]; ok && why == "" {`},
	{"protection is not looked at", "pkg/plan/build.go", `	case b.protected(t):`, `	case false:`},
	{"protected orphans are suspended", "pkg/plan/sim.go", `s.status == fleet.StatusActive && b.protected(t):`, `s.status == fleet.StatusActive && false:`},
	{"all in scope are orphans", "pkg/plan/orphan.go", `if policy.Owns(live.Name) && !rows.has(live) {`, `if policy.Owns(live.Name) {`},
	{"orphans that are to be reported are deleted", "pkg/plan/orphan.go", `case fleet.OrphansDelete:`, `case fleet.OrphansDelete, fleet.OrphansReport:`},
	{"a card is swapped without de-linking", "pkg/plan/sim.go", `t.step(fleet.Delink, fleet.Fields{}, "SIM %s makes place for %s", live.ICCID, iccid)`, `_ = iccid`},
	{"a short page is the end", "pkg/inventory/fetch.go", `return r.told() && !r.capped() && (r.pages == 0 || n >= r.pages) && (r.total < 0 || len(r.out) == r.total)`, `return len(r.out) < n*r.opts.PerPage`},
	{"permits are not paced", "pkg/pace/pace.go", `if p.limiter.Limit() == rate.Inf && !time.Now().Before(p.until) {`, `if !time.Now().Before(p.until) {`},
	// Reporting.
	{"a row is reported twice", "pkg/report/csv.go", `if err := out.Write(r.row(`, `_ = out.Write(r.row(&r.Results[i])); if err := out.Write(r.row(`},
	{"what was not attempted is not reported", "pkg/report/csv.go", `if err := out.Write(r.row(`, `if r.Results[i].Outcome.String() == "not-attempted" { continue }; if err := out.Write(r.row(`},
	{"unknown rows end with 0", "pkg/cli/exit.go", `{exitUnknown, worst(fleet.Unknown)},`, `{exitOK, worst(fleet.Unknown)},`},
	{"stale rows end with 0", "pkg/cli/exit.go", `{exitRows, worst(fleet.Failed, fleet.Stale,`, `{exitRows, worst(fleet.Failed,`},
}

// text is the file with the mutant in it.
func (m *mutant) text() (string, error) {
	data, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(data), m.old); n != 1 {
		return "", fmt.Errorf("mutant %q: its text occurs %d times in %s, want once: %s", m.name, n, m.file, m.old)
	}
	return strings.Replace(string(data), m.old, m.new, 1), nil
}

// The mutants fit the program as it is.
func TestMutantsFit(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if _, err := m.text(); err != nil {
			t.Error(err)
		}
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		if names[m.name] = true; m.old == m.new || strings.Contains(m.old+m.new, "\n") {
			t.Errorf("mutant %q is no change of one line", m.name)
		}
	}
}
