package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/manifest"
	"sftctl/pkg/plan"
	"sftctl/pkg/report"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

const top = "../.."

// Every sample that a person may try is valid, can be applied in both dialects, and
// is empty to plan afterwards.
func TestSamples(t *testing.T) {
	stocks := map[string]string{"navaids.yaml": filepath.Join(top, "samples", "navaids-full.json")}
	included := map[string]bool{"navaids.csv": true, "north.csv": true}
	files, err := filepath.Glob(filepath.Join(top, "samples", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, path := range files {
		name := filepath.Base(path)
		if ext := filepath.Ext(name); ext != ".yaml" && ext != ".csv" || included[name] {
			continue
		}
		tried++
		for _, dialect := range wire.DialectNames() {
			t.Run(name+" in "+dialect, func(t *testing.T) { trySample(t, path, "--dialect", dialect, "--stock", stocks[name]) })
		}
	}
	if tried < 3 {
		t.Errorf("got %d samples", tried)
	}
}

func trySample(t *testing.T, path string, flags ...string) {
	dir := t.TempDir()
	if code, _, talk := at(t, dir, "", "validate", path); code != 0 {
		t.Fatalf("validate: got code %d, %s", code, talk)
	}
	if code, _, talk := at(t, dir, "", append([]string{"apply", "--yes", path}, flags...)...); code != 0 {
		t.Fatalf("apply: got code %d, %s", code, talk)
	}
	code, out, _ := at(t, dir, "", append([]string{"drift", path}, flags...)...)
	if code != 0 || !strings.Contains(out, "nothing to do") || !strings.Contains(out, "not managed in this dialect") {
		t.Fatalf("drift: got code %d, %s", code, out)
	}
}

func TestStocksAreRead(t *testing.T) {
	for name, want := range map[string]int{"navaids-full.json": 11008, "navaids-stock.json": 10998} {
		stock, err := simulator.ReadStock(filepath.Join(top, "samples", name))
		if err != nil || len(stock.SIMs) != want {
			t.Errorf("%s: got %d SIMs, %v, want %d", name, len(stock.SIMs), err, want)
		}
	}
}

func TestTheExamplePlanIsRead(t *testing.T) {
	f, err := os.Open(filepath.Join(top, "plans", "example.plan"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := plan.Read(f)
	if err != nil || len(p.Tasks) != 3 || p.Counts.Calls != 7 {
		t.Errorf("got %v, %v", p, err)
	}
}

// The example has all that a run leaves.
func TestTheExampleReportIsWhole(t *testing.T) {
	run := &report.Run{}
	for _, files := range []map[string]func(io.Writer) error{run.Files(), run.Pages()} {
		for name := range files {
			data, err := os.ReadFile(filepath.Join(top, "reports", "example", name))
			if err != nil || !strings.Contains(string(data), "meter-0002") {
				t.Errorf("%s: got %d bytes, %v, want a report of samples/meters.csv", name, len(data), err)
			}
		}
	}
}

// A run's results and failed rows are inputs for the next one.
func TestTheExampleReportIsAnInput(t *testing.T) {
	for name, want := range map[string]int{"results.csv": 3, "failed.csv": 1} {
		got, _, err := manifest.Read([]string{filepath.Join(top, "reports", "example", name)}, manifest.Options{})
		if err != nil || len(got.Specs) != want {
			t.Errorf("%s: got %v, %v, want %d rows", name, got, err, want)
		}
	}
}
