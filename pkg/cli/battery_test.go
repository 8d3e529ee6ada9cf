package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/pflag"
	"pgregory.net/rapid"

	"sftctl/pkg/apply"
	"sftctl/pkg/crashfs"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/oracle"
	"sftctl/pkg/pace"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

var (
	schedules = flag.Int("schedules", 100, "random schedules of the reliability battery")
	seedFrom  = flag.Int("seed", 1, "the first of them")
	only      = flag.String("dialect", "", "the one dialect that the battery is played in")
	showLog   = flag.String("show", "", "of a schedule that breaks something, show the requests and journal lines with this text")
)

// machine is a computer with a disk that can crash, and what is kept of it for
// the judge.
type machine struct {
	sim     *simulator.Simulator
	disk    *crashfs.Disk
	world   *schedule
	slots   *pace.Slots // nil where nothing is paced
	saved   []byte      // a plan file
	runs    []oracle.Run
	shares  shares
	used    map[string]bool // plans that a run has used up
	problem []string
}

// process is one run of the program on a machine.
type process struct {
	*session
	cancel  context.CancelCauseFunc
	crashed chan struct{}
	run     *report.Run
	results []byte
}

var errKilled = errors.New("the process was killed")

// lostConnections carries requests until the process is killed.
type lostConnections struct {
	sim     *simulator.Simulator
	dial    time.Duration // before anything is written of what carries a body
	crashed chan struct{}
}

func (l lostConnections) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-l.crashed:
		return nil, errKilled
	default:
	}
	ctx, cancel := context.WithCancel(r.Context())
	type answer struct {
		response *http.Response
		err      error
	}
	came := make(chan answer, 1)
	go func() {
		defer cancel()
		if l.dial > 0 && r.Method != http.MethodGet {
			select {
			case <-time.After(l.dial):
			case <-ctx.Done():
				came <- answer{nil, ctx.Err()}
				return
			}
		}
		response, err := l.sim.RoundTrip(r.WithContext(ctx))
		came <- answer{response, err}
	}()
	select {
	case a := <-came:
		return a.response, a.err
	case <-l.crashed:
		cancel()
		return nil, errKilled
	}
}

// start begins a process.
func (m *machine) start() (context.Context, *process) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &process{cancel: cancel, crashed: make(chan struct{})}
	purse := pace.NewShared(m.world.rate, m.slots)
	client, err := platform.New(platform.Options{BaseURL: "https://test.invalid", Username: "ann", Password: platform.NewSecret("pw"),
		Dialect: m.world.dialect, Purse: purse, Parallel: m.world.workers, Transport: lostConnections{m.sim, m.world.dial, p.crashed}})
	if err != nil {
		panic(err)
	}
	p.session = &session{client: client, purse: purse, account: "ann", baseURL: "https://test.invalid", simulated: true, monitor: &monitor{}, workers: m.world.workers, rate: m.world.rate,
		clock: virtualClock, settling: apply.Settling{Window: apply.DefaultWindow, Rate: m.world.rate, Patience: time.Hour}, close: func() error { return nil }}
	p.deliver = func(_ Env, _ *work, run *report.Run) error {
		var out bytes.Buffer
		err := run.WriteResults(&out)
		p.run, p.results = run, out.Bytes()
		return err
	}
	return ctx, p
}

// longestRun is how long a command may take in virtual time before it counts as
// one that does not end.
const longestRun = 48 * time.Hour

var batteryEnv = Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) (string, bool) { return "", false }}

// command runs a command in a process, and lets happen to it meanwhile what is
// planned. It reports the exit code, -1 after a crash.
func (m *machine) command(name string, planned crash) int {
	ctx, p := m.start()
	defer p.cancel(nil)
	if m.world.seed%2 == 1 {
		m.forget(p)
	}
	late := time.AfterFunc(longestRun, func() { p.cancel(errEndless) })
	defer late.Stop()
	defer m.endanger(p, planned).Stop()
	run := oracle.Run{Command: name, Began: time.Now(), Planned: -1}
	err := p.open(m.disk)
	if err == nil {
		err = m.dispatch(ctx, p, name, &run)
	}
	run.Ended = time.Now()
	if m.disk.Dead() {
		run.Crashed = true
		m.reboot(planned)
		m.keep(&run, p)
		return -1
	}
	m.disk.CrashAt(0, nil)
	m.disk.FailWith(nil)
	run.Exit, run.Results = exitCode(ctx, err), p.results
	if errors.Is(context.Cause(ctx), errEndless) {
		m.fail("I19", "%s did not end within %s", name, longestRun)
	}
	if planned.broken != nil && run.Exit == 74 { // the disk is mended by a restart
		m.reboot(planned)
	}
	m.keep(&run, p)
	if run.Exit != 74 {
		m.rebuilt(p)
	}
	return run.Exit
}

var errEndless = errors.New("the command does not end")

// endanger arranges for what is planned to happen.
func (m *machine) endanger(p *process, planned crash) *time.Timer {
	kill := sync.OnceFunc(func() { close(p.crashed); p.cancel(errKilled) })
	switch {
	case planned.broken != nil:
		first := m.disk.Ops() + planned.ops
		m.disk.FailWith(func(op crashfs.Op) error {
			if op.N == first || op.N > first && planned.forGood {
				return planned.broken
			}
			return nil
		})
	case planned.ops > 0:
		m.disk.CrashAt(planned.ops, kill)
	case planned.signal:
		return time.AfterFunc(planned.after, func() { p.cancel(&interrupted{syscall.SIGINT}) })
	case planned.after > 0:
		m.disk.CrashAt(1<<40, kill)
		return time.AfterFunc(planned.after, m.disk.Crash)
	}
	return time.NewTimer(0)
}

func (m *machine) reboot(planned crash) {
	m.disk.Reboot(planned.power, m.world.seed)
	m.shares.crash = true
	time.Sleep(planned.down)
}

func (p *process) open(disk *crashfs.Disk) (err error) {
	if p.store, err = journal.NewStore("state", disk, p.clock); err == nil {
		err = p.store.Tidy()
	}
	return err
}

func (m *machine) dispatch(ctx context.Context, p *process, name string, run *oracle.Run) error {
	want := m.world.fleet()
	switch name {
	case "apply":
		return p.apply(ctx, batteryEnv, yes(), &work{command: "apply", want: want, maxAge: m.world.maxAge()}, nil)
	case "apply PLAN":
		run.Command = "apply"
		saved, err := plan.Read(bytes.NewReader(m.saved))
		if err != nil {
			return err
		}
		return p.apply(ctx, batteryEnv, yes(), &work{command: "apply", want: saved.Fleet(), maxAge: m.world.maxAge()}, saved)
	case "resume":
		id, err := p.choose(nil)
		if err != nil {
			return err
		}
		if id == "" { // nothing was begun yet
			m.checkForgotten(p)
			run.Command = "apply"
			return m.dispatch(ctx, p, "apply", run)
		}
		return p.resume(ctx, batteryEnv, id, work{maxAge: m.world.maxAge()})
	}
	under, err := p.terms(batteryEnv, want.Inputs, plan.Unlimited, nil)
	if err != nil {
		return err
	}
	made, _, err := p.planFiles(ctx, batteryEnv, want, under)
	if err != nil {
		return err
	}
	run.Planned = made.Counts.Calls
	m.checkDoubts(p, made)
	var file bytes.Buffer
	err = made.Write(&file)
	m.saved = file.Bytes()
	return err
}

// maxAge is how old a listing may be: in some schedules so little that it is
// renewed while the run goes on.
func (w *schedule) maxAge() time.Duration {
	return []time.Duration{time.Hour, time.Hour, 2 * time.Minute}[w.seed%3]
}

// yes are the options of somebody who approves of everything.
func yes() applyOptions {
	o := applyOptions{yes: true, runOptions: runOptions{maxAge: time.Hour}}
	o.limits, o.flags = plan.Unlimited, pflag.NewFlagSet("", pflag.ContinueOnError)
	return o
}

// keep adds a command to the evidence, with the journal that it wrote.
func (m *machine) keep(run *oracle.Run, p *process) {
	id := ""
	if p.run != nil {
		id = p.run.ID
	} else if runs, err := p.storeOn(m.disk).Runs(); err == nil && len(runs) > 0 && run.Command != "plan" {
		id = runs[len(runs)-1]
	}
	if id != "" {
		run.Journal, _ = m.disk.ReadFile(path.Join("state", "runs", id, "journal"))
	}
	m.runs = append(m.runs, *run)
	if histories, err := p.storeOn(m.disk).Histories(); err != nil {
		m.fail("I15", "after %s: %v", run.Command, err)
	} else {
		for _, h := range histories {
			m.shares.unknown = m.shares.unknown || len(h.Open()) > 0
		}
	}
}

func (p *process) storeOn(disk *crashfs.Disk) *journal.Store {
	store, _ := journal.NewStore("state", disk, virtualClock)
	return store
}

// rebuilt holds the report against the one made again from the journal alone.
func (m *machine) rebuilt(p *process) {
	if p.run == nil {
		return
	}
	m.shares.unknown = m.shares.unknown || p.run.Settles > 0
	h, err := p.storeOn(m.disk).History(p.run.ID)
	if err != nil {
		m.fail("I15", "%v", err)
		return
	}
	for range 2 {
		old, err := recall(p.storeOn(m.disk), h, virtualClock())
		if err != nil {
			m.fail("I15", "%v", err)
			return
		}
		var again bytes.Buffer
		_ = old.report().WriteResults(&again)
		if !bytes.Equal(again.Bytes(), p.results) {
			m.fail("I15", "the results made again from the journal are others:\n%s\nand were:\n%s", again.Bytes(), p.results)
		}
	}
}

func (m *machine) fail(invariant, format string, args ...any) {
	m.problem = append(m.problem, invariant+": "+fmt.Sprintf(format, args...))
}

// shares are what schedules are about.
type shares struct {
	unknown, crash, swap, orphan bool
	forgotten                    bool // an old run was removed
	seen, journalled             int  // sends that the platform saw, and that the journals speak of
}

// play lets a schedule happen and returns the invariants that it broke.
func (w *schedule) play(slots *pace.Slots) (violations []string, s shares) {
	m := &machine{sim: w.simulator(), disk: crashfs.New(), world: w, slots: slots}
	m.shares.swap, m.shares.orphan = w.has(swapped), w.orphans != fleet.OrphansIgnore && w.strays > 0
	before, bills := m.sim.Endpoints(), m.sim.Bills()
	w.meddle(m.sim)
	m.scenario()
	time.Sleep(10 * time.Minute) // for what is still to be applied
	m.problem = append(m.problem, m.judge(before, bills)...)
	m.rules()
	if len(m.problem) > 0 && *showLog != "" {
		m.problem = append(m.problem, m.lines(*showLog)...)
	}
	w.trace = m.tracing()
	return m.problem, m.shares
}

// tracing is all that happened to each row, and what was said of it: what must
// be the same whenever the schedule is played.
func (m *machine) tracing() []string {
	var trace []string
	for _, e := range m.sim.Log() {
		if e.Op.Mutates() {
			trace = append(trace, fmt.Sprint(e.Row, " ", e.Op, " ", e.Attempt, " ", e.Effect, " ", e.Applied))
		}
	}
	slices.Sort(trace)
	for i, run := range m.runs {
		rows, _ := csv.NewReader(bytes.NewReader(run.Results)).ReadAll()
		for _, row := range rows {
			trace = append(trace, fmt.Sprint(i, run.Command, run.Exit, row[0], row[10:12]))
		}
	}
	return trace
}

// lines are what there is to see of something, for a person.
func (m *machine) lines(text string) []string {
	var log bytes.Buffer
	_ = m.sim.WriteLog(&log)
	all := log.String()
	for i, run := range m.runs {
		all += fmt.Sprintf("%s run %d: %s, exit %d, crashed %t, until %s\n%s%s", text, i, run.Command, run.Exit, run.Crashed, run.Ended.UTC().Format(time.TimeOnly), run.Results, run.Journal)
	}
	return slices.DeleteFunc(strings.Split(all, "\n"), func(line string) bool { return !strings.Contains(line, text) })
}

// scenario is what an operator does: apply, perhaps a saved plan; go on after
// each crash and each interrupt; plan. Once the platform is well again: finish,
// and plan.
func (m *machine) scenario() {
	next := "apply"
	if m.world.saved && m.command("plan", crash{}) == 0 {
		next = "apply PLAN"
	}
	used := m.saved
	for _, planned := range append(m.world.crashes[:len(m.world.crashes):len(m.world.crashes)], crash{next: "plan"}) {
		code := m.command(next, planned)
		if next = planned.next; code >= 0 && code != 130 && code != 74 {
			break
		}
		if m.world.seed%2 == 0 { // somebody looks first
			m.command("plan", crash{})
		}
	}
	m.command("plan", crash{})
	m.sim.Heal()
	m.world.mu.Lock()
	m.world.left = true
	m.world.mu.Unlock()
	m.heal()
	m.again(used)
}

// again expects that a plan which was begun is not done twice.
func (m *machine) again(saved []byte) {
	if m.saved = saved; saved == nil {
		return
	}
	begun := slices.ContainsFunc(m.runs, func(r oracle.Run) bool {
		h, err := journal.Parse(r.Journal)
		return err == nil && h.Begun() && bytes.Contains(saved, fmt.Appendf(nil, `"planId":%q`, h.Plan))
	})
	if code := m.command("apply PLAN", crash{}); begun && code != 5 {
		m.fail("P9", "a plan that was begun is applied again with exit code %d", code)
	}
}

// heal expects that two runs on a platform that is well leave nothing to do, and
// nothing unknown.
func (m *machine) heal() {
	if len(m.world.touched) > 0 {
		time.Sleep(apply.DefaultWindow) // what somebody undid right after us is taken for a lag until then
	}
	began := time.Now()
	m.command("resume", crash{})
	m.settled("resume", began)
	m.command("apply", crash{})
	m.settled("apply", began)
	m.command("plan", crash{})
	if left := m.runs[len(m.runs)-1]; left.Planned != 0 {
		m.fail("I16", "after two runs on a platform that is well, %d calls are planned", left.Planned)
	}
}

func (m *machine) settled(command string, began time.Time) {
	p := &process{}
	histories, _ := p.storeOn(m.disk).Histories()
	for _, h := range histories {
		for _, open := range inDoubt(h) {
			m.fail("I18", "after %s on a platform that is well, %s of %s in run %s is unknown", command, open.Action, open.Name, h.Run)
		}
	}
	most := 2*apply.DefaultWindow + time.Minute + m.world.slack()
	if slices.Contains(m.world.effects, simulator.LyingSuccess) {
		most += apply.DefaultWindow // what was acknowledged and does not show is looked for after what is unknown
	}
	if took := time.Since(began); command == "resume" && len(m.world.touched) == 0 && took > most {
		m.fail("I18", "settling on a platform that is well took %s, and at most %s is allowed", took, most)
	}
}

// judge asks the oracle.
func (m *machine) judge(before []fleet.Endpoint, bills map[fleet.ID]int) []string {
	var log bytes.Buffer
	_ = m.sim.WriteLog(&log)
	counted := map[string]int{}
	for id, n := range m.sim.Bills() {
		counted[string(id)] = n - bills[id]
	}
	e := oracle.Evidence{Before: endpoints(before), Rows: m.world.rows(), Orphans: m.world.orphans.String(), Scope: "m-", Protect: []string{guarded0},
		Foreign: m.world.touched, Settle: apply.DefaultWindow, Log: log.Bytes(), Live: endpoints(m.sim.Endpoints()), Bills: counted, Runs: m.runs, Rate: m.world.rate}
	m.shares.seen, m.shares.journalled = oracle.Sends(e)
	var found []string
	for _, v := range oracle.Check(e) {
		found = append(found, v.String())
	}
	return found
}

func endpoints(found []fleet.Endpoint) []oracle.Endpoint {
	out := make([]oracle.Endpoint, len(found))
	for i, e := range found {
		out[i] = oracle.Endpoint{ID: string(e.ID), Name: e.Name, PlanID: string(e.PlanID), ServiceProfileID: string(e.ServiceProfileID),
			APNGroupID: string(e.APNGroupID), SIMProductID: string(e.SIMProductID), ICCID: string(e.ICCID), Status: string(e.Status)}
	}
	return out
}

// trial plays a schedule in a bubble of virtual time.
func trial(t *testing.T, w *schedule) (violations []string, s shares) {
	var slots *pace.Slots
	if w.rate > 0 {
		var err error
		if slots, err = pace.OpenSlots(filepath.Join(t.TempDir(), fmt.Sprint("slots-", w.seed))); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(*testing.T) { violations, s = w.play(slots) })
	return violations, s
}

// dialects are those that the battery is played in.
func dialects() []wire.Dialect {
	names := wire.DialectNames()
	if *only != "" {
		names = []string{*only}
	}
	var all []wire.Dialect
	for _, name := range names {
		dialect, _ := wire.DialectByName(name)
		all = append(all, dialect)
	}
	return all
}

// inEach runs a test in each dialect.
func inEach(t *testing.T, test func(*testing.T, wire.Dialect)) {
	for _, dialect := range dialects() {
		t.Run(dialect.Abilities().Dialect, func(t *testing.T) { test(t, dialect) })
	}
}

// Whatever goes wrong, and whenever the machine is killed: nothing is done
// twice, nothing is lost, every row is accounted for truthfully.
func TestBattery(t *testing.T) { inEach(t, battery) }

func battery(t *testing.T, dialect wire.Dialect) {
	var mu sync.Mutex
	total, sends := map[string]int{}, [2]int{}
	began := time.Now()
	t.Run("schedules", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for i := worker; i < *schedules && !t.Failed(); i += runtime.GOMAXPROCS(0) {
					w := draw(*seedFrom+i, dialect)
					violations, s := trial(t, w)
					if len(violations) > 0 {
						t.Errorf("schedule %d (replay it with -seed %d -schedules 1 -dialect %s): %s\n%s", w.seed, w.seed, dialect.Abilities().Dialect, w, strings.Join(violations, "\n"))
					}
					if s.seen != s.journalled {
						t.Errorf("schedule %d: the platform saw %d sends, and the journals have %d", w.seed, s.seen, s.journalled)
					}
					mu.Lock()
					total["schedules"]++
					s.count(total, &sends)
					mu.Unlock()
				}
			})
		}
	})
	took := time.Since(began).Seconds()
	for _, what := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%-9s %6d (%3d %%)", what, total[what], 100*total[what]/max(total["schedules"], 1))
	}
	t.Logf("%.0f schedules per second; the platform saw %d sends, and the journals have %d", float64(total["schedules"])/took, sends[0], sends[1])
	if n := total["schedules"]; n >= 100 {
		if total["forgotten"]*100 < 5*n {
			t.Errorf("only in %d of %d schedules a run is removed", total["forgotten"], n)
		}
		for _, what := range []string{"unknown", "crash", "swap", "orphan"} {
			if total[what]*100 < 30*n {
				t.Errorf("only %d of %d schedules have: %s", total[what], n, what)
			}
		}
	}
}

func (s shares) count(total map[string]int, sends *[2]int) {
	for what, is := range map[string]bool{"unknown": s.unknown, "crash": s.crash, "swap": s.swap, "orphan": s.orphan, "forgotten": s.forgotten} {
		if is {
			total[what]++
		}
	}
	sends[0] += s.seen
	sends[1] += s.journalled
}

// draw makes the schedule of a number.
func draw(seed int, dialect wire.Dialect) *schedule {
	w := rapid.Custom(drawSchedule).Example(seed)
	w.seed, w.dialect = uint64(seed), dialect
	return w
}
