package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sftctl/pkg/journal"
)

// accountAt is the directory of the site's account.
func (s *site) accountAt() string {
	var url string
	for _, setting := range s.env {
		if value, ok := strings.CutPrefix(setting, "SFTCTL_URL="); ok {
			url = value
		}
	}
	return journal.AccountDir(s.path("state"), url, "ann")
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func makeAll(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(path, 0o700), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// What must be kept has its place before the platform hears of anything.
func TestNoPlaceForState(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(t *testing.T, s *site)
	}{
		{"a file in the place of the state", func(t *testing.T, s *site) { put(t, s.path("state"), "x") }},
		{"a file above the state", func(t *testing.T, s *site) {
			put(t, s.path("x"), "x")
			s.env = append(s.env, "SFTCTL_STATE_DIR="+s.path("x", "state"))
		}},
		{"a link to nowhere", func(t *testing.T, s *site) { _ = os.Symlink(s.path("nowhere"), s.path("state")) }},
		{"a file in the place of the accounts", func(t *testing.T, s *site) { put(t, s.path("state", "accounts"), "x") }},
		{"a file in the place of the account", func(t *testing.T, s *site) { put(t, s.accountAt(), "x") }},
		{"a file in the place of the runs", func(t *testing.T, s *site) { put(t, filepath.Join(s.accountAt(), "runs"), "x") }},
		{"a file in the place of the used plans", func(t *testing.T, s *site) { put(t, filepath.Join(s.accountAt(), "used"), "x") }},
		{"a directory in the place of the lock", func(t *testing.T, s *site) { makeAll(t, filepath.Join(s.accountAt(), "lock"), 0o700) }},
		{"a directory in the place of the slots", func(t *testing.T, s *site) { makeAll(t, filepath.Join(s.accountAt(), "slots"), 0o700) }},
		{"a file in the place of the reports", func(t *testing.T, s *site) { put(t, s.path("reports"), "x") }},
		{"a file in the reports' way", func(t *testing.T, s *site) {
			put(t, s.path("x"), "x")
			s.env = append(s.env, "SFTCTL_REPORTS=x/reports")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, 3, 0)
			test.harm(t, s)
			for _, args := range [][]string{{"apply", "--yes", "fleet.csv"}, {"resume"}} {
				wantNothingSent(t, s, s.command(args...))
			}
		})
	}
}

// wantNothingSent demands that a command ends with an error of the disk, and has
// not even logged in.
func wantNothingSent(t *testing.T, s *site, c *command) {
	t.Helper()
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if code := c.end(); code != 74 || c.err.String() == "" {
		t.Errorf("got exit code %d, want 74 and why\n%s", code, c)
	}
	if got := s.requests(); got != 0 {
		t.Errorf("got %d requests, want none\n%s", got, c)
	}
}

// nobody makes commands run as a user to whom a directory does not belong: root
// may do everything.
func nobody(t *testing.T, s *site) func(*command) *command {
	if os.Getuid() != 0 {
		return func(c *command) *command { return c }
	}
	program, err := exec.LookPath("sftctl")
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(s.dir, "sftctl")
	if err := os.Link(program, open); err != nil {
		data, err2 := os.ReadFile(program)
		if err := errors.Join(err2, os.WriteFile(open, data, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(open, 0o755), os.Chmod(s.path("fleet.csv"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return func(c *command) *command {
		c.Args[4] = open
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return c
	}
}

// A directory that cannot be written, or belongs to another user, is seen
// before anything is sent.
func TestNotOurs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(t *testing.T, s *site)
		root bool // needs another user
	}{
		{"read-only state", func(t *testing.T, s *site) { makeAll(t, s.path("state"), 0o555) }, false},
		{"read-only account", func(t *testing.T, s *site) {
			makeAll(t, s.path("state", "accounts"), 0o777)
			makeAll(t, s.path("state"), 0o777)
			makeAll(t, s.accountAt(), 0o555)
		}, true},
		{"an account that others may write", func(t *testing.T, s *site) {
			makeAll(t, s.path("state", "accounts"), 0o777)
			makeAll(t, s.path("state"), 0o777)
			makeAll(t, s.accountAt(), 0o777)
		}, true},
		{"read-only reports", func(t *testing.T, s *site) { makeAll(t, s.path("reports"), 0o555) }, false},
		{"no right to make the reports", func(t *testing.T, s *site) { s.env = append(s.env, "SFTCTL_STATE_DIR="+s.path("ours")) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.root && os.Getuid() != 0 {
				t.Skip("only root can be somebody else")
			}
			s := newSite(t, 3, 0)
			test.harm(t, s)
			as := nobody(t, s)
			if strings.HasPrefix(test.name, "read-only reports") && os.Getuid() == 0 {
				makeAll(t, s.path("state"), 0o777)
			}
			if strings.HasPrefix(test.name, "no right") {
				makeAll(t, s.path("ours"), 0o777)
			}
			wantNothingSent(t, s, as(s.command("apply", "--yes", "fleet.csv")))
			t.Cleanup(func() { _ = os.Chmod(s.path("state"), 0o700); _ = os.Chmod(s.path("reports"), 0o700) })
		})
	}
}

// A report that cannot be written at the end is made again from the journal.
func TestNoPlaceForReport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(s *site) error
	}{
		{"a file came in its place", func(s *site) error { return os.WriteFile(s.path("reports"), nil, 0o600) }},
		{"a link to nowhere", func(s *site) error { return os.Symlink(s.path("x", "y"), s.path("reports")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, 20, 5)
			harmed := make(chan error, 1)
			s.atCall(3, func() { harmed <- test.harm(s) })
			c, code := s.do("apply", "--yes", "fleet.csv")
			if err := <-harmed; err != nil {
				t.Fatal(err)
			}
			id := s.ids[len(s.ids)-1]
			if code != 74 || !c.err.has("sftctl runs show "+id+" --reports DIR writes the reports again") || !c.out.has(": 20 done") {
				t.Errorf("got exit code %d, want 74, all that was done, and what to do\n%s", code, c)
			}
			for _, dir := range []string{"once", "twice"} {
				if c, code := s.do("runs", "show", id, "--reports", dir); code != 0 {
					t.Errorf("got exit code %d\n%s", code, c)
				}
			}
			for _, name := range []string{"results.csv", "failed.csv", "summary.json", "report.html", "report.md"} {
				once, err := os.ReadFile(s.path("once", id, name))
				twice, _ := os.ReadFile(s.path("twice", id, name))
				if err != nil || !bytes.Equal(once, twice) {
					t.Errorf("%s is another the second time (%v)", name, err)
				}
				s.runs[0].Results = once
				if name != "results.csv" {
					s.runs[0].Results, _ = os.ReadFile(s.path("once", id, "results.csv"))
				}
			}
			s.trap.Store(nil)
			if err := os.Remove(s.path("reports")); err != nil {
				t.Fatal(err)
			}
			s.wantRest(t)
		})
	}
}

// The exit code is what came of the rows, also where a page for people could not be
// written; the other files are there.
func TestNoPlaceForAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, 20, 5)
	harmed := make(chan error, 1)
	s.atCall(3, func() {
		for id := range s.journals() {
			harmed <- os.MkdirAll(s.path("reports", id, "report.html", "x"), 0o700)
		}
	})
	c, code := s.do("apply", "--yes", "fleet.csv")
	if err := <-harmed; err != nil {
		t.Fatal(err)
	}
	id := s.ids[len(s.ids)-1]
	if code != 0 || !c.err.has("warning: ") || !c.err.has("sftctl runs show "+id+" --reports DIR writes the reports again") {
		t.Errorf("got exit code %d, want 0 and a warning\n%s", code, c)
	}
	for _, name := range []string{"results.csv", "failed.csv", "summary.json", "report.md"} {
		if _, err := os.Stat(s.path("reports", id, name)); err != nil {
			t.Error(err)
		}
	}
	if c, code := s.do("runs", "show", id, "--reports", "reports"); code != 74 {
		t.Errorf("asked for them: got exit code %d, want 74\n%s", code, c)
	}
	if err := os.RemoveAll(s.path("reports", id, "report.html")); err != nil {
		t.Fatal(err)
	}
	s.wantRest(t)
}

// Temporary files go where there is place for them: not on another disk, and not
// where nothing can be written.
func TestTemporaryFiles(t *testing.T) {
	t.Parallel()
	other := t.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp("/dev/shm", "sftctl-test-"); err == nil {
			other = dir
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
		}
	}
	for _, tmp := range []string{other, "/nonexistent", "/dev/null", ""} {
		s := newSite(t, 3, 0)
		for _, args := range [][]string{{"plan", "-o", "fleet.plan", "fleet.csv"}, {"apply", "fleet.plan"}, {"export", "-o", "live.csv"}} {
			c := s.command(args...).setenv("TMPDIR", tmp)
			if err := c.start(); err != nil {
				t.Fatal(err)
			}
			if code := c.end(); code != 0 {
				t.Errorf("TMPDIR=%s: got exit code %d\n%s", tmp, code, c)
			}
		}
		if left, _ := os.ReadDir(other); len(left) > 0 {
			t.Errorf("TMPDIR=%s: %s was left there", tmp, left[0].Name())
		}
		s.wantRest(t)
	}
}

// What lies about already is made private too.
func TestOldModes(t *testing.T) {
	t.Parallel()
	s := newSite(t, 6, 0)
	if _, code := s.do("apply", "--yes", "fleet.csv"); code != 0 {
		t.Fatal(code)
	}
	_ = filepath.WalkDir(s.accountAt(), func(path string, d fs.DirEntry, err error) error {
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return errors.Join(err, os.Chmod(path, mode))
	})
	if c, code := s.do("apply", "--yes", "fleet.csv"); code != 0 {
		t.Fatal(c)
	}
	for _, path := range []string{"", "lock", "slots", "runs", "used"} {
		info, err := os.Stat(filepath.Join(s.accountAt(), path))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v (%v), want it private", path, info.Mode(), err)
		}
	}
}

// mount gives the site's state a disk of its own of some KiB, in a world that its
// programs enter. It says why that is not possible here.
func (s *site) mount(t testing.TB, kib int) (why error) {
	t.Helper()
	unshare, enter := []string{"-m"}, []string{"-m"}
	if os.Getuid() != 0 {
		unshare, enter = []string{"-r", "-m"}, []string{"-U", "--preserve-credentials", "-m"}
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dk,mode=700 none "$1" && echo mounted && exec sleep 900`, kib)
	world := exec.Command("unshare", append(unshare, "sh", "-c", script, "sh", s.path("state"))...)
	if err := os.Mkdir(s.path("state"), 0o700); err != nil {
		return err
	}
	var said, wrong talk
	world.Stdout, world.Stderr = &said, &wrong
	if err := world.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = world.Wait(); close(ended) }()
	t.Cleanup(func() { _ = world.Process.Kill(); <-ended })
	err := poll("a disk is mounted", func() bool {
		select {
		case <-ended:
			return true
		default:
			return said.has("mounted")
		}
	})
	if err != nil || !said.has("mounted") {
		return fmt.Errorf("no disk can be mounted here: %w %s", err, wrong.String())
	}
	pid := strconv.Itoa(world.Process.Pid)
	s.root = "/proc/" + pid + "/root"
	t.Cleanup(func() { s.watched(t, s.root+s.path("state")) })
	s.enter = append(append([]string{"nsenter", "-t", pid}, enter...), "--wd="+s.dir)
	if out, err := exec.Command(s.enter[0], append(s.enter[1:len(s.enter):len(s.enter)], "true")...).CombinedOutput(); err != nil {
		return fmt.Errorf("the disk cannot be reached: %w %s", err, out)
	}
	return nil
}

// fill leaves no room on the disk of the state.
func (s *site) fill() error {
	f, err := os.OpenFile(s.root+s.path("state", "filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for piece := make([]byte, size); err == nil; {
			_, err = f.Write(piece)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
	return nil
}

// full fills the disk in the middle of a run. Nothing is sent that is not on it,
// and all goes on when there is room again.
func full(s *site, at int, command string) error {
	filled := make(chan error, 1)
	if command == "resume" {
		c := s.command("apply", "--yes", "fleet.csv")
		s.atCall(4, c.kill)
		if err := c.start(); err != nil {
			return err
		}
		c.end()
	}
	s.atCall(at, func() { filled <- s.fill() })
	c, code := s.do(s.words(command, false)...)
	s.trap.Store(nil)
	select {
	case err := <-filled:
		if err != nil {
			return err
		}
	default:
		return fmt.Errorf("the disk never ran full: %s", c)
	}
	if code != 74 || !c.err.has("no space left on device") || !c.err.has("sftctl resume") {
		return fmt.Errorf("got exit code %d, want 74, why, and what to do: %s", code, c)
	}
	if problems := s.judge(); len(problems) > 0 {
		return fmt.Errorf("%s\n%s\n%s", strings.Join(problems, "\n"), c, s.dump())
	}
	sent := s.announced()
	for range 2 { // it does not begin anything while there is no room
		if c, code := s.do("resume"); code != 74 {
			return fmt.Errorf("got exit code %d on a full disk, want 74: %s", code, c)
		}
	}
	if now := s.mutations(); now > sent {
		return fmt.Errorf("got %d calls on a full disk, want none", now-sent)
	}
	if err := os.Remove(s.root + s.path("state", "filler")); err != nil {
		return err
	}
	return s.finish(false, &siteTally{n: map[string]int{}})
}

// What is on a disk that went read-only can still be read.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, 6, 0)
	if err := s.mount(t, 1024); err != nil {
		t.Skip(err)
	}
	if c, code := s.do("apply", "--yes", "fleet.csv"); code != 0 {
		t.Fatal(c)
	}
	if out, err := exec.Command(s.enter[0], append(s.enter[1:len(s.enter):len(s.enter)], "mount", "-o", "remount,ro", s.path("state"))...).CombinedOutput(); err != nil {
		t.Skip(err, string(out))
	}
	id, before := s.ids[0], s.requests()
	for _, test := range []struct {
		code int
		args []string
	}{
		{0, []string{"runs"}}, {0, []string{"runs", "show", id, "--reports", "again"}}, {0, []string{"show", id}},
		{74, []string{"apply", "--yes", "fleet.csv"}}, {74, []string{"resume"}},
	} {
		if c, code := s.do(test.args...); code != test.code {
			t.Errorf("got exit code %d, want %d\n%s", code, test.code, c)
		}
	}
	if now := s.requests(); now != before {
		t.Errorf("got %d requests, want none", now-before)
	}
}
