package apply

import (
	"fmt"
	"slices"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
)

// Inverse is the way back from what a run did: a fleet of endpoints, by their
// ids, with the values, the SIM and the state that they had before, and only
// those that the run changed. It is a wish like any other: what comes of it is
// for a plan to say.
type Inverse struct {
	Fleet   *fleet.Fleet
	Left    []Left
	Unknown int // tasks of which nobody knows all that was done

	undos []undo // of each spec
}

// Left is something that a run did and that is not undone.
type Left struct {
	Task   *plan.Task
	ID     fleet.ID
	Action fleet.Action // what the run did
	Why    string
}

const (
	whyMade      = "it did not exist before the run; if it shall go, delete it with state absent"
	whyDeleted   = "it is gone, and a new one would have another id; if it shall be there, create it again with a file that lists it"
	whyActivated = "there is no way back to pre-active, and it may have been billed; if it shall not be used, suspend it"
	whyBilled    = "it may have been billed, which nothing takes back"
	whySuspended = "it was suspended before, and a SIM that is linked again is suspended only after it is activated, which may be billed"
	whyGone      = "there is no such endpoint any more"
)

// Undo makes the inverse of what a run did: of its steps that are done.
func Undo(p *plan.Plan, results []Result) *Inverse {
	v := &Inverse{Fleet: &fleet.Fleet{Protect: p.Protect}}
	for i := range results {
		u := undo{result: &results[i], step: results[i].doneSteps()}
		u.find()
		v.add(&u)
		if results[i].Outcome == fleet.Unknown {
			v.Unknown++
		}
	}
	return v
}

// add takes in what one task comes to.
func (v *Inverse) add(u *undo) {
	v.Left = append(v.Left, u.left...)
	u.left = nil
	if len(u.parts) > 0 {
		v.Fleet.Specs = append(v.Fleet.Specs, u.back)
		v.undos = append(v.undos, *u)
	}
}

// Since is the inverse without what is not as the run left it any more: whoever
// changed that since meant it.
func (v *Inverse) Since(have *inventory.Inventory) *Inverse {
	now := &Inverse{Fleet: &fleet.Fleet{Protect: v.Fleet.Protect}, Left: slices.Clone(v.Left), Unknown: v.Unknown}
	for _, u := range v.undos {
		live, there := have.ByID(u.result.ID)
		if there {
			u.since(live)
		} else {
			u.drop(everyPart, whyGone)
		}
		now.add(&u)
	}
	return now
}

// undo is the way back of one task.
type undo struct {
	result *Result
	step   map[fleet.Action]plan.Step // those that are done; what modifies set is one
	back   fleet.Spec
	parts  []part         // what it brings back
	ran    fleet.Endpoint // as the run left it, in the fields that are brought back
	left   []Left
}

// part is something that is brought back, or not, by itself: one value, or the
// SIM and the state, which go together.
type part struct {
	action fleet.Action // by which the run changed it
	field  fleet.Field  // FieldStatus for SIM and state
}

func (r *Result) doneSteps() map[fleet.Action]plan.Step {
	done := map[fleet.Action]plan.Step{}
	for i, s := range r.Steps {
		if s.Outcome != fleet.Done {
			continue
		}
		step := r.Task.Steps[i]
		step.Set = done[s.Action].Set.With(step.Set)
		done[s.Action] = step
	}
	return done
}

func (u *undo) did(a fleet.Action) bool {
	_, did := u.step[a]
	return did
}

// find finds the way back, as far as there is one.
func (u *undo) find() {
	switch t := u.result.Task; {
	case u.did(fleet.Create):
		u.leave(fleet.Create, whyMade)
	case u.did(fleet.Delete):
		u.leave(fleet.Delete, whyDeleted)
	case len(u.step) > 0:
		if t.Spec != nil {
			u.back.Origin = t.Spec.Origin
		}
		u.back.ID = u.result.ID
		u.values(t.Before)
		u.state(t.Before)
	}
}

func (u *undo) leave(a fleet.Action, why string) {
	if l := (Left{u.result.Task, u.result.ID, a, why}); !slices.Contains(u.left, l) {
		u.left = append(u.left, l)
	}
}

// values brings back what a modify changed. A value that there was not before
// cannot be taken away: an empty one is not sent.
func (u *undo) values(before *fleet.Endpoint) {
	if !u.did(fleet.Modify) {
		return
	}
	set := u.step[fleet.Modify].Set
	for _, f := range fleet.AllFields {
		switch was := before.Get(f); {
		case !set.Given().Has(f):
		case !before.Reported.Has(f):
			u.leave(fleet.Modify, fmt.Sprintf("the platform did not report %s before the run", f))
		case was == "":
			u.leave(fleet.Modify, fmt.Sprintf("it had no %s before the run, and a value cannot be taken away", f))
		default:
			u.parts = append(u.parts, part{fleet.Modify, f})
			u.back.Set(f, was)
			u.ran.Set(f, set.Get(f))
		}
	}
}

// state brings back the SIM and the state. Where the SIM goes that was activated, the
// endpoint is as it was before, and the money is gone all the same.
func (u *undo) state(before *fleet.Endpoint) {
	moved := fleet.Link
	if !u.did(fleet.Link) {
		moved = fleet.Delink
	}
	state, why := stateBefore(before)
	switch {
	case u.did(moved) && why != "":
		u.leave(moved, why)
		u.leaveActivation()
	case u.did(moved):
		u.simBack(before, moved, state)
	case u.did(fleet.Suspend):
		u.stateBack(fleet.Suspend, fleet.StateActive, fleet.StatusSuspended)
	case u.did(fleet.Resume):
		u.stateBack(fleet.Resume, fleet.StateSuspended, fleet.StatusActive)
	default:
		u.leaveActivation()
	}
}

func (u *undo) leaveActivation() {
	if u.did(fleet.Activate) {
		u.leave(fleet.Activate, whyActivated)
	}
}

// stateBefore is the state to which an endpoint can be brought back together with
// its SIM, or why there is none.
func stateBefore(before *fleet.Endpoint) (state fleet.State, why string) {
	switch {
	case before.ICCID == "", before.Status.Meets(fleet.StatePreActive):
		return fleet.StatePreActive, ""
	case before.Status == fleet.StatusActive:
		return fleet.StateActive, ""
	case before.Status == fleet.StatusSuspended:
		return 0, whySuspended
	}
	return 0, fmt.Sprintf("its status was %s, which cannot be reached", fleet.Quote(string(before.Status)))
}

func (u *undo) simBack(before *fleet.Endpoint, moved fleet.Action, state fleet.State) {
	status := fleet.StatusPreActive
	if u.did(fleet.Activate) {
		status = fleet.StatusActive
		u.leave(fleet.Activate, whyBilled)
	}
	if u.did(fleet.Link) {
		u.ran.ICCID = u.step[fleet.Link].Set.ICCID
	}
	u.back.ICCID, u.back.ClearSIM = before.ICCID, before.ICCID == ""
	u.stateBack(moved, state, status)
}

func (u *undo) stateBack(by fleet.Action, state fleet.State, left fleet.Status) {
	u.parts = append(u.parts, part{by, fleet.FieldStatus})
	u.back.State, u.ran.Status = state, left
}

// since drops what is neither as the run left it nor as it was before. What the
// platform does not report is for the plan to refuse.
func (u *undo) since(live *fleet.Endpoint) {
	for _, p := range u.parts {
		if p.field == fleet.FieldStatus || !live.Reported.Has(p.field) {
			continue
		}
		now, ran := live.Get(p.field), u.ran.Get(p.field)
		if !p.field.Same(now, ran) && !p.field.Same(now, u.back.Get(p.field)) {
			u.drop(only(p), changedSince(p.field, now, ran))
		}
	}
	if why := u.movedOn(live); why != "" {
		u.drop(only(part{field: fleet.FieldStatus}), why)
	}
}

func changedSince(f fleet.Field, now, ran string) string {
	return fmt.Sprintf("%s is %s now, and the run left it %s: somebody changed it since", f, quoted(now), quoted(ran))
}

func quoted(value string) string {
	if value == "" {
		return "none"
	}
	return fleet.Quote(value)
}

// movedOn says what of the SIM and the state is not as the run left it, nothing
// where both are, or are back already.
func (u *undo) movedOn(live *fleet.Endpoint) string {
	sim := u.back.ICCID != "" || u.back.ClearSIM
	if (!sim || live.ICCID.Equal(u.back.ICCID)) && live.Status.Meets(u.back.State) {
		return ""
	}
	idle := live.Status.Meets(fleet.StatePreActive) && u.ran.Status.Meets(fleet.StatePreActive)
	switch {
	case sim && !live.Reported.Has(fleet.FieldICCID):
	case sim && !live.ICCID.Equal(u.ran.ICCID):
		return changedSince(fleet.FieldICCID, string(live.ICCID), string(u.ran.ICCID))
	case live.Status != u.ran.Status && !idle:
		return changedSince(fleet.FieldStatus, string(live.Status), string(u.ran.Status))
	}
	return ""
}

func everyPart(part) bool { return true }

func only(one part) func(part) bool {
	return func(p part) bool { return p.field == one.field }
}

// drop leaves parts as they are.
func (u *undo) drop(which func(part) bool, why string) {
	var kept []part
	for _, p := range u.parts {
		if !which(p) {
			kept = append(kept, p)
			continue
		}
		u.leave(p.action, why)
		if p.field == fleet.FieldStatus {
			u.back.ICCID, u.back.ClearSIM, u.back.State = "", false, fleet.StateUnmanaged
		} else {
			u.back.Set(p.field, "")
		}
	}
	u.parts = kept
}
