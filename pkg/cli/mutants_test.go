//go:build mutants

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	chosen = flag.String("mutant", "", "the mutant to run, or a regular expression for several; empty runs all")
	within = flag.Int("within", 1000, "schedules within which the battery has to catch a mutant")
)

// The battery is run in parts, so that little is played after what was sought is
// found. A part that goes on for longer than endless is one that does not end.
const (
	part    = 50
	endless = 180 * time.Second
)

// Every mutant is caught by the schedules of the battery alone, and the program
// as it is by none of them. The tree is not touched: the compiler is shown a
// copy of one file in place of it.
//
//	go test -tags mutants -run '^TestMutants$' -v -timeout 30m ./pkg/cli
func TestMutants(t *testing.T) {
	named, err := regexp.Compile(*chosen)
	if err != nil {
		t.Fatal(err)
	}
	if *chosen == "" {
		if found, err := try(t, nil); err != nil || found.by != nil {
			t.Fatalf("the battery does not pass without a mutant: %v at schedule %d, %v", found.by, found.after, err)
		}
	}
	var needed []int
	for _, m := range mutants {
		if !named.MatchString(m.name) {
			continue
		}
		found, err := try(t, &m)
		line := fmt.Sprintf("%-48s | %-26s | %-16s |", m.name, m.file, strings.Join(found.by, " "))
		switch {
		case err != nil:
			t.Errorf("%s %v", line, err)
		case found.by == nil:
			t.Errorf("%s survives %d schedules", line, *within)
		default:
			t.Logf("%s %s%d", line, found.most, found.after)
		}
		if needed = append(needed, *within+1); found.by != nil {
			needed[len(needed)-1] = found.after
		}
	}
	slices.Sort(needed)
	caught, _ := slices.BinarySearch(needed, *within+1)
	if len(needed) == 0 {
		t.Fatalf("there is no mutant %q", *chosen)
	}
	t.Logf("%d/%d caught, median %d schedules", caught, len(needed), needed[len(needed)/2])
}

// try plays the battery with a mutant in the program, nil for none.
func try(t *testing.T, m *mutant) (catch, error) {
	t.Helper()
	dir := t.TempDir()
	overlay, err := overlayOf(m, dir)
	if err != nil {
		return catch{}, err
	}
	binary := filepath.Join(dir, "battery.test")
	ctx, cancel := context.WithTimeout(t.Context(), endless)
	defer cancel()
	compile := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./pkg/cli")
	compile.Dir = root
	if out, err := compile.CombinedOutput(); err != nil {
		return catch{}, fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	defer os.Remove(binary)
	return play(t.Context(), binary)
}

// overlayOf writes what shows the compiler a mutant, and returns the file that
// says so.
func overlayOf(m *mutant, dir string) (string, error) {
	replace := map[string]string{}
	if m != nil {
		path, err := filepath.Abs(filepath.Join(root, m.file))
		if err != nil {
			return "", err
		}
		text, err := m.text()
		if err != nil {
			return "", err
		}
		replace[path] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}

// catch is what the battery found.
type catch struct {
	by    []string // the broken invariants; none when nothing was found
	after int      // the number of the schedule
	most  string   // "≤ " when only the part is known, because the process died
}

// play runs the battery until something is found, or all schedules are done.
func play(ctx context.Context, binary string) (catch, error) {
	for first := 1; first <= *within; first += part {
		n := min(part, *within-first+1)
		out, err := exec.CommandContext(ctx, binary, "-test.run=^TestBattery$", "-test.timeout="+endless.String(),
			"-schedules", strconv.Itoa(n), "-seed", strconv.Itoa(first)).CombinedOutput()
		if err == nil {
			continue
		}
		found := read(string(out))
		if found.by == nil {
			return found, fmt.Errorf("the battery failed, and nobody can tell why: %w\n%s", err, out)
		}
		found.after = cmp.Or(found.after, first+n-1)
		return found, nil
	}
	return catch{}, nil
}

var (
	failing = regexp.MustCompile(`(?m)^ +battery_test\.go:\d+: schedule (\d+) \(replay it`)
	broken  = regexp.MustCompile(`(?m)^ +([A-Z]\d+|evidence): `)
)

// read finds the first schedule that broke something in what the battery said.
func read(out string) (found catch) {
	at := failing.FindAllStringSubmatchIndex(out, -1)
	for i, match := range at {
		end := len(out)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		n, err := strconv.Atoi(out[match[2]:match[3]])
		if err != nil || found.by != nil && n > found.after {
			continue
		}
		found = catch{after: n}
		for _, name := range broken.FindAllStringSubmatch(out[match[0]:end], -1) {
			found.by = append(found.by, name[1])
		}
		slices.Sort(found.by)
		found.by = slices.Compact(found.by)
	}
	switch {
	case found.by != nil:
	case strings.Contains(out, "panic: test timed out"), strings.Contains(out, "deadlock: "):
		found = catch{by: []string{"I19"}, most: "≤ "}
	case strings.Contains(out, "\npanic: "), strings.HasPrefix(out, "panic: "):
		found = catch{by: []string{"panic"}, most: "≤ "}
	}
	return found
}
