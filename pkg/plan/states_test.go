package plan

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
)

var update = flag.Bool("update", false, "write the table of states and SIMs in docs anew")

const (
	statesPage  = "../../docs/planning.md"
	statesBegin = "<!-- what follows is written by go test ./pkg/plan -run States -update -->\n"
	statesEnd   = "<!-- until here -->\n"
)

// The documentation's table of states and SIMs is what Build says.
func TestStatesAreDocumented(t *testing.T) {
	data, err := os.ReadFile(statesPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), statesBegin)
	got, after, ends := strings.Cut(rest, statesEnd)
	if !begins || !ends {
		t.Fatalf("%s: the marks of the table are missing", statesPage)
	}
	want := statesTable(t)
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(statesPage, []byte(before+statesBegin+want+statesEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s: the table is not what is planned (-update writes it anew): %s", statesPage, cmp.Diff(strings.Split(got, "\n"), strings.Split(want, "\n")))
}

// documentedLive are the situations of live endpoints; those of one row are alike.
var documentedLive = []struct {
	name  string
	alike []*fleet.Endpoint
}{
	{"no endpoint", []*fleet.Endpoint{nil}},
	{"Pre-Active or Hold, no SIM", []*fleet.Endpoint{liveIn(fleet.StatusPreActive, ""), liveIn(fleet.StatusHold, "")}},
	{"Pre-Active or Hold, SIM", []*fleet.Endpoint{liveIn(fleet.StatusPreActive, cardA), liveIn(fleet.StatusHold, cardA)}},
	{"Active, SIM", []*fleet.Endpoint{liveIn(fleet.StatusActive, cardA)}},
	{"Suspended, SIM", []*fleet.Endpoint{liveIn(fleet.StatusSuspended, cardA)}},
	{"Active, no SIM", []*fleet.Endpoint{liveIn(fleet.StatusActive, "")}},
	{"another status, SIM", []*fleet.Endpoint{liveIn("Barred", cardA)}},
}

func liveIn(status fleet.Status, card fleet.ICCID) *fleet.Endpoint {
	e := endpoint("1", "m", status, card)
	return &e
}

func statesTable(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	var reasons []string
	out.WriteString("| live | wanted `state` | `iccid` not given, or as it is | another `iccid` | `auto` | `!clear` |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, live := range documentedLive {
		name := live.name
		for _, state := range []fleet.State{fleet.StateUnmanaged, fleet.StatePreActive, fleet.StateActive, fleet.StateSuspended, fleet.StateAbsent} {
			wanted := map[bool]string{true: "`" + state.String() + "`", false: "not given"}[state != fleet.StateUnmanaged]
			fmt.Fprintf(&out, "| %s | %s |", name, wanted)
			for _, cell := range [][]fleet.Spec{asItIs(state), {spec("m", state, cardB)}, {auto("m", state)}, {cleared(state)}} {
				fmt.Fprintf(&out, " %s |", statesCell(t, &reasons, live.alike, cell))
			}
			out.WriteString("\n")
			name = ""
		}
	}
	out.WriteString("\n")
	for i, reason := range reasons {
		fmt.Fprintf(&out, "%d. %s\n", i+1, reason)
	}
	return out.String()
}

// asItIs is a row that does not give a SIM, and one that gives the one there is.
func asItIs(state fleet.State) []fleet.Spec {
	return []fleet.Spec{spec("m", state, ""), spec("m", state, cardA)}
}

func cleared(state fleet.State) fleet.Spec {
	s := spec("m", state, "")
	s.ClearSIM = true
	return s
}

// statesCell is what a table's cell says of rows that are alike, against live
// endpoints that are.
func statesCell(t *testing.T, reasons *[]string, live []*fleet.Endpoint, rows []fleet.Spec) string {
	t.Helper()
	if s := rows[0]; s.ClearSIM && (s.State == fleet.StateActive || s.State == fleet.StateSuspended) {
		return "invalid"
	}
	said := map[string]bool{}
	text := ""
	for _, e := range live {
		for _, row := range rows {
			w := world{}
			if e != nil {
				w.live = []fleet.Endpoint{*e}
			}
			if row.ICCID == cardA && (e == nil || e.ICCID == "") {
				continue // it is another SIM here
			}
			text = statesText(reasons, &w.build(t, row).Tasks[0])
			said[text] = true
		}
	}
	if len(said) != 1 {
		t.Errorf("%+v: got %v, want one of them", rows[0], said)
	}
	return text
}

// statesText is a task in short; why something is refused is told once.
func statesText(reasons *[]string, t *Task) string {
	var parts []string
	for _, s := range t.Steps {
		parts = append(parts, s.Action.String())
	}
	for _, why := range t.Refused {
		n := 0
		for n < len(*reasons) && (*reasons)[n] != why {
			n++
		}
		if n == len(*reasons) {
			*reasons = append(*reasons, why)
		}
		parts = append(parts, fmt.Sprintf("refused (%d)", n+1))
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}
