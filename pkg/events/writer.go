package events

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"

	"sftctl/pkg/fleet"
)

// Writer writes events as lines. Emitting one never waits for whoever reads them.
// Its methods may be used by several goroutines.
type Writer struct {
	queue *Queue

	mu  sync.Mutex // lines are in the order of their times
	err error      // of an event that cannot be a line; nothing is written after it
}

// NewWriter begins a stream; it has to be closed.
func NewWriter(to io.Writer) *Writer { return &Writer{queue: NewQueue(to)} }

// Emit adds an event to the stream.
func (w *Writer) Emit(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	var text []byte
	if text, w.err = line(e, time.Now()); w.err == nil {
		_, _ = w.queue.Write(text) // Close says what went wrong
	}
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

// Close writes what is left. It waits no longer than it is told; the error is the
// first of the stream.
func (w *Writer) Close(patience time.Duration) error {
	err := w.queue.Close(patience)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	return err
}
