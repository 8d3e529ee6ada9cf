package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// printer writes lines until one fails.
type printer struct {
	w    *bufio.Writer
	opts Options
	ink  ink // of the lines that come
	err  error
}

func newPrinter(w io.Writer, opts Options) *printer {
	return &printer{w: bufio.NewWriterSize(w, 1<<16), opts: opts}
}

// ink is how a terminal shows a line, by the number that it has for it.
type ink string

const (
	plain  ink = ""
	bold   ink = "1"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
)

// inkOf is the ink for what a sign stands before.
func inkOf(sign string) ink {
	return map[string]ink{"+": green, "-": red, "!": red, "~": yellow}[sign]
}

// in lets what is printed meanwhile be in an ink.
func (p *printer) in(i ink, print func()) {
	p.ink = i
	print()
	p.ink = plain
}

// end writes what is left and returns the first error.
func (p *printer) end() error {
	if p.err == nil {
		p.err = p.w.Flush()
	}
	return p.err
}

// line prints a line, however wide it is.
func (p *printer) line(format string, args ...any) { p.put("", fmt.Sprintf(format, args...)) }

// para prints a line; where it is too wide, it goes on further in.
func (p *printer) para(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	words := strings.TrimLeft(text, " ")
	p.hang(text[:len(text)-len(words)], words, 4)
}

// hang prints a text after its beginning; what does not fit goes on under it, a
// few columns further in.
func (p *printer) hang(beginning, text string, in int) {
	at := columns(beginning)
	if at+columns(text) <= most {
		p.put(beginning, text)
		return
	}
	in = min(at+in, most/2)
	if at > most/2 {
		p.hang(strings.Repeat(" ", in), strings.TrimLeft(beginning+text, " "), 0)
		return
	}
	for i, part := range Fold(text, most-max(at, in)) {
		if i > 0 {
			beginning = strings.Repeat(" ", in)
		}
		p.put(beginning, part)
	}
}

func (p *printer) put(beginning, text string) {
	end := "\n"
	if p.opts.Color && p.ink != plain && beginning+text != "" {
		beginning, end = "\x1b["+string(p.ink)+"m"+beginning, "\x1b[0m\n"
	}
	for _, s := range [...]string{beginning, text, end} {
		if p.err == nil {
			_, p.err = p.w.WriteString(s)
		}
	}
}

// PlanText writes a plan for a person.
func PlanText(w io.Writer, p *plan.Plan, opts Options) error {
	out := newPrinter(w, opts)
	out.sheet(planSheet(p, opts))
	return out.end()
}

func (p *printer) sheet(s *sheet) {
	p.in(bold, func() { p.para("%s", s.Title()) })
	p.fact(fact{Name: "endpoints", Text: listed(s.Counts)})
	for _, f := range s.Facts {
		p.fact(f)
	}
	for i := range s.Sections {
		p.section(&s.Sections[i])
	}
	p.odd(s)
	p.gap(len(s.Alerts))
	for _, alert := range s.Alerts {
		p.in(red, func() { p.para("%s", alert) })
	}
}

func (p *printer) fact(f fact) { p.hang(fmt.Sprintf("  %-9s  ", f.Name), f.Text, 0) }

// listed are numbers in one line: "7 to create, 0 to change".
func listed(counts []count) string {
	parts := make([]string, len(counts))
	for i, c := range counts {
		parts[i] = c.Number() + " " + c.What
	}
	return strings.Join(parts, ", ")
}

// gap sets apart what follows, if anything does.
func (p *printer) gap(follow int) {
	if follow > 0 {
		p.put("", "")
	}
}

func (p *printer) section(s *section) {
	p.gap(1)
	p.in(bold, func() { p.para("%s", s.Title) })
	wide := 0
	for i := range s.Groups {
		wide = max(wide, columns(s.Groups[i].Count))
	}
	for i := range s.Groups {
		p.group(&s.Groups[i], wide)
	}
	for e := range s.Singles {
		p.single(&e)
	}
	if s.More != "" {
		p.para("  %s", s.More)
	}
}

// group prints what happens to a number of endpoints, their count aligned.
func (p *printer) group(e *entry, wide int) {
	p.in(inkOf(e.Sign), func() { p.hang(fmt.Sprintf("  %s %*s: ", e.Sign, wide, e.Count), e.Text, 0) })
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = n.String()
	}
	text := e.Such + strings.Join(names, ", ")
	if e.More != "" {
		text += " " + e.More
	}
	p.hang("      ", text, 0)
	if e.Example != "" {
		p.hang("      ", "for example "+e.Example, 0)
	}
}

func (p *printer) single(e *entry) {
	p.para("  %s", strings.TrimLeft(fmt.Sprintf("%s %s (%s)", e.Place, e.Name, e.ID), " "))
	for _, l := range e.Lines {
		p.in(inkOf(l.Sign), func() { p.hang(fmt.Sprintf("    %s %-8s  ", l.Sign, l.Word), l.Text, 0) })
	}
}

// odd is the legend of the mark.
func (p *printer) odd(s *sheet) {
	if len(s.Odd) == 0 {
		return
	}
	p.gap(1)
	p.para("%s names that are not what they look like, spelt out:", mark)
	for _, o := range s.Odd {
		p.para("  %s", strings.TrimLeft(fmt.Sprintf("%s %s: %s", o.Place, o.Spelt, o.Why), " "))
	}
	if s.OddMore != "" {
		p.para("  %s", s.OddMore)
	}
}

// simulated marks what touched nothing real.
func simulated(is bool) string {
	if is {
		return " (SIMULATED)"
	}
	return ""
}

// Progress is how far a run has come.
type Progress struct {
	Done, Total int           // endpoints
	NotDone     int           // endpoints that ended otherwise than done
	Unknown     int           // endpoints with a call of which nobody knows what it did
	InFlight    int           // mutating calls
	Calls       int           // mutating ones that are left
	Rate        float64       // calls per second of late
	Allowed     float64       // of them, 0 when not limited
	Left        time.Duration // until the end, 0 when nobody can tell
}

// String is one line for a log.
func (p Progress) String() string {
	return fmt.Sprintf("%s of %s endpoints, %s", fleet.Number(p.Done), fleet.Number(p.Total), p.Pace(math.MaxInt))
}

// Pace is what a bar that counts by itself does not say, in so many columns at
// most: a line that a terminal breaks is written below itself, not over itself. What
// a person can do least about is left out first.
func (p Progress) Pace(width int) string {
	parts := p.paces()
	for _, least := range [...]int{1, 0, 4, 3, 2} {
		text := strings.Join(slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "" }), ", ")
		if columns(text) <= width {
			return text
		}
		parts[least] = ""
	}
	return ""
}

// paces are the parts of it, empty where there is nothing to say: calls per second,
// calls in flight, endpoints not done, unknown ones, time left.
func (p Progress) paces() []string {
	calls, left := fmt.Sprintf("%.1f calls/s", p.Rate), ""
	if p.Allowed > 0 {
		calls = fmt.Sprintf("%.1f of %.1f calls/s", p.Rate, p.Allowed)
	}
	if p.Left > 0 {
		left = "about " + p.Left.Round(time.Second).String() + " left"
	}
	some := func(n int, what string) string {
		if n == 0 {
			return ""
		}
		return fleet.Number(n) + " " + what
	}
	return []string{calls, fmt.Sprintf("%d in flight", p.InFlight), some(p.NotDone, "not done"), some(p.Unknown, "unknown"), left}
}
