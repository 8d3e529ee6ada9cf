package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// Catalogue is what the account's look-ups say, as far as they were asked.
type Catalogue map[fleet.List][]fleet.Entry

// FetchCatalogue asks for the look-ups in lists. A look-up that fails is an
// error, never an empty catalogue.
func FetchCatalogue(ctx context.Context, on Lister, lists []fleet.List) (Catalogue, error) {
	c := Catalogue{}
	for _, list := range lists {
		page, err := on.Page(ctx, fleet.Query{List: list})
		if err != nil {
			return nil, fmt.Errorf("look-up of %s: %w", list, err)
		}
		if page.Pages > 1 || page.Total > len(page.Entries) {
			return nil, fleet.Kind(fleet.ErrIncomplete, fmt.Errorf("look-up of %s: got %d rows, and there are more (%d pages); nothing was planned", list, len(page.Entries), page.Pages))
		}
		c[list] = page.Entries
	}
	return c, nil
}

// named ties the name form of a field to its look-up and its id form.
type named struct {
	list  fleet.List
	what  string
	name  func(*fleet.Names) *string
	field fleet.Field
}

var namedFields = []named{
	{fleet.RatePlans, "plan", func(n *fleet.Names) *string { return &n.Plan }, fleet.FieldPlan},
	{fleet.ServiceProfiles, "serviceProfile", func(n *fleet.Names) *string { return &n.ServiceProfile }, fleet.FieldServiceProfile},
	{fleet.APNGroups, "apnGroup", func(n *fleet.Names) *string { return &n.APNGroup }, fleet.FieldAPNGroup},
	{fleet.SIMProducts, "simProduct", func(n *fleet.Names) *string { return &n.SIMProduct }, fleet.FieldSIMProduct},
}

// Needed are the look-ups that specs cannot do without: those of the names
// that stand for ids, and the SIM products, which cards report by name, when a
// row says both which card and which product.
func Needed(specs []fleet.Spec) []fleet.List {
	need := map[fleet.List]bool{}
	for i := range specs {
		s := &specs[i]
		if s.ICCID != "" && s.SIMProductID != "" {
			need[fleet.SIMProducts] = true
		}
		if s.Names == (fleet.Names{}) {
			continue
		}
		for _, f := range namedFields {
			need[f.list] = need[f.list] || *f.name(&s.Names) != ""
		}
	}
	var lists []fleet.List
	for _, f := range namedFields {
		if need[f.list] {
			lists = append(lists, f.list)
		}
	}
	return lists
}

// Resolve puts ids in the place of names, in place. The error is a
// fleet.Problems with every name that is unknown or ambiguous, once each, and
// its candidates.
func (c Catalogue) Resolve(specs []fleet.Spec) error {
	var problems fleet.Problems
	known := map[string]fleet.ID{}
	for i := range specs {
		s := &specs[i]
		if s.Names == (fleet.Names{}) {
			continue
		}
		for _, f := range namedFields {
			name := f.name(&s.Names)
			if *name == "" {
				continue
			}
			id, ok := known[f.what+"\x00"+*name]
			if !ok {
				var err error
				if id, err = c.idOf(f, *name); err != nil {
					problems = append(problems, fmt.Errorf("%s:%d: %w", fleet.Printable(s.Origin.File), s.Origin.Line, err))
				}
				known[f.what+"\x00"+*name] = id
			}
			s.Set(f.field, string(id))
			*name = ""
		}
	}
	return problems.Err()
}

func (c Catalogue) idOf(f named, name string) (fleet.ID, error) {
	var found []fleet.Entry
	for _, e := range c[f.list] {
		if fleet.NameKey(e.Name) == fleet.NameKey(name) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		return "", fmt.Errorf("%s %s is not in the account's catalogue, want one of %s", f.what, fleet.Quote(name), candidates(c[f.list]))
	}
	return "", fmt.Errorf("%s %s is ambiguous, give the id of one of %s", f.what, fleet.Quote(name), candidates(found))
}

// candidates lists entries for a person, at most ten.
func candidates(entries []fleet.Entry) string {
	const most = 10
	var texts []string
	for _, e := range entries {
		texts = append(texts, fmt.Sprintf("%s (%s)", fleet.Quote(e.Name), fleet.Printable(string(e.ID))))
	}
	slices.Sort(texts)
	if len(texts) > most {
		texts = append(texts[:most], fmt.Sprintf("%d more", len(texts)-most))
	}
	if len(texts) == 0 {
		return "nothing: the catalogue is empty"
	}
	return strings.Join(texts, ", ")
}
