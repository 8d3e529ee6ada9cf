// Package journal keeps what a run intended and what came of it, durable before
// the platform hears of it.
package journal

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"sftctl/pkg/fleet"
)

// Journal is the record of one run, open for writing. It may be used by several
// goroutines. The first error of its file is final: what a disk said once
// cannot be trusted again, so nothing more is written, and nothing may be sent.
type Journal struct {
	file  File
	clock Clock
	use   func() error // marks the plan as used; before the first intent
	used  sync.Once
	wake  chan struct{}
	ended chan struct{}

	mu     sync.Mutex
	sum    uint32
	batch  *batch // what is to be written next
	closed bool
	err    error
}

// batch are lines that become durable together: many calls share one sync.
type batch struct {
	lines   []byte
	waiting int // how many wait for it to be durable
	done    chan struct{}
	err     error
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// start begins to write to a file whose lines have a checksum so far.
func start(file File, sum uint32, clock Clock, use func() error) *Journal {
	j := &Journal{file: file, clock: clock, use: use, sum: sum, batch: newBatch(),
		wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go j.write()
	return j
}

// Intent writes that a request is about to leave, and returns when that is
// durable. The request must not leave when it fails; the error is an ErrIO. The
// time is filled in.
func (j *Journal) Intent(i Intent) error {
	j.used.Do(func() {
		if !j.over() { // nothing more is written, not even elsewhere
			j.fail(j.use())
		}
	})
	now := j.clock()
	i.At, i.Up = now.Wall.UTC().Round(0), now.Up
	return j.sync(i)
}

// Outcome writes what came of a call. It need not be durable: without it the
// call is unknown, and settled by reading.
func (j *Journal) Outcome(o Outcome) { j.add(o, false) }

// Finding writes how a task stands. Like an outcome, it can be found again.
func (j *Journal) Finding(f Finding) { j.add(f, false) }

// Supersede writes that another run took this one's place, and returns when that is
// durable. The error is an ErrIO.
func (j *Journal) Supersede(by string) error { return j.sync(Superseded{by, time.Now().UTC()}) }

// End writes that this process is through with the run, and returns when that is
// durable: whoever reports does so before, or the run is resumed. The error is an
// ErrIO.
func (j *Journal) End(e End) error { return j.sync(e) }

// Close writes what is still to be written. The error is the first of the
// journal, an ErrIO, also when it is closed again.
func (j *Journal) Close() error {
	j.mu.Lock()
	again := j.closed
	j.closed = true
	j.mu.Unlock()
	if again {
		<-j.ended
		return j.Err()
	}
	close(j.wake)
	<-j.ended
	return errors.Join(j.Err(), fleet.Kind(fleet.ErrIO, j.file.Close()))
}

// over says whether nothing more will be written.
func (j *Journal) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closed || j.err != nil
}

// Err is the first error of the journal, an ErrIO.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// fail makes an error final.
func (j *Journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed(err)
}

// failed is fail for who has the mutex.
func (j *Journal) failed(err error) {
	if err != nil && j.err == nil {
		j.err = fleet.Kind(fleet.ErrIO, fmt.Errorf("the journal cannot be written, so nothing more is sent: %w", err))
	}
}

// sync writes a record and returns when it is durable.
func (j *Journal) sync(r Record) error {
	b := j.add(r, true)
	<-b.done
	return b.err
}

// add puts a record into the next batch.
func (j *Journal) add(r Record, durable bool) *batch {
	fields, err := fieldsOf(r)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		late := newBatch()
		late.err = fleet.Kind(fleet.ErrIO, errors.New("the journal is closed"))
		close(late.done)
		return late
	}
	b := j.batch
	if err != nil {
		j.failed(err)
	} else {
		b.lines, j.sum = appendLine(b.lines, r, fields, j.sum)
	}
	if durable {
		b.waiting++
	}
	select {
	case j.wake <- struct{}{}:
	default: // it is awake already
	}
	return b
}

// Where this many waited for one sync, the next one waits a little for as many to
// come: a sync costs the machine more than the wait costs them.
const (
	siblings = 8
	gather   = 2 * time.Millisecond
)

// write writes batches, one after another.
func (j *Journal) write() {
	defer close(j.ended)
	for range j.wake {
		if j.flush() >= siblings {
			time.Sleep(gather)
		}
	}
	j.flush()
}

// flush writes the present batch, and makes it durable where somebody waits for
// that. It returns how many do.
func (j *Journal) flush() int {
	j.mu.Lock()
	b, err := j.batch, j.err
	j.batch = newBatch()
	j.mu.Unlock()
	if err == nil && b.waiting > 0 {
		j.fail(put(j.file, b.lines))
	} else if err == nil && len(b.lines) > 0 {
		_, err := j.file.Write(b.lines)
		j.fail(err)
	}
	b.err = j.Err()
	close(b.done)
	return b.waiting
}

func put(file File, lines []byte) error {
	if _, err := file.Write(lines); err != nil {
		return err
	}
	return file.Sync()
}
