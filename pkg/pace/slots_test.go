package pace

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// slotFile is a path in a new directory.
func slotFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "slots")
}

func open(t testing.TB, path string) *Slots {
	t.Helper()
	slots, err := OpenSlots(path)
	if err != nil {
		t.Fatal(err)
	}
	return slots
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// next reads the time in a slot file.
func next(t testing.TB, path string) time.Time {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return decode(data)
}

func TestTheClockInTheFileIsBelievedWithinReason(t *testing.T) {
	for name, test := range map[string]struct{ ahead, want time.Duration }{
		"long ago":                 {-10 * 365 * 24 * time.Hour, 0},
		"a jump ahead":             {-time.Hour, 0},
		"just missed":              {-2 * slotLate, 0},
		"soon":                     {300 * time.Millisecond, 300 * time.Millisecond},
		"a small jump back":        {5 * time.Second, 5 * time.Second},
		"the longest pause":        {longestAsk, longestAsk},
		"a jump back by an hour":   {time.Hour, 0},
		"a jump back by ten years": {10 * 365 * 24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := slotFile(t)
			synctest.Test(t, func(t *testing.T) {
				write(t, path, encode(time.Now().Add(test.ahead)))
				p := NewShared(2, open(t, path))
				if got := wait(t, p); got != test.want {
					t.Errorf("waited %s, want %s", got, test.want)
				}
				if got := time.Until(next(t, path)); got != 500*time.Millisecond {
					t.Errorf("then the next slot is in %s, want 500ms", got)
				}
				if got := wait(t, p); got != 500*time.Millisecond || p.Err() != nil {
					t.Errorf("then waited %s (%v), want 500ms", got, p.Err())
				}
			})
		})
	}
}

func TestASlotIsTakenShortlyBeforeItsTime(t *testing.T) {
	for ahead, want := range map[time.Duration]struct {
		taken       bool
		wait, after time.Duration
	}{
		slotLead:                    {true, slotLead, slotLead + 2*time.Second},
		slotLead + time.Millisecond: {false, time.Millisecond, slotLead + time.Millisecond},
		time.Minute:                 {false, time.Minute - slotLead, time.Minute},
	} {
		path := slotFile(t)
		synctest.Test(t, func(t *testing.T) {
			write(t, path, encode(time.Now().Add(ahead)))
			at, taken, err := open(t, path).take(2 * time.Second)
			wait := time.Until(at)
			if wait != want.wait || taken != want.taken || err != nil {
				t.Errorf("%s ahead: got %s, %t, %v, want %s, %t", ahead, wait, taken, err, want.wait, want.taken)
			}
			if got := time.Until(next(t, path)); got != want.after {
				t.Errorf("%s ahead: the next slot is then in %s, want %s", ahead, got, want.after)
			}
		})
	}
}

// However slow, a purse writes nothing that the others would not believe.
func TestNoSlotIsLongerThanTheLongestPause(t *testing.T) {
	for _, perSecond := range []float64{1e-300, 1e-12, 0.0005} {
		path := slotFile(t)
		synctest.Test(t, func(t *testing.T) {
			wait(t, NewShared(perSecond, open(t, path)))
			if got := wait(t, NewShared(2, open(t, path))); got != longestAsk {
				t.Errorf("rate %g: the other one waited %s, want %s", perSecond, got, longestAsk)
			}
		})
	}
}

// A timer that is a little late must not slow everybody down for good.
func TestALateTimerCostsNothing(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		slots, start := open(t, path), time.Now()
		for range 100 {
			at, taken, err := slots.take(100 * time.Millisecond)
			if err != nil || !taken {
				t.Fatalf("got %t, %v", taken, err)
			}
			time.Sleep(max(0, time.Until(at)) + 103*time.Millisecond - time.Since(start)%(100*time.Millisecond))
		}
		if got := next(t, path).Sub(start); got != 10*time.Second {
			t.Errorf("100 slots of 100ms end after %s", got)
		}
	})
}

// A slot that was missed by more than half an interval is lost, so that calls
// never catch up in a burst.
func TestAMissedSlotIsNotMadeUpFor(t *testing.T) {
	for missed, want := range map[time.Duration]time.Duration{50 * time.Millisecond: 50 * time.Millisecond, 51 * time.Millisecond: 100 * time.Millisecond} {
		path := slotFile(t)
		synctest.Test(t, func(t *testing.T) {
			write(t, path, encode(time.Now().Add(-missed)))
			if _, taken, err := open(t, path).take(100 * time.Millisecond); !taken || err != nil {
				t.Fatalf("got %t, %v", taken, err)
			}
			if got := time.Until(next(t, path)); got != want {
				t.Errorf("missed by %s: the next slot is in %s, want %s", missed, got, want)
			}
		})
	}
}

func TestWhatIsNoRecordIsNoSlot(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		good := encode(time.Now().Add(time.Minute))
		contents := [][]byte{[]byte("{}\n"), bytes.Repeat([]byte{0}, recordSize), bytes.Repeat([]byte("x"), 1<<20),
			append(slices.Clone(good), '\n'), bytes.ToUpper(good)}
		for n := range good {
			torn := append(slices.Clone(good[:n]), encode(time.Now())[n:]...)
			flipped := slices.Clone(good)
			flipped[n] ^= 1
			contents = append(contents, good[:n], flipped)
			if !bytes.Equal(torn, good) && !bytes.Equal(torn, encode(time.Now())) {
				contents = append(contents, torn)
			}
		}
		for _, content := range contents {
			write(t, path, content)
			p := NewShared(2, open(t, path))
			if got := wait(t, p); got != 0 || p.Err() != nil {
				t.Errorf("%.60q: waited %s, %v", content, got, p.Err())
			}
			if got := time.Until(next(t, path)); got != 500*time.Millisecond {
				t.Errorf("%.60q: the next slot is in %s, want 500ms", content, got)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(time.Unix(0, 0)))
	f.Add(encode(time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)))
	f.Add([]byte("sftctl slot -000000000000000001 "))
	f.Fuzz(func(t *testing.T, record []byte) {
		if at := decode(record); !at.IsZero() && !bytes.Equal(encode(at), record) {
			t.Errorf("%q was read as %s", record, at)
		}
	})
}

func TestOnlyThisUserReadsTheSlotFile(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, path string){
		"new": func(*testing.T, string) {},
		"open to all": func(t *testing.T, path string) {
			write(t, path, nil)
			if err := os.Chmod(path, 0o666); err != nil {
				t.Fatal(err)
			}
		},
		"read only": func(t *testing.T, path string) {
			write(t, path, nil)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := slotFile(t)
			prepare(t, path)
			open(t, path)
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("got %v, %v, want -rw-------", info.Mode(), err)
			}
		})
	}
}

func TestWhatCannotBeASlotFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                               "is a directory",
		pipe:                              "is not a plain file",
		"/dev/null":                       "is not a plain file",
		filepath.Join(dir, "no", "slots"): "no such file or directory",
	} {
		if _, err := OpenSlots(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want it to say %q", path, err, want)
		}
	}
}

func TestASlotFileThatWasRemovedIsMadeAnew(t *testing.T) {
	path := slotFile(t)
	synctest.Test(t, func(t *testing.T) {
		one, other := NewShared(2, open(t, path)), NewShared(2, open(t, path))
		wait(t, one)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		got := together(10, one, other)
		if problem := overfull(got, 2, 10*time.Second); problem != "" {
			t.Error(problem)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 || one.Err() != nil || other.Err() != nil {
			t.Errorf("got %v, %v, %v, %v", info.Mode(), err, one.Err(), other.Err())
		}
	})
}

// BenchmarkTakeSlot is what sharing adds to a permit: lock, read, write, unlock.
func BenchmarkTakeSlot(b *testing.B) {
	slots := open(b, slotFile(b))
	for b.Loop() {
		if _, _, err := slots.take(1); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slots")
	if next, sound, err := Look(path); !next.IsZero() || !sound || err != nil {
		t.Errorf("no file: got %v, %t, %v", next, sound, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it made a file")
	}
	slots, err := OpenSlots(path)
	if err != nil {
		t.Fatal(err)
	}
	if next, sound, err := Look(path); !next.IsZero() || !sound || err != nil {
		t.Errorf("an empty file: got %v, %t, %v", next, sound, err)
	}
	at, _, err := slots.take(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if next, sound, err := Look(path); !next.Equal(at.Add(time.Second)) || !sound || err != nil {
		t.Errorf("got %v, %t, %v, want a second after %v", next, sound, err, at)
	}
	if err := os.WriteFile(path, []byte("noon"), 0o600); err != nil {
		t.Fatal(err)
	}
	if next, sound, err := Look(path); !next.IsZero() || sound || err != nil {
		t.Errorf("no time: got %v, %t, %v", next, sound, err)
	}
}
