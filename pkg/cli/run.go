package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/events"
	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
)

// runOptions are those of every command that does a plan.
type runOptions struct {
	reports     string
	haltAfter   string
	maxDuration time.Duration
	maxAge      time.Duration
}

func (o *runOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.reports, "reports", "reports", "`DIR` where runs report")
	f.StringVar(&o.haltAfter, "halt-after", "5%", "begin nothing new when more than this `PERCENT` of the finished endpoints failed, and at least 20 (0: never)")
	f.DurationVar(&o.maxAge, "max-age", time.Hour, "how old what was read of an endpoint may be when something is begun for it; live is read again then (after a minute where the plan hurts and somebody was asked)")
	f.DurationVar(&o.maxDuration, "max-duration", 0, "begin nothing new after this time (0: never)")
}

// leastFailed is how many endpoints must fail before a share of them says
// something.
const leastFailed = 20

func (o *runOptions) halt() (apply.Halt, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(o.haltAfter, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return apply.Halt{}, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--halt-after: got %s, want a percentage such as 5%%", fleet.Quote(o.haltAfter)))
	}
	if o.maxAge <= 0 {
		return apply.Halt{}, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--max-age: got %s, want a time such as 1h", o.maxAge))
	}
	if o.maxDuration < 0 {
		return apply.Halt{}, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--max-duration: got %s, want a time such as 6h, or 0", o.maxDuration))
	}
	return apply.Halt{Percent: percent, Least: leastFailed, After: o.maxDuration}, nil
}

// work is what a command has to do: a plan as far as it is not done, and what it
// rests on.
type work struct {
	command string
	choice  *plan.Choice // of the rows; nil for all
	plan    *plan.Plan
	results []apply.Result
	want    *fleet.Fleet
	look    look
	stale   map[int]string
	known   func(fleet.ID) bool
	journal *journal.Journal
	events  *events.Recorder // hears what the journal is told; nil until the run begins
	history *journal.History // of a run that goes on; nil for a new one
	halt    apply.Halt
	reports string
	looks   report.Options // of the summary
	maxAge  time.Duration  // how old what a task rests on may be when it is begun
}

// begin journals a new run of the work's plan.
func (s *session) begin(env Env, w *work) (run *report.Run, err error) {
	run = &report.Run{ID: journal.NewID(time.Now()), Plan: w.plan, Started: time.Now().UTC(), Simulated: s.simulated, Reach: s.reach, Tool: version()}
	w.journal, err = apply.Begin(s.store, w.plan, apply.Beginning{Run: run.ID, At: run.Started, Opened: s.opened(w.command), Clock: s.clock, Abilities: platform.AbilitiesOf,
		Superseded: func(old string) {
			say(env.Stderr, "run %s was not finished, and works on some of the same endpoints, names or SIMs: this one takes its place, and it is not resumed any more", old)
		}})
	return run, err
}

// execute does the work and says what came of it. The error is what the exit
// code follows from; everything has been written and printed by then.
func (s *session) execute(ctx context.Context, env Env, w *work, run *report.Run) error {
	s.run(ctx, env, w, run)
	s.check(ctx, env, w, run)
	outcome := errors.Join(runError(run), w.journal.Err())
	run.Exit = exitCode(ctx, outcome)
	s.monitor.ending.Run = run
	if outcome != nil {
		outcome = &reported{outcome}
	}
	end := journal.End{At: run.Ended, Exit: run.Exit, Verified: run.Doubt == nil, Cut: fleet.Message(run.Cut), Doubt: fleet.Message(run.Doubt), Live: s.endpoints, Reads: s.reads(), Settles: s.settles()}
	if run.Doubt != nil { // the last listing was before the calls
		end.Live = max(end.Live, made(run.Results))
	}
	for i := range run.Results {
		run.Results[i].End(end)
	}
	w.events.Revise(run.Results)
	// What was simulated is kept before anything is printed: a pipe may break. The
	// run ends in the journal only when its report is there: until then it is
	// resumed.
	delivered := errors.Join(s.end(env), s.deliver(env, w, run), s.store.Know(reached(run.Results)))
	kept := w.journal.End(end)
	if closed := w.journal.Close(); closed != nil {
		kept = fmt.Errorf("%w (sftctl resume %s goes on once the disk takes it)", closed, run.ID)
	}
	return errors.Join(outcome, kept, delivered)
}

// reached are the endpoints that a run brought to where they should be.
func reached(results []apply.Result) (ids []fleet.ID) {
	for i := range results {
		if r := &results[i]; r.ID != "" && (r.Outcome == fleet.Done || r.Outcome == fleet.Unchanged) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// run does what is left of a plan.
func (s *session) run(ctx context.Context, env Env, w *work, run *report.Run) {
	s.monitor.begins(run.ID, w)
	progress := watch(env, newTally(w, gauge{s.requests, s.client.Pace, s.workers}), s.monitor.progressed(run.ID))
	quiet := context.AfterFunc(ctx, func() {
		say(env.Stderr, "stopping: nothing new is begun, and calls in flight may answer for up to %s; a second interrupt gives them up", s.grace)
	})
	defer quiet()
	w.events = s.monitor.recorder(run.ID, w.results)
	w.events.Begin()
	opts := s.options(env, w)
	opts.Journal = apply.Overheard(w.journal, progress.saw, w.events.Saw)
	opts.Progress = func(c apply.Completed) { progress.completed(c); w.events.Ended(c) }
	err := apply.Run(ctx, w.plan, w.results, s.client, opts)
	run.Results, run.Cut = w.results, err
	progress.stop()
}

// left is how many tasks are still to be done.
func left(w *work) int {
	n := 0
	for i := range w.results {
		if _, stale := w.stale[i]; !w.results[i].Finished() && !stale {
			n++
		}
	}
	return n
}

func (s *session) options(env Env, w *work) apply.Options {
	return apply.Options{Workers: s.workers, Stale: w.stale, Known: w.known, Settling: s.settling, Halt: w.halt, Found: w.look.have,
		Renewal: apply.Renewal{Read: w.look.at, Age: w.maxAge, Look: s.looker(env, w)}}
}

// check holds the results against what the platform shows after the run, for
// which the account is listed again where something was sent.
func (s *session) check(ctx context.Context, env Env, w *work, run *report.Run) {
	run.Doubt = s.confirm(ctx, env, w)
	run.Ended = time.Now().UTC()
	run.Reads, run.Settles = s.reads(), s.settles()
	if w.history != nil {
		reads, settles := w.history.Effort()
		run.Reads, run.Settles = run.Reads+reads, run.Settles+settles
	}
}

func (s *session) confirm(ctx context.Context, env Env, w *work) error {
	if ctx.Err() != nil {
		return errors.New("the run was stopped before its results could be verified")
	}
	look := s.looker(env, w)
	if s.mutations() == 0 && w.history == nil {
		look = func(context.Context) (*plan.Plan, *inventory.Inventory, error) {
			after, err := s.build(w.want, w.look, terms{limits: w.plan.Limits})
			return after, w.look.have, err
		}
	}
	return apply.Confirm(ctx, w.plan, w.results, look, apply.Options{Journal: apply.Overheard(w.journal, w.events.Saw), Settling: s.settling})
}

// looker lists what is live, and plans the run's files on it.
func (s *session) looker(env Env, w *work) apply.Look {
	return func(ctx context.Context) (*plan.Plan, *inventory.Inventory, error) {
		hint(env, "reading what is live …")
		l := w.look
		have, err := s.list(ctx, w.want)
		if err != nil {
			return nil, nil, fmt.Errorf("the results could not be verified: %w", err)
		}
		l.have = have
		after, err := s.build(w.want, l, terms{limits: w.plan.Limits})
		return after, have, err
	}
}

// report writes the reports and prints the summary. Nobody reading it any more
// is no failure of a run, nor is a page that could not be written: the exit code
// says what came of the rows.
func (s *session) report(env Env, w *work, run *report.Run) error {
	tidy(filepath.Join(w.reports, run.ID))
	failed := writeReports(w.reports, run.ID, run.Files())
	if failed == nil {
		if err := writeReports(w.reports, run.ID, run.Pages()); err != nil {
			say(env.Stderr, "warning: %v", err)
		}
		say(env.Stderr, "reported in %s", filepath.Join(w.reports, run.ID))
		s.monitor.in(filepath.Join(w.reports, run.ID))
	}
	return errors.Join(failed, printed(run.Write(env.Stdout, "text", w.looks)))
}

// printed is the error of what was printed. That nobody reads it any more is none:
// head and less end as soon as they have seen enough.
func printed(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return fleet.Kind(fleet.ErrIO, err)
}

// writeReports writes files of a run into a folder of its own, as many as can be
// written.
func writeReports(reports, id string, files map[string]func(io.Writer) error) error {
	var problems []error
	for _, name := range sortedKeys(files) {
		problems = append(problems, writeFile(filepath.Join(reports, id, name), files[name]))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%w (sftctl runs show %s --reports DIR writes the reports again)", err, id)
	}
	return nil
}

// tidy removes what a process that was killed left of files in a run's folder.
// Where that is not possible, writing will say why.
func tidy(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// settlingOf says how the flags want unknown calls to be settled.
func (c *connection) settlingOf() apply.Settling {
	return apply.Settling{Window: c.settle, Rate: c.rate, Patience: c.maxOutage, Unpaged: c.listing == "unpaged"}
}

// shortSettle refuses a window in which a call may still be applied, unless the
// platform is a simulated one.
func (s *session) shortSettle() error {
	if s.settling.Window >= apply.DefaultWindow || !s.real() {
		return nil
	}
	return fleet.Kind(fleet.ErrUsage, fmt.Errorf("--settle: got %s, want at least %s: the platform may work for 180 s on a call that was given up", s.settling.Window, apply.DefaultWindow))
}
