package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/manifest"
)

type initOptions struct {
	from string
	out  string // "-" is standard output
}

// startFile is where a manifest goes that nobody names.
const startFile = "fleet.yaml"

func newInit(env Env) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a manifest to begin with, or draft one for a CSV that you have",
		Long: `Write a manifest to begin with to FILE (` + startFile + ` unless it is named; - is standard output). It
says what a manifest can say, its rows are examples, and as it is it can only be used with --simulate.

With --from it is drafted for a CSV that has whatever columns it has: their names and what is in the
cells say which field each gives. What each was taken for, and why, stands in the draft. Read it
before you use it.

A file that is there already is not replaced. Nothing is read but the CSV, and nothing is sent.`,
		Args:              atMostOne,
		ValidArgsFunction: manifestFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.out = append(args, startFile)[0]
			return runInit(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "draft a manifest that includes the CSV `FILE`")
	return cmd
}

func runInit(_ context.Context, env Env, o initOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.from != "" {
		return runDraft(env, o)
	}
	if err := o.write(env, manifest.WriteStarter); err != nil {
		return err
	}
	o.wrote(env, fmt.Sprintf("try it: sftctl plan --simulate %s", fleet.Printable(o.out)))
	return nil
}

// check refuses a place for the manifest before anything is read.
func (o *initOptions) check() error {
	ext := strings.ToLower(filepath.Ext(o.out))
	switch {
	case o.out == "-":
		return nil
	case ext == ".csv" && o.from == "":
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("init %s: that is where the manifest goes, which is YAML; to draft one for a CSV say sftctl init --from %s", o.out, o.out))
	case ext != ".yaml" && ext != ".yml":
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("init %s: a manifest is YAML, want a name that ends in .yaml", o.out))
	}
	return replaceable("init", o.out, o.isThere)
}

func (o *initOptions) isThere(path string) error {
	return fmt.Errorf("init %s: it is there already and is not replaced; name another file, or - for standard output", path)
}

// write writes a manifest to where it shall be, whole or not at all.
func (o *initOptions) write(env Env, write func(io.Writer) error) error {
	if o.out == "-" {
		return fleet.Kind(fleet.ErrIO, write(env.Stdout))
	}
	err := createFile(o.out, write)
	if errors.Is(err, fs.ErrExist) { // it was made meanwhile
		return fleet.Kind(fleet.ErrUsage, o.isThere(o.out))
	}
	return err
}

func (o *initOptions) wrote(env Env, next string) {
	if o.out != "-" {
		say(env.Stderr, "wrote %s; %s", fleet.Printable(o.out), next)
	}
}

// manifestName is the file that a draft is for: what goes to standard output is
// meant to be saved where one stands.
func (o *initOptions) manifestName() string {
	if o.out == "-" {
		return startFile
	}
	return o.out
}

// runDraft drafts a manifest, says what it rests on, and what Read will say of it.
func runDraft(env Env, o initOptions) error {
	d, err := manifest.NewDraft(o.from, o.manifestName(), manifest.Options{})
	if errors.Is(err, fleet.ErrUsage) {
		return fmt.Errorf("init --from: %w", err)
	}
	if err != nil {
		return err
	}
	if err := o.write(env, d.Write); err != nil {
		return err
	}
	tellDraft(env, o.from, d)
	if d.Problems != nil {
		o.wrote(env, "sftctl validate refuses it as it is, as below")
		return refusal(d.Problems)
	}
	o.wrote(env, fmt.Sprintf("read it, then: sftctl validate %s", fleet.Printable(o.out)))
	return nil
}

// tellDraft says what each column was taken for, and what a person has to decide.
func tellDraft(env Env, from string, d *manifest.Draft) {
	var table strings.Builder
	_ = d.WriteColumns(&table) // into memory
	say(env.Stderr, "%s: %s\n\n%s", fleet.Printable(from), fleet.Count(d.Rows, "row"), table.String())
	for _, note := range d.Notes {
		say(env.Stderr, "to do: %s", note)
	}
	for i := range d.Warnings {
		say(env.Stderr, "warning: %v", &d.Warnings[i])
	}
}

// refusal is what validate will say of a draft, the first of it.
func refusal(problems error) error {
	const most = 10
	var all fleet.Problems
	if !errors.As(problems, &all) {
		return problems
	}
	told := slices.Clone(all[:min(most, len(all))])
	if more := len(all) - most; more > 0 {
		told = append(told, fmt.Errorf("and %s more problems, which sftctl validate names", fleet.Number(more)))
	}
	return told
}
