package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBombs reads files that are made to cost much; each must be refused, and
// soon: by the measure of what an honest file takes on the same machine at the same
// time. The measure is generous, as it guards against growth and not slowness.
func TestBombs(t *testing.T) {
	soon := 3 * honest(t)
	lines := func(n int, line func(i int) string) string {
		var b strings.Builder
		b.WriteString("apiVersion: sftctl/v1\nkind: Fleet\n")
		for i := range n {
			b.WriteString(line(i))
		}
		return b.String()
	}
	tests := []struct{ name, file, text string }{
		{"deep lists", "a.yaml", strings.Repeat("[", 60_000)},
		{"deep lists over lines", "a.yaml", strings.Repeat("[\n", 500_000)},
		{"deep mappings", "a.yaml", strings.Repeat("{a: ", 15_000)},
		{"deep mappings over lines", "a.yaml", strings.Repeat("{a: \n", 200_000)},
		{"deep dashes", "a.yaml", strings.Repeat("- ", 30_000) + "a\n"},
		{"deep questions", "a.yaml", strings.Repeat("? ", 30_000) + "a\n"},
		{"deep indents", "a.yaml", lines(300, func(i int) string { return strings.Repeat(" ", i) + "a:\n" })},
		{"laughs", "a.yaml", lines(100, func(i int) string { return fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i) })},
		{"many keys", "a.yaml", lines(200_000, func(i int) string { return fmt.Sprintf("endpointz%d: 1\n", i) })},
		{"one key often", "a.yaml", lines(200_000, func(i int) string { return "kind: Fleet\n" })},
		{"many anchors", "a.yaml", "groups:\n" + lines(100_000, func(i int) string { return fmt.Sprintf("x%d: &x%d {}\n", i, i) })},
		{"many documents", "a.yaml", strings.Repeat("--- {}\n", 100_000)},
		{"too much", "a.yaml", strings.Repeat("# a fleet is not that big\n", 1_400_000)},
		{"many scopes", "a.yaml", "scope: [\n" + strings.Repeat("'*a*a*a*a*a*a*a*a*a*a*b',\n", 50_000) + "]\n"},
		{"many wrong states", "a.csv", "endpointName,state\n" + strings.Repeat("x,actve\n", 300_000)},
		{"many columns", "a.csv", "endpointName" + strings.Repeat(",endpointNam", 5_000) + "\nx\n"},
		{"quotes", "a.csv", "endpointName\n" + strings.Repeat("\"\n", 1_000_001)},
		{"doubled quotes", "a.csv", "endpointName\n\"" + strings.Repeat("\"\"\n", 1_000_000)},
	}
	t.Logf("at most %v", soon)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, start := write(t, test.file, test.text), time.Now()
			f, _ := readIn(dir, Options{}, test.file)
			if f != nil {
				t.Errorf("got %d rows, want it refused", len(f.Specs))
			}
			if took := time.Since(start); took > soon {
				t.Errorf("got it refused after %v, want at most %v", took, soon)
			}
		})
	}
}

// honest is how long a fleet of 100,000 rows takes.
func honest(t *testing.T) time.Duration {
	var b strings.Builder
	b.WriteString("apiVersion: sftctl/v1\nkind: Fleet\nendpoints:\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "- {endpointName: m-%d, planId: \"100234\", state: active}\n", i)
	}
	dir, start := write(t, "a.yaml", b.String()), time.Now()
	if f, said := readIn(dir, Options{}, "a.yaml"); f == nil || len(f.Specs) != 100_000 {
		t.Fatal(said)
	}
	return time.Since(start)
}
