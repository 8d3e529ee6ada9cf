package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/manifest"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
)

const top = "../.."

// Every sample that a person may try is valid, can be applied, and is empty to
// plan afterwards.
func TestSamples(t *testing.T) {
	stocks := map[string]string{"navaids.yaml": "navaids-full.json"}
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
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := func(command string, more ...string) []string {
				if stock := stocks[name]; stock != "" {
					more = append(more, "--stock", filepath.Join(top, "samples", stock))
				}
				return append(append([]string{command}, more...), path)
			}
			if code, _, talk := at(t, dir, "", "validate", path); code != 0 {
				t.Fatalf("validate: got code %d, %s", code, talk)
			}
			if code, _, talk := at(t, dir, "", args("apply", "--yes")...); code != 0 {
				t.Fatalf("apply: got code %d, %s", code, talk)
			}
			if code, out, _ := at(t, dir, "", args("drift")...); code != 0 || !strings.Contains(out, "nothing to do") {
				t.Fatalf("drift: got code %d, %s", code, out)
			}
		})
	}
	if tried < 3 {
		t.Errorf("got %d samples", tried)
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

// A run's results and failed rows are inputs for the next one.
func TestTheExampleReportIsAnInput(t *testing.T) {
	for name, want := range map[string]int{"results.csv": 3, "failed.csv": 1} {
		got, _, err := manifest.Read([]string{filepath.Join(top, "reports", "example", name)}, manifest.Options{})
		if err != nil || len(got.Specs) != want {
			t.Errorf("%s: got %v, %v, want %d rows", name, got, err, want)
		}
	}
}
