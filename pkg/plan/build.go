package plan

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// Options are what a plan needs besides the wanted and the found. Plan touches
// no clock: the caller says when the listing was made.
type Options struct {
	ID        string          // by which it is used once only, as journal.NewID makes one
	Created   time.Time       // when the listing was begun
	Tool      string          // name and version of the program, for the record
	BaseURL   string          // of the platform, to which the plan is bound
	Account   string          // the target account, else the user name; the plan is bound to it
	Simulated bool            // nothing real is planned for
	Abilities fleet.Abilities // those of the client: the plan is bound to its dialect
	Limits    Limits          // guards; none that are left out lets anything through that hurts
	Rate      float64         // calls per second, for the estimate
	// Products are the names of the SIM products by id, as inventory.Catalogue has
	// them, because cards report their product by name; a product that is not in it
	// is not checked.
	Products map[fleet.ID]string
	// Doubts are the calls of earlier runs that are not settled, as apply.Doubts
	// finds them: without them a plan may do again what is still about to happen.
	Doubts  []Doubt
	Choice  *Choice // of rows; nil plans all
	Earlier Earlier // runs, for comparison, as apply.Earlier finds them
	// Known says whether a run was about an endpoint before; nil says so of all.
	Known func(fleet.ID) bool
}

// Build makes the plan that brings have to want. Same input, same plan. What
// cannot be done is refused row by row; what is too much is marked in Blocked.
// The error is an ErrPlan when the files are meant for another account, or an
// ErrUsage when names in them were not looked up. Nothing in want is changed; the
// tasks point to its specs.
func Build(want *fleet.Fleet, have *inventory.Inventory, opts Options) (*Plan, error) {
	if want.Account != "" && want.Account != opts.Account {
		return nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("the files are for account %s, and this run is on %s", fleet.Quote(want.Account), fleet.Quote(opts.Account)))
	}
	if err := resolved(want.Specs, opts.Abilities); err != nil {
		return nil, err
	}
	if opts.Choice.Any() {
		chosen := *want
		chosen.Policies = nil // with a choice no orphan is acted on
		want = &chosen
	}
	b := &builder{have: have, opts: opts, protect: want.Protect, doubts: unclear(opts.Doubts, have)}
	p := &Plan{Header: Header{
		ID: opts.ID, Created: opts.Created, Tool: opts.Tool, BaseURL: opts.BaseURL, Account: opts.Account, Dialect: opts.Abilities.Dialect, Simulated: opts.Simulated,
		Inputs: want.Inputs, Columns: want.Columns, Policies: want.Policies, Protect: want.Protect,
		SIMs: have.HasSIMs, Live: len(have.Endpoints), Limits: opts.Limits,
		Estimate: Estimate{Rate: opts.Rate, Reads: have.Pages},
	}}
	if err := b.plan(want); err != nil {
		return nil, err
	}
	p.Tasks = b.tasks
	p.Unmanaged, p.Uncompared = leftAlone(p.Tasks, opts.Abilities)
	if opts.Choice.Any() {
		choice := *opts.Choice
		choice.LeftOut = len(want.Specs) - b.rows
		p.Choice = &choice
	}
	p.count(opts.Abilities)
	p.Blocked = append(opts.Limits.Check(p.Counts), opts.Limits.CheckEarlier(&p.Header, opts.Earlier)...)
	return p, nil
}

// resolved refuses rows with names that have no ids beside them: their fields would
// pass for ones that nobody manages.
func resolved(specs []fleet.Spec, abilities fleet.Abilities) error {
	for i := range specs {
		if left := specs[i].Names.Given() &^ specs[i].Given() &^ abilities.Lacks; left != 0 {
			at := specs[i].Origin
			return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s:%d: %s is given by name, and the name was not looked up; inventory.Catalogue.Resolve does that, before plan.Build", fleet.Printable(at.File), at.Line, left))
		}
	}
	return nil
}

type builder struct {
	have    *inventory.Inventory
	opts    Options
	protect []fleet.Glob
	doubts  []Doubt // those that the listing does not clear up
	tasks   []Task  // of the rows, then of endpoints that give something up to rows
	rows    int
	unfit   []bool // rows of which nobody knows what they are about
	moves   moves
	auto    atomic.Bool              // some row takes any SIM
	bare    map[*fleet.Endpoint]bool // orphans to be deleted that only their SIM is listed of
}

// plan makes the tasks: first what each row means, then what it needs.
func (b *builder) plan(want *fleet.Fleet) error {
	b.rows, b.tasks = len(want.Specs), make([]Task, len(want.Specs))
	b.unfit = make([]bool, b.rows)
	sideBySide(b.rows, func(i int) { b.match(i, &want.Specs[i]) })
	b.refuseSharedMatches()
	b.relinks(want)
	sideBySide(len(b.tasks), b.fill)
	b.settleMoves()
	b.dropIdleRelinks()
	if b.opts.Choice.Any() {
		if err := b.choose(); err != nil {
			return err
		}
	} else {
		b.tasks = append(b.tasks, b.orphans(want)...)
	}
	b.takeFromStock(want)
	return nil
}

// match finds what a row is about.
func (b *builder) match(i int, spec *fleet.Spec) {
	t := &b.tasks[i]
	t.Spec = spec
	if spec.AutoSIM {
		b.auto.Store(true)
	}
	live, refusal := b.find(spec)
	t.Before = live
	t.Adopts = live != nil && b.opts.Known != nil && !b.opts.Known(live.ID)
	if refusal != "" {
		b.unfit[i] = true
		t.refuse("%s", refusal)
	}
}

// fill plans what a task needs, or plans it anew.
func (b *builder) fill(i int) {
	t := &b.tasks[i]
	if i < b.rows && b.unfit[i] {
		b.block(t)
		return
	}
	t.Steps, t.Refused = nil, nil
	switch {
	case t.Spec == nil:
		b.relink(t)
	case t.Spec.State == fleet.StateAbsent:
		b.remove(t, "state absent is wanted")
	case t.Before == nil:
		b.create(t)
	default:
		b.change(t)
	}
	b.block(t)
}

// sideBySide does n pieces of work that do not depend on each other on all
// processors.
func sideBySide(n int, do func(i int)) {
	var wg sync.WaitGroup
	var panics fleet.Panics
	parts := runtime.GOMAXPROCS(0)
	for part := range parts {
		wg.Go(func() {
			defer panics.Guard(nil)
			for i := n * part / parts; i < n*(part+1)/parts; i++ {
				do(i)
			}
		})
	}
	wg.Wait()
	panics.Rethrow()
}

// refuseSharedMatches refuses rows that turned out to mean one live endpoint,
// one by its id and another by its name.
func (b *builder) refuseSharedMatches() {
	b.moves = moves{make(map[*fleet.Endpoint]int32, b.rows), map[*fleet.Endpoint]bool{}, map[*fleet.Endpoint]string{}}
	for i := range b.tasks {
		if b.tasks[i].Before == nil {
			continue
		}
		j, taken := b.moves.owner[b.tasks[i].Before]
		if !taken {
			b.moves.owner[b.tasks[i].Before] = int32(i)
			continue
		}
		for _, pair := range [][2]int{{i, int(j)}, {int(j), i}} {
			t, other := &b.tasks[pair[0]], b.tasks[pair[1]].Spec.Origin
			b.unfit[pair[0]] = true
			t.Refused = []string{fmt.Sprintf("endpoint %s is also meant by %s:%d", t.Before.ID, fleet.Printable(other.File), other.Line)}
		}
	}
}

func (t *Task) refuse(format string, args ...any) {
	t.Refused = append(t.Refused, fmt.Sprintf(format, args...))
}

func (t *Task) step(action fleet.Action, set fleet.Fields, format string, args ...any) {
	t.stepAfter(nil, action, set, format, args...)
}

// stepAfter plans a step that waits for another task's.
func (t *Task) stepAfter(after *Place, action fleet.Action, set fleet.Fields, format string, args ...any) {
	t.Steps = append(t.Steps, Step{Action: action, Set: set, Reason: fmt.Sprintf(format, args...), After: after})
}

// find finds the live endpoint that a row means: by id if it gives one, else by
// its key, else by its previous name.
func (b *builder) find(spec *fleet.Spec) (*fleet.Endpoint, string) {
	switch {
	case spec.ID != "":
		live, ok := b.have.ByID(spec.ID)
		if !ok && spec.State != fleet.StateAbsent {
			return nil, fmt.Sprintf("there is no endpoint with id %s; leave endpointId out to match by %s", spec.ID, spec.Key)
		}
		return live, ""
	case spec.Key == fleet.ByICCID:
		return b.findICCID(spec)
	}
	live, refusal := only(b.have.ByName(spec.Name))
	if refusal != "" || spec.PreviousName == "" {
		return live, refusal
	}
	old, refusal := only(b.have.ByName(spec.PreviousName))
	if live != nil && old != nil && live != old {
		return nil, fmt.Sprintf("both the new name (endpoint %s) and the previous name (endpoint %s) are live", live.ID, old.ID)
	}
	if live != nil {
		return live, ""
	}
	return old, refusal
}

func (b *builder) findICCID(spec *fleet.Spec) (*fleet.Endpoint, string) {
	live, refusal := only(b.have.ByICCID(spec.ICCID))
	if live != nil || refusal != "" || spec.Name == "" {
		return live, refusal
	}
	if named, _ := b.have.ByName(spec.Name); named != nil {
		return nil, fmt.Sprintf("no endpoint has this SIM, but the name is live (endpoint %s with iccid %s); key iccid does not move SIMs: give endpointId in the row if it is the one", named.ID, orNone(string(named.ICCID)))
	}
	return nil, ""
}

func only(live *fleet.Endpoint, others []*fleet.Endpoint) (*fleet.Endpoint, string) {
	if len(others) == 0 {
		return live, ""
	}
	ids := []string{string(live.ID)}
	for _, e := range others {
		ids = append(ids, string(e.ID))
	}
	return nil, fmt.Sprintf("%d live endpoints fit this row: %s; give endpointId, or remove those that should not be", len(ids), strings.Join(ids, ", "))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// create plans a new endpoint, or nothing of it: half an endpoint helps nobody.
func (b *builder) create(t *Task) {
	spec := t.Spec
	set := spec.Only(b.opts.Abilities.Has())
	if missing := b.opts.Abilities.Creates &^ set.Given(); missing != 0 {
		t.refuse("it is not on the platform, and a create needs %s: give it in the row, its group or the defaults", missing)
	}
	switch {
	case spec.State == fleet.StateSuspended:
		t.refuse("%s", activatedToSuspend)
	case spec.State == fleet.StateActive && !spec.WantsSIM():
		t.refuse("state active needs a SIM: give iccid")
	}
	iccid, after, refusal := b.card(t)
	if refusal != "" {
		t.refuse("%s", refusal)
	}
	if len(t.Refused) > 0 {
		return
	}
	set.ICCID = ""
	t.step(fleet.Create, set, "it is not on the platform")
	if spec.WantsSIM() {
		t.linkCard(iccid, after, fmt.Sprintf("SIM %s is wanted", iccid))
	}
	if spec.State == fleet.StateActive {
		t.step(fleet.Activate, fleet.Fields{}, "state active is wanted")
	}
}

const activatedToSuspend = "state suspended is reached from active only, and nothing is activated (and billed) just to be suspended; use pre-active, or activate it first"

// change plans what an endpoint that exists needs: values, SIM, state. What is
// refused of one does not keep the others from being done.
func (b *builder) change(t *Task) {
	b.modify(t)
	after, ok := b.swap(t)
	if ok {
		b.state(t, after)
	}
}

// modify compares the managed values. What travels in one call is one step.
func (b *builder) modify(t *Task) {
	var set fleet.Fields
	after, unfit := b.rename(t)
	wanted := t.Spec.Only(b.opts.Abilities.Compared(t.Before.Reported))
	for _, f := range managed {
		want, have := wanted.Get(f), t.Before.Get(f)
		switch {
		case want == "" || f.Same(want, have) && t.Before.Reported.Has(f):
		case !t.Before.Reported.Has(f):
			t.refuse("the platform does not report %s, so it cannot be compared with %s", f, fleet.Quote(want))
		case !b.opts.Abilities.Modifiable().Has(f):
			t.refuse("%s is %s, want %s: it cannot be changed in place; correct the file, or make a new endpoint under another name", f, fleet.Quote(have), fleet.Quote(want))
		case f == fleet.FieldName && unfit != "":
			t.refuse("%s", unfit)
		default:
			set.Set(f, want)
		}
	}
	for _, part := range b.opts.Abilities.Parts(set) {
		if part.Name == "" {
			t.step(fleet.Modify, part, "%s", t.differences(part))
		} else {
			t.stepAfter(after, fleet.Modify, part, "%s", t.differences(part))
		}
	}
}

// managed are the values that are compared, in the order in which they are told.
var managed = [...]fleet.Field{fleet.FieldName, fleet.FieldPlan, fleet.FieldServiceProfile, fleet.FieldAPNGroup, fleet.FieldSIMProduct,
	fleet.FieldRoamingProfile, fleet.FieldMonthlyLimit, fleet.FieldAddonPlans}

// differences say what a modify changes.
func (t *Task) differences(set fleet.Fields) string {
	var texts []string
	for _, f := range managed {
		if want := set.Get(f); want != "" {
			texts = append(texts, fmt.Sprintf("%s %s → %s", f, orNone(t.Before.Get(f)), want))
		}
	}
	return strings.Join(texts, ", ")
}

// rename says why an endpoint cannot have its wanted name, and where it can only
// once another endpoint gave it up, which step does that. Names are not unique on
// the platform, but rows are told apart by them.
func (b *builder) rename(t *Task) (after *Place, unfit string) {
	name := t.Spec.Name
	if name == "" || fleet.FieldName.Same(name, t.Before.Name) {
		return nil, ""
	}
	if b.protected(t) {
		return nil, fmt.Sprintf("it is protected, and would be renamed to %s", fleet.Quote(name))
	}
	live, others := b.have.ByName(name)
	if live == nil || live == t.Before {
		return nil, ""
	}
	if after = b.moves.name(live); after != nil && len(others) == 0 {
		return after, ""
	}
	unfit = fmt.Sprintf("it would be renamed to %s, which endpoint %s is called already", fleet.Quote(name), live.ID)
	if why := b.moves.names[live]; why != "" {
		unfit += ", " + why
	}
	return nil, unfit
}

// protected says whether the endpoint may not be hurt, by its present name or
// the one that it shall have.
func (b *builder) protected(t *Task) bool {
	return len(b.protect) > 0 && (t.Before != nil && fleet.MatchAny(b.protect, t.Before.Name) ||
		t.Spec != nil && t.Spec.Name != "" && fleet.MatchAny(b.protect, t.Spec.Name))
}

// remove plans that an endpoint goes: its SIM first, because the platform
// refuses to delete with one attached (assumed).
func (b *builder) remove(t *Task, reason string) {
	switch live := t.Before; {
	case live == nil:
		return
	case b.protected(t):
		t.refuse("it is protected, and would be deleted")
		return
	case !live.Reported.Has(fleet.FieldICCID):
		t.refuse("the platform does not report whether it has a SIM, so it is not deleted")
		return
	case live.ICCID != "":
		t.step(fleet.Delink, fleet.Fields{}, "a SIM (%s) is de-linked before a delete", live.ICCID)
	}
	t.step(fleet.Delete, fleet.Fields{}, "%s", reason)
}
