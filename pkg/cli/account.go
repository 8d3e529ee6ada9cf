package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
)

// holding sets a connection up and holds the account for as long as a command
// that changes something takes.
func (c *connection) holding(env Env, command string, do func(*session) error) (err error) {
	s, err := c.open(env)
	if err != nil {
		return err
	}
	release, err := s.hold(command)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return do(s)
}

// hold takes the account for a command that changes something, and gives what
// lets it go. The error is an ErrLocked when another run has it.
func (s *session) hold(command string) (release func() error, err error) {
	lock, err := journal.TakeLock(s.dir, command)
	if err != nil {
		return nil, err
	}
	if err := s.store.Tidy(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return lock.Release, nil
}

// doubts are what earlier runs leave open for a plan that is made now.
func (s *session) doubts(histories []*journal.History) []plan.Doubt {
	return apply.Doubts(histories, s.clock(), s.settling.Window)
}

// ofRun is a run of the past as its journal and its plan have it.
type ofRun struct {
	*journal.History
	plan    *plan.Plan
	results []apply.Result
}

// recall makes a run again from what was kept of it.
func (s *session) recall(h *journal.History) (*ofRun, error) {
	return recall(s.store, h, s.clock())
}

func recall(store *journal.Store, h *journal.History, now journal.Moment) (*ofRun, error) {
	abilities, err := platform.AbilitiesOf(h.Dialect)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", h.Run, err)
	}
	p, results, err := apply.Recall(store, h, abilities, now)
	if err != nil {
		return nil, err
	}
	return &ofRun{h, p, results}, nil
}

// unfinished says whether something of the run is left to be done, or to be found
// out.
func (r *ofRun) unfinished() bool { return apply.Resumable(r.History, r.results) }

// settleEarlier finds out, for all earlier runs of the account, what their open
// calls did and whether what was acknowledged is so: by waiting where that is
// needed. What cannot be found out stays open, and is blocked in the plan. The run
// that is to go on settles its own.
func (s *session) settleEarlier(ctx context.Context, env Env, but string) error {
	histories, err := s.store.Histories()
	if err != nil {
		return err
	}
	for _, h := range histories {
		open := len(h.Open())
		if h.Run == but || open == 0 && h.Verified() {
			continue
		}
		if open > 0 {
			say(env.Stderr, "run %s is not verified: finding out what it did (%s in doubt), which may take %s …", h.Run, fleet.Count(open, "call"), 2*s.settling.Window+time.Minute)
		} else {
			say(env.Stderr, "run %s is not verified: looking whether what it did shows …", h.Run)
		}
		if err := s.settleRun(ctx, env, h.Run); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) settleRun(ctx context.Context, env Env, run string) (err error) {
	histories, err := s.store.Histories()
	if err != nil {
		return err
	}
	before := apply.Earlier(histories, nil, s.clock())
	j, h, err := s.store.Continue(run, s.opened("settle"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	old, err := s.recall(h)
	if err != nil {
		return err
	}
	told := s.monitor.recorder(run, old.results)
	journaled := apply.Overheard(j, told.Saw)
	earlierReads := s.settles()
	if err = apply.Run(ctx, old.plan, old.results, s.client, apply.Options{Workers: s.workers, Journal: journaled, Settling: s.settling, Only: true}); err != nil {
		return err
	}
	w := &work{plan: old.plan, want: old.plan.Fleet()}
	if err := apply.Confirm(ctx, old.plan, old.results, s.looker(env, w), apply.Options{Journal: journaled, Settling: s.settling}); err != nil {
		return err
	}
	told.Revise(old.results)
	end, _ := h.LastEnd()
	reads := s.settles() - earlierReads
	end.At, end.Reads, end.Settles, end.Verified, end.Doubt = time.Now().UTC(), reads, reads, true, ""
	end.Live = max(end.Live, before.Live, made(old.results)) // not what is listed today: that is held against it
	past := &report.Run{Results: old.results}
	end.Exit = exitCode(ctx, runError(past)) // by its rows: what cut it short is over
	say(env.Stderr, "run %s: %s; sftctl runs show %s --reports DIR writes the report of it", run, past.Outcomes(), run)
	return errors.Join(s.store.Know(reached(old.results)), j.End(end))
}

func (s *session) opened(command string) journal.Opened {
	return journal.Opened{Command: command, Tool: version()}
}
