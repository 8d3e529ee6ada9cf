package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
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
	choosing
	looks
	runOptions
	monitoring
	yes  bool
	keep days // how long runs are kept
}

// bind binds what every command has that plans files and does the plan.
func (o *applyOptions) bind(cmd *cobra.Command) {
	o.connection.bind(cmd)
	o.inputs.bind(cmd)
	o.inputs.bindEmpty(cmd)
	o.guards.bind(cmd)
	o.choosing.bind(cmd)
	o.runOptions.bind(cmd)
	o.looks.bind(cmd)
	o.monitoring.bind(cmd)
}

func newApply(env Env) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:               "apply PLAN | FILE...",
		Short:             "Do a saved plan, or plan files and do that after a question",
		Args:              someFiles,
		ValidArgsFunction: fleetFilesOrPlan,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.watch(cmd.Context(), env, "apply", &o.connection, func(env Env) error {
				return runApply(cmd.Context(), env, "apply", o, args)
			})
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask; the guards hold all the same")
	return cmd
}

func runApply(ctx context.Context, env Env, command string, o applyOptions, args []string) error {
	halt, err := o.halt()
	if err := errors.Join(err, o.guards.check()); err != nil {
		return err
	}
	saved, err := planArgument(args)
	if err != nil {
		return err
	}
	want, choice, err := o.wanted(env, args, saved)
	if err != nil {
		return err
	}
	if saved == nil && !o.yes && !env.Terminal {
		return fleet.Kind(fleet.ErrUsage, errors.New("nobody is at the terminal to approve: apply a saved plan, or say --yes"))
	}
	if err := writable(o.reports); err != nil {
		return err
	}
	return o.holding(env, command, func(s *session) error {
		err := s.apply(ctx, env, o, &work{command: command, want: want, choice: choice, halt: halt, reports: o.reports, looks: o.summary(env), maxAge: o.maxAge}, saved)
		if ctx.Err() == nil {
			s.prune(env, o.reports, o.keep)
		}
		return err
	})
}

// wanted is what is to be done: a saved plan, or files and a choice of their rows.
func (o *applyOptions) wanted(env Env, args []string, saved *plan.Plan) (want *fleet.Fleet, choice *plan.Choice, err error) {
	if saved != nil {
		return saved.Fleet(), nil, o.choosing.none()
	}
	if choice, err = o.choosing.choice(); err != nil {
		return nil, nil, err
	}
	want, err = o.inputs.read(env, args)
	return want, choice, err
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

// apply walks the line: what earlier runs left, plan, approval, run, check,
// report.
func (s *session) apply(ctx context.Context, env Env, o applyOptions, w *work, saved *plan.Plan) error {
	if saved != nil {
		if err := s.unused(saved); err != nil {
			return err
		}
	}
	if err := s.settleEarlier(ctx, env, ""); err != nil {
		return err
	}
	var err error
	if saved != nil {
		err = s.approveSaved(ctx, env, o, w, saved)
	} else {
		err = s.approveFiles(ctx, env, o, w)
	}
	if err != nil {
		return err
	}
	w.known = func(id fleet.ID) bool { _, ok := w.look.have.ByID(id); return ok }
	run, err := s.begin(env, w)
	if err != nil {
		return err
	}
	return s.execute(ctx, env, w, run)
}

// unused refuses a plan that is not this session's to do, or that a run has
// used up.
func (s *session) unused(p *plan.Plan) error {
	if err := s.owned("the plan", p.Account, p.BaseURL, p.Dialect); err != nil {
		return err
	}
	run, err := s.store.UsedBy(p.ID)
	if err == nil && run != "" {
		err = fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan was applied by run %s, and a plan is applied once; sftctl resume %s finishes that run, and a new plan shows what is left", run, run))
	}
	return err
}

// approveSaved holds a saved plan against the limits of the moment and what is
// live now.
func (s *session) approveSaved(ctx context.Context, env Env, o applyOptions, w *work, saved *plan.Plan) error {
	s.monitor.planned(saved)
	if err := guarded(saved.Blocked); err != nil {
		return fmt.Errorf("%w (this was said when the plan was made: make a new one with that limit)", err)
	}
	warnOfEdits(env, saved)
	limits := saved.Limits.Tighten(o.guards.given())
	if err := guarded(limits.Check(saved.Counts)); err != nil {
		return err
	}
	under, err := s.terms(env, saved.Inputs, limits, nil)
	if err != nil {
		return err
	}
	now, l, err := s.planFiles(ctx, env, w.want, under)
	if err != nil {
		return err
	}
	found := saved.Header
	found.Live = now.Live
	if err := guarded(limits.CheckEarlier(&found, under.earlier)); err != nil {
		return err
	}
	w.plan, w.look, w.results = saved, l, apply.New(saved, s.client.Abilities())
	w.stale = apply.Renamed(w.results, l.moved, apply.Refresh(saved, w.results, now, l.have))
	return nil
}

// approveFiles plans files, shows the plan and asks.
func (s *session) approveFiles(ctx context.Context, env Env, o applyOptions, w *work) error {
	under, err := s.terms(env, w.want.Inputs, o.limits, w.choice)
	if err != nil {
		return err
	}
	if w.plan, w.look, err = s.planFiles(ctx, env, w.want, under); err != nil {
		return err
	}
	s.monitor.planned(w.plan)
	if w.choice != nil || w.plan.FromStock() { // nothing else is looked at, and no other card chosen, from here on
		w.want, under.choice = w.plan.Fleet(), nil
	}
	if err := printed(report.PlanText(env.Stdout, w.plan, o.looks.options(env))); err != nil {
		return err
	}
	asked := time.Now()
	if err := guarded(w.plan.Blocked); err != nil {
		s.refused(env, w)
		return err
	}
	if err := ask(ctx, env, o.yes, w.plan, under.earlier.LiveRun == ""); err != nil {
		return err
	}
	w.results = apply.New(w.plan, s.client.Abilities())
	if time.Since(asked) > o.patience(w.plan) {
		err = s.refresh(ctx, env, w, under)
	}
	return err
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
func (s *session) refresh(ctx context.Context, env Env, w *work, under terms) error {
	hint(env, "reading again what is live, the answer took long …")
	at := time.Now()
	have, err := s.list(ctx, w.want)
	if err != nil {
		return err
	}
	w.look.have, w.look.at = have, at
	now, err := s.build(w.want, w.look, under)
	if err != nil {
		return err
	}
	w.stale = apply.Refresh(w.plan, w.results, now, have)
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

// owned refuses what was made for another platform or account.
func (s *session) owned(what, account, baseURL, dialect string) error {
	if baseURL != s.baseURL || account != s.account {
		return fleet.Kind(fleet.ErrPlan, fmt.Errorf("%s is for account %s at %s, and this command is for %s at %s",
			what, fleet.Quote(account), fleet.Printable(baseURL), fleet.Quote(s.account), s.baseURL))
	}
	if have := s.client.Abilities().Dialect; dialect != have {
		return fleet.Kind(fleet.ErrPlan, fmt.Errorf("%s is in dialect %s, and this command is in %s", what, fleet.Quote(dialect), have))
	}
	return nil
}

// ask asks before anything changes: for a yes, or for the number where endpoints
// will be deleted.
func ask(ctx context.Context, env Env, yes bool, p *plan.Plan, first bool) error {
	if yes || p.Counts.Calls == 0 {
		return nil
	}
	word, wish := "yes", "type yes"
	if n := p.Counts.Step(fleet.Delete); n > 0 {
		word, wish = strconv.Itoa(n), fmt.Sprintf("%s will be deleted, type that number", fleet.Count(n, "endpoint"))
	}
	question := fmt.Sprintf("%s of account %s will change in %s; to go on, %s: ", fleet.Count(p.Counts.Change, "endpoint"), fleet.Printable(p.Account), fleet.Count(p.Counts.Calls, "call"), wish)
	if first && p.Creates() {
		question += "(no run of that account is known here, and few or none of the rows are live: is it the right one?) "
	}
	if logs(env.Stderr) {
		question += "\n" // a record is a line
	}
	_, _ = io.WriteString(env.Stderr, question)
	if answer(ctx, env) != word {
		return fleet.Kind(fleet.ErrStopped, errors.New("not approved, nothing was changed"))
	}
	return nil
}

// answer reads a line, or nothing when the context ends first; nobody can take the
// reading back, but the program is over then.
func answer(ctx context.Context, env Env) string {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(env.Stdin).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	select {
	case text := <-line:
		return text
	case <-ctx.Done():
		return ""
	}
}
