package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/manifest"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// Whatever several endpoints exchange: an apply brings all of them where they can
// be brought, in the steps that each of them needs alone, and then there is nothing
// left to do.
func TestMovesAddNoSteps(t *testing.T) {
	judges := map[wire.Dialect]map[fleet.Status]*judge{}
	for _, dialect := range dialects() {
		judges[dialect] = judgesIn(dialect)
	}
	often(t, 2000, func(rt *rapid.T) {
		c := drawCrowd(rt)
		f := c.foretell(judges[c.dialect][c.initial])
		var wrong string
		synctest.Test(t, func(*testing.T) { wrong = c.move(f) })
		if wrong != "" {
			rt.Fatalf("%s\n%s", wrong, c)
		}
	})
}

func (c *crowd) move(f *fates) string {
	sim := c.simulator()
	p, run, again, err := c.do(sim, plan.Unlimited)
	switch {
	case err != nil:
		return err.Error()
	case run.Cut != nil || run.Doubt != nil:
		return fmt.Sprint("the run: ", run.Cut, run.Doubt)
	}
	if wrong := f.planned(p); wrong != "" {
		return wrong + "\n" + planText(p)
	}
	for _, wrong := range []string{account(sim, p, run), f.fulfilled(sim)} {
		if wrong != "" {
			return wrong + "\n" + planText(p)
		}
	}
	if wrong := f.settled(again); wrong != "" {
		return wrong + "\n" + planText(p) + "\nand after it\n" + planText(again)
	}
	return ""
}

// Whatever the order of the rows and of the SIMs, and however many files they are in:
// the same is done to each of them, with the same SIMs, and the same refused.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	often(t, 800, func(rt *rapid.T) {
		c := drawCrowd(rt)
		c.drawFromStock(rt)
		first, p := c.planned(rt, c.write(rt, dir, [][]fleet.Spec{c.specs}))
		shuffled := rapid.Permutation(c.specs).Draw(rt, "order")
		files := make([][]fleet.Spec, rapid.IntRange(1, 3).Draw(rt, "files"))
		for _, s := range shuffled {
			k := rapid.IntRange(0, len(files)-1).Draw(rt, "file")
			files[k] = append(files[k], s)
		}
		second, q := c.planned(rt, c.write(rt, dir, files))
		if diff := cmp.Diff(first, second); diff != "" {
			rt.Fatalf("%s\n%s\n%s\n%s", diff, planText(p), planText(q), c)
		}
	})
}

// write writes rows into files. The first has the policy, and each some of the
// protected names.
func (c *crowd) write(t *rapid.T, dir string, files [][]fleet.Spec) (paths []string) {
	policies := []fleet.Policy{c.policy()}
	files = slices.DeleteFunc(files, func(rows []fleet.Spec) bool { return len(rows) == 0 })
	for i, specs := range files {
		f := &fleet.Fleet{Specs: specs, Policies: policies}
		for k, glob := range c.protect {
			if k%len(files) == i {
				f.Protect = append(f.Protect, glob)
			}
		}
		policies = nil
		path := filepath.Join(dir, fmt.Sprintf("fleet-%d.yaml", i))
		if err := writeFile(path, func(w io.Writer) error { return manifest.WriteYAML(w, f) }); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

var anyOrigin = regexp.MustCompile(`[^ ("]*fleet-\d\.yaml:\d+`)

// planned is what a plan of files holds for each endpoint: its steps, what it waits
// for, what is refused.
func (c *crowd) planned(t *rapid.T, paths []string) (map[string][]string, *plan.Plan) {
	want, _, err := manifest.Read(paths, manifest.Options{})
	if err != nil {
		t.Fatalf("%s\n%s", err, c)
	}
	sim := c.simulator()
	have, err := inventory.New(sim.Endpoints(), rapid.Permutation(sim.SIMs()).Draw(t, "SIMs"), true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(want, have, plan.Options{ID: "p", Account: "ann", Abilities: c.dialect.Abilities(), Limits: plan.Unlimited})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for i := range p.Tasks {
		var told, waits []string
		for _, s := range p.Tasks[i].Steps {
			told = append(told, fmt.Sprintf("%s %+v %s", s.Action, s.Set, s.Reason))
			if s.After != nil { // in a circle the order says who begins, and not who waits for whom
				giver := &p.Tasks[s.After.Task]
				waits = append(waits, "waits for "+giver.Steps[s.After.Step].Action.String()+" of "+known(giver))
			}
		}
		told = append(append(told, waits...), p.Tasks[i].Refused...)
		for k := range told {
			told[k] = anyOrigin.ReplaceAllString(told[k], "FILE:LINE")
		}
		all[known(&p.Tasks[i])] = told
	}
	return all, p
}

// known is what tells a task from the others whatever the order.
func known(t *plan.Task) string {
	if t.Spec == nil {
		return "outside the files: " + string(t.Before.ID)
	}
	return fmt.Sprint(t.Spec.ID, " ", t.Spec.Name)
}

// guardsOf are the guards, by the kind of step.
var guardsOf = []struct {
	action fleet.Action
	flag   string
	limit  func(*plan.Limits) *int
}{
	{fleet.Delete, "--max-deletes", func(l *plan.Limits) *int { return &l.Deletes }},
	{fleet.Delink, "--max-delinks", func(l *plan.Limits) *int { return &l.Delinks }},
	{fleet.Suspend, "--max-suspends", func(l *plan.Limits) *int { return &l.Suspends }},
	{fleet.Activate, "--max-activations", func(l *plan.Limits) *int { return &l.Activations }},
	{fleet.Modify, "--max-modifies", func(l *plan.Limits) *int { return &l.Modifies }},
}

// What the guards let through never does more of a kind than they allow, neither in
// the plan nor on the platform; what they refuse is let through by the very numbers
// that they say, and by no smaller ones.
func TestGuardsCountWhatIsDone(t *testing.T) {
	often(t, 500, func(rt *rapid.T) {
		c := drawCrowd(rt)
		room := map[fleet.Action]int{}
		for _, g := range guardsOf {
			room[g.action] = rapid.SampledFrom([]int{-9, -1, -1, 0, 0, 0, 1}).Draw(rt, g.flag)
		}
		var wrong string
		synctest.Test(t, func(*testing.T) {
			needs, err := c.needs()
			if err != nil {
				wrong = err.Error()
				return
			}
			limits := plan.Unlimited
			for _, g := range guardsOf {
				*g.limit(&limits) = max(-1, needs[g.action]+room[g.action])
			}
			wrong = c.guarded(limits, needs)
		})
		if wrong != "" {
			rt.Fatalf("%s\n%s", wrong, c)
		}
	})
}

// needs are the changes that the platform does when nothing is limited.
func (c *crowd) needs() (map[fleet.Action]int, error) {
	sim := c.simulator()
	_, run, _, err := c.do(sim, plan.Unlimited)
	if err != nil {
		return nil, err
	}
	return c.applied(sim), run.Cut
}

// applied counts by kind what a platform did. A change of lifecycle is a suspension
// if the endpoint was active.
func (c *crowd) applied(sim *simulator.Simulator) map[fleet.Action]int {
	kinds := map[wire.Op]fleet.Action{wire.OpDelete: fleet.Delete, wire.OpDelink: fleet.Delink, wire.OpActivate: fleet.Activate, wire.OpModify: fleet.Modify, wire.OpCreate: fleet.Create, wire.OpLink: fleet.Link}
	counts := map[fleet.Action]int{}
	for _, e := range sim.Log() {
		if !e.Applied {
			continue
		}
		kind := kinds[e.Op]
		if e.Op == wire.OpLifecycle {
			kind = fleet.Resume
			if slices.ContainsFunc(c.live, func(live fleet.Endpoint) bool { return live.ID == e.EndpointID && live.Status == fleet.StatusActive }) {
				kind = fleet.Suspend
			}
		}
		counts[kind]++
		for along := range strings.FieldsSeq(e.Also) { // with a create
			counts[map[string]fleet.Action{"link": fleet.Link, "activate": fleet.Activate}[along]]++
		}
	}
	return counts
}

// guarded plans and applies under limits what needs so many steps of each kind.
func (c *crowd) guarded(limits plan.Limits, needs map[fleet.Action]int) string {
	sim := c.simulator()
	p, run, _, refused := c.do(sim, limits)
	if refused != nil && !errors.Is(refused, fleet.ErrGuard) {
		return refused.Error()
	}
	if run != nil {
		refused = run.Cut
	}
	exact, over := limits, 0
	for _, g := range guardsOf {
		limit := *g.limit(&limits)
		if limit < 0 || needs[g.action] <= limit {
			continue
		}
		over++
		number := fmt.Sprintf("%s %d", g.flag, needs[g.action])
		if !slices.ContainsFunc(p.Blocked, func(text string) bool { return strings.HasSuffix(text, number) }) {
			return fmt.Sprintf("got %q, want one that ends in %q", p.Blocked, number)
		}
		*g.limit(&exact) = needs[g.action]
	}
	done := c.applied(sim)
	if len(p.Blocked) != over || over > 0 && (!errors.Is(refused, fleet.ErrGuard) || len(done) > 0) || over == 0 && refused != nil {
		return fmt.Sprintf("with %+v the plan needs %v and does %v: blocked %q, %v", limits, needs, done, p.Blocked, refused)
	}
	for _, g := range guardsOf {
		if limit := *g.limit(&limits); limit >= 0 && done[g.action] > limit {
			return fmt.Sprintf("%d times %s, at most %d allowed", done[g.action], g.action, limit)
		}
	}
	return c.exactly(exact, limits, needs)
}

// exactly holds the numbers that the guards say against planning with them, and
// with one less of each.
func (c *crowd) exactly(exact, limits plan.Limits, needs map[fleet.Action]int) string {
	sim := c.simulator()
	p, run, _, err := c.do(sim, exact)
	if err != nil || run.Cut != nil || len(p.Blocked) > 0 {
		return fmt.Sprintf("the numbers that were said do not let it through: %+v, %v %v %q", exact, err, run.Cut, p.Blocked)
	}
	if got := c.applied(sim); !maps.Equal(got, needs) {
		return fmt.Sprintf("with the numbers %+v it does %v, want %v", exact, got, needs)
	}
	for _, g := range guardsOf {
		less := exact
		if *g.limit(&less)--; *g.limit(&less) < 0 {
			continue
		}
		got, want := less.Check(p.Counts), 0
		if *g.limit(&less) < needs[g.action] {
			want = 1
		}
		if both := exact.Tighten(less).Check(p.Counts); len(got) != want || len(both) != want {
			return fmt.Sprintf("%s %d: got %q, and narrowed %q, want %d", g.flag, *g.limit(&less), got, both, want)
		}
	}
	if p.Blocked = limits.Check(p.Counts); (len(p.Blocked) > 0) != (limits != exact) {
		return fmt.Sprintf("%+v: %q", limits, p.Blocked)
	}
	return ""
}
