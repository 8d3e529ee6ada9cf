package inventory

import (
	"cmp"
	"context"
	"slices"

	"sftctl/pkg/fleet"
)

// Catalogue is what the account's look-ups say, as far as they were asked.
type Catalogue map[fleet.List][]fleet.Entry

// FetchCatalogue asks for the look-ups in lists, each whole or not at all, as
// Fetch does: a name that is not in a part of a list may be in the rest of it, or
// may be there once more. A look-up that fails is an error, never an empty
// catalogue.
func FetchCatalogue(ctx context.Context, on Lister, lists []fleet.List, opts Options) (Catalogue, error) {
	if opts.PerPage <= 0 {
		opts.PerPage = defaultPerPage
	}
	c, calls := Catalogue{}, 0
	for _, list := range lists {
		entries, err := whole(ctx, on, opts, &calls, lookUp(list))
		if err != nil {
			return nil, err
		}
		c[list] = entries
	}
	return c, nil
}

func lookUp(list fleet.List) listing[fleet.Entry] {
	return listing[fleet.Entry]{list, distinct, func(e fleet.Entry) string { return string(e.ID) + "\x00" + e.Name }}
}

// distinct are the entries of a page. One that is there twice to the letter is one:
// a row may be given for each of the things that it belongs to.
func distinct(p fleet.Page) []fleet.Entry {
	var out []fleet.Entry
	seen := map[fleet.Entry]bool{}
	for _, e := range p.Entries {
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}

// named ties the name form of a field to its look-up and its id form.
type named struct {
	list  fleet.List
	what  string
	name  func(*fleet.Names) string
	field fleet.Field
}

var namedFields = []named{
	{fleet.RatePlans, "plan", func(n *fleet.Names) string { return n.Plan }, fleet.FieldPlan},
	{fleet.ServiceProfiles, "serviceProfile", func(n *fleet.Names) string { return n.ServiceProfile }, fleet.FieldServiceProfile},
	{fleet.APNGroups, "apnGroup", func(n *fleet.Names) string { return n.APNGroup }, fleet.FieldAPNGroup},
	{fleet.SIMProducts, "simProduct", func(n *fleet.Names) string { return n.SIMProduct }, fleet.FieldSIMProduct},
	{fleet.RoamingProfiles, "roamingProfile", func(n *fleet.Names) string { return n.RoamingProfile }, fleet.FieldRoamingProfile},
}

// parts are the names that a row gives for a field: one, or where the field takes
// several ids, as many as there are.
func (f named) parts(names *fleet.Names) []string {
	text := f.name(names)
	if f.field == fleet.FieldRoamingProfile || text == "" {
		return fleet.SplitList(text)
	}
	return []string{text}
}

// namedIn are the fields whose names mean something in a dialect that lacks some.
// The SIM product always does: cards are checked against it.
func namedIn(lacks fleet.FieldSet) []named {
	return slices.DeleteFunc(slices.Clone(namedFields), func(f named) bool { return lacks.Has(f.field) && f.field != fleet.FieldSIMProduct })
}

// Needed are the look-ups that specs cannot do without: those of the names
// that stand for ids, and the SIM products, which cards report by name, when a
// row says both which card and which product, or wants any card: its product may
// be that of a live endpoint. Names of fields that the dialect lacks are not looked
// up.
func Needed(specs []fleet.Spec, lacks fleet.FieldSet) []fleet.List {
	fields := namedIn(lacks)
	need := map[fleet.List]bool{}
	for i := range specs {
		s := &specs[i]
		if s.ICCID != "" && s.SIMProductID != "" || s.AutoSIM {
			need[fleet.SIMProducts] = true
		}
		if s.Names == (fleet.Names{}) {
			continue
		}
		for _, f := range fields {
			need[f.list] = need[f.list] || f.name(&s.Names) != ""
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

// Sorted are entries by name and then by id, whatever the platform's order.
func Sorted(entries []fleet.Entry) []fleet.Entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b fleet.Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// NeedsSIMs says whether specs cannot be planned without the SIM stock: some row
// links a card, or takes one off.
func NeedsSIMs(specs []fleet.Spec) bool {
	for i := range specs {
		if specs[i].WantsSIM() || specs[i].ClearSIM {
			return true
		}
	}
	return false
}

// Products are the names of the SIM products by id, empty when they were not asked
// for.
func (c Catalogue) Products() map[fleet.ID]string {
	names := map[fleet.ID]string{}
	for _, entry := range c[fleet.SIMProducts] {
		names[entry.ID] = entry.Name
	}
	return names
}
