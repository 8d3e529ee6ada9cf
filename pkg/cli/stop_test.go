package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// mutating says whether a request may change the fleet.
func mutating(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "ogin")
}

// slowCalls make calls take long enough to be in flight when something happens.
var slowCalls = simulator.WithLatencyFunc(func(op wire.Op) time.Duration {
	if op.Mutates() {
		return 150 * time.Millisecond
	}
	return 2 * time.Millisecond
})

// atCall lays a trap at the n-th mutating request from now on.
func (s *site) atCall(n int, spring func()) {
	var calls atomic.Int64
	s.trap.Store(&trap{spring: spring, at: func(_ int, r *http.Request) bool { return mutating(r) && calls.Add(1) == int64(n) }})
}

// stopped applies the fleet and stops that by signals in the work.
func (s *site) stopped(t *testing.T, signals ...syscall.Signal) (c *command, code int) {
	t.Helper()
	c = s.command("apply", "--yes", "fleet.csv")
	s.atCall(10, func() {
		for _, by := range signals {
			c.signal(by)
		}
	})
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	return c, c.end()
}

// wantStopped demands of a stopped run that what was sent is answered, that the
// rest was not begun, that all rows are reported, and that they can be finished.
func (s *site) wantStopped(t *testing.T, c *command, code, want int) {
	t.Helper()
	if code != want {
		t.Errorf("got exit code %d, want %d\n%s", code, want, c)
	}
	sent := 0
	for _, e := range s.sim.Log() {
		if e.Op.Mutates() {
			sent++
			if e.Status != http.StatusOK {
				t.Errorf("%s of %s was given up", e.Op, e.Row)
			}
		}
	}
	// Of those that began at once, the tenth stops the program; tasks that are in
	// flight then end their call.
	if sent > 10+6 {
		t.Errorf("got %d calls in a run that was stopped at the tenth of 6 at a time", sent)
	}
	results := string(s.runs[len(s.runs)-1].Results)
	for _, line := range strings.Split(results, "\n")[min(1, len(results)):] {
		if strings.Contains(line, "unknown") {
			t.Errorf("a row is unknown: %s", line)
		}
	}
	if n := strings.Count(results, "\n"); n != len(s.rows)+1 {
		t.Errorf("the report has %d lines, want %d:\n%s", n, len(s.rows)+1, c)
	}
	if !c.err.has("stopping: nothing new is begun") || !c.out.has("cut short: stopped ") {
		t.Errorf("it does not say that it was stopped:\n%s", c)
	}
	s.wantRest(t)
}

// wantRest finishes the fleet.
func (s *site) wantRest(t *testing.T) {
	t.Helper()
	s.trap.Store(nil)
	if err := s.finish(false, &siteTally{n: map[string]int{}}); err != nil {
		t.Error(err)
	}
}

// The first signal stops a run in good order. Who signals often does it twice at
// once: timeout(1) signals its child and the group, a hang-up comes from the
// shell and from the kernel, a service manager may send both.
func TestStopped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signals []syscall.Signal
		code    int
	}{
		{[]syscall.Signal{syscall.SIGINT}, 130},
		{[]syscall.Signal{syscall.SIGTERM}, 143},
		{[]syscall.Signal{syscall.SIGHUP}, 129},
		{[]syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, 143},
		{[]syscall.Signal{syscall.SIGHUP, syscall.SIGHUP}, 129},
		{[]syscall.Signal{syscall.SIGTERM, syscall.SIGCONT, syscall.SIGHUP}, 143},
	} {
		t.Run(fmt.Sprint(test.signals), func(t *testing.T) {
			s := newSite(t, 40, 10, slowCalls)
			c, code := s.stopped(t, test.signals...)
			if slices.Contains(test.signals, syscall.Signal(code-128)) {
				test.code = code // which of several comes first is open
			}
			s.wantStopped(t, c, code, test.code)
		})
	}
}

// A hang-up that comes later than the stop, as when the shell takes its time,
// does not end a run either.
func TestHangUpLater(t *testing.T) {
	t.Parallel()
	s := newSite(t, 12, 0, simulator.WithFaults(simulator.Fault{Op: wire.OpCreate, Effect: simulator.Slow, Delay: time.Second}))
	c := s.command("apply", "--yes", "fleet.csv").setenv("SFTCTL_CALL_TIMEOUT", "20s")
	s.atCall(6, func() { c.signal(syscall.SIGHUP) })
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if err := poll("it stops", func() bool { return c.err.has("stopping") || c.gone() }); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * toldTwice)
	c.signal(syscall.SIGHUP)
	code := c.end()
	s.sim.SetFaults()
	s.wantStopped(t, c, code, 129)
}

// timeout(1) stops a run as anybody else does.
func TestTimeoutCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t, 40, 10, slowCalls)
	c := s.command("apply", "--yes", "fleet.csv")
	c.within("timeout", "600") // that is signalled here, and hands it on, twice
	s.atCall(10, func() { c.signal(syscall.SIGTERM) })
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	code := c.end()
	if code != 124 && code != 143 {
		t.Errorf("got exit code %d, want that of timeout(1)", code)
	}
	s.runs[len(s.runs)-1].Exit = 143
	s.wantStopped(t, c, code, code)
}

// Whenever a signal comes, a run that has begun reports all rows.
func TestStoppedAnyTime(t *testing.T) {
	t.Parallel()
	for i := range 1 + *kills/4 {
		seed := uint64(*seedFrom + i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			s := newSite(t, 40, 10, slowCalls)
			by := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}[r.IntN(3)]
			c := s.command("apply", "--yes", "fleet.csv")
			at := 1 + r.IntN(75)
			s.trap.Store(&trap{late: r.IntN(2) == 0, spring: func() { c.signal(by) }, at: func(n int, _ *http.Request) bool { return n == at }})
			if err := c.start(); err != nil {
				t.Fatal(err)
			}
			code := c.end()
			if code != 128+int(by) && code != 0 {
				t.Errorf("%s at request %d: got exit code %d\n%s", by, at, code, c)
			}
			results := s.runs[len(s.runs)-1].Results
			if id := s.ids[len(s.ids)-1]; id != "" && results == nil {
				t.Errorf("%s at request %d: run %s has no report\n%s", by, at, id, c)
			}
			s.wantRest(t)
		})
	}
}

// Under nohup a hang-up is nothing.
func TestNoHangUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, 30, 0)
	c := s.command("apply", "--yes", "fleet.csv")
	c.Args[2] = `umask 0; trap "" HUP; exec "$@"`
	s.atCall(5, func() { c.signal(syscall.SIGHUP) })
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if code := c.end(); code != 0 {
		t.Errorf("got exit code %d, want 0\n%s", code, c)
	}
	s.wantRest(t)
}

// Nobody has to read what is printed.
func TestClosedStreams(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, shell string }{
		{"no stdout", `exec "$@" >&-`},
		{"no stderr", `exec "$@" 2>&-`},
		{"no streams", `exec "$@" <&- >&- 2>&-`},
		{"head", `exec 3>&1; { "$@"; echo $? >&3; } | head -n 1 >/dev/null`},
		{"head of stderr", `exec 3>&1; { "$@" 2>&1 >/dev/null; echo $? >&3; } | true`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, 30, 5)
			c := s.command("apply", "--yes", "fleet.csv")
			c.Args[2] = "umask 0; " + test.shell
			if err := c.start(); err != nil {
				t.Fatal(err)
			}
			code := c.end()
			if strings.HasPrefix(test.name, "head") {
				_, _ = fmt.Sscan(c.out.String(), &code)
			}
			if code != 0 {
				t.Errorf("got exit code %d, want 0\n%s", code, c)
			}
			files, _ := filepath.Glob(s.path("reports", "*", "*"))
			if len(files) != 5 {
				t.Errorf("got reports %v, want five files", files)
			}
			s.wantRest(t)
		})
	}
}

// secondInterrupt gives up calls that hang, at once, and loses nothing.
func secondInterrupt(s *site, by syscall.Signal, ignored bool) error {
	c := s.command("apply", "--yes", "fleet.csv").setenv("SFTCTL_CALL_TIMEOUT", "100s")
	if ignored {
		c.Args[2] = `umask 0; trap "" INT; exec "$@"`
	}
	s.atCall(6, func() { c.signal(syscall.SIGINT) })
	if err := c.start(); err != nil {
		return err
	}
	if err := poll("it stops", func() bool { return c.err.has("a second interrupt gives them up") || c.gone() }); err != nil {
		return err
	}
	time.Sleep(2 * toldTwice)
	if c.gone() {
		return fmt.Errorf("it did not wait for its calls: %s", c)
	}
	began := time.Now()
	c.signal(by)
	c.end()
	if took := time.Since(began); took > 5*time.Second {
		return fmt.Errorf("it took %s to end at a second signal", took)
	}
	if status := c.ProcessState.Sys().(syscall.WaitStatus); !ignored && status.Signal() != by {
		return fmt.Errorf("it ended with %v, want signal %v", status, by)
	}
	s.runs[len(s.runs)-1].Crashed = true
	s.sim.SetFaults()
	s.trap.Store(nil)
	return s.finish(false, &siteTally{n: map[string]int{}})
}

// hangs are creates that are never answered, one in two of them done.
func hangs(e simulator.Event) (simulator.Effect, time.Duration) {
	if e.Op != wire.OpCreate || e.Attempt > 1 {
		return simulator.NoEffect, 0
	}
	return []simulator.Effect{simulator.HangApplied, simulator.HangDropped}[e.Row[len(e.Row)-1]%2], 0
}

// outOfGrace stops a run whose calls hang longer than they may.
func outOfGrace(s *site) error {
	c := s.command("apply", "--yes", "fleet.csv", "--grace", "1s").setenv("SFTCTL_CALL_TIMEOUT", "100s")
	s.atCall(6, func() { c.signal(syscall.SIGTERM) })
	if err := c.start(); err != nil {
		return err
	}
	code := c.end()
	if results := string(s.runs[len(s.runs)-1].Results); code != 143 || strings.Count(results, "\n") != len(s.rows)+1 {
		return errors.New(c.String())
	}
	s.trap.Store(nil)
	return s.finish(false, &siteTally{n: map[string]int{}})
}

// gone says whether the command has ended.
func (c *command) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}
