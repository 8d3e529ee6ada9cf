package plan

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
)

func written(t *testing.T) (*Plan, []byte) {
	t.Helper()
	want, live, sims := largeFleet(5)
	want.Specs[3].Name, want.Specs[4].Cells = "Zürich \"<7>\"\n", []string{"a", ""}
	want.Policies = []fleet.Policy{{File: "f", Scope: []fleet.Glob{"other-*"}, Orphans: fleet.OrphansReport}}
	want.Inputs = []fleet.Input{{File: "f", SHA256: "00", Rows: 5}}
	have, err := inventory.New(live, sims, true)
	if err != nil {
		t.Fatal(err)
	}
	opts := benchOptions
	opts.Created = time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	opts.BaseURL, opts.Account, opts.Rate, opts.Tool = "https://sft.bics.com", "acme", 1.8, "sftctl"
	p, err := Build(want, have, opts)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		t.Fatal(err)
	}
	return p, buf.Bytes()
}

func TestPlanFilesReadBack(t *testing.T) {
	p, data := written(t)
	got, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if !IsPlan(data) {
		t.Error("a plan file is not known by its beginning")
	}
	var again bytes.Buffer
	if err := got.Write(&again); err != nil || !bytes.Equal(again.Bytes(), data) {
		t.Errorf("writing it again gives other bytes, %v", err)
	}
}

func TestCutPlanFilesAreRefused(t *testing.T) {
	_, data := written(t)
	for cut := range len(data) {
		if p, err := Read(bytes.NewReader(data[:cut])); !errors.Is(err, fleet.ErrPlan) || p != nil {
			t.Fatalf("cut at %d of %d: got %v, %v", cut, len(data), p, err)
		}
	}
}

func TestEditedPlanFilesAreRefused(t *testing.T) {
	_, data := written(t)
	for at := range data {
		edited := bytes.Clone(data)
		edited[at] ^= 1
		if _, err := Read(bytes.NewReader(edited)); !errors.Is(err, fleet.ErrPlan) {
			t.Fatalf("bit flipped at %d (%q): got %v", at, data[max(0, at-20):min(len(data), at+20)], err)
		}
	}
	text := string(data)
	lines := strings.SplitAfter(text, "\n")
	for name, edited := range map[string]string{
		"a task left out":       strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""),
		"two tasks exchanged":   strings.Join(append([]string{lines[0], lines[2], lines[1]}, lines[3:]...), ""),
		"more after the end":    text + "x",
		"twice":                 text + text,
		"another version":       strings.Replace(text, `"format":1`, `"format":2`, 1),
		"an unknown field":      strings.Replace(text, `"planId":"bench"`, `"planId":"bench","x":1`, 1),
		"nothing":               "",
		"a manifest":            "apiVersion: sftctl/v1\n",
		"an endless first line": strings.Repeat("x", 3<<20),
	} {
		if _, err := Read(strings.NewReader(edited)); !errors.Is(err, fleet.ErrPlan) {
			t.Errorf("%s: got %v, want %v", name, err, fleet.ErrPlan)
		}
	}
}

// A plan whose digest is right can be forged all the same; what it says of
// itself must fit its tasks, and its tasks must be possible.
func TestForgedPlanFilesAreRefused(t *testing.T) {
	for name, forge := range map[string]func(p *Plan){
		"a step more than is counted": func(p *Plan) { p.Tasks[0].Steps = append(p.Tasks[0].Steps, Step{Action: fleet.Delete}) },
		"one task twice": func(p *Plan) {
			p.Tasks = append(p.Tasks, p.Tasks[0])
			p.Counts = tally(p.Tasks)
		},
		"a call less than there are": func(p *Plan) { p.Counts.Calls-- },
		"a change that rides in nothing": func(p *Plan) {
			p.Tasks[0].Steps[0].Joined = true
			p.Counts = tally(p.Tasks)
		},
		"one create twice": func(p *Plan) {
			create := Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "x"}}, Steps: []Step{{Action: fleet.Create}}}
			p.Tasks = append(p.Tasks, create, create)
			p.Counts = tally(p.Tasks)
		},
		"a task more":               func(p *Plan) { p.Tasks = append(p.Tasks, p.Tasks[0]) },
		"counts that hide a delete": func(p *Plan) { p.Counts.Steps = map[fleet.Action]int{} },
		"no endpoint":               func(p *Plan) { p.Tasks[0].Before = nil },
		"an endpoint without an id": func(p *Plan) { e := *p.Tasks[0].Before; e.ID = "0"; p.Tasks[0].Before = &e },
		"a create of what is there": func(p *Plan) {
			p.Tasks[0].Steps[0].Action = fleet.Create
			p.Counts = tally(p.Tasks)
		},
		"a link without a SIM": func(p *Plan) {
			p.Tasks[0].Steps[0] = Step{Action: fleet.Link}
			p.Counts = tally(p.Tasks)
		},
		"one SIM twice": func(p *Plan) {
			p.Tasks[0].Steps = append(p.Tasks[0].Steps, Step{Action: fleet.Link, Set: fleet.Fields{ICCID: cardA}}, Step{Action: fleet.Link, Set: fleet.Fields{ICCID: fleet.WithCheckDigit(string(cardA))}})
			p.Counts = tally(p.Tasks)
		},
		"a step that is none": func(p *Plan) {
			p.Tasks[0].Steps[0].Action = fleet.NoAction
			p.Counts = tally(p.Tasks)
		},
	} {
		p, _ := written(t)
		if len(p.Tasks[0].Steps) != 1 || p.Tasks[0].Before == nil {
			t.Fatalf("the first task is another one than this test is about: %+v", p.Tasks[0])
		}
		forge(p)
		var buf bytes.Buffer
		if err := p.Write(&buf); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&buf); !errors.Is(err, fleet.ErrPlan) {
			t.Errorf("%s: got %v, want %v", name, err, fleet.ErrPlan)
		}
	}
}

// FuzzRead: whatever a file holds, it is refused or it is exactly a plan.
func FuzzRead(f *testing.F) {
	var t testing.T
	_, data := written(&t)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(`{"kind":"sftctl plan","format":1}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := p.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&again); err != nil {
			t.Fatal(err)
		}
	})
}
