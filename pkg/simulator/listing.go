package simulator

import (
	"net/url"
	"strconv"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// listing is the rows of a reply; only one kind of row is set.
type listing struct {
	endpoints []*endpoint
	cards     []*card
	entries   []fleet.Entry
	kind      catalogueKind
	plans     bool // as plan[].basicInfo
	networks  bool // with tadigList, as the collection gives roaming profiles (observed)
	pages     int  // -1 when not said
	total     int  // -1 when not said
}

// size is about how many bytes the rows take.
func (l *listing) size() int {
	if l == nil {
		return 0
	}
	return 330*len(l.endpoints) + 180*len(l.cards) + 80*len(l.entries)
}

// window is the part of a listing that is asked for.
type window struct {
	paged         bool
	page, perPage int
}

// windowOf reads page and perPage (documented for SIMs, assumed for
// endpoints): the first page is 1.
func (s *Simulator) windowOf(q url.Values) (window, string) {
	w := window{paged: q.Has("page") || q.Has("perPage"), page: 1, perPage: s.set.perPage}
	for _, p := range []struct {
		name string
		into *int
	}{{"page", &w.page}, {"perPage", &w.perPage}} {
		if !q.Has(p.name) {
			continue
		}
		n, err := strconv.Atoi(q.Get(p.name))
		if err != nil || n < 1 {
			return w, "invalid " + p.name + " " + q.Get(p.name) + ": want a number from 1"
		}
		*p.into = n
	}
	w.perPage = min(w.perPage, s.set.maxPage)
	return w, ""
}

// cut takes the window's rows out of all. A shift moves the window as rows
// that come or go before it would.
func cut[T any](rows []T, w window, shift int) ([]T, int, int) {
	if !w.paged {
		return rows, -1, -1
	}
	n := len(rows)
	from := n // a page that no int can hold is past the end
	if w.page-1 <= n/w.perPage {
		from = min(max((w.page-1)*w.perPage+shift, 0), n)
	}
	to := min(from+w.perPage, n)
	total := max(n-shift, 0)
	return rows[from:to], (total + w.perPage - 1) / w.perPage, total
}

// pageOf prepares the rows of a page with the settings and the call's effect.
func pageOf[T any](s *Simulator, c *call, rows []T) ([]T, *listing, string) {
	w, bad := s.windowOf(c.query)
	if bad != "" {
		return nil, nil, bad
	}
	if s.set.pagingIgnored || c.effect == PagingIgnored {
		w.paged = false
	}
	shift := 0
	switch c.effect {
	case RowMissed:
		shift = 1
	case RowRepeated:
		shift = -1
	}
	rows, pages, total := cut(rows, w, shift)
	if s.set.withoutTotals {
		pages, total = -1, -1
	}
	return rows, &listing{pages: pages, total: total}, ""
}

func got(l *listing) reply { return reply{outer: "0", inner: codeGot, text: "found", list: l} }

func noData() reply { return refuse(codeNoData, "no data available") }

func (s *Simulator) listEndpoints(c *call) reply {
	if c.route.speech == collection {
		return s.listCollection(c)
	}
	if id := fleet.ID(c.query.Get("endpointId")); id != "" {
		e := s.seen.endpoints[id]
		if e == nil {
			return noData()
		}
		return got(&listing{endpoints: []*endpoint{e}, pages: -1, total: -1})
	}
	return s.pageOfEndpoints(c)
}

func (s *Simulator) pageOfEndpoints(c *call) reply {
	rows, l, bad := pageOf(s, c, s.seen.order)
	if bad != "" {
		return refuse(codeInvalid, bad)
	}
	l.endpoints = rows
	return got(l)
}

func (s *Simulator) listSIMs(c *call) reply {
	rows, bad := s.chosenCards(c.query)
	if bad != "" {
		return refuse(codeInvalid, bad)
	}
	rows, l, bad := pageOf(s, c, rows)
	if bad != "" {
		return refuse(codeInvalid, bad)
	}
	l.cards = rows
	return got(l)
}

// chosenCards filters the stock: 12 is Pre-Active, 1 is attached (documented),
// 0 is not attached (assumed).
func (s *Simulator) chosenCards(q url.Values) ([]*card, string) {
	status, attach, iccid := q.Get("simStatusId"), q.Get("simAttachStatusId"), q.Get("iccid")
	switch {
	case status != "" && status != "12":
		return nil, "invalid simStatusId " + status + ": only 12 is known"
	case attach != "" && attach != "0" && attach != "1":
		return nil, "invalid simAttachStatusId " + attach + ": want 0 or 1"
	}
	cards := s.seen.cards
	if iccid != "" {
		k := s.seen.card(fleet.ICCID(iccid))
		if k == nil {
			return nil, ""
		}
		cards = []*card{k}
	}
	if status == "" && attach == "" {
		return cards, ""
	}
	var out []*card
	for _, k := range cards {
		if (status == "" || k.status == fleet.SIMPreActive) && (attach == "" || (attach == "1") == (k.endpoint != "")) {
			out = append(out, k)
		}
	}
	return out, ""
}

// lookUp lists a catalogue, or one entry of it by id.
func (s *Simulator) lookUp(c *call) reply {
	kind := kinds[c.route.op]
	entries := s.cat.entries(c.route.op)
	if id := c.query.Get(kind.filter); id != "" {
		entries = only(entries, fleet.ID(id))
		if len(entries) == 0 {
			return noData()
		}
	}
	r := got(&listing{entries: entries, kind: kind, pages: -1, total: -1})
	switch c.route.op {
	case wire.OpRoamingProfiles:
		r.inner, r.list.networks = codeRoaming, c.route.speech == collection
	case wire.OpRatePlans:
		r.inner = codePlans
		r.list.plans = s.set.observedPlans || c.query.Has("planCategory") || c.query.Has("planType")
	}
	return r
}

func (s *Simulator) appendList(b []byte, in speech, l *listing) []byte {
	open, end := `{"rows":[`, `]`
	if l.plans {
		open = `{"plan":[`
	}
	b = append(b, open...)
	for i, e := range l.endpoints {
		b = s.appendEndpoint(comma(b, i), in, e)
	}
	for i, k := range l.cards {
		b = appendCard(comma(b, i), k, s.cat.name(s.cat.SIMProducts, k.product))
	}
	for i, e := range l.entries {
		b = appendEntry(comma(b, i), l, e)
	}
	b = append(b, end...)
	if l.total >= 0 {
		b = append(b, `,"totalCount":`...)
		b = strconv.AppendInt(b, int64(l.total), 10)
	}
	return append(b, '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendEndpoint writes a row of a listing (assumed throughout).
func (s *Simulator) appendEndpoint(b []byte, in speech, e *endpoint) []byte {
	if in == collection {
		return s.appendListed(b, e)
	}
	b = append(b, '{')
	b = member(b, "endpointId", string(e.ID))
	b = member(b, "endpointName", e.Name)
	b = member(b, "planId", dash(string(e.PlanID)))
	b = member(b, "serviceProfileId", dash(string(e.ServiceProfileID)))
	b = member(b, "apnGroupId", dash(string(e.APNGroupID)))
	b = member(b, "simProductId", dash(string(e.SIMProductID)))
	b = member(b, "status", string(e.Status))
	b = member(b, "iccid", dash(string(e.ICCID)))
	b = member(b, "creationDate", dateOrDash(e.created))
	b = member(b, "activationDate", dateOrDash(e.activated))
	return append(b, '}')
}

func dateOrDash(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return dateText(t)
}

// appendCard writes a fetchSIM row (observed).
func appendCard(b []byte, k *card, product string) []byte {
	attached := "NOT ATTACHED"
	if k.endpoint != "" {
		attached = "ATTACHED"
	}
	b = append(b, '{')
	b = member(b, "simId", strconv.Itoa(k.index+1))
	b = member(b, "iccid", string(k.iccid))
	b = member(b, "simStatus", string(k.status))
	b = member(b, "simAttachStatus", attached)
	b = member(b, "endPointId", dash(string(k.endpoint)))
	b = member(b, "simProduct", product)
	return append(b, '}')
}

func appendEntry(b []byte, l *listing, e fleet.Entry) []byte {
	if l.plans {
		b = append(b, `{"basicInfo":`...)
	}
	b = append(b, '{')
	b = member(b, l.kind.id, string(e.ID))
	b = member(b, l.kind.name, e.Name)
	if l.networks {
		b = append(b, `,"tadigList":[{"operatorName":"BICS","tadigCode":"BELTB","countryName":"Belgium"}]`...)
	}
	b = append(b, '}')
	if l.plans {
		b = append(b, '}')
	}
	return b
}
