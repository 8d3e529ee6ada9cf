package report

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// sheet is a report without a form: text, Markdown and HTML all say the same. Its
// words are safe on a terminal; each form adds what it needs besides.
type sheet struct {
	What     string // plan or run
	ID       string
	Remark   string  // what must not be overlooked: "(SIMULATED)"
	Counts   []count // the numbers at a glance
	Facts    []fact
	Alerts   []string // what keeps it from being done, or from being whole
	Sections []section
	Odd      []oddName
	OddMore  string
	Next     []advice
}

// Title is the first line of every form.
func (s *sheet) Title() string { return s.What + " " + s.ID + s.Remark }

// count is a number and what there is of it.
type count struct {
	N    int
	What string
}

// Number is the number for a person.
func (c count) Number() string { return fleet.Number(c.N) }

// fact is one thing to know. Told ones have words in them that come from a file or
// from the platform.
type fact struct {
	Name, Text string
	Told       bool
}

// section is a part of a sheet: first what is alike, then the rest one by one.
type section struct {
	Title   string
	Groups  []entry
	Singles iter.Seq[entry]
	More    string
}

// Any says whether something is listed one by one.
func (s section) Any() bool {
	for range s.Singles {
		return true
	}
	return false
}

// entry is a number of endpoints to which the same happens, or one endpoint.
type entry struct {
	Sign    string
	Count   string // how many there are; empty for a single one
	Place   string // the file and line of a single one
	Name    name
	ID      string
	Text    string
	Such    string // what is said before the names
	Names   []name
	More    string
	Example string
	Lines   []line
}

// line is a step, or what else there is to say of one endpoint.
type line struct {
	Sign, Word, Text string
}

// name is an endpoint's name as it can be shown.
type name struct {
	Text string
	Odd  bool   // it is not what it looks like
	Card string // the SIM that its endpoint gets, where no file says which
}

// mark stands after a name that is not what it looks like.
const mark = "(!)"

func (n name) String() string {
	text := n.Text
	if n.Odd {
		text += " " + mark
	}
	if n.Card != "" {
		text += " (" + n.Card + ")"
	}
	return text
}

// shown is a name among others: one that has commas, or spaces that nobody sees,
// is in quotation marks.
func shown(text string) name {
	n := name{Text: fleet.Printable(text), Odd: fleet.Odd(text) != ""}
	if strings.ContainsAny(text, `,"`) || text != strings.TrimSpace(text) || strings.Contains(text, "  ") || text == "" {
		n.Text = `"` + strings.ReplaceAll(n.Text, `"`, `\"`) + `"`
	}
	return n
}

// oddName is a name that is not what it looks like, with every letter that is not
// plain spelt out, and what is odd about it.
type oddName struct {
	Place, Spelt, Why string
}

// odd notes the odd names of tasks, the first of them or all.
func (s *sheet) odd(tasks iter.Seq[*plan.Task], limit int) {
	more := 0
	for t := range tasks {
		for _, text := range namesOf(t) {
			why := fleet.Odd(text)
			switch {
			case why == "":
			case len(s.Odd) == limit:
				more++
			default:
				s.Odd = append(s.Odd, oddName{place(t), strconv.QuoteToASCII(text), why})
			}
		}
	}
	s.OddMore = andMore(more)
}

// namesOf are the names that a task's endpoint has and shall have.
func namesOf(t *plan.Task) []string {
	names := []string{t.Label()}
	if t.Before != nil && t.Before.Name != "" && t.Before.Name != names[0] {
		names = append(names, t.Before.Name)
	}
	return names
}

// andMore says how many are not listed, nothing when all are.
func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return "… and " + fleet.Number(n) + " more, --full lists all"
}

// place is where a task's row was written, empty when no file lists it.
func place(t *plan.Task) string {
	if t.Spec == nil || t.Spec.Origin.File == "" {
		return ""
	}
	return fleet.Printable(t.Spec.Origin.File) + ":" + strconv.Itoa(t.Spec.Origin.Line)
}

// alike puts things with the same key together: most of them first, otherwise in
// the order in which they come.
func alike[T any](things []T, key func(T) string) [][]T {
	at := map[string]int{}
	var groups [][]T
	for _, thing := range things {
		k := key(thing)
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], thing)
	}
	slices.SortStableFunc(groups, func(a, b []T) int { return len(b) - len(a) })
	return groups
}
