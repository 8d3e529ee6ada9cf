package plan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// auto is a row that takes a SIM from stock.
func auto(name string, state fleet.State) fleet.Spec {
	s := spec(name, state, "")
	s.AutoSIM = true
	return s
}

// depot is a stock to take cards from, and what is planned on it.
type depot struct {
	live     []fleet.Endpoint
	sims     []fleet.SIM
	products map[fleet.ID]string
	doubts   []Doubt
	choice   *Choice
	reserved []fleet.ICCID
	unlisted bool // the SIMs
}

func (d depot) plan(t testing.TB, specs ...fleet.Spec) *Plan {
	t.Helper()
	have, err := inventory.New(d.live, d.sims, !d.unlisted)
	if err != nil {
		t.Fatal(err)
	}
	if d.products == nil {
		d.products = map[fleet.ID]string{"7": "MFF2", "8": "2FF"}
	}
	p, err := Build(&fleet.Fleet{Specs: specs, Reserved: d.reserved}, have,
		Options{Abilities: testAbilities, Limits: Unlimited, Products: d.products, Doubts: d.doubts, Choice: d.choice})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// free are cards of a product that nobody has.
func free(product string, cards ...fleet.ICCID) (sims []fleet.SIM) {
	for _, c := range cards {
		sims = append(sims, fleet.SIM{ICCID: c, Status: fleet.SIMReady, Product: product})
	}
	return sims
}

// given is which card each row links, and what else is to say of it.
func given(p *Plan) map[string]string {
	all := map[string]string{}
	for i := range p.Tasks {
		t := &p.Tasks[i]
		text := did(*t)
		for _, s := range t.Steps {
			if s.Action == fleet.Link {
				text += " " + string(s.Set.ICCID)
			}
		}
		all[t.Label()] = text
	}
	return all
}

func TestCardsFromStock(t *testing.T) {
	const active, pre = fleet.StateActive, fleet.StatePreActive
	three := free("MFF2", cardC, cardA, cardB) // A < B < C
	noProduct := auto("a", active)
	noProduct.SIMProductID = ""
	noPlan := auto("a", active)
	noPlan.PlanID = ""
	silent := endpoint("1", "a", fleet.StatusHold, "")
	silent.Reported &^= fleet.FieldSet(fleet.FieldICCID)
	renamed := auto("new", active)
	renamed.PreviousName = "a"
	attached := func(sim fleet.SIM, to fleet.ID) fleet.SIM { sim.EndpointID, sim.Attached = to, true; return sim }
	live := func(status fleet.Status, card fleet.ICCID) []fleet.Endpoint {
		return []fleet.Endpoint{endpoint("1", "a", status, card)}
	}
	tests := []struct {
		name  string
		depot depot
		rows  []fleet.Spec
		want  map[string]string
	}{
		{"a new endpoint", depot{sims: three}, []fleet.Spec{auto("a", active)}, map[string]string{"a": "create link activate " + string(cardA)}},
		{"by name, not by row", depot{sims: three}, []fleet.Spec{auto("b", pre), auto("a", pre)}, map[string]string{"a": "create link " + string(cardA), "b": "create link " + string(cardB)}},
		{"a live one without a SIM", depot{live: live(fleet.StatusHold, ""), sims: three}, []fleet.Spec{auto("a", active)}, map[string]string{"a": "link activate " + string(cardA)}},
		{"a live one with a SIM keeps it", depot{live: live(fleet.StatusActive, cardC), sims: free("MFF2", cardA)}, []fleet.Spec{auto("a", active)}, map[string]string{"a": ""}},
		{"a live one with a SIM of another product keeps it", depot{live: live(fleet.StatusPreActive, cardC), sims: append(free("MFF2", cardA), attached(free("2FF", cardC)[0], "1"))}, []fleet.Spec{auto("a", active)}, map[string]string{"a": "activate"}},
		{"one that is renamed", depot{live: live(fleet.StatusHold, ""), sims: three}, []fleet.Spec{renamed}, map[string]string{"new": "modify link activate " + string(cardA)}},
		{"one that goes", depot{live: live(fleet.StatusHold, ""), sims: three}, []fleet.Spec{auto("a", fleet.StateAbsent)}, map[string]string{"a": "delete"}},
		{"one whose SIM is not reported", depot{live: []fleet.Endpoint{silent}, sims: append(free("MFF2", cardA), fleet.SIM{ICCID: cardB, Attached: true})}, []fleet.Spec{auto("a", active)}, map[string]string{"a": "!"}},
		{"one that a card says it is linked to", depot{live: live(fleet.StatusHold, ""), sims: append(free("MFF2", cardA), attached(free("MFF2", cardB)[0], "1"))}, []fleet.Spec{auto("a", active)}, map[string]string{"a": "!"}},
		{"one that is Active without a SIM", depot{live: live(fleet.StatusActive, ""), sims: three}, []fleet.Spec{auto("a", active)}, map[string]string{"a": "!"}},
		{"nothing is activated to be suspended", depot{sims: three}, []fleet.Spec{auto("a", fleet.StateSuspended), auto("b", pre)}, map[string]string{"a": "!", "b": "create link " + string(cardA)}},
		{"what is refused takes none", depot{sims: three}, []fleet.Spec{noPlan, auto("b", pre)}, map[string]string{"a": "!", "b": "create link " + string(cardA)}},
		{"a card that a row names", depot{sims: three}, []fleet.Spec{auto("a", pre), spec("z", pre, cardA)}, map[string]string{"a": "create link " + string(cardB), "z": "create link " + string(cardA)}},
		{"a card that a row names whose endpoint goes", depot{sims: three}, []fleet.Spec{auto("a", pre), spec("z", fleet.StateAbsent, cardA)}, map[string]string{"a": "create link " + string(cardB), "z": ""}},
		{"a card that a row of another plan names", depot{sims: three, reserved: []fleet.ICCID{cardA}}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "create link " + string(cardB)}},
		{"a card that a row names which is not chosen", depot{sims: three, choice: &Choice{Target: []fleet.Glob{"a"}}}, []fleet.Spec{auto("a", pre), spec("z", pre, cardA)}, map[string]string{"a": "create link " + string(cardB)}},
		{"rows that are not chosen take none", depot{sims: three, choice: &Choice{Exclude: []fleet.Glob{"a"}}}, []fleet.Spec{auto("a", pre), auto("b", pre)}, map[string]string{"b": "create link " + string(cardA)}},
		{"a card of a call in doubt", depot{sims: three, doubts: []Doubt{{Action: fleet.Link, ID: "9", Name: "other", ICCID: cardA}}}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "create link " + string(cardB)}},
		{"a row in doubt takes none", depot{sims: three, doubts: []Doubt{{Action: fleet.Create, Name: "a"}}}, []fleet.Spec{auto("a", pre), auto("b", pre)}, map[string]string{"a": "!", "b": "create link " + string(cardA)}},
		{"cards that are not free", depot{live: live(fleet.StatusPreActive, cardC), sims: []fleet.SIM{{ICCID: cardA, Status: fleet.SIMReady, Attached: true}, {ICCID: cardB, Status: fleet.SIMActive}, {ICCID: cardC, Status: fleet.SIMReady}}},
			[]fleet.Spec{auto("b", pre)}, map[string]string{"b": "!"}},
		{"cards without a number", depot{sims: free("MFF2", "-", "=1+1", "89320420000012345", cardB)}, []fleet.Spec{auto("a", pre), auto("b", pre)}, map[string]string{"a": "create link " + string(cardB), "b": "!"}},
		{"a card with a wrong check digit", depot{sims: free("MFF2", "8932042000001234563")}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "create link 8932042000001234563"}},
		{"of the right product", depot{sims: append(free("2FF", cardA), free("mff2", cardB)...)}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "create link " + string(cardB)}},
		{"one that says its product first", depot{sims: append(free("", cardA), free("MFF2", cardB)...)}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "create link " + string(cardB)}},
		{"one that does not, when there is no other", depot{sims: free("", cardA)}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "create link " + string(cardA)}},
		{"the product of the live endpoint", depot{live: live(fleet.StatusHold, ""), sims: append(free("2FF", cardA), free("MFF2", cardB)...)}, []fleet.Spec{{AutoSIM: true, Fields: fleet.Fields{Name: "a"}}}, map[string]string{"a": "link " + string(cardB)}},
		{"no product, and the stock has several", depot{live: []fleet.Endpoint{endpointOf("1", "a", "")}, sims: append(free("2FF", cardA), free("MFF2", cardB)...)}, []fleet.Spec{{AutoSIM: true, Fields: fleet.Fields{Name: "a"}}}, map[string]string{"a": "!"}},
		{"no product, and the stock has one", depot{live: []fleet.Endpoint{endpointOf("1", "a", "")}, sims: three}, []fleet.Spec{{AutoSIM: true, Fields: fleet.Fields{Name: "a"}}}, map[string]string{"a": "link " + string(cardA)}},
		{"no product, and all but one are named", depot{live: []fleet.Endpoint{endpointOf("1", "a", "")}, sims: append(free("2FF", cardA), free("MFF2", cardB)...), reserved: []fleet.ICCID{cardA}},
			[]fleet.Spec{{AutoSIM: true, Fields: fleet.Fields{Name: "a"}}}, map[string]string{"a": "link " + string(cardB)}},
		{"SIMs that were not listed", depot{unlisted: true}, []fleet.Spec{auto("a", pre)}, map[string]string{"a": "!"}},
		{"a create without a product", depot{sims: three}, []fleet.Spec{noProduct}, map[string]string{"a": "!"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.depot.plan(t, tt.rows...)
			if diff := cmp.Diff(tt.want, given(p)); diff != "" {
				t.Errorf("(-want +got):\n%s%+v", diff, p.Tasks)
			}
		})
	}
}

func endpointOf(id fleet.ID, name string, product fleet.ID) fleet.Endpoint {
	e := endpoint(id, name, fleet.StatusHold, "")
	e.SIMProductID = product
	return e
}

// Who gets none is told how many are missing in all; what else the row asks for is
// done, but no endpoint is made without its SIM.
func TestStockThatIsShort(t *testing.T) {
	changed := auto("b", fleet.StateActive)
	changed.PlanID = "100300"
	d := depot{live: []fleet.Endpoint{endpoint("1", "b", fleet.StatusHold, "")}, sims: free("MFF2", cardA)}
	p := d.plan(t, auto("c", fleet.StateActive), changed, auto("a", fleet.StateActive))
	want := map[string]string{"a": "create link activate " + string(cardA), "b": "modify !", "c": "!"}
	if diff := cmp.Diff(want, given(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const short = `no free SIM of product "MFF2" (simProductId 7) is left for it: 3 wanted from stock, 1 free, 2 missing; order cards, or give an iccid`
	for _, i := range []int{0, 1} {
		if got := p.Tasks[i].Refused; !slices.Equal(got, []string{short}) {
			t.Errorf("got %q, want %q", got, short)
		}
	}
	d = depot{live: []fleet.Endpoint{endpointOf("1", "a", "")}, sims: append(free("MFF2", cardB), free("2FF", cardA)...)}
	const several = `which SIM product it needs is not known, and the free SIMs are of several, "2FF", "MFF2"; give an iccid`
	if got := d.plan(t, fleet.Spec{AutoSIM: true, Fields: fleet.Fields{Name: "a"}}).Tasks[0].Refused; !slices.Equal(got, []string{several}) {
		t.Errorf("got %q, want %q", got, several)
	}
}

// A create that links takes the card along, in one call.
func TestCardsFromStockRideInACreate(t *testing.T) {
	have, err := inventory.New(nil, free("MFF2", cardA), true)
	if err != nil {
		t.Fatal(err)
	}
	abilities := testAbilities
	abilities.Folds = []fleet.Action{fleet.Link, fleet.Activate}
	p, err := Build(&fleet.Fleet{Specs: []fleet.Spec{auto("a", fleet.StateActive)}}, have, Options{Abilities: abilities, Limits: Unlimited})
	if err != nil {
		t.Fatal(err)
	}
	calls := abilities.Calls(p.Tasks[0].Changes())
	if len(calls) != 1 || calls[0].Fields.ICCID != cardA || p.Counts.Calls != 1 {
		t.Errorf("got %d calls, %+v, want one with SIM %s", p.Counts.Calls, calls, cardA)
	}
}

// A plan that was saved keeps its cards while they are free, whatever became of the
// others. One that is not free any more makes its row stale, and no other is taken.
func TestChosenCardsAreKept(t *testing.T) {
	specs := []fleet.Spec{auto("b", fleet.StateActive), auto("c", fleet.StateActive)}
	saved := depot{sims: free("MFF2", cardB, cardC)}.plan(t, specs...)
	var file bytes.Buffer
	if err := saved.Write(&file); err != nil {
		t.Fatal(err)
	}
	read, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	attached := []fleet.Endpoint{endpoint("9", "other", fleet.StatusPreActive, cardB)}
	gone := "its steps would be others now: SIM " + string(cardB) + " is "
	const again = "; it was chosen from stock, plan the files again for another one"
	tests := []struct {
		name string
		now  depot
		want string // why b is stale
	}{
		{"as it was", depot{sims: free("MFF2", cardB, cardC)}, ""},
		{"a card came that would be chosen before", depot{sims: free("MFF2", cardA, cardB, cardC)}, ""},
		{"a card of another product came", depot{sims: append(free("2FF", cardA), free("MFF2", cardB, cardC)...)}, ""},
		{"its card is linked elsewhere", depot{live: attached, sims: free("MFF2", cardA, cardB, cardC)}, gone + `linked to endpoint 9 ("other")` + again},
		{"its card is not ready", depot{sims: append(free("MFF2", cardA, cardC), fleet.SIM{ICCID: cardB, Status: fleet.SIMActive})}, gone + `"Active", want Ready To Activate` + again},
		{"its card is not in stock", depot{sims: free("MFF2", cardA, cardC)}, gone + "not in the account's stock; correct the number, or order the card" + again},
		{"it has another SIM now", depot{live: []fleet.Endpoint{endpoint("9", "b", fleet.StatusPreActive, cardA)}, sims: free("MFF2", cardB, cardC)}, "an endpoint 9 has appeared since the plan"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := tt.now.plan(t, read.Fleet().Specs...)
			if got := read.Tasks[0].Stale(&now.Tasks[0]); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := read.Tasks[1].Stale(&now.Tasks[1]); got != "" {
				t.Errorf("the other row: got %q, want it to go on", got)
			}
		})
	}
	// The card is not waited for either, if the row of its new endpoint gives it up.
	now := depot{live: attached, sims: free("MFF2", cardB, cardC)}.plan(t, append(read.Fleet().Specs, spec("other", fleet.StateAbsent, ""))...)
	if got := read.Tasks[0].Stale(&now.Tasks[0]); !strings.HasPrefix(got, gone) {
		t.Errorf("got %q, want %q", got, gone)
	}
}

// Whatever the stock and the rows: no card is given twice, none that is named or not
// free, rows are only short when no card is left for them, and the order of rows and
// listing does not matter.
func TestStockIsShared(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, specs := drawDepot(rt)
		p := d.plan(t, specs...)
		d.sims, d.live = rapid.Permutation(d.sims).Draw(rt, "listing"), rapid.Permutation(d.live).Draw(rt, "endpoints")
		if diff := cmp.Diff(given(p), given(d.plan(t, rapid.Permutation(specs).Draw(rt, "order")...))); diff != "" {
			rt.Fatal(diff)
		}
		taken := map[fleet.ICCID]string{}
		for i := range p.Tasks {
			for _, s := range p.Tasks[i].Steps {
				if s.Action != fleet.Link {
					continue
				}
				if other := taken[s.Set.ICCID]; other != "" || s.Set.ICCID == "" {
					rt.Fatalf("SIM %q goes to %s and %q", s.Set.ICCID, p.Tasks[i].Label(), other)
				}
				taken[s.Set.ICCID] = p.Tasks[i].Label()
			}
		}
		d.judge(rt, p, taken)
	})
}

func drawDepot(t *rapid.T) (d depot, specs []fleet.Spec) {
	for i := range 12 {
		sim := fleet.SIM{ICCID: fleet.WithCheckDigit(fmt.Sprintf("893204%012d", i)), Status: fleet.SIMReady, Product: rapid.SampledFrom([]string{"MFF2", "2FF", ""}).Draw(t, "product")}
		if rapid.IntRange(0, 3).Draw(t, "not ready") == 0 {
			sim.Status = fleet.SIMActive
		}
		d.sims = append(d.sims, sim)
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "rows") {
		name, product := fmt.Sprint("m-", i), rapid.SampledFrom([]fleet.ID{"7", "8"}).Draw(t, "wanted product")
		s := auto(name, fleet.StatePreActive)
		s.SIMProductID = product
		switch rapid.IntRange(0, 4).Draw(t, "row") {
		case 0:
			d.live = append(d.live, endpointOf(fleet.ID(name), name, product))
		case 1:
			s.AutoSIM, s.ICCID = false, d.sims[i].ICCID
		}
		specs = append(specs, s)
	}
	return d, specs
}

// judge holds a plan against the stock by other means than Build does.
func (d depot) judge(t *rapid.T, p *Plan, taken map[fleet.ICCID]string) {
	named := map[fleet.ICCID]bool{}
	for i := range p.Tasks {
		if s := p.Tasks[i].Spec; !s.AutoSIM {
			named[s.ICCID] = true
		}
	}
	left := map[string]int{}
	for _, sim := range d.sims {
		row := slices.IndexFunc(p.Tasks, func(t Task) bool { return t.Label() == taken[sim.ICCID] })
		switch {
		case row < 0:
			if sim.Status == fleet.SIMReady && !named[sim.ICCID] {
				left[sim.Product]++
			}
		case sim.Status != fleet.SIMReady, p.Tasks[row].Spec.AutoSIM && named[sim.ICCID],
			sim.Product != "" && sim.Product != d.productOf(p.Tasks[row].Spec.SIMProductID):
			t.Fatalf("%s takes %+v", p.Tasks[row].Label(), sim)
		}
	}
	for i := range p.Tasks {
		task := &p.Tasks[i]
		if s := task.Spec; s.AutoSIM && len(task.Refused) > 0 && left[d.productOf(s.SIMProductID)]+left[""] > 0 {
			t.Fatalf("%s: %q, and there are left %v", s.Name, task.Refused, maps.Clone(left))
		}
	}
}

func (depot) productOf(id fleet.ID) string { return map[fleet.ID]string{"7": "MFF2", "8": "2FF"}[id] }
