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
	"sftctl/pkg/report"
	"sftctl/pkg/wire"
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

// doubts are the calls of earlier runs that nobody has settled, and those that
// were done so lately that a listing may not show them.
func (s *session) doubts(histories []*journal.History) (doubts []plan.Doubt) {
	now := s.clock()
	for _, h := range histories {
		for _, i := range h.Open() {
			doubts = append(doubts, doubtOf(h, i, false))
		}
		for _, i := range h.Young(now, s.settling.Window) {
			doubts = append(doubts, doubtOf(h, i, true))
		}
	}
	return doubts
}

func doubtOf(h *journal.History, i journal.Intent, done bool) plan.Doubt {
	return plan.Doubt{Run: h.Run, Done: done, Action: i.Action, ID: i.ID, Name: i.Name, ICCID: i.ICCID, Links: i.Links, Starts: i.Starts}
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
	file, err := store.Plan(h)
	if err != nil {
		return nil, err
	}
	p, err := plan.Read(file)
	if err != nil {
		return nil, err
	}
	dialect, ok := wire.DialectByName(h.Dialect)
	if !ok {
		return nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("run %s is in dialect %s, which this version does not know", h.Run, fleet.Quote(h.Dialect)))
	}
	results, err := apply.Replay(p, dialect.Abilities(), h, now)
	return &ofRun{h, p, results}, err
}

// unfinished says whether a run has tasks that may still be begun or settled, or
// results that nobody verified.
func (r *ofRun) unfinished() bool {
	return !r.Verified() || len(r.Open()) > 0 || apply.Unfinished(r.results)
}

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
		say(env.Stderr, "run %s is not verified: finding out what it did (%s in doubt), which may take %s …", h.Run, fleet.Count(open, "call"), 2*s.settling.Window+time.Minute)
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
	before := earlier(histories, nil)
	j, h, err := s.store.Continue(run, s.opened("settle"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	old, err := s.recall(h)
	if err != nil {
		return err
	}
	journaled := overheard{j, []func(journal.Record){s.monitor.recorder(run, old.results).Saw}}
	effort, err := apply.Run(ctx, old.plan, old.results, s.client, apply.Options{Workers: s.workers, Journal: journaled, Settling: s.settling, Only: true})
	s.settles += effort.Settles
	if err != nil {
		return err
	}
	w := &work{plan: old.plan, want: old.plan.Fleet()}
	if err := apply.Confirm(ctx, old.plan, old.results, s.looker(env, w), apply.Options{Journal: j, Settling: s.settling}); err != nil {
		return err
	}
	end, _ := h.LastEnd()
	end.At, end.Reads, end.Settles, end.Verified, end.Doubt = time.Now().UTC(), effort.Settles, effort.Settles, true, ""
	end.Live = max(end.Live, before.Live, made(old.results))              // not what is listed today: that is held against it
	end.Exit = exitCode(ctx, runError(&report.Run{Results: old.results})) // by its rows: what cut it short is over
	return errors.Join(s.store.Know(reached(old.results)), j.End(end))
}

// supersede marks earlier runs that were not finished and are about some of the
// same endpoints: what they have left must not undo what a newer run has done.
func (s *session) supersede(by string, p *plan.Plan) error {
	histories, err := s.store.Histories()
	for _, h := range histories {
		if h.Clean() || s.store.SupersededBy(h) != "" {
			continue
		}
		old, broken := s.recall(h)
		if errors.Is(broken, fleet.ErrIO) { // it may be readable again when it is resumed
			return broken
		}
		if broken != nil || !old.unfinished() || !overlap(p, old.plan) {
			continue // what cannot be recalled cannot be resumed either
		}
		j, _, failed := s.store.Continue(h.Run, s.opened("supersede"))
		if failed == nil {
			failed = errors.Join(j.Supersede(by), j.Close())
		}
		err = errors.Join(err, failed)
	}
	return err
}

// overlap says whether two plans are about some of the same endpoints.
func overlap(p, q *plan.Plan) bool {
	about := subjects(p)
	for key := range subjects(q) {
		if about[key] {
			return true
		}
	}
	return false
}

// subjects are the names, ids and cards of the endpoints that a plan is about.
func subjects(p *plan.Plan) map[string]bool {
	about := map[string]bool{}
	add := func(f fleet.Fields, id fleet.ID) {
		about["name "+fleet.NameKey(f.Name)] = true
		about["card "+f.ICCID.Key()] = true
		about["id "+string(id)] = true
	}
	for i := range p.Tasks {
		t := &p.Tasks[i]
		if t.Spec != nil {
			add(t.Spec.Fields, t.Spec.ID)
		}
		if t.Before != nil {
			add(t.Before.Fields, t.Before.ID)
		}
	}
	for _, nothing := range []string{"name ", "card ", "id "} {
		delete(about, nothing)
	}
	return about
}

func (s *session) opened(command string) journal.Opened {
	return journal.Opened{Command: command, Tool: version()}
}
