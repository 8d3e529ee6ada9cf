package cli

import (
	"math"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	"sftctl/pkg/apply"
	"sftctl/pkg/report"
)

const heartbeat = 30 * time.Second

// progress tells how far a run is: a bar on a terminal, else a line every half
// minute.
type progress struct {
	*tally
	env   Env
	told  func(report.Progress) // every half minute; nil tells nobody
	bar   *progressbar.ProgressBar
	quit  chan struct{}
	ended chan struct{}
}

func watch(env Env, t *tally, told func(report.Progress)) *progress {
	w := &progress{tally: t, env: env, told: told, quit: make(chan struct{}), ended: make(chan struct{})}
	if env.Terminal && logger(env) == nil && t.total > 0 {
		w.bar = progressbar.NewOptions(t.total, progressbar.OptionSetWriter(env.Stderr), progressbar.OptionSetWidth(barWidth),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
	}
	go w.beat()
	return w
}

// beat speaks at intervals until the run ends.
func (w *progress) beat() {
	defer close(w.ended)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-w.quit:
			return
		case <-ticker.C:
			w.tell(w.now(), time.Duration(n)*time.Second%heartbeat == 0)
		}
	}
}

// tell moves the bar every second; all others hear at times only.
func (w *progress) tell(p report.Progress, loud bool) {
	if w.bar != nil {
		w.bar.Describe(p.Pace(w.room()))
	}
	if !loud {
		return
	}
	if w.told != nil {
		w.told(p)
	}
	if w.bar == nil && logger(w.env) == nil {
		say(w.env.Stderr, "%s", p)
	}
}

const barWidth = 12

// room is how many columns the terminal has besides the bar, its percentage and its
// count.
func (w *progress) room() int {
	if w.env.Width == nil {
		return math.MaxInt
	}
	return w.env.Width() - barWidth - len("  100% || (/)  ") - 2*len(strconv.Itoa(w.total))
}

// completed is told of every task that ends.
func (w *progress) completed(c apply.Completed) {
	w.tally.ended(c)
	if w.bar != nil {
		_ = w.bar.Add(1)
	}
}

func (w *progress) stop() {
	close(w.quit)
	<-w.ended
	if w.bar != nil {
		_ = w.bar.Finish()
	}
	if w.told != nil {
		w.told(w.now())
	}
}
