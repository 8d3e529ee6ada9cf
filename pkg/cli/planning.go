package cli

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// guards are the flags that bound what a plan may do.
type guards struct {
	limits plan.Limits
	flags  *pflag.FlagSet
}

func (g *guards) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	g.flags = f
	f.IntVar(&g.limits.Deletes, "max-deletes", 0, "the most endpoints that may be deleted")
	f.IntVar(&g.limits.Delinks, "max-delinks", 0, "the most SIMs that may be de-linked")
	f.IntVar(&g.limits.Suspends, "max-suspends", 0, "the most endpoints that may be suspended")
	f.IntVar(&g.limits.Activations, "max-activations", plan.NoLimit, "the most endpoints that may be activated, which may be billed (-1: no limit)")
	f.IntVar(&g.limits.Modifies, "max-modifies", plan.NoLimit, "the most endpoints that may be modified (-1: no limit)")
	f.Float64Var(&g.limits.Percent, "max-changes-percent", 0, "the largest share of the live endpoints that rows are about which may change (0: no limit)")
	f.BoolVar(&g.limits.Shrink, "allow-shrink", false, "take files that lost more than a fifth of their rows since the last successful run")
	f.BoolVar(&g.limits.InventoryShrink, "allow-inventory-shrink", false, "take an account that lost more than a fifth of its endpoints since the last run")
	g.limits.FirstRun = true // somebody looks at the plan
}

// fewSteps is how many activations and modifies a command does whose plan nobody
// looks at, unless somebody says more.
const fewSteps = 100

// unattended is for commands whose plan nobody looks at.
func (g *guards) unattended(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&g.limits.FirstRun, "first-run", false, "create many endpoints although no run of the account is known here, and few or none of the rows are live")
	g.limits.Activations, g.limits.Modifies = fewSteps, fewSteps
	f.Lookup("max-activations").DefValue, f.Lookup("max-modifies").DefValue = strconv.Itoa(fewSteps), strconv.Itoa(fewSteps)
}

// check refuses what is no number: steps that hurt have no limitless.
func (g *guards) check() error {
	for name, limit := range map[string]int{"max-deletes": g.limits.Deletes, "max-delinks": g.limits.Delinks, "max-suspends": g.limits.Suspends} {
		if limit < 0 {
			return fleet.Kind(fleet.ErrUsage, fmt.Errorf("--%s: got %d, want the number of steps that are allowed", name, limit))
		}
	}
	if !(g.limits.Percent >= 0 && g.limits.Percent <= 100) {
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("--max-changes-percent: got %g, want a percentage, or 0 for no limit", g.limits.Percent))
	}
	return nil
}

// given are the limits that somebody set, however it was done; the others are
// none. A saved plan is narrowed by them, not by defaults.
func (g *guards) given() plan.Limits {
	limit := func(name string, value int) int {
		if g.flags.Changed(name) {
			return value
		}
		return plan.NoLimit
	}
	l := g.limits
	allowed := func(name string, value bool) bool { return value || !g.flags.Changed(name) }
	return plan.Limits{Percent: l.Percent, Shrink: allowed("allow-shrink", l.Shrink), InventoryShrink: allowed("allow-inventory-shrink", l.InventoryShrink), FirstRun: true,
		Deletes: limit("max-deletes", l.Deletes), Delinks: limit("max-delinks", l.Delinks), Suspends: limit("max-suspends", l.Suspends),
		Activations: limit("max-activations", l.Activations), Modifies: limit("max-modifies", l.Modifies)}
}

// look is what the platform says that a plan needs: look-ups first, because
// they are few and may refuse, then the listings.
type look struct {
	have     *inventory.Inventory
	products map[fleet.ID]string
	moved    map[int]string // rows of a saved plan whose names stand for other ids now
	at       time.Time
}

// look asks the platform and resolves the names in want. Those of a saved plan keep
// the ids that were approved.
func (s *session) look(ctx context.Context, want *fleet.Fleet) (look, error) {
	lacks := s.client.Abilities().Lacks
	catalogue, err := s.lookUp(ctx, inventory.Needed(want.Specs, lacks))
	if err != nil {
		return look{}, err
	}
	if err := catalogue.Resolve(want.Specs, lacks); err != nil {
		return look{}, err
	}
	at := time.Now()
	have, err := s.list(ctx, want)
	return look{have, catalogue.Products(), catalogue.Moved(want.Specs, lacks), at}, err
}

// lookUp asks for those look-ups that were not asked for yet: once in a command is
// enough, they change rarely.
func (s *session) lookUp(ctx context.Context, lists []fleet.List) (inventory.Catalogue, error) {
	lists = slices.DeleteFunc(lists, func(list fleet.List) bool { _, known := s.catalogue[list]; return known })
	fresh, err := inventory.FetchCatalogue(ctx, s.client, lists, s.listings(inventory.Options{}))
	if err != nil {
		return nil, err
	}
	if s.catalogue == nil {
		s.catalogue = inventory.Catalogue{}
	}
	maps.Copy(s.catalogue, fresh)
	return s.catalogue, nil
}

// listings adds to options how the platform lists.
func (s *session) listings(opts inventory.Options) inventory.Options {
	opts.Unpaged, opts.UnpagedLookUps = s.unpaged, s.atOnce
	return opts
}

// list lists the account, its SIMs too where a row manages one, or where endpoints
// leave open what their SIMs tell.
func (s *session) list(ctx context.Context, want *fleet.Fleet) (*inventory.Inventory, error) {
	have, err := inventory.Fetch(ctx, s.client, s.listings(inventory.Options{SIMs: inventory.NeedsSIMs(want.Specs), Fill: true}))
	if err == nil {
		s.endpoints = len(have.Endpoints)
	}
	return have, err
}

// build makes a plan of files and what the platform said.
func (s *session) build(want *fleet.Fleet, l look, t terms) (*plan.Plan, error) {
	var known func(fleet.ID) bool
	if t.known != nil {
		known = func(id fleet.ID) bool { return t.known[id] }
	}
	return plan.Build(want, l.have, plan.Options{
		ID: journal.NewID(l.at), Created: l.at.UTC().Truncate(time.Second), Tool: version(), BaseURL: s.baseURL, Account: s.account, Simulated: s.simulated,
		Abilities: s.client.Abilities(), Limits: t.limits, Rate: s.rate, Products: l.products, Doubts: t.doubts,
		Choice: t.choice, Earlier: t.earlier, Known: known,
	})
}

// planFiles reads live and plans what the files say against it.
func (s *session) planFiles(ctx context.Context, env Env, want *fleet.Fleet, t terms) (*plan.Plan, look, error) {
	hint(env, "reading what is live …")
	l, err := s.look(ctx, want)
	if err != nil {
		return nil, l, err
	}
	p, err := s.build(want, l, t)
	return p, l, err
}

// savePlan saves a plan under its id. A plan that is not saved is shown all the same:
// the person may only have wanted to look.
func savePlan(p *plan.Plan, dir, path string) (string, error) {
	if path == "" {
		path = filepath.Join(dir, p.ID+".plan")
	}
	if err := writeFile(path, p.Write); err != nil {
		return "", fmt.Errorf("saving the plan: %w; it was shown and not saved: name another place with -o FILE or --plans DIR", err)
	}
	return path, nil
}

// checkOut refuses a file to save a plan as before anything is read: it is replaced
// only if it is a plan.
func checkOut(path string) error {
	if path == "" {
		return nil
	}
	return replaceable("--out", path, func(path string) error {
		if isPlan(path) {
			return nil
		}
		return fmt.Errorf("--out %s: it is there already and is no saved plan, so it is not replaced", path)
	})
}

// guarded is the error of a plan that guards refuse, with all that they said.
func guarded(guards []string) error {
	if len(guards) == 0 {
		return nil
	}
	return fleet.Kind(fleet.ErrGuard, fmt.Errorf("the plan is refused: %s", strings.Join(guards, "; ")))
}
