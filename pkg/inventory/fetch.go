package inventory

import (
	"context"
	"fmt"
	"slices"

	"sftctl/pkg/fleet"
)

// Lister reads one page of a listing.
type Lister interface {
	Page(ctx context.Context, q fleet.Query) (fleet.Page, error)
}

// Options say what to list.
type Options struct {
	SIMs    bool // the SIM stock too, as NeedsSIMs says; without it a plan checks no card
	Fill    bool // the SIM stock too where endpoints do not report what it may tell
	Unpaged bool // the platform is known to give all endpoints at once; SIMs are paged (documented)
	// UnpagedLookUps is the same of rate plans, service profiles, APN groups and
	// SIM products.
	UnpagedLookUps bool
	PerPage        int // rows to ask for in a page; 0 means 250, the most that was seen to work
	// Growing takes a listing for whole although rows were added while it was read:
	// they show on a page that is still to come, or as rows that come twice. It is
	// for those who make rows themselves meanwhile, and remove none.
	Growing bool
}

// The bounds of a listing: one that changes under the reader is read again a
// few times, and one without end is given up.
const (
	defaultPerPage = 250
	maxPages       = 100_000
	maxRows        = 1_000_000
	readings       = 3
)

// Fetch lists the account, whole or not at all: an error that is an
// ErrIncomplete says that it could not be proved whole.
func Fetch(ctx context.Context, on Lister, opts Options) (*Inventory, error) {
	if opts.PerPage <= 0 {
		opts.PerPage = defaultPerPage
	}
	calls := 0
	endpoints, err := whole(ctx, on, opts, &calls, endpointList)
	if err != nil {
		return nil, err
	}
	var sims []fleet.SIM
	hasSIMs := opts.SIMs || opts.Fill && slices.ContainsFunc(endpoints, lacking)
	if hasSIMs {
		if sims, err = whole(ctx, on, opts, &calls, simList); err != nil {
			return nil, err
		}
	}
	inv, err := New(endpoints, sims, hasSIMs)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrIncomplete, err)
	}
	if err := inv.cross(ctx, on, &calls); err != nil {
		return nil, err
	}
	inv.Pages = calls
	return inv, nil
}

// mostCrossed bounds how many endpoints are asked for singly.
const mostCrossed = 3

// cross holds the two listings against each other: an endpoint that a card says
// it is linked to, and that is not listed, is asked for by its id. If it is
// there, rows are missing from the listing.
func (inv *Inventory) cross(ctx context.Context, on Lister, calls *int) error {
	asked := 0
	for _, sim := range inv.SIMs {
		if _, ok := inv.ByID(sim.EndpointID); ok || sim.EndpointID == "" || asked == mostCrossed {
			continue
		}
		asked++
		*calls++
		p, err := on.Page(ctx, fleet.Query{List: fleet.Endpoints, ID: sim.EndpointID})
		if err != nil {
			return fmt.Errorf("asking for endpoint %s, which a SIM names: %w", sim.EndpointID, err)
		}
		if len(p.Endpoints) > 0 {
			return fleet.Kind(fleet.ErrIncomplete, fmt.Errorf(
				"the listing of endpoints is not complete: endpoint %s is live and is not in it; nothing was planned", sim.EndpointID))
		}
	}
	return nil
}

// listing is how rows of one kind are taken from a page and told apart.
type listing[T any] struct {
	list fleet.List
	rows func(fleet.Page) []T
	id   func(T) string
}

var endpointList = listing[fleet.Endpoint]{fleet.Endpoints,
	func(p fleet.Page) []fleet.Endpoint { return p.Endpoints },
	func(e fleet.Endpoint) string { return string(e.ID) }}

var simList = listing[fleet.SIM]{fleet.SIMs,
	func(p fleet.Page) []fleet.SIM { return p.SIMs },
	func(s fleet.SIM) string { return s.ICCID.Key() }}

// atOnce says whether the platform is known to give a whole listing at once.
func (o Options) atOnce(list fleet.List) bool {
	switch list {
	case fleet.SIMs:
		return false
	case fleet.Endpoints:
		return o.Unpaged
	}
	return o.Unpaged || o.UnpagedLookUps
}

// whole reads a listing until one reading is proved whole.
func whole[T any](ctx context.Context, on Lister, opts Options, calls *int, l listing[T]) ([]T, error) {
	var why string
	for range readings {
		r := reading[T]{listing: l, on: on, opts: opts, calls: calls, seen: map[string]bool{}}
		rows, err := r.read(ctx)
		if err == nil && r.doubt == "" {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if why = r.doubt; !r.moving {
			break
		}
	}
	return nil, fleet.Kind(fleet.ErrIncomplete, fmt.Errorf(
		"the listing of %s is not proved complete: %s; nothing was planned", l.list, why))
}

// reading is one pass over all pages of a listing.
type reading[T any] struct {
	listing[T]
	on     Lister
	opts   Options
	calls  *int
	seen   map[string]bool // ids in out
	out    []T
	doubt  string // why it is not proved whole
	moving bool   // because it changed meanwhile: another reading may succeed
	pages  int    // what the first page said, and every other must say
	total  int
	first  int // rows on the first page
}

func (r *reading[T]) page(ctx context.Context, page, perPage int) (fleet.Page, error) {
	*r.calls++
	p, err := r.on.Page(ctx, fleet.Query{List: r.list, Page: page, PerPage: perPage})
	if err != nil {
		return p, fmt.Errorf("listing %s, page %d: %w", r.list, page, err)
	}
	return p, nil
}

func (r *reading[T]) read(ctx context.Context) ([]T, error) {
	if r.opts.atOnce(r.list) {
		return r.unpaged(ctx)
	}
	for n := 1; n <= maxPages; n++ {
		p, err := r.page(ctx, n, r.opts.PerPage)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			if p, err = r.emptyTwice(ctx, p); err != nil {
				return nil, err
			}
			r.pages, r.total, r.first = p.Pages, p.Total, len(r.rows(p))
		}
		end, err := r.take(ctx, n, p)
		if end || err != nil {
			return r.out, err
		}
		if len(r.out) > maxRows {
			r.doubt = fmt.Sprintf("there is no end after %d rows", maxRows)
			return nil, nil
		}
	}
	r.doubt = fmt.Sprintf("there is no end after %d pages", maxPages)
	return nil, nil
}

// emptyTwice asks for an empty first page once more: an account that looks empty
// by mistake would be made anew.
func (r *reading[T]) emptyTwice(ctx context.Context, p fleet.Page) (fleet.Page, error) {
	if len(r.rows(p)) > 0 {
		return p, nil
	}
	return r.page(ctx, 1, r.opts.PerPage)
}

// capped says whether the platform gives smaller pages than were asked for, so
// that its number of pages, which may be that of the size asked for, does not
// prove the end; only a number of rows does, or an empty page.
func (r *reading[T]) capped() bool {
	return r.total < 0 && 0 < r.first && r.first < r.opts.PerPage
}

// take adds a page; it reports whether the reading is over.
func (r *reading[T]) take(ctx context.Context, n int, p fleet.Page) (bool, error) {
	rows := r.rows(p)
	empty := len(rows) == 0
	if r.opts.Growing && p.Total >= r.total && p.Pages >= r.pages {
		r.total, r.pages = p.Total, p.Pages
	}
	if !empty && (p.Pages != r.pages || p.Total != r.total) {
		r.doubt, r.moving = fmt.Sprintf("its totals changed while it was read (page %d)", n), true
		return true, nil
	}
	fresh, repeated := r.add(rows)
	if !empty && fresh == 0 {
		return true, r.judgeRepeat(ctx, n, len(rows))
	}
	if repeated > 0 { // rows shifted between pages: others may have slipped through
		r.doubt, r.moving = fmt.Sprintf("%d rows of page %d were on earlier pages", repeated, n), true
		return true, nil
	}
	return r.ended(n, empty), nil
}

func (r *reading[T]) add(rows []T) (fresh, repeated int) {
	for _, row := range rows {
		id := r.id(row)
		if r.seen[id] {
			repeated++
			continue
		}
		r.seen[id] = true
		r.out = append(r.out, row)
		fresh++
	}
	return fresh, repeated
}

// ended says whether the listing is over after page n, and doubts it where the
// totals say otherwise. A short page is no end.
func (r *reading[T]) ended(n int, empty bool) bool {
	switch {
	case r.total >= 0 && len(r.out) > r.total:
		r.doubt, r.moving = fmt.Sprintf("got %d rows, and only %s were promised", len(r.out), r.promised()), true
		return true
	case empty && (r.total > len(r.out) || r.pages >= n && r.pages > 1):
		r.doubt, r.moving = fmt.Sprintf("page %d is empty after %d rows, and %s were promised", n, len(r.out), r.promised()), true
		return true
	case empty:
		return true
	case r.pages > 0 && n >= r.pages && r.total >= 0 && len(r.out) != r.total:
		r.doubt, r.moving = fmt.Sprintf("got %d rows, and %s were promised", len(r.out), r.promised()), true
		return true
	}
	return r.told() && !r.capped() && (r.pages == 0 || n >= r.pages) && (r.total < 0 || len(r.out) == r.total)
}

// told says whether the platform gave any total; where it gives both, both must
// be met.
func (r *reading[T]) told() bool { return r.pages > 0 || r.total >= 0 }

func (r *reading[T]) promised() string {
	if r.total >= 0 && r.pages > 0 {
		return fmt.Sprintf("%d rows on %d pages", r.total, r.pages)
	}
	if r.total >= 0 {
		return fmt.Sprintf("%d rows", r.total)
	}
	return fmt.Sprintf("%d pages", r.pages)
}

// judgeRepeat decides about a page that holds nothing new: either the platform
// ignores paging and has given everything, or it ignores only the page number
// and most rows were never seen. It is taken as whole only if one row a page
// brings the same rows, and their number is not a likely page size.
func (r *reading[T]) judgeRepeat(ctx context.Context, n, count int) error {
	single, err := r.page(ctx, 1, 1)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(r.rows(single), r.out, func(a, b T) bool { return r.id(a) == r.id(b) })
	switch {
	case n != 2 || !same || r.total > len(r.out) || r.pages > 1:
		r.doubt = fmt.Sprintf("page %d repeats earlier rows", n)
	case count%10 == 0:
		r.doubt = fmt.Sprintf("the platform ignores paging, and %d rows may be a full page; if it gives everything at once, say --listing %s", count, sayUnpaged(r.list))
	}
	return nil
}

// sayUnpaged is what a person says of a platform that gives all of a listing at
// once, and says no more than that.
func sayUnpaged(list fleet.List) string {
	if list == fleet.Endpoints {
		return "unpaged"
	}
	return "unpaged-lookups"
}

func (r *reading[T]) unpaged(ctx context.Context) ([]T, error) {
	p, err := r.atOnce(ctx)
	if err == nil && len(r.rows(p)) == 0 {
		p, err = r.atOnce(ctx) // as for a first page
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", r.list, err)
	}
	rows := r.rows(p)
	if _, repeated := r.add(rows); repeated > 0 {
		r.doubt = fmt.Sprintf("%d rows came twice", repeated)
	}
	if r.total, r.pages = p.Total, p.Pages; r.total >= 0 && r.total != len(rows) || r.pages > 1 {
		r.doubt = fmt.Sprintf("got %d rows at once, and %s were promised", len(rows), r.promised())
	}
	return r.out, nil
}

func (r *reading[T]) atOnce(ctx context.Context) (fleet.Page, error) {
	*r.calls++
	return r.on.Page(ctx, fleet.Query{List: r.list})
}
