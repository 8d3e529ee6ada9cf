package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sftctl/pkg/fleet"
)

// Writer writes events as lines. Emitting one never waits for whoever reads them:
// nobody who is slow, or asleep, may hold up calls that have deadlines. Its methods
// may be used by several goroutines.
type Writer struct {
	to    io.Writer
	wake  chan struct{}
	ended chan struct{}

	mu      sync.Mutex
	waiting []byte
	closed  bool
	err     error // the first; nothing is written after it
}

// mostWaiting is how much may wait to be written, in bytes: a run of a hundred
// thousand endpoints of which nobody reads anything.
const mostWaiting = 128 << 20

// NewWriter begins a stream; it has to be closed.
func NewWriter(to io.Writer) *Writer {
	w := &Writer{to: to, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.write()
	return w
}

// Emit adds an event to the stream.
func (w *Writer) Emit(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil {
		return
	}
	line, err := line(e, time.Now())
	if err == nil && len(w.waiting)+len(line) > mostWaiting {
		err = fmt.Errorf("nobody took the last %d MiB of them", mostWaiting>>20)
	}
	if err != nil {
		w.err = err
		return
	}
	w.waiting = append(w.waiting, line...)
	w.ring()
}

func line(e Event, at time.Time) ([]byte, error) {
	head, _ := json.Marshal(stamp{e.kind(), at.UTC()}) // never fails
	var fields bytes.Buffer
	enc := json.NewEncoder(&fields)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	line := append(head[:len(head)-1], ',')
	return fleet.PrintableJSON(append(line, fields.Bytes()[1:]...)), nil
}

func (w *Writer) ring() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close writes what is left. It waits no longer than it is told; the error is the
// first of the stream.
func (w *Writer) Close(patience time.Duration) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.ring()
	select {
	case <-w.ended:
	case <-time.After(patience):
		return errors.New("nobody takes them")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// write writes what waits until the stream is closed.
func (w *Writer) write() {
	defer close(w.ended)
	for range w.wake {
		for lines, more := w.take(); ; lines, more = w.take() {
			if len(lines) == 0 && !more {
				return
			}
			if len(lines) == 0 {
				break
			}
			if _, err := w.to.Write(lines); err != nil {
				w.fail(err)
			}
		}
	}
}

// take takes what waits, and says whether more may come.
func (w *Writer) take() (lines []byte, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, w.waiting = w.waiting, nil
	return lines, !w.closed
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.waiting = nil
}
