package plan

import (
	"slices"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// Doubt is a call of an earlier run of which nobody knows whether it was applied,
// or will be; or one that was, so lately that listings may not show it. What it
// is about is left alone until that is settled.
type Doubt struct {
	Run    string
	Done   bool // the platform acknowledged it
	Action fleet.Action
	ID     fleet.ID // empty for a create
	Name   string
	ICCID  fleet.ICCID
	Links  bool // a create that links the card too
	Starts bool // and activates
	// Superseded says that another run took the place of this one's: it is settled, and
	// not resumed.
	Superseded bool
}

// unclear are the doubts that a listing does not clear up.
func unclear(doubts []Doubt, have *inventory.Inventory) []Doubt {
	return slices.DeleteFunc(slices.Clone(doubts), func(d Doubt) bool { return d.shown(have) })
}

// block refuses a task that a doubt is about: by id, name or card.
func (b *builder) block(t *Task) {
	for _, d := range b.doubts {
		if d.about(t) && !d.moot(t) {
			t.Steps = nil
			t.Refused = []string{d.String()}
		}
	}
}

// String says what a person can do about the doubt.
func (d Doubt) String() string {
	if d.Done {
		return "run " + d.Run + " has done " + d.Action.String() + " for it a short while ago, and the listing does not show that yet; plan again in some minutes"
	}
	text := "run " + d.Run + " sent " + d.Action.String() + " for it, and nobody knows yet whether that was applied; "
	if d.Superseded {
		return text + "the next apply or reconcile finds out first"
	}
	return text + "sftctl resume " + d.Run + " settles it"
}

// shown says whether a listing shows that the call was applied. That a listing
// does not show it proves nothing.
func (d Doubt) shown(have *inventory.Inventory) bool {
	if d.Action == fleet.Create {
		live, others := have.ByName(d.Name)
		return live != nil && len(others) == 0 && (!d.Links || live.ICCID.Equal(d.ICCID)) && (!d.Starts || started(live))
	}
	live, there := have.ByID(d.ID)
	switch d.Action {
	case fleet.Delete:
		return !there
	case fleet.Link:
		return there && d.ICCID != "" && live.ICCID.Equal(d.ICCID)
	case fleet.Delink:
		return there && live.Reported.Has(fleet.FieldICCID) && live.ICCID == ""
	case fleet.Suspend:
		return there && live.Status == fleet.StatusSuspended
	case fleet.Activate:
		return there && d.Done && started(live)
	}
	return false // an activation may be that of before a swap, and a value may be anything
}

// started says whether an endpoint was ever activated.
func started(live *fleet.Endpoint) bool {
	return live.Reported.Has(fleet.FieldStatus) && !live.Status.Meets(fleet.StatePreActive)
}

func (d Doubt) about(t *Task) bool {
	names, cards := []string{}, []fleet.ICCID{}
	if s := t.Spec; s != nil {
		names, cards = append(names, s.Name, s.PreviousName), append(cards, s.ICCID)
	}
	if e := t.Before; e != nil {
		names, cards = append(names, e.Name), append(cards, e.ICCID)
	}
	return d.ID != "" && t.Before != nil && t.Before.ID == d.ID ||
		d.Name != "" && slices.ContainsFunc(names, func(n string) bool { return n != "" && fleet.NameKey(n) == fleet.NameKey(d.Name) }) ||
		d.ICCID != "" && slices.ContainsFunc(cards, d.ICCID.Equal)
}

// moot says whether the task's endpoint is as the call would have made it.
func (d Doubt) moot(t *Task) bool {
	switch d.Action {
	case fleet.Modify:
		return t.Before != nil && len(t.Steps) == 0 && len(t.Refused) == 0
	case fleet.Activate, fleet.Resume:
		return t.Before != nil && t.Before.ID == d.ID && t.Before.Status == fleet.StatusActive && (d.ICCID == "" || t.Before.ICCID.Equal(d.ICCID))
	}
	return false
}
