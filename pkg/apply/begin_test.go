package apply

import (
	"errors"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// Runs, named as journal.NewID names them.
const (
	r1 = "20260504T120000Z-aaab"
	r2 = "20260504T120001Z-aaac"
	r3 = "20260504T120002Z-aaad"
)

func anyDialect(string) (fleet.Abilities, error) { return fleet.Abilities{}, nil }

func store(t *testing.T) *journal.Store {
	t.Helper()
	s, err := journal.NewStore(t.TempDir(), journal.OS{}, journal.SystemClock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// making is a plan that makes endpoints.
func making(t *testing.T, id string, names ...string) *plan.Plan {
	t.Helper()
	want := &fleet.Fleet{}
	for _, name := range names {
		want.Specs = append(want.Specs, fleet.Spec{Fields: fleet.Fields{Name: name}})
	}
	have, err := inventory.New(nil, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(want, have, plan.Options{ID: id, Limits: plan.Unlimited})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func begun(t *testing.T, s *journal.Store, p *plan.Plan, run string) *journal.Journal {
	t.Helper()
	j, err := Begin(s, p, Beginning{Run: run, Abilities: anyDialect})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestBeginTakesThePlaceOfUnfinishedRunsOfTheSameEndpoints(t *testing.T) {
	s := store(t)
	var told []string
	for _, run := range []struct {
		name  string
		about []string
	}{{r1, []string{"a", "b"}}, {r2, []string{"c"}}, {r3, []string{"b", "d"}}} {
		j, err := Begin(s, making(t, "P"+run.name, run.about...), Beginning{Run: run.name, Abilities: anyDialect, Superseded: func(old string) { told = append(told, old+" by "+run.name) }})
		if err == nil {
			err = j.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 1 || told[0] != r1+" by "+r3 {
		t.Errorf("got told of %q", told)
	}
	for run, want := range map[string]string{r1: r3, r2: "", r3: ""} {
		h, err := s.History(run)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.SupersededBy(h); got != want {
			t.Errorf("run %s: superseded by %q, want %q", run, got, want)
		}
		h.Records = append(h.Records, journal.Intent{Action: fleet.Create, Name: "a"})
		if d := Doubts([]*journal.History{h}, journal.SystemClock(), DefaultWindow); len(d) != 1 || d[0].Superseded != (want != "") {
			t.Errorf("run %s: got doubts %+v", run, d)
		}
	}
}

func TestBeginRefuses(t *testing.T) {
	s := store(t)
	used := begun(t, s, making(t, "P1", "a"), r1)
	if err := errors.Join(used.Intent(journal.Intent{}), used.Close()); err != nil {
		t.Fatal(err)
	}
	blocked := making(t, "P2", "a")
	blocked.Blocked = []string{"too much"}
	for name, tt := range map[string]struct {
		plan *plan.Plan
		b    Beginning
		want error
	}{
		"a plan that guards refuse": {blocked, Beginning{Run: r2, Abilities: anyDialect}, fleet.ErrGuard},
		"a plan that was used":      {making(t, "P1", "a"), Beginning{Run: r2, Abilities: anyDialect}, fleet.ErrPlan},
		"no abilities":              {making(t, "P3", "a"), Beginning{Run: r2}, fleet.ErrUsage},
		"a run that there is":       {making(t, "P3", "a"), Beginning{Run: r1, Abilities: anyDialect}, fleet.ErrIO},
	} {
		if _, err := Begin(s, tt.plan, tt.b); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if h, err := s.History(r1); err != nil || s.SupersededBy(h) == r2 {
		t.Errorf("a run that never began took the place of another (%v)", err)
	}
}
