package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

type applyOptions struct {
	connection
	inputs
	guards
	yes     bool
	full    bool
	reports string
	maxAge  time.Duration
}

func newApply(env Env) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply PLAN | FILE...",
		Short: "Do a saved plan, or plan files and do that after a question",
		Args:  someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runApply(cmd.Context(), env, o, args)
		},
	}
	o.connection.bind(cmd)
	o.inputs.bind(cmd)
	o.guards.bind(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.yes, "yes", false, "do not ask; the guards hold all the same")
	f.BoolVar(&o.full, "full", false, "list every change, not just the first")
	f.DurationVar(&o.maxAge, "max-age", time.Hour, "how long the answer to the question may take before live is read again (a minute where the plan hurts)")
	f.StringVar(&o.reports, "reports", "reports", "`DIR` where runs report")
	return cmd
}

func runApply(ctx context.Context, env Env, o applyOptions, args []string) error {
	if err := o.guards.check(); err != nil {
		return err
	}
	saved, err := planArgument(args)
	if err != nil {
		return err
	}
	var want *fleet.Fleet
	if saved != nil {
		want = saved.Fleet()
	} else if want, err = o.inputs.read(env, args); err != nil {
		return err
	}
	if saved == nil && !o.yes && !env.Terminal {
		return fleet.Kind(fleet.ErrUsage, errors.New("nobody is at the terminal to approve: apply a saved plan, or say --yes"))
	}
	if err := writable(o.reports); err != nil {
		return err
	}
	s, err := o.connection.open(env)
	if err != nil {
		return err
	}
	if s.real() {
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("apply works on --simulate and on loopback only, and %s is neither: until a run is journalled, a cut connection could leave calls that nobody accounts for", s.baseURL))
	}
	return doApply(ctx, env, o, s, want, saved)
}

// planArgument reads the plan file among the arguments, nil when they are
// files to be planned.
func planArgument(args []string) (*plan.Plan, error) {
	for _, arg := range args {
		if !isPlan(arg) {
			continue
		}
		if len(args) > 1 {
			return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s is a saved plan, and is applied by itself", arg))
		}
		return readPlan(arg)
	}
	return nil, nil
}

// approved is a plan that may be done, what it rests on, and the tasks that are
// not to be done after all.
type approved struct {
	plan  *plan.Plan
	look  look
	stale map[int]string
}

// doApply walks the line: plan, approval, run, check, report.
func doApply(ctx context.Context, env Env, o applyOptions, s *session, want *fleet.Fleet, saved *plan.Plan) error {
	var a approved
	var err error
	if saved != nil {
		a, err = s.approveSaved(ctx, env, o, want, saved)
	} else {
		a, err = s.approveFiles(ctx, env, o, want)
	}
	if err != nil {
		return err
	}
	run := s.run(ctx, env, a)
	s.check(ctx, env, run, want, a.look)
	// What was simulated is kept before anything is printed: a pipe may break.
	return errors.Join(s.close(), finish(ctx, env, o.reports, run))
}

// approveSaved holds a saved plan against the platform, the limits of the moment
// and what is live now.
func (s *session) approveSaved(ctx context.Context, env Env, o applyOptions, want *fleet.Fleet, saved *plan.Plan) (approved, error) {
	if err := s.owns(saved); err != nil {
		return approved{}, err
	}
	if err := guarded(saved.Blocked); err != nil {
		return approved{}, fmt.Errorf("%w (this was said when the plan was made: make a new one with that limit)", err)
	}
	warnOfEdits(env, saved)
	limits := saved.Limits.Tighten(o.guards.given())
	if err := guarded(limits.Check(saved.Counts)); err != nil {
		return approved{}, err
	}
	now, l, err := s.planFiles(ctx, env, want, limits)
	if err != nil {
		return approved{}, err
	}
	return approved{saved, l, apply.Refresh(saved, now)}, nil
}

// approveFiles plans files, shows the plan and asks.
func (s *session) approveFiles(ctx context.Context, env Env, o applyOptions, want *fleet.Fleet) (approved, error) {
	p, l, err := s.planFiles(ctx, env, want, o.limits)
	if err != nil {
		return approved{}, err
	}
	if err := report.PlanText(env.Stdout, p, o.full); err != nil {
		return approved{}, fleet.Kind(fleet.ErrIO, err)
	}
	asked := time.Now()
	if err := errors.Join(guarded(p.Blocked), ask(env, o.yes, p)); err != nil {
		return approved{}, err
	}
	a := approved{plan: p, look: l}
	if time.Since(asked) > o.patience(p) {
		err = s.refresh(ctx, env, o, want, &a)
	}
	return a, err
}

// patience is how long the answer to the question may take before live is read
// again: less where the plan hurts.
func (o *applyOptions) patience(p *plan.Plan) time.Duration {
	if p.Counts.Hurting() > 0 {
		return min(o.maxAge, time.Minute)
	}
	return o.maxAge
}

// refresh reads live again and notes which tasks are stale by it.
func (s *session) refresh(ctx context.Context, env Env, o applyOptions, want *fleet.Fleet, a *approved) error {
	hint(env, "reading again what is live, the answer took long …")
	at := time.Now()
	have, err := s.list(ctx, want)
	if err != nil {
		return err
	}
	a.look.have, a.look.at = have, at
	now, err := s.build(want, a.look, o.limits)
	if err != nil {
		return err
	}
	a.stale = apply.Refresh(a.plan, now)
	return nil
}

// warnOfEdits tells of input files that are others now than when the plan was
// made. The plan is what was approved, so it is done all the same.
func warnOfEdits(env Env, saved *plan.Plan) {
	for _, input := range saved.Inputs {
		data, err := os.ReadFile(input.File)
		if err != nil || input.File == "-" {
			continue
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != input.SHA256 {
			say(env.Stderr, "warning: %s was edited since the plan was made; the plan is done as it was approved", fleet.Printable(input.File))
		}
	}
}

// owns refuses a plan that was made for another platform or account.
func (s *session) owns(p *plan.Plan) error {
	if p.BaseURL != s.baseURL || p.Account != s.account {
		return fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan is for account %s at %s, and this run is for %s at %s",
			fleet.Quote(p.Account), fleet.Printable(p.BaseURL), fleet.Quote(s.account), s.baseURL))
	}
	if have := s.client.Abilities().Dialect; p.Dialect != have {
		return fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan is in dialect %s, and this run is in %s", fleet.Quote(p.Dialect), have))
	}
	return nil
}

// ask asks before anything changes: for a yes, or for the number where endpoints
// will be deleted.
func ask(env Env, yes bool, p *plan.Plan) error {
	if yes || p.Counts.Calls == 0 {
		return nil
	}
	word, wish := "yes", "type yes"
	if n := p.Counts.Step(fleet.Delete); n > 0 {
		word, wish = strconv.Itoa(n), fmt.Sprintf("%d endpoints will be deleted, type that number", n)
	}
	_, _ = fmt.Fprintf(env.Stderr, "%d endpoints will change in %d calls; to go on, %s: ", p.Counts.Change, p.Counts.Calls, wish)
	answer, _ := bufio.NewReader(env.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) != word {
		return fleet.Kind(fleet.ErrStopped, errors.New("not approved, nothing was changed"))
	}
	return nil
}

// run does an approved plan.
func (s *session) run(ctx context.Context, env Env, a approved) *report.Run {
	run := &report.Run{ID: newID(time.Now()), Plan: a.plan, Started: time.Now(), Simulated: s.simulated, Tool: version()}
	progress := watch(env, a.plan.Counts.Change-len(a.stale))
	quiet := context.AfterFunc(ctx, func() {
		say(env.Stderr, "stopping: nothing new is begun, and calls in flight may answer for up to %s; a second interrupt gives them up", s.grace)
	})
	defer quiet()
	known := func(id fleet.ID) bool { _, ok := a.look.have.ByID(id); return ok }
	run.Results, run.Cut = apply.Run(ctx, a.plan, s.client, apply.Options{Workers: s.workers, Progress: progress.completed, Stale: a.stale, Known: known})
	progress.stop()
	return run
}

// check holds the results against what the platform shows after the run, for
// which the account is listed again where something was sent.
func (s *session) check(ctx context.Context, env Env, run *report.Run, want *fleet.Fleet, l look) {
	run.Doubt = s.verify(ctx, env, run, want, l)
	run.Mutations, run.Reads, run.Ended = s.mutations(), s.reads(), time.Now()
}

func (s *session) verify(ctx context.Context, env Env, run *report.Run, want *fleet.Fleet, l look) error {
	if ctx.Err() != nil {
		return errors.New("the run was stopped before its results could be verified")
	}
	if s.mutations() > 0 {
		hint(env, "reading what is live after the run …")
		again, err := s.list(ctx, want)
		if err != nil {
			return fmt.Errorf("the results could not be verified: %w", err)
		}
		l.have = again
	}
	after, err := s.build(want, l, run.Plan.Limits)
	if err != nil {
		return err
	}
	apply.Verify(run.Plan, run.Results, after, l.have)
	return nil
}

// finish writes the reports, prints the summary and makes the exit code.
func finish(ctx context.Context, env Env, reports string, run *report.Run) error {
	outcome := runError(run)
	run.Exit = exitCode(ctx, outcome)
	dir := filepath.Join(reports, run.ID)
	files := run.Files()
	var failed error
	for _, name := range sortedKeys(files) {
		if failed = writeFile(filepath.Join(dir, name), files[name]); failed != nil {
			break
		}
	}
	if failed == nil {
		say(env.Stderr, "reported in %s", dir)
	}
	return errors.Join(outcome, failed, fleet.Kind(fleet.ErrIO, run.WriteText(env.Stdout)))
}
