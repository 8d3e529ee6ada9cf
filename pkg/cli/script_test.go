package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sftctl": func() {
		ctx, stop := Signals(context.Background())
		code := Main(ctx, System())
		stop()
		os.Exit(code)
	}})
}

// TestScripts runs the program as a person does, on the samples and against
// simulated platforms. No secret may show in what it prints and leaves.
func TestScripts(t *testing.T) {
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.RunT(watched{t}, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAMPLES", samples)
			env.Setenv("GORACE", "atexit_sleep_ms=5") // the race detector's second at each end adds up
			env.Setenv("SFTCTL_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("HOME", env.WorkDir)
			carry(env)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitsWith, "edit": editState, "served": served, "lines": countLines, "dropcolumn": dropColumn,
			"hook": openHook, "posted": wasPosted, "events": holdEvents, "sample": holdSample, "nosample": holdNoSample, "same": holdSame,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "race" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return raceEnabled, nil
		},
		RequireExplicitExec: true,
	})
}

// exitsWith is exits CODE PROGRAM ARGS... runs a program and holds its exit code to a number.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("got exit code %d, want %d", code, want)
	}
}

// edit STATE NAME FIELD=VALUE changes one endpoint of a simulated platform
// behind everybody's back.
func editState(ts *testscript.TestScript, _ bool, args []string) {
	states, err := filepath.Glob(ts.MkAbs(args[0]))
	if err != nil || len(states) != 1 {
		ts.Fatalf("%s: got %d states, want one", args[0], len(states))
	}
	f, err := os.Open(states[0])
	ts.Check(err)
	state, err := simulator.ReadState(f)
	ts.Check(err)
	ts.Check(f.Close())
	sim := simulator.New(simulator.WithState(state))
	field, value, _ := strings.Cut(args[2], "=")
	for _, e := range sim.Endpoints() {
		if e.Name == args[1] {
			ts.Check(sim.SetEndpoint(edited(ts, e, field, value)))
			ts.Check(saveSimulator(states[0], sim))
			return
		}
	}
	ts.Fatalf("no endpoint %s", args[1])
}

func edited(ts *testscript.TestScript, e fleet.Endpoint, field, value string) fleet.Endpoint {
	switch field {
	case "planId":
		e.PlanID = fleet.ID(value)
	case "status":
		e.Status = fleet.Status(value)
	default:
		ts.Fatalf("cannot edit %s", field)
	}
	return e
}

// served FILE waits for a simulator in the background to say where it listens,
// and puts that into $SFTCTL_URL.
func served(ts *testscript.TestScript, _ bool, args []string) {
	for range 200 {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.HasSuffix(string(data), "\n") {
			ts.Setenv("SFTCTL_URL", strings.TrimSpace(string(data)))
			return
		}
		ts.Check(ts.Exec("sleep", "0.05"))
	}
	ts.Fatalf("%s: nobody serves", args[0])
}

// lines N TEXT FILE holds the number of lines with a text to N.
func countLines(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[2]))
	if err != nil || len(files) != 1 {
		ts.Fatalf("%s: got %d files, want one", args[2], len(files))
	}
	n := 0
	for _, line := range strings.Split(ts.ReadFile(files[0]), "\n") {
		if strings.Contains(line, args[1]) {
			n++
		}
	}
	if fmt.Sprint(n) != args[0] {
		ts.Fatalf("got %d lines with %q, want %s", n, args[1], args[0])
	}
}

// dropcolumn NAME FROM TO copies a CSV without one of its columns.
func dropColumn(ts *testscript.TestScript, _ bool, args []string) {
	rows := strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n")
	at := -1
	for i, name := range strings.Split(rows[0], ",") {
		if name == args[0] {
			at = i
		}
	}
	if at < 0 {
		ts.Fatalf("no column %s in %s", args[0], rows[0])
	}
	for i, row := range rows {
		cells := strings.Split(row, ",")
		rows[i] = strings.Join(append(cells[:at:at], cells[at+1:]...), ",")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(rows, "\n")+"\n"), 0o600))
}
