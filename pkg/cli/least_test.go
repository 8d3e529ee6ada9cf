package cli

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
	"sftctl/pkg/wire"
)

var least = flag.Int("least", 1, "how many times as many random fleets for the properties of the planner")

// often checks a property with the same cases each time: as many as are said times
// -least, from -seed; fewer of them with the race detector.
func often(t *testing.T, checks int, property func(*rapid.T)) {
	t.Helper()
	if raceEnabled {
		checks /= 8
	}
	for name, value := range map[string]int{"rapid.checks": checks * *least, "rapid.seed": *seedFrom} {
		f := flag.Lookup(name)
		before := f.Value.String()
		if before != f.DefValue {
			continue // somebody says which
		}
		if err := f.Value.Set(fmt.Sprint(value)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Value.Set(before) }()
	}
	rapid.Check(t, property)
}

// dispute is a matter with what the planner is told of it.
type dispute struct {
	matter
	spec    fleet.Spec // as written
	exempt  string     // why the contract refuses it by who it is; empty when it does not
	protect []fleet.Glob
	hidden  fleet.FieldSet // what the listing does not report
}

var (
	anyCard = rapid.SampledFrom([]fleet.ICCID{"", ownCard, ownCard, newCard, newCard, newCard, mismatched, unstocked})
	columns = rapid.SampledFrom([]plight{
		{there: true, status: fleet.StatusPreActive, Fields: fleet.Fields{ICCID: ownCard}}, {there: true, status: fleet.StatusPreActive},
		{there: true, status: fleet.StatusActive, Fields: fleet.Fields{ICCID: ownCard}}, {there: true, status: fleet.StatusSuspended, Fields: fleet.Fields{ICCID: ownCard}},
		{there: true, status: fleet.StatusHold}, {}})
	someOf = func(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(values) }
)

func drawDispute(t *rapid.T, dialect wire.Dialect) dispute {
	var d dispute
	d.dialect = dialect
	d.start = columns.Draw(t, "live")
	d.start.held = rapid.IntRange(0, 3).Draw(t, "held") == 0
	if d.start.there {
		d.start.Name = subjectName
		if d.collects() {
			d.start.RoamingProfileID = fleet.ID(someOf("1201", "1202").Draw(t, "roaming"))
		} else {
			d.start.ServiceProfileID, d.start.SIMProductID = "SP_1249", "7"
		}
		d.start.PlanID, d.start.APNGroupID = anyPlan.Draw(t, "plan"), anyAPN.Draw(t, "apn")
	}
	d.spec = fleet.Spec{State: anyState.Draw(t, "wanted state"), Origin: fleet.Origin{File: "fleet.csv", Line: 2}}
	d.drawValues(t)
	switch card := anyCard.Draw(t, "wanted card"); {
	case rapid.IntRange(0, 4).Draw(t, "clear") == 0:
		d.spec.ClearSIM = d.spec.State != fleet.StateActive && d.spec.State != fleet.StateSuspended
	case card != "":
		d.spec.ICCID = card[:rapid.SampledFrom([]int{19, 20}).Draw(t, "digits")]
		d.spec.Relink = rapid.IntRange(0, 2).Draw(t, "relink") == 0
	}
	d.identify(t)
	if glob := someOf("", "", "", subjectName, neighbourName, "n").Draw(t, "protect"); glob != "" {
		d.protect = []fleet.Glob{fleet.Glob(glob)}
	}
	d.resolve()
	return d
}

func (d *dispute) collects() bool { return d.dialect == (wire.Collection{}) }

func (d *dispute) drawValues(t *rapid.T) {
	d.spec.RoamingProfileID = fleet.ID(someOf("", "1201", "1201", "1202").Draw(t, "wanted roaming"))
	d.spec.PlanID = fleet.ID(someOf("", "100234", "100300").Draw(t, "wanted plan"))
	d.spec.APNGroupID = anyAPN.Draw(t, "wanted apn")
	d.spec.ServiceProfileID = fleet.ID(someOf("", "SP_1249", "SP_1249", "SP_1249", "SP_1300").Draw(t, "wanted profile"))
	d.spec.SIMProductID = fleet.ID(someOf("", "7", "7", "7", "8").Draw(t, "wanted product"))
	if d.start.there && rapid.IntRange(0, 9).Draw(t, "lacking") == 0 {
		d.hidden = fleet.Fieldset(rapid.SampledFrom([]fleet.Field{fleet.FieldPlan, fleet.FieldAPNGroup, fleet.FieldServiceProfile, fleet.FieldStatus, fleet.FieldStatus}).Draw(t, "not reported"))
		if d.unreported = d.hidden; d.start.ICCID != "" {
			d.unreported &^= fleet.Fieldset(fleet.FieldStatus) // its SIM tells
		}
	}
}

// identify says by what the row means the subject, and which name it wants.
func (d *dispute) identify(t *rapid.T) {
	absent := d.spec.State == fleet.StateAbsent
	switch someOf("name", "name", "id", "previous name", "iccid").Draw(t, "by") {
	case "name":
		d.spec.Name = someOf(subjectName, subjectName, " "+subjectName+" ").Draw(t, "name")
	case "id":
		d.spec.ID, d.spec.Name = subjectID, someOf("", subjectName, "n", "n", neighbourName).Draw(t, "name")
		if !d.start.there && !absent {
			d.exempt = "no endpoint has the id"
		}
	case "previous name":
		d.spec.Name, d.spec.PreviousName = "n", subjectName
		if d.start.there && rapid.IntRange(0, 3).Draw(t, "both") == 0 {
			d.spec.Name, d.exempt = neighbourName, "both names are live"
		}
	case "iccid":
		d.spec.Key, d.spec.ClearSIM, d.spec.Name = fleet.ByICCID, false, someOf("", subjectName, "n").Draw(t, "name")
		d.spec.ICCID, d.start.held = ownCard, false
		switch {
		case d.start.ICCID == ownCard:
		case !d.start.there || d.spec.Name != subjectName:
			d.start = plight{} // the row means another endpoint, which is not there
		default:
			d.exempt = "no endpoint has the SIM, and the name is live"
		}
	}
}

// resolve says in the platform's own forms what the row wants.
func (d *dispute) resolve() {
	d.want = d.spec
	if d.product = ""; d.collects() {
		d.product, d.want.ServiceProfileID, d.want.SIMProductID = d.spec.SIMProductID, "", ""
	} else {
		d.want.RoamingProfileID = ""
	}
	for _, card := range []fleet.ICCID{ownCard, newCard, farCard, mismatched, unstocked} {
		if card.Equal(d.spec.ICCID) {
			d.want.ICCID = card
		}
	}
	if d.start.there && fleet.NameKey(d.spec.Name) == subjectName {
		d.want.Name = subjectName
	}
	d.protected = d.start.there && fleet.MatchAny(d.protect, d.start.Name) || d.spec.Name != "" && fleet.MatchAny(d.protect, d.spec.Name)
	d.guarded = fleet.MatchAny(d.protect, neighbourName)
	d.nameTaken = d.want.Name == neighbourName
}

// plan asks the planner.
func (d *dispute) plan(t *rapid.T, j *judge) *plan.Plan {
	sim := d.start.platform(j.initial)
	live := sim.Endpoints()
	for i := range live {
		if live[i].ID == subjectID {
			d.hide(&live[i])
		}
	}
	have, err := inventory.New(live, sim.SIMs(), true)
	if err != nil {
		t.Fatal(err)
	}
	products := map[fleet.ID]string{"7": "MFF2 industrial", "8": "2FF/3FF/4FF card"}
	p, err := plan.Build(&fleet.Fleet{Specs: []fleet.Spec{d.spec}, Policies: []fleet.Policy{{}}, Protect: d.protect}, have,
		plan.Options{ID: "p", Account: "ann", Abilities: d.dialect.Abilities(), Limits: plan.Unlimited, Products: products})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hide takes from a row of the listing what the platform does not report.
func (d *dispute) hide(e *fleet.Endpoint) {
	e.Reported &^= d.hidden | d.dialect.Abilities().Lacks
	for _, f := range valueParts {
		if !e.Reported.Has(f) {
			e.Set(f, "")
		}
	}
	if d.hidden.Has(fleet.FieldStatus) {
		e.Status = ""
	}
}

// rawOf is the call that does a step, with those that ride in it.
func rawOf(t *plan.Task, k int) raw {
	neighbour := t.Before != nil && t.Before.ID == neighbourID
	switch s := t.Steps[k]; s.Action {
	case fleet.Create:
		call := raw{path: "createEndpoint", Fields: s.Set}
		for _, ride := range t.Steps[k+1:] {
			call.ICCID = cmp.Or(call.ICCID, map[bool]fleet.ICCID{true: ride.Set.ICCID}[ride.Joined])
			call.starts = call.starts || ride.Joined && ride.Action == fleet.Activate
		}
		return call
	case fleet.Modify:
		return rawModify(s.Set)
	case fleet.Link:
		return rawLink(s.Set.ICCID)
	case fleet.Delink:
		return raw{path: "delinkSim", neighbour: neighbour}
	case fleet.Activate:
		return rawActivate
	case fleet.Suspend:
		return rawSuspend
	case fleet.Resume:
		return rawResume
	}
	return rawDelete
}

// inOrder is the order of the steps of a task.
var inOrder = []fleet.Action{fleet.Create, fleet.Modify, fleet.Delink, fleet.Link, fleet.Activate, fleet.Suspend, fleet.Resume, fleet.Delete}

// walk does a plan's steps on the platform, one task after another as they wait
// for each other, and says where the subject ends, after how many steps, and what
// was wrong on the way.
func (j *judge) walk(m matter, p *plan.Plan) (at plight, steps int, wrong string) {
	at = m.start
	stuck := inTurn(p, func(t *plan.Task, k int) bool {
		s := t.Steps[k]
		if s.Joined {
			return true // it rode along
		}
		call := rawOf(t, k)
		a := j.ask(at, call)
		switch {
		case !a.done:
			wrong = fmt.Sprintf("the platform refuses %s with %s, as it is %s", s.Action, a.code, at)
		case !m.permits(at, call, a.then):
			wrong = fmt.Sprintf("%s is against the rules, as it is %s", s.Action, at)
		case k > 0 && slices.Index(inOrder, t.Steps[k-1].Action) >= slices.Index(inOrder, s.Action) && (s.Action != fleet.Modify || t.Steps[k-1].Action != fleet.Modify):
			wrong = fmt.Sprintf("%s comes after %s", s.Action, t.Steps[k-1].Action)
		}
		for _, f := range valueParts {
			if s.Action == fleet.Modify && s.Set.Get(f) != "" && s.Set.Get(f) == at.Get(f) {
				wrong = fmt.Sprintf("%s is set to what it is", f)
			}
		}
		at, steps = a.then, steps+1
		return wrong == ""
	})
	if wrong == "" {
		wrong = stuck
	}
	return at, steps, wrong
}

// inTurn goes through a plan's steps as they wait for each other, until do says
// false, and tells which of them wait for what never comes.
func inTurn(p *plan.Plan, do func(t *plan.Task, k int) bool) (stuck string) {
	done := make([]int, len(p.Tasks))
	given := func(a *plan.Place) bool { return a == nil || done[a.Task] > a.Step }
	for began := true; began; {
		began = false
		for i := range p.Tasks {
			t := &p.Tasks[i]
			for ; done[i] < len(t.Steps) && !slices.ContainsFunc(inOneCall(t, done[i]), func(s plan.Step) bool { return !given(s.After) }); done[i]++ {
				if began = true; !do(t, done[i]) {
					return ""
				}
			}
		}
	}
	for i, t := range p.Tasks {
		if done[i] < len(t.Steps) {
			return fmt.Sprintf("%s of %s waits for what never comes", t.Steps[done[i]].Action, t.Label())
		}
	}
	return ""
}

// inOneCall are a step and those that ride in its call.
func inOneCall(t *plan.Task, k int) []plan.Step {
	end := k + 1
	for end < len(t.Steps) && t.Steps[end].Joined {
		end++
	}
	return t.Steps[k:end]
}

// try holds the planner's way against the judge's.
func (d *dispute) try(j *judge, p *plan.Plan) string {
	row := p.Tasks[0]
	if d.exempt != "" {
		if p.Counts.Calls != 0 || len(row.Refused) == 0 {
			return "it is not refused, although " + d.exempt
		}
		return ""
	}
	v := j.rule(d.matter)
	at, steps, wrong := j.walk(d.matter, p)
	switch {
	case wrong != "":
		return wrong
	case steps != v.steps:
		return fmt.Sprintf("it takes %d steps, and %d will do", steps, v.steps)
	case !d.met(v.done, at) && v.done != 0 || !d.left(v.done, at):
		return fmt.Sprintf("it ends as %s", at)
	case (len(row.Refused) > 0) != (v.refused != 0):
		return fmt.Sprintf("refused are %q, want %s", row.Refused, v.refused)
	}
	return d.tells(row.Refused, v.refused)
}

// tells holds what is refused of an endpoint that exists against what ought to be,
// each by its name.
func (d *dispute) tells(refused []string, want fleet.FieldSet) string {
	if !d.start.there || d.spec.State == fleet.StateAbsent {
		return ""
	}
	parts := 0
	for _, f := range append(valueParts[:], fleet.FieldICCID) {
		if !want.Has(f) {
			continue
		}
		parts++
		about := map[fleet.Field]string{fleet.FieldName: "renamed", fleet.FieldICCID: ""}
		word, other := about[f]
		if !other {
			word = f.String()
		}
		if !slices.ContainsFunc(refused, func(r string) bool { return strings.Contains(r, word) }) {
			return fmt.Sprintf("nothing of %q is about %s", refused, f)
		}
	}
	if len(refused) != parts {
		return fmt.Sprintf("refused are %q, want %s", refused, want)
	}
	return ""
}

// Whatever is live and whatever is wanted of one endpoint: the planner's steps lead
// there, no shorter way does within the rules, and where it refuses there is none.
func TestLeastSteps(t *testing.T) {
	inEach(t, func(t *testing.T, dialect wire.Dialect) {
		judges := judgesIn(dialect)
		often(t, 8000, func(rt *rapid.T) {
			j := judges[rapid.SampledFrom([]fleet.Status{fleet.StatusPreActive, fleet.StatusHold}).Draw(rt, "new endpoints are")]
			d := drawDispute(rt, dialect)
			p := d.plan(rt, j)
			if wrong := d.try(j, p); wrong != "" {
				rt.Fatalf("%s\nwritten: %+v\n%s\n%s", wrong, d.spec, d.matter, planText(p))
			}
		})
	})
}

func judgesIn(dialect wire.Dialect) map[fleet.Status]*judge {
	return map[fleet.Status]*judge{fleet.StatusPreActive: newJudge(fleet.StatusPreActive, dialect), fleet.StatusHold: newJudge(fleet.StatusHold, dialect)}
}
