package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/report"
)

type resumeOptions struct {
	connection
	looks
	runOptions
	monitoring
}

func newResume(env Env) *cobra.Command {
	var o resumeOptions
	cmd := &cobra.Command{
		Use:               "resume [RUN]",
		Short:             "Finish a run that was cut short: find out what is unknown, then do what was not attempted",
		Args:              atMostOne,
		ValidArgsFunction: someRun(env, leftSomething),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.watch(cmd.Context(), env, "resume", &o.connection, func(env Env) error {
				return runResume(cmd.Context(), env, o, args)
			})
		},
	}
	o.connection.bind(cmd)
	o.looks.bindColor(cmd)
	o.runOptions.bind(cmd)
	o.monitoring.bind(cmd)
	return cmd
}

func runResume(ctx context.Context, env Env, o resumeOptions, args []string) error {
	halt, err := o.halt()
	if err != nil {
		return err
	}
	if err := writable(o.reports); err != nil {
		return err
	}
	return o.holding(env, "resume", func(s *session) error {
		run, err := s.choose(args)
		if err == nil && run == "" {
			return s.nothingToResume(env, o.stateDir)
		}
		if err == nil {
			err = s.resume(ctx, env, run, work{halt: halt, reports: o.reports, looks: o.summary(env), maxAge: o.maxAge})
		}
		if journal.Missing(err) {
			err = errors.Join(s.elsewhere(env, o.stateDir, run), err)
		}
		return err
	})
}

// nothingToResume says so and where it looked, and names what other accounts left: it
// may have been meant.
func (s *session) nothingToResume(env Env, stateDir string) error {
	say(env.Stderr, "no run of account %s at %s is unfinished", fleet.Printable(s.account), fleet.Printable(s.baseURL))
	if err := s.lookedIn(env, statePath(env, stateDir)); err != nil {
		return err
	}
	all, err := stores(env, stateDir)
	for _, store := range all {
		histories, _ := store.Histories() // what cannot be read is theirs to tell
		for _, h := range histories {
			if open, _ := resumes(store, h, s.clock()); open && !h.Running() {
				say(env.Stderr, "unfinished elsewhere: run %s of account %s at %s (%s)", h.Run, fleet.Printable(h.Account), fleet.Printable(h.BaseURL), state(store, h))
			}
		}
	}
	return err
}

// lookedIn names a state directory. One that knows no run of the account is hardly the
// one in which something was left to be resumed.
func (s *session) lookedIn(env Env, dir string) error {
	runs, err := s.store.Runs()
	switch {
	case err != nil:
	case len(runs) == 0:
		say(env.Stderr, "none is known in the state directory %s: is that the right --state-dir, and %s the right user?", fleet.Printable(dir), fleet.Quote(s.account))
	default:
		say(env.Stderr, "looked in the state directory %s, which knows %s of it", fleet.Printable(dir), fleet.Count(len(runs), "run"))
	}
	return err
}

// elsewhere says whose a run is that this account does not have, or that nobody has it
// in this state directory.
func (s *session) elsewhere(env Env, stateDir, run string) error {
	_, h, err := findRun(env, stateDir, run)
	switch {
	case errors.Is(err, fleet.ErrInvalid):
		return fmt.Errorf("no account in the state directory %s has run %s: is that the right --state-dir?", fleet.Printable(statePath(env, stateDir)), fleet.Printable(run))
	case err != nil: // of a run that cannot be read, in whichever account
		return nil
	}
	return s.owned("run "+run, h.Account, h.BaseURL, h.Dialect)
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
		if open, err := resumes(s.store, histories[i], s.clock()); open {
			return histories[i].Run, err
		}
	}
	return "", nil
}

// resumes says whether a run is one to resume; also one that cannot be recalled may
// be, and the error says why it cannot.
func resumes(store *journal.Store, h *journal.History, now journal.Moment) (bool, error) {
	if h.Clean() || store.SupersededBy(h) != "" {
		return false, nil
	}
	old, err := recall(store, h, now)
	return err != nil || old.unfinished(), err
}

// resume goes on with a run of the past.
func (s *session) resume(ctx context.Context, env Env, id string, w work) error {
	h, err := s.store.History(id)
	if err == nil {
		err = s.resumable(h)
	}
	if err == nil {
		err = s.settleOthers(ctx, env, id)
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
		s.monitor.planned(w.plan)
		s.monitor.ending.Resumed = true
		err = s.refreshed(ctx, env, &w)
	}
	if err != nil {
		return errors.Join(err, w.journal.Close())
	}
	run := &report.Run{ID: id, Plan: w.plan, Started: h.At, Simulated: s.simulated, Reach: s.reach, Tool: version()}
	return s.execute(ctx, env, &w, run)
}

// lagging is how long to wait for a listing that lags.
const lagging = 30 * time.Second

// pause waits; it is false when the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// settleOthers finds out what all other runs did, and refuses to go on while a call
// of theirs may still be applied: this run could do the same once more.
func (s *session) settleOthers(ctx context.Context, env Env, id string) error {
	if err := s.settleEarlier(ctx, env, id); err != nil {
		return err
	}
	histories, err := s.store.Histories()
	if err != nil {
		return err
	}
	for _, d := range s.doubts(histories) {
		if d.Run != id && !d.Done {
			return fleet.Kind(fleet.ErrIncomplete, fmt.Errorf("run %s is not resumed: %s", id, d))
		}
	}
	return nil
}

// resumable refuses a run that is not this session's to go on with.
func (s *session) resumable(h *journal.History) error {
	if by := s.store.SupersededBy(h); by != "" {
		return fleet.Kind(fleet.ErrPlan, fmt.Errorf("run %s is superseded by run %s, which worked on some of the same endpoints, names or SIMs since; apply its files again for what is left", h.Run, by))
	}
	return s.owned("run "+h.Run, h.Account, h.BaseURL, h.Dialect)
}

// refreshed reads what is live and notes which tasks may not go on. What the run
// has done so lately that a listing may lag behind it is read again, until it
// shows or that is long ago.
func (s *session) refreshed(ctx context.Context, env Env, w *work) error {
	var l look
	for {
		now, seen, err := s.planFiles(ctx, env, w.want, terms{limits: w.plan.Limits})
		if err != nil {
			return err
		}
		apply.Shown(w.results, seen.have, w.journal)
		l, w.look, w.stale = seen, seen, apply.Renamed(w.results, seen.moved, apply.Refresh(w.plan, w.results, now, seen.have))
		wait := apply.Lags(w.results, w.stale, seen.have, s.settling.Window)
		if wait <= 0 || !pause(ctx, min(wait, lagging)) {
			break
		}
	}
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
