package plan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
)

// moved is a task in short, with the places that its steps wait for.
func moved(t Task) string {
	var parts []string
	for _, s := range t.Steps {
		text := s.Action.String()
		if s.After != nil {
			text += fmt.Sprintf("(after %d.%d)", s.After.Task, s.After.Step)
		}
		parts = append(parts, text)
	}
	return strings.Join(append(parts, t.Refused...), " ")
}

func pinned(id fleet.ID, s fleet.Spec) fleet.Spec {
	s.ID = id
	return s
}

func TestMoves(t *testing.T) {
	const active, pre, absent = fleet.StateActive, fleet.StatePreActive, fleet.StateAbsent
	live := []fleet.Endpoint{endpoint("1", "m1", fleet.StatusActive, cardA), endpoint("2", "m2", fleet.StatusActive, cardB), endpoint("3", "m3", fleet.StatusHold, "")}
	cleared := spec("m2", pre, "")
	cleared.ClearSIM = true
	relinking := spec("m3", active, cardA)
	relinking.Relink = true
	tests := []struct {
		name  string
		world world
		specs []fleet.Spec
		want  []string
	}{
		{"one takes what another is given up for", world{}, []fleet.Spec{spec("m1", active, cardB), cleared},
			[]string{"delink(after 1.0) link activate", "delink"}},
		{"an exchange: one of them has to begin", world{}, []fleet.Spec{spec("m1", active, cardB), spec("m2", active, cardA)},
			[]string{"delink link(after 1.0) activate", "delink(after 0.0) link activate"}},
		{"a circle of three", world{live: append(live[:2:2], endpoint("3", "m3", fleet.StatusPreActive, cardC))},
			[]fleet.Spec{spec("m1", active, cardB), spec("m2", active, cardC), spec("m3", pre, cardA)},
			[]string{"delink link(after 1.0) activate", "delink(after 2.0) link activate", "delink(after 0.0) link"}},
		{"a chain begins at its end", world{}, []fleet.Spec{spec("m3", active, cardA), spec("m1", active, cardB), spec("m2", active, cardC)},
			[]string{"link(after 1.0) activate", "delink(after 2.0) link activate", "delink link activate"}},
		{"what is deleted gives up its SIM", world{}, []fleet.Spec{spec("new", active, cardA), spec("m1", absent, "")},
			[]string{"create link(after 1.0) activate", "delink delete"}},
		{"a row that keeps its SIM", world{}, []fleet.Spec{spec("m1", active, cardA), spec("m3", active, cardA)},
			[]string{"", `SIM 8932042000001234562 is linked to endpoint 1 ("m1"), whose row (f.csv:2) keeps it, or is refused`}},
		{"a chain falls with its end", world{protect: []fleet.Glob{"m2"}}, []fleet.Spec{spec("m3", active, cardA), spec("m1", active, cardB), spec("m2", active, cardC)},
			[]string{`SIM 8932042000001234562 is linked to endpoint 1 ("m1"), whose row (f.csv:2) keeps it, or is refused`,
				`SIM 8932990000010000030 is linked to endpoint 2 ("m2"), whose row (f.csv:2) keeps it, or is refused`,
				"it is protected, and SIM 8932990000010000030 would be de-linked"}},
		{"in doubt, nothing is given up", world{doubts: []Doubt{{Run: "r", Action: fleet.Modify, ID: "2"}}}, []fleet.Spec{spec("m1", active, cardB), cleared},
			[]string{`SIM 8932990000010000030 is linked to endpoint 2 ("m2"), whose row (f.csv:2) keeps it, or is refused`,
				"run r sent modify for it, and nobody knows yet whether that was applied; sftctl resume r settles it"}},
		{"relink takes it from an endpoint outside the files", world{}, []fleet.Spec{relinking},
			[]string{"link(after 1.0) activate", "delink"}},
		{"what is an orphan once its SIM is gone goes with it", world{policy: fleet.Policy{Scope: []fleet.Glob{"m1"}, Orphans: fleet.OrphansDelete}}, []fleet.Spec{relinking},
			[]string{"link(after 1.0) activate", "delink delete"}},
		{"but not from a protected one", world{protect: []fleet.Glob{"m1"}}, []fleet.Spec{relinking},
			[]string{`SIM 8932042000001234562 is linked to endpoint 1 ("m1"), which keeps it: it is protected, and SIM 8932042000001234562 would be de-linked`}},
		{"nor from one that a row names, though that is refused", world{live: append(live[:3:3], endpoint("4", "m1", fleet.StatusActive, ""))}, []fleet.Spec{spec("m1", active, ""), relinking},
			[]string{"2 live endpoints fit this row: 1, 4; give endpointId, or remove those that should not be",
				`SIM 8932042000001234562 is linked to endpoint 1 ("m1"), and a row names that one`}},
		{"nor without the word", world{}, []fleet.Spec{spec("m3", active, cardA)},
			[]string{`SIM 8932042000001234562 is linked to endpoint 1 ("m1"); de-link it there first (iccid !clear in a row of that endpoint), or say relink: true in this row`}},
		{"a rename that waits for a rename", world{}, []fleet.Spec{pinned("1", spec("m2", active, cardA)), pinned("2", spec("m9", active, cardB))},
			[]string{"modify(after 1.0)", "modify"}},
		{"a rename that waits for a delete", world{}, []fleet.Spec{pinned("1", spec("m2", active, cardA)), pinned("2", spec("", absent, ""))},
			[]string{"modify(after 1.1)", "delink delete"}},
		{"names are not exchanged", world{}, []fleet.Spec{pinned("1", spec("m2", active, cardA)), pinned("2", spec("m1", active, cardB)), pinned("3", spec("m9", pre, ""))},
			[]string{"it would be renamed to m2, which endpoint 2 is called already, and that one waits, directly or not, for the name of this one; rename one of them to a third name first",
				"it would be renamed to m1, which endpoint 1 is called already, and that one waits, directly or not, for the name of this one; rename one of them to a third name first", "modify"}},
		{"a name that waits for an exchange", world{}, []fleet.Spec{pinned("1", spec("m2", active, cardA)), pinned("2", spec("m1", active, cardB)), pinned("3", spec("m1", pre, ""))},
			nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.world.live == nil {
				test.world.live = live
			}
			p := test.world.build(t, test.specs...)
			var got []string
			for _, task := range p.Tasks {
				got = append(got, strings.ReplaceAll(moved(task), `"m`+task.Label()[1:]+`" `, ""))
			}
			if test.want == nil {
				for _, task := range p.Tasks {
					if len(task.Steps) > 0 {
						t.Errorf("%s: %s", task.Label(), moved(task))
					}
				}
				return
			}
			for i, want := range test.want {
				if i < len(got) && strings.ReplaceAll(got[i], `"`, "") != strings.ReplaceAll(want, `"`, "") {
					t.Errorf("task %d: got %s\nwant %s", i, got[i], want)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// Whatever is exchanged, cleared, deleted and refused: no claim waits for what
// does not come, none waits for itself, and a plan is the same when it is read
// back.
func TestClaimsHaveAnOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, specs := shuffledCards(rt)
		if len(specs) > 0 && rapid.Bool().Draw(rt, "choice") {
			w.choice = &Choice{Limit: rapid.IntRange(0, 4).Draw(rt, "limit")}
			for _, s := range specs {
				if rapid.Bool().Draw(rt, "listed") {
					w.choice.Listed = append(w.choice.Listed, string(s.ID))
				}
			}
		}
		p := w.build(t, specs...)
		left, done := 0, map[Place]bool{}
		for i := range p.Tasks {
			left += len(p.Tasks[i].Steps)
		}
		for began := -1; left > 0 && began != 0; {
			began = 0
			for i := range p.Tasks {
				for k, s := range p.Tasks[i].Steps {
					at := Place{i, k}
					if done[at] || k > 0 && !done[Place{i, k - 1}] || s.After != nil && !done[*s.After] {
						continue
					}
					done[at] = true
					left--
					began++
				}
			}
		}
		if left > 0 {
			rt.Errorf("%d steps wait for each other", left)
		}
		var file bytes.Buffer
		if err := p.Write(&file); err != nil {
			rt.Fatal(err)
		}
		if again, err := Read(&file); err != nil {
			rt.Error(err)
		} else if diff := cmp.Diff(p.Tasks, again.Tasks, cmpopts.EquateEmpty()); diff != "" {
			rt.Error(diff)
		}
	})
}

// shuffledCards are rows that want each other's cards and names.
func shuffledCards(t *rapid.T) (world, []fleet.Spec) {
	n := rapid.IntRange(2, 9).Draw(t, "rows")
	var w world
	var cards []fleet.ICCID
	names := []string{}
	for i := range n {
		cards = append(cards, fleet.ICCID(fmt.Sprintf("89329900000100%05d", i)))
		names = append(names, fmt.Sprint("m", i))
		w.live = append(w.live, endpoint(fleet.ID(fmt.Sprint(i+1)), names[i], rapid.SampledFrom([]fleet.Status{fleet.StatusActive, fleet.StatusPreActive, fleet.StatusSuspended}).Draw(t, "status"), cards[i]))
		w.sims = append(w.sims, w.card(cards[i]))
	}
	wanted, called := rapid.Permutation(cards).Draw(t, "cards"), names
	if rapid.Bool().Draw(t, "renames") {
		called = rapid.Permutation(append(names, "x1", "x2")).Draw(t, "names")
	}
	states := []fleet.State{fleet.StateActive, fleet.StateActive, fleet.StatePreActive, fleet.StateSuspended, fleet.StateAbsent, fleet.StateUnmanaged}
	var specs []fleet.Spec
	for i := range n {
		s := pinned(w.live[i].ID, spec(called[i], rapid.SampledFrom(states).Draw(t, "state"), wanted[i]))
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			s.ICCID, s.ClearSIM = "", true
		case 1:
			s.ICCID = ""
		case 2:
			s.Relink = true
		case 3:
			continue // it is outside the files
		}
		if s.State == fleet.StateAbsent {
			s.ICCID = ""
		}
		specs = append(specs, s)
	}
	if rapid.IntRange(0, 3).Draw(t, "protects") == 0 {
		w.protect = []fleet.Glob{fleet.Glob(rapid.SampledFrom(names).Draw(t, "protected"))}
	}
	slices.Reverse(specs)
	return w, specs
}

func TestAPlanWhoseStepsWaitForEachOtherIsRefused(t *testing.T) {
	w := world{live: []fleet.Endpoint{endpoint("1", "m1", fleet.StatusActive, cardA), endpoint("2", "m2", fleet.StatusActive, cardB)}}
	for _, edit := range []func(*Plan){
		func(p *Plan) { p.Tasks[0].Steps[0].After = &Place{1, 0} },
		func(p *Plan) { p.Tasks[0].Steps[1].After = &Place{1, 1} },
		func(p *Plan) { p.Tasks[0].Steps[1].After = &Place{7, 0} },
		func(p *Plan) { p.Tasks[0].Steps[1].After = &Place{1, -1} },
	} {
		p := w.build(t, spec("m1", fleet.StateActive, cardB), spec("m2", fleet.StateActive, cardA))
		edit(p)
		var file bytes.Buffer
		if err := p.Write(&file); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&file); !errors.Is(err, fleet.ErrPlan) {
			t.Errorf("got %v for %s | %s", err, moved(p.Tasks[0]), moved(p.Tasks[1]))
		}
	}
}
