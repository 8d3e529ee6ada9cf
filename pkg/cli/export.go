package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/manifest"
)

type exportOptions struct {
	connection
	format string
	out    string
	noIDs  bool
	force  bool
}

func newExport(env Env) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what is live as a file that plan and apply read",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExport(cmd.Context(), env, o)
		},
	}
	o.connection.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "csv", "csv or yaml")
	offer(f, "format", "csv", "yaml")
	f.StringVarP(&o.out, "out", "o", "", "write to `FILE`, whole or not at all (default standard output)")
	f.BoolVar(&o.force, "force", false, "replace the file of --out if it is there")
	f.BoolVar(&o.noIDs, "no-ids", false, "leave endpointId out, so that the file can make the fleet anew elsewhere")
	return cmd
}

func runExport(ctx context.Context, env Env, o exportOptions) error {
	write := manifest.WriteCSV
	switch o.format {
	case "csv":
	case "yaml":
		write = func(w io.Writer, specs []fleet.Spec) error { return manifest.WriteYAML(w, &fleet.Fleet{Specs: specs}) }
	default:
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("--format: got %s, want csv or yaml", fleet.Quote(o.format)))
	}
	if o.out != "" && o.out != "-" {
		if err := replaceable("--out", o.out, o.mayReplace); err != nil {
			return err
		}
	}
	s, err := o.connection.open(env)
	if err != nil {
		return err
	}
	have, err := inventory.Fetch(ctx, s.client, s.listings(inventory.Options{SIMs: true}))
	if err := errors.Join(err, s.end(env)); err != nil {
		return err
	}
	specs := wanted(have, o.noIDs)
	if o.out != "" && o.out != "-" {
		return writeFile(o.out, func(w io.Writer) error { return write(w, specs) })
	}
	return fleet.Kind(fleet.ErrIO, write(env.Stdout, specs))
}

func (o *exportOptions) mayReplace(path string) error {
	if o.force {
		return nil
	}
	return fmt.Errorf("--out %s: it is there already; --force replaces it", path)
}

// wanted turns what is live into what a file would have to say for it, by name
// and then by id, so that the order does not depend on the platform.
func wanted(have *inventory.Inventory, noIDs bool) []fleet.Spec {
	specs := make([]fleet.Spec, len(have.Endpoints))
	for i, e := range have.Endpoints {
		specs[i] = fleet.Spec{ID: e.ID, Fields: e.Fields, State: stateOf(e.Status)}
	}
	slices.SortStableFunc(specs, func(a, b fleet.Spec) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	if noIDs {
		for i := range specs {
			specs[i].ID = ""
		}
	}
	return specs
}

// stateOf is the state that a live status meets; an unknown one is left out.
func stateOf(status fleet.Status) fleet.State {
	for _, state := range []fleet.State{fleet.StateActive, fleet.StatePreActive, fleet.StateSuspended} {
		if status.Meets(state) {
			return state
		}
	}
	return fleet.StateUnmanaged
}
