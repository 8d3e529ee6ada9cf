package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
)

var odd = &Table{Columns: []string{"planId", "plan", "_status"}, Rows: [][]string{
	{"100234", "=Gold\x1b[31m", "Active"}, {"0012", "a,\"<b>\"\n", ""}, {"-1", "'=x", "Zürich"},
}}

func TestTables(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		write      func(io.Writer) error
	}{
		{"text", "planId  plan           status\n100234  =Gold\\x1b[31m  Active\n0012    a,\"<b>\"\\n      -\n-1      '=x            Zürich\n", odd.WriteText},
		{"csv", "planId,plan,_status\n100234,'=Gold\x1b[31m,Active\n0012,\"a,\"\"<b>\"\"\n\",\n'-1,''=x,Zürich\n", odd.WriteCSV},
		{"json", "[\n" + `{"planId":"100234","plan":"=Gold\u001b[31m","status":"Active"},` + "\n" + `{"planId":"0012","plan":"a,\"<b>\"\n","status":""},` + "\n" +
			`{"planId":"-1","plan":"'=x","status":"Zürich"}` + "\n]\n", odd.WriteJSON},
		{"no rows", "a  b\n", (&Table{Columns: []string{"a", "_b"}}).WriteText},
		{"no rows in JSON", "[\n]\n", (&Table{Columns: []string{"a"}}).WriteJSON},
		{"raw csv", "planId,plan,_status\n100234,=Gold\x1b[31m,Active\n0012,\"a,\"\"<b>\"\"\n\",\n-1,'=x,Zürich\n", odd.WriteRawCSV},
		{"no rows in CSV", "a,_b\n", (&Table{Columns: []string{"a", "_b"}}).WriteCSV},
	} {
		var buf bytes.Buffer
		if err := tt.write(&buf); err != nil || buf.String() != tt.want {
			t.Errorf("%s: got\n%s%v, want\n%s", tt.name, buf.String(), err, tt.want)
		}
	}
}

// Whatever is in a cell, a program reads back what was there, and a terminal sees
// one line a row.
func TestTablesHoldAnyText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cell := strings.ReplaceAll(rapid.String().Draw(rt, "cell"), "\r", "") // the reader of CSVs takes CR LF for LF
		table := &Table{Columns: []string{"x", "y"}, Rows: [][]string{{"1", cell}}}
		var text, sheet, data bytes.Buffer
		if err := errors.Join(table.WriteText(&text), table.WriteCSV(&sheet), table.WriteJSON(&data)); err != nil {
			rt.Fatal(err)
		}
		if n := strings.Count(text.String(), "\n"); n != 2 || strings.ContainsRune(text.String(), 0x1b) {
			rt.Errorf("got %q", text.String())
		}
		records, err := csv.NewReader(&sheet).ReadAll()
		if err != nil || len(records) != 2 || fleet.UnescapeCell(records[1][1]) != cell {
			rt.Errorf("got %q, %v, want %q", records, err, cell)
		}
		var rows []map[string]string
		if err := json.Unmarshal(data.Bytes(), &rows); err != nil || len(rows) != 1 || rows[0]["y"] != strings.ToValidUTF8(cell, "\ufffd") {
			rt.Errorf("got %v, %v, want %q", rows, err, cell)
		}
	})
}

func TestATableThatCannotBeWrittenIsAnError(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{"text": odd.WriteText, "csv": odd.WriteCSV, "json": odd.WriteJSON} {
		if err := write(full{}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
