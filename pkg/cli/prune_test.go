package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sftctl/pkg/apply"
	"sftctl/pkg/crashfs"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
	"sftctl/pkg/wire"
)

// forget removes what may be removed between two commands, and holds what is left
// to what was there: nothing that is open may be lost, no plan may be used twice,
// and the run that is to be resumed stays so.
func (m *machine) forget(p *process) {
	if err := p.open(m.disk); err != nil {
		m.fail("I15", "%v", err)
		return
	}
	before := m.memory(p.session)
	histories, _ := p.store.Histories()
	removed, err := p.session.forget("", histories, p.forgettable(histories, p.clock().Wall.Add(-apply.DefaultWindow)))
	if err != nil {
		m.fail("I15", "removing old runs: %v", err)
	}
	m.shares.forgotten = m.shares.forgotten || removed > 0
	for _, lost := range before.lost(m.memory(p.session)) {
		m.fail("I15", "after %d of %d runs were removed: %s", removed, len(histories), lost)
	}
}

// memory is what a state directory knows that later commands rest on.
type memory struct {
	open    []string // calls in doubt
	resumed string   // the run that a resume would go on with
	used    map[string]bool
	earlier map[string]plan.Earlier // by the files of a run
	success map[string]time.Time    // by command
	err     error
}

// memory reads it; plans that were used stay in it once they were.
func (m *machine) memory(s *session) memory {
	if m.used == nil {
		m.used = map[string]bool{}
	}
	return remember(s, m.used)
}

func remember(s *session, used map[string]bool) (m memory) {
	histories, err := s.store.Histories()
	m.err, m.used, m.earlier, m.success = err, map[string]bool{}, map[string]plan.Earlier{}, map[string]time.Time{}
	for _, d := range s.doubts(histories) {
		if !d.Done {
			m.open = append(m.open, d.String())
		}
	}
	for _, h := range histories {
		used[h.Plan] = used[h.Plan] || h.Begun()
		m.earlier[filesOf(h)] = apply.Earlier(histories, h.Inputs, s.clock())
		maps.Copy(m.success, successes(h))
	}
	for id, was := range used {
		by, err := s.store.UsedBy(id)
		m.used[id] = was && (by != "" || errors.Is(err, fleet.ErrPlan))
	}
	m.resumed, err = s.choose(nil)
	m.err = errors.Join(m.err, err)
	return m
}

// lost are the differences that no removing of runs may make.
func (m memory) lost(after memory) (lost []string) {
	if !slices.Equal(m.open, after.open) {
		lost = append(lost, fmt.Sprintf("in doubt were %q, and are %q", m.open, after.open))
	}
	if m.resumed != after.resumed {
		lost = append(lost, fmt.Sprintf("to be resumed was %q, and is %q", m.resumed, after.resumed))
	}
	for id, was := range m.used {
		if was && !after.used[id] {
			lost = append(lost, "plan "+id+" was used, and is not")
		}
	}
	for files, e := range m.earlier {
		if now, ok := after.earlier[files]; ok && e != now || e.RowsRun != "" && !ok {
			lost = append(lost, fmt.Sprintf("files %q were held against %+v, and are against %+v", files, e, now))
		}
	}
	if !reflect.DeepEqual(m.success, after.success) {
		lost = append(lost, fmt.Sprintf("the last successes were %v, and are %v", m.success, after.success))
	}
	if after.err != nil {
		lost = append(lost, after.err.Error())
	}
	return lost
}

// past is an account with runs of many kinds.
type past struct {
	*session
	disk *crashfs.Disk
	now  time.Time
}

func newPast(t testing.TB) *past {
	p := &past{disk: crashfs.New(), now: time.Date(2026, 9, 1, 3, 0, 0, 0, time.UTC)}
	clock := func() journal.Moment { return journal.Moment{Wall: p.now, Boot: "b", Up: time.Hour} }
	store, err := journal.NewStore("state", p.disk, clock)
	if err != nil {
		t.Fatal(err)
	}
	p.session = &session{store: store, clock: clock, settling: apply.Settling{Window: apply.DefaultWindow}, account: "ann", baseURL: "https://test.invalid"}
	return p
}

// aRun is how a run of the past went.
type aRun struct {
	days    int    // before now
	files   string // that it was about
	command string
	sent    bool
	outcome fleet.Outcome // of what was sent
	end     bool          // it ended in good order
	live    int           // endpoints of the account
	by      int           // by how many runs later it was superseded; 0 by none
}

func drawRun(t *rapid.T) aRun {
	return aRun{days: rapid.SampledFrom([]int{400, 300, 200, 120, 100, 89, 10, 0}).Draw(t, "days"), files: rapid.SampledFrom([]string{"/a.csv", "/b.csv"}).Draw(t, "files"),
		command: rapid.SampledFrom([]string{"reconcile", "apply"}).Draw(t, "command"), sent: rapid.Bool().Draw(t, "sent"),
		outcome: rapid.SampledFrom([]fleet.Outcome{fleet.Done, fleet.Done, fleet.Done, fleet.Failed, fleet.Unknown}).Draw(t, "outcome"),
		end:     rapid.IntRange(0, 3).Draw(t, "end") > 0, live: rapid.SampledFrom([]int{0, 10}).Draw(t, "live"), by: rapid.IntRange(0, 3).Draw(t, "by")}
}

// onePlan is a plan that makes one endpoint.
func onePlan(id string) *plan.Plan {
	spec := &fleet.Spec{Fields: fleet.Fields{Name: "m-1", PlanID: "1"}}
	p := &plan.Plan{Tasks: []plan.Task{{Spec: spec, Steps: []plan.Step{{Action: fleet.Create, Set: spec.Fields}}}}}
	p.Counts = plan.Counts{Rows: 1, Change: 1, Steps: map[fleet.Action]int{fleet.Create: 1}, Calls: 1, CallsOf: map[fleet.Action]int{fleet.Create: 1}}
	p.ID, p.Dialect, p.Account, p.BaseURL = id, wire.DialectNames()[0], "ann", "https://test.invalid"
	return p
}

// add puts a run into the past, as a process would have written it.
func (p *past) add(t testing.TB, n int, r aRun) {
	now := p.now
	defer func() { p.now = now }()
	p.now = now.AddDate(0, 0, -r.days)
	made := onePlan(fmt.Sprintf("plan-%d", n))
	h := journal.Header{Run: runName(n), Plan: made.ID, Account: "ann", BaseURL: "https://test.invalid", Dialect: made.Dialect, At: p.now, Rows: 1, Inputs: []fleet.Input{{File: r.files}}}
	j, err := p.store.Create(h, journal.Opened{Command: r.command}, made.Write)
	if err != nil {
		t.Fatal(err)
	}
	exit := map[fleet.Outcome]int{fleet.Done: 0, fleet.Failed: 3, fleet.Unknown: 4}[r.outcome]
	if r.sent {
		err = j.Intent(journal.Intent{Attempt: 1, Action: fleet.Create, Name: "m-1"})
		j.Outcome(journal.Outcome{Attempt: 1, Outcome: r.outcome, Sends: 1, Started: p.now, Err: "no"})
	}
	if r.by > 0 {
		err = errors.Join(err, j.Supersede(runName(n+r.by)))
	}
	if r.end {
		err = errors.Join(err, j.End(journal.End{At: p.now, Exit: exit, Verified: true, Live: r.live}))
	}
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}

// runName is a name as journal.NewID gives them.
func runName(n int) string {
	return fmt.Sprintf("20260101T0000%02dZ-aaaa", n)
}

// Whatever runs there were: nothing that is open is forgotten, used plans stay
// used, and what later runs are held against stays.
func TestPruningForgetsNothingThatCounts(t *testing.T) {
	total := 0
	rapid.Check(t, func(r *rapid.T) {
		p := newPast(t)
		for n := range rapid.IntRange(2, 16).Draw(r, "runs") {
			p.add(t, n, drawRun(r))
		}
		used := map[string]bool{}
		before := remember(p.session, used)
		histories, err := p.store.Histories()
		if err != nil {
			r.Fatal(err)
		}
		removed, err := p.forget("", histories, p.forgettable(histories, p.now.AddDate(0, 0, -90)))
		if err != nil {
			r.Fatal(err)
		}
		total += removed
		for _, lost := range before.lost(remember(p.session, used)) {
			r.Error(lost)
		}
		kept, _ := p.store.Runs()
		for n, h := range histories {
			if p.now.Sub(h.At) < 90*day && !slices.Contains(kept, h.Run) {
				r.Errorf("run %d is not old, and is gone", n)
			}
		}
	})
	if total < 50 {
		t.Errorf("only %d runs were removed: this test shows little", total)
	}
}

// What may go goes: a clean run, and one that finished with a failure, as soon as
// newer ones take their place.
func TestPruningRemovesWhatIsOver(t *testing.T) {
	p := newPast(t)
	for n, r := range []aRun{{days: 200, outcome: fleet.Done}, {days: 190, outcome: fleet.Failed}, {days: 180, outcome: fleet.Unknown, by: 1}, {days: 100, outcome: fleet.Done}, {days: 1, outcome: fleet.Done}} {
		r.sent, r.end, r.live, r.command, r.files = true, true, 10, "reconcile", "/a.csv"
		p.add(t, n, r)
	}
	var out bytes.Buffer
	p.prune(Env{Stderr: &out}, "", days(90*day))
	kept, err := p.store.Runs()
	if want := []string{runName(2), runName(3), runName(4)}; !slices.Equal(kept, want) || err != nil {
		t.Errorf("got %v, %v, want %v: what is unknown, and by what it is superseded", kept, err, want)
	}
	if want := "removed 2 runs that ended before 2026-06-03 (--keep)\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// finished is a clean run some days ago.
func finished(days int) aRun {
	return aRun{days: days, files: "/a.csv", command: "reconcile", sent: true, outcome: fleet.Done, end: true, live: 10}
}

// While a run is dated after now, nobody knows which runs are old.
func TestNothingIsPrunedBesideARunOfTheFuture(t *testing.T) {
	p := newPast(t)
	for n, days := range []int{400, 300, 200, 100, 2, 1, -300} {
		p.add(t, n, finished(days))
	}
	var out bytes.Buffer
	reports := t.TempDir()
	p.refuse(t, reports, 100)
	p.prune(Env{Stderr: &out}, reports, days(90*day))
	left, _ := os.ReadDir(reports)
	if kept, err := p.store.Runs(); len(kept) != 7 || len(left) != 1 || err != nil {
		t.Errorf("got %v, %v and %v, want all 7 runs and the refused plan", kept, err, left)
	}
	if want := "warning: nothing was removed (--keep): the clock was ahead in run " + runName(6) + ", or is behind now (2026-09-01T03:00:00Z): look whether it is right\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// A clock that is ahead now makes all runs old: the last ones stay.
func TestTheLastRunsStayHoweverLateItIs(t *testing.T) {
	p := newPast(t)
	for n, days := range []int{6, 5, 4, 3, 2, 1} {
		p.add(t, n, finished(days))
	}
	p.now = p.now.AddDate(9, 0, 0)
	p.prune(Env{Stderr: io.Discard}, "", days(90*day))
	kept, err := p.store.Runs()
	if want := []string{runName(3), runName(4), runName(5)}; !slices.Equal(kept, want) || err != nil {
		t.Errorf("got %v, %v, want %v", kept, err, want)
	}
}

// refuse leaves a plan in a folder of reports that a guard refused some days ago.
func (p *past) refuse(t *testing.T, reports string, days int) (dir string) {
	t.Helper()
	ended := p.now.AddDate(0, 0, -days)
	made := onePlan(journal.NewID(ended))
	made.Created = ended
	dir = filepath.Join(reports, made.ID)
	if err := writeReports(reports, made.ID, refusedFiles(made)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "summary.json"), fmt.Sprintf(`{"baseURL":%q,"account":%q,"ended":%q}`, made.BaseURL, made.Account, ended.Format(time.RFC3339)))
	return dir
}

// A run that is dated after now does not stand for those of before it, and is named.
func TestPlansAreHeldAgainstRunsOfBeforeNow(t *testing.T) {
	p := newPast(t)
	for n, days := range []int{2, -300} {
		p.add(t, n, aRun{days: days, files: "/a.csv", command: "reconcile", sent: true, outcome: fleet.Done, end: true, live: 10 + n})
	}
	var out bytes.Buffer
	under, err := p.terms(Env{Stderr: &out}, []fleet.Input{{File: "/a.csv"}}, plan.Unlimited, nil)
	if want := (plan.Earlier{Rows: 1, RowsRun: runName(0), Live: 10, LiveRun: runName(0)}); under.earlier != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", under.earlier, err, want)
	}
	if want := "warning: the clock was ahead in run " + runName(1) + ", or is behind now (2026-09-01T03:00:00Z): look whether it is right; the plan is held against other runs, as far as there are any\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// A folder of a run's name is removed only when it is the report of that run.
func TestOnlyReportsAreRemoved(t *testing.T) {
	h := &journal.History{Header: journal.Header{Run: runName(1), BaseURL: "https://test.invalid", Account: "ann"}}
	for name, c := range map[string]struct {
		account, extra string
		gone           bool
	}{"its report": {"ann", "", true}, "another account's": {"bob", "", false}, "with notes": {"ann", "notes.txt", false}, "with a hidden file": {"ann", ".keep", false}} {
		reports := t.TempDir()
		made := onePlan("p")
		made.Account = c.account
		run := &report.Run{ID: runName(1), Plan: made}
		if err := errors.Join(writeReports(reports, run.ID, run.Files()), writeReports(reports, run.ID, run.Pages())); err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(reports, runName(1), c.extra)
		if c.extra != "" {
			if err := writeFile(other, func(w io.Writer) error { _, err := io.WriteString(w, "mine"); return err }); err != nil {
				t.Fatal(err)
			}
		}
		err := removeReport(reports, h)
		entries, _ := os.ReadDir(filepath.Join(reports, runName(1)))
		if files := run.Files(); err != nil || c.gone != (len(entries) == 0) || !c.gone && len(entries) < len(files) {
			t.Errorf("%s: got %v, and %d entries are left", name, err, len(entries))
		}
	}
}

// Wherever a crash ends the removing of a report, the next one removes the rest; so
// it does what a killed process left of a file.
func TestHalfRemovedReportsAreRemoved(t *testing.T) {
	for n := range len(reportNames()) + 1 {
		p, reports := newPast(t), t.TempDir()
		h := &journal.History{Header: journal.Header{Run: "20260101T000000Z-aaaa", BaseURL: p.baseURL, Account: p.account}}
		run := &report.Run{ID: h.Run, Plan: onePlan("p")}
		if err := errors.Join(writeReports(reports, run.ID, run.Files()), writeReports(reports, run.ID, run.Pages())); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(reports, h.Run)
		put(t, filepath.Join(dir, ".results.csv123"), "half")
		partly(t, dir, reportNames(), n)
		err := removeReport(reports, h)
		_, unremoved := p.forgetRefused(reports, p.now.AddDate(0, 0, -90))
		if left, _ := os.ReadDir(reports); len(left) > 0 || err != nil || unremoved != nil {
			t.Errorf("a crash after %d files: got %v, %v, %v, want no folder", n, left, err, unremoved)
		}
	}
}

func TestHalfRemovedRefusalsAreRemoved(t *testing.T) {
	for n := range len(refusedNames()) + 1 {
		p, reports := newPast(t), t.TempDir()
		dir := p.refuse(t, reports, 100)
		young := p.refuse(t, reports, 80)
		put(t, filepath.Join(dir, ".refused.plan123"), "half")
		partly(t, dir, refusedNames(), n)
		if err := os.Remove(filepath.Join(young, "summary.json")); err != nil {
			t.Fatal(err)
		}
		_, err := p.forgetRefused(reports, p.now.AddDate(0, 0, -90))
		if left, _ := os.ReadDir(reports); len(left) != 1 || left[0].Name() != filepath.Base(young) || err != nil {
			t.Errorf("a crash after %d files: got %v, %v, want %s alone", n, left, err, filepath.Base(young))
		}
	}
}

// partly does as much of removing a folder as was done when a crash came after a
// number of its files; before the first, also what is not whole is there.
func partly(t *testing.T, dir string, names []string, n int) {
	t.Helper()
	gone := names[:n]
	if n > 0 {
		gone = append(slices.Clone(gone), unwhole(dir, names)...)
	}
	for _, name := range gone {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// Folders that only look like ours stay: those with a file of somebody's, of another
// account, or that are empty and young.
func TestOtherFoldersOfReportsStay(t *testing.T) {
	p, reports := newPast(t), t.TempDir()
	for _, name := range []string{".keep", ".results.csv", ".results.csv12x", "results.csv12", ".notes.txt123"} {
		put(t, filepath.Join(p.refuse(t, reports, 100), name), "mine")
	}
	for _, name := range []string{"old", journal.NewID(p.now)} {
		if err := os.Mkdir(filepath.Join(reports, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(reports, journal.NewID(p.now.AddDate(-1, 0, 0))), "a file")
	alone := p.refuse(t, reports, 100)
	p.account = "bob"
	partly(t, alone, refusedNames(), len(refusedNames())-1)
	if n, err := p.forgetRefused(reports, p.now.AddDate(0, 0, -90)); n > 0 || err != nil {
		t.Errorf("got %d removed, %v, want none", n, err)
	}
	p.account = "ann"
	if n, err := p.forgetRefused(reports, p.now.AddDate(0, 0, -90)); n != 1 || err != nil {
		t.Errorf("got %d removed, %v, want the one with its plan alone", n, err)
	}
	if left, err := os.ReadDir(reports); len(left) != 8 || err != nil {
		t.Errorf("got %v, %v, want the other 8", left, err)
	}
}

func TestDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * day, "0": 0, "720h": 30 * day, "7d": 7 * day} {
		var d days
		if err := d.Set(text); err != nil || time.Duration(d) != want {
			t.Errorf("%s: got %s, %v, want %s", text, &d, err, want)
		}
	}
	for _, text := range []string{"", "d", "-90d", "1d", "90", "1h", "9999999999d", "90 d"} {
		var d days
		if err := d.Set(text); err == nil || !strings.Contains(err.Error(), "want at least 7d") {
			t.Errorf("%q: got %s, %v, want an error", text, &d, err)
		}
	}
}
