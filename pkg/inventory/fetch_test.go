package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
)

// shop is a lister over a fixed number of endpoints, with the manners and bad
// manners of paging.
type shop struct {
	rows     int
	most     int  // rows on a page, whatever is asked for
	total    bool // says totalCount
	pages    bool // says totalNoOfPages
	ignores  bool // gives everything whatever page is asked for
	stuck    int  // gives only so many rows, whatever page is asked for
	endless  bool // never an empty page: fresh rows for ever
	before   func(s *shop, call int)
	calls    int
	fail     error
	promised int  // added to every total
	asked    bool // counts pages of the size that was asked for, whatever it gives
}

func (s *shop) Page(_ context.Context, q fleet.Query) (fleet.Page, error) {
	s.calls++
	if s.before != nil {
		s.before(s, s.calls)
	}
	if s.fail != nil {
		return fleet.Page{}, s.fail
	}
	from, to := 0, s.rows
	per := q.PerPage
	if s.most > 0 {
		per = min(per, s.most)
	}
	switch {
	case q.Page == 0 || s.ignores:
	case s.stuck > 0:
		to = s.stuck
	case s.endless:
		from, to = (q.Page-1)*per, q.Page*per
	default:
		from, to = min((q.Page-1)*per, s.rows), min(q.Page*per, s.rows)
	}
	p := fleet.Page{Total: -1}
	for i := from; i < to; i++ {
		p.Endpoints = append(p.Endpoints, fleet.Endpoint{ID: fleet.ID(fmt.Sprint(1000 + i)), Fields: fleet.Fields{Name: fmt.Sprint("n", i)}})
	}
	if s.total {
		p.Total = s.rows + s.promised
	}
	if s.asked {
		per = q.PerPage
	}
	if s.pages {
		p.Pages = (s.rows + s.promised + per - 1) / per
	}
	return p, nil
}

// Whatever the page size, the cap and the totals: a listing is whole or refused.
func TestAListingIsWholeOrRefused(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &shop{
			rows:  rapid.IntRange(0, 60).Draw(rt, "rows"),
			most:  rapid.IntRange(1, 20).Draw(rt, "cap"),
			total: rapid.Bool().Draw(rt, "total"),
			pages: rapid.Bool().Draw(rt, "pages"),
			asked: rapid.Bool().Draw(rt, "counts pages as asked"),
		}
		s.asked = s.asked && !s.total // a platform that contradicts itself is refused, which is another test
		inv, err := Fetch(context.Background(), s, Options{PerPage: rapid.IntRange(1, 30).Draw(rt, "ask")})
		if err != nil {
			rt.Fatalf("an honest platform was refused: %v", err)
		}
		if len(inv.Endpoints) != s.rows {
			rt.Fatalf("got %d rows, want %d", len(inv.Endpoints), s.rows)
		}
	})
}

func TestDoubtfulListingsAreRefused(t *testing.T) {
	tests := []struct {
		name string
		shop shop
		want string
	}{
		{"paging ignored, likely a full page", shop{rows: 250, ignores: true}, "may be a full page"},
		{"the first page for ever", shop{rows: 500, stuck: 250}, "may be a full page"},
		{"the first page for ever, an odd number", shop{rows: 500, stuck: 7, pages: true}, "repeats earlier rows"},
		{"fewer rows than promised", shop{rows: 60, most: 20, total: true, promised: 5}, "were promised"},
		{"more rows than promised", shop{rows: 60, most: 20, total: true, promised: -5}, "were promised"},
		{"fewer pages than promised", shop{rows: 60, most: 20, pages: true, promised: 100}, "were promised"},
		{"a row goes away between pages", shop{rows: 100, most: 10, total: true, before: func(s *shop, call int) { s.rows = 101 - call }}, "changed while it was read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Fetch(t.Context(), &tt.shop, Options{})
			if !errors.Is(err, fleet.ErrIncomplete) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %v that says %q", err, fleet.ErrIncomplete, tt.want)
			}
			if tt.shop.calls > 40 {
				t.Errorf("got %d calls", tt.shop.calls)
			}
		})
	}
}

func TestListingsThatIgnorePagingAndAreWhole(t *testing.T) {
	for _, s := range []shop{{rows: 7, ignores: true}, {rows: 7, ignores: true, total: true}, {rows: 251, ignores: true}, {rows: 0, ignores: true}} {
		inv, err := Fetch(t.Context(), &s, Options{})
		if err != nil || len(inv.Endpoints) != s.rows {
			t.Errorf("%d rows: got %v, %v", s.rows, inv, err)
		}
	}
	s := shop{rows: 250, ignores: true}
	if inv, err := Fetch(t.Context(), &s, Options{Unpaged: true}); err != nil || len(inv.Endpoints) != 250 || s.calls != 1 {
		t.Errorf("unpaged: got %v after %d calls, %v", inv, s.calls, err)
	}
}

// A change between pages is read again, and the second reading counts.
func TestAListingThatSettlesIsReadAgain(t *testing.T) {
	s := shop{rows: 100, most: 10, total: true, before: func(s *shop, call int) {
		if call == 4 {
			s.rows = 99
		}
	}}
	inv, err := Fetch(t.Context(), &s, Options{})
	if err != nil || len(inv.Endpoints) != 99 {
		t.Errorf("got %v, %v", inv, err)
	}
}

func TestAFailedPageIsNoEnd(t *testing.T) {
	lost := errors.New("lost")
	s := shop{rows: 100, most: 10, before: func(s *shop, call int) {
		if call == 3 {
			s.fail = lost
		}
	}}
	if _, err := Fetch(t.Context(), &s, Options{}); !errors.Is(err, lost) || !strings.Contains(err.Error(), "page 3") {
		t.Errorf("got %v", err)
	}
}

func TestNewRefusesWhatContradictsItself(t *testing.T) {
	if _, err := New([]fleet.Endpoint{{ID: "1"}, {ID: "1"}}, nil, false); err == nil {
		t.Error("two endpoints with one id: got no error")
	}
	if _, err := New(nil, []fleet.SIM{{ICCID: "8932042000001234562"}, {ICCID: "8932042000001234562"}}, true); err == nil {
		t.Error("one card twice: got no error")
	}
}

func TestLookUps(t *testing.T) {
	name := fleet.Fieldset(fleet.FieldName)
	inv, err := New([]fleet.Endpoint{
		{ID: "1", Fields: fleet.Fields{Name: "Zürich"}, Reported: name}, // composed
		{ID: "2", Fields: fleet.Fields{Name: " Zu\u0308rich "}, Reported: name},
		{ID: "3", Fields: fleet.Fields{Name: "b"}, Reported: name},
		{ID: "4", Fields: fleet.Fields{Name: "Zürich"}, Reported: name},
	}, []fleet.SIM{{ICCID: fleet.WithCheckDigit("8932042000001234562"), EndpointID: "3", Attached: true}}, true)
	if err != nil {
		t.Fatal(err)
	}
	first, others := inv.ByName("Zürich")
	if first == nil || first.ID != "1" || len(others) != 2 || others[0].ID != "2" || others[1].ID != "4" {
		t.Errorf("by name: got %v and %v", first, others)
	}
	if e, ok := inv.ByID("3"); !ok || e.ICCID == "" || !e.Reported.Has(fleet.FieldICCID) {
		t.Errorf("the SIM of an endpoint that does not report it: got %v", e)
	}
	if e, others := inv.ByICCID("8932042000001234562"); e == nil || e.ID != "3" || others != nil { // without the 20th digit
		t.Errorf("by iccid: got %v", e)
	}
	if e, ok := inv.ByID("1"); !ok || e.ICCID != "" || !e.Reported.Has(fleet.FieldICCID) {
		t.Errorf("an endpoint that no card names: got %v", e)
	}
	if e, _ := inv.ByName("nobody"); e != nil {
		t.Errorf("got %v for a name that is not there", e)
	}
}

func TestAnAttachedCardThatDoesNotSayToWhatLeavesDoubt(t *testing.T) {
	inv, err := New([]fleet.Endpoint{{ID: "1"}}, []fleet.SIM{{ICCID: "8932042000001234562", Attached: true}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if inv.Endpoints[0].Reported.Has(fleet.FieldICCID) {
		t.Error("the endpoint is taken to have no SIM, which nothing proves")
	}
}

// What an endpoint does not report is filled in from the card that is linked to it,
// and from nothing else.
func TestWhatTheSIMTells(t *testing.T) {
	const card, other = fleet.ICCID("8932042000001234562"), fleet.ICCID("8932042000001234570")
	name, withICCID := fleet.Fieldset(fleet.FieldName), fleet.Fieldset(fleet.FieldName, fleet.FieldICCID)
	on := func(iccid fleet.ICCID, status fleet.SIMStatus) fleet.SIM {
		return fleet.SIM{ICCID: iccid, Status: status, EndpointID: "1", Attached: true}
	}
	tests := []struct {
		name     string
		endpoint fleet.Endpoint
		sims     []fleet.SIM
		iccid    fleet.ICCID
		status   fleet.Status
		reported fleet.FieldSet
	}{
		{"nothing but its name", fleet.Endpoint{Reported: name}, []fleet.SIM{on(card, fleet.SIMSuspended)}, card, fleet.StatusSuspended, withICCID | fleet.Fieldset(fleet.FieldStatus)},
		{"its card", fleet.Endpoint{Fields: fleet.Fields{ICCID: card}, Reported: withICCID}, []fleet.SIM{on(card, fleet.SIMActive)}, card, fleet.StatusActive, withICCID | fleet.Fieldset(fleet.FieldStatus)},
		{"its state", fleet.Endpoint{Status: fleet.StatusHold, Reported: name | fleet.Fieldset(fleet.FieldStatus)}, []fleet.SIM{on(card, fleet.SIMActive)}, card, fleet.StatusHold, withICCID | fleet.Fieldset(fleet.FieldStatus)},
		{"all", fleet.Endpoint{Fields: fleet.Fields{ICCID: card}, Status: fleet.StatusHold, Reported: withICCID | fleet.Fieldset(fleet.FieldStatus)}, []fleet.SIM{on(card, fleet.SIMActive)}, card, fleet.StatusHold, withICCID | fleet.Fieldset(fleet.FieldStatus)},
		{"its card, and another says to be its own", fleet.Endpoint{Fields: fleet.Fields{ICCID: other}, Reported: withICCID}, []fleet.SIM{on(card, fleet.SIMActive)}, other, "", withICCID},
		{"that it has no card, and one says otherwise", fleet.Endpoint{Reported: withICCID}, []fleet.SIM{on(card, fleet.SIMActive)}, "", "", withICCID},
		{"nothing, and two cards name it", fleet.Endpoint{Reported: name}, []fleet.SIM{on(card, fleet.SIMActive), on(other, fleet.SIMActive)}, "", "", name},
		{"nothing, and three cards name it", fleet.Endpoint{Reported: name}, []fleet.SIM{on(card, fleet.SIMActive), on(other, fleet.SIMActive), on(fleet.WithCheckDigit("893204200000200000"), fleet.SIMActive)}, "", "", name},
		{"nothing, and its card does not say its state", fleet.Endpoint{Reported: name}, []fleet.SIM{on(card, "")}, card, "", withICCID},
		{"nothing, and its card says that it is free", fleet.Endpoint{Reported: name}, []fleet.SIM{on(card, fleet.SIMReady)}, card, "", withICCID},
		{"nothing, and no card names it", fleet.Endpoint{Reported: name}, []fleet.SIM{{ICCID: card, Status: fleet.SIMReady}}, "", "", withICCID},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.endpoint.ID = "1"
			inv, err := New([]fleet.Endpoint{tt.endpoint}, tt.sims, true)
			if err != nil {
				t.Fatal(err)
			}
			if e := inv.Endpoints[0]; e.ICCID != tt.iccid || e.Status != tt.status || e.Reported != tt.reported {
				t.Errorf("got %q, %q of what is reported (%s), want %q, %q (%s)", e.ICCID, e.Status, e.Reported, tt.iccid, tt.status, tt.reported)
			}
		})
	}
}

// quiet is a lister whose endpoints report what it says, with one card each.
type quiet struct {
	reported fleet.FieldSet
	asked    []fleet.List
}

func (q *quiet) Page(_ context.Context, ask fleet.Query) (fleet.Page, error) {
	q.asked = append(q.asked, ask.List)
	if ask.List == fleet.SIMs {
		return fleet.Page{Total: 1, SIMs: []fleet.SIM{{ICCID: "8932042000001234562", EndpointID: "1", Status: fleet.SIMActive}}}, nil
	}
	return fleet.Page{Total: 1, Endpoints: []fleet.Endpoint{{ID: "1", Reported: q.reported}}}, nil
}

// The stock costs pages: it is read to fill in only where something is missing.
func TestTheStockIsReadToFillInOnlyWhatIsMissing(t *testing.T) {
	both := fleet.Fieldset(fleet.FieldICCID, fleet.FieldStatus)
	for _, tt := range []struct {
		reported fleet.FieldSet
		fill     bool
		want     string
	}{
		{both, true, "[endpoints]"}, {0, false, "[endpoints]"}, {0, true, "[endpoints sims]"},
		{fleet.Fieldset(fleet.FieldICCID), true, "[endpoints sims]"}, {fleet.Fieldset(fleet.FieldStatus), true, "[endpoints sims]"},
	} {
		on := &quiet{reported: tt.reported}
		inv, err := Fetch(t.Context(), on, Options{Fill: tt.fill})
		if err != nil || fmt.Sprint(on.asked) != tt.want || inv.HasSIMs != (tt.want != "[endpoints]") || inv.Pages != len(on.asked) {
			t.Errorf("%s, %t: got %v in %v, %v, want %s", tt.reported, tt.fill, inv, on.asked, err, tt.want)
		}
	}
}

// A listing that brings new rows for ever is given up before it fills the memory.
func TestAListingWithoutEndIsGivenUp(t *testing.T) {
	s := &shop{endless: true}
	_, err := Fetch(t.Context(), s, Options{PerPage: 50_000})
	if !errors.Is(err, fleet.ErrIncomplete) || s.calls != maxRows/50_000+1 {
		t.Errorf("got %v after %d pages", err, s.calls)
	}
}

// blink is a lister that looks empty once, or leaves one endpoint out for good.
type blink struct {
	shop
	first  bool
	hidden fleet.ID
}

func (b *blink) Page(ctx context.Context, q fleet.Query) (fleet.Page, error) {
	if q.List == fleet.SIMs {
		return fleet.Page{Total: 2, SIMs: []fleet.SIM{{ICCID: "8932042000001234562", EndpointID: "1001"}, {ICCID: "8932042000001234570", EndpointID: "9999"}}}, nil
	}
	if q.ID != "" {
		p := fleet.Page{Total: -1}
		if q.ID == "1001" {
			p.Endpoints = []fleet.Endpoint{{ID: q.ID}}
		}
		return p, nil
	}
	if b.first {
		b.first = false
		return fleet.Page{Total: -1}, nil
	}
	p, err := b.shop.Page(ctx, q)
	p.Endpoints = slices.DeleteFunc(p.Endpoints, func(e fleet.Endpoint) bool { return e.ID == b.hidden })
	p.Total = -1
	return p, err
}

func TestOneEmptyAnswerIsNoEmptyAccount(t *testing.T) {
	inv, err := Fetch(t.Context(), &blink{shop: shop{rows: 5, most: 3}, first: true}, Options{})
	if err != nil || len(inv.Endpoints) != 5 {
		t.Errorf("got %v, %v, want 5 endpoints", inv, err)
	}
}

// A card that names an endpoint shows whether the listing left it out; a card
// that names one that does not exist proves nothing.
func TestTheTwoListingsAreHeldAgainstEachOther(t *testing.T) {
	if _, err := Fetch(t.Context(), &blink{shop: shop{rows: 5, most: 3}}, Options{SIMs: true}); err != nil {
		t.Errorf("got %v", err)
	}
	_, err := Fetch(t.Context(), &blink{shop: shop{rows: 5, most: 3}, hidden: "1001"}, Options{SIMs: true})
	if !errors.Is(err, fleet.ErrIncomplete) || !strings.Contains(err.Error(), "endpoint 1001 is live and is not in it") {
		t.Errorf("got %v", err)
	}
}
