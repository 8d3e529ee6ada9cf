package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// planJSON writes a plan as one document, with the names of the plan file.
func planJSON(w io.Writer, p *plan.Plan) error {
	tasks := p.Tasks
	if tasks == nil {
		tasks = []plan.Task{}
	}
	return writeJSON(w, struct {
		plan.Header
		Tasks []plan.Task `json:"tasks"`
	}{p.Header, tasks})
}

// json writes a run as one document: its summary, and its rows with the columns of
// results.csv.
func (r *Run) json(w io.Writer) error {
	columns := r.columns()
	rows := make([]row, len(r.Results))
	for i := range r.Results {
		rows[i] = row{columns, r.row(&r.Results[i])}
	}
	return writeJSON(w, struct {
		Summary summary `json:"summary"`
		Rows    []row   `json:"rows"`
	}{r.summary(), rows})
}

// row is a row of results.csv.
type row struct{ columns, cells []string }

// MarshalJSON keeps the order of the columns. Where an input has a column that a
// run adds, the run's own is the one that counts.
func (r row) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, column := range r.columns {
		if slices.Contains(r.columns[i+1:], column) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quoted(column)...), ':'), quoted(r.cells[i])...)
	}
	return append(out, '}'), nil
}

// quoted is a text in JSON, as it is where it may be.
func quoted(text string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a text is never refused
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// writeJSON writes a value so that a person can read it, and that it harms no
// terminal: what does not print is escaped inside the strings.
func writeJSON(w io.Writer, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(fleet.PrintableJSON(out.Bytes()))
	return err
}
