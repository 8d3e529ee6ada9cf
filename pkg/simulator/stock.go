package simulator

import (
	"strings"

	"sftctl/pkg/fleet"
)

// Stock is what a platform begins with.
type Stock struct {
	Catalogue Catalogue
	SIMs      []Card
	// Endpoints are there before anybody logs in. One that has an ICCID is
	// linked to that SIM; an empty ID is given by the platform, an empty
	// status is Active with a SIM and Pre-Active without.
	Endpoints []fleet.Endpoint
}

// Card is a SIM that the account owns.
type Card struct {
	ICCID   fleet.ICCID
	Product fleet.ID // of the catalogue's SIMProducts
}

// BuiltInStock is a small catalogue with 250 SIMs, which is one page: 200
// of product 7 and 50 of product 8.
func BuiltInStock() Stock {
	return Stock{
		Catalogue: Catalogue{
			Plans:           []fleet.Entry{{ID: "100234", Name: "IoT Basic"}, {ID: "100300", Name: "IoT Plus"}, {ID: "100400", Name: "IoT Global"}},
			ServiceProfiles: []fleet.Entry{{ID: "SP_1249", Name: "Default data"}, {ID: "SP_1300", Name: "Data and SMS"}},
			APNGroups:       []fleet.Entry{{ID: "PDP_12", Name: "iot.bics"}, {ID: "PDP_20", Name: "private.apn"}},
			SIMProducts:     []fleet.Entry{{ID: "7", Name: "MFF2 industrial"}, {ID: "8", Name: "2FF/3FF/4FF card"}},
			RoamingProfiles: []fleet.Entry{{ID: "1201", Name: "DEFAULT"}, {ID: "1202", Name: "Europe"}},
		},
		SIMs: append(Range("893204200000123400", 200, "7"), Range("893204200000200000", 50, "8")...),
	}
}

// Range makes cards with numbers that follow each other. The first number is
// given without its check digit.
func Range(first string, count int, product fleet.ID) []Card {
	cards := make([]Card, 0, count)
	for digits := first; len(cards) < count; digits = next(digits) {
		cards = append(cards, Card{fleet.WithCheckDigit(digits), product})
	}
	return cards
}

// next adds one to a run of digits of any length; after the last number of
// that length comes zero.
func next(digits string) string {
	kept := strings.TrimRight(digits, "9")
	zeros := strings.Repeat("0", len(digits)-len(kept))
	if kept == "" {
		return zeros
	}
	return kept[:len(kept)-1] + string(kept[len(kept)-1]+1) + zeros
}

const firstID = 100000001

// restock begins anew with a stock.
func (s *Simulator) restock(stock Stock) {
	s.reset()
	s.cat = stock.Catalogue
	for _, c := range stock.SIMs {
		s.addCard(c)
	}
	for _, e := range stock.Endpoints {
		s.add(e)
	}
	s.lagBehind()
}

func (s *Simulator) reset() {
	s.live = newStore()
	s.seen, s.lagging, s.due = s.live, nil, nil
	s.bills, s.gone, s.nextID = map[fleet.ID]int{}, map[fleet.ID]string{}, firstID
}

// lagBehind parts what reads show from what is.
func (s *Simulator) lagBehind() {
	if s.set.lag > 0 {
		s.seen = s.live.clone()
	}
}
