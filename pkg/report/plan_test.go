package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/plan"
)

var everything = fleet.Fieldset(fleet.AllFields[:]...)

// world is a fleet that a test plans: what files want, and what is live.
type world struct {
	want fleet.Fleet
	live []fleet.Endpoint
	sims []fleet.SIM
}

func (w *world) card(n int) fleet.ICCID {
	return fleet.WithCheckDigit(fmt.Sprintf("893204%012d", n))
}

func fields(name string, card fleet.ICCID) fleet.Fields {
	return fleet.Fields{Name: name, PlanID: "100234", ServiceProfileID: "SP_1249", APNGroupID: "PDP_12", SIMProductID: "7", ICCID: card}
}

// row adds a row; its card is in stock.
func (w *world) row(name string, state fleet.State, card fleet.ICCID) *fleet.Spec {
	w.want.Specs = append(w.want.Specs, fleet.Spec{Fields: fields(name, card), State: state, Origin: fleet.Origin{File: "fleet.csv", Line: len(w.want.Specs) + 2}})
	return &w.want.Specs[len(w.want.Specs)-1]
}

func (w *world) stock(card fleet.ICCID) fleet.ICCID {
	w.sims = append(w.sims, fleet.SIM{ICCID: card, Status: fleet.SIMReady})
	return card
}

// endpoint adds a live endpoint.
func (w *world) endpoint(name string, status fleet.Status, card fleet.ICCID) *fleet.Endpoint {
	id := fleet.ID(fmt.Sprint(900000 + len(w.live)))
	w.live = append(w.live, fleet.Endpoint{ID: id, Fields: fields(name, card), Status: status, Reported: everything})
	if card != "" {
		w.sims = append(w.sims, fleet.SIM{ICCID: card, Status: fleet.SIMActive, EndpointID: id, Attached: true})
	}
	return &w.live[len(w.live)-1]
}

func (w *world) plan(t testing.TB, limits plan.Limits) *plan.Plan {
	t.Helper()
	have, err := inventory.New(w.live, w.sims, true)
	if err != nil {
		t.Fatal(err)
	}
	have.Pages = 3
	w.want.Inputs = []fleet.Input{{File: "fleet.csv", SHA256: strings.Repeat("ab", 32), Rows: len(w.want.Specs)}}
	p, err := plan.Build(&w.want, have, plan.Options{ID: "20260301T115500Z-abcd", Created: noon, Tool: "sftctl test", BaseURL: "https://sft.bics.com", Account: "acme",
		Rate: 1.8, Limits: limits, Abilities: fleet.Abilities{
			Dialect:  "endpointinfo",
			Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldAPNGroup)},
			Creates:  fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldServiceProfile, fleet.FieldSIMProduct),
		}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hostile are names that must do no harm in any form.
var hostile = []string{"<script>alert(1)</script>", "a|b||c", "`x` ``y`` [z](https://evil.example)", "![i](https://evil.example/i.png)", "\x1b[31mred\x1b[0m\nnext\r\a",
	"abc\u202egpj.exe", "m\u0435ter-0001", "zero\u200bwidth", "two  spaces ", "&lt;b&gt; \"quoted\", 'and more'", "@everyone #1 $$x$$ ~~s~~ <!-- --> </style></code>", "\xff\xfe", "=1+1", "\u009b2J"}

// everyday has some of everything that a plan may hold.
func everyday() *world {
	w := &world{want: fleet.Fleet{Protect: []fleet.Glob{"hospital-*"}, Policies: []fleet.Policy{{File: "fleet.csv", Scope: []fleet.Glob{"stray-*"}, Orphans: fleet.OrphansSuspend},
		{File: "guests.yaml", Scope: []fleet.Glob{"guest-*"}, Orphans: fleet.OrphansReport}}}}
	for i := range 1234 {
		name := fmt.Sprintf("meter-%04d", i)
		w.endpoint(name, fleet.StatusActive, w.card(i)).PlanID = "100100"
		w.row(name, fleet.StateActive, w.card(i))
	}
	for i := range 12 {
		w.row(fmt.Sprintf("new-%02d", i), fleet.StateActive, w.stock(w.card(5000+i)))
	}
	for i := range 4 {
		w.row(fmt.Sprintf("lost-%02d", i), fleet.StateActive, w.card(6000+i)) // not in stock
	}
	w.row("hospital-1", fleet.StateAbsent, "")
	w.endpoint("hospital-1", fleet.StatusActive, w.card(6100))
	for i := range 3 {
		name := fmt.Sprintf("old-%02d", i)
		w.endpoint(name, fleet.StatusActive, w.card(7000+i))
		w.row(name, fleet.StateAbsent, "")
		w.endpoint("stray-"+name, fleet.StatusActive, w.card(7100+i))
	}
	w.endpoint("stray-asleep", fleet.StatusSuspended, w.card(7200))
	// a SIM goes from one to the next, and the last gets a new one; a name likewise
	for i := range 3 {
		w.endpoint(fmt.Sprintf("m-%02d", 7+i), fleet.StatusActive, w.card(8000+i))
	}
	w.row("m-07", fleet.StateActive, w.card(8001))
	w.row("m-08", fleet.StateActive, w.card(8002))
	w.row("m-09", fleet.StateActive, w.stock(w.card(8003)))
	w.endpoint("alpha", fleet.StatusActive, "")
	w.endpoint("beta", fleet.StatusActive, "")
	w.row("beta", fleet.StateUnmanaged, "").ID = w.live[len(w.live)-2].ID
	w.row("gamma", fleet.StateUnmanaged, "").ID = w.live[len(w.live)-1].ID
	w.endpoint("dim", fleet.StatusSuspended, w.card(8100))
	w.row("dim", fleet.StateActive, w.card(8100))
	w.row("m\u0435ter-0001", fleet.StateActive, w.stock(w.card(8200)))
	w.endpoint("same", fleet.StatusActive, w.card(8300))
	w.row("same", fleet.StateActive, w.card(8300))
	w.endpoint("guest-1", fleet.StatusSuspended, w.card(8400))
	return w
}

// nasty has all hostile names: new, changed, deleted, refused, and as orphans; and
// one each that is very long or very wide.
func nasty(t testing.TB) *plan.Plan {
	w := &world{want: fleet.Fleet{Policies: []fleet.Policy{{File: "<i>|`\u202e.csv", Scope: []fleet.Glob{"*"}, Orphans: fleet.OrphansReport}}}}
	wide := []string{strings.Repeat("東京タワー", 50), strings.Repeat("long-name", 40), strings.Repeat("many words ", 30) + "end", strings.Repeat("ﾒｰﾀｰ🔌", 30)}
	for i, name := range append(slices.Clone(hostile), wide...) {
		w.row(name+"new", fleet.StateActive, w.stock(w.card(i)))
		w.row(name+"lost", fleet.StateActive, w.card(100+i))
		w.row(name+"bad", fleet.StateActive, w.card(200+i)).PlanID = fleet.ID(name)
		for k, kind := range []string{"gone", "orphan", "changed", "bad"} {
			w.endpoint(name+kind, fleet.StatusActive, w.card(1000+10*i+k))
		}
		w.row(name+"gone", fleet.StateAbsent, "")
		w.row(name+"changed", fleet.StateActive, w.card(1000+10*i+2)).PlanID = fleet.ID(name)
	}
	p := w.plan(t, plan.Limits{})
	p.Account, p.BaseURL, p.Tool, p.Inputs[0].File = hostile[0], hostile[2], hostile[4], hostile[1]
	return p
}

var forms = map[string]string{"text": "txt", "json": "json", "markdown": "md", "html": "html"}

func TestPlanGoldens(t *testing.T) {
	p := everyday().plan(t, plan.Limits{Deletes: 3, Delinks: 2, Suspends: 3, Activations: -1, Modifies: -1})
	for format, ending := range forms {
		if format != "json" {
			golden(t, "everyday."+ending, func(w io.Writer) error { return WritePlan(w, p, format, Options{Now: noon}) })
		}
	}
	golden(t, "everyday-full.txt", func(w io.Writer) error {
		return PlanText(w, late(everyday()).plan(t, plan.Unlimited), Options{Full: true, Now: noon})
	})
	few := &world{}
	few.row("meter-1", fleet.StateActive, few.stock(few.card(1)))
	golden(t, "few.json", func(w io.Writer) error { return WritePlan(w, few.plan(t, plan.Unlimited), "json", Options{}) })
}

// late leaves out most of the rows that are alike.
func late(w *world) *world {
	w.want.Specs = w.want.Specs[1230:]
	return w
}

// Rows that are alike stand together, but which card each takes from stock is said in
// no file.
func TestCardsFromStockAreShown(t *testing.T) {
	w := &world{}
	for i := range 2 {
		w.row(fmt.Sprint("meter-", i), fleet.StateActive, "").AutoSIM = true
		w.stock(w.card(i))
	}
	for format, want := range map[string]string{
		"text":     "link a SIM from stock; activate (state active is wanted)\n      meter-0 (" + string(w.card(0)) + "), meter-1 (" + string(w.card(1)) + ")",
		"markdown": "`meter-0` (`" + string(w.card(0)) + "`)",
		"html":     "meter-0</code> (" + string(w.card(0)) + ")",
		"json":     `"iccid":"` + string(w.card(0)) + `"`,
	} {
		var out bytes.Buffer
		if err := WritePlan(&out, w.plan(t, plan.Unlimited), format, Options{Now: noon}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ReplaceAll(out.String(), `": "`, `":"`), want) {
			t.Errorf("%s: got\n%s\nwant %q in it", format, out.String(), want)
		}
	}
}

// A row with a SIM from stock for which something was sent is fed back with that SIM,
// so that a second try is no second endpoint. Another row still wants any.
func TestCardsFromStockAreFedBack(t *testing.T) {
	w := &world{}
	for i := range 3 {
		w.row(fmt.Sprint("meter-", i), fleet.StateActive, "").AutoSIM = true
	}
	w.stock(w.card(7))
	w.stock(w.card(8))
	p := w.plan(t, plan.Unlimited)
	run := &Run{Plan: p, Results: apply.New(p, fleet.Abilities{})}
	run.Results[0].Attempts = 1
	var out bytes.Buffer
	if err := run.WriteFailed(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"meter-0,,100234,SP_1249,PDP_12,7," + string(w.card(7)) + ",active,", "meter-1,,100234,SP_1249,PDP_12,7,auto,active,", "meter-2,,100234,SP_1249,PDP_12,7,auto,active,"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", out.String(), want)
		}
	}
}
