package report

import (
	"cmp"
	"encoding/json"
	"html/template"
	"iter"
	"slices"
	"strconv"
	"strings"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// staticRows is how many rows a page shows where its script does not run, and
// mostRows how many it has at all: a browser has an end somewhere.
const (
	staticRows = 300
	mostRows   = 200_000
)

// rowTable is the table of a page: what changes or changed, and what did not
// come about, row by row.
type rowTable struct {
	Title  string
	Kind   string    // what the kinds of rows are: outcomes, or changes
	Kinds  []rowKind // in their order in the table
	Remark string    // what is not in it
	rows   []tableRow
}

// tableRow is a row by the number of its kind; what it says is made when it is
// asked for.
type tableRow struct {
	kind  int
	entry func() entry
}

// rowKind is a group of rows that a button chooses.
type rowKind struct {
	What, Sign string
	N          int
}

// Number is the number for a person.
func (k rowKind) Number() string { return fleet.Number(k.N) }

// add takes a row of a kind.
func (t *rowTable) add(kind int, e func() entry) {
	t.Kinds[kind].N++
	t.rows = append(t.rows, tableRow{kind, e})
}

// end puts the rows into the order of their kinds.
func (t *rowTable) end() {
	slices.SortStableFunc(t.rows, func(a, b tableRow) int { return cmp.Compare(a.kind, b.kind) })
	if more := len(t.rows) - mostRows; more > 0 {
		t.Remark = strings.TrimLeft(t.Remark+" The last "+fleet.Number(more)+" rows are left out.", " ")
		t.rows = t.rows[:mostRows]
	}
}

// Any says whether there are rows.
func (t *rowTable) Any() bool { return len(t.rows) > 0 }

// All is how many there are.
func (t *rowTable) All() string { return fleet.Number(len(t.rows)) }

// Static are the first rows, each with its kind.
func (t *rowTable) Static() iter.Seq2[rowKind, entry] {
	return func(yield func(rowKind, entry) bool) {
		for _, r := range t.rows[:min(len(t.rows), staticRows)] {
			if !yield(t.Kinds[r.kind], r.entry()) {
				return
			}
		}
	}
}

// More says which rows are not among the first.
func (t *rowTable) More() string {
	if len(t.rows) <= staticRows {
		return ""
	}
	return "Without its script this page shows the first " + strconv.Itoa(staticRows) + " of " + t.All() + " rows."
}

// Data is the table for the script of the page: kinds and files by name, a row as
// the numbers of its kind and file, its line, name, mark and id, and the numbers
// of what is said of it.
func (t *rowTable) Data() template.JS {
	d := tableData{files: index[string]{}, lines: index[[3]string]{}}
	d.out.WriteString(`{"rows":[`)
	for i, r := range t.rows {
		if i > 0 {
			d.out.WriteString(",\n")
		}
		d.row(r.kind, r.entry())
	}
	d.out.WriteString(`],"files":` + marshal(ordered(d.files)) + `,"lines":` + marshal(ordered(d.lines)) + `,"kinds":` + marshal(t.Kinds) + `}`)
	return template.JS(d.out.String())
}

// tableData is the table as it is written. Texts that many rows share are written once.
type tableData struct {
	out   strings.Builder
	files index[string]
	lines index[[3]string]
}

// index numbers things in the order in which they come.
type index[T comparable] map[T]int

func (x index[T]) of(thing T) int {
	n, ok := x[thing]
	if !ok {
		n = len(x)
		x[thing] = n
	}
	return n
}

func ordered[T comparable](x index[T]) []T {
	all := make([]T, len(x))
	for thing, n := range x {
		all[n] = thing
	}
	return all
}

func (d *tableData) row(kind int, e entry) {
	file, number := -1, "0"
	if at := strings.LastIndexByte(e.Place, ':'); at >= 0 {
		file, number = d.files.of(e.Place[:at]), e.Place[at+1:]
	}
	odd := 0
	if e.Name.Odd {
		odd = 1
	}
	d.out.WriteString("[" + strconv.Itoa(kind) + "," + strconv.Itoa(file) + "," + number + "," + marshal(e.Name.Text) + "," + strconv.Itoa(odd) + "," + marshal(e.ID))
	for _, l := range e.Lines {
		d.out.WriteString("," + strconv.Itoa(d.lines.of([3]string{l.Sign, l.Word, l.Text})))
	}
	d.out.WriteString("]")
}

// marshal writes a value as it may stand inside a script element: no text in it
// ends the element or a line.
func marshal(v any) string {
	text, _ := json.Marshal(v) // texts and numbers are never refused
	return string(text)
}

// ends are the outcomes of a page's rows, those first that somebody has to look at.
var ends = [...]fleet.Outcome{fleet.Unknown, fleet.Failed, fleet.Stale, fleet.Refused, fleet.NotAttempted, fleet.Done, fleet.Unchanged}

// rowTable lists the rows of a run that changed or are not done.
func (r *Run) rowTable(opts Options) *rowTable {
	t := &rowTable{Title: "rows that changed or are not done", Kind: "Outcome"}
	if opts.Full {
		t.Title = "all rows"
	}
	for _, o := range ends {
		k := rowKind{What: o.String(), Sign: " "}
		if unfinished(o) {
			k.Sign = "!"
		}
		t.Kinds = append(t.Kinds, k)
	}
	same := 0
	for i := range r.Results {
		res := &r.Results[i]
		if res.Outcome == fleet.Unchanged && !opts.Full {
			same++
			continue
		}
		t.add(slices.Index(ends[:], res.Outcome), func() entry { return rowEntry(res) })
	}
	if same > 0 {
		t.Remark = "Not listed: " + fleet.Count(same, "unchanged row") + ", which results.csv has."
	}
	t.end()
	return t
}

// rowEntry is a row of a run whose outcome stands beside it.
func rowEntry(res *apply.Result) entry {
	e := resultEntry(res)
	e.Lines = nil
	if why := fleet.Printable(oneLine(reason(res))); why != "" {
		e.Lines = append(e.Lines, line{Text: why})
	}
	if steps := stepsText(res.Steps); steps != "" {
		e.Lines = append(e.Lines, line{Text: steps})
	}
	return e
}

// The kinds of a plan's rows, in the words of its sections.
const (
	cutsOff = iota
	isRefused
	isNew
	isChanged
	isReported
	isSame
)

// rowTable lists the rows of a plan that differ.
func (d details) rowTable() *rowTable {
	t := &rowTable{Title: "row by row", Kind: "Change", Kinds: []rowKind{
		cutsOff: {What: "may cut off", Sign: "-"}, isRefused: {What: "refused", Sign: "!"}, isNew: {What: "create", Sign: "+"}, isChanged: {What: "change", Sign: "~"},
		isReported: {What: "only reported", Sign: "·"}, isSame: {What: "as it should be", Sign: " "}}}
	same := 0
	for i := range d.plan.Tasks {
		task := &d.plan.Tasks[i]
		k := d.kindOf(task)
		if k == isSame && !d.opts.Full {
			same++
			continue
		}
		t.add(k, func() entry { return d.single(task) })
	}
	if same > 0 {
		t.Remark = "Not listed: " + fleet.Count(same, "row") + " without a difference."
	}
	t.end()
	return t
}

func (d details) kindOf(t *plan.Task) int {
	switch {
	case hurting(t):
		return cutsOff
	case len(t.Refused) > 0:
		return isRefused
	case slices.ContainsFunc(t.Steps, func(s plan.Step) bool { return s.Action == fleet.Create }):
		return isNew
	case len(t.Steps) > 0:
		return isChanged
	case d.plan.Differs(t): // an orphan
		return isReported
	}
	return isSame
}
