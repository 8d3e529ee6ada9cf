package manifest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"

	"sftctl/pkg/fleet"
)

// records is the gocsv.CSVReader over one chunk: it gives the header in the
// names of the fields, then the records that fit it.
type records struct {
	*csv.Reader
	table *table
	chunk
	lines    []int // of each record given
	cells    [][]string
	findings []finding
	broken   error
	begun    bool
}

// ReadAll gives the header and all records of the chunk. Damage is kept aside
// and is no error, so that what came before it is decoded.
func (in *records) ReadAll() ([][]string, error) {
	var all [][]string
	for {
		record, err := in.Read()
		if err == io.EOF {
			return all, nil
		}
		all = append(all, record)
	}
}

// Read gives the next record.
func (in *records) Read() ([]string, error) {
	if !in.begun {
		in.begun = true
		return in.table.decodeAs(), nil
	}
	for in.broken == nil {
		start := in.InputOffset()
		record, err := in.Reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			in.broken = err
			break
		}
		if end := in.InputOffset(); end-start > int64(in.table.limit) && in.size(start, end) > in.table.limit {
			in.broken = in.tooLong()
			break
		}
		if in.fits(record) {
			return in.give(record), nil
		}
	}
	return nil, io.EOF
}

// size is how long a record is without the blank lines before it.
func (in *records) size(start, end int64) int {
	return len(bytes.TrimLeft(in.data[start:end], "\r\n"))
}

// tooLong is the error for a record whose lines are each within the limit.
func (in *records) tooLong() error {
	line, _ := in.FieldPos(0)
	return &csv.ParseError{StartLine: line, Line: line, Err: errRecord}
}

// fits says whether a record is a row of the table.
func (in *records) fits(record []string) bool {
	if blank(record) {
		return false
	}
	want := len(in.table.names)
	if len(record) == want {
		return true
	}
	line, _ := in.FieldPos(0)
	in.findings = append(in.findings, finding{line: in.chunk.line + line - 1, field: noField,
		what: "the row does not have the columns of the header", got: plural(len(record), "cell"), want: fmt.Sprint(want)})
	return false
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// give takes the apostrophes off, keeps the cells and maps them.
func (in *records) give(record []string) []string {
	for i, cell := range record {
		if cell != "" && cell[0] == '\'' {
			record[i] = fleet.UnescapeCell(cell)
		}
	}
	line, _ := in.FieldPos(0)
	in.lines = append(in.lines, in.chunk.line+line-1)
	if m := in.table.mapping; m != nil {
		return m.apply(record, in)
	}
	in.cells = append(in.cells, in.table.kept(record))
	return record
}

// kept are the cells of a record that go into Spec.Cells.
func (t *table) kept(record []string) []string {
	if t.keep == nil {
		return record
	}
	out := make([]string, len(t.keep))
	for i, column := range t.keep {
		out[i] = record[column]
	}
	return out
}

// decodeAs is the header that gocsv sees: the names of the fields, and nothing
// over the columns that are ignored.
func (t *table) decodeAs() []string {
	if t.mapping != nil {
		return t.mapping.header()
	}
	out := make([]string, len(t.fields))
	for i, f := range t.fields {
		if f != noField {
			out[i] = f.String()
		}
	}
	return out
}
