package cli

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sftctl/pkg/apply"
	"sftctl/pkg/crashfs"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/manifest"
	"sftctl/pkg/pace"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// sessionOn is a session with a simulated platform, without sockets, so that it
// runs in virtual time.
func sessionOn(sim *simulator.Simulator, rate float64, workers int) (*session, error) {
	return sessionIn(wire.EndpointInfo{}, sim, rate, workers)
}

// sessionIn is one that speaks a dialect.
func sessionIn(dialect wire.Dialect, sim *simulator.Simulator, rate float64, workers int) (*session, error) {
	purse := pace.New(rate)
	client, err := platform.New(platform.Options{BaseURL: "https://test.invalid", Username: "ann", Password: platform.NewSecret("pw"),
		Dialect: dialect, Purse: purse, Parallel: workers, Transport: sim})
	if err != nil {
		return nil, err
	}
	s := &session{client: client, purse: purse, account: "ann", baseURL: "https://test.invalid", simulated: true, monitor: &monitor{}, workers: workers, rate: rate,
		clock: virtualClock, settling: apply.Settling{Window: apply.DefaultWindow, Rate: rate, Patience: time.Hour}, close: func() error { return nil }}
	s.store, err = journal.NewStore("state", crashfs.New(), s.clock)
	return s, err
}

// virtualClock is that of a bubble, on a machine that was never restarted.
func virtualClock() journal.Moment {
	return journal.Moment{Wall: time.Now(), Boot: "boot", Up: time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))}
}

// do runs a plan from its beginning, without reports.
func (s *session) do(ctx context.Context, want *fleet.Fleet, p *plan.Plan, l look) (*report.Run, error) {
	w := &work{plan: p, want: want, look: l, results: apply.New(p, s.client.Abilities())}
	run, err := s.begin(quiet, w)
	if err != nil {
		return nil, err
	}
	s.run(ctx, quiet, w, run)
	s.check(ctx, quiet, w, run)
	for i := range run.Results {
		run.Results[i].End(journal.End{Verified: run.Doubt == nil})
	}
	return run, w.journal.Close()
}

// world is a random fleet and a random platform for it.
type world struct {
	specs []fleet.Spec
	live  []fleet.Endpoint
	seed  uint64 // of the throttles and expired tokens
}

var (
	cards    = simulator.Range("893204200000123400", 24, "7")
	anyState = rapid.SampledFrom([]fleet.State{fleet.StateUnmanaged, fleet.StateActive, fleet.StatePreActive, fleet.StateSuspended, fleet.StateAbsent})
	anyPlan  = rapid.SampledFrom([]fleet.ID{"100234", "100300"})
	anyAPN   = rapid.SampledFrom([]fleet.ID{"", "PDP_12", "PDP_20"})
	// Roaming profiles are a set, in any order.
	anyRoaming = rapid.SampledFrom([]fleet.ID{"", "1201", "1201|1202", "1202|1201"})
	anyLimit   = rapid.SampledFrom([]string{"", "", "50"})
	statuses   = rapid.SampledFrom([]fleet.Status{fleet.StatusPreActive, fleet.StatusActive, fleet.StatusSuspended})
)

func drawWorld(t *rapid.T) world {
	w := world{seed: rapid.Uint64().Draw(t, "seed")}
	free := rapid.Permutation(cards).Draw(t, "cards")
	take := func() fleet.ICCID {
		card := free[0]
		free = free[1:]
		return card.ICCID
	}
	for i := range rapid.IntRange(1, 10).Draw(t, "names") {
		name := fmt.Sprintf("m-%d", i)
		mine, other := take(), take()
		if rapid.Bool().Draw(t, "is live") {
			e := fleet.Endpoint{Fields: fleet.Fields{Name: name, PlanID: anyPlan.Draw(t, "plan"), ServiceProfileID: "SP_1249", SIMProductID: "7", APNGroupID: anyAPN.Draw(t, "apn"),
				RoamingProfileID: anyRoaming.Draw(t, "roaming profile"), MonthlyLimit: anyLimit.Draw(t, "limit")}, Status: fleet.StatusHold}
			if rapid.Bool().Draw(t, "has a SIM") {
				e.ICCID, e.Status = rapid.SampledFrom([]fleet.ICCID{mine, other}).Draw(t, "which"), statuses.Draw(t, "status")
			}
			w.live = append(w.live, e)
		}
		if rapid.IntRange(0, 9).Draw(t, "is wanted") > 0 {
			w.specs = append(w.specs, drawSpec(t, name, mine))
		}
	}
	if len(w.specs) == 0 {
		w.specs = append(w.specs, drawSpec(t, "only", take()))
	}
	return w
}

func drawSpec(t *rapid.T, name string, card fleet.ICCID) fleet.Spec {
	s := fleet.Spec{State: anyState.Draw(t, "state"), Fields: fleet.Fields{Name: name, PlanID: anyPlan.Draw(t, "plan"), ServiceProfileID: "SP_1249", SIMProductID: "7", APNGroupID: anyAPN.Draw(t, "apn"),
		RoamingProfileID: anyRoaming.Draw(t, "roaming profile"), MonthlyLimit: anyLimit.Draw(t, "limit")}}
	switch rapid.IntRange(0, 6).Draw(t, "SIM") {
	case 0:
		s.ClearSIM = s.State != fleet.StateActive && s.State != fleet.StateSuspended
	case 4:
		s.AutoSIM = true // the card is left to it, or to another
	case 1, 2, 3:
		s.ICCID = card
	}
	return s
}

func (w world) simulator() *simulator.Simulator {
	catalogue := simulator.BuiltInStock().Catalogue
	return simulator.New(simulator.WithStock(simulator.Stock{Catalogue: catalogue, SIMs: cards, Endpoints: w.live}),
		simulator.WithTokenLife(time.Minute), simulator.WithPaging(3, 4), simulator.WithFaultFunc(w.nuisance))
}

// nuisance is what may go wrong without any doubt about what happened: a
// throttle in either form, a token that is not valid, once in a while and
// chosen by what the call is about.
func (w world) nuisance(e simulator.Event) (simulator.Effect, time.Duration) {
	h := fnv.New64a()
	fmt.Fprint(h, w.seed, e.Op, e.Row, e.Attempt)
	if e.Op == wire.OpLogin || e.Op == wire.OpRefresh {
		return simulator.NoEffect, 0
	}
	switch h.Sum64() % 12 {
	case 0:
		return simulator.Status429, 0
	case 1:
		return simulator.RateLimitText, 0
	case 2:
		return simulator.Enveloped401, 0
	}
	return simulator.NoEffect, 0
}

var quiet = Env{Stderr: io.Discard}

// converge reads a file, applies it, and says what is wrong with the outcome.
func converge(dialect wire.Dialect, sim *simulator.Simulator, path string, workers int) (violation string) {
	ctx := context.Background()
	s, err := sessionIn(dialect, sim, 0, workers)
	if err != nil {
		return err.Error()
	}
	want, _, err := manifest.Read([]string{path}, manifest.Options{})
	if err != nil {
		return err.Error()
	}
	p, l, err := s.planFiles(ctx, quiet, want, terms{limits: plan.Unlimited})
	if err != nil {
		return err.Error()
	}
	run, err := s.do(ctx, want, p, l)
	if err != nil {
		return err.Error()
	}
	again, _, err := s.planFiles(ctx, quiet, want, terms{limits: plan.Unlimited})
	switch {
	case err != nil || run.Cut != nil || run.Doubt != nil:
		return fmt.Sprint("the run: ", err, run.Cut, run.Doubt)
	case again.Counts.Calls != 0:
		return "the plan after the apply is not empty:\n" + planText(again) + runText(run)
	case again.Counts.Refused != p.Counts.Refused:
		return fmt.Sprintf("%d rows are refused after the apply, and %d before:\n%s\nbefore:\n%s", again.Counts.Refused, p.Counts.Refused, planText(again), planText(p))
	}
	return account(sim, p, run)
}

// runText is what a run says of itself.
func runText(run *report.Run) string {
	var b strings.Builder
	_ = run.Write(&b, "text", report.Options{Full: true})
	return b.String()
}

// account holds what the report says against what the platform counted.
func account(sim *simulator.Simulator, p *plan.Plan, run *report.Run) string {
	applied := 0
	for _, e := range sim.Log() {
		if e.Applied {
			applied++
		}
	}
	if applied != p.Counts.Calls {
		return fmt.Sprintf("the platform did %d changes, and %d were planned", applied, p.Counts.Calls)
	}
	for id, bills := range sim.Bills() {
		if bills > 1 && !slices.ContainsFunc(p.Tasks, func(t plan.Task) bool { return t.Before != nil && t.Before.ID == id }) {
			return fmt.Sprintf("endpoint %s was billed %d times", id, bills)
		}
	}
	for i := range run.Results {
		r := &run.Results[i]
		want := fleet.Unchanged
		if len(r.Task.Steps) > 0 {
			want = fleet.Done
		}
		if len(r.Task.Refused) > 0 {
			want = fleet.Refused
		}
		if r.Outcome != want || r.Verified != (want != fleet.Refused) {
			return fmt.Sprintf("%s is %s, verified %t, want %s (%v)", r.Task.Label(), r.Outcome, r.Verified, want, r.Err)
		}
	}
	return ""
}

func planText(p *plan.Plan) string {
	var b strings.Builder
	_ = report.PlanText(&b, p, report.Options{Full: true})
	return b.String()
}

// final is a platform's state without what depends on the order of creation.
func final(sim *simulator.Simulator) []fleet.Endpoint {
	live := sim.Endpoints()
	for i := range live {
		live[i].ID = ""
	}
	slices.SortFunc(live, func(a, b fleet.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	return live
}

// In both dialects, whatever the fleet and whatever is live: after an apply there is nothing left
// to do, nothing was done twice, every row is accounted for, and neither the
// form of the file, nor the order of its rows, nor the number of workers
// matters.
func TestConvergence(t *testing.T) {
	for _, name := range wire.DialectNames() {
		dialect, _ := wire.DialectByName(name)
		t.Run(name, func(t *testing.T) { convergesIn(t, dialect) })
	}
}

func convergesIn(t *testing.T, dialect wire.Dialect) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		var violation string
		synctest.Test(t, func(*testing.T) {
			first := w.simulator()
			if violation = converge(dialect, first, w.file(rt, dir, "fleet.csv", false), 1); violation != "" {
				return
			}
			for _, other := range []struct {
				name    string
				reverse bool
				workers int
			}{{"fleet.yaml", false, 8}, {"fleet.csv", true, 3}} {
				sim := w.simulator()
				if violation = converge(dialect, sim, w.file(rt, dir, other.name, other.reverse), other.workers); violation != "" {
					return
				}
				if violation = cmp.Diff(final(first), final(sim)); violation != "" {
					violation = other.name + " ends elsewhere: " + violation
					return
				}
			}
		})
		if violation != "" {
			rt.Fatal(violation)
		}
	})
}

// file writes the fleet in either form.
func (w world) file(t *rapid.T, dir, name string, reverse bool) string {
	specs := slices.Clone(w.specs)
	if reverse {
		slices.Reverse(specs)
	}
	var buf bytes.Buffer
	err := manifest.WriteCSV(&buf, specs)
	if strings.HasSuffix(name, ".yaml") {
		buf.Reset()
		err = manifest.WriteYAML(&buf, &fleet.Fleet{Specs: specs})
	}
	path := filepath.Join(dir, name)
	if err == nil {
		err = os.WriteFile(path, buf.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// With a rate the mutations take no longer than the permits do, whatever the
// latency: in virtual time, so that it is exact.
func TestNoPermitIsLeftUnused(t *testing.T) {
	const rows = 200
	for _, tt := range []struct {
		rate    float64
		latency time.Duration
	}{{2, time.Millisecond}, {2, time.Second}, {2, 10 * time.Second}, {1.8, 30 * time.Second}, {10, 30 * time.Second}, {50, time.Second}} {
		t.Run(fmt.Sprint(tt.rate, tt.latency), func(t *testing.T) {
			var specs []fleet.Spec
			for i := range rows {
				specs = append(specs, fleet.Spec{State: fleet.StateActive, Fields: fleet.Fields{Name: fmt.Sprint("m-", i), PlanID: "100234",
					ServiceProfileID: "SP_1249", SIMProductID: "7", ICCID: simulator.Range("893204200000123400", rows, "7")[i].ICCID}})
			}
			synctest.Test(t, func(t *testing.T) {
				sim := simulator.New(simulator.WithLatency(tt.latency))
				o := connection{rate: tt.rate, callTimeout: wire.LongDeadline, grace: 1, maxOutage: 1, settle: 1, parallelism: "auto", listing: "paged", dialect: "endpointinfo"}
				_, workers, err := o.check()
				if err != nil {
					t.Fatal(err)
				}
				s, err := sessionOn(sim, tt.rate, workers)
				if err != nil {
					t.Fatal(err)
				}
				want := &fleet.Fleet{Specs: specs, Policies: []fleet.Policy{{}}}
				p, l, err := s.planFiles(t.Context(), quiet, want, terms{limits: plan.Unlimited})
				if err != nil {
					t.Fatal(err)
				}
				run, err := s.do(t.Context(), want, p, l)
				if err != nil {
					t.Fatal(err)
				}
				if run.Worst() != fleet.Done {
					t.Fatalf("got %v", run.Count())
				}
				calls, took, crowd := span(sim.Log())
				most := time.Duration(1.03*float64(calls)/tt.rate*float64(time.Second)) + 3*tt.latency
				if calls != 3*rows || took > most || crowd > int(10*tt.rate)+1 {
					t.Errorf("%d calls took %s, and up to %d came in 10 s, want %d within %s and at most %d", calls, took, crowd, 3*rows, most, int(10*tt.rate)+1)
				}
			})
		})
	}
}

// span is how many mutations there were, the time from the first to the last,
// and the most calls of any kind in ten seconds.
func span(log []simulator.Entry) (calls int, took time.Duration, crowd int) {
	var first, last time.Time
	from := 0
	for i, e := range log {
		for e.At.Sub(log[from].At) >= 10*time.Second {
			from++
		}
		crowd = max(crowd, i-from+1)
		if !e.Op.Mutates() {
			continue
		}
		if calls++; calls == 1 {
			first = e.At
		}
		last = e.At
	}
	return calls, last.Sub(first), crowd
}
