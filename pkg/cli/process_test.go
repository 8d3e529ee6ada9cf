package cli

import (
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sftctl/pkg/simulator"
)

var (
	kills        = flag.Int("kills", 12, "fleets whose programs are killed at random times, on a real disk and real sockets")
	hardshipsRun = flag.String("hardships", "", "only hardships whose names match this expression")
	stagger      = flag.Duration("stagger", 300*time.Millisecond, "time from one hardship to the next")
)

// mishap chooses what goes wrong with the first attempts of calls, by what they
// are about.
func mishap(seed uint64) func(simulator.Event) (simulator.Effect, time.Duration) {
	effects := []simulator.Effect{simulator.HangApplied, simulator.HangLate, simulator.DropAfter, simulator.DropLate, simulator.HangDropped, simulator.DropBefore,
		simulator.CutBody, simulator.TimeoutLate, simulator.HTTP502Before}
	return func(e simulator.Event) (simulator.Effect, time.Duration) {
		h := fnv.New64a()
		fmt.Fprint(h, seed, e.Op, e.Row)
		n := h.Sum64()
		if !e.Op.Mutates() || e.Attempt > 1 || n%100 >= 12 {
			return simulator.NoEffect, 0
		}
		return effects[n/100%uint64(len(effects))], time.Duration(1+n>>20%uint64(siteLate/time.Millisecond)) * time.Millisecond
	}
}

// blow is when a command is killed.
type blow struct {
	after   time.Duration // so long after its start
	request int           // or at this request of it
	late    bool          // once that is answered
	end     bool          // or at the listing after all is done
	next    string        // the command that it hits
}

func (b blow) String() string {
	switch {
	case b.end:
		return b.next + " at the last listing"
	case b.request > 0:
		return fmt.Sprintf("%s at request %d (late %t)", b.next, b.request, b.late)
	}
	return fmt.Sprintf("%s after %s", b.next, b.after)
}

// blows draws the kills of a trial: at the beginning, in the work, at the end,
// while it settles; often several in a row.
func blows(r *rand.Rand) (all []blow) {
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
	next := "apply"
	for range 1 + r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			for range 1 + r.IntN(4) {
				all = append(all, blow{after: upTo(400 * time.Millisecond), next: next})
			}
		case 1, 2:
			all = append(all, blow{after: upTo(4 * time.Second), next: next})
		case 3, 4:
			all = append(all, blow{request: 1 + r.IntN(130), late: r.IntN(2) == 0, next: next})
		case 5:
			all = append(all, blow{end: true, next: next})
		}
		if next = "resume"; r.IntN(5) == 0 {
			next = "apply"
		}
	}
	if r.IntN(3) == 0 {
		all = append(all, blow{after: upTo(36 * time.Second), next: "resume"})
	}
	return all
}

// words are the command that a blow hits, or that comes after all blows. What
// was never begun is not resumed, but applied again.
func (s *site) words(name string, saved bool) []string {
	begun := false
	for _, data := range s.journals() {
		begun = begun || strings.Count(data, "\n") > 1
	}
	switch {
	case name == "resume" && begun:
		return []string{"resume"}
	case saved && !begun:
		return []string{"apply", "fleet.plan"}
	}
	return []string{"apply", "--yes", "fleet.csv"}
}

// strike runs a command and kills it.
func (s *site) strike(b blow, saved bool) (int, error) {
	c := s.command(s.words(b.next, saved)...)
	if b.request > 0 || b.end {
		s.trap.Store(&trap{late: b.late, spring: c.kill, at: func(n int, r *http.Request) bool {
			if b.end {
				return strings.Contains(r.URL.Path, "GetEndpoint") && s.complete()
			}
			return n == b.request
		}})
		defer s.trap.Store(nil)
	}
	if err := c.start(); err != nil {
		return 0, err
	}
	if b.after > 0 {
		defer time.AfterFunc(b.after, c.kill).Stop()
	}
	code := c.end()
	if code != -1 && !slices.Contains([]int{0, 3, 8}, code) {
		return code, errors.New(c.String())
	}
	if c.overdue.Load() {
		return code, fmt.Errorf("it did not end within %s: %s", commandLimit, c)
	}
	return code, nil
}

// siteTally counts what the trials came to.
type siteTally struct {
	mu sync.Mutex
	n  map[string]int
}

func (k *siteTally) add(what string, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n[what] += n
}

// killed lets a program be killed at random times.
func (s *site) killed(seed uint64, total *siteTally) error {
	r := rand.New(rand.NewPCG(seed, 1))
	saved := r.IntN(2) == 0
	if saved {
		if c, code := s.do("plan", "-o", "fleet.plan", "fleet.csv"); code != 0 {
			return errors.New(c.String())
		}
	}
	plan := blows(r)
	for _, b := range plan {
		code, err := s.strike(b, saved)
		if err != nil {
			return fmt.Errorf("kills %v: %w", plan, err)
		}
		if code == -1 {
			total.add("kills", 1)
		}
	}
	if err := s.finish(saved, total); err != nil {
		return fmt.Errorf("kills %v: %w", plan, err)
	}
	return nil
}

// finish goes on until all is done, as a timer would, and then demands that it
// is.
func (s *site) finish(saved bool, total *siteTally) error {
	next := "resume"
	for try := 1; ; try++ {
		c, code := s.do(s.words(next, saved)...)
		if c.overdue.Load() {
			return fmt.Errorf("it did not end within %s: %s", commandLimit, c)
		}
		if code == 0 && s.complete() {
			break
		}
		if try == 4 || !slices.Contains([]int{3, 8}, code) {
			return fmt.Errorf("all is said to be done, or nothing goes on: %s\n%s", c, s.dump())
		}
		total.add(fmt.Sprintf("again after exit %d", code), 1)
		if next = "resume"; code != 8 {
			next = "apply" // rows that were tried three times are not resumed
		}
	}
	problems := append(append(s.finished(), s.rebuilt()...), s.unreported()...)
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n") + "\n" + s.dump())
	}
	return nil
}

// hardship is something that happens to programs on a site, after which all must
// be done. It takes half a minute or more, most of it spent waiting: a call that
// a killed program may have sent is no older than its intent and 30 s.
type hardship struct {
	name    string
	rows    int
	options []simulator.Option
	happens func(s *site, total *siteTally) error
}

// hardships are those of a test run.
func hardships() (all []hardship) {
	for i := range *kills {
		seed := uint64(*seedFrom + i)
		all = append(all, hardship{fmt.Sprintf("kills, again with -kills 1 -seed %d", seed), 60, []simulator.Option{simulator.WithFaultFunc(mishap(seed))},
			func(s *site, total *siteTally) error { return s.killed(seed, total) }})
	}
	hang := []simulator.Option{simulator.WithFaultFunc(hangs)}
	all = append(all,
		hardship{"second interrupt", 12, hang, func(s *site, _ *siteTally) error { return secondInterrupt(s, syscall.SIGINT, false) }},
		hardship{"interrupt, then SIGTERM", 12, hang, func(s *site, _ *siteTally) error { return secondInterrupt(s, syscall.SIGTERM, false) }},
		hardship{"second interrupt of a background job", 12, hang, func(s *site, _ *siteTally) error { return secondInterrupt(s, syscall.SIGINT, true) }},
		hardship{"out of grace", 12, hang, func(s *site, _ *siteTally) error { return outOfGrace(s) }},
	)
	for _, at := range []int{1, 4, 9} {
		for _, command := range []string{"apply", "resume"} {
			all = append(all, hardship{fmt.Sprintf("disk full at call %d of %s", at, command), 24, nil,
				func(s *site, _ *siteTally) error { return full(s, at, command) }})
		}
	}
	return append(all, struckHardships()...)
}

// Whatever happens to a program, a timer that goes on with it does the rest:
// nothing is lost and nothing is done twice.
func TestHardships(t *testing.T) {
	t.Parallel() // it waits, mostly
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	total := &siteTally{n: map[string]int{}}
	began := time.Now()
	var all sync.WaitGroup
	for _, h := range hardships() {
		if ok, err := regexp.MatchString(*hardshipsRun, h.name); err != nil || !ok {
			continue
		}
		s := newSite(t, h.rows, h.rows/3, h.options...)
		if strings.HasPrefix(h.name, "disk full") {
			if err := s.mount(t, 512); err != nil {
				t.Logf("%s: not tried: %v", h.name, err)
				continue
			}
		}
		all.Go(func() {
			if err := h.happens(s, total); err != nil {
				t.Errorf("%s: %v", h.name, err)
			}
			total.add("fleets", 1)
			total.add("calls", s.mutations())
		})
		time.Sleep(*stagger) // a machine that is too busy measures nothing
	}
	all.Wait()
	for _, what := range slices.Sorted(maps.Keys(total.n)) {
		t.Logf("%-20s %6d", what, total.n[what])
	}
	t.Logf("in %s", time.Since(began).Round(time.Second))
}
