package journal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sftctl/pkg/fleet"
)

var update = flag.Bool("update", false, "write the golden text of testdata anew")

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.UTC)

// sample is a journal with records of all kinds and awkward texts: one process
// that was cut off, and one that ended.
func sample() []Record {
	records := []Record{
		Header{Format: Format, Run: "r1", Plan: "p1", Digest: "00ff", BaseURL: "https://h/api", Account: "a", Dialect: "v2",
			Inputs: []fleet.Input{{File: "fleet \"1\".csv", SHA256: "ab", Rows: 3}}, At: noon},
		Opened{Command: "apply", Tool: "1.2", PID: 7, Host: "h", Boot: "boot-1", At: noon, Up: time.Hour},
	}
	for task := range 8 {
		i := Intent{Task: task, Call: 1, Attempt: 1, Action: fleet.Actions[task], Name: "m", At: noon, Up: time.Hour + 5}
		o := Outcome{Task: task, Call: 1, Attempt: 1, Outcome: fleet.Outcomes[task%7], ID: "77", Sends: 2, Started: noon, Took: 3}
		if task == 4 {
			i.Name, o.Code, o.Err = "line\nend ü\u2028\",\"k\":\"", "1E9", "<no> & \x00"
		}
		records = append(records, i, o, Intent{Task: task, Call: 2, Attempt: 3, ID: "77", ICCID: "8932042000001234562", At: noon})
	}
	records = append(records, Opened{Command: "resume", Boot: "boot-2", At: noon.Add(time.Hour)})
	for task := range 8 {
		records = append(records, Finding{Task: task, Steps: []fleet.Outcome{fleet.Done, fleet.Outcomes[task%7]}, Flaw: fleet.Stale, ID: "77", Err: "gone"})
	}
	return append(records, Intent{Task: 9, Call: 1, Attempt: 1}, Outcome{Task: 9, Call: 1, Attempt: 1, Outcome: fleet.Done},
		End{At: noon, Exit: 4, Verified: true, Cut: "time box", Doubt: "no listing", Reads: 9, Settles: 2}, Superseded{By: "r2", At: noon})
}

// written are lines of records, with the offsets of their ends.
func written(t testing.TB, records ...Record) (data []byte, ends []int) {
	t.Helper()
	var sum uint32
	for _, r := range records {
		line, next, err := encode(r, sum)
		if err != nil {
			t.Fatal(err)
		}
		data, sum = append(data, line...), next
		ends = append(ends, len(data))
	}
	return data, ends
}

func parsed(t *testing.T, data []byte) *History {
	t.Helper()
	h, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	records := sample()
	data, _ := written(t, records...)
	h := parsed(t, data)
	if !reflect.DeepEqual(h.Header, records[0]) || len(h.Records) != len(records)-1 || h.Torn != 0 {
		t.Fatalf("got %+v, %d records, %d bytes torn", h.Header, len(h.Records), h.Torn)
	}
	boot := ""
	for i, want := range records[1:] {
		switch r := want.(type) {
		case Opened:
			boot = r.Boot
		case Intent: // it is known by its process in which boot it was
			r.Boot = boot
			want = r
		}
		if !reflect.DeepEqual(h.Records[i], want) {
			t.Errorf("record %d: got %+v, want %+v", i, h.Records[i], want)
		}
	}
}

func TestEveryPrefixGivesItsWholeRecords(t *testing.T) {
	t.Parallel()
	data, ends := written(t, sample()...)
	all := parsed(t, data)
	whole, end := 0, 0
	for n := range len(data) + 1 {
		if whole < len(ends) && ends[whole] == n {
			whole, end = whole+1, n
		}
		h := parsed(t, data[:n])
		if h.Torn != n-end || h.size != int64(end) || len(h.Records) != max(whole-1, 0) || !reflect.DeepEqual(h.Records, all.Records[:len(h.Records):len(h.Records)]) && whole > 1 {
			t.Fatalf("%d bytes: %d records, %d torn; want %d, %d", n, len(h.Records), h.Torn, max(whole-1, 0), n-end)
		}
		line, _, _ := encode(End{Exit: n}, h.sum)
		if whole > 0 && len(parsed(t, append(data[:h.size:h.size], line...)).Records) != whole {
			t.Fatalf("%d bytes: going on loses a record", n)
		}
	}
}

func TestEveryFlippedBitIsRefusedOrCutsTheLastLine(t *testing.T) {
	for bit := range 8 {
		t.Run(fmt.Sprint(bit), func(t *testing.T) {
			t.Parallel()
			flip(t, 1<<bit)
		})
	}
}

// flip flips a bit in every byte of the sample, one after another.
func flip(t *testing.T, bit byte) {
	data, ends := written(t, sample()...)
	all, last := parsed(t, data), len(ends)-1
	begins := append([]int{0}, ends...)
	for at, line := 0, 0; at < len(data); at++ {
		if at == ends[line] {
			line++
		}
		data[at] ^= bit
		h, err := Parse(data)
		data[at] ^= bit
		refused := errors.Is(err, fleet.ErrPlan) && strings.Contains(err.Error(), fmt.Sprintf("journal, byte %d: ", begins[line]))
		cut := err == nil && line == last && h.Torn == ends[last]-begins[last] && reflect.DeepEqual(h.Records, all.Records[:last-1])
		if !refused && !cut {
			t.Fatalf("byte %d, line %d at %d: got %v", at, line, begins[line], err)
		}
	}
}

func TestALineThatIsMissingTwiceOrMovedIsRefused(t *testing.T) {
	data, ends := written(t, sample()...)
	lines := bytes.SplitAfter(data, []byte("\n"))[:len(ends)]
	edits := []struct {
		name string
		edit func(lines [][]byte, i int) [][]byte
		bad  int // the line that is refused, from i
	}{
		{"missing", func(l [][]byte, i int) [][]byte { return append(l[:i:i], l[i+1:]...) }, 0},
		{"twice", func(l [][]byte, i int) [][]byte { return append(append(l[:i+1:i+1], l[i]), l[i+1:]...) }, 1},
		{"swapped", func(l [][]byte, i int) [][]byte { return append(append(l[:i:i], l[i+1], l[i]), l[i+2:]...) }, 0},
		{"all missing to the last", func(l [][]byte, i int) [][]byte { return append(l[:i:i], l[len(l)-1]) }, 0},
	}
	for _, e := range edits {
		for i := range lines[:len(lines)-1] {
			want := fmt.Sprintf("byte %d: the checksum does not fit", append([]int{0}, ends...)[i+e.bad])
			if _, err := Parse(bytes.Join(e.edit(lines, i), nil)); !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, line %d: got %v, want %s", e.name, i, err, want)
			}
		}
	}
}

// A crash tears lines; it leaves none that is whole and unreadable. So these
// come from another version, or from somebody's editor.
func TestARecordThatIsNotKnownIsRefusedEvenAsTheLast(t *testing.T) {
	head, ends := written(t, Header{Format: Format, Run: "r1"}, Opened{})
	tests := []struct{ name, text, want string }{
		{"unknown kind", `{"k":"surprise","x":1}`, `a record of kind "surprise", which this version does not know; use the version`},
		{"unknown field", `{"k":"end","exit":1,"more":2}`, `unknown field "more", which this version does not know; use the version`},
		{"unknown word", `{"k":"outcome","outcome":"maybe"}`, "unknown outcome"},
		{"no kind", `{"task":1}`, "the record has no kind"},
		{"two values", `{"k":"end","exit":1}{}`, "more than one value"},
		{"second kind", `{"k":"end","k":"intent"}`, `unknown field "k"`},
		{"second header", `{"k":"header","format":1,"run":"r1"}`, "a header stands where none can be"},
	}
	for _, test := range tests {
		line := sealed(test.text, parsed(t, head).sum)
		for _, behind := range []string{"", "x\n"} {
			_, err := Parse([]byte(string(head) + line + behind))
			if want := fmt.Sprintf("byte %d: ", ends[1]); !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %s…%s", test.name, err, want, test.want)
			}
		}
		if h := parsed(t, []byte(string(head)+strings.TrimSuffix(line, "\n"))); h.Torn != len(line)-1 {
			t.Errorf("%s without its end: %d bytes torn, want %d", test.name, h.Torn, len(line)-1)
		}
	}
}

func TestTheFirstLineIsAHeaderOfThisFormat(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"newer", `{"k":"header","format":2,"run":"r1"}`, "format version 2, which this version does not know"},
		{"older", `{"k":"header","format":0,"run":"r1"}`, "format version 0, which this version does not know"},
		{"newer, more fields", `{"k":"header","format":2,"run":"r1","new":1}`, "which this version does not know; use the version"},
		{"no header", `{"k":"end","exit":0}`, "a header stands where none can be, or is missing"},
		{"no run", `{"k":"header","format":1,"run":""}`, "the header names no run"},
	}
	for _, test := range tests {
		_, err := Parse([]byte(sealed(test.text, 0)))
		if !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), "byte 0: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// sealed is a line with the right checksum.
func sealed(text string, before uint32) string {
	line := strings.Repeat("x", sumLen) + text
	return fmt.Sprintf("%08x %s\n", after(before, []byte(line)), text)
}

func TestWhatACrashLeavesOfALastLineIsCut(t *testing.T) {
	data, ends := written(t, sample()[:5]...)
	head, line := string(data[:ends[3]]), string(data[ends[3]:])
	for _, tail := range []string{"\n", "\x00", "0", line[:8], line[:9], line[:50], line[:len(line)-1], line[:50] + strings.Repeat("\x00", 99),
		strings.Repeat("\x00", 4096), line[:len(line)-1] + "\x00\x00", line[:40] + strings.Repeat("\x00", len(line)-41) + "\n"} {
		if h := parsed(t, []byte(head+tail)); h.Torn != len(tail) || len(h.Records) != 3 || h.sum != parsed(t, data[:ends[3]]).sum {
			t.Errorf("%q: %d torn, %d records", tail, h.Torn, len(h.Records))
		}
	}
}

// A file system that writes pages in any order may leave a hole before whole
// lines of the same batch. That looks like damage, and is refused.
func TestAHoleBeforeWholeLinesIsRefused(t *testing.T) {
	data, ends := written(t, sample()...)
	copy(data[ends[20]+40:], make([]byte, 512))
	if _, err := Parse(data); !errors.Is(err, fleet.ErrPlan) || !strings.Contains(err.Error(), fmt.Sprintf("byte %d: ", ends[20])) {
		t.Errorf("got %v", err)
	}
}

// The golden journal is of format version 1. It is read forever, so once that is
// released it is never written anew: -update writes only the golden text, and the
// journal when there is none.
func TestTheGoldenJournalIsReadForever(t *testing.T) {
	if _, err := os.Stat("testdata/v1.journal"); *update && errors.Is(err, fs.ErrNotExist) {
		data, _ := written(t, sample()...)
		if err := os.WriteFile("testdata/v1.journal", append(data, `0badc0de {"k":"int`...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile("testdata/v1.journal")
	if err != nil {
		t.Fatal(err)
	}
	h := parsed(t, data)
	got := fmt.Sprintf("torn %d\n", h.Torn)
	for _, r := range append([]Record{h.Header}, h.Records...) {
		got += fleet.Printable(fmt.Sprintf("%s %+v", r.kind(), r)) + "\n"
	}
	for _, i := range h.Open() {
		got += fmt.Sprintf("open %d.%d %s\n", i.Task, i.Call, i.Boot)
	}
	if *update {
		err = os.WriteFile("testdata/v1.want", []byte(got), 0o600)
	}
	want, unread := os.ReadFile("testdata/v1.want")
	if err := errors.Join(err, unread); err != nil || got != string(want) {
		t.Errorf("%v, got:\n%s", err, got)
	}
}

func FuzzParse(f *testing.F) {
	data, ends := written(f, sample()...)
	for _, end := range ends {
		f.Add(data[:end])
		f.Add(data[:end-1])
	}
	f.Add([]byte(sealed(`{"k":"header","format":1,"run":"r"}`, 0) + "\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Parse(data)
		if err != nil {
			if h != nil || !errors.Is(err, fleet.ErrPlan) {
				t.Fatalf("got %v, %v", h, err)
			}
			return
		}
		if h.size+int64(h.Torn) != int64(len(data)) {
			t.Fatalf("%d whole and %d torn of %d", h.size, h.Torn, len(data))
		}
		again := parsed(t, data[:h.size])
		again.Torn = h.Torn
		if !reflect.DeepEqual(h, again) {
			t.Fatalf("got %+v, and of what is whole %+v", h, again)
		}
		_ = h.Open()
		line, _, _ := encode(End{}, h.sum)
		if next, err := Parse(append(data[:h.size:h.size], line...)); h.Run != "" && (err != nil || len(next.Records) != len(h.Records)+1) {
			t.Fatalf("it cannot be gone on with: %v", err)
		}
	})
}

// Reading a long journal is linear: ten times the lines take nowhere near a
// hundred times as long.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		records := append(sample()[:2], make([]Record, n)...)
		for i := range n {
			records[i+2] = Intent{Task: i, Name: "meter", At: noon}
		}
		data, _ := written(b, records...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
