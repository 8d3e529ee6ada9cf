package manifest

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"

	"github.com/gocarina/gocsv"
	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// always are the columns that every written CSV has.
const always = state + 1

// WriteCSV writes rows that Read reads back: the canonical columns, and of the
// others those that any row needs. Cells that a spreadsheet would run are
// escaped. Layers are not taken apart: each row has its values in full.
func WriteCSV(w io.Writer, specs []fleet.Spec) error {
	rows := rowsOf(specs)
	out := &columnWriter{Writer: csv.NewWriter(w), keep: usedFields(rows)}
	return gocsv.MarshalCSV(rows, out)
}

func rowsOf(specs []fleet.Spec) []row {
	rows := make([]row, len(specs))
	for i, s := range specs {
		rows[i] = rowOf(s)
	}
	return rows
}

func usedFields(rows []row) []bool {
	used := make([]bool, fieldCount)
	for f := range fieldCount {
		used[f] = f < always || slices.ContainsFunc(rows, func(r row) bool { return *r.at(f) != "" })
	}
	return used
}

// columnWriter writes some of the columns that it is given, escaped.
type columnWriter struct {
	*csv.Writer
	keep []bool
	line []string
}

// Write writes one record.
func (c *columnWriter) Write(record []string) error {
	c.line = c.line[:0]
	for i, cell := range record {
		if c.keep[i] {
			c.line = append(c.line, fleet.EscapeCell(cell))
		}
	}
	return c.Writer.Write(c.line)
}

// written is a manifest in the order in which it is written.
type written struct {
	APIVersion string       `yaml:"apiVersion"`
	Kind       string       `yaml:"kind"`
	Account    string       `yaml:"account,omitempty"`
	Key        string       `yaml:"key,omitempty"`
	Scope      []fleet.Glob `yaml:"scope,omitempty,flow"`
	Orphans    string       `yaml:"orphans,omitempty"`
	Protect    []fleet.Glob `yaml:"protect,omitempty,flow"`
	Endpoints  []row        `yaml:"endpoints"`
}

// WriteYAML writes a fleet as one manifest that Read reads back: its account,
// policy, protected names and rows. A fleet of several policies is several
// files, and an error.
func WriteYAML(w io.Writer, f *fleet.Fleet) error {
	if len(f.Policies) > 1 {
		return errors.New("a fleet of several files cannot be written as one manifest")
	}
	out := written{APIVersion: apiVersion, Kind: kind, Account: f.Account, Protect: f.Protect, Endpoints: rowsOf(f.Specs)}
	if len(f.Specs) > 0 && f.Specs[0].Key != fleet.ByName {
		out.Key = f.Specs[0].Key.String()
	}
	if len(f.Policies) == 1 {
		out.Scope = f.Policies[0].Scope
		if f.Policies[0].Orphans != fleet.OrphansIgnore {
			out.Orphans = f.Policies[0].Orphans.String()
		}
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(out); err != nil {
		return err
	}
	return encoder.Close()
}
