package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("events.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("events.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, line string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Errorf("%s\n%v", line, err)
	}
}

// full fills every field of a value, so that none is left out of its JSON.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			full(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		full(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.String:
		if v.SetString("x"); v.Type() == reflect.TypeFor[State]() {
			v.SetString(string(Settled))
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Uint8: // an outcome, or an action
		v.SetUint(1)
	}
}

func TestSchemaTakesEveryFieldOfEveryKindAndNoOther(t *testing.T) {
	s := compiled(t)
	for _, e := range []Event{&Stream{}, &Plan{}, &Run{}, &Step{}, &Row{}, &Progress{}} {
		full(reflect.ValueOf(e).Elem())
		data, err := line(e, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), `"outcome":"x"`, `"outcome":"done"`)
		valid(t, s, text)
		more, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(text, `{"event"`, `{"other":1,"event"`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(more) == nil {
			t.Errorf("a field that nobody writes is taken: %s", text)
		}
	}
}

func TestRecorder(t *testing.T) {
	spec := func(name string, line int) *fleet.Spec {
		return &fleet.Spec{Fields: fleet.Fields{Name: name}, Origin: fleet.Origin{File: "a.csv", Line: line}}
	}
	steps := []plan.Step{{Action: fleet.Create}, {Action: fleet.Link}}
	p := &plan.Plan{Tasks: []plan.Task{{Spec: spec("a", 2), Steps: steps}, {Spec: spec("b", 3), Refused: []string{"no SIM"}}, {Spec: spec("c", 4)}}}
	results := apply.New(p, fleet.Abilities{})
	var got []string
	r := NewRecorder("R", results, func(e Event) {
		data, err := line(e, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		got = append(got, strings.TrimSuffix(strings.Replace(text[strings.Index(text, `"run"`):], `"run":"R",`, "", 1), "}\n"))
		valid(t, compiled(t), text)
	})
	r.Begin()
	for _, record := range []journal.Record{
		journal.Intent{Action: fleet.Create, Attempt: 1, Name: "a"},
		journal.Outcome{Attempt: 1, Outcome: fleet.NotAttempted},
		journal.Intent{Action: fleet.Create, Attempt: 1, Name: "a", Links: true},
		journal.Outcome{Attempt: 1, Outcome: fleet.Unknown, Err: "no answer", Took: 1500 * time.Millisecond},
		journal.Finding{Steps: []fleet.Outcome{fleet.Unknown, fleet.Unknown}},
		journal.Finding{Steps: []fleet.Outcome{fleet.Done, fleet.NotAttempted}, ID: "7"},
		journal.Finding{Steps: []fleet.Outcome{fleet.Done, fleet.NotAttempted}, ID: "7"}, // once is enough
		journal.Intent{Call: 1, Action: fleet.Link, Attempt: 1, ID: "7"},
		journal.Outcome{Call: 1, Attempt: 1, Outcome: fleet.Failed, Code: "1350", Err: "no such SIM"},
	} {
		r.Saw(record)
	}
	results[0].Outcome, results[0].Err, results[0].Attempts = fleet.Failed, errors.New("no such SIM"), 3
	r.Ended(apply.Completed{Task: 0, Result: &results[0]})
	r.Revise(results) // nothing is told twice
	results[1].Outcome, results[1].Err, results[2].Outcome = fleet.Stale, errors.New("somebody changed it"), fleet.Unchanged
	r.Revise(results)
	r.Revise(results)
	a, known := `"task":0,"name":"a",`, `"task":0,"name":"a","endpointId":"7",`
	place := `"file":"a.csv","line":2,`
	want := []string{
		`"task":1,"name":"b","file":"a.csv","line":3,"outcome":"refused","steps":[],"calls":0,"error":"no SIM"`,
		a + place + `"state":"started","steps":[{"action":"create"}],"attempt":1`,
		a + place + `"state":"not-attempted","steps":[{"action":"create","outcome":"not-attempted"}],"attempt":1`,
		a + place + `"state":"started","steps":[{"action":"create"},{"action":"link"}],"attempt":1`,
		a + place + `"state":"unknown","steps":[{"action":"create","outcome":"unknown"},{"action":"link","outcome":"unknown"}],"attempt":1,"seconds":1.5,"error":"no answer"`,
		known + place + `"state":"settled","steps":[{"action":"create","outcome":"done"},{"action":"link","outcome":"not-attempted"}]`,
		known + place + `"state":"started","steps":[{"action":"link"}],"attempt":1`,
		known + place + `"state":"failed","steps":[{"action":"link","outcome":"failed"}],"attempt":1,"resultCode":"1350","error":"no such SIM"`,
		known + place + `"outcome":"failed","steps":[{"action":"create","outcome":"not-attempted"},{"action":"link","outcome":"not-attempted"}],"calls":3,"error":"no such SIM"`,
		`"task":1,"name":"b","file":"a.csv","line":3,"outcome":"stale","steps":[],"calls":0,"error":"somebody changed it"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// slow is a reader that takes nothing until it is let go.
type slow struct {
	let chan struct{}
	mu  sync.Mutex
	got bytes.Buffer
}

func (s *slow) Write(data []byte) (int, error) {
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(data)
}

func TestEmittingNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &slow{let: make(chan struct{})}
		w := NewWriter(reader)
		began := time.Now()
		for i := range 10_000 {
			w.Emit(Progress{Done: i})
		}
		if time.Since(began) != 0 {
			t.Errorf("it took %s", time.Since(began))
		}
		close(reader.let)
		if err := w.Close(time.Second); err != nil {
			t.Fatal(err)
		}
		w.Emit(Progress{}) // too late
		lines := strings.Split(strings.TrimSpace(reader.got.String()), "\n")
		if len(lines) != 10_000 {
			t.Fatalf("got %d lines", len(lines))
		}
		for i, text := range lines {
			var p Progress
			if err := json.Unmarshal([]byte(text), &p); err != nil || p.Done != i {
				t.Fatalf("line %d: %s (%v)", i, text, err)
			}
		}
	})
}

func TestClosingWaitsNoLongerThanItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &slow{let: make(chan struct{})}
		w := NewWriter(reader)
		w.Emit(Progress{})
		synctest.Wait()
		began := time.Now()
		if err := w.Close(5 * time.Second); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		close(reader.let)
	})
}

// gone is a reader that has closed its end.
type gone struct{ writes int }

func (g *gone) Write([]byte) (int, error) { g.writes++; return 0, io.ErrClosedPipe }

func TestWhatCannotBeWrittenIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &gone{}
		w := NewWriter(reader)
		for range 3 {
			w.Emit(Progress{})
			synctest.Wait()
		}
		if err := w.Close(time.Second); !errors.Is(err, io.ErrClosedPipe) || reader.writes != 1 {
			t.Errorf("got %v after %d writes", err, reader.writes)
		}
	})
}

func TestNamesHarmNoTerminal(t *testing.T) {
	data, err := line(Row{Subject: Subject{Name: "\u202etxt \u009b31m <b>"}}, time.Unix(0, 0))
	if err != nil || !strings.Contains(string(data), `"name":"\u202etxt \u009b31m <b>"`) {
		t.Errorf("got %s, %v", data, err)
	}
}
