package cli

import (
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/report"
)

const heartbeat = 30 * time.Second

// progress tells how far a run is: a bar on a terminal, else a line every half
// minute.
type progress struct {
	env    Env
	total  int
	began  time.Time
	done   atomic.Int64
	failed atomic.Int64
	calls  atomic.Int64
	bar    *progressbar.ProgressBar
	quit   chan struct{}
	ended  chan struct{}
}

func watch(env Env, total int) *progress {
	w := &progress{env: env, total: total, began: time.Now(), quit: make(chan struct{}), ended: make(chan struct{})}
	if env.Terminal && w.total > 0 {
		w.bar = progressbar.NewOptions(w.total, progressbar.OptionSetWriter(env.Stderr), progressbar.OptionSetDescription("applying"),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetItsString("calls"), progressbar.OptionClearOnFinish())
	}
	go w.beat()
	return w
}

// beat speaks at intervals until the run ends.
func (w *progress) beat() {
	defer close(w.ended)
	interval := heartbeat
	if w.bar != nil {
		interval = time.Second
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-ticker.C:
			w.tell()
		}
	}
}

func (w *progress) tell() {
	now := w.now(time.Since(w.began))
	if w.bar != nil {
		w.bar.Describe(now.Pace())
		return
	}
	say(w.env.Stderr, "%s", now)
}

func (w *progress) now(took time.Duration) report.Progress {
	p := report.Progress{Done: int(w.done.Load()), Total: w.total, NotDone: int(w.failed.Load()), Rate: float64(w.calls.Load()) / took.Seconds()}
	if p.Done > 0 {
		p.Left = time.Duration(float64(took) / float64(p.Done) * float64(p.Total-p.Done))
	}
	return p
}

// completed is told of every task that ends.
func (w *progress) completed(c apply.Completed) {
	w.done.Add(1)
	w.calls.Add(int64(c.Result.Attempts))
	if c.Result.Outcome != fleet.Done {
		w.failed.Add(1)
	}
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
}
