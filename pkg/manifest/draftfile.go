package manifest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"sftctl/pkg/fleet"
)

// needed are the fields without which no endpoint is made (documented), and how
// to find what they can be.
var needed = []struct {
	field field
	find  string
}{
	{planID, "sftctl get plans"}, {serviceProfileID, "sftctl get service-profiles"}, {simProductID, "sftctl get sim-products"},
}

// draft makes a manifest of a guess.
func (g *guess) draft(path string) *Draft {
	d := &Draft{Rows: g.rows(), Notes: g.notes()}
	for i, name := range g.names {
		c := Column{Name: name, Why: g.why[i]}
		if g.found[i] != noField {
			c.Field = g.found[i].String()
		}
		d.Columns = append(d.Columns, c)
	}
	d.text = g.text(path, d)
	return d
}

func (g *guess) rows() int {
	if len(g.cells) == 0 {
		return 0
	}
	return g.cells[0].rows
}

// notes are what a person has to decide.
func (g *guess) notes() []string {
	var notes []string
	switch identified := g.column(endpointName) >= 0 || g.column(endpointID) >= 0; {
	case identified:
	case g.key() == fleet.ByICCID:
		notes = append(notes, "no column is surely a name, so rows are known by their card (key: iccid): only what is live already can be changed so. "+
			"To make endpoints, take key: iccid away and give endpointName a column")
	default:
		notes = append(notes, "no column says which endpoint a row means, and nothing can be planned before endpointName, or iccid, has one")
	}
	if g.column(iccid) < 0 && g.couldHaveCards() {
		notes = append(notes, "no column was taken for the card numbers, though some could be: give iccid one, or no SIM is linked")
	}
	if i := g.column(state); i >= 0 && g.meant[i].rank != own && g.cells[i].filled > 0 {
		notes = append(notes, "state is what "+g.quoted(i)+" says: "+g.cells[i].tally()+". Activating may be billed, and a suspended device is cut off; "+
			"take state away if the column says what was, not what is wanted")
	}
	if fields := g.lacking(); len(fields) > 0 {
		notes = append(notes, "no endpoint is made without "+strings.Join(fields, ", ")+", which not every row has: fill in defaults")
	}
	return notes
}

// couldHaveCards says whether some column is called like card numbers, or has
// them.
func (g *guess) couldHaveCards() bool {
	for i, name := range g.names {
		if !ignored(name) && (meaningOf(name).field == iccid || g.cells[i].holdsCards()) {
			return true
		}
	}
	return false
}

// lacking are the needed fields that some row does not have.
func (g *guess) lacking() []string {
	var fields []string
	for _, n := range needed {
		if i := g.source(n.field); i < 0 || g.cells[i].filled < g.cells[i].rows || g.rows() == 0 {
			fields = append(fields, n.field.String())
		}
	}
	return fields
}

// text is the manifest, with what it rests on in comments.
func (g *guess) text(path string, d *Draft) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The fleet of %s, as sftctl init guessed it. Read it before you use it; sftctl plan shows\n", fleet.Printable(path))
	b.WriteString("# what would be done, and nothing is changed before sftctl apply.\n#\n# What each column was taken for:\n#\n")
	comment(&b, "  ", d.WriteColumns)
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "#\n# To do: %s.\n", note)
	}
	fmt.Fprintf(&b, "\napiVersion: %s\nkind: %s\n", apiVersion, kind)
	if k := g.key(); k != fleet.ByName {
		fmt.Fprintf(&b, "key: %s # what identifies a row\n", k)
	}
	b.WriteString(draftPolicy)
	g.writeDefaults(&b)
	g.writeGroups(&b)
	g.writeInclude(&b, path)
	return b.Bytes()
}

// comment writes lines as comments.
func comment(b *bytes.Buffer, indent string, write func(io.Writer) error) {
	var text bytes.Buffer
	_ = write(&text) // into memory
	for line := range strings.Lines(text.String()) {
		b.WriteString(strings.TrimRight("# "+indent+line, " \n") + "\n")
	}
}

// draftPolicy is what a person may want to say besides; as it is, it says nothing.
const draftPolicy = `
# The account that this file is for: on another one it is refused.
#account: your-account

# The names that this file owns, and what is done with live endpoints of such a name that it
# does not list. Without a scope they are left alone.
#scope: ["meter-*"]
#orphans: report

# Names that are never suspended, de-linked, renamed or deleted, whatever else is said.
#protect: ["meter-hospital-*"]
`

// writeDefaults writes the needed values that rows lack, to be filled in.
func (g *guess) writeDefaults(b *bytes.Buffer) {
	b.WriteString("\n# Values for every row that does not give them itself. Nothing is activated, and billed, unless\n# a row, its group or these say state: active.\n")
	lacking := g.lacking()
	if len(lacking) == 0 {
		b.WriteString("#defaults:\n#  apnGroup: \"\" # sftctl get apn-groups lists yours\n")
		return
	}
	b.WriteString("#defaults:\n")
	for _, n := range needed {
		for _, name := range lacking {
			if name == n.field.String() {
				fmt.Fprintf(b, "#  %s: \"\" # %s lists yours\n", name, n.find)
			}
		}
	}
}

// writeGroups declares the groups of the column that has them.
func (g *guess) writeGroups(b *bytes.Buffer) {
	i := g.column(group)
	if i < 0 {
		return
	}
	fmt.Fprintf(b, "\n# Values for the rows of a group, such as {planId: \"100234\"}; the groups are those of %s.\ngroups:", fleet.Printable(shortened(g.names[i])))
	if len(g.cells[i].order) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	for _, name := range g.cells[i].order {
		fmt.Fprintf(b, "  %s: {}\n", quoteYAML(name))
	}
}

// writeInclude writes the include, with a mapping where the columns are not the
// fields themselves.
func (g *guess) writeInclude(b *bytes.Buffer, path string) {
	fmt.Fprintf(b, "\ninclude:\n  - file: %s\n", quoteYAML(path))
	if g.plain() {
		return
	}
	b.WriteString("    columns:")
	empty := true
	for f := range fieldCount {
		if i := g.column(f); i >= 0 {
			if empty {
				b.WriteString("\n")
			}
			fmt.Fprintf(b, "      %s: %s\n", f, quoteYAML("{{"+g.names[i]+"}}"))
			empty = false
		}
	}
	if empty {
		b.WriteString(" {}\n")
	}
}

// WriteColumns writes what each column was taken for, aligned, and safe on a
// terminal, with what to do about those that were taken for nothing.
func (d *Draft) WriteColumns(w io.Writer) error {
	const most = 200
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "column\tgives\twhy")
	for _, c := range d.Columns[:min(most, len(d.Columns))] {
		name, f := fleet.Printable(shortened(c.Name)), c.Field
		if name == "" {
			name = "(no name)"
		}
		if f == "" {
			f = "-"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", name, f, c.Why)
	}
	if more := len(d.Columns) - most; more > 0 {
		fmt.Fprintf(out, "and %s\n", fleet.Count(more, "further column"))
	}
	if err := out.Flush(); err != nil || !slices.ContainsFunc(d.Columns, func(c Column) bool { return c.Field == "" && !ignored(c.Name) }) {
		return err
	}
	_, err := fmt.Fprint(w, "\nA column that gives nothing is not read. To use one, write under columns, say, planId: \"{{its name}}\".\n")
	return err
}

// shortened is the name of a column as far as a table has room.
func shortened(name string) string {
	const most = 40
	if letters := []rune(name); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return name
}

// quoteYAML writes a text in quotation marks, so that YAML reads just that.
func quoteYAML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String() + `"`
}
