package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

// counter is a lister over a catalogue, which is given at once or in pages of two.
type counter struct {
	entries  []fleet.Entry
	ignores  bool // gives everything whatever page is asked for
	promised int  // totalCount; -1 when it does not say
	pages    int  // totalNoOfPages
	blinks   int  // so many first answers are empty
	fail     error
	asked    []fleet.List
}

func (c *counter) Page(_ context.Context, q fleet.Query) (fleet.Page, error) {
	c.asked = append(c.asked, q.List)
	if c.fail != nil {
		return fleet.Page{}, c.fail
	}
	p := fleet.Page{Total: c.promised, Pages: c.pages}
	switch from := (q.Page - 1) * 2; {
	case len(c.asked) <= c.blinks:
	case c.ignores || q.Page == 0:
		p.Entries = c.entries
	default:
		p.Entries = c.entries[min(from, len(c.entries)):min(from+2, len(c.entries))]
	}
	return p, nil
}

func entries(n int) []fleet.Entry {
	var all []fleet.Entry
	for i := range n {
		all = append(all, fleet.Entry{ID: fleet.ID(fmt.Sprint(100 + i)), Name: fmt.Sprintf("plan %02d", i)})
	}
	return all
}

func TestALookUpIsWholeOrRefused(t *testing.T) {
	twice := append(entries(3), entries(1)...)
	tests := []struct {
		name    string
		counter counter
		opts    Options
		rows    int
		says    string // of the error, empty when there is none
	}{
		{"everything at once, whatever is asked", counter{entries: entries(7), ignores: true, promised: -1}, Options{}, 7, ""},
		{"in pages", counter{entries: entries(7), promised: -1}, Options{}, 7, ""},
		{"in pages, and a page may be full", counter{entries: entries(10), promised: -1}, Options{}, 10, ""},
		{"a total that is met", counter{entries: entries(10), ignores: true, promised: 10}, Options{}, 10, ""},
		{"what may be a full page", counter{entries: entries(10), ignores: true, promised: -1}, Options{}, 0, "10 rows may be a full page; if it gives everything at once, say --listing unpaged-lookups"},
		{"the same, and somebody knows", counter{entries: entries(10), ignores: true, promised: -1}, Options{UnpagedLookUps: true}, 10, ""},
		{"the same of all listings", counter{entries: entries(10), ignores: true, promised: -1}, Options{Unpaged: true}, 10, ""},
		{"more rows than came", counter{entries: entries(7), ignores: true, promised: 8}, Options{}, 0, "page 2 repeats earlier rows"},
		{"more rows than came at once", counter{entries: entries(7), promised: 8}, Options{UnpagedLookUps: true}, 0, "8 rows were promised"},
		{"more pages than came at once", counter{entries: entries(7), promised: -1, pages: 2}, Options{UnpagedLookUps: true}, 0, "2 pages were promised"},
		{"a row that is there twice", counter{entries: twice, ignores: true, promised: -1}, Options{}, 3, ""},
		{"empty, proved", counter{promised: -1}, Options{}, 0, ""},
		{"empty, at once", counter{promised: -1}, Options{UnpagedLookUps: true}, 0, ""},
		{"empty, and rows were promised", counter{promised: 3}, Options{}, 0, "3 rows were promised"},
		{"empty once", counter{entries: entries(7), ignores: true, promised: -1, blinks: 1}, Options{}, 7, ""},
		{"empty once, at once", counter{entries: entries(7), promised: -1, blinks: 1}, Options{UnpagedLookUps: true}, 7, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := FetchCatalogue(t.Context(), &tt.counter, []fleet.List{fleet.RatePlans}, tt.opts)
			switch {
			case tt.says == "" && (err != nil || len(c[fleet.RatePlans]) != tt.rows):
				t.Errorf("got %d rows, %v, want %d", len(c[fleet.RatePlans]), err, tt.rows)
			case tt.says != "" && (!errors.Is(err, fleet.ErrIncomplete) || !strings.Contains(err.Error(), tt.says) || c != nil):
				t.Errorf("got %v, %v, want %v that says %q", c, err, fleet.ErrIncomplete, tt.says)
			}
		})
	}
}

func TestALookUpThatFailsIsNoEmptyCatalogue(t *testing.T) {
	lost := errors.New("lost")
	if c, err := FetchCatalogue(t.Context(), &counter{fail: lost}, []fleet.List{fleet.RatePlans}, Options{}); !errors.Is(err, lost) || c != nil {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestOnlyWhatIsNeededIsLookedUp(t *testing.T) {
	tests := []struct {
		spec  fleet.Spec
		lacks fleet.FieldSet
		want  string
	}{
		{fleet.Spec{Fields: fleet.Fields{PlanID: "1", SIMProductID: "7"}}, 0, "[]"},
		{fleet.Spec{Names: fleet.Names{Plan: "Gold"}}, 0, "[plans]"},
		{fleet.Spec{Fields: fleet.Fields{PlanID: "1"}, Names: fleet.Names{Plan: "Gold"}}, 0, "[plans]"}, // it may stand for another by now
		{fleet.Spec{Fields: fleet.Fields{SIMProductID: "7", ICCID: "8932042000001234562"}}, 0, "[sim-products]"},
		{fleet.Spec{AutoSIM: true}, 0, "[sim-products]"}, // of which product the live endpoint is, is not known yet
		{fleet.Spec{Names: fleet.Names{ServiceProfile: "a", APNGroup: "b", SIMProduct: "c"}}, 0, "[service-profiles apn-groups sim-products]"},
		{fleet.Spec{Names: fleet.Names{RoamingProfile: "a|b"}}, 0, "[roaming-profiles]"},
		{fleet.Spec{Names: fleet.Names{RoamingProfile: "a", ServiceProfile: "b", SIMProduct: "c"}}, fleet.Fieldset(fleet.FieldRoamingProfile), "[service-profiles sim-products]"},
		{fleet.Spec{Names: fleet.Names{RoamingProfile: "a", ServiceProfile: "b", SIMProduct: "c"}},
			fleet.Fieldset(fleet.FieldServiceProfile, fleet.FieldSIMProduct), "[sim-products roaming-profiles]"}, // cards are of a product all the same
	}
	for _, tt := range tests {
		if got := fmt.Sprint(Needed([]fleet.Spec{{}, tt.spec, tt.spec}, tt.lacks)); got != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.spec, got, tt.want)
		}
	}
}

var silver = Catalogue{
	fleet.RatePlans: {{ID: "1", Name: "Gold"}, {ID: "3", Name: "Silver"}, {ID: "2", Name: "Silver"}, {ID: "9"}},
	fleet.APNGroups: {{ID: "P1", Name: "iot"}, {ID: "P1", Name: " iot "}},
}

func TestResolve(t *testing.T) {
	specs := []fleet.Spec{{Names: fleet.Names{Plan: " Gold ", APNGroup: "iot"}}, {Fields: fleet.Fields{PlanID: "9"}}}
	if err := silver.Resolve(specs, 0); err != nil || specs[0].PlanID != "1" || specs[0].APNGroupID != "P1" || specs[1].PlanID != "9" {
		t.Errorf("got %+v, %v", specs, err)
	}
	if specs[0].Names.Plan != " Gold " {
		t.Errorf("the name that the id comes from is not kept: %+v", specs[0])
	}
	if moved := silver.Moved(specs, 0); len(moved) != 0 {
		t.Errorf("nothing moved: got %v", moved)
	}
}

// Every name is told once, where it stands first, whatever else is wrong.
func TestNamesThatDoNotResolve(t *testing.T) {
	row := func(line int, n fleet.Names) fleet.Spec {
		return fleet.Spec{Names: n, Origin: fleet.Origin{File: "f.csv", Line: line}}
	}
	specs := []fleet.Spec{row(2, fleet.Names{Plan: "Silver"}), row(3, fleet.Names{Plan: "Godl"}), row(4, fleet.Names{Plan: " Godl ", APNGroup: "none"}),
		row(5, fleet.Names{Plan: "Gold", SIMProduct: "x"}), row(6, fleet.Names{Plan: "Godl"})}
	err := silver.Resolve(specs, 0)
	var problems fleet.Problems
	if !errors.As(err, &problems) || !errors.Is(err, fleet.ErrInvalid) {
		t.Fatalf("got %v, want problems", err)
	}
	want := []string{
		`f.csv:2: plan "Silver" is ambiguous, give the planId of one of "Silver" (2), "Silver" (3)`,
		`f.csv:3: plan "Godl" is not in the account's catalogue (and in 2 more rows), want one of "Gold" (1), "Silver" (2), "Silver" (3); did you mean "Gold"?`,
		`f.csv:4: apnGroup "none" is not in the account's catalogue, want one of " iot " (P1), "iot" (P1)`,
		`f.csv:5: simProduct "x" is not in the account's catalogue, which has no sim-products`,
	}
	for i := range max(len(problems), len(want)) {
		if i >= len(problems) || i >= len(want) || problems[i].Error() != want[i] {
			t.Fatalf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
		}
	}
}

func TestCandidatesAreFewAndNear(t *testing.T) {
	c := Catalogue{fleet.RatePlans: entries(40)}
	err := c.Resolve([]fleet.Spec{{Names: fleet.Names{Plan: "plan 33x"}}}, 0)
	if err == nil || !strings.Contains(err.Error(), `want one of "plan 33" (133)`) || strings.Count(err.Error(), " (1") != 10 ||
		!strings.Contains(err.Error(), `or 30 more, which sftctl get plans lists; did you mean "plan 33"?`) {
		t.Errorf("got %v", err)
	}
	var many []fleet.Spec
	for i := range 5000 {
		many = append(many, fleet.Spec{Names: fleet.Names{Plan: fmt.Sprint("no such plan ", i)}})
	}
	var problems fleet.Problems
	if err := c.Resolve(many, 0); !errors.As(err, &problems) || len(problems) != 101 || !strings.Contains(problems[100].Error(), "and 4900 more names") {
		t.Errorf("got %d problems", len(problems))
	}
}

// What a plan was made with is not what the names stand for any more.
func TestMoved(t *testing.T) {
	was := func(id fleet.ID, name string) fleet.Spec {
		return fleet.Spec{Fields: fleet.Fields{PlanID: id}, Names: fleet.Names{Plan: name}}
	}
	both := was("7", "Gold")
	both.APNGroupID, both.Names.APNGroup = "P2", "iot"
	moved := silver.Moved([]fleet.Spec{was("1", "Gold"), was("7", "Gold"), was("8", "Bronze"), was("2", "Silver"), {Fields: fleet.Fields{PlanID: "5"}}, both}, 0)
	want := map[int]string{
		1: `plan "Gold" stood for "7" when the plan was made, and stands for "1" now`,
		2: `plan "Bronze" stood for "8" when the plan was made, and stands for nothing now: the account has no plan of that name`,
		3: `plan "Silver" stood for "2" when the plan was made, and stands for one of several now: "Silver" (2), "Silver" (3)`,
		5: `plan "Gold" stood for "7" when the plan was made, and stands for "1" now; apnGroup "iot" stood for "P2" when the plan was made, and stands for "P1" now`,
	}
	for row := range 6 {
		if moved[row] != want[row] {
			t.Errorf("row %d: got %q, want %q", row, moved[row], want[row])
		}
	}
}

var roaming = Catalogue{fleet.RoamingProfiles: {{ID: "1201", Name: "DEFAULT"}, {ID: "1202", Name: "Europe"}, {ID: "1203", Name: "Twice"}, {ID: "1204", Name: "Twice"}}}

func TestSeveralNamesOfOneField(t *testing.T) {
	row := func(names, ids string) fleet.Spec {
		return fleet.Spec{Fields: fleet.Fields{RoamingProfileID: fleet.ID(ids)}, Names: fleet.Names{RoamingProfile: names}, Origin: fleet.Origin{File: "f.csv", Line: 2}}
	}
	specs := []fleet.Spec{row("Europe|DEFAULT", ""), row("Europe", ""), row("", "1203|1201")}
	if err := roaming.Resolve(specs, 0); err != nil || specs[0].RoamingProfileID != "1202|1201" || specs[1].RoamingProfileID != "1202" || specs[2].RoamingProfileID != "1203|1201" {
		t.Errorf("got %+v, %v", specs, err)
	}
	if moved := roaming.Moved(specs, 0); len(moved) > 0 {
		t.Errorf("nothing moved: got %v", moved)
	}
	err := roaming.Resolve([]fleet.Spec{row("Europe|Europa|Twice", "")}, 0)
	for _, want := range []string{`f.csv:2: roamingProfile "Europa" is not in the account's catalogue`, `did you mean "Europe"?`, `give the roamingProfileId of one of "Twice" (1203), "Twice" (1204)`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	want := map[int]string{
		0: `roamingProfile "DEFAULT" stood for "1299" when the plan was made, and stands for "1201" now`,
		1: `roamingProfile "DEFAULT" stood for "" when the plan was made, and stands for "1201" now`,
	}
	if moved := roaming.Moved([]fleet.Spec{row("Europe|DEFAULT", "1202|1299"), row("Europe|DEFAULT", "1202")}, 0); len(moved) != 2 || moved[0] != want[0] || moved[1] != want[1] {
		t.Errorf("got %v, want %v", moved, want)
	}
}

// A name of a field that the dialect lacks is neither looked up nor resolved; that
// of a product is, because cards are of one.
func TestNamesThatTheDialectLacks(t *testing.T) {
	c := Catalogue{fleet.SIMProducts: {{ID: "7", Name: "MFF2"}}}
	specs := []fleet.Spec{{Names: fleet.Names{ServiceProfile: "none", SIMProduct: "MFF2"}}}
	lacks := fleet.Fieldset(fleet.FieldServiceProfile, fleet.FieldSIMProduct)
	if err := c.Resolve(specs, lacks); err != nil || specs[0].ServiceProfileID != "" || specs[0].SIMProductID != "7" {
		t.Errorf("got %+v, %v", specs, err)
	}
	if moved := c.Moved(specs, lacks); len(moved) > 0 {
		t.Errorf("got %v", moved)
	}
	if err := c.Resolve(specs, 0); err == nil {
		t.Error("got no problem where the field is managed")
	}
}

func TestNeedsSIMs(t *testing.T) {
	for _, tt := range []struct {
		spec fleet.Spec
		want bool
	}{
		{fleet.Spec{State: fleet.StateActive}, false},
		{fleet.Spec{Fields: fleet.Fields{ICCID: "8932042000001234562"}}, true},
		{fleet.Spec{AutoSIM: true}, true},
		{fleet.Spec{ClearSIM: true}, true},
	} {
		if got := NeedsSIMs([]fleet.Spec{{}, tt.spec}); got != tt.want {
			t.Errorf("%+v: got %t, want %t", tt.spec, got, tt.want)
		}
	}
}

func TestProducts(t *testing.T) {
	c := Catalogue{fleet.SIMProducts: {{ID: "7", Name: "MFF2"}}, fleet.RatePlans: {{ID: "1", Name: "Gold"}}}
	if got := c.Products(); len(got) != 1 || got["7"] != "MFF2" {
		t.Errorf("got %v", got)
	}
}
