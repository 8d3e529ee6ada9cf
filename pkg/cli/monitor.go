package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/apply"
	"sftctl/pkg/events"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
	"sftctl/pkg/wire"
)

// monitoring is who is told what a command does, and what it came to, besides
// whoever started it.
type monitoring struct {
	events, metrics, notify string
}

func (m *monitoring) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.events, "events", "", "write what is done while it is done to a `FILE`, as JSON Lines; - is standard output, and all else goes to standard error then")
	f.StringVar(&m.metrics, "metrics-file", "", "write what it came to into a `FILE` for the textfile collector of Prometheus' node exporter; its name ends in .prom")
	f.StringVar(&m.notify, "notify", "", "post what it came to as JSON to a `URL` where the exit code is not 0, or it sent a call that changes something")
}

// check refuses what can never work, before anything is done.
func (m *monitoring) check() error {
	var problems fleet.Problems
	if m.metrics != "" && !strings.HasSuffix(m.metrics, ".prom") {
		problems = append(problems, fmt.Errorf("--metrics-file: got %s, want a name that ends in .prom: the collector reads no other", fleet.Quote(m.metrics)))
	}
	if m.notify != "" {
		u, err := url.Parse(m.notify)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !platform.Loopback(u)) {
			problems = append(problems, errors.New("--notify: want the URL of a web hook that begins with https://, or with http:// on this machine (what was given is not repeated, because it may hold a secret)"))
		}
	}
	if len(problems) > 0 {
		return fleet.Kind(fleet.ErrUsage, errors.Join(problems...))
	}
	return nil
}

// monitor watches one command. The zero value watches nothing.
type monitor struct {
	monitoring
	env       Env
	ending    report.Ending
	stream    *events.Writer
	close     func() error // the file of the stream
	session   *session
	throttled atomic.Int64
}

// watch does a command that is watched, and tells what it came to however it ends.
func (m *monitoring) watch(ctx context.Context, env Env, command string, c *connection, do func(Env) error) (err error) {
	if err := m.check(); err != nil {
		return err
	}
	w := &monitor{monitoring: *m, env: env, ending: report.Ending{Command: command, Tool: version(), Started: time.Now(), Unknowns: -1}}
	w.ending.Host, _ = os.Hostname() // for people; without it the account says enough
	w.ending.Account, w.ending.Platform = c.accountName(), c.host()
	if c.simulate {
		w.ending.Account = firstOf(w.ending.Account, simulatedUser)
	}
	w.stream, w.close, err = m.open(env)
	w.warn("--events", err)
	if m.events == "-" {
		env.Stdout, env.Screen = env.Stderr, false
	}
	w.emit(events.Stream{Format: events.Format, Tool: version(), Command: command})
	c.monitor = w
	crashed := true
	defer func() {
		if crashed { // it goes on to whoever tells of bugs
			w.end(ctx, exitInternal, errors.New("internal error"), c)
		}
	}()
	err = stopped(ctx, do(env))
	crashed = false
	over := &overWith{err, exitCode(ctx, err)}
	w.end(ctx, over.code, err, c)
	return over
}

// open begins the stream of events, if there is to be one. What is there and is none,
// also one that was damaged, may be somebody's: it is left as it is.
func (m *monitoring) open(env Env) (*events.Writer, func() error, error) {
	switch m.events {
	case "":
		return nil, nil, nil
	case "-":
		return events.NewWriter(env.Stdout), func() error { return nil }, nil
	}
	if first := beginning(m.events); len(first) > 0 && !events.IsStream(first) {
		return nil, nil, fmt.Errorf("%s: what is there is no stream of events, so nothing is written to it: move it away, or name another file", m.events)
	}
	// It does not wait for whoever may read a pipe some day; and what somebody cuts off
	// meanwhile, to keep it elsewhere, leaves no hole.
	f, err := os.OpenFile(m.events, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK, 0o600)
	if err == nil {
		if err = emptied(f); err != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return events.NewWriter(f), f.Close, nil
}

// emptied takes a file that nobody else writes events to, for as long as it is open,
// and begins it anew.
func emptied(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var held error
	if err := raw.Control(func(fd uintptr) { held = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }); err != nil {
		return err
	}
	if held != nil {
		return fmt.Errorf("%s: another command writes its events there", f.Name())
	}
	return f.Truncate(0)
}

// emit tells of an event.
func (w *monitor) emit(e events.Event) {
	if w.stream != nil {
		w.stream.Emit(e)
	}
	if log := logger(w.env); log != nil {
		record(log, e)
	}
}

// saw counts what the platform answered.
func (w *monitor) saw(s platform.Seen) {
	if s.Class == wire.Throttled {
		w.throttled.Add(1)
	}
}

// planned tells of a plan.
func (w *monitor) planned(p *plan.Plan) {
	w.ending.Plan = p
	c := p.Counts
	steps := c.Steps
	if steps == nil {
		steps = map[fleet.Action]int{}
	}
	w.emit(events.Plan{Plan: p.ID, BaseURL: p.BaseURL, Account: p.Account, Dialect: p.Dialect, Simulated: p.Simulated,
		Rows: c.Rows, Orphans: c.Orphans, Change: c.Change, Refused: c.Refused, Calls: c.Calls, Steps: steps, Blocked: p.Blocked})
}

// begins tells of a run that begins, or goes on.
func (w *monitor) begins(run string, of *work) {
	e := events.Run{Run: run, Plan: of.plan.ID, Resumed: of.history != nil, Tasks: left(of)}
	for i := range of.results {
		if of.stale[i] == "" && !of.results[i].Finished() {
			e.Calls += of.results[i].CallsLeft()
		}
	}
	w.emit(e)
}

// recorder tells of what a run does.
func (w *monitor) recorder(run string, results []apply.Result) *events.Recorder {
	return events.NewRecorder(run, results, w.emit)
}

// progressed tells how far a run is.
func (w *monitor) progressed(run string) func(report.Progress) {
	return func(p report.Progress) {
		w.emit(events.Progress{Run: run, Done: p.Done, Total: p.Total, NotDone: p.NotDone, Unknown: p.Unknown, InFlight: p.InFlight,
			Calls: p.Calls, Rate: tenths(p.Rate), Allowed: tenths(p.Allowed), Seconds: p.Left.Round(time.Second).Seconds()})
	}
}

func tenths(rate float64) float64 { return float64(int64(rate*10+0.5)) / 10 }

// in notes where reports are, so that it can be found from anywhere.
func (w *monitor) in(dir string) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	w.ending.Reports = dir
}

// atLast is how long whoever reads the stream or the log has at the end.
const atLast = 5 * time.Second

// end tells what a command came to. Nothing that goes wrong here changes that.
func (w *monitor) end(ctx context.Context, exit int, err error, c *connection) {
	e := &w.ending
	e.Ended, e.Exit, e.Problem = time.Now(), exit, problem(err)
	w.count()
	if e.Run == nil && e.Reports != "" {
		w.warn("summary.json", writeFile(filepath.Join(e.Reports, "summary.json"), e.WriteSummary))
	}
	if w.metrics != "" {
		w.warn("--metrics-file", writeMetrics(w.metrics, e))
	}
	w.emit(events.Summary{Summary: e})
	if w.stream != nil {
		failed := errors.Join(w.stream.Close(atLast), w.close())
		w.warn("--events: not all of them were written", printed(failed))
	}
	if w.notify != "" && e.Remarkable() {
		w.warn("--notify", c.post(ctx, w.notify, e))
	}
}

func (w *monitor) warn(what string, err error) {
	if err != nil {
		say(w.env.Stderr, "warning: %s: %s", what, fleet.Printable(fleet.Message(err)))
	}
}

// problem is what a command says of why it failed.
func problem(err error) string {
	if err == nil || err == errDiffers {
		return ""
	}
	return strings.Trim(err.Error(), "\n")
}

// count reads off the connection what it did, and what the account's journals leave
// open.
func (w *monitor) count() {
	s := w.session
	if s == nil || s.client == nil {
		return
	}
	e := &w.ending
	e.BaseURL, e.Account, e.Simulated = s.baseURL, s.account, s.simulated
	e.Calls = report.Calls{Mutations: s.mutations(), Reads: s.reads(), Settles: s.settles(), Throttled: w.throttled.Load()}
	if w.metrics == "" && w.notify == "" && w.stream == nil {
		return
	}
	if histories, err := s.store.Histories(); err == nil {
		e.Unknowns = 0
		for _, h := range histories {
			e.Unknowns += doubtful(h)
		}
	}
}

// doubtful is how many calls of a run nobody knows about: those in flight of a run
// that goes on are not among them.
func doubtful(h *journal.History) int {
	if h.Running() {
		return len(h.Open()) - len(flying(h))
	}
	return len(h.Open())
}

// writeMetrics writes the file of metrics, whole or not at all, for anybody to
// read: the exporter is somebody else.
func writeMetrics(path string, e *report.Ending) error {
	path, err := linked(path)
	if err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s", filepath.Dir(path))
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file, and is not replaced", path)
	}
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(before) > 0 && !report.IsMetrics(before) {
		return fmt.Errorf("what is in %s is not from here, and is not replaced", path)
	}
	return replaceFile(path, 0o644, func(to io.Writer) error { return e.WriteMetrics(to, bytes.NewReader(before)) })
}
