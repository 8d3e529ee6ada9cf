package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/report"
)

type getOptions struct {
	connection
	format string
	rawCSV bool
	name   string
}

func newGet(env Env) *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:       "get TABLE",
		Short:     "Print what the platform has: " + fleet.Alternatives(fleet.ListNames()),
		Args:      oneTable,
		ValidArgs: fleet.ListNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGet(cmd.Context(), env, o, args[0])
		},
	}
	o.connection.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", fleet.Alternatives(getFormats))
	offer(f, "format", getFormats...)
	f.BoolVar(&o.rawCSV, "raw-csv", false, "with --format csv: cells as they are, for programs; without it those that a spreadsheet would run as a formula begin with an apostrophe")
	f.StringVar(&o.name, "name", "", "only names that fit the pattern `GLOB`, where * stands for any letters and ? for one")
	return cmd
}

// getFormats are those in which a table is printed.
var getFormats = []string{"text", "csv", "json"}

// oneTable asks for one argument.
func oneTable(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s: got %s, want one of %s", cmd.CommandPath(), fleet.Count(len(args), "table"), fleet.Alternatives(fleet.ListNames())))
}

// check reads what was asked for.
func (o *getOptions) check(table string) (list fleet.List, write func(*report.Table, io.Writer) error, err error) {
	formats := map[string]func(*report.Table, io.Writer) error{"text": (*report.Table).WriteText, "csv": (*report.Table).WriteCSV, "json": (*report.Table).WriteJSON}
	err = list.UnmarshalText([]byte(table))
	if write = formats[o.format]; write == nil {
		err = errors.Join(err, fmt.Errorf("--format: got %s, want %s", fleet.Quote(o.format), fleet.Alternatives(getFormats)))
	}
	switch {
	case o.rawCSV && o.format == "csv":
		write = (*report.Table).WriteRawCSV
	case o.rawCSV:
		err = errors.Join(err, fmt.Errorf("--raw-csv: it goes with --format csv, and the format is %s", o.format))
	}
	if o.name != "" && list == fleet.SIMs {
		err = errors.Join(err, errors.New("--name: SIMs have no name"))
	}
	return list, write, fleet.Kind(fleet.ErrUsage, err)
}

func runGet(ctx context.Context, env Env, o getOptions, table string) error {
	list, write, err := o.check(table)
	if err != nil {
		return err
	}
	s, err := o.connection.open(env)
	if err != nil {
		return err
	}
	hint(env, "reading what is live …")
	got, err := s.get(ctx, list, o.wants)
	if err := errors.Join(err, s.end(env)); err != nil {
		return err
	}
	return printed(write(got, env.Stdout))
}

// wants says whether a name is asked for.
func (o *getOptions) wants(name string) bool {
	return o.name == "" || fleet.Glob(o.name).Match(name)
}

// get reads a table as planning does: whole, or not at all.
func (s *session) get(ctx context.Context, list fleet.List, wants func(name string) bool) (*report.Table, error) {
	if list != fleet.Endpoints && list != fleet.SIMs {
		catalogue, err := s.lookUp(ctx, []fleet.List{list})
		return entriesTable(list, catalogue[list], wants), err
	}
	have, err := inventory.Fetch(ctx, s.client, s.listings(inventory.Options{SIMs: list == fleet.SIMs, Fill: true}))
	switch {
	case err != nil:
		return nil, err
	case list == fleet.SIMs:
		return simsTable(have), nil
	}
	can := s.client.Abilities()
	return endpointsTable(have, can.Has()&^can.Silent, wants), nil
}

// endpointsTable has a column for each field that an endpoint shows.
func endpointsTable(have *inventory.Inventory, shows fleet.FieldSet, wants func(name string) bool) *report.Table {
	sorted := slices.SortedFunc(slices.Values(have.Endpoints), func(a, b fleet.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	t := &report.Table{Columns: append([]string{"endpointId"}, strings.Split(shows.String(), ",")...)}
	for _, e := range sorted {
		if wants(e.Name) {
			t.Rows = append(t.Rows, append([]string{string(e.ID)}, valuesOf(e, shows)...))
		}
	}
	return t
}

// valuesOf are the values of an endpoint in the order in which fields are printed.
func valuesOf(e fleet.Endpoint, shows fleet.FieldSet) []string {
	var values []string
	for _, f := range fleet.AllFields {
		switch {
		case !shows.Has(f):
		case f == fleet.FieldStatus:
			values = append(values, string(e.Status))
		default:
			values = append(values, e.Get(f))
		}
	}
	return values
}

// simsTable has the columns that a row of a file about the card has, with those
// that no file has behind them.
func simsTable(have *inventory.Inventory) *report.Table {
	sorted := slices.SortedFunc(slices.Values(have.SIMs), func(a, b fleet.SIM) int { return cmp.Compare(a.ICCID, b.ICCID) })
	t := &report.Table{Columns: []string{"iccid", "simProduct", "endpointId", "endpointName", "_status", "_attached"}}
	for _, sim := range sorted {
		name, attached := "", "no"
		if e, ok := have.ByID(sim.EndpointID); ok {
			name = e.Name
		}
		if sim.Attached {
			attached = "yes"
		}
		t.Rows = append(t.Rows, []string{string(sim.ICCID), sim.Product, string(sim.EndpointID), name, string(sim.Status), attached})
	}
	return t
}

// entriesTable has the two columns by which a file can name an entry.
func entriesTable(list fleet.List, entries []fleet.Entry, wants func(name string) bool) *report.Table {
	t := &report.Table{Columns: map[fleet.List][]string{
		fleet.RatePlans: {"planId", "plan"}, fleet.ServiceProfiles: {"serviceProfileId", "serviceProfile"},
		fleet.APNGroups: {"apnGroupId", "apnGroup"}, fleet.SIMProducts: {"simProductId", "simProduct"},
		fleet.RoamingProfiles: {"roamingProfileId", "roamingProfile"},
	}[list]}
	for _, e := range inventory.Sorted(entries) {
		if wants(e.Name) {
			t.Rows = append(t.Rows, []string{string(e.ID), e.Name})
		}
	}
	return t
}
