package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

func TestChoice(t *testing.T) {
	const active = fleet.StateActive
	live := []fleet.Endpoint{endpoint("1", "m1", fleet.StatusActive, cardA), endpoint("2", "m2", fleet.StatusActive, cardB), endpoint("3", "x3", fleet.StatusHold, ""), endpoint("9", "m9", fleet.StatusActive, "")}
	relinking := spec("x3", active, cardB)
	relinking.Relink = true
	changed := spec("x3", fleet.StateUnmanaged, "")
	changed.PlanID = "2"
	everything := fleet.Policy{Scope: []fleet.Glob{"*"}, Orphans: fleet.OrphansDelete}
	for _, test := range []struct {
		name   string
		choice Choice
		specs  []fleet.Spec
		want   string // the chosen rows with their steps
		err    string
	}{
		{"a pattern, and no orphan is acted on", Choice{Target: []fleet.Glob{"m*"}}, []fleet.Spec{spec("m1", active, cardA), spec("m2", fleet.StateSuspended, cardB), changed}, "m1: | m2:suspend", ""},
		{"all but some", Choice{Exclude: []fleet.Glob{"m*"}}, []fleet.Spec{spec("m1", active, cardA), changed}, "x3:modify", ""},
		{"one by one, as a person may call them", Choice{Listed: []string{"1", string(cardB)[:19], "x3"}}, []fleet.Spec{spec("m1", active, cardA), spec("m2", active, cardB), changed, spec("m9", fleet.StateUnmanaged, "")}, "m1: | m2: | x3:modify", ""},
		{"the first that have steps, in the order of the files", Choice{Limit: 1}, []fleet.Spec{spec("m1", active, cardA), changed, spec("m2", fleet.StateSuspended, cardB)}, "m1: | x3:modify", ""},
		{"a slip of the pen", Choice{Target: []fleet.Glob{"m*", "y*"}, Exclude: []fleet.Glob{"z*"}, Listed: []string{"7"}}, []fleet.Spec{spec("m1", active, cardA)}, "", `no row of the files matches --target "y*", --exclude "z*", "7" of --target-file; nothing was planned`},
		{"what is given up by a row that is not chosen", Choice{Target: []fleet.Glob{"m1"}}, []fleet.Spec{spec("m1", active, cardB), spec("m2", active, cardA)}, `m1:! it waits for what "m2" gives up, and that row is not chosen, or is refused`, ""},
		{"both of an exchange, or none", Choice{Limit: 1}, []fleet.Spec{spec("m1", active, cardB), spec("m2", active, cardA), changed}, "m1:! it goes together with others, 2 endpoints in all, and --limit 1 has no room for them | m2:! it waits for what \"m1\" gives up, and that row is not chosen, or is refused | x3:modify", ""},
		{"both of an exchange", Choice{Limit: 2}, []fleet.Spec{spec("m1", active, cardB), spec("m2", active, cardA), changed}, "m1:delink link(after 1.0) activate | m2:delink(after 0.0) link activate", ""},
		{"a relink takes its other end along", Choice{Target: []fleet.Glob{"x*"}}, []fleet.Spec{spec("m1", active, cardA), relinking}, "x3:link(after 1.0) activate | m2:delink", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := world{live: live, choice: &test.choice, policy: everything}.plan(t, test.specs...)
			if test.err != "" || err != nil {
				if !errors.Is(err, fleet.ErrUsage) || err.Error() != test.err {
					t.Errorf("got %v", err)
				}
				return
			}
			var got []string
			for _, task := range p.Tasks {
				text := task.Label() + ":" + moved(task)
				if len(task.Refused) > 0 {
					text = task.Label() + ":! " + task.Refused[0]
				}
				got = append(got, text)
			}
			if strings.Join(got, " | ") != test.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " | "), test.want)
			}
			if rows := p.Counts.Rows; p.Choice.LeftOut != len(test.specs)-rows || len(p.Policies) > 0 {
				t.Errorf("%d rows and %d left out, policies %v", rows, p.Choice.LeftOut, p.Policies)
			}
		})
	}
}

// A row whose relink would take a SIM from a row that is not chosen keeps that in
// mind when the plan is applied: by then that row is in no file any more.
func TestAChosenRowTakesNothingFromOneThatIsNot(t *testing.T) {
	live := []fleet.Endpoint{endpoint("1", "m1", fleet.StatusActive, cardA), endpoint("3", "x3", fleet.StatusHold, "")}
	relinking := spec("x3", fleet.StateActive, cardA)
	relinking.Relink = true
	w := world{live: live, choice: &Choice{Target: []fleet.Glob{"x3"}}}
	p := w.build(t, spec("m1", fleet.StateActive, cardA), relinking)
	w.choice = nil
	again := w.build(t, *p.Tasks[0].Spec)
	if len(p.Tasks[0].Steps)+len(again.Tasks[0].Steps) > 0 || len(again.Tasks) != 1 {
		t.Errorf("got %v, then %v", p.Tasks[0].Steps, again.Tasks)
	}
}

func TestGuardsAgainstEarlierRuns(t *testing.T) {
	rows := func(n int) (specs []fleet.Spec) {
		for i := range n {
			specs = append(specs, spec(fmt.Sprint("n", i), fleet.StatePreActive, ""))
		}
		return specs
	}
	adopted := func(n int) (live []fleet.Endpoint) {
		for i := range n {
			live = append(live, endpoint(fleet.ID(fmt.Sprint(i+1)), fmt.Sprint("n", i), fleet.StatusPreActive, ""))
		}
		return live
	}
	strict := Limits{NoLimit, NoLimit, NoLimit, NoLimit, NoLimit, 0, false, false, false}
	for _, test := range []struct {
		name    string
		rows    int
		live    int
		earlier Earlier
		allow   func(*Limits)
		want    string
	}{
		{"much the same", 80, 80, Earlier{100, "r1", 100, "r1"}, nil, ""},
		{"a file that was cut", 79, 100, Earlier{100, "r1", 100, "r2"}, func(l *Limits) { l.Shrink = true }, "the files have 79 rows, and had 100 in run r1; if they are whole, say --allow-shrink"},
		{"the wrong tenant", 100, 79, Earlier{100, "r1", 100, "r2"}, func(l *Limits) { l.InventoryShrink = true }, "the account has 79 live endpoints, and had 100 at the end of run r2; if it is the right one, say --allow-inventory-shrink"},
		{"an empty listing", 100, 0, Earlier{100, "r1", 1, "r2"}, func(l *Limits) { l.InventoryShrink = true }, "the account has 0 live endpoints, and had 1 at the end of run r2; if it is the right one, say --allow-inventory-shrink"},
		{"a first run", 51, 0, Earlier{}, func(l *Limits) { l.FirstRun = true }, "no run of this account is known here, 0 of the 51 rows are live, and 51 endpoints would be created; if that is meant, and it is the right account, say --first-run"},
		{"a first run of few", 50, 0, Earlier{}, nil, ""},
		{"a first run that finds one by chance", 61, 1, Earlier{}, func(l *Limits) { l.FirstRun = true }, "no run of this account is known here, 1 of the 61 rows are live, and 60 endpoints would be created; if that is meant, and it is the right account, say --first-run"},
		{"a first run that finds many", 80, 20, Earlier{}, nil, ""},
		{"not the first run", 51, 0, Earlier{Live: 0, LiveRun: "r1"}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world{live: adopted(test.live), limits: strict, earlier: test.earlier}
			if got := strings.Join(w.build(t, rows(test.rows)...).Blocked, "; "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if test.allow == nil {
				return
			}
			if test.allow(&w.limits); len(w.build(t, rows(test.rows)...).Blocked) > 0 {
				t.Error("the flag that it names does not let it through")
			}
		})
	}
}

// The rows that a run left behind are not its files.
func TestSomeRowsAreNoFileThatWasCut(t *testing.T) {
	w := world{rows: 100, limits: Limits{Modifies: NoLimit}, earlier: Earlier{Rows: 100, RowsRun: "r1"}}
	if p := w.build(t, spec("n1", fleet.StatePreActive, "")); len(p.Blocked) > 0 {
		t.Errorf("got %q", p.Blocked)
	}
}

// One row that is refused, or that wants nothing, does not make a first run another
// one.
func TestAFirstRunNeedNotCreateAll(t *testing.T) {
	specs := []fleet.Spec{spec("gone", fleet.StateAbsent, ""), spec("bad", fleet.StateActive, "")}
	for i := range 51 {
		specs = append(specs, spec(fmt.Sprint("n", i), fleet.StatePreActive, ""))
	}
	w := world{limits: Limits{Activations: NoLimit}}
	if p := w.build(t, specs...); len(p.Blocked) != 1 || !strings.Contains(p.Blocked[0], "--first-run") {
		t.Errorf("got %q with %d creates of %d rows", p.Blocked, p.Counts.Step(fleet.Create), p.Counts.Rows)
	}
	if p := w.build(t, specs[:52]...); len(p.Blocked) > 0 {
		t.Errorf("few: got %q", p.Blocked)
	}
}

func TestThePercentageThatIsNamedLetsThePlanThrough(t *testing.T) {
	live := []fleet.Endpoint{endpoint("1", "m1", fleet.StatusHold, ""), endpoint("2", "m2", fleet.StatusHold, ""), endpoint("3", "m3", fleet.StatusHold, "")}
	changed := spec("m1", fleet.StateUnmanaged, "")
	changed.PlanID = "2"
	w := world{live: live, limits: Limits{Modifies: NoLimit, Percent: 33.3}}
	specs := []fleet.Spec{changed, spec("m2", fleet.StateUnmanaged, ""), spec("m3", fleet.StateUnmanaged, ""), spec("new", fleet.StatePreActive, "")}
	p := w.build(t, specs...)
	want := "the plan changes 1 of the 3 live endpoints that its rows are about (33.33 %), and at most 33.3 % are allowed; if that is meant, say --max-changes-percent 33.34"
	if !slices.Equal(p.Blocked, []string{want}) {
		t.Errorf("got %q", p.Blocked)
	}
	if w.limits.Percent = 33.34; len(w.build(t, specs...).Blocked) > 0 {
		t.Error("the number that it names does not let it through")
	}
}

func TestAdoption(t *testing.T) {
	live := []fleet.Endpoint{endpoint("1", "m1", fleet.StatusHold, ""), endpoint("2", "m2", fleet.StatusHold, "")}
	p := world{live: live, known: func(id fleet.ID) bool { return id == "2" }}.build(t, spec("m1", fleet.StateUnmanaged, ""), spec("m2", fleet.StateUnmanaged, ""), spec("m3", fleet.StatePreActive, ""))
	if p.Counts.Adopted != 1 || !p.Tasks[0].Adopts {
		t.Errorf("got %d adopted, %+v", p.Counts.Adopted, p.Tasks[0])
	}
}
