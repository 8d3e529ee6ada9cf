package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gocarina/gocsv"

	"sftctl/pkg/fleet"
)

// Table is rows of named columns. A column whose name begins with an underscore is
// one that readers of fleets ignore; only a CSV shows the underscore.
type Table struct {
	Columns []string
	Rows    [][]string
}

func (t *Table) names() []string {
	names := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		names[i] = strings.TrimPrefix(column, "_")
	}
	return names
}

// WriteCSV writes the table as other CSVs here: cells that a spreadsheet would run
// are escaped.
func (t *Table) WriteCSV(w io.Writer) error {
	return t.write(cells{gocsv.NewSafeCSVWriter(csv.NewWriter(w))})
}

// WriteRawCSV writes every cell as it is, for programs: a spreadsheet may run what
// the platform, or whoever named an endpoint, put there.
func (t *Table) WriteRawCSV(w io.Writer) error {
	return t.write(gocsv.NewSafeCSVWriter(csv.NewWriter(w)))
}

func (t *Table) write(out gocsv.CSVWriter) error {
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteText writes the table for a person: aligned, and safe on a terminal.
func (t *Table) WriteText(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.names()}, t.Rows...) {
		if _, err := fmt.Fprintln(out, strings.Join(printable(row), "\t")); err != nil {
			return err
		}
	}
	return out.Flush()
}

func printable(row []string) []string {
	texts := make([]string, len(row))
	for i, cell := range row {
		if texts[i] = fleet.Printable(cell); cell == "" {
			texts[i] = "-"
		}
	}
	return texts
}

// WriteJSON writes the table as an array of objects, one a line, whose members are
// in the order of the columns. All values are texts: an id is no number.
func (t *Table) WriteJSON(w io.Writer) error {
	out := bufio.NewWriter(w)
	names, between := t.names(), "\n"
	_, _ = out.WriteString("[") // Flush tells what went wrong
	for _, row := range t.Rows {
		_, _ = out.WriteString(between)
		_, _ = out.Write(fleet.PrintableJSON([]byte(object(names, row))))
		between = ",\n"
	}
	_, _ = out.WriteString("\n]\n")
	return out.Flush()
}

func object(names, row []string) string {
	members := make([]string, len(row))
	for i, cell := range row {
		members[i] = string(quoted(names[i])) + ":" + string(quoted(cell))
	}
	return "{" + strings.Join(members, ",") + "}"
}
