package fleet

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Panics carries the first panic of some goroutines to the one that waits for
// them: there the program can say where it happened without the value, which may
// hold what must not be printed, and end with a code of its own. The zero value
// is ready.
type Panics struct{ first atomic.Pointer[Panic] }

// Panic is a panic of another goroutine.
type Panic struct {
	Type  string // of its value
	Stack []byte // where it happened
}

// Guard is to be deferred by a goroutine. It stops a panic, keeps it, and calls
// then, if that is not nil: those who wait may wait for what will not come.
func (p *Panics) Guard(then func()) {
	value := recover()
	if value == nil {
		return
	}
	kept, ok := value.(*Panic)
	if !ok {
		kept = &Panic{fmt.Sprintf("%T", value), debug.Stack()}
	}
	p.first.CompareAndSwap(nil, kept)
	if then != nil {
		then()
	}
}

// Rethrow panics with what was kept, if anything was.
func (p *Panics) Rethrow() {
	if kept := p.first.Load(); kept != nil {
		panic(kept)
	}
}
