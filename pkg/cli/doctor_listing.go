package cli

import (
	"context"
	"fmt"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// fullPage is as many rows as planning asks for.
const fullPage = 250

// paging reads the first pages, and says how the platform cuts a listing up.
func (e *examination) paging(ctx context.Context) finding {
	if e.o.listing == "unpaged" {
		return e.atOnce(ctx)
	}
	e.one = e.first
	var err error
	if e.many, err = e.ask(ctx, e.opts.Dialect, fleet.Query{List: fleet.Endpoints, Page: 1, PerPage: fullPage}); err != nil {
		return e.unread(err)
	}
	rows, told := len(e.many.Endpoints), toldRows(e.many)
	if rows == 0 && told <= 0 {
		e.whole = 0
		return passes("the account has no endpoints, so how it is cut into pages does not show")
	}
	if told == rows {
		e.whole = rows
		cut := "pages are cut as asked"
		if len(e.one.Endpoints) > 1 {
			cut = "the size of a page is ignored"
		}
		return passes("%s, with totals; all is on the first page of %d", cut, fullPage)
	}
	second, err := e.ask(ctx, e.opts.Dialect, fleet.Query{List: fleet.Endpoints, Page: 2, PerPage: fullPage})
	if err != nil {
		return e.unread(err)
	}
	return e.judgePages(rows, told, second)
}

func (e *examination) unread(err error) finding {
	return fails(worth(err), adviceOn(wire.ClassOf(err)), "%v", err)
}

// toldRows is how many rows the platform says there are, -1 when it does not.
func toldRows(p fleet.Page) int {
	if p.Total < 0 && p.Pages == 1 {
		return len(p.Endpoints) + len(p.SIMs)
	}
	return p.Total
}

// judgePages says what the second page adds to the first.
func (e *examination) judgePages(rows, told int, second fleet.Page) finding {
	const refused = "plans are refused as long as a listing is not proved complete; ask the platform's support how it is to be paged"
	again := len(second.Endpoints) > 0 && rows > 0 && second.Endpoints[0].ID == e.many.Endpoints[0].ID
	switch {
	case again && len(e.one.Endpoints) > 1:
		return warns("if the platform gives everything at once, say --listing unpaged; otherwise some endpoints cannot be seen, and plans are refused",
			"paging is ignored: pages of 1 and of %d have the same %s", fullPage, fleet.Count(rows, "row"))
	case again:
		return fails(fleet.ErrUnreachable, refused, "page 2 repeats page 1: the number of the page is ignored")
	case len(e.one.Endpoints) > 1:
		return warns("it is what planning needs that counts: pages are not cut as asked, and plans may be refused", "a page of 1 has %s", fleet.Count(len(e.one.Endpoints), "row"))
	case told >= 0 && told < rows || told > rows && len(second.Endpoints) == 0:
		return fails(fleet.ErrUnreachable, refused, "the totals do not agree: %s told of, %d on page 1 and %d on page 2", fleet.Count(told, "row"), rows, len(second.Endpoints))
	case len(second.Endpoints) == 0:
		e.whole = rows
		return passes("no totals are told; a listing ends with an empty page, which costs one call more")
	case rows < fullPage:
		return passes("a page has at most %s, though %d were asked for%s: listing takes that many calls more", fleet.Count(rows, "row"), fullPage, ended(told))
	}
	return passes("pages of %d are cut as asked%s", fullPage, ended(told))
}

func ended(told int) string {
	if told < 0 {
		return ", without totals"
	}
	return ", with totals"
}

// atOnce asks for everything, as planning does on a platform that is said to know
// no pages.
func (e *examination) atOnce(ctx context.Context) finding {
	page, err := e.ask(ctx, e.opts.Dialect, fleet.Query{List: fleet.Endpoints})
	if err != nil {
		return e.unread(err)
	}
	rows, told := len(page.Endpoints), toldRows(page)
	if told > rows || page.Pages > 1 {
		return fails(fleet.ErrUnreachable, "it knows pages: leave --listing unpaged out", "%s came at once, and the platform tells of more", fleet.Count(rows, "row"))
	}
	e.whole = rows
	return passes("not looked at: --listing unpaged takes the %s that come at once for all", fleet.Count(rows, "row"))
}

// account says how many endpoints and SIMs there are.
func (e *examination) account(ctx context.Context) finding {
	endpoints := e.whole
	if told := toldRows(e.many); endpoints < 0 {
		endpoints = told
	}
	page, err := e.ask(ctx, e.opts.Dialect, fleet.Query{List: fleet.SIMs, Page: 1, PerPage: 1})
	if err != nil {
		return fails(worth(err), adviceOn(wire.ClassOf(err)), "%s; SIMs: %v", number(endpoints, "endpoint"), err)
	}
	sims := page.Total
	if sims < 0 && len(page.SIMs) <= 1 && page.Pages > 0 {
		sims = page.Pages // of one row each
	}
	return passes("%s, %s", number(endpoints, "endpoint"), number(sims, "SIM"))
}

func number(n int, what string) string {
	if n < 0 {
		return "how many " + what + "s there are is not told"
	}
	return fleet.Count(n, what)
}

// documentedRate is what the platform lets through a second (observed, by default).
const documentedRate = 2

// rate holds the pace against the platform's, by what happened to these few calls. No
// limit is what people say to a platform on this machine; a number is one that may be
// said to the real platform as well.
func (e *examination) rate(context.Context) finding {
	local := e.simulated || e.base != nil && e.base.Scheme == "http"
	seen := fmt.Sprintf("%s; %s sent, %d throttled", e.wantedRate(local), fleet.Count(len(e.seen), "request"), e.throttled)
	switch {
	case e.throttled > 0:
		return warns(adviceOn(wire.Throttled), "%s", seen)
	case e.o.rate > documentedRate, e.o.rate <= 0 && !local:
		return warns("every throttled call costs a pause for all: leave --rate at 1.8 unless the account's limit was raised", "%s", seen)
	}
	return passes("%s", seen)
}

// wantedRate is what is asked for beside what there is.
func (e *examination) wantedRate(local bool) string {
	asked, platform := fmt.Sprintf("%g calls a second are asked for", e.o.rate), "the platform"
	if e.o.rate <= 0 {
		asked = "no limit is asked for"
	}
	if local {
		platform = "the real platform"
		if e.o.rate <= 0 {
			asked += ", as suits a platform on this machine"
		}
	}
	return fmt.Sprintf("%s, and %s lets %d a second through (observed)", asked, platform, documentedRate)
}

// skew is how far two clocks may be apart before it is told.
const skew = 30 * time.Second

// clock holds this machine's clock against the platform's.
func (e *examination) clock(context.Context) finding {
	for i := len(e.seen) - 1; i >= 0; i-- {
		s := e.seen[i]
		if s.Clock.IsZero() {
			continue
		}
		middle := s.At.Add(s.Took / 2)
		apart := middle.Sub(s.Clock.Add(500 * time.Millisecond)).Round(time.Second)
		if apart.Abs() > skew {
			return warns("set this machine's clock (NTP): tokens look too old or too young, and reports carry wrong times", "this machine's clock is %s the platform's", ahead(apart))
		}
		return passes("within %s of the platform's", max(apart.Abs(), time.Second))
	}
	return passes("the platform did not tell the time")
}

func ahead(d time.Duration) string {
	if d < 0 {
		return (-d).String() + " behind"
	}
	return d.String() + " ahead of"
}
