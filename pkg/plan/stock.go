package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// A row that says iccid auto takes a card from stock. Which one is chosen when all
// tasks have their steps: only then it is known who links one at all, and the link
// has no number until then. The choice is kept in the task's spec. Whoever plans
// that again, as it is done before a saved plan is applied, gets this card or none.

func fromStock(iccid fleet.ICCID) string { return fmt.Sprintf("SIM %s, from stock", iccid) }

// taker is a task that links a card from stock.
type taker struct {
	*Task
	link int // the step
	from *shelf
}

// shelf are the free cards that fit a product.
type shelf struct {
	product string
	cards   []fleet.ICCID // not given away yet, in the order in which they are
	wanted  int
	missing int
	refusal string // why none is chosen
}

// stock is the account's free cards, and who got which.
type stock struct {
	*builder
	free    []fleet.SIM
	shelves map[fleet.ID]*shelf
	given   map[fleet.ICCID]bool
}

// takeFromStock gives cards to the rows that take one from stock, by their names:
// neither the order of the rows nor that of the listing matters.
func (b *builder) takeFromStock(want *fleet.Fleet) {
	if !b.auto.Load() {
		return // what follows costs, and most fleets have no such rows
	}
	takers := b.takers()
	if len(takers) == 0 {
		return
	}
	takers = slices.DeleteFunc(takers, b.attachedAlready())
	s := &stock{b, b.freeCards(want), map[fleet.ID]*shelf{}, map[fleet.ICCID]bool{}}
	var short []*taker
	for i := range takers {
		if t := &takers[i]; !s.serve(t) {
			short = append(short, t)
		}
	}
	for _, t := range short { // how many are missing is known now
		t.goWithout(t.from.why())
	}
}

// takers are the tasks that link a card which is not chosen yet, by name.
func (b *builder) takers() (all []taker) {
	for i := range b.tasks[:b.rows] {
		t := &b.tasks[i]
		if len(t.Steps) == 0 || !t.Spec.AutoSIM {
			continue
		}
		if k := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Action == fleet.Link && s.Set.ICCID == "" }); k >= 0 {
			all = append(all, taker{Task: t, link: k})
		}
	}
	slices.SortFunc(all, func(x, y taker) int {
		return cmp.Or(cmp.Compare(fleet.NameKey(x.Label()), fleet.NameKey(y.Label())), cmp.Compare(x.id(), y.id()))
	})
	return all
}

func (t *Task) id() fleet.ID {
	if t.Before == nil {
		return ""
	}
	return t.Before.ID
}

// attachedAlready refuses tasks of endpoints that report no card, while some card
// reports the endpoint: one of the two listings lags, and a card is never swapped
// for one from stock.
func (b *builder) attachedAlready() func(taker) bool {
	holds := map[fleet.ID]fleet.ICCID{}
	for _, sim := range b.have.SIMs {
		if sim.EndpointID != "" {
			holds[sim.EndpointID] = sim.ICCID
		}
	}
	return func(t taker) bool {
		card, attached := holds[t.id()]
		if attached {
			t.goWithout(fmt.Sprintf("SIM %s is linked to it by the listing of the SIMs, and none by that of the endpoints; plan again when they agree", card))
		}
		return attached
	}
}

// freeCards are the cards that nobody has and no row names. Those that say their
// product come first, so that the others are left for rows that find none.
func (b *builder) freeCards(want *fleet.Fleet) (free []fleet.SIM) {
	named := b.namedCards(want)
	for _, sim := range b.have.SIMs {
		if sim.Status != fleet.SIMReady || named[sim.ICCID.Key()] || !isNumber(sim.ICCID) {
			continue
		}
		if _, holder := b.holder(sim); holder == "" {
			free = append(free, sim)
		}
	}
	slices.SortFunc(free, func(x, y fleet.SIM) int {
		if silent := (x.Product == "") != (y.Product == ""); silent {
			return cmp.Compare(y.Product, x.Product)
		}
		return cmp.Compare(x.ICCID, y.ICCID)
	})
	return free
}

// isNumber says whether a card's number is one at all, and not some remark in its
// place. Its check digit is the platform's matter.
func isNumber(iccid fleet.ICCID) bool {
	_, err := fleet.ParseICCID(string(iccid))
	var problem *fleet.ICCIDProblem
	return err == nil || errors.As(err, &problem) && problem.Sum
}

// namedCards are those that a row names, chosen or not, or a call of an earlier run
// that is in doubt.
func (b *builder) namedCards(want *fleet.Fleet) map[string]bool {
	named := map[string]bool{}
	for i := range want.Specs {
		named[want.Specs[i].ICCID.Key()] = true
	}
	for _, card := range want.Reserved {
		named[card.Key()] = true
	}
	for _, d := range b.doubts {
		named[d.ICCID.Key()] = true
	}
	return named
}

// serve gives a task a card, if there is one.
func (s *stock) serve(t *taker) bool {
	t.from = s.shelf(t.product())
	t.from.wanted++
	card, ok := s.next(t.from)
	if !ok {
		t.from.missing++
		return false
	}
	chosen := *t.Spec
	chosen.ICCID = card
	t.Spec = &chosen
	t.Steps[t.link].Set.ICCID, t.Steps[t.link].Reason = card, fromStock(card)
	return true
}

// next takes the next card off a shelf that is not given away already, from another
// shelf that it fits as well.
func (s *stock) next(from *shelf) (fleet.ICCID, bool) {
	for from.refusal == "" && len(from.cards) > 0 {
		card := from.cards[0]
		from.cards = from.cards[1:]
		if !s.given[card] {
			s.given[card] = true
			return card, true
		}
	}
	return "", false
}

// shelf finds the cards of a product. Where the product is not known, any card will
// do if all are of one.
func (s *stock) shelf(product fleet.ID) *shelf {
	if s.shelves[product] != nil {
		return s.shelves[product]
	}
	f, kinds := &shelf{}, map[string]bool{}
	s.shelves[product] = f
	for _, sim := range s.free {
		if s.fits(sim, product) {
			f.cards = append(f.cards, sim.ICCID)
			kinds[sim.Product] = true
		}
	}
	name, known := s.opts.Products[product]
	switch {
	case !s.have.HasSIMs:
		f.refusal = "the SIMs of the account were not listed, so none is chosen from stock; give an iccid"
	case known:
		f.product = fmt.Sprintf(" of product %s (simProductId %s)", fleet.Quote(name), product)
	case len(kinds) > 1:
		f.refusal = "which SIM product it needs is not known, and the free SIMs are of several, " + quoted(slices.Sorted(maps.Keys(kinds))) + "; give an iccid"
	}
	return f
}

func quoted(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = fleet.Quote(text)
	}
	return strings.Join(all, ", ")
}

// why says why a row gets no card off the shelf.
func (f *shelf) why() string {
	if f.refusal != "" {
		return f.refusal
	}
	return fmt.Sprintf("no free SIM%s is left for it: %s wanted from stock, %s free, %s missing; order cards, or give an iccid",
		f.product, fleet.Number(f.wanted), fleet.Number(f.wanted-f.missing), fleet.Number(f.missing))
}

// goWithout refuses the link and what comes after it; a new endpoint is made as it
// shall be, or not at all.
func (t *taker) goWithout(why string) {
	t.Steps = t.Steps[:t.link]
	if t.link == 0 || t.Before == nil {
		t.Steps = nil
	}
	t.refuse("%s", why)
}
