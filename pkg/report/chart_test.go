package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

// answered is a run with these answers.
func answered(answers ...apply.Answer) *Run {
	run := &Run{Plan: &plan.Plan{Tasks: make([]plan.Task, 1)}}
	run.Results = []apply.Result{{Task: &run.Plan.Tasks[0], Answers: answers}}
	for _, a := range answers {
		run.Results[0].Attempts += a.Sends
	}
	return run
}

func TestChart(t *testing.T) {
	after := func(seconds int, o fleet.Outcome, sends int) apply.Answer {
		return apply.Answer{Action: fleet.Create, Outcome: o, Sends: sends, Started: noon.Add(time.Duration(seconds) * time.Second)}
	}
	run := answered(after(1, fleet.Done, 1), after(9, fleet.Failed, 3), after(10, fleet.Unknown, 1), after(119, fleet.NotAttempted, 1), after(119, fleet.Done, 1))
	run.Results[0].Attempts++ // it left, and the program was killed
	c := run.chart()
	got := fmt.Sprint(c.Caption, "; ", c.Most, "; ", c.Times, "; ", c.Remark)
	want := "7 mutating calls, a bar for each 2 s; 0.059 per second on average; 3 calls; [2026-03-01 12:00:00 12:01:00 12:01:58]; 1 more call sent, of which no answer was kept"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var rows []string
	for at, cells := range c.Rows() {
		rows = append(rows, at+" "+strings.Join(cells, " "))
	}
	if got, want := strings.Join(rows, "; "), "2026-03-01 12:00:00 1 0 0 0; 12:00:08 0 1 0 2; 12:00:10 0 0 1 0; 12:01:58 1 0 0 1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	highest := 0.0
	for _, b := range c.Bars {
		low := float64(chartHeight)
		for _, r := range b.Rects { // each on the one before
			if math.Abs(r.Y+r.Height-low) > 1e-9 || r.Height < leastPart/2 {
				t.Errorf("%s: got %+v, want its foot at %g", b.Begin, r, low)
			}
			low = r.Y
		}
		highest = max(highest, chartHeight-low)
	}
	if math.Abs(highest-chartHeight) > 1e-9 {
		t.Errorf("the fullest bar is %g high, want %d", highest, chartHeight)
	}
	if (&Run{Plan: &plan.Plan{}}).chart() != nil {
		t.Error("a run without calls has a chart")
	}
}

// However long a run takes, its bars are few, and all of it is in them.
func TestBarsAreFew(t *testing.T) {
	for span := time.Millisecond; span < 3*365*24*time.Hour; span = span*3/2 + 7 {
		c := answered(apply.Answer{Sends: 1, Started: noon.Add(777 * time.Millisecond)}, apply.Answer{Sends: 1, Started: noon.Add(777*time.Millisecond + span)}).chart()
		if len(c.Bars) > mostBars || span > 2*time.Minute && len(c.Bars) < mostBars/7 || c.Bars[len(c.Bars)-1].sum() == 0 {
			t.Errorf("%s: got %d bars of %s", span, len(c.Bars), c.step)
		}
	}
}

func TestSpeeds(t *testing.T) {
	var answers []apply.Answer
	for i := range 200 {
		answers = append(answers, apply.Answer{Action: fleet.Create, Outcome: fleet.Done, Sends: 1, Started: noon, Took: time.Duration(200-i) * 10 * time.Millisecond})
	}
	answers = append(answers, apply.Answer{Action: fleet.Create, Outcome: fleet.Unknown, Sends: 1, Started: noon, Took: 200 * time.Second},
		apply.Answer{Action: fleet.Link, Outcome: fleet.Failed, Sends: 1, Started: noon, Took: 150 * time.Second},
		apply.Answer{Action: fleet.Delete, Outcome: fleet.Unknown, Sends: 1, Started: noon},
		apply.Answer{Action: fleet.Resume, Outcome: fleet.NotAttempted, Sends: 1, Started: noon}) // throttled until the run was stopped
	var got []string
	for _, s := range answered(answers...).speeds() {
		got = append(got, fmt.Sprint(s.Action, s.Answered, s.Lost, s.Times))
		for _, x := range []float64{s.Line.X, s.Line.X + s.Line.Width, s.Box.X, s.Box.X + s.Box.Width, s.Tick} {
			if x < 0 || x > 100 || math.IsNaN(x) {
				t.Errorf("%s: %g is not in the drawing: %+v", s.Action, x, s)
			}
		}
	}
	want := "create2001[1.0 s 1.8 s 2.0 s 2.0 s] link10[150 s 150 s 150 s 150 s] delete01[– – – –]"
	if text := strings.Join(got, " "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// Texts can be read on what they stand on, and shapes be seen, in the light and in
// the dark.
func TestContrast(t *testing.T) {
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(pageStyle, -1)
	if len(schemes) != 3 {
		t.Fatalf("got %d schemes, want light, dark and paper", len(schemes))
	}
	for _, scheme := range schemes {
		colors := map[string]float64{}
		for _, c := range regexp.MustCompile(`--(\w+): (#\w+);`).FindAllStringSubmatch(scheme[1], -1) {
			colors[c[1]] = luminance(t, c[2])
		}
		for name, least := range map[string]float64{"ink": 7, "soft": 4.5, "bad": 4.5, "good": 4.5, "edge": 3, "doubt": 3, "again": 3} {
			for _, under := range []string{"paper", "card"} {
				a, b := colors[name]+.05, colors[under]+.05
				if under == "card" && least == 3 { // shapes stand on paper only
					continue
				}
				if ratio := max(a, b) / min(a, b); ratio < least {
					t.Errorf("%s on %s: got a contrast of %.2f, want %g", name, under, ratio, least)
				}
			}
		}
	}
}

// luminance is how light a color is, as WCAG has it.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	digits := color[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	sum := 0.0
	for i, share := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		if c := float64(n) / 255; c <= .04045 {
			sum += share * c / 12.92
		} else {
			sum += share * math.Pow((c+.055)/1.055, 2.4)
		}
	}
	return sum
}

// A plan's rows are of the kind that matters most.
func TestKindsOfRows(t *testing.T) {
	p := everyday().plan(t, plan.Unlimited)
	table := details{p, Options{}}.rowTable()
	got := map[string]int{}
	for _, k := range table.Kinds {
		got[k.What] = k.N
	}
	if want := map[string]int{"may cut off": 9, "refused": 5, "create": 13, "change": 1237, "only reported": 1, "as it should be": 0}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if table.Remark != "Not listed: 2 rows without a difference." || len(table.rows) != 1265 {
		t.Errorf("got %d rows, %q", len(table.rows), table.Remark)
	}
	full := details{p, Options{Full: true}}.rowTable()
	if full.Remark != "" || len(full.rows) != len(p.Tasks) {
		t.Errorf("full: got %d rows, %q, want %d", len(full.rows), full.Remark, len(p.Tasks))
	}
}

// A fleet that no browser could hold is cut, after what somebody has to look at.
func TestATableHasAnEnd(t *testing.T) {
	run := &Run{Plan: &plan.Plan{Tasks: make([]plan.Task, 1)}}
	for i := range mostRows + 5 {
		r := apply.Result{Task: &run.Plan.Tasks[0], Outcome: fleet.Done}
		if i == mostRows+2 {
			r.Outcome = fleet.Failed
		}
		run.Results = append(run.Results, r)
	}
	table := run.rowTable(Options{})
	if first := table.Kinds[table.rows[0].kind].What; len(table.rows) != mostRows || first != "failed" || table.Remark != "The last 5 rows are left out." {
		t.Errorf("got %d rows, %s first, %q", len(table.rows), first, table.Remark)
	}
}
