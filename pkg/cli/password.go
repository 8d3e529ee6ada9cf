package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
)

// passwordWays are the ways to a password other than SFTCTL_PASSWORD. There is no
// flag that holds it: arguments are visible to everybody.
type passwordWays struct {
	passwordFile    string
	passwordStdin   bool
	passwordCommand []string
}

func (w *passwordWays) bind(f *pflag.FlagSet) {
	f.StringVar(&w.passwordFile, "password-file", "", "`FILE` that holds the password and that only you can read")
	f.BoolVar(&w.passwordStdin, "password-stdin", false, "read the password from standard input, to its end")
	f.StringArrayVar(&w.passwordCommand, "password-command", nil, "`WORD` of a command that prints the password: the program, then each argument by a flag of its own; no shell is in between")
}

// The bounds of what a way to the password may take.
const (
	longestPassword = 4 << 10
	commandPatience = time.Minute // a person may have to unlock something
	pipePatience    = 2 * time.Second
)

// passwordFlags are the names of those ways in a configuration.
var passwordFlags = []string{"password-file", "password-stdin", "password-command"}

// oneWay lets a profile's way to the password stand in the place of that of the
// configuration around it.
func oneWay(values, profile map[string]setting) {
	for _, name := range passwordFlags {
		if _, ok := profile[name]; !ok {
			continue
		}
		for _, other := range passwordFlags {
			delete(values, other)
		}
	}
}

// stdinOnce refuses to read standard input for two things: the password would be
// taken for rows, and shown in what is wrong with them.
func stdinOnce(cmd *cobra.Command, args []string) error {
	if f := cmd.Flags().Lookup("password-stdin"); f == nil || f.Value.String() != "true" || !slices.Contains(args, "-") {
		return nil
	}
	return fleet.Kind(fleet.ErrUsage, errors.New("standard input is either the password (--password-stdin) or a file (-), not both"))
}

// given are the ways that somebody chose.
func (w *passwordWays) given(env Env) (ways []string) {
	if text, ok := env.Getenv("SFTCTL_PASSWORD"); ok && text != "" {
		ways = append(ways, "SFTCTL_PASSWORD")
	}
	if w.passwordFile != "" {
		ways = append(ways, "--password-file")
	}
	if w.passwordStdin {
		ways = append(ways, "--password-stdin")
	}
	if len(w.passwordCommand) > 0 {
		ways = append(ways, "--password-command")
	}
	return ways
}

// password gets the password in the one way that was chosen. The error is an
// ErrUsage, which never has what was read.
func (w *passwordWays) password(env Env, username string) (secret platform.Secret, err error) {
	defer func() { err = fleet.Kind(fleet.ErrUsage, err) }()
	ways := w.given(env)
	var missing []error
	if username == "" {
		missing = append(missing, errors.New("no user name: set SFTCTL_USERNAME or --username"))
	}
	if len(ways) == 0 {
		missing = append(missing, errors.New("no password: set SFTCTL_PASSWORD, name a --password-file or a --password-command, or say --password-stdin"))
	}
	if len(missing) > 0 {
		return secret, errors.Join(append(missing, errors.New("(to try things out without an account: --simulate)"))...)
	}
	if len(ways) > 1 {
		return secret, fmt.Errorf("the password comes in %d ways, want one: %s (each may be a flag, in the environment, or in the configuration)", len(ways), strings.Join(ways, " and "))
	}
	text, err := w.read(env, ways[0])
	switch {
	case err != nil:
		return secret, fmt.Errorf("%s: %w", ways[0], err)
	case text == "":
		return secret, fmt.Errorf("%s: it is empty, want the password", ways[0])
	}
	return platform.NewSecret(text), nil
}

func (w *passwordWays) read(env Env, way string) (string, error) {
	switch way {
	case "--password-file":
		return fromFile(w.passwordFile)
	case "--password-stdin":
		return fromStdin(env.Stdin)
	case "--password-command":
		text, err := fromCommand(env, w.passwordCommand, commandPatience)
		return text, err
	}
	text, _ := env.Getenv(way)
	return oneLine([]byte(text))
}

// fromFile reads a small file that nobody but its owner can read. It looks at
// the file that it has open: the name may stand for another one by then.
func fromFile(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // nor does it wait for whoever writes to a pipe
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s: it is no regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s: mode is %04o, want 0600: run chmod 600 on it", path, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, longestPassword+1))
	if err != nil {
		return "", err
	}
	text, err := oneLine(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

func withoutNewline(data []byte) string { return string(bytes.TrimRight(data, "\r\n")) }

// fromStdin reads all of standard input, so that nothing else is taken from it. A
// person does not type a password there: it would show.
func fromStdin(in io.Reader) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return "", errors.New("standard input is a terminal, where the password would show; want a pipe or a file")
	}
	data, err := io.ReadAll(io.LimitReader(in, longestPassword+1))
	if err != nil {
		return "", err
	}
	return oneLine(data)
}

// oneLine refuses what can hardly be a password, without saying what it was.
func oneLine(data []byte) (string, error) {
	text := withoutNewline(data)
	switch {
	case len(data) > longestPassword:
		return "", fmt.Errorf("there are more than %d bytes, want the password alone", longestPassword)
	case strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("there are %d lines, want the password alone", strings.Count(text, "\n")+1)
	}
	return text, nil
}

// fromCommand runs a program that prints the password. It is never a shell's word:
// what is in a file name or an argument stays there.
func fromCommand(env Env, words []string, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out := bounded{left: longestPassword + 1}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, env.Stderr, pipePatience
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s did not end within %s", fleet.Quote(words[0]), patience)
	case len(words) == 1 && strings.ContainsAny(words[0], " \t") && cmd.Process == nil:
		return "", fmt.Errorf("%w (it is run without a shell: give the program and each argument by a --password-command of its own, or a list in the configuration)", err)
	case err != nil:
		return "", fmt.Errorf("%s: %w", fleet.Quote(words[0]), err)
	}
	return oneLine(out.data)
}

// bounded keeps the beginning of what is written, and takes the rest in too: the
// writer must not die of it.
type bounded struct {
	data []byte
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.data, b.left = append(b.data, p[:n]...), b.left-n
	return len(p), nil
}

// ownersAlone refuses a file that somebody else may change: it names a program to
// run.
func ownersAlone(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if uid, known := ownerOf(info); known && uid != os.Geteuid() && uid != 0 {
		return errors.New("password-command: the file belongs to another user, who could have anything run; want your own")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("password-command: others may write the file (mode is %04o), and could have anything run: run chmod go-w on it", info.Mode().Perm())
	}
	return nil
}

// ownerOf is the user that a file belongs to, where the system tells.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	by, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(by.Uid), true
}
