package apply

import (
	"slices"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
)

// Again is what a run leaves to be tried again.
type Again struct {
	// Fleet has the rows that failed, were stale or not attempted, as the run's
	// files had them. It says nothing about orphans.
	Fleet   *fleet.Fleet
	Unknown int // rows and orphans left out: nobody knows what became of them
	Refused int // rows left out: the same file would be refused again
	Orphans int // orphans left out: they are no rows

	ids   map[fleet.ID]bool // of the endpoints of all other rows
	names map[string]bool
}

// Retry picks what a run leaves to be tried again.
func Retry(p *plan.Plan, results []Result) *Again {
	a := &Again{Fleet: p.Fleet(), ids: map[fleet.ID]bool{}, names: map[string]bool{}}
	a.Fleet.Policies, a.Fleet.Specs = nil, nil
	for i := range results {
		a.sort(&results[i])
	}
	return a
}

// sort says of one result where it belongs.
func (a *Again) sort(r *Result) {
	switch again := r.again(); {
	case again && r.Task.Orphan():
		a.Orphans++
	case again:
		a.Fleet.Specs = append(a.Fleet.Specs, r.spec())
		return
	case r.Outcome == fleet.Unknown:
		a.Unknown++
	case r.Outcome == fleet.Refused && !r.Task.Orphan():
		a.Refused++
	}
	a.list(r)
}

// list notes the endpoint and the card of a row that is not tried again.
func (a *Again) list(r *Result) {
	if r.Task.Orphan() {
		return
	}
	if r.ID != "" {
		a.ids[r.ID] = true
	}
	if card := r.Task.Spec.ICCID; card != "" {
		a.Fleet.Reserved = append(a.Fleet.Reserved, card)
	}
	if r.Task.Spec.Name != "" {
		a.names[fleet.NameKey(r.Task.Spec.Name)] = true
	}
}

// again says whether another plan may bring the task to its end. A row that was
// refused in part may have steps that nobody came to.
func (r *Result) again() bool {
	switch r.Outcome {
	case fleet.Failed, fleet.Stale, fleet.NotAttempted:
		return true
	case fleet.Refused:
		return slices.ContainsFunc(r.Steps, func(s StepResult) bool { return s.Outcome == fleet.NotAttempted })
	}
	return false
}

// spec is the row of a task. One that is known by its card alone would not find
// the endpoint that the run made for it and could not link the card to.
func (r *Result) spec() fleet.Spec {
	spec := *r.Task.Spec
	if spec.Key == fleet.ByICCID && spec.ID == "" && r.Task.Before == nil {
		spec.ID = r.ID
	}
	return spec
}

// Keep lets no row take a SIM from an endpoint that another row of the run lists:
// relink is for endpoints that no file lists. It returns how many rows wanted to.
func (a *Again) Keep(have *inventory.Inventory) (kept int) {
	for i := range a.Fleet.Specs {
		spec := &a.Fleet.Specs[i]
		if !spec.Relink || spec.ICCID == "" {
			continue
		}
		if live, _ := have.ByICCID(spec.ICCID); live != nil && (a.ids[live.ID] || a.names[fleet.NameKey(live.Name)]) {
			spec.Relink = false
			kept++
		}
	}
	return kept
}
