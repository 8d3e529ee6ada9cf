package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

var errDown = fleet.Kind(fleet.ErrUnreachable, errors.New("down"))

// noProbe is for breakers that nobody waits at.
func noProbe(context.Context) (int, error) { panic("a probe that nobody waits for") }

func TestTheBudget(t *testing.T) {
	const useful = -1
	tests := []struct {
		name    string
		answers []int
		open    int // after how many of the answers; 0 never
	}{
		{"nothing but trouble", slices.Repeat([]int{troubleCost}, 30), 20},
		{"nothing but deadlines", slices.Repeat([]int{timeoutCost}, 30), 10},
		{"both", slices.Repeat([]int{troubleCost, timeoutCost}, 15), 14},
		{"a useful answer gives back one", append(slices.Repeat([]int{troubleCost}, 19), useful, troubleCost, troubleCost), 22},
		{"no more than the whole budget is kept", append(slices.Repeat([]int{useful}, 1000), slices.Repeat([]int{troubleCost}, 30)...), 1020},
		{"one trouble in six for ever", slices.Repeat([]int{troubleCost, useful, useful, useful, useful, useful}, 1000), 0},
	}
	for _, tt := range tests {
		b, open := newBreaker(time.Hour, noProbe), 0
		for i, cost := range tt.answers {
			if cost == useful {
				b.passed()
			} else {
				b.trouble(cost, errDown)
			}
			if open == 0 && b.open() {
				open = i + 1
			}
		}
		if open != tt.open {
			t.Errorf("%s: it opened after %d answers, want %d", tt.name, open, tt.open)
		}
	}
}

// broken is a breaker that has just opened.
func broken(limit time.Duration, probe prober) *breaker {
	b := newBreaker(limit, probe)
	for !b.open() {
		b.trouble(timeoutCost, errDown)
	}
	return b
}

// waitAll lets many wait in front of a breaker and returns what they got.
func waitAll(ctx context.Context, b *breaker, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = b.wait(ctx) })
	}
	wg.Wait()
	return errs
}

func TestOneProbeServesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var probes []string
		b := broken(time.Hour, func(context.Context) (int, error) {
			probes = append(probes, time.Since(start).String())
			switch len(probes) {
			case 2:
				return 4, errDown // it took four requests
			case 4:
				return 1, nil
			}
			return 1, errDown
		})
		for i, err := range waitAll(t.Context(), b, 50) {
			if err != nil {
				t.Errorf("waiter %d: got %v", i, err)
			}
		}
		if got, want := fmt.Sprint(probes), "[30s 1m0s 3m0s 3m30s]"; got != want {
			t.Errorf("got probes at %s, want %s", got, want)
		}
		if b.open() || b.outage() != 0 {
			t.Errorf("after a useful probe: open %t, outage %s", b.open(), b.outage())
		}
		n := 0
		for ; !b.open(); n++ {
			b.trouble(troubleCost, errDown)
		}
		if n != 10 {
			t.Errorf("after an outage it opened with %d troubles, want 10: half the budget", n)
		}
	})
}

func TestAnOutageIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := 0
		b := broken(10*time.Minute+10*time.Second, func(ctx context.Context) (int, error) {
			probes++
			if err := sleep(ctx, 10*time.Second); err != nil {
				return 0, err
			}
			return 1, errDown
		})
		start := time.Now()
		for i, err := range waitAll(t.Context(), b, 50) {
			if !errors.Is(err, fleet.ErrUnreachable) {
				t.Errorf("waiter %d: got %v, want %v", i, err, fleet.ErrUnreachable)
			}
		}
		if lasted := time.Since(start); lasted != b.limit || probes != 15 {
			t.Errorf("it was given up after %s and %d probes, want %s and 15", lasted, probes, b.limit)
		}
		if err := b.wait(t.Context()); !errors.Is(err, fleet.ErrUnreachable) || time.Since(start) != b.limit {
			t.Errorf("who comes later: got %v after %s, want %v at once", err, time.Since(start), fleet.ErrUnreachable)
		}
		time.Sleep(time.Hour)
		if err := b.wait(t.Context()); !errors.Is(err, fleet.ErrUnreachable) || probes != 16 {
			t.Errorf("who comes much later: got %v after %d probes, want another try before the end", err, probes)
		}
	})
}

// Who probes may be interrupted in it, before or while it asks; another one
// goes on in time.
func TestWhoProbesMayLeave(t *testing.T) {
	for _, at := range []time.Duration{10 * time.Second, 35 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			start, probes := time.Now(), 0
			b := broken(time.Hour, func(ctx context.Context) (int, error) {
				if probes++; time.Since(start) < time.Minute {
					return 1, sleep(ctx, 10*time.Second)
				}
				return 1, nil
			})
			first, leave := context.WithTimeout(t.Context(), at)
			defer leave()
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := b.wait(first); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != at {
					t.Errorf("who left: got %v after %s", err, time.Since(start))
				}
			})
			synctest.Wait()
			wg.Go(func() {
				if err := b.wait(t.Context()); err != nil {
					t.Errorf("who stayed: got %v", err)
				}
			})
			wg.Wait()
			if want := map[time.Duration]time.Duration{10 * time.Second: 40 * time.Second, 35 * time.Second: 65 * time.Second}[at]; time.Since(start) != want || b.open() {
				t.Errorf("left after %s: closed %t after %s, want %s", at, !b.open(), time.Since(start), want)
			}
		})
	}
}

// What the probe finds out about us is told to who waited for it, and the
// others go on and see for themselves.
func TestAProbeThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broken(time.Hour, func(context.Context) (int, error) { return 3, fleet.Kind(fleet.ErrLogin, errors.New("no")) })
		refused := 0
		for _, err := range waitAll(t.Context(), b, 5) {
			if errors.Is(err, fleet.ErrLogin) {
				refused++
			} else if err != nil {
				t.Errorf("got %v", err)
			}
		}
		if refused != 1 || b.open() {
			t.Errorf("%d got the refusal, want 1; open %t, want it closed", refused, b.open())
		}
	})
}

func TestHowLongAnOutageLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(time.Hour, noProbe)
		want := func(when string, d time.Duration) {
			t.Helper()
			if got := b.outage(); got != d {
				t.Errorf("%s: the outage lasts %s, want %s", when, got, d)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(24 * time.Hour)
		b.throttled(errDown)
		want("a throttle after a day without calls", 0)
		b.throttled(errDown)
		want("the next throttle", time.Minute)
		b.passed()
		want("a useful answer", 0)
		b.trouble(troubleCost, errDown)
		want("one trouble is no outage", 0)
		for !b.open() {
			b.trouble(troubleCost, errDown)
		}
		want("when it opened", 0)
		b.throttled(errDown)
		want("a throttle in it", time.Minute)
		b.passed()
		want("a late answer", 0)
		want("a minute after it", time.Minute)
		if !b.open() {
			t.Error("a late answer closed the breaker")
		}
	})
}

// Every class of answer has its weight, as reviewed.
func TestWhatAnswersWeigh(t *testing.T) {
	cost := map[wire.Class]int{wire.NotSent: 5, wire.Cut: 5, wire.ServerError: 5, wire.Deadline: 10,
		wire.BadReply: 5, wire.Redirect: 5, wire.ClientError: 5}
	neutral := []wire.Class{wire.Throttled, wire.Unauthorized, wire.TimedOut}
	for _, class := range wire.Classes() {
		err := error(&wire.Fault{Class: class})
		if class == wire.OK {
			err = nil
		}
		good := cost[class] == 0 && !slices.Contains(neutral, class)
		if costOf(err) != cost[class] || useful(err) != good {
			t.Errorf("%s: it costs %d and is useful: %t, want %d and %t", class, costOf(err), useful(err), cost[class], good)
		}
	}
	own := &wire.Fault{Class: wire.BadReply, Inner: "0"}
	if costOf(own) != 0 || !useful(own) {
		t.Error("the platform's own answer counts as trouble, because it cannot be read")
	}
	if down := (&wire.Fault{Class: wire.ServerError, Inner: "1"}); costOf(down) != troubleCost || useful(down) {
		t.Error("a server error with a code is no trouble")
	}
}
