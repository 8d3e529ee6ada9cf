package pace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"pgregory.net/rapid"
)

// wait takes a permit and says how long that took.
func wait(t *testing.T, p *Purse) time.Duration {
	t.Helper()
	start := time.Now()
	if err := p.Wait(t.Context(), Begin); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// together runs callers at each purse and returns all their permits in order.
func together(callers int, purses ...*Purse) []time.Duration {
	var mu sync.Mutex
	var got []time.Duration
	var wg sync.WaitGroup
	for _, p := range purses {
		wg.Go(func() {
			times := permits(p, callers)
			mu.Lock()
			got = append(got, times...)
			mu.Unlock()
		})
	}
	wg.Wait()
	slices.Sort(got)
	return got
}

func TestSharedPursesKeepOneRateAndWasteNoPermit(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		perSecond := rapid.SampledFrom([]float64{0.05, 0.5, 1.8, 2, 10, 333}).Draw(rt, "rate")
		number := rapid.IntRange(1, 12).Draw(rt, "purses")
		callers := rapid.IntRange(1, 30).Draw(rt, "callers")
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		purses := make([]*Purse, number)
		var got []time.Duration
		synctest.Test(t, func(t *testing.T) {
			for i := range purses {
				purses[i] = NewShared(perSecond, open(t, path))
			}
			got = together(callers, purses...)
		})
		if worst := overfull(got, perSecond, 10*time.Second); worst != "" {
			rt.Fatal(worst)
		}
		ideal := time.Duration(float64(len(got)-1) / perSecond * float64(time.Second))
		if last := got[len(got)-1]; last > ideal+ideal*3/100+time.Millisecond {
			rt.Fatalf("%d permits took %s, want %s: permits were left unused", len(got), last, ideal)
		}
		for _, p := range purses {
			if err := p.Err(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// Others who do little, or wait behind a pause, take no more than their share.
func TestASlowPurseLeavesTheOthersTheirPermits(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		slow, fast := NewShared(0.1, open(t, path)), NewShared(2, open(t, path))
		done := make(chan []time.Duration)
		go func() { done <- permits(slow, 7) }() // one in ten seconds, which is ten seconds long
		for range 5 {
			wait(t, fast)
		}
		got := <-done
		if last := got[len(got)-1]; last > 2*time.Minute {
			t.Errorf("the slow one needed %s for 7 permits beside 5 fast ones", last)
		}
	})
}

func TestPursesThatAreBothThrottledHalveTheSharedRate(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		one, two := NewShared(2, open(t, path)), NewShared(2, open(t, path))
		one.Throttled(0)
		two.Throttled(0)
		got := together(20, one, two)
		if problem := overfull(got, 1, 10*time.Second); problem != "" {
			t.Errorf("at half of 2/s: %s", problem)
		}
	})
}

func TestAThrottleInOneProcessPausesTheOthers(t *testing.T) {
	for _, perSecond := range []float64{0, 2} { // of the one that is throttled
		path := slotFile(t)
		synctest.Test(t, func(t *testing.T) {
			one, other := NewShared(perSecond, open(t, path)), NewShared(2, open(t, path))
			wait(t, other)
			one.Throttled(90 * time.Second)
			one.Throttled(10 * time.Second) // does not shorten it
			NewShared(2, open(t, path)).Throttled(0)
			if got := wait(t, other); got != 90*time.Second {
				t.Errorf("rate %g: the other one waited %s, want 1m30s", perSecond, got)
			}
			if got := other.Rate(); got != 2 {
				t.Errorf("rate %g: the other one goes on at %g, want 2", perSecond, got)
			}
		})
	}
}

// Slots that were taken before the pause still count, but their number is
// bounded by how long before its time a slot may be taken.
func TestFewCallsLeaveAfterAnothersThrottle(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		purses := make([]*Purse, 20)
		for i := range purses {
			purses[i] = NewShared(2, open(t, path))
		}
		done := make(chan []time.Duration)
		go func() { done <- together(3, purses...) }()
		time.Sleep(5*time.Second + time.Millisecond)
		NewShared(2, open(t, path)).Throttled(longestAsk)
		late := 0
		for _, at := range <-done {
			if at > 5*time.Second && at < longestAsk {
				late++
			}
		}
		if late > 3 { // those of a second at 2/s
			t.Errorf("%d calls left in the pause, want at most 3", late)
		}
	})
}

// The pause with which the platform answers the throttled process's own call
// comes after its next slot was taken: that slot is lost, and no call doubled.
func TestASlotInsideAPauseIsLost(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		one, other := NewShared(2, open(t, path)), NewShared(2, open(t, path))
		wait(t, one)
		done := make(chan []time.Duration)
		go func() { done <- together(5, one, other) }()
		time.Sleep(600 * time.Millisecond) // the slots after 1s and 1.5s are taken, one by each
		one.Throttled(5 * time.Second)
		var after []time.Duration
		for _, at := range <-done {
			if at >= 5*time.Second {
				after = append(after, at)
			}
		}
		if problem := overfull(after, 2, 900*time.Millisecond); problem != "" || len(after) != 8 {
			t.Errorf("%d calls after the pause, want 8; %s", len(after), problem)
		}
	})
}

func TestNobodyWaitingTakesNoSlot(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := NewShared(1, open(t, path))
		wait(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- p.Wait(ctx, Begin) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		time.Sleep(time.Minute)
		if got := next(t, path).Sub(start); got != time.Second {
			t.Errorf("the next slot is after %s, want 1s", got)
		}
		if got := wait(t, p); got != 0 {
			t.Errorf("waited %s after a quiet minute", got)
		}
	})
}

func TestAFileErrorIsRememberedAndThePaceGoesOn(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := NewShared(2, open(t, path))
		wait(t, p)
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := wait(t, p); got != 500*time.Millisecond {
				t.Errorf("waited %s, want 500ms", got)
			}
		}
		first := p.Err()
		if !errors.Is(first, fs.ErrNotExist) || !strings.Contains(first.Error(), path) {
			t.Errorf("got %v, want it to name %s", first, path)
		}
		p.Throttled(0)
		if got := wait(t, p); got != firstPause || p.Err() != first {
			t.Errorf("waited %s with %v, want %s with the first error", got, p.Err(), firstPause)
		}
	})
}

// Whoever holds the lock may have been stopped: the others do not stop with it.
func TestALockThatIsNotGivenBackDoesNotStopThePace(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		stopped := flock.New(path)
		if err := stopped.Lock(); err != nil {
			t.Fatal(err)
		}
		p := NewShared(2, open(t, path))
		for range 5 {
			if got := wait(t, p); got != lockPatience {
				t.Errorf("waited %s, want %s", got, lockPatience)
			}
		}
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), "locked by another process") {
			t.Errorf("got %v", err)
		}
		if err := stopped.Unlock(); err != nil {
			t.Fatal(err)
		}
		wait(t, p)
		if got := time.Until(next(t, path)); got != 500*time.Millisecond {
			t.Errorf("afterwards the next slot is in %s, want 500ms: the file is used again", got)
		}
	})
}

func TestWithoutALimitNoSlotIsTaken(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := NewShared(0, open(t, path))
		if got := together(1000, p); got[999] != 0 {
			t.Errorf("the last of 1000 waited %s", got[999])
		}
		if got := next(t, path); !got.IsZero() {
			t.Errorf("the next slot is at %s, want none taken", got)
		}
	})
}

func BenchmarkSharedWait(b *testing.B) {
	p := NewShared(1e9, open(b, slotFile(b)))
	for b.Loop() {
		_ = p.Wait(b.Context(), Begin)
	}
}

func BenchmarkPacedWait(b *testing.B) {
	p := New(1e9)
	for b.Loop() {
		_ = p.Wait(b.Context(), Begin)
	}
}
