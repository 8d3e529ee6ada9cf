package report

import (
	"fmt"
	"io"
	"strings"
)

// markdown writes a sheet for a pull request. Whatever comes from a file or from
// the platform stands in a code span, where nothing of it is markup, a link or
// the mention of a person.
func (s *sheet) markdown(w io.Writer) error {
	out := newMarkdown(w)
	out.put("# %s %s%s\n\n", capital(s.What), code(s.ID), s.Remark)
	out.alerts(s.Alerts)
	out.counts(s.Counts)
	for _, f := range s.Facts {
		text := f.Text
		if f.Told {
			text = code(text)
		}
		out.put("- %s: %s\n", f.Name, text)
	}
	for i := range s.Sections {
		out.section(&s.Sections[i])
	}
	out.odd(s)
	out.next(s.Next)
	return out.end()
}

// marks writes Markdown as it is: its lines are not folded.
type marks struct{ printer }

func newMarkdown(w io.Writer) *marks { return &marks{*newPrinter(w, Options{})} }

func (m *marks) put(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format, args...)
	}
}

// capital begins a heading.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func (m *marks) alerts(alerts []string) {
	for _, text := range alerts {
		m.put("> **Mind:** %s\n\n", code(text))
	}
}

func (m *marks) counts(counts []count) {
	head, rule, row := "|", "|", "|"
	for _, c := range counts {
		head, rule, row = head+" "+c.What+" |", rule+" --: |", row+" "+c.Number()+" |"
	}
	m.put("%s\n%s\n%s\n\n", head, rule, row)
}

func (m *marks) section(s *section) {
	m.put("\n## %s\n\n", capital(s.Title))
	for i := range s.Groups {
		m.group(&s.Groups[i])
	}
	for e := range s.Singles {
		m.single(&e)
	}
	if s.More != "" {
		m.put("- %s\n", s.More)
	}
}

func (m *marks) group(e *entry) {
	m.put("- **%s**: %s\n", e.Count, code(e.Text))
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = spanned(n)
	}
	m.put("  - %s%s%s\n", e.Such, strings.Join(names, ", "), strings.TrimRight(" "+e.More, " "))
	if e.Example != "" {
		m.put("  - for example %s\n", code(e.Example))
	}
}

func (m *marks) single(e *entry) {
	where := ""
	if e.Place != "" {
		where = code(e.Place) + " "
	}
	m.put("- %s%s (%s)\n", where, spanned(e.Name), code(e.ID))
	for _, l := range e.Lines {
		m.put("  - %s: %s\n", l.Word, code(l.Text))
	}
}

func (m *marks) odd(s *sheet) {
	if len(s.Odd) == 0 {
		return
	}
	m.put("\n## %s Names that are not what they look like\n\n", mark)
	for _, o := range s.Odd {
		m.put("- %s: %s\n", code(strings.TrimLeft(o.Place+" "+o.Spelt, " ")), o.Why)
	}
	if s.OddMore != "" {
		m.put("- %s\n", s.OddMore)
	}
}

func (m *marks) next(all []advice) {
	if len(all) == 0 {
		return
	}
	m.put("\n## What next\n\n")
	for _, a := range all {
		if a.Command != "" {
			m.put("- %s: %s\n", code(a.Command), a.Text)
			continue
		}
		m.put("- %s\n", a.Text)
	}
}

func spanned(n name) string {
	n.Text = code(n.Text)
	if n.Card != "" {
		n.Card = code(n.Card)
	}
	return n.String()
}

// code is a text in a code span: between more backticks than it has in a row.
func code(text string) string {
	if text == "" {
		return "–"
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ") {
		text = " " + text + " "
	}
	return fence + text + fence
}
