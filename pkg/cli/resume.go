package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/report"
)

type resumeOptions struct {
	connection
	runOptions
}

func newResume(env Env) *cobra.Command {
	var o resumeOptions
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Finish a run that was cut short: find out what is unknown, then do what was not attempted",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runResume(cmd.Context(), env, o, args)
		},
	}
	o.connection.bind(cmd)
	o.runOptions.bind(cmd)
	return cmd
}

func runResume(ctx context.Context, env Env, o resumeOptions, args []string) (err error) {
	halt, err := o.halt()
	if err != nil {
		return err
	}
	if err := writable(o.reports); err != nil {
		return err
	}
	s, err := o.connection.open(env)
	if err != nil {
		return err
	}
	release, err := s.hold("resume")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	run, err := s.choose(args)
	if err != nil || run == "" {
		hint(env, "no run of account %s is unfinished", fleet.Printable(s.account))
		return err
	}
	return s.resume(ctx, env, run, work{halt: halt, reports: o.reports})
}

// choose finds the run to resume: the one that was named, or the latest that is
// unfinished; empty when there is none.
func (s *session) choose(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	histories, err := s.store.Histories()
	if err != nil {
		return "", err
	}
	for i := len(histories) - 1; i >= 0; i-- {
		if histories[i].SupersededBy() != "" {
			continue
		}
		if old, err := s.recall(histories[i]); err != nil || old.unfinished() {
			return histories[i].Run, err
		}
	}
	return "", nil
}

// resume goes on with a run of the past.
func (s *session) resume(ctx context.Context, env Env, id string, w work) error {
	h, err := s.store.History(id)
	if err == nil {
		err = s.resumable(h)
	}
	if err != nil {
		return err
	}
	if w.journal, h, err = s.store.Continue(id, s.opened("resume")); err != nil {
		return err
	}
	old, err := s.recall(h)
	if err == nil {
		w.plan, w.results, w.history, w.want = old.plan, old.results, h, old.plan.Fleet()
		err = s.refreshed(ctx, env, &w)
	}
	if err != nil {
		return errors.Join(err, w.journal.Close())
	}
	run := &report.Run{ID: id, Plan: w.plan, Started: h.At, Simulated: s.simulated, Tool: version()}
	return s.execute(ctx, env, &w, run)
}

// resumable refuses a run that is not this session's to go on with.
func (s *session) resumable(h *journal.History) error {
	if by := h.SupersededBy(); by != "" {
		return fleet.Kind(fleet.ErrPlan, fmt.Errorf("run %s is superseded by run %s, which did its files anew; resume that one if it is unfinished", h.Run, by))
	}
	return s.owned("run "+h.Run, h.Account, h.BaseURL, h.Dialect)
}

// refreshed reads what is live and notes which tasks may not go on.
func (s *session) refreshed(ctx context.Context, env Env, w *work) error {
	now, l, err := s.planFiles(ctx, env, w.want, w.plan.Limits, nil)
	if err != nil {
		return err
	}
	w.look, w.stale = l, apply.Refresh(w.plan, w.results, now, l.have)
	own := map[string]bool{} // names of endpoints that the run may have made itself
	for i := range w.results {
		if r := &w.results[i]; r.Open() && r.ID == "" {
			own[fleet.NameKey(r.Task.Label())] = true
		}
	}
	w.known = func(id fleet.ID) bool {
		live, there := l.have.ByID(id)
		return there && !own[fleet.NameKey(live.Name)]
	}
	return nil
}
