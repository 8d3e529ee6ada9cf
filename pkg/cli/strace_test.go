package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var sweep = flag.Bool("sweep", false, "let every call to the kernel fail in turn, not only a sample of them")

// failpoint is a call to the kernel at which a run is killed or told that the
// disk failed.
type failpoint struct {
	command string // apply, or what comes after one that was killed: resume, or again for a new apply
	call    string
	fault   string // as strace has it: signal=SIGKILL, error=ENOSPC
	when    int    // the number of the call among those of its thread
	at      string // "journal" or "report": only calls for that file of the run, which is resumed, count
}

func (f failpoint) String() string {
	at := ""
	if f.at != "" {
		at = " of the " + f.at
	}
	return fmt.Sprintf("%s with %s:%s:when=%d%s", f.command, f.call, f.fault, f.when, at)
}

// failpoints are those of a test run. The numbers count the calls of one thread,
// so that where the program is hit is seen only afterwards.
func failpoints() (all []failpoint) {
	for _, f := range []struct {
		call   string
		faults []string
		sample []int
		most   int
	}{
		{"write", []string{"signal=SIGKILL", "error=ENOSPC"}, []int{2, 3, 5, 9}, 60},
		{"fsync", []string{"signal=SIGKILL", "error=EIO"}, []int{3, 5, 8}, 40},
		{"renameat", []string{"signal=SIGKILL", "error=ENOSPC"}, []int{1, 2}, 8},
		{"openat", []string{"error=EIO", "error=EMFILE"}, nil, 60},
		{"fchmod", []string{"signal=SIGKILL", "error=EPERM"}, nil, 12},
		{"mkdirat", []string{"error=ENOSPC"}, []int{4}, 8},
		{"unlinkat", []string{"signal=SIGKILL"}, nil, 6},
		{"ftruncate", []string{"signal=SIGKILL", "error=EIO"}, nil, 3},
	} {
		numbers := f.sample
		if *sweep {
			numbers = nil
			for n := 1; n <= f.most; n++ {
				numbers = append(numbers, n)
			}
		}
		for _, fault := range f.faults {
			for _, n := range numbers {
				all = append(all, failpoint{command: "apply", call: f.call, fault: fault, when: n})
				if *sweep {
					all = append(all, failpoint{command: "resume", call: f.call, fault: fault, when: n}, failpoint{command: "again", call: f.call, fault: fault, when: n})
				}
			}
		}
	}
	for n := 1; n <= 2 || n <= 12 && *sweep; n++ {
		for _, fault := range []string{"write:error=ENOSPC", "write:signal=SIGKILL", "fsync:error=EIO", "fsync:signal=SIGKILL"} {
			call, fault, _ := strings.Cut(fault, ":")
			all = append(all, failpoint{command: "resume", call: call, fault: fault, when: n, at: "journal"})
		}
	}
	return append(all, failpoint{command: "resume", call: "renameat", fault: "signal=SIGKILL", when: 1, at: "report"})
}

// tracing says why programs cannot be traced here, empty when they can.
func tracing() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "there is no strace"
	}
	if out, err := exec.Command("strace", "-f", "-o", os.DevNull, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("strace may not trace: %v\n%s", err, out)
	}
	return ""
}

// injected is where strace put a fault: the path of the file or the socket.
var injected = regexp.MustCompile(`(?m)^\d+ +(\w+)\((?:\d+<([^>]*)>|AT_FDCWD<[^>]*>, "([^"]*)").*\(INJECTED\)`)

// struck is a traced command and what it was hit at.
type struck struct {
	*command
	code    int
	targets []string // files, in order; empty when it ended before
}

// traced runs a command in strace with a fault.
func (s *site) traced(f failpoint, args ...string) (struck, error) {
	log := s.path("strace.log")
	c := s.command(args...)
	words := []string{"strace", "-f", "-y", "-qq", "-o", log, "-e", "trace=" + f.call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", f.call, f.fault, f.when)}
	for id := range s.journals() {
		switch f.at {
		case "journal":
			words = append(words, "-P", filepath.Join(s.accountAt(), "runs", id, "journal"))
		case "report":
			words = append(words, "-P", filepath.Join("reports", id, "results.csv"))
		}
	}
	c.within(words...)
	c.setenv("TMPDIR", s.dir)
	if err := c.start(); err != nil {
		return struck{}, err
	}
	hit := struck{command: c, code: c.end()}
	if c.overdue.Load() {
		return hit, fmt.Errorf("it did not end within %s: %s", commandLimit, c)
	}
	data, err := os.ReadFile(log)
	for _, found := range injected.FindAllStringSubmatch(string(data), -1) {
		target := found[2] + found[3]
		if found[1] != f.call {
			return hit, fmt.Errorf("strace injected into %s", found[1])
		}
		hit.targets = append(hit.targets, target)
	}
	return hit, err
}

// kindOf says in a word what a file is to the program.
func (s *site) kindOf(path string) string {
	inside, ours := strings.CutPrefix(path, s.dir+"/")
	switch {
	case strings.HasSuffix(path, "/journal"), strings.HasSuffix(path, "/journal.new"):
		return "journal"
	case strings.HasSuffix(path, "refused-logins.json"):
		return "advice" // it keeps a login from being tried, and nothing else
	case ours && strings.HasPrefix(inside, "state"):
		return "state"
	case ours && strings.HasPrefix(inside, "reports"), strings.HasPrefix(path, "reports"), ours && strings.Contains(inside, "."):
		return "reports"
	case strings.HasPrefix(path, "socket:"):
		return "socket"
	case strings.HasPrefix(path, "pipe:"), path == os.DevNull:
		return "stream"
	}
	return "other"
}

// struckAt lets a run be hit at a failpoint, and then goes on with it.
func (s *site) struckAt(f failpoint, total *siteTally) error {
	args := []string{"apply", "--yes", "fleet.csv", "--parallelism", "2"}
	if f.command != "apply" {
		c := s.command(args...)
		s.atCall(7, c.kill)
		if err := c.start(); err != nil {
			return err
		}
		c.end()
		s.trap.Store(nil)
	}
	if f.command == "resume" {
		args = []string{"resume", "--parallelism", "2"}
	}
	hit, err := s.traced(f, args...)
	if err != nil {
		return err
	}
	kind := "nothing"
	if hit.code == -1 {
		kind = "killed"
	}
	for _, target := range hit.targets {
		kind = s.kindOf(target)
	}
	total.add(fmt.Sprintf("%s %s at %s", f.call, f.fault, kind), 1)
	if err := s.wantRefusal(f, hit, kind); err != nil {
		return fmt.Errorf("%v\n%s%s", err, hit.command, s.dump())
	}
	return s.finish(false, total)
}

// wantRefusal demands of a run whose disk failed that it says so, with what to
// do, and that nothing was sent of which the journal does not tell.
func (s *site) wantRefusal(f failpoint, hit struck, kind string) error {
	var problems []error
	if v := s.judge(); len(v) > 0 {
		problems = append(problems, errors.New(strings.Join(v, "\n")))
	}
	said := hit.err.String()
	if strings.Contains(said, "DATA RACE") || strings.Contains(said, "internal error") || hit.code == 66 || hit.code == 70 {
		problems = append(problems, errors.New("it broke"))
	}
	if strings.HasPrefix(f.fault, "error=") && (kind == "journal" || kind == "state") {
		if hit.code != 74 {
			problems = append(problems, fmt.Errorf("got exit code %d where the disk failed at %v, want 74", hit.code, hit.targets))
		}
		for i, target := range hit.targets {
			if kind := s.kindOf(target); kind == "journal" && i > 0 && s.kindOf(hit.targets[i-1]) == "journal" {
				problems = append(problems, fmt.Errorf("it wrote to the journal again after that failed: %v", hit.targets))
			}
		}
	}
	return errors.Join(problems...)
}

// struckHardships are runs that are hit at failpoints.
func struckHardships() (all []hardship) {
	if tracing() != "" {
		return nil
	}
	for _, f := range failpoints() {
		all = append(all, hardship{"failpoint: " + f.String(), 12, nil, func(s *site, total *siteTally) error { return s.struckAt(f, total) }})
	}
	return all
}

// Failpoints need a strace that may trace; this says whether they were tried.
func TestTracing(t *testing.T) {
	if why := tracing(); why != "" {
		t.Skip(why)
	}
}
