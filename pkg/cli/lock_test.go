package cli

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sftctl/pkg/oracle"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// waits are creates that take a while.
func waits(d time.Duration) simulator.Option {
	return simulator.WithLatencyFunc(func(op wire.Op) time.Duration {
		if op.Mutates() {
			return d
		}
		return 0
	})
}

var heldBy = regexp.MustCompile(`another run holds this account: (\w+), process (\d+) on (\S+), since (\S+); wait for it to end, or stop it`)

// Of many that start at once on an account, one works; the others say who it is
// and send nothing that changes anything.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t, 30, 0, waits(400*time.Millisecond))
	var all []*command
	began := time.Now()
	for i := range 6 {
		c := s.command("apply", "--yes", "fleet.csv", "--reports", fmt.Sprint("reports", i))
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	winner := -1
	for i, c := range all {
		<-c.ended
		switch code := c.ProcessState.ExitCode(); {
		case code == 0 && winner < 0:
			winner = i
		case code != 11:
			t.Errorf("got exit code %d, want 11 but for one\n%s", code, c)
		}
	}
	if winner < 0 {
		t.Fatalf("nobody worked:\n%s", all[0])
	}
	for i, c := range all {
		if i != winner {
			wantNamed(t, c, all[winner], "apply", began)
		}
	}
	if got := s.mutations(); got != 30 {
		t.Errorf("got %d calls, want 30", got)
	}
}

// wantNamed demands that a command says who holds its account.
func wantNamed(t *testing.T, c, owner *command, name string, began time.Time) {
	t.Helper()
	said := heldBy.FindStringSubmatch(c.err.String())
	if said == nil {
		t.Errorf("it does not say who holds the account:\n%s", c)
		return
	}
	host, _ := os.Hostname()
	since, err := time.Parse(time.RFC3339, said[4])
	late := since.Sub(began.Truncate(time.Second))
	if said[1] != name || said[2] != strconv.Itoa(owner.Process.Pid) || said[3] != host || err != nil || late < 0 || late > time.Minute {
		t.Errorf("got %v, want %s, process %d on %s, since about %s", said[1:], name, owner.Process.Pid, host, began.UTC())
	}
}

// Beside a run one can look, and nothing else; not even one that is stopped in
// the middle lets go.
func TestBesideARun(t *testing.T) {
	t.Parallel()
	s := newSite(t, 16, 0, waits(time.Second))
	began := time.Now()
	owner := s.command("apply", "--yes", "fleet.csv")
	if err := owner.start(); err != nil {
		t.Fatal(err)
	}
	if err := poll("it works", func() bool { return s.mutations() > 0 }); err != nil {
		t.Fatal(err)
	}
	owner.signal(syscall.SIGSTOP)
	sent := s.announced()
	for _, test := range []struct {
		code int
		args string
	}{
		{0, "plan -o beside.plan fleet.csv"}, {2, "drift fleet.csv"}, {0, "export"}, {0, "runs"}, {0, "version"}, {0, "validate fleet.csv"},
		{11, "apply --yes fleet.csv"}, {11, "apply beside.plan"}, {11, "resume"},
	} {
		c := s.command(strings.Fields(test.args)...)
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		<-c.ended
		if code := c.ProcessState.ExitCode(); code != test.code {
			t.Errorf("%s: got exit code %d, want %d\n%s", test.args, code, test.code, c)
		}
		if test.code == 11 {
			wantNamed(t, c, owner, "apply", began)
		}
	}
	for id := range s.journals() {
		if c, code := s.do("runs", "show", id); code != 0 || !c.out.has("still running: ") || !c.out.has(" in flight") || c.out.has("cut short") {
			t.Errorf("a run that goes on is shown so:\n%s", c)
		}
		if c, code := s.do("show", "--format", "json", id); code != 0 || !c.out.has(`"callsLeft": `) {
			t.Errorf("a run that goes on is shown so:\n%s", c)
		}
	}
	if now := s.mutations(); now > sent {
		t.Errorf("got %d calls from those beside, want none", now-sent)
	}
	owner.signal(syscall.SIGCONT)
	if code := owner.end(); code != 0 {
		t.Errorf("got exit code %d, want 0\n%s", code, owner)
	}
	s.runs = s.runs[len(s.runs)-1:] // those beside have no place in a row of runs
	s.ids = s.ids[len(s.ids)-1:]
	s.wantRest(t)
}

// Who is killed lets go at once.
func TestKilledOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t, 30, 0, waits(30*time.Second))
	for i := range 20 {
		c := s.command(s.words(map[bool]string{true: "apply", false: "resume"}[i == 0], false)...)
		s.trap.Store(&trap{spring: c.kill, at: func(n int, _ *http.Request) bool { return n == 2 }})
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		if code := c.end(); code != -1 {
			t.Errorf("start %d: got exit code %d, want it killed: the lock of the one before was left\n%s", i, code, c)
		}
	}
	if stale := slices.ContainsFunc(s.runs, func(r oracle.Run) bool { return r.Exit == 11 }); stale {
		t.Error("a lock outlived its owner")
	}
}
