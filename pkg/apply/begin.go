package apply

import (
	"errors"
	"fmt"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Beginning is what a new run needs to know besides its plan.
type Beginning struct {
	Run    string         // its name, as journal.NewID makes one
	At     time.Time      // when it begins; zero is now
	Opened journal.Opened // Command and Tool; the rest is filled in
	Clock  journal.Clock  // that of the store; nil is journal.SystemClock
	// Abilities are those of the dialect of a name, as platform.AbilitiesOf has them:
	// an older run may have spoken another one.
	Abilities func(dialect string) (fleet.Abilities, error)
	// Superseded is told of each run whose place this one takes; nil tells nobody.
	Superseded func(run string)
}

// Begin journals a new run, which takes the place of older ones that are not
// finished and are about some of the same endpoints: what they have left must not
// undo what a newer run has done. Those are marked first: whatever happens in
// between, none of them is resumed. The account must be locked. The error is an
// ErrGuard for a plan that guards refuse, an ErrPlan for one that a run has used up
// already, else that of the store.
func Begin(store *journal.Store, p *plan.Plan, b Beginning) (*journal.Journal, error) {
	if b.Abilities == nil {
		return nil, fleet.Kind(fleet.ErrUsage, errors.New("apply.Beginning has no Abilities, want platform.AbilitiesOf"))
	}
	if b.Clock == nil {
		b.Clock = journal.SystemClock
	}
	if b.At.IsZero() {
		b.At = time.Now().UTC()
	}
	if err := mayBegin(store, p); err != nil {
		return nil, err
	}
	if err := b.supersede(store, p); err != nil {
		return nil, err
	}
	return store.Create(b.header(p), b.Opened, p.Write)
}

// mayBegin refuses a plan that no run may do.
func mayBegin(store *journal.Store, p *plan.Plan) error {
	if err := guarded(p); err != nil {
		return err
	}
	run, err := store.UsedBy(p.ID)
	if err == nil && run != "" {
		err = fleet.Kind(fleet.ErrPlan, fmt.Errorf("the plan was applied by run %s, and a plan is applied once; make a new one for what is left", run))
	}
	return err
}

func guarded(p *plan.Plan) error {
	if len(p.Blocked) == 0 {
		return nil
	}
	return fleet.Kind(fleet.ErrGuard, errors.New(p.Blocked[0]))
}

func (b *Beginning) header(p *plan.Plan) journal.Header {
	h := journal.Header{Run: b.Run, Plan: p.ID, BaseURL: p.BaseURL, Account: p.Account, Dialect: p.Dialect, Inputs: absolute(p.Inputs), At: b.At}
	if p.Whole() {
		h.Rows = p.Counts.Rows
	}
	return h
}

// supersede marks the earlier runs whose place this one takes.
func (b *Beginning) supersede(store *journal.Store, p *plan.Plan) error {
	histories, err := store.Histories()
	for _, h := range histories {
		if h.Clean() || store.SupersededBy(h) != "" {
			continue
		}
		old, results, broken := b.recall(store, h)
		if errors.Is(broken, fleet.ErrIO) { // it may be readable again when it is resumed
			return broken
		}
		if broken != nil || !Resumable(h, results) || !overlap(p, old) {
			continue // what cannot be recalled cannot be resumed either
		}
		j, _, failed := store.Continue(h.Run, b.superseding())
		if failed == nil {
			failed = errors.Join(j.Supersede(b.Run), j.Close())
		}
		if failed == nil && b.Superseded != nil {
			b.Superseded(h.Run)
		}
		err = errors.Join(err, failed)
	}
	return err
}

func (b *Beginning) superseding() journal.Opened {
	o := b.Opened
	o.Command = "supersede"
	return o
}

func (b *Beginning) recall(store *journal.Store, h *journal.History) (*plan.Plan, []Result, error) {
	abilities, err := b.Abilities(h.Dialect)
	if err != nil {
		return nil, nil, err
	}
	return Recall(store, h, abilities, b.Clock())
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
