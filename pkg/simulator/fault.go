package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Event is what a fault may depend on: never the order in which calls of
// different rows arrive, so that a run can be repeated.
type Event struct {
	Op      wire.Op
	Row     string // endpoint name, ICCID of a free SIM, or page of a listing
	Attempt int    // how often the operation was tried for the row, from 1
}

// Fault is something that goes wrong with chosen calls. The zero Fault fits
// every login and does nothing.
type Fault struct {
	Op     wire.Op
	AnyOp  bool   // every operation, whatever Op says
	Row    string // as in Event; empty fits every row
	From   int    // the first attempt that it fits; 0 is the first of all
	Times  int    // how many attempts it fits; 0 is all that follow
	Effect Effect
	// Delay is when the work of a late effect is done, counted from the
	// request's arrival, or how long a slow answer takes.
	Delay time.Duration
}

func (f Fault) fits(e Event) bool {
	from := max(1, f.From)
	return (f.AnyOp || f.Op == e.Op) && (f.Row == "" || f.Row == e.Row) &&
		e.Attempt >= from && (f.Times <= 0 || e.Attempt-from < f.Times)
}

// SetFaults puts faults in place of those that were there. Attempts count on.
func (s *Simulator) SetFaults(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append([]Fault(nil), faults...)
}

// Heal ends all faults, those of the fault function with them, and makes reads
// show what is. Work that is due later is still done then.
func (s *Simulator) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.faults, s.choose = nil, nil
	s.set.lag, s.seen, s.lagging = 0, s.live, nil
}

const anyOp = "any"

// ParseFault reads the text form of a fault, in which a command line names it:
//
//	OPERATION[:ROW]=EFFECT[,from:N][,times:N][,delay:D]
//
// OPERATION is the name of a wire.Op or "any"; D is a duration such as 90s. A
// fault without times stays for all attempts.
func ParseFault(text string) (Fault, error) {
	var f Fault
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return f, fmt.Errorf("fault %s: no effect, want OPERATION[:ROW]=EFFECT", fleet.Quote(text))
	}
	op, row, _ := strings.Cut(text[:at], ":")
	f.Row = row
	var problems fleet.Problems
	problem := func(err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("fault %s: %w", fleet.Quote(text), err))
		}
	}
	problem(f.setOp(op))
	parts := strings.Split(text[at+1:], ",")
	problem(f.Effect.UnmarshalText([]byte(parts[0])))
	if parts[0] == "" {
		problem(fmt.Errorf("no effect, want %s", fleet.Alternatives(EffectNames())))
	}
	for _, part := range parts[1:] {
		problem(f.setPart(part))
	}
	if f.Delay == 0 && (effects[f.Effect].work == later || f.Effect == Slow || f.Effect == MadeFirst) {
		problem(fmt.Errorf("%s needs a delay, such as delay:90s", f.Effect))
	}
	if err := problems.Err(); err != nil {
		return Fault{}, err
	}
	return f, nil
}

func (f *Fault) setOp(name string) error {
	if name == anyOp {
		f.AnyOp = true
		return nil
	}
	names := []string{anyOp}
	for _, op := range wire.Ops() {
		if op.String() == name {
			f.Op = op
			return nil
		}
		names = append(names, op.String())
	}
	return fmt.Errorf("unknown operation %s, want %s", fleet.Quote(name), fleet.Alternatives(names))
}

func (f *Fault) setPart(part string) error {
	name, value, _ := strings.Cut(part, ":")
	var err error
	switch name {
	case "from":
		f.From, err = count(value)
	case "times":
		f.Times, err = count(value)
	case "delay":
		if f.Delay, err = time.ParseDuration(value); err != nil || f.Delay <= 0 {
			return fmt.Errorf("delay is %s, want a duration above 0 such as 90s", fleet.Quote(value))
		}
		return nil
	default:
		return fmt.Errorf("unknown setting %s, want from:N, times:N or delay:D", fleet.Quote(part))
	}
	if err != nil {
		return fmt.Errorf("%s is %s, want a number from 1", name, fleet.Quote(value))
	}
	return nil
}

func count(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && n < 1 {
		err = strconv.ErrRange
	}
	return n, err
}

// String is the form that ParseFault reads.
func (f Fault) String() string {
	var b strings.Builder
	if f.AnyOp {
		b.WriteString(anyOp)
	} else {
		b.WriteString(f.Op.String())
	}
	if f.Row != "" {
		b.WriteString(":" + f.Row)
	}
	b.WriteString("=" + f.Effect.String())
	if f.From > 0 {
		fmt.Fprintf(&b, ",from:%d", f.From)
	}
	if f.Times > 0 {
		fmt.Fprintf(&b, ",times:%d", f.Times)
	}
	if f.Delay > 0 {
		fmt.Fprintf(&b, ",delay:%s", f.Delay)
	}
	return b.String()
}
