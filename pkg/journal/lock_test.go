package journal_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

// lockEnv makes the test binary a process that takes the lock of a directory.
const lockEnv = "JOURNAL_TEST_LOCK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockEnv); dir != "" {
		contend(dir)
		return
	}
	os.Exit(m.Run())
}

// contend takes a lock when it is told to, says what came of it, and holds it
// until its input ends.
func contend(dir string) {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	_, _ = in.ReadString('\n')
	_, err := journal.TakeLock(dir, "apply fleet.csv")
	switch {
	case err == nil:
		fmt.Println("won")
	case errors.Is(err, fleet.ErrLocked):
		fmt.Println("locked:", err)
	default:
		fmt.Println("error:", err)
	}
	_, _ = io.Copy(io.Discard, in)
}

type contestant struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// contender starts a process, which waits to be told.
func contender(t *testing.T, dir string) *contestant {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lockEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &contestant{cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() { _ = p.in.Close(); _ = p.Process.Kill(); _ = p.Wait() })
	if line := p.says(t); line != "ready" {
		t.Fatalf("got %q", line)
	}
	return p
}

func (p *contestant) says(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (p *contestant) tell(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		t.Fatal(err)
	}
}

func TestOneOfTenWinsAndTheOthersNameIt(t *testing.T) {
	dir := t.TempDir()
	gone := journal.Owner{PID: 1 << 30, Command: "gone"} // signed, and then killed
	gone.Host, _ = os.Hostname()
	data, _ := json.Marshal(gone)
	for _, left := range []string{"", "no json", string(data)} {
		if err := os.WriteFile(filepath.Join(dir, "lock"), []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		var ps []*contestant
		for range 10 {
			ps = append(ps, contender(t, dir))
		}
		for _, p := range ps {
			p.tell(t)
		}
		winner, said := 0, []string{}
		for _, p := range ps {
			line := p.says(t)
			if said = append(said, line); line == "won" {
				winner = p.Process.Pid
			}
		}
		want := fmt.Sprintf("locked: another run holds this account: apply fleet.csv, process %d on ", winner)
		wins := 0
		for _, line := range said {
			if line == "won" {
				wins++
			} else if !strings.HasPrefix(line, want) {
				t.Errorf("got %q, want %q", line, want)
			}
		}
		if wins != 1 {
			t.Errorf("%d won: %q", wins, said)
		}
		for _, p := range ps {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}
}

func TestALockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	for range 50 {
		p := contender(t, dir)
		p.tell(t)
		if line := p.says(t); line != "won" {
			t.Fatalf("got %q", line)
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.Wait()
		lock, err := journal.TakeLock(dir, "apply")
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALockIsHeldUntilItIsReleased(t *testing.T) {
	dir := t.TempDir()
	lock, err := journal.TakeLock(dir, "apply \x1b[31m")
	if err != nil {
		t.Fatal(err)
	}
	_, err = journal.TakeLock(dir, "resume")
	want := fmt.Sprintf(`another run holds this account: apply \x1b[31m, process %d on `, os.Getpid())
	if !errors.Is(err, fleet.ErrLocked) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := errors.Join(lock.Release(), lock.Release()); err != nil {
		t.Error(err)
	}
	again, err := journal.TakeLock(dir, "resume")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// Who has just got the lock may not have signed yet, and whoever was told to stop
// another process would stop a stranger.
func TestAProcessThatIsGoneIsNotNamed(t *testing.T) {
	dir := t.TempDir()
	lock, err := journal.TakeLock(dir, "apply")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	host, _ := os.Hostname()
	tests := []struct {
		text  string
		named bool
	}{
		{"", false},
		{"{", false},
		{fmt.Sprintf(`{"pid":1073741824,"host":%q}`, host), false},
		{fmt.Sprintf(`{"pid":%d,"host":%q}`, os.Getppid(), host), true},
		{`{"pid":1073741824,"host":"a container of this machine"}`, true},
	}
	for _, test := range tests {
		if err := os.WriteFile(filepath.Join(dir, "lock"), []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := journal.TakeLock(dir, "apply")
		if named := strings.Contains(fmt.Sprint(err), ", process "); !errors.Is(err, fleet.ErrLocked) || named != test.named {
			t.Errorf("%s: got %v", test.text, err)
		}
	}
}

// Who only asks takes nothing, and makes nothing.
func TestTheHolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	want := func(held bool) {
		t.Helper()
		who, got, err := journal.Holder(dir)
		if got != held || err != nil || strings.Contains(who, fmt.Sprintf("another run holds this account: apply f.csv, process %d", os.Getpid())) != held {
			t.Errorf("got %q, %t, %v", who, got, err)
		}
	}
	want(false)
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("it made %v, %v", names, err)
	}
	lock, err := journal.TakeLock(dir, "apply f.csv")
	if err != nil {
		t.Fatal(err)
	}
	want(true)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	want(false) // its process lives, and holds it no more
	if lock, err = journal.TakeLock(dir, "apply f.csv"); err != nil {
		t.Fatalf("whoever asked has it now: %v", err)
	}
	want(true)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}
