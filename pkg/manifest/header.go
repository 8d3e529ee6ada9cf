package manifest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"sftctl/pkg/fleet"
)

// delimiters are what may stand between cells, the likelier first.
var delimiters = []rune{',', ';', '\t', '|'}

// header is the first record of a CSV.
type header struct {
	comma  rune
	cells  []string // as written
	names  []string // the cells trimmed
	body   int      // the offset of what follows
	line   int      // the line of what follows
	fields []field  // what each column is; noField for one that is ignored
	keep   []int    // the columns that are not ignored, nil for all
	at     [][2]int // line and byte column of each cell
}

// readHeader finds the delimiter that makes most sense of the first record:
// the one that gives most of the columns that are looked for.
func (r *reader) readHeader(f *file, wanted func(name string) bool) (header, bool) {
	best, most := header{}, -1
	for _, comma := range delimiters {
		h, err := splitHeader(f.data, comma)
		if err != nil {
			continue
		}
		score := len(h.cells)
		for _, name := range h.names {
			if wanted(name) {
				score += len(f.data)
			}
		}
		if score > most {
			best, most = h, score
		}
	}
	if most < 0 {
		_, err := splitHeader(f.data, ',')
		r.quoteProblem(f, 0, 1, err)
	}
	return best, most >= 0
}

func splitHeader(data []byte, comma rune) (header, error) {
	in := newCSVReader(data, comma)
	cells, err := in.Read()
	for err == nil && blank(cells) {
		cells, err = in.Read()
	}
	if err != nil {
		return header{}, err
	}
	h := header{comma: comma, cells: cells, body: int(in.InputOffset())}
	h.line = bytes.Count(data[:h.body], []byte{'\n'}) + 1
	for i, cell := range cells {
		h.names = append(h.names, strings.TrimSpace(fleet.UnescapeCell(cell)))
		line, column := in.FieldPos(i)
		h.at = append(h.at, [2]int{line, column})
	}
	return h, nil
}

// blank says whether a record is a blank line.
func blank(cells []string) bool { return len(cells) == 1 && strings.TrimSpace(cells[0]) == "" }

func newCSVReader(data []byte, comma rune) *csv.Reader {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma = comma
	in.FieldsPerRecord = -1
	return in
}

// ignored says whether a column is one that results files add.
func ignored(name string) bool { return strings.HasPrefix(name, "_") }

// resolve finds what each column is and refuses those that are nothing; it is
// false when the rows cannot be told apart.
func (r *reader) resolve(f *file, h *header, key fleet.Key) bool {
	if !slices.ContainsFunc(h.names, func(name string) bool { return fieldOf(name) != noField }) {
		r.add(h.place(f, 0), "the first line has none of the columns that are known", "",
			"a header such as endpointName,iccid,planId,state"+hintYAML(f))
		return false
	}
	h.fields = make([]field, len(h.names))
	seen := map[field]int{}
	for i, name := range h.names {
		h.fields[i] = noField
		if ignored(name) {
			continue
		}
		h.keep = append(h.keep, i)
		r.resolveColumn(f, h, i, seen)
	}
	return r.hasIdentity(f, h, key, seen)
}

func hintYAML(f *file) string {
	if looksLikeYAML(f.data) {
		return "; a YAML manifest must be named .yaml"
	}
	return ""
}

func (r *reader) resolveColumn(f *file, h *header, i int, seen map[field]int) {
	known := fieldOf(h.names[i])
	first, twice := seen[known]
	switch {
	case h.names[i] == "":
		r.add(h.place(f, i), fmt.Sprintf("column %d has no name", i+1), "", "a column name, or no such column")
	case known == noField:
		r.addMistaken(func() place { return h.place(f, i) }, "unknown column", h.names[i],
			"a known one, or a name that begins with _ to have it ignored", fieldNames)
	case twice:
		r.add(h.place(f, i), "the column is there twice", fleet.Quote(h.names[i]),
			fmt.Sprintf("it once; the other is column %d", first+1))
	default:
		seen[known] = i
		h.fields[i] = known
	}
}

func (r *reader) hasIdentity(f *file, h *header, key fleet.Key, seen map[field]int) bool {
	_, byKey := seen[keyField(key)]
	_, byID := seen[endpointID]
	if byKey || byID {
		return true
	}
	r.add(h.place(f, 0), "there is no column "+keyField(key).String(), "",
		keyField(key).String()+" or endpointId, to say which endpoint a row means")
	return false
}

// place is where a header cell stands.
func (h *header) place(f *file, column int) place {
	line, bytes := h.at[column][0], h.at[column][1]
	return f.column(f.skip(0, line-1), line, bytes)
}

// recordPlace finds a cell of the first record after an offset, by reading
// that record again.
func recordPlace(f *file, offset, line int, comma rune, column int) place {
	in := newCSVReader(f.data[offset:], comma)
	cells, err := in.Read()
	for err == nil && blank(cells) {
		cells, err = in.Read()
	}
	if err != nil || len(cells) == 0 {
		return place{f, line, 0}
	}
	cellLine, cellColumn := in.FieldPos(max(0, min(column, len(cells)-1)))
	return f.column(f.skip(offset, cellLine-1), line+cellLine-1, cellColumn)
}
