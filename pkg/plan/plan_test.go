package plan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

var testAbilities = fleet.Abilities{
	Dialect:  "endpointinfo",
	Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldAPNGroup)},
	Creates:  fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldServiceProfile, fleet.FieldSIMProduct),
}

var everything = fleet.Fieldset(fleet.AllFields[:]...)

const (
	cardA = fleet.ICCID("8932042000001234562")
	cardB = fleet.ICCID("8932990000010000030")
	cardC = fleet.ICCID("8932990000010000105")
)

// world is what a test plans against.
type world struct {
	live    []fleet.Endpoint
	sims    []fleet.SIM
	protect []fleet.Glob
	policy  fleet.Policy
	limits  Limits
	doubts  []Doubt
	choice  *Choice
	earlier Earlier
	known   func(fleet.ID) bool
	rows    int // of the files, when the specs are not all of them
	can     fleet.Abilities
}

func (w world) build(t testing.TB, specs ...fleet.Spec) *Plan {
	t.Helper()
	p, err := w.plan(t, specs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w world) plan(t testing.TB, specs ...fleet.Spec) (*Plan, error) {
	t.Helper()
	sims := w.sims
	for _, c := range []fleet.ICCID{cardA, cardB, cardC} {
		if !slices.ContainsFunc(sims, func(s fleet.SIM) bool { return s.ICCID == c }) {
			sims = append(sims, w.card(c))
		}
	}
	have, err := inventory.New(w.live, sims, true)
	if err != nil {
		t.Fatal(err)
	}
	limits := w.limits
	if limits == (Limits{}) {
		limits = Unlimited
	}
	inputs := []fleet.Input{{File: "f.csv", Rows: max(w.rows, len(specs))}}
	return Build(&fleet.Fleet{Specs: specs, Protect: w.protect, Policies: []fleet.Policy{w.policy}, Inputs: inputs}, have,
		Options{ID: "p", Account: "acme", Abilities: w.abilities(), Limits: limits, Rate: 2, Products: map[fleet.ID]string{"7": "MFF2"}, Doubts: w.doubts,
			Choice: w.choice, Earlier: w.earlier, Known: w.known})
}

func (w world) abilities() fleet.Abilities {
	if w.can.Dialect == "" {
		return testAbilities
	}
	return w.can
}

// card is free unless a live endpoint has it.
func (w world) card(c fleet.ICCID) fleet.SIM {
	for _, e := range w.live {
		if e.ICCID == c {
			return fleet.SIM{ICCID: c, Status: fleet.SIMStatus(e.Status), EndpointID: e.ID, Attached: true, Product: "MFF2"}
		}
	}
	return fleet.SIM{ICCID: c, Status: fleet.SIMReady, Product: "MFF2"}
}

func endpoint(id fleet.ID, name string, status fleet.Status, iccid fleet.ICCID) fleet.Endpoint {
	return fleet.Endpoint{ID: id, Status: status, Reported: everything, Fields: fleet.Fields{Name: name, PlanID: "100234",
		ServiceProfileID: "SP_1", APNGroupID: "PDP_1", SIMProductID: "7", ICCID: iccid}}
}

func spec(name string, state fleet.State, iccid fleet.ICCID) fleet.Spec {
	return fleet.Spec{State: state, Origin: fleet.Origin{File: "f.csv", Line: 2}, Fields: fleet.Fields{Name: name, PlanID: "100234",
		ServiceProfileID: "SP_1", APNGroupID: "PDP_1", SIMProductID: "7", ICCID: iccid}}
}

// did is a task in short: its steps, and "!" where something is refused.
func did(t Task) string {
	var parts []string
	for _, s := range t.Steps {
		parts = append(parts, s.Action.String())
	}
	if len(t.Refused) > 0 {
		parts = append(parts, "!")
	}
	return strings.Join(parts, " ")
}

// Every wanted state from every live state, with the SIM that is there, none,
// another one, and with the SIM to be cleared.
func TestEveryChangeOfState(t *testing.T) {
	const keep, none, give, swap, clear = "keeps its SIM", "has no SIM", "is given a SIM", "is given another SIM", "is to have no SIM"
	states := []fleet.State{fleet.StateUnmanaged, fleet.StateActive, fleet.StatePreActive, fleet.StateSuspended, fleet.StateAbsent}
	tests := []struct {
		status fleet.Status
		sim    string
		want   [5]string // in the order of states
	}{
		{fleet.StatusPreActive, keep, [5]string{"", "activate", "", "!", "delink delete"}},
		{fleet.StatusActive, keep, [5]string{"", "", "!", "suspend", "delink delete"}},
		{fleet.StatusSuspended, keep, [5]string{"", "resume", "!", "", "delink delete"}},
		{fleet.StatusPreActive, none, [5]string{"", "!", "", "!", "delete"}},
		{fleet.StatusHold, none, [5]string{"", "!", "", "!", "delete"}},
		{fleet.StatusPreActive, give, [5]string{"link", "link activate", "link", "!", "delete"}},
		{fleet.StatusHold, give, [5]string{"link", "link activate", "link", "!", "delete"}},
		{fleet.StatusActive, give, [5]string{"!", "!", "!", "!", "delete"}}, // Active without a SIM: a platform at odds with itself
		{fleet.StatusPreActive, swap, [5]string{"delink link", "delink link activate", "delink link", "!", "delink delete"}},
		{fleet.StatusActive, swap, [5]string{"delink link activate", "delink link activate", "delink link", "!", "delink delete"}},
		{fleet.StatusSuspended, swap, [5]string{"!", "delink link activate", "delink link", "!", "delink delete"}},
		{fleet.StatusPreActive, clear, [5]string{"delink", "delink !", "delink", "delink !", "delink delete"}},
		{fleet.StatusActive, clear, [5]string{"delink", "delink !", "delink", "delink !", "delink delete"}},
		{fleet.StatusHold, clear, [5]string{"", "!", "", "!", "delete"}},
		{"Active-Test", keep, [5]string{"", "!", "!", "!", "delink delete"}},
		{"Active-Test", swap, [5]string{"!", "delink link activate", "delink link", "!", "delink delete"}},
	}
	for _, tt := range tests {
		for i, state := range states {
			t.Run(fmt.Sprintf("%s %s to %q", tt.status, tt.sim, state), func(t *testing.T) {
				has := cardA
				if tt.sim == none || tt.sim == give || tt.status == fleet.StatusHold {
					has = ""
				}
				w := world{live: []fleet.Endpoint{endpoint("1", "m", tt.status, has)}}
				s := spec("m", state, map[string]fleet.ICCID{keep: cardA, give: cardB, swap: cardB}[tt.sim])
				s.ClearSIM = tt.sim == clear
				p := w.build(t, s)
				if got := did(p.Tasks[0]); got != tt.want[i] {
					t.Errorf("got %q (%v), want %q", got, p.Tasks[0].Refused, tt.want[i])
				}
			})
		}
	}
}

func TestCreate(t *testing.T) {
	noPlan := spec("m", fleet.StateActive, cardA)
	noPlan.PlanID, noPlan.SIMProductID = "", ""
	tests := []struct {
		name string
		spec fleet.Spec
		want string
	}{
		{"active with a SIM", spec("m", fleet.StateActive, cardA), "create link activate"},
		{"pre-active with a SIM", spec("m", fleet.StatePreActive, cardA), "create link"},
		{"pre-active without", spec("m", fleet.StatePreActive, ""), "create"},
		{"no state managed", spec("m", fleet.StateUnmanaged, cardA), "create link"},
		{"active without a SIM", spec("m", fleet.StateActive, ""), "!"},
		{"suspended", spec("m", fleet.StateSuspended, cardA), "!"},
		{"suspended without a SIM", spec("m", fleet.StateSuspended, ""), "!"},
		{"absent", spec("m", fleet.StateAbsent, cardA), ""},
		{"without rate plan and product", noPlan, "!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := did(world{}.build(t, tt.spec).Tasks[0]); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	p := world{}.build(t, spec("m", fleet.StateActive, cardA))
	if set := p.Tasks[0].Steps[0].Set; set.ICCID != "" || set.Name != "m" || set.PlanID != "100234" || set.SIMProductID != "7" {
		t.Errorf("create sets %+v", set)
	}
}

func TestValuesThatDiffer(t *testing.T) {
	live := endpoint("1", "m", fleet.StatusActive, cardA)
	tests := []struct {
		name   string
		change func(s *fleet.Spec, e *fleet.Endpoint)
		want   string
	}{
		{"nothing", func(*fleet.Spec, *fleet.Endpoint) {}, ""},
		{"rate plan", func(s *fleet.Spec, _ *fleet.Endpoint) { s.PlanID = "100300" }, "modify"},
		{"APN group where there is none", func(_ *fleet.Spec, e *fleet.Endpoint) { e.APNGroupID = "" }, "modify"},
		{"a field that no row manages", func(s *fleet.Spec, e *fleet.Endpoint) { s.PlanID, e.PlanID = "", "other" }, ""},
		{"service profile", func(s *fleet.Spec, _ *fleet.Endpoint) { s.ServiceProfileID = "SP_2" }, "!"},
		{"SIM product", func(s *fleet.Spec, _ *fleet.Endpoint) { s.SIMProductID = "8" }, "!"},
		{"service profile and rate plan", func(s *fleet.Spec, _ *fleet.Endpoint) { s.ServiceProfileID, s.PlanID = "SP_2", "9" }, "modify !"},
		{"a field that is not reported", func(_ *fleet.Spec, e *fleet.Endpoint) { e.Reported &^= fleet.FieldSet(fleet.FieldAPNGroup) }, "!"},
		{"an unmanaged field that is not reported", func(s *fleet.Spec, e *fleet.Endpoint) {
			s.APNGroupID = ""
			e.Reported &^= fleet.FieldSet(fleet.FieldAPNGroup)
		}, ""},
		{"a status that is not reported", func(_ *fleet.Spec, e *fleet.Endpoint) {
			e.Status = ""
			e.Reported &^= fleet.FieldSet(fleet.FieldStatus)
		}, "!"},
		{"a status that is not reported, and another SIM", func(s *fleet.Spec, e *fleet.Endpoint) {
			s.ICCID, e.Status = cardB, ""
			e.Reported &^= fleet.FieldSet(fleet.FieldStatus)
		}, "!"},
		{"the name in another Unicode form", func(s *fleet.Spec, e *fleet.Endpoint) { s.Name, e.Name = "Zürich", " Zu\u0308rich" }, ""},
		{"the SIM without its last digit", func(s *fleet.Spec, e *fleet.Endpoint) { e.ICCID = fleet.WithCheckDigit(string(cardA)) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, e := spec("m", fleet.StateActive, cardA), live
			tt.change(&s, &e)
			p := world{live: []fleet.Endpoint{e}}.build(t, s)
			if got := did(p.Tasks[0]); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, p.Tasks[0].Refused, tt.want)
			}
		})
	}
}

func TestMatching(t *testing.T) {
	w := world{live: []fleet.Endpoint{
		endpoint("1", "a", fleet.StatusActive, cardA), endpoint("2", "b", fleet.StatusPreActive, ""),
		endpoint("3", "twin", fleet.StatusPreActive, ""), endpoint("4", "twin", fleet.StatusPreActive, ""),
	}}
	with := func(s fleet.Spec, change func(*fleet.Spec)) fleet.Spec { change(&s); return s }
	tests := []struct {
		name string
		spec fleet.Spec
		id   fleet.ID
		want string
	}{
		{"by name", spec("b", fleet.StatePreActive, ""), "2", ""},
		{"by id, which renames", with(spec("new", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.ID = "2" }), "2", "modify"},
		{"by id, and its new name is taken", with(spec("a", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.ID = "2" }), "2", "!"},
		{"an id that is not there", with(spec("new", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.ID = "99" }), "", "!"},
		{"an id that is gone and shall be", with(spec("new", fleet.StateAbsent, ""), func(s *fleet.Spec) { s.ID = "99" }), "", ""},
		{"a name that two have", spec("twin", fleet.StatePreActive, ""), "", "!"},
		{"one of the two by id", with(spec("twin", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.ID = "4" }), "4", ""},
		{"by its previous name", with(spec("c", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.PreviousName = "b" }), "2", "modify"},
		{"by its new name when the previous is gone", with(spec("b", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.PreviousName = "old" }), "2", ""},
		{"new and previous name both live", with(spec("a", fleet.StateActive, cardA), func(s *fleet.Spec) { s.PreviousName = "b" }), "", "!"},
		{"neither name live", with(spec("c", fleet.StatePreActive, ""), func(s *fleet.Spec) { s.PreviousName = "d" }), "", "create"},
		{"by SIM, which renames", with(spec("c", fleet.StateActive, cardA), func(s *fleet.Spec) { s.Key = fleet.ByICCID }), "1", "modify"},
		{"by a SIM that nobody has", with(spec("c", fleet.StateActive, cardB), func(s *fleet.Spec) { s.Key = fleet.ByICCID }), "", "create link activate"},
		{"by a SIM that nobody has, and a name that is live", with(spec("b", fleet.StateActive, cardB), func(s *fleet.Spec) { s.Key = fleet.ByICCID }), "", "!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			task := w.build(t, tt.spec).Tasks[0]
			var id fleet.ID
			if task.Before != nil {
				id = task.Before.ID
			}
			if got := did(task); got != tt.want || id != tt.id {
				t.Errorf("got %q on %q (%v), want %q on %q", got, id, task.Refused, tt.want, tt.id)
			}
		})
	}
	byID := spec("x", fleet.StatePreActive, "")
	byID.ID = "2"
	p := w.build(t, byID, spec("b", fleet.StatePreActive, ""))
	if did(p.Tasks[0]) != "!" || did(p.Tasks[1]) != "!" {
		t.Errorf("two rows that mean one endpoint: got %q and %q, want both refused", did(p.Tasks[0]), did(p.Tasks[1]))
	}
}

func TestCardsAreChecked(t *testing.T) {
	free := fleet.SIM{ICCID: cardB, Status: fleet.SIMReady, Product: "MFF2"}
	with := func(change func(*fleet.SIM)) fleet.SIM { s := free; change(&s); return s }
	tests := []struct {
		name string
		sim  fleet.SIM
		want string
	}{
		{"free", free, "create link activate"},
		{"attached, by its endpoint", with(func(s *fleet.SIM) { s.EndpointID = "9"; s.Attached = true }), "!"},
		{"attached, to nobody knows whom", with(func(s *fleet.SIM) { s.Attached = true }), "!"},
		{"active", with(func(s *fleet.SIM) { s.Status = fleet.SIMActive }), "!"},
		{"of another product", with(func(s *fleet.SIM) { s.Product = "2FF" }), "!"},
		{"of the product, by id", with(func(s *fleet.SIM) { s.Product = "7" }), "create link activate"},
		{"of no known product", with(func(s *fleet.SIM) { s.Product = "" }), "create link activate"},
		{"of another number", with(func(s *fleet.SIM) { s.ICCID = "8932990000019999999" }), "!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			have, err := inventory.New(nil, []fleet.SIM{tt.sim}, true)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Build(&fleet.Fleet{Specs: []fleet.Spec{spec("m", fleet.StateActive, cardB)}}, have,
				Options{Abilities: testAbilities, Limits: Unlimited, Products: map[fleet.ID]string{"7": "MFF2"}})
			if err != nil {
				t.Fatal(err)
			}
			if got := did(p.Tasks[0]); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, p.Tasks[0].Refused, tt.want)
			}
		})
	}
	// The platform's own form of the number is sent.
	long := fleet.WithCheckDigit(string(cardB))
	have, err := inventory.New(nil, []fleet.SIM{{ICCID: long, Status: fleet.SIMReady}}, true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Build(&fleet.Fleet{Specs: []fleet.Spec{spec("m", fleet.StateActive, cardB)}}, have, Options{Abilities: testAbilities, Limits: Unlimited})
	if err != nil || p.Tasks[0].Steps[1].Set.ICCID != long {
		t.Errorf("got %v, %v, want to link %s", p.Tasks[0].Steps, err, long)
	}
}

// The endpoints are listed before the SIMs. A card that went to a row's own endpoint in
// between is where it belongs: to de-link it there would cut a device off.
func TestCardThatArrivesWhileLiveIsRead(t *testing.T) {
	live := []fleet.Endpoint{endpoint("1", "m1", fleet.StatusPreActive, ""), endpoint("2", "m2", fleet.StatusActive, cardB), endpoint("3", "m3", fleet.StatusActive, cardC)}
	arrived := func(card fleet.ICCID) fleet.SIM {
		return fleet.SIM{ICCID: card, Status: fleet.SIMActive, EndpointID: "1", Attached: true, Product: "MFF2"}
	}
	chosen := auto("m1", fleet.StateActive)
	chosen.ICCID = cardA
	tests := []struct {
		name string
		sim  fleet.SIM
		spec fleet.Spec
	}{
		{"from stock", arrived(cardA), spec("m1", fleet.StateActive, cardA)},
		{"from stock, chosen by an earlier plan", arrived(cardA), chosen},
		{"from an endpoint that no row names", arrived(cardB), spec("m1", fleet.StateActive, cardB)},
		{"in the place of another", fleet.SIM{ICCID: cardA, Status: fleet.SIMActive, EndpointID: "3", Attached: true}, spec("m3", fleet.StateActive, cardA)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := world{live: live, sims: []fleet.SIM{tt.sim}}.build(t, tt.spec).Tasks[0]
			want := []string{fmt.Sprintf("SIM %s is linked to it by the listing of the SIMs, and not by that of the endpoints: it changed while it was being read; plan again", tt.spec.ICCID)}
			if diff := cmp.Diff(want, got.Refused); diff != "" || len(got.Steps) > 0 {
				t.Errorf("got steps %v, refusals: %s", got.Steps, diff)
			}
		})
	}
}

func TestProtectedEndpointsAreNotHurt(t *testing.T) {
	w := world{live: []fleet.Endpoint{endpoint("1", "hospital-1", fleet.StatusActive, cardA)}, protect: []fleet.Glob{"hospital-*"}}
	rename := spec("m", fleet.StateActive, cardA)
	rename.ID = "1"
	clearSIM := spec("hospital-1", fleet.StateUnmanaged, "")
	clearSIM.ClearSIM = true
	for name, s := range map[string]fleet.Spec{
		"delete": spec("hospital-1", fleet.StateAbsent, ""), "suspend": spec("hospital-1", fleet.StateSuspended, cardA),
		"swap": spec("hospital-1", fleet.StateActive, cardB), "clear": clearSIM, "rename": rename,
	} {
		if got := did(w.build(t, s).Tasks[0]); got != "!" {
			t.Errorf("%s: got %q, want it refused", name, got)
		}
	}
	other := spec("hospital-1", fleet.StateActive, cardA)
	other.PlanID = "100300"
	if got := did(w.build(t, other).Tasks[0]); got != "modify" {
		t.Errorf("a new rate plan: got %q, want modify", got)
	}
}

func TestOrphans(t *testing.T) {
	live := []fleet.Endpoint{
		endpoint("1", "m-1", fleet.StatusActive, cardA), endpoint("2", "m-2", fleet.StatusActive, cardB),
		endpoint("3", "m-3", fleet.StatusHold, ""), endpoint("4", "other", fleet.StatusActive, cardC), endpoint("5", "m-hospital", fleet.StatusActive, ""),
		endpoint("6", "m-twin", fleet.StatusHold, ""), endpoint("7", "m-twin", fleet.StatusHold, ""),
	}
	tests := map[fleet.Orphans][]string{
		fleet.OrphansIgnore:  {"1 ", "twin !"},
		fleet.OrphansReport:  {"1 ", "twin !", "2 ", "3 ", "5 "},
		fleet.OrphansSuspend: {"1 ", "twin !", "2 suspend", "3 ", "5 !"},
		fleet.OrphansDelete:  {"1 ", "twin !", "2 delink delete", "3 delete", "5 !"},
	}
	for orphans, want := range tests {
		w := world{live: live, policy: fleet.Policy{File: "f.yaml", Scope: []fleet.Glob{"m-*"}, Orphans: orphans}, protect: []fleet.Glob{"*hospital*"}}
		p := w.build(t, spec("m-1", fleet.StateActive, cardA), spec("m-twin", fleet.StatePreActive, ""))
		var got []string
		for _, task := range p.Tasks {
			id := "twin"
			if task.Before != nil {
				id = string(task.Before.ID)
			}
			got = append(got, id+" "+did(task))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", orphans, diff)
		}
	}
}

// An orphan that is to be suspended and is not active is as it should be, also in a
// plan that was saved; where nobody knows whether it is active, it is not.
func TestOrphansAtRest(t *testing.T) {
	unreported := endpoint("6", "m-6", "", cardC)
	unreported.Reported &^= fleet.Fieldset(fleet.FieldStatus)
	live := []fleet.Endpoint{
		endpoint("1", "m-1", fleet.StatusActive, cardA), endpoint("2", "m-2", fleet.StatusSuspended, cardB), endpoint("3", "m-3", fleet.StatusHold, ""),
		endpoint("4", "m-4", fleet.StatusPreActive, ""), endpoint("5", "m-5", "Barred", ""), unreported, endpoint("7", "m-hospital", fleet.StatusActive, ""),
	}
	for orphans, want := range map[fleet.Orphans]string{fleet.OrphansReport: "1234567", fleet.OrphansSuspend: "1567", fleet.OrphansDelete: "1234567"} {
		w := world{live: live, policy: fleet.Policy{File: "f.yaml", Scope: []fleet.Glob{"m-*"}, Orphans: orphans}, protect: []fleet.Glob{"*hospital*"}}
		p := w.build(t)
		var file bytes.Buffer
		if err := p.Write(&file); err != nil {
			t.Fatal(err)
		}
		saved, err := Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]*Plan{"a plan": p, "a saved plan": saved} {
			got := ""
			for i := range p.Tasks {
				if p.Differs(&p.Tasks[i]) {
					got += string(p.Tasks[i].Before.ID)
				}
			}
			if got != want || len(p.Tasks) != len(live) {
				t.Errorf("%s, orphans: %s: got %s of %d that differ, want %s of %d", name, orphans, got, len(p.Tasks), want, len(live))
			}
		}
		for i, why := range map[int]string{1: "it is suspended already", 2: "it is Hold, so there is nothing to suspend", 3: "it is Pre-Active, so there is nothing to suspend"} {
			if got := p.Tasks[i].Note; strings.HasSuffix(got, "no file lists it; "+why) != (orphans == fleet.OrphansSuspend) {
				t.Errorf("orphans: %s: got the note %q", orphans, got)
			}
		}
	}
}

func TestGuardsSayTheExactNumber(t *testing.T) {
	live := []fleet.Endpoint{endpoint("1", "a", fleet.StatusActive, cardA), endpoint("2", "b", fleet.StatusActive, cardB), endpoint("3", "c", fleet.StatusActive, cardC)}
	specs := []fleet.Spec{spec("a", fleet.StateAbsent, ""), spec("b", fleet.StateAbsent, ""), spec("c", fleet.StateSuspended, cardC)}
	for _, tt := range []struct {
		limits Limits
		want   []string
	}{
		{Limits{Deletes: 2, Delinks: 2, Suspends: 1, Modifies: NoLimit}, nil},
		{Limits{Deletes: 1, Delinks: 2, Suspends: 0}, []string{"--max-deletes 2", "--max-suspends 1"}},
		{Limits{Deletes: NoLimit, Delinks: 1, Suspends: 9}, []string{"--max-delinks 2"}},
	} {
		p := world{live: live, limits: tt.limits}.build(t, specs...)
		if len(p.Blocked) != len(tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.limits, p.Blocked, tt.want)
			continue
		}
		for i, want := range tt.want {
			if !strings.HasSuffix(p.Blocked[i], want) {
				t.Errorf("%+v: got %q, want it to end in %q", tt.limits, p.Blocked[i], want)
			}
		}
	}
	if got := (Limits{5, NoLimit, 3, 0, NoLimit, 0, true, true, false}).Tighten(Limits{NoLimit, 4, 9, 7, NoLimit, 12, true, false, true}); got != (Limits{5, 4, 3, 0, NoLimit, 12, true, false, false}) {
		t.Errorf("got %+v", got)
	}
}

func TestEstimate(t *testing.T) {
	p := world{}.build(t, spec("a", fleet.StateActive, cardA), spec("b", fleet.StateActive, cardB))
	if p.Counts.Calls != 6 || p.Estimate.Floor.String() != "3s" || p.Estimate.Activations != 2 {
		t.Errorf("got %d calls, %s, %d activations, want 6, 3s, 2", p.Counts.Calls, p.Estimate.Floor, p.Estimate.Activations)
	}
}

func TestAnotherAccountIsRefused(t *testing.T) {
	have, err := inventory.New(nil, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Build(&fleet.Fleet{Account: "acme"}, have, Options{Account: "other"}); !errors.Is(err, fleet.ErrPlan) {
		t.Errorf("got %v, want %v", err, fleet.ErrPlan)
	}
}
