package cli

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sftctl/pkg/simulator"
)

// A process leaves no core, whatever limit it was started with, and says nothing
// secret when it is made to say all that it knows: when it is ended with its
// stacks, and when the runtime talks of connections. What the commands print and
// leave is searched at the end of the test.
func TestCrashesTellNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, 4, 2, simulator.WithFaultFunc(hangs))
	c := s.command("apply", "--yes", "fleet.csv").setenv("GODEBUG", "http2debug=2,netdns=go+2,gctrace=1").setenv("GOTRACEBACK", "all")
	c.Args[2] = "ulimit -c unlimited; " + c.Args[2]
	limits := make(chan string, 1)
	s.trap.Store(&trap{at: func(n int, _ *http.Request) bool { return n == 4 }, spring: func() {
		<-c.started
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", c.Process.Pid))
		if err != nil {
			data = nil // no such thing on this system
		}
		limits <- string(data)
		c.signal(syscall.SIGQUIT)
	}})
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	c.end()
	if !c.err.has("SIGQUIT") || !c.err.has("goroutine ") {
		t.Errorf("got no stacks, or this test shows nothing: %s", c)
	}
	select {
	case text := <-limits:
		if text != "" && !regexp.MustCompile(`Max core file size +0 +0 `).MatchString(text) {
			t.Errorf("it may leave a core: %s", text)
		}
	case <-time.After(time.Second):
		t.Error("it asked for too little")
	}
}

// No flag takes a secret: arguments are visible to everybody. Nor is there one
// that lets anybody vouch for the platform.
func TestNoFlagTakesASecret(t *testing.T) {
	for _, cmd := range newRoot(Env{}).Commands() {
		usage := cmd.Flags().FlagUsages()
		for _, word := range strings.Fields(strings.ReplaceAll(usage, "\n", " ")) {
			if regexp.MustCompile(`^--(password|pass|token|secret|key-file|insecure.*|.*skip-(tls|verify).*|no-verify|redirect.*|http2?|trace|dump)$`).MatchString(word) {
				t.Errorf("%s has %s", cmd.Name(), word)
			}
		}
	}
}

// A panic is told by its type and its place.
func TestAPanicTellsNoValue(t *testing.T) {
	env := Env{Args: []string{"plan", "f.csv"}, Getenv: func(name string) (string, bool) {
		if name == "SFTCTL_SETTLE" {
			panic("the password is " + canary)
		}
		return "", false
	}}
	var talk strings.Builder
	env.Stderr, env.Stdout = &talk, &talk
	code := Main(t.Context(), env)
	if code != exitInternal || !strings.Contains(talk.String(), "internal error (string)") || !strings.Contains(talk.String(), "secrets_test.go") || len(leaks([]byte(talk.String()))) > 0 {
		t.Errorf("got code %d: %s", code, talk.String())
	}
}
