package manifest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

// writeBig writes a CSV of n rows of about 80 bytes.
func writeBig(tb testing.TB, path string, n int) {
	tb.Helper()
	out, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "endpointName,planId,serviceProfileId,apnGroupId,simProductId,iccid,state")
	for i := range n {
		fmt.Fprintf(w, "meter-%08d,100234,SP_1249,PDP_12,7,%s,active\n", i, card(i))
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
}

// card is the i-th card number; the 5 keeps it from ending in zeros alone.
func card(i int) fleet.ICCID { return fleet.WithCheckDigit(fmt.Sprintf("893204%011d5", i)) }

func BenchmarkReadCSV1M(b *testing.B) {
	const rows = 1_000_000
	path := filepath.Join(b.TempDir(), "big.csv")
	writeBig(b, path, rows)
	var live uint64
	for b.Loop() {
		f, _, err := Read([]string{path}, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if len(f.Specs) != rows {
			b.Fatalf("got %d rows, want %d", len(f.Specs), rows)
		}
		b.StopTimer()
		live = liveBytes()
		runtime.KeepAlive(f)
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
	b.ReportMetric(float64(live)/rows, "B/row")
}

func BenchmarkReadYAML100k(b *testing.B) {
	var text strings.Builder
	text.WriteString("apiVersion: sftctl/v1\nkind: Fleet\nendpoints:\n")
	for i := range 100_000 {
		fmt.Fprintf(&text, "  - {endpointName: meter-%08d, planId: \"100234\", iccid: \"%s\", state: active}\n", i, card(i))
	}
	path := filepath.Join(b.TempDir(), "big.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := Read([]string{path}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// liveBytes is the heap that is in use after a collection.
func liveBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
