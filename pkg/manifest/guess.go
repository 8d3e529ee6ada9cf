package manifest

import (
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// Column is a column of a CSV and what it was taken for.
type Column struct {
	Name  string // as the header has it
	Field string // the field that it gives; empty for none
	Why   string // why that, or why nothing and what to do; safe to print
}

// guess finds out what the columns of a CSV mean, by their names and their
// cells. What two columns could be, neither is.
type guess struct {
	header
	cells []*evidence
	meant []meaning
	found []field // what each column was taken for
	why   []string
}

func newGuess(h header) *guess {
	g := &guess{header: h}
	for i, name := range h.names {
		m := meaningOf(name)
		g.found, g.why = append(g.found, noField), append(g.why, g.unusable(i))
		if g.why[i] != "" {
			m = meaning{noField, noMeaning}
		}
		g.meant, g.cells = append(g.meant, m), append(g.cells, newEvidence(m))
	}
	return g
}

// longestColumn bounds the name of a column that a manifest is to repeat.
const longestColumn = 256

// unusable says why a manifest cannot name a column, empty when it can.
func (g *guess) unusable(i int) string {
	name := g.names[i]
	parts, err := parseTemplate("{{" + name + "}}")
	same := matching(g.names, func(other string) bool { return other == name })
	switch {
	case ignored(name):
		return "begins with _, so it is ignored"
	case name == "":
		return "has no name, so nothing can refer to it: give it one"
	case len(same) > 1:
		return fmt.Sprintf("is there %d times, so it is not clear which is meant: rename all but one", len(same))
	case err != nil || len(parts) != 1 || parts[0].column != name || len(name) > longestColumn:
		return "has a name that cannot stand between {{ and }}: rename it"
	}
	return ""
}

// plain says whether all columns are the fields themselves, so that nothing
// needs to be mapped.
func (g *guess) plain() bool {
	seen := map[field]bool{}
	for i, name := range g.names {
		m := g.meant[i]
		if ignored(name) {
			continue
		}
		if m.rank != own || seen[m.field] {
			return false
		}
		seen[m.field] = true
	}
	return true
}

// decide takes each column for what it is.
func (g *guess) decide() {
	g.decideCard()
	g.choose(state, g.stateRank, g.stateWhy)
	for f := range fieldCount {
		switch {
		case f == iccid || f == state || f == endpointName || family(f) != f:
		case f == group:
			g.choose(f, g.groupRank, g.groupWhy)
		default:
			g.decideValue(f)
		}
	}
	g.decideName()
	for i := range g.names {
		if g.why[i] == "" {
			g.why[i] = g.unknown(i)
		}
	}
}

// open says whether nothing is decided yet about a column.
func (g *guess) open(i int) bool { return g.why[i] == "" }

// take takes a column for a field.
func (g *guess) take(i int, f field, why string) { g.found[i], g.why[i] = f, why }

// column is the column that gives a field, -1 when none does.
func (g *guess) column(f field) int { return slices.Index(g.found, f) }

// source is the column that gives a field or says the same by name.
func (g *guess) source(f field) int {
	return slices.IndexFunc(g.found, func(found field) bool { return found != noField && family(found) == f })
}

// unranked is the rank of a column that a field does not come from.
const unranked = 99

// candidates are the open columns of the lowest rank, and all that have one.
func (g *guess) candidates(rank func(int) int) (best, all []int) {
	least := unranked
	for i := range g.names {
		if !g.open(i) {
			continue
		}
		r := rank(i)
		if r < least {
			least, best = r, nil
		}
		if r < unranked {
			all = append(all, i)
			if r == least {
				best = append(best, i)
			}
		}
	}
	return best, all
}

// choose takes the best column for a field. Where there are several, none is
// taken, and each says so.
func (g *guess) choose(f field, rank func(int) int, why func(int) string) {
	best, all := g.candidates(rank)
	if len(best) == 1 {
		g.take(best[0], g.fieldFrom(best[0], f), why(best[0]))
	}
	for _, i := range all {
		switch {
		case !g.open(i):
		case len(best) == 1:
			g.why[i] = fmt.Sprintf("could be %s too, but %s is %s", f, g.quoted(best[0]), g.plainer(best[0]))
		default:
			g.why[i] = fmt.Sprintf("could be %s, and so could %s: choose one", f, g.others(best, i))
		}
	}
}

// plainer says in what a column is more plainly what it was taken for.
func (g *guess) plainer(i int) string {
	if g.meant[i].field == noField || g.meant[i].rank == noMeaning {
		return "so by its cells"
	}
	return "so more plainly"
}

// others names the columns of a list but for one.
func (g *guess) others(list []int, but int) string {
	const most = 3
	var names []string
	for _, i := range list {
		if i != but {
			names = append(names, g.quoted(i))
		}
	}
	return andMore(strings.Join(names[:min(most, len(names))], ", "), len(names)-most)
}

func (g *guess) quoted(i int) string { return fleet.Quote(g.names[i]) }

// fieldFrom is the field that a column gives: where a name could stand, cells
// that look like ids are ids.
func (g *guess) fieldFrom(i int, f field) field {
	m := g.meant[i]
	switch {
	case m.field == noField || family(m.field) != f:
		return f
	case m.rank != own && m.field != f && g.cells[i].looksLikeIDs():
		return f
	}
	return m.field
}

// called begins the reason for a column that was taken by its name.
func (g *guess) called(i int) string {
	switch g.meant[i].rank {
	case own:
		return "it is the field itself"
	case noMeaning:
		return "by its cells"
	}
	return "by its name"
}

// decideValue decides about a field whose column is known by its name. Columns
// that are the fields themselves are taken as they are, those for an id and for
// a name alike.
func (g *guess) decideValue(f field) {
	for i, m := range g.meant {
		if m.rank == own && family(m.field) == f && g.open(i) {
			g.choose(m.field, func(j int) int { return rankIf(g.meant[j] == m, own) }, g.valueWhy)
		}
	}
	if taken := g.source(f); taken >= 0 {
		g.leave(f, taken)
		return
	}
	g.choose(f, func(i int) int {
		return g.fuller(i, rankIf(g.meant[i].field != noField && family(g.meant[i].field) == f, g.meant[i].rank))
	}, g.valueWhy)
}

// leave tells the columns that could be a field too that it is given already.
func (g *guess) leave(f field, by int) {
	for i, m := range g.meant {
		if g.open(i) && m.field != noField && family(m.field) == f {
			g.why[i] = fmt.Sprintf("could be %s too, but %s is the field itself", m.field, g.quoted(by))
		}
	}
}

func rankIf(ok bool, rank int) int {
	if ok {
		return rank
	}
	return unranked
}

// fuller puts a column without any cell behind those with some.
func (g *guess) fuller(i, rank int) int {
	if rank != own && rank < unranked && g.cells[i].filled == 0 {
		return rank + noMeaning
	}
	return rank
}

func (g *guess) valueWhy(i int) string {
	m, why := g.meant[i], g.called(i)
	if f := g.fieldFrom(i, family(m.field)); f != family(f) {
		why += "; names are looked up when it is planned"
	} else if f != m.field {
		why += "; its cells are ids"
	}
	return why + g.cells[i].missing()
}

func (g *guess) stateRank(i int) int {
	m, e := g.meant[i], g.cells[i]
	return g.fuller(i, rankIf(m.field == state && (m.rank == own || e.states()), m.rank))
}

func (g *guess) stateWhy(i int) string {
	e := g.cells[i]
	why := g.called(i)
	if len(e.order) > 0 {
		why += ": " + e.tally()
	}
	if !e.states() {
		why += "; not all are states, want " + stateWords
	}
	return why + e.missing()
}

// mostGroups are as many as a person may want to write something under.
const mostGroups = 50

func (g *guess) groupRank(i int) int {
	m, e := g.meant[i], g.cells[i]
	return g.fuller(i, rankIf(m.field == group && (m.rank == own || e.words != nil && len(e.order) <= mostGroups), m.rank))
}

func (g *guess) groupWhy(i int) string {
	e := g.cells[i]
	why := g.called(i)
	switch {
	case e.words == nil:
		why += fmt.Sprintf("; more than %d groups, which must be declared", mostWords)
	case len(e.order) > 0:
		why += "; " + fleet.Count(len(e.order), "group") + ", declared below"
	}
	return why + e.missing()
}

// unknown says why a column was taken for nothing, and what can be done.
func (g *guess) unknown(i int) string {
	e, m := g.cells[i], g.meant[i]
	switch {
	case isSecretive(g.names[i]):
		return "not read, and not shown: it may hold secrets"
	case e.damaged > 0 && e.damaged*2 >= e.filled:
		return "such as " + fleet.Quote(e.damage) + ": were these card numbers? A spreadsheet damaged them; take them from the source again, as text"
	case m.field == iccid:
		return "called like a card number, but its cells are none, " + e.suchAs()
	case m.field == state:
		return "called like a state, but its words are others, " + e.wordsOf() + "; to use it, write " + stateWords + " in their place"
	case m.field == group:
		return "called like a group, but has too many, " + e.suchAs()
	case m.field == endpointName:
		return "called like a name, but " + e.lack() + g.together(i)
	case isFieldless(g.names[i]):
		return "no field takes this"
	case e.filled > 0 && e.states():
		return "its words are states: " + e.tally() + "; if they are wanted, give them to state"
	}
	return "not understood, " + e.suchAs()
}

// together is how a column that names no row alone does with the one that does.
func (g *guess) together(i int) string {
	name := g.column(endpointName)
	if name < 0 || g.cells[i].filled < g.cells[i].rows || g.cells[i].rows == 0 {
		return ""
	}
	return "; with another it makes one: " + fleet.Quote("{{"+g.names[i]+"}}-{{"+g.names[name]+"}}")
}
