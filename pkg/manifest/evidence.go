package manifest

import (
	"errors"
	"fmt"
	"hash/maphash"
	"regexp"
	"strconv"
	"strings"

	"sftctl/pkg/fleet"
)

// The bounds of what is remembered of the cells of a column.
const (
	mostWords     = 200      // different values that are counted one by one
	longestWord   = 100      // bytes of one
	mostSamples   = 3        // that are shown
	mostDifferent = 16 << 20 // different values of all columns together
	fewRows       = 1000     // after which a column that repeats itself is given up
)

// evidence is what the cells of one column show.
type evidence struct {
	rows, filled int
	ids          *regexp.Regexp // how ids of the column's field look, nil where it does not matter
	idLike       int            // cells that look so
	cards        int            // cells that are card numbers
	wishes       int            // cells that take a SIM off, or one from stock
	damaged      int            // cells that were card numbers before a spreadsheet had them
	damage       string         // one of them
	running      bool           // the cells count the rows
	words        map[string]int // how often each value is there; nil when they are too many
	order        []string       // of the words
	samples      []string
	seen         map[uint64]struct{} // the values in the form in which names are compared; nil when given up
	repeats      int                 // cells whose value was there before
	repeated     string              // one of those
}

// witness looks at the cells of all columns.
type witness struct {
	seed maphash.Seed
	room int // for further different values
}

func newEvidence(m meaning) *evidence {
	return &evidence{ids: idForms[family(m.field)], words: map[string]int{}, seen: map[uint64]struct{}{}, running: true}
}

// add looks at the next cell of a column.
func (w *witness) add(e *evidence, cell string) {
	e.rows++
	e.running = e.running && (cell == strconv.Itoa(e.rows) || cell == strconv.Itoa(e.rows-1))
	text := strings.TrimSpace(cell)
	if text == "" {
		return
	}
	e.filled++
	e.addWord(text)
	e.addCard(text)
	if e.ids != nil && e.ids.MatchString(text) {
		e.idLike++
	}
	w.compare(e, text)
}

func (e *evidence) addWord(text string) {
	if e.words == nil {
		return
	}
	n, known := e.words[text]
	switch {
	case known:
		e.words[text] = n + 1
		return
	case len(e.samples) < mostSamples:
		e.samples = append(e.samples, strings.Clone(text))
	}
	if len(e.words) == mostWords || len(text) > longestWord {
		e.words, e.order = nil, nil
		return
	}
	text = strings.Clone(text) // the record that it is a part of can go
	e.words[text] = 1
	e.order = append(e.order, text)
}

// addCard looks for card numbers; what cannot be one, nor have been one, is not
// taken apart.
func (e *evidence) addCard(text string) {
	if text == clearWord || strings.EqualFold(text, autoWord) {
		e.wishes++
		return
	}
	first := text[0]
	if first != '\'' && first != '=' && (first < '0' || first > '9') || len(text) < len("8,9E+18") {
		return
	}
	if len(text) < 18 && !strings.ContainsAny(text, "eE") {
		return
	}
	_, err := fleet.ParseICCID(text)
	var problem *fleet.ICCIDProblem
	switch {
	case err == nil:
		e.cards++
	case errors.As(err, &problem) && problem.Spreadsheet && wasCard(text):
		if e.damaged++; e.damage == "" {
			e.damage = strings.Clone(text)
		}
	}
}

// wasCard says whether what a spreadsheet damaged had as many digits as a card
// number. Many short things look like powers of ten.
func wasCard(text string) bool {
	return !strings.ContainsAny(text, "eE") || strings.HasSuffix(text, "18") || strings.HasSuffix(text, "19")
}

// compare looks for values that are there already, until it is clear that the
// column is full of them.
func (w *witness) compare(e *evidence, text string) {
	if e.seen == nil {
		return
	}
	key := maphash.String(w.seed, fleet.NameKey(text))
	if _, known := e.seen[key]; !known {
		e.seen[key] = struct{}{}
		w.room--
	} else if e.repeats++; e.repeated == "" {
		e.repeated = strings.Clone(text)
	}
	if w.room <= 0 || e.rows > fewRows && e.repeats > e.rows/10 {
		w.room += len(e.seen)
		e.seen = nil
	}
}

// unique says whether every row has a value of its own.
func (e *evidence) unique() bool {
	return e.rows > 0 && e.filled == e.rows && e.repeats == 0 && e.seen != nil
}

// nearly says whether so few rows lack a value of their own that those are
// mistakes.
func (e *evidence) nearly() bool {
	return e.seen != nil && e.filled > 2 && e.repeats+e.rows-e.filled <= max(1, e.rows/20)
}

// holdsCards says whether the cells are card numbers, whatever the column is
// called.
func (e *evidence) holdsCards() bool { return e.cards > 0 && e.cards*10 >= (e.filled-e.wishes)*9 }

// heldCards says whether most of the cells are, or were, card numbers.
func (e *evidence) heldCards() bool {
	return e.filled > 0 && (e.cards+e.damaged+e.wishes)*2 >= e.filled
}

// states says whether all cells are words for states.
func (e *evidence) states() bool {
	for _, word := range e.order {
		if _, ok := stateOf(word); !ok {
			return false
		}
	}
	return e.words != nil
}

// looksLikeIDs says whether all cells look like ids of the platform.
func (e *evidence) looksLikeIDs() bool { return e.filled > 0 && e.idLike == e.filled }

// tally lists the words with their number, the first of them.
func (e *evidence) tally() string {
	const most = 5
	var parts []string
	for _, word := range e.order[:min(most, len(e.order))] {
		parts = append(parts, fmt.Sprintf("%s %s", fleet.Quote(word), fleet.Number(e.words[word])))
	}
	return andMore(strings.Join(parts, ", "), len(e.order)-most)
}

func andMore(text string, more int) string {
	if more > 0 {
		return fmt.Sprintf("%s and %s more", text, fleet.Number(more))
	}
	return text
}

// suchAs shows some values.
func (e *evidence) suchAs() string {
	if len(e.samples) == 0 {
		return "every cell is empty"
	}
	shown := make([]string, len(e.samples))
	for i, s := range e.samples {
		shown[i] = fleet.Quote(s)
	}
	return "such as " + strings.Join(shown, ", ")
}

// lack says in what the cells do not identify rows, empty when they do.
func (e *evidence) lack() string {
	empty := e.rows - e.filled
	switch {
	case e.rows == 0 || e.filled == 0:
		return "every cell is empty"
	case e.repeats == 0 && e.seen == nil:
		return "it is not known whether its values repeat"
	case e.repeats > 0 && empty > 0:
		return fmt.Sprintf("%s is there more than once, and %s", fleet.Quote(e.repeated), without(empty))
	case e.repeats > 0:
		return fmt.Sprintf("%s is there more than once", fleet.Quote(e.repeated))
	case empty > 0:
		return without(empty)
	}
	return ""
}

// without says that some rows have no value.
func without(rows int) string {
	if rows == 1 {
		return "1 row has none"
	}
	return fleet.Count(rows, "row") + " have none"
}

// missing says how many rows lack a value, where some do, to be put after a reason.
func (e *evidence) missing() string {
	switch empty := e.rows - e.filled; {
	case empty == 0:
		return ""
	case e.filled == 0:
		return "; every cell is empty"
	default:
		return "; " + without(empty)
	}
}

// wordsOf are the words of the cells, or some of them where they are too many.
func (e *evidence) wordsOf() string {
	if e.words == nil {
		return e.suchAs()
	}
	return e.tally()
}
