package pace

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

// Slots is the permit clock that the processes of an account share on one
// machine: a file that says before which time none of them may send. It is
// looked up by its path each time, so nothing is kept open and a file that was
// removed is made anew.
//
// The time is that of the wall clock, the only one that all processes have.
// One that jumps ahead frees the next slot at once and costs nothing. One that
// jumps back by more than the farthest slot is noticed, and the slots start
// from now; a smaller jump looks like a pause, and is waited out.
type Slots struct{ path string }

// The bounds of sharing (chosen; the platform says nothing about them).
const (
	// slotLead is how long before its time a slot is taken at most. It is short
	// because slots that are taken already outlast a pause that begins later.
	slotLead = time.Second
	// slotLate is how late a timer may be without costing the time it lost; at
	// short intervals it is half of one, so that no window of whole intervals has
	// room for a call more. Timers were 0.2 ms late, 0.3 ms at worst, and 2 to
	// 110 ms where three programs wanted each processor (observed).
	slotLate = 250 * time.Millisecond
	// farthest is how far ahead a believable file looks.
	farthest = longestAsk + slotLead
	// lockPatience bounds the wait for a lock that is held for some 5 µs, and for
	// 250 ms at worst where six programs wanted each processor (observed), unless
	// its holder was stopped in those. After that the permit is given by our own
	// pace, so a lock that stays held means a call a second, not a stop.
	lockPatience = time.Second
	lockPoll     = time.Millisecond
)

// OpenSlots makes the slot file, or sees to it that an existing one is a plain
// file which nobody else may read. What is in it is judged when it is used. The
// error is that of the file system.
func OpenSlots(path string) (*Slots, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // of a pipe, too, this returns at once
	if err != nil {
		return nil, fmt.Errorf("slot file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("slot file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("slot file: %s is not a plain file", path)
	}
	if info.Mode().Perm() == 0o600 {
		return &Slots{path}, nil
	}
	if err := f.Chmod(0o600); err != nil {
		return nil, fmt.Errorf("slot file: %w", err)
	}
	return &Slots{path}, nil
}

// Look reads the time before which nobody may send from a slot file, and changes
// nothing. It is zero where there is no file yet, and where what is in it is no time.
func Look(path string) (next time.Time, sound bool, err error) {
	record, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return time.Time{}, true, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("slot file: %w", err)
	}
	next = decode(record)
	return next, len(record) == 0 || !next.IsZero(), nil
}

// take takes the next slot when its time is near, and says when that is; when
// it is far, take says when to ask again.
func (s *Slots) take(interval time.Duration) (at time.Time, taken bool, err error) {
	err = s.change(func(now, next time.Time) time.Time {
		at = next
		if next.Before(now.Add(-min(slotLate, interval/2))) {
			at = now
		}
		if taken = at.Sub(now) <= slotLead; taken {
			return at.Add(interval)
		}
		at = at.Add(-slotLead)
		return next
	})
	return at, taken, err
}

// pause lets no process take a slot for so long; those taken already stay.
func (s *Slots) pause(d time.Duration) error {
	return s.change(func(now, next time.Time) time.Time {
		return latest(next, now.Add(d))
	})
}

// change replaces the time in the file, which is zero when there is none to
// believe. There is no sync: whoever restarts a machine is late enough.
func (s *Slots) change(replace func(now, next time.Time) time.Time) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("slot file: %w", err)
		}
	}()
	lock, err := s.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return edit(f, replace)
}

// lock waits for the lock, but not for ever. Each call has a handle of its own,
// because the lock belongs to the handle: one that is shared would let two
// goroutines in. The lock is asked for again and again rather than waited for,
// since a system call that blocks can neither be given up nor stand in virtual
// time. It is no use on a network file system.
func (s *Slots) lock() (*flock.Flock, error) {
	lock := flock.New(s.path)
	for start := time.Now(); ; time.Sleep(lockPoll) {
		held, err := lock.TryLock()
		if held || err != nil {
			return lock, err
		}
		if time.Since(start) >= lockPatience {
			return nil, fmt.Errorf("%s was locked by another process for %s", s.path, lockPatience)
		}
	}
}

func edit(f *os.File, replace func(now, next time.Time) time.Time) error {
	record := make([]byte, recordSize+1) // one more than it should have
	n, err := f.ReadAt(record, 0)
	if err != nil && err != io.EOF {
		return err
	}
	now := time.Now().Round(0) // by the wall clock only
	before := decode(record[:n])
	if before.After(now.Add(farthest)) {
		before = time.Time{}
	}
	after := replace(now, before)
	if after.Equal(before) {
		return nil
	}
	if _, err := f.WriteAt(encode(after), 0); err != nil || n <= recordSize {
		return err
	}
	return f.Truncate(int64(recordSize))
}

// A record is always as long, so that it is overwritten in one small write, and
// ends in a checksum, so that half a write or a foreign file is no time at all.
const (
	recordTime = "sftctl slot %019d "
	recordHead = len("sftctl slot ")
	recordTail = recordHead + 19
	recordSize = recordTail + len(" 01234567\n")
)

// encode writes a time as nanoseconds since 1970, UTC.
func encode(t time.Time) []byte {
	record := fmt.Appendf(nil, recordTime, t.UnixNano())
	return fmt.Appendf(record, "%08x\n", crc32.ChecksumIEEE(record))
}

// decode is zero for anything that encode does not write, to the byte.
func decode(record []byte) time.Time {
	if len(record) != recordSize {
		return time.Time{}
	}
	nanoseconds, err := strconv.ParseInt(string(record[recordHead:recordTail]), 10, 64)
	if t := time.Unix(0, nanoseconds); err == nil && string(encode(t)) == string(record) {
		return t
	}
	return time.Time{}
}
