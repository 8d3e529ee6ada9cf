package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// aRun has a row for every outcome, an orphan, and text that must not reach a
// terminal or a spreadsheet as it is.
func aRun() *Run {
	spec := func(name string, line int, cells ...string) *fleet.Spec {
		return &fleet.Spec{Fields: fleet.Fields{Name: name, PlanID: "100234", ICCID: "8932042000001234562"}, State: fleet.StateActive,
			Origin: fleet.Origin{File: "fleet.csv", Line: line}, Cells: cells}
	}
	steps := []plan.Step{{Action: fleet.Create, Reason: "it is not on the platform"}, {Action: fleet.Link, Reason: "SIM 8932042000001234562 is wanted"}}
	live := &fleet.Endpoint{ID: "881", Fields: fleet.Fields{Name: "stray-1", PlanID: "100300"}, Status: fleet.StatusActive}
	p := &plan.Plan{Header: plan.Header{ID: "PLAN", Account: "acme", BaseURL: "https://sft.bics.com", Columns: []string{"ENDPOINTNAME", "planId", "iccid"}, Live: 3,
		Estimate: plan.Estimate{Rate: 1.8, Floor: 4 * time.Second, Activations: 1},
		Blocked:  []string{"the plan has 1 delete step, and at most 0 are allowed; if they are meant, say --max-deletes 1"},
		Counts: plan.Counts{Rows: 8, Orphans: 1, Change: 7, Unchanged: 1, Refused: 1, Calls: 13,
			Steps: map[fleet.Action]int{fleet.Create: 6, fleet.Link: 6, fleet.Delete: 1}}}}
	add := func(spec *fleet.Spec, before *fleet.Endpoint, steps []plan.Step, refused ...string) {
		p.Tasks = append(p.Tasks, plan.Task{Spec: spec, Before: before, Steps: steps, Refused: refused})
	}
	add(spec("meter-done", 2, "meter-done", "100234", "8932042000001234562"), nil, steps)
	add(spec("meter-same", 3, "meter-same", "", ""), &fleet.Endpoint{ID: "7"}, nil)
	add(spec("meter-refused", 4, "meter-refused", "", ""), nil, nil, "SIM 8932042000001234562 is not in stock")
	add(spec("meter-stale", 5, "meter-stale", "", ""), nil, steps)
	add(spec("meter-failed", 6, "meter-failed", "", ""), nil, steps)
	add(spec("meter-unknown", 7, "meter-unknown", "", ""), nil, steps)
	add(spec("meter-later", 8, "meter-later", "", ""), nil, steps)
	add(spec("=cmd()|\x1b[2J\u202e", 9, "=cmd()|\x1b[2J\u202e", "+1", "'@"), nil, steps)
	add(nil, live, []plan.Step{{Action: fleet.Delete, Reason: "orphans are to be deleted"}})
	outcomes := [][]fleet.Outcome{{fleet.Done, fleet.Done}, {}, {}, {fleet.Stale, fleet.Stale}, {fleet.Done, fleet.Failed}, {fleet.Unknown, fleet.NotAttempted},
		{fleet.NotAttempted, fleet.NotAttempted}, {fleet.Failed, fleet.NotAttempted}, {fleet.Done}}
	worst := []fleet.Outcome{fleet.Done, fleet.Unchanged, fleet.Refused, fleet.Stale, fleet.Failed, fleet.Unknown, fleet.NotAttempted, fleet.Failed, fleet.Done}
	errs := []error{nil, nil, errors.New("SIM 8932042000001234562 is not in stock"), errors.New("planId was \"1\", is \"2\""), errors.New("link: refused (99409): SIM in use"),
		errors.New("create: connection lost: EOF"), nil, errors.New("create: refused: \x1b[31mred\x1b[0m\nsecond line"), nil}
	run := &Run{ID: "RUN", Plan: p, Started: noon, Ended: noon.Add(90 * time.Second), Reads: 12, Settles: 3, Tool: "sftctl test", Exit: 4}
	for i := range p.Tasks {
		r := apply.Result{Task: &p.Tasks[i], Outcome: worst[i], Err: errs[i], Verified: worst[i] == fleet.Done || worst[i] == fleet.Unchanged}
		for s, o := range outcomes[i] {
			r.Steps = append(r.Steps, apply.StepResult{Action: p.Tasks[i].Steps[s].Action, Outcome: o})
			if o != fleet.NotAttempted && o != fleet.Stale {
				r.Attempts++
				r.Started, r.Duration, r.ID, r.Code = noon, 1500*time.Millisecond, "900", "99001"
			}
		}
		run.Results = append(run.Results, r)
	}
	return run
}

func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got.Bytes(), want)
	}
}

func TestGoldens(t *testing.T) {
	run := aRun()
	for name, write := range run.Files() {
		golden(t, name, write)
	}
	golden(t, "run.txt", func(w io.Writer) error { return run.Write(w, "text", Options{}) })
	golden(t, "plan.txt", func(w io.Writer) error { return PlanText(w, run.Plan, Options{Now: noon}) })
	yaml := aRun()
	yaml.Plan.Columns = nil
	golden(t, "results-canonical.csv", yaml.WriteResults)
	yaml.Doubt, yaml.Cut = errors.New("the listing failed"), errors.New("interrupted")
	golden(t, "run-doubtful.txt", func(w io.Writer) error { return yaml.Write(w, "text", Options{}) })
}

// Every row and every orphan is in the results exactly once, whatever happened,
// and nothing in them runs in a spreadsheet.
func TestResultsAccountForEveryRow(t *testing.T) {
	run := aRun()
	var out bytes.Buffer
	if err := run.WriteResults(&out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(run.Results)+1 {
		t.Fatalf("got %d rows, %v, want %d", len(rows), err, len(run.Results)+1)
	}
	at := slices.Index(rows[0], "_outcome")
	for i, row := range rows[1:] {
		if row[at] != run.Results[i].Outcome.String() {
			t.Errorf("row %d: got %s, want %s", i, row[at], run.Results[i].Outcome)
		}
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r\x00") {
				t.Errorf("row %d: the cell %q would run", i, cell)
			}
		}
	}
}

// A protected endpoint's row is not fed back: the CSV would not protect it.
func TestProtectedRowsAreNotFedBack(t *testing.T) {
	run := aRun()
	run.Plan.Protect = []fleet.Glob{"meter-ref*"}
	var out bytes.Buffer
	if err := run.WriteFailed(&out); err != nil || strings.Contains(out.String(), "meter-refused") || !strings.Contains(out.String(), "meter-failed") {
		t.Errorf("got %s, %v", out.String(), err)
	}
}

// No control character reaches a terminal.
func TestTextIsEscaped(t *testing.T) {
	var out bytes.Buffer
	run := aRun()
	if err := errors.Join(run.Write(&out, "text", Options{}), PlanText(&out, run.Plan, Options{Full: true})); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && r < ' ' || r == '\u202e' {
			t.Fatalf("%U got through:\n%q", r, out.String())
		}
	}
}

func TestAFullPipeIsAnError(t *testing.T) {
	run := aRun()
	for name, write := range map[string]func(io.Writer) error{"results": run.WriteResults, "failed": run.WriteFailed, "summary": run.WriteSummary, "text": func(w io.Writer) error { return run.Write(w, "text", Options{}) },
		"plan": func(w io.Writer) error { return PlanText(w, run.Plan, Options{Full: true}) }} {
		if err := write(full{}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// What a file may give is in the reports, and in what is fed back.
func TestEveryFieldHasItsColumn(t *testing.T) {
	for _, f := range fleet.AllFields {
		if f == fleet.FieldStatus {
			continue
		}
		var want fleet.Fields
		want.Set(f, "x")
		if got := rowOf(want, "").cell(strings.ToUpper(f.String())); got != "x" || !slices.Contains(canonical, f.String()) {
			t.Errorf("%s: got %q, want its value; columns %v", f, got, canonical)
		}
	}
}

// Fields that are not seen to are named once, whatever form the plan is in.
func TestFieldsThatAreLeftAloneAreTold(t *testing.T) {
	p := &plan.Plan{Header: plan.Header{Unmanaged: fleet.Fieldset(fleet.FieldServiceProfile, fleet.FieldSIMProduct),
		Uncompared: fleet.Fieldset(fleet.FieldMonthlyLimit, fleet.FieldAddonPlans)}}
	want := []string{"serviceProfileId, simProductId: not managed in this dialect, so neither sent nor compared; simProductId still checks the SIMs",
		"monthlyLimit, addonPlanIds: set by a create only, and not reported, so not compared where an endpoint is live"}
	for _, text := range want {
		if got := planned(t, p); strings.Count(got, text) != 1 {
			t.Errorf("got\n%s\nwant once: %s", got, text)
		}
	}
	p.Header = plan.Header{Unmanaged: fleet.Fieldset(fleet.FieldRoamingProfile)}
	if got := planned(t, p); strings.Contains(got, "simProductId") || strings.Contains(got, "not reported") {
		t.Errorf("got\n%s", got)
	}
	p.Header = plan.Header{}
	if got := planned(t, p); strings.Contains(got, "not managed") {
		t.Errorf("got\n%s", got)
	}
}

// planned is the text of a plan without its line breaks.
func planned(t *testing.T, p *plan.Plan) string {
	t.Helper()
	var out bytes.Buffer
	if err := PlanText(&out, p, Options{}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
