// Package cli is the command line: flags, streams and exit codes. Other programs use
// the packages that it uses.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sftctl/pkg/fleet"
)

// Env is what the program gets from outside: nothing else is read.
type Env struct {
	Args     []string // without the program's name
	Stdin    io.Reader
	Stdout   io.Writer // data
	Stderr   io.Writer // talk
	Getenv   func(string) (string, bool)
	Environ  func() []string // NAME=VALUE each; nil where nobody knows all of them
	Terminal bool            // a person sits at Stdin and Stderr
	Screen   bool            // Stdout is a terminal
	Width    func() int      // columns of the terminal at Stderr; nil where that is none
}

// System is the environment of a real process. One that crashes leaves no memory
// on the disk: the password is in it.
func System() Env {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // where even that is forbidden, it is no reason to stop
	return Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.LookupEnv, Environ: os.Environ,
		Terminal: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
		Screen:   term.IsTerminal(int(os.Stdout.Fd())),
		Width:    terminalWidth,
	}
}

// terminalWidth is the width of the terminal right now; people change it.
func terminalWidth() int {
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil || width <= 0 {
		return 80 // as terminals are that do not say
	}
	return width
}

// Signals returns a context that ends with the first SIGINT, SIGTERM or SIGHUP;
// the next one ends the process as if nobody listened. A SIGHUP that whoever
// started the program wants ignored, as nohup does, is ignored.
func Signals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	came := make(chan os.Signal, 1)
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(came, signals...)
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of output, not the end of a run
	ended := make(chan struct{})
	go listen(came, ended, func(s syscall.Signal) { cancel(&interrupted{s}) })
	return ctx, sync.OnceFunc(func() { signal.Stop(came); close(ended); cancel(nil) })
}

// toldTwice is how soon after the first a signal is no second wish: timeout(1)
// signals its child, and then the group that the child is in.
const toldTwice = 300 * time.Millisecond

// listen stops the program at the first signal and ends it at the next. One
// hang-up is often told twice, by the shell and by the kernel, and nobody is left
// at the terminal to mean it.
func listen(came <-chan os.Signal, ended <-chan struct{}, stop func(syscall.Signal)) {
	var first time.Time
	for {
		select {
		case s := <-came:
			switch by := s.(syscall.Signal); {
			case first.IsZero():
				first = time.Now()
				stop(by)
			case by != syscall.SIGHUP && time.Since(first) >= toldTwice:
				die(by)
			}
		case <-ended:
			return
		}
	}
}

// die ends the process by a signal, also where that was ignored before it began.
func die(by syscall.Signal) {
	signal.Reset(by)
	_ = syscall.Kill(os.Getpid(), by)
	time.Sleep(100 * time.Millisecond)
	os.Exit(128 + int(by))
}

type interrupted struct{ signal syscall.Signal }

func (i *interrupted) Error() string {
	switch i.signal {
	case syscall.SIGINT:
		return "stopped by an interrupt (SIGINT)"
	case syscall.SIGHUP:
		return "stopped because the terminal is gone (SIGHUP)"
	}
	return "stopped by SIGTERM"
}

// Main runs the program and returns its exit code. A command that fails says
// why on Stderr.
func Main(ctx context.Context, env Env) (code int) {
	speaks := &speaker{to: env.Stderr}
	env.Stderr = speaks
	defer speaks.end() // after whatever else is said
	defer func() {
		if r := recover(); r != nil {
			code = crashed(env, r)
		}
	}()
	root := newRoot(env)
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	err = stopped(ctx, err)
	complain(env.Stderr, err)
	if advice := adviseOn(cmd, err); advice != "" {
		say(env.Stderr, "hint: %s", fleet.Printable(advice))
	}
	return exitCode(ctx, err)
}

// crashed tells of a bug. The value may hold what must not be printed; the stack
// says where it was.
func crashed(env Env, value any) int {
	kept, ok := value.(*fleet.Panic)
	if !ok {
		kept = &fleet.Panic{Type: fmt.Sprintf("%T", value), Stack: debug.Stack()}
	}
	say(env.Stderr, "sftctl: internal error (%s) in %s; what was begun is in the journal, and sftctl resume goes on with it\n%s", kept.Type, version(), kept.Stack)
	return exitInternal
}

func newRoot(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "sftctl",
		Short:         "Bring a fleet of SIM endpoints to the state that a file describes",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return fleet.Kind(fleet.ErrUsage, flagError(cmd, err)) })
	var config configFlags
	var log logFlags
	config.bind(root)
	log.bind(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := config.layer(env, cmd); err != nil && !standsAlone(cmd) {
			return err
		}
		debug := cmd.Flags().Lookup("debug")
		log.begin(env, debug != nil && debug.Value.String() == "true")
		return stdinOnce(cmd, args)
	}
	root.AddCommand(newValidate(env), newPlan(env), newShow(env), newApply(env), newReconcile(env), newResume(env), newRetry(env), newUndo(env), newRuns(env), newDrift(env),
		newExport(env), newGet(env), newDoctor(env), newLogout(env), newSimulator(env), newInit(env), newSchema(env), newVersion(env))
	for _, t := range topics {
		root.AddCommand(t.command())
	}
	if asksToComplete(env.Args) {
		complete(env, &config, root)
	}
	return root
}

// say prints talk; nothing can be done about a stream that is closed.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...)
}

// hint tells a person at the terminal what is going on; a log needs none.
func hint(env Env, format string, args ...any) {
	if env.Terminal {
		say(env.Stderr, format, args...)
	}
}

// someFiles asks for at least one argument.
func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s: no file is given, want one or more YAML or CSV files, or - for standard input", cmd.CommandPath()))
}

// noArguments asks for none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s takes no arguments, got %s", cmd.CommandPath(), fleet.Quote(args[0])))
}

// atMostOne asks for one argument or none.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s takes one argument at most, got %d", cmd.CommandPath(), len(args)))
}
