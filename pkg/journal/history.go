package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"time"

	"sftctl/pkg/fleet"
)

// History is what a journal says. It is the same however often it is read.
type History struct {
	Header
	Records []Record // all that follow the header
	Torn    int      // bytes behind the last whole record: a write that a crash cut off
	size    int64    // of the whole records
	sum     uint32
	boot    string // of the process that writes at the end
}

// Parse reads a journal. A last line that is not whole is left out: nothing
// rests on it, because requests leave only after their record is durable. The
// error is an ErrPlan that names the offset of what cannot be read.
func Parse(data []byte) (*History, error) {
	h := &History{}
	for rest := data; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		fits := follows(line, h.sum)
		if !(whole && fits) && len(after) == 0 && torn(line, h.sum) {
			h.Torn = len(rest)
			break
		}
		if err := h.take(line, fits); err != nil {
			return nil, fleet.Kind(fleet.ErrPlan, fmt.Errorf("journal, byte %d: %w", h.size, err))
		}
		h.size += int64(len(line)) + 1
		rest = after
	}
	return h, nil
}

// follows says whether a line, without its end, bears the checksum of itself and
// all before it.
func follows(line []byte, before uint32) bool {
	sum, ok := claimed(line)
	return ok && sum == after(before, line)
}

// claimed is the checksum that a line bears. Hexadecimal can be written in
// several ways, and only ours is right.
func claimed(line []byte) (sum uint32, ok bool) {
	if len(line) < sumLen {
		return 0, false
	}
	n, err := strconv.ParseUint(string(line[:sumLen-1]), 16, 32)
	return uint32(n), err == nil && string(line[:sumLen]) == fmt.Sprintf("%08x ", n)
}

// after is the checksum of all that is before a line and of the line.
func after(before uint32, line []byte) uint32 {
	return crc32.Update(crc32.Update(before, castagnoli, line[sumLen:]), castagnoli, []byte("\n"))
}

// torn says whether a crash may have left this of a last line. Where a record
// stands whole in it, it was written whole, and something changed it later.
func torn(line []byte, before uint32) bool {
	line = bytes.TrimRight(line, "\x00") // a file may have grown before it was filled
	if len(line) < sumLen || follows(line, before) {
		return true
	}
	if sum, ok := claimed(line); ok {
		for end := sumLen + 1; end < len(line); end++ {
			if before = crc32.Update(before, castagnoli, line[end-1:end]); crc32.Update(before, castagnoli, []byte("\n")) == sum {
				return false // it is the end that was changed
			}
		}
	}
	_, err := read(line[sumLen:])
	return err != nil
}

// take takes a line into the history.
func (h *History) take(line []byte, fits bool) error {
	if !fits {
		return errors.New("the checksum does not fit, a line was changed or is missing; nothing is done on the account before it is restored from a backup, or, ten minutes after the run, moved away with its folder")
	}
	record, err := read(line[sumLen:])
	if err != nil {
		return err
	}
	h.sum = after(h.sum, line)
	return h.add(record)
}

func read(text []byte) (Record, error) {
	rest, ok := bytes.CutPrefix(text, []byte(`{"k":"`))
	kind, fields, found := bytes.Cut(rest, []byte(`",`))
	if !ok || !found {
		return nil, errors.New("the record has no kind")
	}
	decode, ok := readers[string(kind)]
	if !ok {
		return nil, unknownFormat(fmt.Sprintf("a record of kind %s", fleet.Quote(string(kind))))
	}
	record, err := decode(append([]byte("{"), fields...))
	if err != nil {
		return nil, unknownFormat(err.Error())
	}
	return record, nil
}

func unknownFormat(what string) error {
	return fmt.Errorf("%s, which this version does not know; use the version of sftctl that wrote it", what)
}

// add takes a record into the history.
func (h *History) add(r Record) error {
	header, isHeader := r.(Header)
	switch {
	case isHeader != (h.Run == ""):
		return errors.New("a header stands where none can be, or is missing")
	case isHeader && header.Format != Format:
		return unknownFormat(fmt.Sprintf("format version %d", header.Format))
	case isHeader && header.Run == "":
		return errors.New("the header names no run")
	case isHeader:
		h.Header = header
		return nil
	}
	switch record := r.(type) {
	case Opened:
		h.boot = record.Boot
	case Intent:
		record.Boot = h.boot
		r = record
	}
	h.Records = append(h.Records, r)
	return nil
}

// Begun says whether anything was ever to be sent: only then is the run's plan
// used up.
func (h *History) Begun() bool {
	for _, r := range h.Records {
		if _, ok := r.(Intent); ok {
			return true
		}
	}
	return false
}

// Open are the last intents of the tasks of which nobody knows whether the call
// was applied, in the order of the tasks' first intents: those without an
// outcome, those with an unknown one, and those that were acknowledged and do
// not show.
func (h *History) Open() []Intent {
	last, open := map[int]Intent{}, map[int]bool{}
	var order []int
	for _, r := range h.Records {
		switch r := r.(type) {
		case Intent:
			if _, seen := last[r.Task]; !seen {
				order = append(order, r.Task)
			}
			last[r.Task], open[r.Task] = r, true
		case Outcome:
			open[r.Task] = r.Outcome == fleet.Unknown
		case Finding:
			open[r.Task] = slices.Contains(r.Steps, fleet.Unknown)
		}
	}
	var intents []Intent
	for _, task := range order {
		if open[task] {
			intents = append(intents, last[task])
		}
	}
	return intents
}

// Young are the intents of creates and activations that the platform acknowledged
// and that are not certainly older than a time: a listing that lags may not show
// what they did.
func (h *History) Young(now Moment, than time.Duration) []Intent {
	type call struct{ task, call int }
	last, done := map[call]Intent{}, map[call]bool{}
	var order []call
	for _, r := range h.Records {
		switch r := r.(type) {
		case Intent:
			at := call{r.Task, r.Call}
			if _, seen := last[at]; !seen {
				order = append(order, at)
			}
			last[at] = r
		case Outcome:
			done[call{r.Task, r.Call}] = r.Outcome == fleet.Done
		}
	}
	var young []Intent
	for _, at := range order {
		if i := last[at]; done[at] && (i.Action == fleet.Create || i.Action == fleet.Activate) && i.Age(now) < than {
			young = append(young, i)
		}
	}
	return young
}

// Ended is how the last process on the run ended, and whether it did.
func (h *History) Ended() (End, bool) {
	for i := len(h.Records) - 1; i >= 0; i-- {
		switch r := h.Records[i].(type) {
		case End:
			return r, true
		case Opened:
			return End{}, false
		}
	}
	return End{}, false
}

// Clean says whether a run left nothing: it ended with all of its rows done or
// unchanged, which is what exit code 0 means.
func (h *History) Clean() bool {
	end, ended := h.Ended()
	return ended && end.Exit == 0
}

// Verified says whether a listing showed all that the platform acknowledged to
// the run. Until then a listing that lags may not show it, and the platform may
// not have done it.
func (h *History) Verified() bool {
	verified := true // nothing was sent, or
	for _, r := range h.Records {
		switch r := r.(type) {
		case Intent, Outcome:
			verified = false
		case End:
			verified = verified || r.Verified
		}
	}
	return verified
}

// upStep is how exact the time since the boot is.
const upStep = time.Second

// Age is for how long an intent is certainly old: by the wall clock and by the
// time since the boot, the lesser of both, and nothing at all when the machine
// was started since or a clock went back. A process that was killed may have
// sent its request only now.
func (i Intent) Age(now Moment) time.Duration {
	if i.Boot == "" || i.Boot != now.Boot {
		return 0
	}
	return max(min(now.Wall.Sub(i.At), now.Up-i.Up-upStep), 0)
}

// LastEnd is how the run's work last ended in good order, and whether it ever
// did.
func (h *History) LastEnd() (End, bool) {
	return last[End](h)
}

// last is the last record of a kind.
func last[R Record](h *History) (record R, ok bool) {
	for i := len(h.Records) - 1; i >= 0 && !ok; i-- {
		record, ok = h.Records[i].(R)
	}
	return record, ok
}

// Effort is what the processes on the run took besides its calls, as far as they
// ended in good order: requests that change nothing, and those of them that
// settled what was unknown.
func (h *History) Effort() (reads, settles int64) {
	for _, r := range h.Records {
		if end, ok := r.(End); ok {
			reads, settles = reads+end.Reads, settles+end.Settles
		}
	}
	return reads, settles
}

// Tool is the name and version of the program that last wrote.
func (h *History) Tool() string {
	o, _ := last[Opened](h)
	return o.Tool
}

// LastTime is the latest time that the journal speaks of.
func (h *History) LastTime() time.Time {
	last := h.At
	for _, r := range h.Records {
		at := last
		switch r := r.(type) {
		case Opened:
			at = r.At
		case Intent:
			at = r.At
		case Outcome:
			at = r.Started.Add(r.Took)
		case End:
			at = r.At
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}
