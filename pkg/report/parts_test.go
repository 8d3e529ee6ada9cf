package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

func TestInFlight(t *testing.T) {
	for rate, want := range map[float64]string{
		0:    "",
		0.5:  "0.5 calls/s needs 1 in flight at 1 s a call, 90 at 180 s",
		1.8:  "1.8 calls/s needs 2 in flight at 1 s a call, 324 at 180 s",
		2:    "2 calls/s needs 2 in flight at 1 s a call, 360 at 180 s",
		20.5: "20.5 calls/s needs 21 in flight at 1 s a call, 3,690 at 180 s",
	} {
		if got := inFlight(rate); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFloor(t *testing.T) {
	late := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	away := late.In(time.FixedZone("elsewhere", -5*3600))
	tests := []struct {
		floor time.Duration
		rate  float64
		now   time.Time
		want  string
	}{
		{time.Hour, 0, late, ""},
		{4 * time.Second, 2, late, "at least 4 s at 2 calls per second"},
		{77 * time.Minute, 2, time.Time{}, "at least 1 h 17 min at 2 calls per second"},
		{17 * time.Minute, 1.8, late, "at least 17 min at 1.8 calls per second: not before 23:47 UTC if begun now"},
		{17 * time.Minute, 1.8, away, "at least 17 min at 1.8 calls per second: not before 23:47 UTC if begun now"},
		{77 * time.Minute, 2, late, "at least 1 h 17 min at 2 calls per second: not before 2026-03-02 00:47 UTC if begun now"},
		{75 * time.Hour, 2, late, "at least 3 days 3 h at 2 calls per second: not before 2026-03-05 02:30 UTC if begun now"},
	}
	for _, test := range tests {
		if got := floor(plan.Estimate{Rate: test.rate, Floor: test.floor}, test.now); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestCallsOf(t *testing.T) {
	steps := map[fleet.Action]int{fleet.Create: 2, fleet.Link: 2}
	for want, c := range map[string]plan.Counts{
		"":                    {Steps: steps}, // a plan of an older version
		", one for each step": {Steps: steps, CallsOf: map[fleet.Action]int{fleet.Create: 2, fleet.Link: 2}},
		": 2 create":          {Steps: steps, CallsOf: map[fleet.Action]int{fleet.Create: 2}},
	} {
		if got := callsOf(c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Folding loses no letter and no line is too wide, whatever the text.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.StringOf(rapid.SampledFrom([]rune("ab 　東é\u0301🔌ｱ"))).Draw(t, "text"), rapid.IntRange(2, 40).Draw(t, "limit")
		lines := Fold(text, limit)
		for _, line := range lines {
			if columns(line) > limit {
				t.Fatalf("%q takes %d columns, want %d at most", line, columns(line), limit)
			}
		}
		if got := strings.ReplaceAll(strings.Join(lines, ""), " ", ""); got != strings.ReplaceAll(text, " ", "") {
			t.Fatalf("got %q of %q", got, text)
		}
	})
}

// What cuts off devices is listed by name as far as anybody reads, and then it is
// said how many more there are.
func TestWhatHurtsIsNamed(t *testing.T) {
	for n, want := range map[int]string{1: "gone-0000 (9", 250: "gone-0249\n", 1500: "gone-0299 … and 1,200 more, --full lists all"} {
		w := &world{}
		for i := range n {
			name := fmt.Sprintf("gone-%04d", i)
			w.endpoint(name, fleet.StatusHold, "")
			w.row(name, fleet.StateAbsent, "")
		}
		out := text(t, func(out io.Writer) error { return PlanText(out, w.plan(t, plan.Unlimited), Options{}) })
		if !strings.Contains(out, want) || strings.Count(out, "gone-") != min(n, painful.names) {
			t.Errorf("%d: got %s", n, out)
		}
	}
}

// Every task is in the full form, also what is as it should be.
func TestFullListsEveryTask(t *testing.T) {
	p := everyday().plan(t, plan.Unlimited)
	out := text(t, func(out io.Writer) error { return PlanText(out, p, Options{Full: true}) })
	for i := range p.Tasks {
		if !strings.Contains(out, " "+shown(p.Tasks[i].Label()).String()+" (") {
			t.Errorf("%s is missing", p.Tasks[i].Label())
		}
	}
	if steps := strings.Count(out, "\n    + ") + strings.Count(out, "\n    - ") + strings.Count(out, "\n    ~ "); steps != p.Counts.Calls {
		t.Errorf("got %d steps, want %d", steps, p.Counts.Calls)
	}
}

// More of a kind than anybody reads is counted, and the count is right.
func TestWhatIsLeftOutIsCounted(t *testing.T) {
	w := &world{}
	for i := range 1100 {
		w.endpoint(fmt.Sprintf("m-%04d", i), fleet.StatusActive, "").PlanID = fleet.ID(fmt.Sprint("old-", i/2+i%2*1000*(i%3)))
		w.row(fmt.Sprintf("m-%04d", i), fleet.StateUnmanaged, "")
	}
	p := w.plan(t, plan.Unlimited)
	s := planSheet(p, Options{}).Sections[0]
	singles, grouped := 0, 0
	for range s.Singles {
		singles++
	}
	for _, g := range s.Groups {
		var n int
		_, _ = fmt.Sscan(g.Count, &n)
		grouped += n
	}
	if want := andMore(p.Counts.Change - singles - grouped); s.More != want || singles == 0 || grouped == 0 {
		t.Errorf("got %q with %d singles and %d in groups, want %q", s.More, singles, grouped, want)
	}
}

func text(t testing.TB, write func(io.Writer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// BenchmarkPlanText shows a plan of 100,000 rows of many kinds.
func BenchmarkPlanText(b *testing.B) {
	w := &world{}
	for i := range 100_000 {
		name := fmt.Sprintf("meter-%06d", i)
		switch i % 4 {
		case 0:
			w.row(name, fleet.StateActive, w.stock(w.card(i)))
		case 1:
			w.row(name, fleet.StateActive, w.card(i)) // not in stock
		case 2:
			w.row(name, fleet.StateAbsent, "")
			w.endpoint(name, fleet.StatusActive, w.card(i))
		case 3:
			w.row(name, fleet.StateUnmanaged, "")
			w.endpoint(name, fleet.StatusActive, "").PlanID = fleet.ID(fmt.Sprint(i % 1000))
		}
	}
	p := w.plan(b, plan.Unlimited)
	for name, opts := range map[string]Options{"grouped": {}, "full": {Full: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := PlanText(io.Discard, p, opts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestGuards(t *testing.T) {
	for want, limits := range map[string]plan.Limits{
		"": plan.Unlimited,
		"at most 0 delete, 3 delink, 1,000 modify":                                   {Delinks: 3, Modifies: 1000, Suspends: plan.NoLimit, Activations: plan.NoLimit},
		"at most 2 suspend, 1 activate, changes to 2.5 % of what its rows are about": {Deletes: -1, Delinks: -1, Suspends: 2, Activations: 1, Modifies: -1, Percent: 2.5},
	} {
		if got := guards(limits).Text; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What a bar says fits its room; what people can do something about goes last.
func TestPaceFits(t *testing.T) {
	p := Progress{Done: 10988, Total: 11008, NotDone: 1020, Unknown: 3, InFlight: 324, Calls: 22000, Rate: 1.74, Allowed: 1.8, Left: 3*time.Hour + 2*time.Minute}
	for width, want := range map[int]string{
		1000: "1.7 of 1.8 calls/s, 324 in flight, 1,020 not done, 3 unknown, about 3h2m0s left",
		79:   "1.7 of 1.8 calls/s, 324 in flight, 1,020 not done, 3 unknown, about 3h2m0s left",
		78:   "1.7 of 1.8 calls/s, 1,020 not done, 3 unknown, about 3h2m0s left",
		60:   "1,020 not done, 3 unknown, about 3h2m0s left",
		40:   "1,020 not done, 3 unknown",
		20:   "1,020 not done",
		5:    "",
		-20:  "",
	} {
		if got := p.Pace(width); got != want {
			t.Errorf("%d columns: got %q, want %q", width, got, want)
		}
	}
	if got, want := (Progress{Rate: 2}).Pace(30), "2.0 calls/s, 0 in flight"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
