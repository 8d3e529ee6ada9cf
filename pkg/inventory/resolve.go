package inventory

import (
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// each calls do for all names in specs that stand for the ids of a field that the
// dialect does not lack.
func each(specs []fleet.Spec, lacks fleet.FieldSet, do func(row int, f named, names []string)) {
	fields := namedIn(lacks)
	for i := range specs {
		if specs[i].Names == (fleet.Names{}) {
			continue
		}
		for _, f := range fields {
			if names := f.parts(&specs[i].Names); len(names) > 0 {
				do(i, f, names)
			}
		}
	}
}

// Resolve puts the ids of names beside them, in place; names that have theirs
// already keep them, and those of fields that the dialect lacks get none. The error
// is a fleet.Problems with every name that is unknown or ambiguous, once each where
// it stands first, and its candidates.
func (c Catalogue) Resolve(specs []fleet.Spec, lacks fleet.FieldSet) error {
	found := answers{catalogue: c, known: map[question]*answer{}}
	each(specs, lacks, func(row int, f named, names []string) {
		s := &specs[row]
		if s.Get(f.field) != "" {
			return
		}
		ids := make([]string, len(names))
		for i, name := range names {
			ids[i] = string(found.ask(f, name, s.Origin).id)
		}
		s.Set(f.field, strings.Join(ids, fleet.ListSeparator))
	})
	return found.problems()
}

// Moved are the rows whose names do not stand for the ids any more that they were
// resolved to when their plan was made, by their place in specs, with both.
func (c Catalogue) Moved(specs []fleet.Spec, lacks fleet.FieldSet) map[int]string {
	found := answers{catalogue: c, known: map[question]*answer{}}
	moved := map[int]string{}
	each(specs, lacks, func(row int, f named, names []string) {
		ids := []string{specs[row].Get(f.field)}
		if len(names) > 1 {
			ids = fleet.SplitList(ids[0]) // Resolve put them in the order of the names
		}
		for i, name := range names {
			now := found.ask(f, name, specs[row].Origin)
			was := part(ids, i)
			if string(now.id) == was {
				continue
			}
			if moved[row] != "" {
				moved[row] += "; "
			}
			moved[row] += fmt.Sprintf("%s %s stood for %s when the plan was made, and stands for %s", f.what, fleet.Quote(name), fleet.Quote(was), now.today(f))
		}
	})
	return moved
}

func part(ids []string, i int) string {
	if i < len(ids) {
		return ids[i]
	}
	return ""
}

// question is what is asked of a catalogue, answer what it says. Thousands of rows
// ask the same.
type question struct {
	list fleet.List
	name string
}

type answer struct {
	id     fleet.ID
	fits   []fleet.Entry // those of the name, when they are not one
	origin fleet.Origin  // where it was asked first
	rows   int           // how often it was asked
}

// answers are what a catalogue says to what was asked, in that order.
type answers struct {
	catalogue Catalogue
	known     map[question]*answer
	failed    []unanswered
}

type unanswered struct {
	named
	*answer
	text string
}

func (a *answers) ask(f named, name string, origin fleet.Origin) *answer {
	q := question{f.list, fleet.NameKey(name)}
	if a.known[q] == nil {
		a.known[q] = &answer{origin: origin}
		if !a.known[q].find(a.catalogue[f.list], q.name) {
			a.failed = append(a.failed, unanswered{f, a.known[q], name})
		}
	}
	a.known[q].rows++
	return a.known[q]
}

// find finds the one id of a name. One that two rows give the same id is one.
func (a *answer) find(entries []fleet.Entry, key string) bool {
	for _, e := range entries {
		if e.Name != "" && fleet.NameKey(e.Name) == key {
			a.fits = append(a.fits, e)
		}
	}
	if len(a.fits) == 0 || slices.ContainsFunc(a.fits, func(e fleet.Entry) bool { return e.ID != a.fits[0].ID }) {
		return false
	}
	a.id = a.fits[0].ID
	return true
}

// today says what a name stands for now.
func (a *answer) today(f named) string {
	switch {
	case a.id != "":
		return fleet.Quote(string(a.id)) + " now"
	case len(a.fits) > 0:
		return "one of several now: " + candidates(Sorted(a.fits), f.list)
	}
	return "nothing now: the account has no " + f.what + " of that name"
}

// mostProblems is how many problems are told in full; the others are counted.
const mostProblems = 100

func (a *answers) problems() error {
	var problems fleet.Problems
	for _, u := range a.failed[:min(len(a.failed), mostProblems)] {
		problems = append(problems, u.problem(withNames(a.catalogue[u.list])))
	}
	if more := len(a.failed) - len(problems); more > 0 {
		problems = append(problems, fmt.Errorf("and %d more names that are not in the account's catalogue, or are ambiguous", more))
	}
	return problems.Err()
}

func (u unanswered) problem(entries []fleet.Entry) error {
	at, more := fmt.Sprintf("%s:%d", fleet.Printable(u.origin.File), u.origin.Line), ""
	if u.rows > 1 {
		more = fmt.Sprintf(" (and in %s)", fleet.Count(u.rows-1, "more row"))
	}
	if len(u.fits) > 0 {
		return fmt.Errorf("%s: %s %s is ambiguous%s, give the %s of one of %s", at, u.what, fleet.Quote(u.text), more, u.field, candidates(Sorted(u.fits), u.list))
	}
	if len(entries) == 0 {
		return fmt.Errorf("%s: %s %s is not in the account's catalogue%s, which has no %s", at, u.what, fleet.Quote(u.text), more, u.list)
	}
	return fmt.Errorf("%s: %s %s is not in the account's catalogue%s, want one of %s%s",
		at, u.what, fleet.Quote(u.text), more, candidates(nearest(u.text, entries), u.list), fleet.Suggest(u.text, namesOf(entries)))
}

func withNames(entries []fleet.Entry) []fleet.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e fleet.Entry) bool { return e.Name == "" })
}

func namesOf(entries []fleet.Entry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names
}

// nearest are entries whose names are near to a word first, by name and id where
// they are equally near.
func nearest(word string, entries []fleet.Entry) []fleet.Entry {
	byName := map[string][]fleet.Entry{}
	for _, e := range Sorted(entries) {
		byName[e.Name] = append(byName[e.Name], e)
	}
	var sorted []fleet.Entry
	for _, name := range slices.Compact(fleet.Nearest(word, namesOf(Sorted(entries)))) {
		sorted = append(sorted, byName[name]...)
	}
	return sorted
}

// candidates lists entries for a person, at most ten, and says how to see the
// others.
func candidates(entries []fleet.Entry, list fleet.List) string {
	const most = 10
	var texts []string
	for _, e := range entries[:min(len(entries), most)] {
		texts = append(texts, fmt.Sprintf("%s (%s)", fleet.Quote(e.Name), fleet.Printable(string(e.ID))))
	}
	text := strings.Join(texts, ", ")
	if more := len(entries) - most; more > 0 {
		text += fmt.Sprintf(" or %d more, which sftctl get %s lists", more, list)
	}
	return text
}
