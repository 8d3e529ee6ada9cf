package cli

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sftctl/pkg/oracle"
)

// command is a process of the program.
type command struct {
	*exec.Cmd
	site     *site
	run      oracle.Run
	out, err talk
	before   map[string]string
	started  chan struct{}
	ended    chan struct{}
	overdue  atomic.Bool
}

// talk is what a process prints; it can be read meanwhile.
type talk struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *talk) has(text string) bool { return strings.Contains(t.String(), text) }

// command makes a command that is not started yet. It runs with no umask, so
// that all modes are the program's own.
func (s *site) command(args ...string) *command {
	c := &command{site: s, run: oracle.Run{Command: args[0], Planned: -1}, started: make(chan struct{}), ended: make(chan struct{})}
	c.Cmd = exec.Command("sh", append([]string{"-c", `umask 0; exec "$@"`, "sh", "sftctl"}, args...)...)
	c.Dir, c.Env, c.Stdout, c.Stderr = s.dir, slices.Clone(s.env), &c.out, &c.err
	c.WaitDelay = 10 * time.Second
	s.mu.Lock()
	s.commands = append(s.commands, c)
	s.mu.Unlock()
	return c.within(s.enter...)
}

// within puts another program before this one, such as a tracer.
func (c *command) within(words ...string) *command {
	c.Args = slices.Insert(c.Args, 4, words...)
	return c
}

func (c *command) setenv(name, value string) *command {
	c.Env = append(c.Env, name+"="+value)
	return c
}

// start starts the command; one that does not end is killed some day.
func (c *command) start() error {
	c.before = c.site.journals()
	c.run.Began = time.Now()
	err := c.Start()
	close(c.started)
	if err != nil {
		return err
	}
	limit := time.AfterFunc(commandLimit, func() { c.overdue.Store(true); c.kill() })
	go func() {
		_ = c.Wait()
		limit.Stop()
		c.run.Ended = time.Now()
		close(c.ended)
	}()
	return nil
}

// kill kills the process that was started here.
func (c *command) kill() { c.signal(syscall.SIGKILL) }

// signal may be called from elsewhere, as soon as the process does anything.
func (c *command) signal(s syscall.Signal) {
	if <-c.started; c.Process != nil {
		_ = c.Process.Signal(s)
	}
}

// end waits for the end of the command and adds it to the evidence. It returns
// the exit code, negative when the program was killed.
func (c *command) end() int {
	<-c.ended
	s := c.site
	code := c.ProcessState.ExitCode()
	status, _ := c.ProcessState.Sys().(syscall.WaitStatus)
	c.run.Crashed = status.Signaled() || code == killedInside
	if c.run.Exit = code; c.run.Crashed {
		c.run.Exit, code = 0, -1
	}
	id := s.touched(c.before)
	if id != "" && !c.run.Crashed {
		if data, err := os.ReadFile(s.path("reports", id, "results.csv")); err == nil {
			c.run.Results = data
		}
	}
	s.runs, s.ids = append(s.runs, c.run), append(s.ids, id)
	return code
}

// killedInside is the exit code of a tracer whose program was killed.
const killedInside = 128 + int(syscall.SIGKILL)

// do runs a command to its end.
func (s *site) do(args ...string) (*command, int) {
	c := s.command(args...)
	if err := c.start(); err != nil {
		panic(err)
	}
	return c, c.end()
}

func (c *command) String() string {
	return fmt.Sprintf("%s: %v\n%s%s", strings.Join(c.Args[4:], " "), c.ProcessState, tail(c.out.String(), 8), tail(c.err.String(), 60))
}

// tail is the end of a text, in lines.
func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-1-lines):], "")
}
