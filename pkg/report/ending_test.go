package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sftctl/pkg/plan"
)

// anEnding is of a run that has everything.
func anEnding() *Ending {
	run := aRun()
	return &Ending{Command: "reconcile", Tool: "sftctl test", Host: "edge-1", BaseURL: run.Plan.BaseURL, Platform: "sft.example.com", Account: "acme", Started: noon, Ended: noon.Add(95*time.Second + 250*time.Millisecond),
		Exit: 4, Plan: run.Plan, Run: run, Reports: "/var/log/sftctl/RUN", Calls: Calls{Mutations: 9, Reads: 12, Settles: 3, Throttled: 2}, Unknowns: 1}
}

// families reads metrics by the reader that Prometheus itself has.
func families(t *testing.T, e *Ending, before string) (string, map[string]*dto.MetricFamily) {
	t.Helper()
	var out bytes.Buffer
	if err := e.WriteMetrics(&out, strings.NewReader(before)); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String(), found
}

func TestMetrics(t *testing.T) {
	_, found := families(t, anEnding(), "")
	golden(t, "metrics.prom", func(w io.Writer) error { return anEnding().WriteMetrics(w, nil) })
	for name, family := range found {
		if family.GetType() != dto.MetricType_GAUGE || family.GetHelp() == "" {
			t.Errorf("%s: got %s %q, want a gauge that says what it is", name, family.GetType(), family.GetHelp())
		}
	}
	total := 0.0
	for _, m := range found["sftctl_rows"].Metric {
		total += m.GetGauge().GetValue()
	}
	if rows := len(anEnding().Run.Results); total != float64(rows) {
		t.Errorf("got %g rows in all, want %d", total, rows)
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	e := &Ending{Command: "drift", Account: "a \"b\" \\ c\nd\xff", Unknowns: -1}
	_, found := families(t, e, "")
	if got, want := found["sftctl_last_run_exit_code"].Metric[0].Label[0].GetValue(), "a \"b\" \\ c\nd\uFFFD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What nobody knows is not told as 0.
func TestMetricsLeaveOutWhatIsNotKnown(t *testing.T) {
	text, found := families(t, &Ending{Command: "reconcile", Exit: 7, Unknowns: -1}, "")
	for _, name := range []string{lastSuccess, "sftctl_rows", "sftctl_drift_rows", "sftctl_open_unknowns"} {
		if found[name] != nil {
			t.Errorf("%s is told:\n%s", name, text)
		}
	}
}

func TestTheLastSuccessIsKept(t *testing.T) {
	last := func(e *Ending, before string) (string, float64) {
		text, found := families(t, e, before)
		if found[lastSuccess] == nil {
			return text, 0
		}
		for _, m := range found[lastSuccess].Metric {
			if m.Label[1].GetValue() == e.Command {
				return text, m.GetGauge().GetValue()
			}
		}
		return text, 0
	}
	good := &Ending{Command: "reconcile", Account: "acme", Ended: noon}
	bad := &Ending{Command: "reconcile", Account: "acme", Ended: noon.Add(time.Hour), Exit: 3}
	text, at := last(good, "")
	if at != float64(noon.Unix()) {
		t.Errorf("got %f after a good run", at)
	}
	text, at = last(bad, text)
	if at != float64(noon.Unix()) {
		t.Errorf("got %f after a bad run", at)
	}
	if text, at = last(bad, text); at != float64(noon.Unix()) {
		t.Errorf("got %f after another", at)
	}
	resumed := &Ending{Command: "resume", Account: "acme", Ended: noon.Add(time.Hour)}
	text, _ = last(resumed, text)
	if text, at = last(bad, text); at != float64(noon.Unix()) || !strings.Contains(text, `command="resume"`) {
		t.Errorf("another command's run lost it:\n%s", text)
	}
	other := &Ending{Command: "reconcile", Account: "other", Ended: noon, Exit: 3}
	if _, found := families(t, other, text); len(found[lastSuccess].Metric) != 2 {
		t.Errorf("got %v for another account", found[lastSuccess])
	}
	drift := &Ending{Command: "reconcile", Account: "acme", Ended: noon.Add(2 * time.Hour), Exit: 2}
	if _, at := last(drift, text); at != float64(noon.Add(2*time.Hour).Unix()) {
		t.Errorf("got %f after a run that found something else", at)
	}
	some := &Ending{Command: "reconcile", Account: "acme", Ended: noon.Add(3 * time.Hour), Plan: &plan.Plan{Header: plan.Header{Choice: &plan.Choice{Limit: 1}}}}
	if _, at := last(some, text); at != float64(noon.Unix()) {
		t.Errorf("got %f after a run of some rows", at)
	}
	if _, at := last(bad, lastSuccess+`{account="acme",command="reconcile"} rubbish`); at != 0 {
		t.Errorf("got %f from rubbish", at)
	}
}

// linesOf are the samples whose labels hold a text.
func linesOf(text, labels string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "sftctl_") && strings.Contains(line, labels) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// One file may be of several commands and accounts: each replaces its own samples only.
func TestTheMetricsOfOthersAreKept(t *testing.T) {
	night, _ := families(t, anEnding(), "")
	reconcile := linesOf(night, `account="acme",command="reconcile"`)
	drift := &Ending{Command: "drift", Account: "acme", Platform: "sft.example.com", Ended: noon, Plan: aRun().Plan, Unknowns: -1}
	text, _ := families(t, drift, night)
	other := &Ending{Command: "reconcile", Account: "other", Ended: noon, Exit: 7, Unknowns: 3}
	text, found := families(t, other, text)
	if got := linesOf(text, `account="acme",command="reconcile"`); !slices.Equal(got, reconcile) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, ""), strings.Join(reconcile, ""))
	}
	if got := len(found["sftctl_last_run_exit_code"].Metric); got != 3 {
		t.Errorf("got %d exit codes, want 3:\n%s", got, text)
	}
	refused := &Ending{Command: "reconcile", Account: "acme", Platform: "sft.example.com", Ended: noon, Exit: 65, Unknowns: -1}
	text, _ = families(t, refused, text)
	alone, _ := families(t, refused, "")
	if got, want := linesOf(text, `account="acme",command="reconcile"`), linesOf(alone, ""); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
}

// Two platforms may have an account of the same name. What was told before there was
// a label for them is of the account that tells it anew.
func TestPlatformsAreToldApart(t *testing.T) {
	at := func(platform string, exit int) *Ending {
		return &Ending{Command: "reconcile", Account: "acme", Platform: platform, Ended: noon, Exit: exit, Unknowns: -1}
	}
	text, _ := families(t, at("", 0), "")
	text, _ = families(t, at("sft.example.com", 7), text)
	if want := lastSuccess + `{account="acme",command="reconcile",platform="sft.example.com"} 1772366400`; !strings.Contains(text, want) || len(linesOf(text, "{")) != len(linesOf(text, `platform="sft.example.com"`)) {
		t.Errorf("got\n%s\nwant all of it with the platform, and %s", text, want)
	}
	text, found := families(t, at("test.example.com:8443", 0), text)
	if got := found["sftctl_last_run_exit_code"].Metric; len(got) != 2 || got[1].GetGauge().GetValue() != 7 {
		t.Errorf("got %v, want one of each platform, in\n%s", got, text)
	}
}

func TestMetricsThatAreKept(t *testing.T) {
	e := &Ending{Command: "drift", Account: "acme", Ended: noon, Unknowns: -1}
	for _, c := range []struct {
		line string
		kept bool
	}{
		{`sftctl_later{account="a \"b\" \\ c\n, {}",command="drift",kind="x y"} 1.5e+09`, true},
		{`sftctl_later{account="acme",command="drift"} 1`, false},
		{`sftctl_later{account="",command="drift"} 1`, false}, // who did not get as far as to know
		{`sftctl_later{account="",command="apply"} 1`, true},
		{`sftctl_later{account="x",command="apply"} 1 2`, false},
		{`sftctl_later{account="x",command="apply"} one`, false},
		{`sftctl_later{account="x",command="apply} 1`, false},
		{`sftctl_later{account="x\y",command="apply"} 1`, false},
		{"sftctl_later{account=\"x\xff\",command=\"apply\"} 1", false},
		{`other{account="x",command="apply"} 1`, false},
	} {
		text, _ := families(t, e, "# HELP sftctl_later What is told some day.\n"+c.line+"\n"+c.line+"\n")
		want := 0
		if c.kept {
			want = 1
		}
		if got := strings.Count(text, c.line+"\n"); got != want || strings.Contains(text, "# HELP sftctl_later What is told some day.\n# TYPE sftctl_later gauge\n") != c.kept {
			t.Errorf("%s: got it %d times, want %d, in\n%s", c.line, got, want, text)
		}
	}
}

func TestEnding(t *testing.T) {
	golden(t, "ending.json", anEnding().WriteSummary)
}

func TestAnEndingFitsIntoAMessage(t *testing.T) {
	e := anEnding()
	e.Problem = strings.Repeat("fleet.csv:7:3: iccid: got \"1\", want 19 or 20 digits\n", 5000)
	for i := range e.Run.Results {
		e.Run.Results[i].Err = fmt.Errorf("reason %s", strings.Repeat("x", i))
	}
	data, err := json.Marshal(e)
	var got struct{ Problem []string }
	if err := errors.Join(err, json.Unmarshal(data, &got)); err != nil || len(got.Problem) != mostTold+1 || got.Problem[mostTold] != "… and 4,981 more" {
		t.Errorf("got %d lines, %v", len(got.Problem), err)
	}
	if len(data) > 16<<10 {
		t.Errorf("got %d bytes", len(data))
	}
}

func TestEndingInALine(t *testing.T) {
	for _, c := range []struct {
		e    Ending
		want string
	}{
		{*anEnding(), "sftctl reconcile of account acme: exit 4; 1 unknown, 2 failed, 1 stale, 1 refused, 1 not-attempted, 2 done, 1 unchanged"},
		{Ending{Command: "reconcile", Exit: 65, Problem: "a.csv:1:2: what\x1b\nmore"}, `sftctl reconcile: exit 65; a.csv:1:2: what\x1b`},
		{Ending{Command: "drift", Account: "acme", Exit: 2, Simulated: true, Plan: aRun().Plan}, "sftctl drift (SIMULATED) of account acme: exit 2; 8 rows of 9 differ"},
		{Ending{Command: "apply", Exit: 6, Run: &Run{Plan: aRun().Plan, Cut: errors.New("the time is up")}}, "sftctl apply: exit 6; no rows; the time is up"},
	} {
		if got := c.e.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
