package report

import (
	"fmt"
	"iter"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
)

// chart is when a run's calls were made and how they ended: a bar for each
// stretch of time, in parts on top of each other.
type chart struct {
	Parts   []part
	Bars    []bar
	Width   int // of all bars, in units of which a bar takes barWidth
	Caption string
	Most    string // calls in the fullest bar
	Times   []string
	Remark  string // what is not in it
	total   int
	step    time.Duration
}

// part is a way in which a call can end, and how many did.
type part struct {
	Class, What string
	N           int
}

// Number is the number for a person.
func (p part) Number() string { return fleet.Number(p.N) }

// The parts of a bar, from its foot up.
const (
	endDone = iota
	endFailed
	endUnknown
	endAgain
)

var parts = [...]part{
	endDone:    {Class: "done", What: "done"},
	endFailed:  {Class: "failed", What: "failed"},
	endUnknown: {Class: "unknown", What: "unknown then"},
	endAgain:   {Class: "again", What: "not executed and sent again: throttled, or the token had ended"},
}

// bar is a stretch of time.
type bar struct {
	Begin time.Time
	N     [len(parts)]int
	Rects []rect
	X     int
}

// rect is a part of a bar in the drawing.
type rect struct {
	Class     string
	Y, Height float64
}

// The drawing is this high, and a part in it that matters is not too low to be
// seen.
const (
	barWidth    = 10
	chartHeight = 100
	leastPart   = 1.5
	mostBars    = 72
)

// barSteps are how long a bar may be.
var barSteps = [...]time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// barStep is how long a bar is when all of them take so long together.
func barStep(span time.Duration) time.Duration {
	for _, step := range barSteps {
		if span < (mostBars-1)*step { // the first bar may begin before
			return step
		}
	}
	const day = 24 * time.Hour
	return (span/(mostBars-1)/day + 1) * day
}

// answers are those to all calls of a run.
func (r *Run) answers() iter.Seq[*apply.Answer] {
	return func(yield func(*apply.Answer) bool) {
		for i := range r.Results {
			for k := range r.Results[i].Answers {
				if !yield(&r.Results[i].Answers[k]) {
					return
				}
			}
		}
	}
}

// chart draws the calls of a run, nothing when it made none.
func (r *Run) chart() *chart {
	var first, last time.Time
	for a := range r.answers() {
		if first.IsZero() || a.Started.Before(first) {
			first = a.Started
		}
		if a.Started.After(last) {
			last = a.Started
		}
	}
	if first.IsZero() {
		return nil
	}
	c := &chart{Parts: append([]part(nil), parts[:]...), step: barStep(last.Sub(first))}
	begin := first.UTC().Truncate(c.step)
	for at := begin; !at.After(last); at = at.Add(c.step) {
		c.Bars = append(c.Bars, bar{Begin: at, X: len(c.Bars) * barWidth})
	}
	for a := range r.answers() {
		c.add(int(a.Started.Sub(begin)/c.step), a)
	}
	c.draw()
	c.say(r.Mutations(), last.Sub(first))
	return c
}

// add counts an answer in a bar. Only the last of several requests was executed.
func (c *chart) add(at int, a *apply.Answer) {
	of := map[fleet.Outcome]int{fleet.Done: endDone, fleet.Unknown: endUnknown, fleet.NotAttempted: endAgain}
	end, ok := of[a.Outcome]
	if !ok {
		end = endFailed
	}
	c.count(at, end, 1)
	c.count(at, endAgain, a.Sends-1)
}

func (c *chart) count(at, end, n int) {
	c.Bars[at].N[end] += n
	c.Parts[end].N += n
	c.total += n
}

// draw makes the fullest bar as high as the drawing.
func (c *chart) draw() {
	c.Width = len(c.Bars) * barWidth
	most, highest := 0, 0.0
	for i := range c.Bars {
		most = max(most, c.Bars[i].sum())
	}
	for i := range c.Bars {
		highest = max(highest, c.Bars[i].stack(chartHeight/float64(most)))
	}
	for i := range c.Bars {
		for k := range c.Bars[i].Rects {
			r := &c.Bars[i].Rects[k]
			r.Height *= chartHeight / highest
			r.Y = chartHeight - r.Y*chartHeight/highest - r.Height
		}
	}
	c.Most = fleet.Count(most, "call")
}

func (b *bar) sum() int {
	n := 0
	for _, part := range b.N {
		n += part
	}
	return n
}

// stack puts the parts of a bar on each other, and returns how high it is.
func (b *bar) stack(each float64) float64 {
	y := 0.0
	for end, n := range b.N {
		if n == 0 {
			continue
		}
		h := float64(n) * each
		if end != endDone {
			h = max(h, leastPart)
		}
		b.Rects = append(b.Rects, rect{parts[end].Class, y, h})
		y += h
	}
	return y
}

// say puts the drawing into words.
func (c *chart) say(sent int, span time.Duration) {
	c.Caption = fmt.Sprintf("%s, a bar for each %s", fleet.Count(c.total, "mutating call"), lastingExactly(c.step))
	if span >= time.Second {
		c.Caption += fmt.Sprintf("; %.2g per second on average", float64(c.total)/span.Seconds())
	}
	if lost := sent - c.total; lost > 0 {
		c.Remark = fleet.Count(lost, "more call") + " sent, of which no answer was kept"
	}
	for _, i := range []int{0, len(c.Bars) / 2, len(c.Bars) - 1} {
		if len(c.Times) == 0 || c.Times[len(c.Times)-1] != c.label(i) {
			c.Times = append(c.Times, c.label(i))
		}
	}
}

// label is when a bar begins, as exactly as bars are apart.
func (c *chart) label(i int) string {
	form := "15:04:05"
	if c.step >= time.Minute {
		form = "15:04"
	}
	if first := c.Bars[0].Begin; i == 0 || first.Format(time.DateOnly) != c.Bars[i].Begin.Format(time.DateOnly) {
		form = time.DateOnly + " " + form
	}
	return c.Bars[i].Begin.Format(form)
}

// lastingExactly is the length of a bar.
func lastingExactly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}

// Rows are the bars as a table: for who cannot see the drawing.
func (c *chart) Rows() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for i := range c.Bars {
			cells := make([]string, len(parts))
			for end, n := range c.Bars[i].N {
				cells[end] = fleet.Number(n)
			}
			if c.Bars[i].sum() > 0 && !yield(c.label(i), cells) {
				return
			}
		}
	}
}
