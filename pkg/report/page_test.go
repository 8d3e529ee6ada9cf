package report

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

var (
	pictures     = flag.String("pictures", "", "keep pictures of the pages in this `FOLDER`")
	screenHeight = flag.Int("screen-height", 844, "how high the screen is on which the pages are shown")
)

var onboarding = []plan.Step{{Action: fleet.Create, Reason: "it is not on the platform"}, {Action: fleet.Link, Reason: "a SIM is wanted"}, {Action: fleet.Activate, Reason: "state active is wanted"}}

// aBigRun is an onboarding of n rows in which little went wrong.
func aBigRun(n int) *Run {
	chance := rand.New(rand.NewSource(1))
	p := &plan.Plan{Header: plan.Header{ID: "20260301T115500Z-abcd", Account: "acme", BaseURL: "https://sft.bics.com", Counts: plan.Counts{Rows: n, Change: n, Calls: 3 * n}}}
	run := &Run{ID: "20260301T120000Z-wxyz", Plan: p, Started: noon, Ended: noon, Reads: 612, Settles: 40, Exit: 3, Tool: "sftctl test"}
	p.Tasks = make([]plan.Task, n)
	for i := range p.Tasks {
		p.Tasks[i] = plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: fmt.Sprintf("meter-%06d", i)}, Origin: fleet.Origin{File: "fleet.csv", Line: i + 2}}, Steps: onboarding}
		r := apply.Result{Task: &p.Tasks[i], ID: fleet.ID(fmt.Sprint(900000 + i)), Outcome: fleet.Done, Verified: true}
		for _, s := range onboarding {
			run.Ended = run.Ended.Add(time.Duration(300+chance.Intn(500)) * time.Millisecond)
			outcome := fleet.NotAttempted
			if r.Outcome == fleet.Done {
				outcome = answer(&r, s.Action, run.Ended, chance)
			}
			r.Steps = append(r.Steps, apply.StepResult{Action: s.Action, Outcome: outcome})
		}
		run.Results = append(run.Results, r)
	}
	return run
}

// answer lets the platform answer a call, mostly well.
func answer(r *apply.Result, action fleet.Action, at time.Time, chance *rand.Rand) fleet.Outcome {
	a := apply.Answer{Action: action, Outcome: fleet.Done, Sends: 1, Started: at, Took: time.Duration(150+chance.ExpFloat64()*900) * time.Millisecond}
	switch fate := chance.Intn(1000); {
	case fate < 4:
		a.Outcome, r.Err = fleet.Failed, fmt.Errorf("%s: refused (99409): SIM %s in use", action, fmt.Sprint(8932042000000000000+at.UnixNano()%1000000))
	case fate < 6:
		a.Outcome, a.Took, r.Err = fleet.Unknown, 200*time.Second, fmt.Errorf("%s: no answer within 200 s", action)
	case fate < 16:
		a.Sends = 2
	}
	r.Answers, r.Outcome, r.Attempts = append(r.Answers, a), a.Outcome, r.Attempts+a.Sends
	r.Started = at
	return a.Outcome
}

func pageOf(t testing.TB, run *Run) []byte {
	return []byte(text(t, func(w io.Writer) error { return run.Write(w, "html", Options{}) }))
}

// twoFrames waits until what was changed is drawn.
const twoFrames = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))`

// look says what the table shows.
const look = `({Status: document.getElementById("status").textContent, Rows: document.querySelectorAll("#rows tr[aria-rowindex]").length - 1,
	First: document.querySelector("#rows tbody td[data-is=name]")?.textContent ?? "", Kind: document.querySelector("#rows tbody td[data-is=kind]")?.textContent.trim() ?? ""})`

type seen struct {
	Status      string
	Rows        int
	First, Kind string
}

// sees does something in the page and says what it shows then.
func (b *browser) sees(script string) (s seen) {
	b.Helper()
	b.eval(nil, "(() => {"+script+"})()")
	b.eval(nil, twoFrames)
	b.eval(&s, look)
	return s
}

func typing(words string) string {
	return fmt.Sprintf(`const i = document.getElementById("words"); i.value = %q; i.dispatchEvent(new InputEvent("input"));`, words)
}

func pressing(selector string) string {
	return fmt.Sprintf("document.querySelector(%q).click();", selector)
}

// A page works in a browser: it asks for nothing, breaks nothing of its policy, and
// its table is filtered, sorted and scrolled.
func TestThePageInABrowser(t *testing.T) {
	b := aBrowser(t)
	b.screen(1280, "light")
	run := aBigRun(5000)
	count := run.Count()
	b.open(pageOf(t, run))
	all := fmt.Sprintf("%s rows", fleet.Number(len(run.Results)))
	some := func(n int) string { return fmt.Sprintf("%s of %s", fleet.Number(n), all) }
	if count[fleet.Failed] < 20 || count[fleet.Unknown] < 5 {
		t.Fatalf("the run is too good: %v", count)
	}
	last := run.Results[len(run.Results)-1].Task.Label()
	for _, test := range []struct{ name, do, status, kind, first string }{
		{"the beginning", "", all, "! unknown", ""},
		{"words", typing("METER-0042 done"), some(100), "done", "meter-004200"},
		{"a reason", typing("(99409) link: refused"), some(countOf(run, "link: refused")), "! failed", ""},
		{"no row", typing("nobody"), some(0), "", ""},
		{"all again", typing(""), all, "! unknown", ""},
		{"one kind", pressing("#kinds button[value='1']"), some(count[fleet.Failed]), "! failed", ""},
		{"two kinds", pressing("#kinds button[value='0']"), some(count[fleet.Failed] + count[fleet.Unknown]), "! unknown", ""},
		{"no kind", pressing("#kinds button[value='0']") + pressing("#kinds button[value='1']"), all, "! unknown", ""},
		{"by name", pressing("#rows th:nth-child(2) button"), all, "", "meter-000000"},
		{"by name, backwards", pressing("#rows th:nth-child(2) button"), all, "", last},
		{"unsorted", pressing("#rows th:nth-child(2) button"), all, "! unknown", ""},
		{"by row", pressing("#rows th:nth-child(1) button"), all, "", "meter-000000"},
		{"by kind, backwards", pressing("#rows th:nth-child(4) button") + pressing("#rows th:nth-child(4) button"), all, "done", ""},
	} {
		got := b.sees(test.do)
		if got.Status != test.status || test.kind != "" && got.Kind != test.kind || test.first != "" && got.First != test.first {
			t.Errorf("%s: got %+v, want %q, %q, %q", test.name, got, test.status, test.kind, test.first)
		}
		if got.Rows > 400 {
			t.Errorf("%s: %d rows are in the document", test.name, got.Rows)
		}
	}
	for _, complaint := range b.complaints() {
		t.Error(complaint)
	}
}

func countOf(run *Run, words string) int {
	n := 0
	for i := range run.Results {
		if strings.Contains(reason(&run.Results[i]), words) {
			n++
		}
	}
	return n
}

// Wherever somebody scrolls to, the rows are there, and few others.
func TestThePageScrolls(t *testing.T) {
	b := aBrowser(t)
	for _, width := range []int{390, 1280} {
		b.screen(width, "light")
		b.open(pageOf(t, aBigRun(20_000)))
		for _, share := range []float64{0.5, 1, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0} {
			b.sees(fmt.Sprintf("scrollTo(0, %g * document.documentElement.scrollHeight)", share))
			b.eval(nil, twoFrames)
			var at string
			b.eval(&at, `(() => { for (const y of [400, 450, 500, 550, 600]) { const e = document.elementFromPoint(innerWidth / 2, y).closest("tr"); if (e) return e.className; } return "no row" })()`)
			if at == "gap" || at == "no row" && share > 0 {
				t.Errorf("%d wide, at %g: got %q, want rows", width, share, at)
			}
			if got := b.sees(""); got.Rows > 300 {
				t.Errorf("%d wide, at %g: %d rows are in the document", width, share, got.Rows)
			}
		}
	}
}

// The table can be used without a mouse.
func TestThePageByKeyboard(t *testing.T) {
	b := aBrowser(t)
	b.screen(1280, "light")
	b.open(pageOf(t, aBigRun(500)))
	b.sees(`document.getElementById("words").focus()`)
	b.call(nil, "Input.insertText", map[string]any{"text": "000123"})
	if got := b.sees(""); got.Status != "1 of 500 rows" {
		t.Errorf("typing: got %+v", got)
	}
	b.sees(typing("") + `document.getElementById("words").focus()`)
	b.key("Tab", 9)
	b.key("Enter", 13)
	if got := b.sees(""); got.Kind != "! unknown" || !strings.HasSuffix(got.Status, " of 500 rows") {
		t.Errorf("Tab and Enter: got %+v, want the unknown rows", got)
	}
}

func (b *browser) key(name string, code int) {
	b.Helper()
	for _, kind := range []string{"keyDown", "char", "keyUp"} {
		m := map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code}
		if kind == "char" {
			if name != "Enter" {
				continue
			}
			m["text"] = "\r"
		}
		b.call(nil, "Input.dispatchKeyEvent", m)
	}
}

// Nothing that a file or the platform says becomes more than text, also where the
// script puts it.
func TestHostileTextInABrowser(t *testing.T) {
	b := aBrowser(t)
	run := nastyRun(t)
	for name, page := range map[string][]byte{"run": pageOf(t, run), "plan": []byte(text(t, func(w io.Writer) error { return WritePlan(w, run.Plan, "html", Options{}) }))} {
		b.open(page)
		var found struct {
			Elements []string
			Names    int
		}
		b.eval(&found, `({Names: [...document.querySelectorAll("#rows td[data-is=name]")].filter(e => e.textContent.includes("<script>alert(1)")).length,
			Elements: [...document.querySelectorAll("i, a, img, iframe, b script, td script, code *")].map(e => e.outerHTML)})`)
		if len(found.Elements) > 0 || found.Names == 0 {
			t.Errorf("%s: got %q and %d names that look like a script", name, found.Elements, found.Names)
		}
		for _, complaint := range b.complaints() {
			t.Errorf("%s: %s", name, complaint)
		}
	}
}

// On a phone nothing is wider than the screen, in a dark room nothing is white, and
// all of it fits on paper. With -pictures a person can look.
func TestThePageFits(t *testing.T) {
	b := aBrowser(t)
	empty := &Run{ID: "RUN", Plan: &plan.Plan{}, Started: noon, Ended: noon}
	cut := aBigRun(300)
	cut.Cut, cut.Doubt = errors.New("stopped: 23 of the last 120 finished endpoints failed"), errors.New("the results could not be verified: listing endpoints, page 7: server error (HTTP 502)")
	everyday := everyday().plan(t, plan.Limits{Deletes: 3, Delinks: 2, Suspends: 3, Activations: -1, Modifies: -1})
	planned := func(p *plan.Plan) []byte {
		return []byte(text(t, func(w io.Writer) error { return WritePlan(w, p, "html", Options{Now: noon}) }))
	}
	for name, page := range map[string][]byte{"run": pageOf(t, cut), "small": pageOf(t, aRun()), "plan": planned(everyday), "nasty": pageOf(t, nastyRun(t)), "nasty-plan": planned(nasty(t)), "empty": pageOf(t, empty)} {
		for _, width := range []int{390, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				b.screen(width, scheme)
				b.open(page)
				var got struct {
					Width int
					Paper string
				}
				b.eval(&got, `({Width: document.documentElement.scrollWidth, Paper: getComputedStyle(document.body).backgroundColor})`)
				if light := got.Paper == "rgb(255, 255, 255)"; got.Width > width || light != (scheme == "light") {
					t.Errorf("%s: %d wide and %s: got %d wide, on %s", name, width, scheme, got.Width, got.Paper)
				}
				b.picture(fmt.Sprintf("%s-%d-%s", name, width, scheme))
			}
		}
		b.screen(800, "light")
		b.prints(name)
	}
}

// prints says whether a page is complete on paper.
func (b *browser) prints(name string) {
	b.Helper()
	b.call(nil, "Emulation.setEmulatedMedia", map[string]any{"media": "print"})
	defer b.call(nil, "Emulation.setEmulatedMedia", map[string]any{"media": ""})
	var shown []string
	b.eval(&shown, `(dispatchEvent(new Event("beforeprint")), [...document.querySelectorAll("input, .kinds, .gap, details:not([open])")].filter(e => e.checkVisibility()).map(e => e.tagName))`)
	b.picture(name + "-paper")
	if len(shown) > 0 {
		b.Errorf("%s: on paper there are %v", name, shown)
	}
}

// TestABigPage tells how a browser fares with 100,000 rows; a machine may be slow.
func TestABigPage(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	run := aBigRun(100_000)
	begun := time.Now()
	page := pageOf(t, run)
	t.Logf("written in %s, %.1f MB", time.Since(begun).Round(time.Millisecond), float64(len(page))/1e6)
	b := aBrowser(t)
	b.screen(1280, "light")
	t.Logf("usable %s after it was opened", b.open(page).Round(time.Millisecond))
	for _, act := range []struct{ name, do string }{
		{"the first filter", typing("meter-0771")}, {"the next filter", typing("meter-07713")}, {"no filter", typing("")}, {"an outcome", pressing("#kinds button[value='1']")},
		{"all outcomes", pressing("#kinds button[value='1']")}, {"sorting by name", pressing("#rows th:nth-child(2) button")}, {"sorting by row", pressing("#rows th:nth-child(1) button")}} {
		var ms float64
		b.eval(&ms, fmt.Sprintf("(async () => { const begun = performance.now(); %s await %s; return performance.now() - begun })()", act.do, twoFrames))
		t.Logf("%s: %.0f ms", act.name, ms)
	}
	if got := b.sees(""); got.Status != "100,000 rows" || got.Rows > 600 {
		t.Errorf("got %+v", got)
	}
}

// BenchmarkPage writes the page of a run of 100,000 rows that changed.
func BenchmarkPage(b *testing.B) {
	run := aBigRun(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := run.Write(io.Discard, "html", Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
