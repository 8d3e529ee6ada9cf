package manifest

import (
	"fmt"

	"sftctl/pkg/fleet"
)

// decideCard decides which column has the numbers of the cards: one that is
// called so and has them, else the only one that has them, else one that is
// called so and had them before a spreadsheet damaged them.
func (g *guess) decideCard() { g.choose(iccid, g.cardRank, g.cardWhy) }

func (g *guess) cardRank(i int) int {
	m, e := g.meant[i], g.cells[i]
	called := m.field == iccid
	switch {
	case called && m.rank == own:
		return own
	case m.rank == own || isSecretive(g.names[i]):
		return unranked
	case called && e.holdsCards():
		return m.rank
	case e.holdsCards():
		return perhaps
	case called && e.heldCards():
		return unsaid
	}
	return rankIf(called && e.filled == 0, noMeaning)
}

func (g *guess) cardWhy(i int) string {
	e := g.cells[i]
	why := "by its cells"
	if g.meant[i].field == iccid {
		why = g.called(i)
	}
	switch {
	case e.filled > 0 && e.cards == e.filled:
		why += "; every one is a card number"
	case e.filled > 0:
		why += fmt.Sprintf("; %s of %s are card numbers", fleet.Number(e.cards), fleet.Number(e.filled))
	}
	if e.damaged > 0 {
		why += fmt.Sprintf("; %s damaged by a spreadsheet, such as %s: take %s from the source again, as text",
			fleet.Number(e.damaged), fleet.Quote(e.damage), them(e.damaged))
	}
	return why + e.missing()
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// decideName decides which column names the endpoints.
func (g *guess) decideName() { g.choose(endpointName, g.nameRank, g.nameWhy) }

// nameRank puts what is called a name before what tells things apart, and that
// before what only has another value in every row. A name may repeat where that
// must be a mistake; anything else that repeats names nothing.
func (g *guess) nameRank(i int) int {
	const spare = noMeaning + 1 // where nothing better is to be had
	m, e := g.meant[i], g.cells[i]
	called := m.field == endpointName
	switch {
	case called && m.rank == own:
		return own
	case called && e.filled == 0:
		return spare + m.rank
	case called && m.rank < perhaps && (e.unique() || e.nearly()):
		return m.rank
	case called && m.rank == perhaps && e.unique() && !e.running:
		return perhaps
	case called:
		return rankIf(e.unique() || e.nearly(), spare)
	}
	return rankIf(g.tellsApart(i), unsaid)
}

// tellsApart says whether a column with a name that says nothing could name
// endpoints by its cells alone.
func (g *guess) tellsApart(i int) bool {
	e, name := g.cells[i], g.names[i]
	return g.meant[i].rank == noMeaning && e.rows > 1 && e.unique() && !e.running && e.cards+e.damaged == 0 && !isFieldless(name) && !isSecretive(name)
}

func (g *guess) nameWhy(i int) string {
	e := g.cells[i]
	why := g.called(i)
	switch lack := e.lack(); {
	case e.rows == 0:
	case lack == "":
		why += "; every row has another one"
	default:
		why += ", but " + lack
	}
	if e.running && e.rows > 1 {
		why += "; it counts the rows, and a row between two gives others a new name"
	}
	return why
}

// key is what identifies a row.
func (g *guess) key() fleet.Key {
	if g.column(endpointName) < 0 && g.column(endpointID) < 0 && g.column(iccid) >= 0 {
		return fleet.ByICCID
	}
	return fleet.ByName
}
