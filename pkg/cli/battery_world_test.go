package cli

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/oracle"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// need is what a row of the battery's fleet needs.
type need int

// The kinds of rows.
const (
	onboarded  need = iota // create, link, activate
	bare                   // create
	stocked                // create, link
	changed                // modify
	swapped                // delink, link, activate
	suspended              // suspend
	resumed                // resume
	removed                // delink, delete
	removedRaw             // delete
	activated              // activate
	kept                   // nothing
	kinds
)

// guarded0 is an endpoint that no file lists and that is protected.
const guarded0 = "m-protected"

// schedule is everything that happens in one trial, chosen in advance.
type schedule struct {
	seed    uint64
	dialect wire.Dialect
	kinds   []need
	strays  int  // endpoints in scope that no file lists
	saved   bool // the first apply is of a saved plan
	orphans fleet.Orphans
	workers int
	rate    float64
	latency time.Duration
	lag     time.Duration
	dial    time.Duration // from the intent of a call to its first byte
	perMil  uint64        // calls of a thousand that go wrong
	effects []simulator.Effect
	cursed  string                               // a row of which no call is ever done
	pinned  map[simulator.Event]simulator.Effect // faults of chosen calls, before all others
	crashes []crash
	foreign []foreign
	calm    bool       // nothing goes wrong with reads
	mu      sync.Mutex // guards what follows
	touched map[string]time.Time
	left    bool // nobody else changes anything any more
	trace   []string
}

// crash is when a process ends before its time, and what happens then.
type crash struct {
	ops     int           // at this operation of the disk; 0 does not count
	after   time.Duration // or after this time
	signal  bool          // by an interrupt, not by a kill
	broken  error         // the machine goes on, and the operation fails
	forGood bool          // with all operations after it
	power   bool          // what was not synced may be lost
	down    time.Duration // until somebody goes on
	next    string        // with this command
}

// foreign is a change that somebody else makes.
type foreign struct {
	after time.Duration
	row   int
	what  int
}

// breakages are what may go wrong with a mutation.
var breakages = []simulator.Effect{
	simulator.Status401, simulator.Enveloped401, simulator.Status429, simulator.RateLimitText,
	simulator.TimeoutApplied, simulator.TimeoutLate, simulator.TimeoutDropped,
	simulator.UnsureApplied, simulator.UnsureLate, simulator.UnsureDropped,
	simulator.Unexpected, simulator.UnexpectedApplied,
	simulator.HTTP500Before, simulator.HTTP503Before, simulator.HTTP500After, simulator.HTTP504After,
	simulator.DropBefore, simulator.DropAfter, simulator.DropLate, simulator.CutBody, simulator.TruncatedJSON,
	simulator.HTMLPage, simulator.EmptyBody, simulator.NotJSON, simulator.NoData0, simulator.NoData1,
	simulator.NoID, simulator.NoParam, simulator.WrongID, simulator.LyingSuccess,
	simulator.HangApplied, simulator.HangLate, simulator.HangDropped, simulator.Slow, simulator.Duplicate,
	simulator.Redirect302, simulator.Redirect307, simulator.MadeOnly, simulator.LinkedOnly, simulator.MadeFirst,
}

// misreadings are what may go wrong with a read.
var misreadings = []simulator.Effect{
	simulator.Status401, simulator.Enveloped401, simulator.Status429, simulator.RateLimitText,
	simulator.TimeoutDropped, simulator.UnsureDropped, simulator.Unexpected, simulator.HTTP500Before, simulator.HTTP503Before,
	simulator.DropBefore, simulator.CutBody, simulator.TruncatedJSON, simulator.HTMLPage, simulator.EmptyBody, simulator.NotJSON,
	simulator.NoParam, simulator.HangDropped, simulator.Slow, simulator.RowRepeated,
}

// refusals are what may go wrong with a login; one that is refused ends a run and
// is tested elsewhere.
var mishaps = []simulator.Effect{simulator.HTTP500Before, simulator.DropBefore, simulator.HTMLPage, simulator.Slow, simulator.EmptyBody}

func drawSchedule(t *rapid.T) *schedule {
	w := &schedule{
		kinds:   rapid.SliceOfN(rapid.Map(rapid.IntRange(0, int(kinds)-1), func(i int) need { return need(i) }), 20, 26).Draw(t, "kinds"),
		strays:  rapid.IntRange(0, 3).Draw(t, "strays"),
		orphans: rapid.SampledFrom([]fleet.Orphans{fleet.OrphansIgnore, fleet.OrphansReport, fleet.OrphansSuspend, fleet.OrphansDelete, fleet.OrphansDelete}).Draw(t, "orphans"),
		workers: rapid.SampledFrom([]int{1, 3, 16, 64}).Draw(t, "workers"),
		rate:    rapid.SampledFrom([]float64{0, 0, 2, 5}).Draw(t, "rate"),
		latency: rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, time.Second, 8 * time.Second}).Draw(t, "latency"),
		lag:     rapid.SampledFrom([]time.Duration{0, 0, 5 * time.Second, 45 * time.Second}).Draw(t, "lag"),
		perMil:  rapid.SampledFrom([]uint64{0, 20, 50, 150, 400}).Draw(t, "faults"),
		saved:   rapid.Bool().Draw(t, "saved"),
		touched: map[string]time.Time{},
	}
	for _, e := range breakages {
		if rapid.Bool().Draw(t, "on") {
			w.effects = append(w.effects, e)
		}
	}
	for range rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "crashes") {
		w.crashes = append(w.crashes, drawCrash(t))
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "meddling") {
		w.foreign = append(w.foreign, foreign{time.Duration(rapid.IntRange(0, 600).Draw(t, "when")) * time.Second,
			rapid.IntRange(0, len(w.kinds)-1).Draw(t, "row"), rapid.IntRange(0, 3).Draw(t, "what")})
	}
	if w.dial = rapid.SampledFrom([]time.Duration{0, 0, 0, 18 * time.Second}).Draw(t, "dial"); w.dial > 0 {
		w.rate = 0 // the platform cannot see the pace of what takes its time to get there
	}
	if rapid.IntRange(0, 3).Draw(t, "cursed") == 0 {
		w.cursed = rowName(rapid.IntRange(0, len(w.kinds)-1).Draw(t, "cursed row"))
	}
	return w
}

func drawCrash(t *rapid.T) crash {
	c := crash{power: rapid.Bool().Draw(t, "power"), down: rapid.SampledFrom([]time.Duration{0, time.Second, 100 * time.Second, 10 * time.Minute}).Draw(t, "down"),
		next: rapid.SampledFrom([]string{"resume", "resume", "apply"}).Draw(t, "next")}
	switch rapid.IntRange(0, 5).Draw(t, "by") {
	case 0, 1:
		c.ops = rapid.IntRange(1, 120).Draw(t, "ops")
	case 2:
		c.ops, c.broken, c.forGood = rapid.IntRange(1, 120).Draw(t, "ops"), rapid.SampledFrom([]error{syscall.ENOSPC, syscall.EIO}).Draw(t, "error"), rapid.Bool().Draw(t, "for good")
	default:
		c.after, c.signal = time.Duration(rapid.IntRange(1, 400_000).Draw(t, "ms"))*time.Millisecond, rapid.IntRange(0, 2).Draw(t, "signal") == 0
	}
	return c
}

func (w *schedule) String() string {
	return fmt.Sprintf("%s, kinds %v, saved %t, strays %d %s, workers %d, rate %g, latency %s, lag %s, dial %s, cursed %q, faults %d of 1000 of %v, pinned %v, crashes %+v, foreign %+v",
		w.dialect.Abilities().Dialect, w.kinds, w.saved, w.strays, w.orphans, w.workers, w.rate, w.latency, w.lag, w.dial, w.cursed, w.perMil, w.effects, w.pinned, w.crashes, w.foreign)
}

func (w *schedule) has(k need) bool { return slices.Contains(w.kinds, k) }

// slack is how long the calls of a run may take besides settling.
func (w *schedule) slack() time.Duration {
	calls := time.Duration(6*len(w.kinds) + 40)
	slack := calls * (w.latency + w.dial)
	if w.rate > 0 {
		slack += calls * time.Duration(float64(time.Second)/w.rate)
	}
	return slack + 10*time.Second
}

func rowName(i int) string { return fmt.Sprintf("m-%02d", i) }

// The cards of row i: the one that it has or is to get, and the one before a
// swap.
var batteryCards = simulator.Range("893204200000123400", 80, "7")

func (w *schedule) card(i int) fleet.ICCID { return batteryCards[2*i].ICCID }

// old is the card that a row has before a swap: in every other schedule the rows
// that swap want each other's, in a circle.
func (w *schedule) old(i int) fleet.ICCID {
	var circle []int
	for row, k := range w.kinds {
		if k == swapped {
			circle = append(circle, row)
		}
	}
	if w.seed%2 == 0 || len(circle) < 2 {
		return batteryCards[2*i+1].ICCID
	}
	return w.card(circle[(slices.Index(circle, i)+1)%len(circle)])
}

func (w *schedule) simulator() *simulator.Simulator {
	var live []fleet.Endpoint
	for i, k := range w.kinds {
		if e, ok := w.live(i, k); ok {
			live = append(live, e)
		}
	}
	for i := range w.strays {
		e := fleet.Endpoint{Fields: w.values(), Status: fleet.StatusActive}
		e.Name, e.ICCID = fmt.Sprintf("m-stray-%d", i), batteryCards[70+i].ICCID
		live = append(live, e)
	}
	protected := fleet.Endpoint{Fields: w.values(), Status: fleet.StatusActive}
	protected.Name, protected.ICCID = guarded0, batteryCards[79].ICCID
	live = append(live, protected)
	return simulator.New(simulator.WithStock(simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: batteryCards, Endpoints: live}),
		simulator.WithPaging(10, 10), simulator.WithLatency(w.latency), simulator.WithReadLag(w.lag), simulator.WithTokenLife(5*time.Minute), simulator.WithFaultFunc(w.fault))
}

// values are those that all endpoints have, as far as the dialect has them.
func (w *schedule) values() fleet.Fields {
	f := fleet.Fields{PlanID: "100234", APNGroupID: "PDP_12"}
	if w.dialect == (wire.Collection{}) {
		f.RoamingProfileID = "1201"
	} else {
		f.ServiceProfileID, f.SIMProductID = "SP_1249", "7"
	}
	return f
}

func (w *schedule) row(i int) fleet.Fields {
	return w.values().With(fleet.Fields{Name: rowName(i), ICCID: w.card(i)})
}

// live is what there is of a row before the first run.
func (w *schedule) live(i int, k need) (fleet.Endpoint, bool) {
	e := fleet.Endpoint{Fields: w.row(i), Status: fleet.StatusActive}
	switch k {
	case onboarded, bare, stocked:
		return e, false
	case changed:
		e.PlanID, e.APNGroupID = "100300", "PDP_20" // one call, or two
	case swapped:
		e.ICCID = w.old(i)
	case resumed:
		e.Status = fleet.StatusSuspended
	case removedRaw:
		e.ICCID, e.Status = "", fleet.StatusPreActive
	case activated:
		e.Status = fleet.StatusPreActive
	}
	return e, true
}

func (w *schedule) spec(i int, k need) fleet.Spec {
	s := fleet.Spec{State: fleet.StateActive, Origin: fleet.Origin{File: "fleet.csv", Line: i + 2}, Fields: w.row(i)}
	switch k {
	case bare:
		s.ICCID, s.State = "", fleet.StatePreActive
	case stocked:
		s.State = fleet.StatePreActive
	case suspended:
		s.State = fleet.StateSuspended
	case removed, removedRaw:
		s.ICCID, s.State = "", fleet.StateAbsent
	}
	return s
}

func (w *schedule) fleet() *fleet.Fleet {
	f := &fleet.Fleet{Policies: []fleet.Policy{{File: "fleet.csv", Scope: []fleet.Glob{"m-*"}, Orphans: w.orphans}}, Protect: []fleet.Glob{guarded0}}
	for i, k := range w.kinds {
		f.Specs = append(f.Specs, w.spec(i, k))
	}
	return f
}

func (w *schedule) rows() []oracle.Row {
	var rows []oracle.Row
	for _, s := range w.fleet().Specs {
		rows = append(rows, oracle.Row{Name: s.Name, PlanID: string(s.PlanID), ICCID: string(s.ICCID), State: s.State.String()})
	}
	return rows
}

// fault chooses what goes wrong with a call by what the call is about, so that
// neither the order of arrival nor the number of workers matters.
func (w *schedule) fault(e simulator.Event) (simulator.Effect, time.Duration) {
	h := fnv.New64a()
	fmt.Fprint(h, w.seed, e.Op, e.Row, e.Attempt)
	n := h.Sum64()
	if effect, ok := w.pinned[e]; ok {
		return effect, w.delay(n)
	}
	if w.cursed != "" && e.Row == w.cursed && e.Op.Mutates() {
		return simulator.UnsureDropped, 0
	}
	if n%1000 >= w.perMil || w.calm && !e.Op.Mutates() {
		return simulator.NoEffect, 0
	}
	n /= 1000
	from := w.effects
	switch {
	case e.Op == wire.OpLogin || e.Op == wire.OpRefresh:
		from = mishaps
	case !e.Op.Mutates():
		from = misreadings
	}
	if len(from) == 0 {
		return simulator.NoEffect, 0
	}
	return from[n%uint64(len(from))], w.delay(n)
}

// delay is how late late work is done: with the lag of reads never more than
// 225 s after the request.
func (w *schedule) delay(n uint64) time.Duration {
	return time.Duration(1+(n>>8)%179) * time.Second
}

// meddle lets somebody else change endpoints while the runs go on.
func (w *schedule) meddle(sim *simulator.Simulator) {
	for _, f := range w.foreign {
		time.AfterFunc(f.after, func() { w.touch(sim, f) })
	}
}

func (w *schedule) touch(sim *simulator.Simulator, f foreign) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left {
		return
	}
	for _, e := range sim.Endpoints() {
		if e.Name != rowName(f.row) || strings.HasPrefix(e.Name, "m-9") {
			continue
		}
		switch f.what {
		case 0:
			e.Name = fmt.Sprintf("x-%02d", f.row)
		case 1:
			e.PlanID = "100300"
		case 2:
			if e.Status == fleet.StatusActive {
				e.Status = fleet.StatusSuspended
			}
		case 3:
			_ = sim.RemoveEndpoint(e.ID)
			w.touched[string(e.ID)] = time.Now()
			return
		}
		_ = sim.SetEndpoint(e)
		w.touched[string(e.ID)] = time.Now()
		return
	}
}
