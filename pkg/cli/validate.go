package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/manifest"
)

// inputs are the flags of commands that read files.
type inputs struct {
	key        string
	iccidCheck string
	empty      bool
}

func (in *inputs) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&in.key, "key", "endpointName", "what identifies a row of a bare CSV: endpointName or iccid")
	offer(f, "key", "endpointName", "iccid")
	f.StringVar(&in.iccidCheck, "iccid-check", "strict", "strict refuses card numbers whose check digit is wrong, warn lets them through")
	offer(f, "iccid-check", "strict", "warn")
}

func (in *inputs) bindEmpty(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&in.empty, "allow-empty", false, "take files that hold no rows")
}

// read reads files and prints their warnings.
func (in *inputs) read(env Env, files []string) (*fleet.Fleet, error) {
	opts := manifest.Options{Stdin: env.Stdin, AllowEmpty: in.empty}
	for _, file := range files {
		if isPlan(file) {
			return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s is a saved plan: show prints it, and apply does it", file))
		}
	}
	if err := opts.Key.UnmarshalText([]byte(in.key)); err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--key: %w", err))
	}
	if err := opts.ICCIDCheck.UnmarshalText([]byte(in.iccidCheck)); err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--iccid-check: %w", err))
	}
	want, warnings, err := manifest.Read(files, opts)
	for i := range warnings {
		say(env.Stderr, "warning: %v", &warnings[i])
	}
	return want, err
}

func newValidate(env Env) *cobra.Command {
	var in inputs
	cmd := &cobra.Command{
		Use:               "validate FILE...",
		Short:             "Check files without the platform, and name everything that is wrong",
		Args:              someFiles,
		ValidArgsFunction: fleetFiles,
		RunE: func(cmd *cobra.Command, files []string) error {
			return runValidate(cmd.Context(), env, in, files)
		},
	}
	in.bind(cmd)
	return cmd
}

func runValidate(_ context.Context, env Env, in inputs, files []string) error {
	want, err := in.read(env, files)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "valid: %s in %s\n", fleet.Count(len(want.Specs), "row"), fleet.Count(len(want.Inputs), "file"))
	return fleet.Kind(fleet.ErrIO, err)
}
