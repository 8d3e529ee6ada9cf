package events

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Queue takes what is written at once, and writes it on when somebody reads: nobody
// who is slow, or asleep, may hold up calls that have deadlines. Its methods may be
// used by several goroutines.
type Queue struct {
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

// NewQueue begins a queue; it has to be closed.
func NewQueue(to io.Writer) *Queue {
	q := &Queue{to: to, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.drain()
	return q
}

// Write never waits. What is written is written on as a whole or not at all; the
// error is the first of the queue, which is closed by it.
func (q *Queue) Write(data []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.err != nil:
		return 0, q.err
	case q.closed:
		return 0, errors.New("it is closed")
	case len(q.waiting)+len(data) > mostWaiting:
		q.err = fmt.Errorf("nobody took the last %d MiB of them", mostWaiting>>20)
		return 0, q.err
	}
	q.waiting = append(q.waiting, data...)
	q.ring()
	return len(data), nil
}

func (q *Queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Close writes what is left. It waits no longer than it is told; the error is the
// first of the queue.
func (q *Queue) Close(patience time.Duration) error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ring()
	select {
	case <-q.ended:
	case <-time.After(patience):
		return errors.New("nobody takes them")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// drain writes what waits until the queue is closed.
func (q *Queue) drain() {
	defer close(q.ended)
	for range q.wake {
		for data, more := q.take(); ; data, more = q.take() {
			if len(data) == 0 && !more {
				return
			}
			if len(data) == 0 {
				break
			}
			if _, err := q.to.Write(data); err != nil {
				q.fail(err)
			}
		}
	}
}

// take takes what waits, and says whether more may come.
func (q *Queue) take() (data []byte, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	data, q.waiting = q.waiting, nil
	return data, !q.closed
}

func (q *Queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	q.waiting = nil
}
