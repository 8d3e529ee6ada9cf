package manifest

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// mapping makes the fields of rows from whatever columns a CSV has.
type mapping struct {
	file  *file // the manifest that holds it
	at    *yaml.Node
	rules []rule
}

// rule makes one field.
type rule struct {
	field field
	at    *yaml.Node
	parts []part
}

// part is a piece of text or a column.
type part struct {
	text   string
	column string // empty for a text
	index  int    // of the column, once the CSV is open
}

// parseTemplate reads a text with {{column}} in it.
func parseTemplate(text string) ([]part, error) {
	var parts []part
	for text != "" {
		before, rest, open := strings.Cut(text, "{{")
		if strings.Contains(before, "}}") {
			return nil, errors.New("}} without {{ before it")
		}
		if before != "" {
			parts = append(parts, part{text: before})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		switch {
		case !closed || strings.Contains(name, "{{"):
			return nil, errors.New("{{ without }} after it")
		case name == "":
			return nil, errors.New("no column between {{ and }}")
		}
		parts = append(parts, part{column: name})
		text = after
	}
	return parts, nil
}

// wants says whether a column of a CSV is looked for.
func (m *mapping) wants(name string) bool {
	if m == nil {
		return fieldOf(name) != noField
	}
	for _, rule := range m.rules {
		for _, p := range rule.parts {
			if p.column != "" && strings.EqualFold(p.column, name) {
				return true
			}
		}
	}
	return false
}

// bind finds the columns of the mapping in a CSV. The fields of the header
// become those that the columns feed, for the places of problems.
func (m *mapping) bind(r *reader, h *header) bool {
	ok := true
	h.fields = make([]field, len(h.names))
	for i := range h.fields {
		h.fields[i] = noField
	}
	for i := range m.rules {
		for j := range m.rules[i].parts {
			if p := &m.rules[i].parts[j]; p.column != "" {
				ok = m.bindPart(r, h, m.rules[i], p) && ok
			}
		}
	}
	return ok
}

func (m *mapping) bindPart(r *reader, h *header, from rule, p *part) bool {
	found := matching(h.names, func(name string) bool { return name == p.column })
	if len(found) == 0 {
		found = matching(h.names, func(name string) bool { return strings.EqualFold(name, p.column) })
	}
	at := nodePlace(m.file, from.at)
	switch len(found) {
	case 0:
		r.add(at, "the CSV has no such column", fleet.Quote(p.column), "a column of the included file"+fleet.Suggest(p.column, h.names))
		return false
	case 1:
		p.index = found[0]
		return true
	}
	r.add(at, "the CSV has the column more than once", fleet.Quote(p.column), "a column that is there once")
	return false
}

func matching(names []string, fits func(string) bool) []int {
	var found []int
	for i, name := range names {
		if fits(name) {
			found = append(found, i)
		}
	}
	return found
}

// header is what gocsv sees over the mapped cells.
func (m *mapping) header() []string {
	out := make([]string, len(m.rules))
	for i, rule := range m.rules {
		out[i] = rule.field.String()
	}
	return out
}

// apply makes the cells of a row from a record of the CSV.
func (m *mapping) apply(record []string, in *records) []string {
	out := make([]string, len(m.rules))
	for i := range m.rules {
		out[i] = m.rules[i].apply(record, in)
	}
	return out
}

func (u *rule) apply(record []string, in *records) string {
	if len(u.parts) == 1 && u.parts[0].column != "" && u.field != endpointName {
		return record[u.parts[0].index]
	}
	var b strings.Builder
	for _, p := range u.parts {
		if p.column == "" {
			b.WriteString(p.text)
			continue
		}
		cell := record[p.index]
		if u.field == endpointName && strings.TrimSpace(cell) == "" {
			in.emptyPart(p)
			return brokenName
		}
		b.WriteString(cell)
	}
	return b.String()
}

func (in *records) emptyPart(p part) {
	in.findings = append(in.findings, finding{line: in.lines[len(in.lines)-1], field: endpointName,
		what: "the name is made from the column " + fleet.Quote(p.column), got: "an empty cell",
		want: "a value in every row"})
}

// column is where a field comes from, the first column of its rule.
func (m *mapping) column(f field) int {
	i := slices.IndexFunc(m.rules, func(u rule) bool { return u.field == f })
	if i < 0 {
		return -1
	}
	for _, p := range m.rules[i].parts {
		if p.column != "" {
			return p.index
		}
	}
	return -1
}
