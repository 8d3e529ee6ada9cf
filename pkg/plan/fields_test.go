package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

// narrow is a dialect that lacks some fields and does not report others.
var narrow = fleet.Abilities{
	Dialect: "narrow",
	Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldPlan),
		fleet.Fieldset(fleet.FieldName, fleet.FieldAPNGroup, fleet.FieldRoamingProfile)},
	Creates: fleet.Fieldset(fleet.FieldName, fleet.FieldPlan, fleet.FieldAPNGroup, fleet.FieldRoamingProfile),
	Folds:   []fleet.Action{fleet.Link, fleet.Activate},
	Lacks:   fleet.Fieldset(fleet.FieldServiceProfile, fleet.FieldSIMProduct),
	Silent:  fleet.Fieldset(fleet.FieldMonthlyLimit, fleet.FieldAddonPlans),
}

// roaming is a row that gives every field.
func roaming(iccid fleet.ICCID) fleet.Spec {
	s := spec("m", fleet.StateActive, iccid)
	s.RoamingProfileID, s.MonthlyLimit, s.AddonPlanIDs = "1201|1202", "5", "100300|100400"
	return s
}

// roamer is the endpoint that is as such a row wants it, as a listing shows it.
func roamer() fleet.Endpoint {
	e := endpoint("1", "m", fleet.StatusActive, cardA)
	e.ServiceProfileID, e.SIMProductID, e.RoamingProfileID = "", "", "1201|1202"
	e.Reported &^= narrow.Lacks | narrow.Silent
	return e
}

func TestACreateLeavesOutWhatTheDialectLacks(t *testing.T) {
	p := world{can: narrow}.build(t, roaming(cardB))
	task := p.Tasks[0]
	want := fleet.Fields{Name: "m", PlanID: "100234", APNGroupID: "PDP_1", RoamingProfileID: "1201|1202", MonthlyLimit: "5", AddonPlanIDs: "100300|100400"}
	if did(task) != "create link activate" || task.Steps[0].Set != want {
		t.Errorf("got %q (%v) with %+v, want %+v", did(task), task.Refused, task.Steps, want)
	}
	if p.Unmanaged != narrow.Lacks || p.Uncompared != 0 || p.Counts.Calls != 1 {
		t.Errorf("got %s not managed, %s not compared, %d calls", p.Unmanaged, p.Uncompared, p.Counts.Calls)
	}
	lean := roaming(cardB)
	lean.RoamingProfileID = ""
	if got := (world{can: narrow}).build(t, lean).Tasks[0]; did(got) != "!" || !strings.Contains(got.Refused[0], "a create needs roamingProfileId") {
		t.Errorf("got %q, %v", did(got), got.Refused)
	}
	other := testAbilities
	other.Lacks = fleet.Fieldset(fleet.FieldRoamingProfile, fleet.FieldMonthlyLimit, fleet.FieldAddonPlans)
	p = world{can: other}.build(t, roaming(cardB))
	if set := p.Tasks[0].Steps[0].Set; set != (fleet.Fields{Name: "m", PlanID: "100234", APNGroupID: "PDP_1", ServiceProfileID: "SP_1", SIMProductID: "7"}) || p.Unmanaged != other.Lacks {
		t.Errorf("got %+v, %s not managed", set, p.Unmanaged)
	}
}

// A product that cannot be set is still that of the card.
func TestAProductChecksTheCardInEveryDialect(t *testing.T) {
	w := world{can: narrow, sims: []fleet.SIM{{ICCID: cardB, Status: fleet.SIMReady, Product: "2FF"}}}
	if got := w.build(t, roaming(cardB)).Tasks[0]; did(got) != "!" || !strings.Contains(got.Refused[0], `of product "2FF", want "MFF2"`) {
		t.Errorf("create: got %q, %v", did(got), got.Refused)
	}
	w.live = []fleet.Endpoint{roamer()}
	if got := w.build(t, roaming(cardB)).Tasks[0]; did(got) != "!" || !strings.Contains(got.Refused[0], `of product "2FF", want "MFF2"`) {
		t.Errorf("swap: got %q, %v", did(got), got.Refused)
	}
}

func TestFieldsOfANarrowDialect(t *testing.T) {
	lacks, silent := narrow.Lacks, narrow.Silent
	tests := []struct {
		name       string
		change     func(s *fleet.Spec, e *fleet.Endpoint)
		want       string
		calls      int
		unmanaged  fleet.FieldSet
		uncompared fleet.FieldSet
	}{
		{"nothing", func(*fleet.Spec, *fleet.Endpoint) {}, "", 0, lacks, silent},
		{"service profile and product", func(s *fleet.Spec, _ *fleet.Endpoint) { s.ServiceProfileID, s.SIMProductID = "SP_9", "7" }, "", 0, lacks, silent},
		{"a service profile by its name", func(s *fleet.Spec, _ *fleet.Endpoint) {
			s.ServiceProfileID, s.SIMProductID, s.Names.ServiceProfile = "", "", "Data"
		}, "", 0, fleet.Fieldset(fleet.FieldServiceProfile), silent},
		{"roaming profiles in another order", func(_ *fleet.Spec, e *fleet.Endpoint) { e.RoamingProfileID = "1202|1201" }, "", 0, lacks, silent},
		{"one roaming profile more", func(_ *fleet.Spec, e *fleet.Endpoint) { e.RoamingProfileID = "1202" }, "modify", 1, lacks, silent},
		{"roaming profile and rate plan", func(s *fleet.Spec, _ *fleet.Endpoint) { s.RoamingProfileID, s.PlanID = "1203", "9" }, "modify modify", 2, lacks, silent},
		{"a roaming profile that is not reported", func(_ *fleet.Spec, e *fleet.Endpoint) {
			e.RoamingProfileID, e.Reported = "", e.Reported&^fleet.Fieldset(fleet.FieldRoamingProfile)
		}, "!", 0, lacks, silent},
		{"a roaming profile that is not managed", func(s *fleet.Spec, _ *fleet.Endpoint) { s.RoamingProfileID = "" }, "", 0, lacks, silent},
		{"a limit that is reported", func(_ *fleet.Spec, e *fleet.Endpoint) {
			e.MonthlyLimit, e.Reported = "5.00", e.Reported|fleet.Fieldset(fleet.FieldMonthlyLimit)
		}, "", 0, lacks, fleet.Fieldset(fleet.FieldAddonPlans)},
		{"another limit that is reported", func(_ *fleet.Spec, e *fleet.Endpoint) {
			e.MonthlyLimit, e.Reported = "6", e.Reported|fleet.Fieldset(fleet.FieldMonthlyLimit)
		}, "!", 0, lacks, fleet.Fieldset(fleet.FieldAddonPlans)},
		{"no limit, which is reported", func(_ *fleet.Spec, e *fleet.Endpoint) {
			e.Reported |= fleet.Fieldset(fleet.FieldMonthlyLimit)
		}, "!", 0, lacks, fleet.Fieldset(fleet.FieldAddonPlans)},
		{"add-ons that are reported", func(_ *fleet.Spec, e *fleet.Endpoint) {
			e.AddonPlanIDs, e.Reported = "100400|100300", e.Reported|fleet.Fieldset(fleet.FieldAddonPlans)
		}, "", 0, lacks, fleet.Fieldset(fleet.FieldMonthlyLimit)},
		{"none of what is silent or lacked", func(s *fleet.Spec, _ *fleet.Endpoint) {
			s.Fields = s.Only(narrow.Has() &^ silent)
		}, "", 0, 0, 0},
		{"a row that goes", func(s *fleet.Spec, _ *fleet.Endpoint) { s.State = fleet.StateAbsent }, "delink delete", 2, lacks, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, e := roaming(cardA), roamer()
			tt.change(&s, &e)
			p := world{can: narrow, live: []fleet.Endpoint{e}}.build(t, s)
			if got := did(p.Tasks[0]); got != tt.want || p.Counts.Calls != tt.calls {
				t.Errorf("got %q (%v) in %d calls, want %q in %d", got, p.Tasks[0].Refused, p.Counts.Calls, tt.want, tt.calls)
			}
			if p.Unmanaged != tt.unmanaged || p.Uncompared != tt.uncompared {
				t.Errorf("got %q not managed and %q not compared, want %q and %q", p.Unmanaged, p.Uncompared, tt.unmanaged, tt.uncompared)
			}
		})
	}
}

// A plan in a dialect that lacks fields is that of the same rows without them.
func TestWhatADialectLacksMakesNoDifference(t *testing.T) {
	value := func(t *rapid.T, f fleet.Field) string {
		return rapid.SampledFrom([]string{"", f.String() + "1", f.String() + "2"}).Draw(t, f.String())
	}
	rapid.Check(t, func(t *rapid.T) {
		s, e := spec("m", fleet.StateUnmanaged, ""), endpoint("1", "m", fleet.StatusHold, "")
		can := fleet.Abilities{Modifies: []fleet.FieldSet{fleet.Fieldset(managed[:6]...)}, Creates: fleet.Fieldset(fleet.FieldName)}
		for _, f := range managed[1:] {
			s.Set(f, value(t, f))
			e.Set(f, value(t, f))
			if rapid.Bool().Draw(t, "lacks "+f.String()) {
				can.Lacks |= fleet.Fieldset(f)
			}
			if rapid.Bool().Draw(t, "does not report "+f.String()) {
				e.Reported &^= fleet.Fieldset(f)
			}
		}
		e.Fields = e.Only(e.Reported)
		var live []fleet.Endpoint
		if rapid.Bool().Draw(t, "is live") {
			live = append(live, e)
		}
		have, err := inventory.New(live, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		tasks := func(s fleet.Spec, can fleet.Abilities) Task {
			p, err := Build(&fleet.Fleet{Specs: []fleet.Spec{s}}, have, Options{Abilities: can, Limits: Unlimited})
			if err != nil {
				t.Fatal(err)
			}
			return p.Tasks[0]
		}
		got := tasks(s, can)
		lean := s
		lean.Fields = s.Only(can.Has())
		can.Lacks = 0
		want := tasks(lean, can)
		if diff := cmp.Diff(want.Steps, got.Steps); diff != "" || !slices.Equal(want.Refused, got.Refused) {
			t.Fatalf("got %v, want %v: %s", got.Refused, want.Refused, diff)
		}
	})
}

// Nobody changed roaming profiles that come back in another order.
func TestAnOrderOfRoamingProfilesIsNotStale(t *testing.T) {
	want, live := roaming(cardA), roamer()
	want.RoamingProfileID = "1203"
	build := func(ids fleet.ID) *Task {
		live.RoamingProfileID = ids
		return &world{can: narrow, live: []fleet.Endpoint{live}}.build(t, want).Tasks[0]
	}
	planned := build("1201|1202")
	if why := planned.Stale(build("1202|1201")); why != "" {
		t.Errorf("got stale: %s", why)
	}
	if why := planned.Stale(build("1202")); why == "" {
		t.Error("one roaming profile went, and the task is not stale")
	}
}

// A name that nobody looked up would pass for a field that nobody manages.
func TestNamesThatWereNotLookedUp(t *testing.T) {
	row := fleet.Spec{Fields: fleet.Fields{Name: "m"}, Names: fleet.Names{Plan: "Gold", RoamingProfile: "World"}, Origin: fleet.Origin{File: "f.csv", Line: 3}}
	lacking := testAbilities
	lacking.Lacks = fleet.Fieldset(fleet.FieldRoamingProfile)
	_, err := world{can: lacking}.plan(t, row)
	if !errors.Is(err, fleet.ErrUsage) || !strings.HasPrefix(err.Error(), "f.csv:3: planId is given by name") {
		t.Errorf("got %v, want an ErrUsage about the rate plan of f.csv:3", err)
	}
	row.PlanID = "1"
	if _, err := (world{can: lacking}).plan(t, row); err != nil {
		t.Errorf("a name that the dialect lacks: got %v", err)
	}
}
