package pace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// permits runs callers at a purse in virtual time and returns when each got
// its permit, counted from the start.
func permits(p *Purse, callers int) []time.Duration {
	start := time.Now()
	var mu sync.Mutex
	var got []time.Duration
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			if p.Wait(context.Background(), Begin) == nil {
				mu.Lock()
				got = append(got, time.Since(start))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return got
}

func TestTheRateIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		perSecond := rapid.SampledFrom([]float64{0.5, 1.8, 2, 10, 333}).Draw(rt, "rate")
		callers := rapid.IntRange(1, 200).Draw(rt, "callers")
		var worst string
		synctest.Test(t, func(*testing.T) {
			got := permits(New(perSecond), callers)
			worst = overfull(got, perSecond, 10*time.Second)
			ideal := time.Duration(float64(callers-1) / perSecond * float64(time.Second))
			if last := got[len(got)-1]; last > ideal+time.Millisecond {
				worst = fmt.Sprintf("%d permits took %s, want %s: permits were left unused", callers, last, ideal)
			}
		})
		if worst != "" {
			rt.Fatal(worst)
		}
	})
}

// overfull names the first window that holds more than rate × window + 1.
func overfull(times []time.Duration, perSecond float64, window time.Duration) string {
	most := int(perSecond*window.Seconds()+1e-6) + 1
	for i := range times {
		if i >= most && times[i]-times[i-most] < window-time.Millisecond {
			return fmt.Sprintf("%d permits within %s, want at most %d", most+1, times[i]-times[i-most], most)
		}
	}
	return ""
}

func TestThePurseServesByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1)
		if err := p.Wait(t.Context(), Begin); err != nil { // the first permit is free
			t.Fatal(err)
		}
		var mu sync.Mutex
		var got []Priority
		var wg sync.WaitGroup
		for _, priority := range []Priority{Begin, Next, Begin, Settle, Login, Next} {
			wg.Go(func() {
				if err := p.Wait(t.Context(), priority); err != nil {
					t.Error(err)
				}
				mu.Lock()
				got = append(got, priority)
				mu.Unlock()
			})
			synctest.Wait()
		}
		wg.Wait()
		if want := fmt.Sprint([]Priority{Login, Settle, Next, Next, Begin, Begin}); fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

func TestWhoLeavesTakesNoPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1)
		_ = p.Wait(t.Context(), Begin)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- p.Wait(ctx, Begin) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		start := time.Now()
		if err := p.Wait(t.Context(), Begin); err != nil || time.Since(start) != time.Second {
			t.Errorf("got %v after %s, want the next permit after 1s", err, time.Since(start))
		}
	})
}

func TestNoLimitNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := permits(New(0), 1000)
		if last := got[len(got)-1]; last != 0 {
			t.Errorf("the last of 1000 waited %s", last)
		}
	})
}

func TestAThrottleStopsEverybodyAndThePaceComesBack(t *testing.T) {
	for _, perSecond := range []float64{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			p := New(perSecond)
			for range 30 { // thirty calls were in flight together
				p.Throttled(0)
			}
			start := time.Now()
			if err := p.Wait(t.Context(), Login); err != nil || time.Since(start) < firstPause {
				t.Errorf("rate %g: got a permit after %s (%v), want a pause of %s", perSecond, time.Since(start), err, firstPause)
			}
			if slow := p.Rate(); slow == 0 || perSecond != 0 && slow != perSecond/2 {
				t.Errorf("rate %g: got %g after one throttle", perSecond, slow)
			}
			for range 200 {
				p.Passed()
			}
			if got := p.Rate(); got != perSecond {
				t.Errorf("rate %g: came back to %g", perSecond, got)
			}
		})
	}
}

func TestAStormCostsFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, end, calls := New(2), time.Now().Add(10*time.Minute), 0
		for time.Now().Before(end) {
			_ = p.Wait(t.Context(), Begin)
			p.Throttled(0)
			calls++
		}
		if calls > 30 {
			t.Errorf("got %d calls in ten minutes of throttling, want at most 30", calls)
		}
	})
}

func TestRetryAfterIsObeyedUpToItsCap(t *testing.T) {
	for ask, want := range map[time.Duration]time.Duration{90 * time.Second: 90 * time.Second, time.Hour: longestAsk} {
		synctest.Test(t, func(t *testing.T) {
			p, start := New(2), time.Now()
			p.Throttled(ask)
			_ = p.Wait(t.Context(), Begin)
			if got := time.Since(start); got < want || got > want+10*time.Second {
				t.Errorf("asked for %s: waited %s, want %s", ask, got, want)
			}
		})
	}
}

func BenchmarkUnpacedWait(b *testing.B) {
	p := New(0)
	for b.Loop() {
		_ = p.Wait(b.Context(), Begin)
	}
}
