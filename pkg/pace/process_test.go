package pace

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The test program runs itself anew to be another process at a slot file.
const (
	childFile = "PACE_TEST_SLOTS" // a path; set in children only
	childEnd  = "PACE_TEST_END"   // the last permit, in nanoseconds since 1970
	childRate = 50
	childTime = 2 * time.Second
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// child prints the time of each of its permits in nanoseconds.
func child(path string) int {
	slots, err := OpenSlots(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	p := NewShared(childRate, slots)
	end, err := strconv.ParseInt(os.Getenv(childEnd), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for time.Now().UnixNano() < end {
		_ = p.Wait(context.Background(), Begin)
		fmt.Println(time.Now().UnixNano())
	}
	if err := p.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn starts a child; what it returns waits for the child's permits.
func spawn(t *testing.T, path string, end time.Time) (*exec.Cmd, func() []time.Time) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path, fmt.Sprintf("%s=%d", childEnd, end.UnixNano()))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, func() (got []time.Time) {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				t.Error(err)
			}
			got = append(got, time.Unix(0, n))
		}
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != -1 {
			t.Errorf("child: %v", err)
		}
		return got
	}
}

// Three processes share a rate, and one of them is killed on the way. No permit
// comes before its slot, so from the first slot, which the test sets, the bound
// holds but for a wall clock that is being slowed (1 ms); in any other second
// each process may have one call more, whose timer was late before it began.
func TestProcessesShareOneRate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds of real time")
	}
	path := slotFile(t)
	first := time.Now().Add(500 * time.Millisecond)
	write(t, path, encode(first))
	victim, killed := spawn(t, path, first.Add(childTime))
	_, one := spawn(t, path, first.Add(childTime))
	_, other := spawn(t, path, first.Add(childTime))
	time.AfterFunc(time.Until(first)+childTime/2, func() { _ = victim.Process.Kill() })
	parts := [][]time.Time{killed(), one(), other()}
	all := slices.Concat(parts...)
	slices.SortFunc(all, time.Time.Compare)
	for i, at := range all {
		if want := time.Duration(i) * time.Second / childRate; at.Sub(first) < want-time.Millisecond {
			t.Fatalf("permit %d came after %s, want %s", i, at.Sub(first), want)
		}
		if most := childRate + 1 + len(parts); i >= most && at.Sub(all[i-most]) < time.Second {
			t.Errorf("%d calls within %s, want at most %d in a second", most+1, at.Sub(all[i-most]), most)
		}
	}
	if len(parts[0]) == 0 || len(parts[1]) == 0 || len(parts[2]) == 0 { // how many depends on the machine
		t.Error("a process got no permit")
	}
	t.Logf("%d permits, at best %d: %d (killed), %d, %d", len(all), childRate*int(childTime/time.Second)+1, len(parts[0]), len(parts[1]), len(parts[2]))
}
