// Package plan is the pure difference between the wanted and the found.
package plan

import (
	"fmt"
	"slices"
	"time"

	"sftctl/pkg/fleet"
)

// Step is one change to one endpoint.
type Step struct {
	Action fleet.Action `json:"action"`
	Set    fleet.Fields `json:"set,omitzero"` // what it sets
	Reason string       `json:"reason"`       // why, for a person
	// After is the step of another task that must be done before: it gives up the
	// SIM, or the name, that this one needs.
	After *Place `json:"after,omitempty"`
	// Joined is whether it is done by the call of the step before.
	Joined bool `json:"joined,omitempty"`
}

// Task is all that happens to one endpoint, in order. A task without steps and
// refusals is of an endpoint that is as it should be.
type Task struct {
	Spec    *fleet.Spec     `json:"spec,omitempty"`    // what is wanted; nil for an orphan
	Before  *fleet.Endpoint `json:"before,omitempty"`  // what was found; nil when there was nothing
	Steps   []Step          `json:"steps,omitempty"`   // what will be done
	Refused []string        `json:"refused,omitempty"` // what will not be done, and why
	Note    string          `json:"note,omitempty"`    // what a person should know besides
	Adopts  bool            `json:"adopts,omitempty"`  // no run was about the endpoint before
}

// Orphan says whether the task is about an endpoint that no file lists.
func (t *Task) Orphan() bool { return t.Spec == nil }

// idle says whether nothing will be done, and nothing is refused.
func (t *Task) idle() bool { return len(t.Steps) == 0 && len(t.Refused) == 0 }

// Label is the name by which a person knows the task's endpoint.
func (t *Task) Label() string {
	switch {
	case t.Spec != nil && t.Spec.Name != "":
		return t.Spec.Name
	case t.Before != nil && t.Before.Name != "":
		return t.Before.Name
	case t.Before != nil:
		return string(t.Before.ID)
	case t.Spec.ICCID != "":
		return string(t.Spec.ICCID)
	}
	return string(t.Spec.ID)
}

// Changes are the task's steps in the words of a dialect's abilities.
func (t *Task) Changes() []fleet.Change {
	changes := make([]fleet.Change, len(t.Steps))
	for i, s := range t.Steps {
		changes[i] = fleet.Change{Action: s.Action, Fields: s.Set}
	}
	return changes
}

// Counts are what a plan comes to.
type Counts struct {
	Rows      int                  `json:"rows"`
	Orphans   int                  `json:"orphans,omitempty"`
	Change    int                  `json:"change"` // tasks with steps
	Unchanged int                  `json:"unchanged"`
	Refused   int                  `json:"refused"` // tasks with something refused
	Steps     map[fleet.Action]int `json:"steps,omitempty"`
	Matched   int                  `json:"matched,omitempty"` // live endpoints that rows are about
	Altered   int                  `json:"altered,omitempty"` // of them, those with steps
	Adopted   int                  `json:"adopted,omitempty"` // of them, those that no run was about before
	Joined    map[fleet.Action]int `json:"joined,omitempty"`  // of the steps, those that ride in the call of another
	Calls     int                  `json:"calls"`             // mutating calls that the steps take
	CallsOf   map[fleet.Action]int `json:"callsOf,omitempty"`
}

// Step is the number of steps of a kind.
func (c Counts) Step(a fleet.Action) int { return c.Steps[a] }

// Estimate says what a plan costs.
type Estimate struct {
	Rate        float64       `json:"rate"`            // calls per second, 0 when not limited
	Floor       time.Duration `json:"floor,omitempty"` // nanoseconds: the mutating calls at that rate
	Reads       int           `json:"reads"`           // calls of one listing
	Activations int           `json:"activations"`     // steps that may be billed
}

// Header is what a plan says about itself.
type Header struct {
	ID        string         `json:"planId"`  // by which it is used once only
	Created   time.Time      `json:"created"` // of the listing that it rests on
	Tool      string         `json:"tool"`
	BaseURL   string         `json:"baseURL"`
	Account   string         `json:"account"`
	Dialect   string         `json:"dialect"`
	Simulated bool           `json:"simulated,omitempty"`
	Inputs    []fleet.Input  `json:"inputs"`
	Columns   []string       `json:"columns,omitempty"`
	Policies  []fleet.Policy `json:"policies,omitempty"`
	Protect   []fleet.Glob   `json:"protect,omitempty"`
	SIMs      bool           `json:"sims,omitempty"` // whether the SIM stock was listed
	Live      int            `json:"live"`           // endpoints found
	// Unmanaged are fields that rows give and the dialect does not have.
	Unmanaged fleet.FieldSet `json:"unmanaged,omitzero"`
	// Uncompared are fields that rows give for live endpoints and that the platform
	// does not report of them, where that is no reason to refuse.
	Uncompared fleet.FieldSet `json:"uncompared,omitzero"`
	Counts     Counts         `json:"counts"`
	Limits     Limits         `json:"limits"`
	Blocked    []string       `json:"blocked,omitempty"` // guards that refuse the plan
	Choice     *Choice        `json:"choice,omitempty"`  // when it is not for all rows
	Estimate   Estimate       `json:"estimate"`
}

// Plan is a header and its tasks: the rows in the order of the files, then the
// orphans in the order of the listing.
type Plan struct {
	Header
	Tasks []Task
}

// Differs says whether the endpoint of one of the plan's tasks is not as it should be.
func (p *Plan) Differs(t *Task) bool { return !t.idle() || t.Orphan() && !p.Rests(t) }

// Rests says whether a task is about an orphan that would be suspended, and is not
// active: no run would ever find it otherwise. It goes by the policies, which every
// plan has that was ever saved.
func (p *Plan) Rests(t *Task) bool {
	return t.Orphan() && t.idle() && rest(t.Before) != "" && slices.ContainsFunc(p.Policies, func(policy fleet.Policy) bool {
		return policy.Orphans == fleet.OrphansSuspend && policy.Owns(t.Before.Name)
	})
}

// Fleet is what the plan's files said, as far as the plan keeps it.
func (p *Plan) Fleet() *fleet.Fleet {
	f := &fleet.Fleet{Policies: p.Policies, Protect: p.Protect, Columns: p.Columns, Inputs: p.Inputs}
	for i := range p.Tasks {
		if p.Tasks[i].Spec != nil {
			f.Specs = append(f.Specs, *p.Tasks[i].Spec)
		}
	}
	return f
}

// FromStock says whether some row takes a card from stock.
func (p *Plan) FromStock() bool {
	return slices.ContainsFunc(p.Tasks, func(t Task) bool { return len(t.Steps) > 0 && t.Spec != nil && t.Spec.AutoSIM })
}

// leftAlone are the fields of rows that a dialect lacks, and those that are not
// compared with what is live. A file that gives them gives them to most rows, so
// they are told once.
func leftAlone(tasks []Task, abilities fleet.Abilities) (unmanaged, uncompared fleet.FieldSet) {
	for i := range tasks {
		t := &tasks[i]
		if t.Spec == nil {
			continue
		}
		given := t.Spec.Given() | t.Spec.Names.Given()
		unmanaged |= given & abilities.Lacks
		if t.Before != nil && t.Spec.State != fleet.StateAbsent {
			uncompared |= given & abilities.Has() &^ abilities.Compared(t.Before.Reported)
		}
	}
	return unmanaged, uncompared
}

// count fills in what follows from the tasks.
func (p *Plan) count(abilities fleet.Abilities) {
	for i := range p.Tasks {
		p.Tasks[i].join(abilities)
	}
	c := tally(p.Tasks)
	p.Counts = c
	p.Estimate.Activations = c.Step(fleet.Activate)
	if p.Estimate.Rate > 0 {
		p.Estimate.Floor = time.Duration(float64(c.Calls) / p.Estimate.Rate * float64(time.Second)).Round(time.Second)
	}
}

// join marks the steps that ride in the call of the step before.
func (t *Task) join(abilities fleet.Abilities) {
	if len(t.Steps) == 0 {
		return
	}
	for _, call := range abilities.Calls(t.Changes()) {
		for i := call.First + 1; i < call.End; i++ {
			t.Steps[i].Joined = true
		}
	}
}

// tally counts tasks, steps and calls.
func tally(tasks []Task) Counts {
	c := Counts{Steps: map[fleet.Action]int{}, CallsOf: map[fleet.Action]int{}}
	for i := range tasks {
		c.add(&tasks[i])
	}
	return c
}

func (c *Counts) add(t *Task) {
	if t.Orphan() {
		c.Orphans++
	} else {
		c.Rows++
	}
	if t.Before != nil && !t.Orphan() {
		c.Matched++
		if len(t.Steps) > 0 {
			c.Altered++
		}
	}
	if t.Adopts {
		c.Adopted++
	}
	switch {
	case len(t.Steps) > 0:
		c.Change++
	case len(t.Refused) == 0 && !t.Orphan():
		c.Unchanged++
	}
	if len(t.Refused) > 0 {
		c.Refused++
	}
	for _, s := range t.Steps {
		c.Steps[s.Action]++
		if s.Joined {
			c.joined(s.Action)
			continue
		}
		c.Calls++
		c.CallsOf[s.Action]++
	}
}

func (c *Counts) joined(a fleet.Action) {
	if c.Joined == nil {
		c.Joined = map[fleet.Action]int{}
	}
	c.Joined[a]++
}

// Hurting is the number of steps that may cut off a device.
func (c Counts) Hurting() int {
	n := 0
	for action, steps := range c.Steps {
		if action.Hurts() {
			n += steps
		}
	}
	return n
}

// Stale compares a task with what the same row comes to on a newer listing; it
// returns what changed since, empty when the task may run as planned.
func (t *Task) Stale(now *Task) string {
	switch {
	case len(t.Steps) > 0 && len(now.Steps) == 0 && len(now.Refused) == 0:
		return "it is as wanted already: somebody did this since the plan, perhaps an earlier apply of it"
	case (t.Before == nil) != (now.Before == nil):
		if now.Before == nil {
			return "the endpoint is gone since the plan"
		}
		return fmt.Sprintf("an endpoint %s has appeared since the plan", now.Before.ID)
	case t.Before != nil && t.Before.ID != now.Before.ID:
		return fmt.Sprintf("it was endpoint %s in the plan, and is %s now", t.Before.ID, now.Before.ID)
	}
	if changed := t.touchedChange(now); changed != "" {
		return changed
	}
	same := func(a, b Step) bool { return a.Action == b.Action && a.Set == b.Set }
	if !slices.EqualFunc(t.Steps, now.Steps, same) {
		return "its steps would be others now: " + describe(now)
	}
	return ""
}

func describe(t *Task) string {
	if len(t.Refused) > 0 {
		return t.Refused[0]
	}
	if len(t.Steps) == 0 {
		return "none"
	}
	text := ""
	for i, s := range t.Steps {
		if i > 0 {
			text += ", "
		}
		text += s.Action.String()
	}
	return text
}

// touchedChange names a field that the task touches and that is not as it was.
func (t *Task) touchedChange(now *Task) string {
	if t.Before == nil {
		return ""
	}
	for _, f := range fleet.AllFields {
		if !t.touches().Has(f) {
			continue
		}
		was, is := t.Before.Get(f), now.Before.Get(f)
		if f == fleet.FieldStatus {
			was, is = string(t.Before.Status), string(now.Before.Status)
		}
		if !f.Same(was, is) {
			return fmt.Sprintf("%s was %s in the plan, and is %s now", f, fleet.Quote(was), fleet.Quote(is))
		}
	}
	return ""
}

// touches are the fields that a task's steps change or rest on.
func (t *Task) touches() fleet.FieldSet {
	var set fleet.FieldSet
	for _, s := range t.Steps {
		switch s.Action {
		case fleet.Modify:
			set |= s.Set.Given()
		case fleet.Delete:
			set |= fleet.Fieldset(fleet.FieldName, fleet.FieldICCID)
		default:
			set |= fleet.Fieldset(fleet.FieldICCID, fleet.FieldStatus)
		}
	}
	return set
}
