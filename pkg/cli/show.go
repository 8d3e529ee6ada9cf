package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
)

type showOptions struct {
	looks
	format   string
	stateDir string
	reports  string // where to write a run's reports again; empty writes none
}

func newShow(env Env) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "show PLAN | RUN",
		Short: "Print a saved plan again, or the summary of a run",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s takes one plan file or run, got %d arguments", cmd.CommandPath(), len(args)))
			}
			return nil
		},
		ValidArgsFunction: planOrRun(env),
		RunE:              func(_ *cobra.Command, args []string) error { return runShow(env, o, args[0]) },
	}
	o.bindRun(cmd)
	cmd.Flags().StringVar(&o.stateDir, "state-dir", "", "`DIR` for what outlives a run (default $XDG_STATE_HOME/sftctl)")
	return cmd
}

func (o *showOptions) bindRun(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.format, "format", "text", fleet.Alternatives(report.Formats))
	offer(cmd.Flags(), "format", report.Formats...)
	o.looks.bind(cmd)
	cmd.Flags().StringVar(&o.reports, "reports", "", "write the run's reports again into `DIR`")
}

func (o *showOptions) check() error {
	if !slices.Contains(report.Formats, o.format) {
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("--format: got %s, want %s", fleet.Quote(o.format), fleet.Alternatives(report.Formats)))
	}
	return nil
}

func runShow(env Env, o showOptions, path string) error {
	if err := o.check(); err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return showRun(env, o, path)
	}
	p, err := readPlan(path)
	if err != nil {
		return err
	}
	return printed(report.WritePlan(env.Stdout, p, o.format, o.looks.options(env)))
}

func readPlan(path string) (*plan.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(err)
	}
	defer f.Close()
	p, err := plan.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// openError tells a file that is not there, which is bad input, from a machine
// that fails.
func openError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fleet.Kind(fleet.ErrInvalid, err)
	}
	return fleet.Kind(fleet.ErrIO, err)
}

// isPlan says whether a file is a plan, by how it begins, not by its name.
func isPlan(path string) bool {
	if path == "-" {
		return false
	}
	return plan.IsPlan(bytes.TrimSpace(beginning(path)))
}

// beginning are the first bytes of a regular file, nil when they cannot be read.
func beginning(path string) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	first := make([]byte, 64)
	n, _ := io.ReadFull(f, first)
	return first[:n]
}
