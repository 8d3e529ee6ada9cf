package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/wire"
)

// accountDir is where the state of one account of one platform is kept. Its name
// says which to a person; the digest tells apart what looks the same.
func accountDir(state, baseURL, account string) string {
	host := baseURL
	if u, err := url.Parse(baseURL); err == nil && u.Host != "" {
		host = u.Host
	}
	sum := sha256.Sum256([]byte(host + "\n" + account))
	return filepath.Join(state, "accounts", plain(host)+"~"+plain(account)+"~"+hex.EncodeToString(sum[:4]))
}

// plain leaves of a text what may stand in a file name.
func plain(text string) string {
	keep := func(r rune) rune {
		if r < 0x80 && (r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
			return r
		}
		return '_'
	}
	text = strings.Map(keep, text)
	return strings.TrimLeft(text[:min(len(text), 40)], ".")
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

// doubts are the calls of earlier runs that nobody has settled.
func (s *session) doubts() ([]plan.Doubt, error) {
	histories, err := s.store.Histories()
	if err != nil {
		return nil, err
	}
	var doubts []plan.Doubt
	for _, h := range histories {
		for _, i := range h.Open() {
			doubts = append(doubts, plan.Doubt{Run: h.Run, Action: i.Action, ID: i.ID, Name: i.Name, ICCID: i.ICCID})
		}
	}
	return doubts, nil
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
	if !r.Verified() || len(r.Open()) > 0 {
		return true
	}
	for i := range r.results {
		if !r.results[i].Finished() {
			return true
		}
	}
	return false
}

// settleEarlier finds out, for all earlier runs of the account, what their open
// calls did and whether what was acknowledged is so: by waiting where that is
// needed. What cannot be found out stays open, and is blocked in the plan.
func (s *session) settleEarlier(ctx context.Context, env Env) error {
	histories, err := s.store.Histories()
	if err != nil {
		return err
	}
	for _, h := range histories {
		open := len(h.Open())
		if open == 0 && h.Verified() {
			continue
		}
		say(env.Stderr, "run %s was cut short: finding out what it did (%s in doubt), which may take %s …", h.Run, calls(open), 2*s.settling.Window+time.Minute)
		if err := s.settleRun(ctx, env, h.Run); err != nil {
			return err
		}
	}
	return nil
}

func calls(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func (s *session) settleRun(ctx context.Context, env Env, run string) (err error) {
	j, h, err := s.store.Continue(run, s.opened("settle"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	old, err := s.recall(h)
	if err != nil {
		return err
	}
	effort, err := apply.Run(ctx, old.plan, old.results, s.client, apply.Options{Workers: s.workers, Journal: j, Settling: s.settling, Only: true})
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
	return j.End(end)
}

// supersede marks earlier runs that were not finished: a newer one does their
// work.
func (s *session) supersede(by string) error {
	histories, err := s.store.Histories()
	for _, h := range histories {
		if h.Run == by || h.SupersededBy() != "" {
			continue
		}
		old, broken := s.recall(h)
		if broken != nil || !old.unfinished() {
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

func (s *session) opened(command string) journal.Opened {
	return journal.Opened{Command: command, Tool: version()}
}
