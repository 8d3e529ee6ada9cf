package fleet

import (
	"fmt"
	"strings"
)

// words is a closed vocabulary: the text of each value is at its index, and an
// empty text is a value that prints as nothing.
type words struct {
	noun  string
	texts []string
}

func (w words) text(i int) string {
	if i < 0 || i >= len(w.texts) {
		return fmt.Sprintf("%s %d", w.noun, i)
	}
	return w.texts[i]
}

func (w words) parse(text string) (int, error) {
	for i, t := range w.texts {
		if t == text {
			return i, nil
		}
	}
	var named []string
	for _, t := range w.texts {
		if t != "" {
			named = append(named, t)
		}
	}
	return 0, fmt.Errorf("unknown %s %s, want %s%s", w.noun, Quote(text), Alternatives(named), Suggest(text, named))
}

// Alternatives prints choices for a person: "a, b or c".
func Alternatives(choices []string) string {
	if len(choices) < 2 {
		return strings.Join(choices, "")
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

var stateWords = words{"state", []string{"", "active", "pre-active", "suspended", "absent"}}

// State is the state that a row wants. The zero State is not managed.
type State uint8

// The wanted states.
const (
	StateUnmanaged State = iota
	StateActive
	StatePreActive // met by Pre-Active and by Hold
	StateSuspended
	StateAbsent
)

func (s State) String() string { return stateWords.text(int(s)) }

// MarshalText prints the state; an unmanaged one is empty.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state; empty is unmanaged.
func (s *State) UnmarshalText(text []byte) error {
	i, err := stateWords.parse(string(text))
	if err == nil {
		*s = State(i)
	}
	return err
}

var keyWords = words{"key", []string{"endpointName", "iccid"}}

func (k Key) String() string { return keyWords.text(int(k)) }

// MarshalText prints the key as the name of its field.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a key.
func (k *Key) UnmarshalText(text []byte) error {
	i, err := keyWords.parse(string(text))
	if err == nil {
		*k = Key(i)
	}
	return err
}

var orphanWords = words{"orphans policy", []string{"ignore", "report", "suspend", "delete"}}

func (o Orphans) String() string { return orphanWords.text(int(o)) }

// MarshalText prints the policy.
func (o Orphans) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a policy.
func (o *Orphans) UnmarshalText(text []byte) error {
	i, err := orphanWords.parse(string(text))
	if err == nil {
		*o = Orphans(i)
	}
	return err
}

var actionWords = words{"action", []string{"", "create", "modify", "link", "delink", "activate", "suspend", "resume", "delete"}}

// Action is the kind of a step: one change to one endpoint.
type Action uint8

// The actions.
const (
	NoAction Action = iota
	Create
	Modify
	Link
	Delink
	Activate
	Suspend
	Resume
	Delete
)

// Actions are all actions in the order in which they are printed.
var Actions = [...]Action{Create, Modify, Link, Delink, Activate, Suspend, Resume, Delete}

func (a Action) String() string { return actionWords.text(int(a)) }

// Hurts says whether an action may cut off a device: what does needs a number
// from a person, and a look at the endpoint right before.
func (a Action) Hurts() bool { return a == Delete || a == Delink || a == Suspend }

// MarshalText prints the action.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads an action.
func (a *Action) UnmarshalText(text []byte) error {
	i, err := actionWords.parse(string(text))
	if err == nil {
		*a = Action(i)
	}
	return err
}

var outcomeWords = words{"outcome", []string{"not-attempted", "unchanged", "done", "refused", "stale", "failed", "unknown"}}

// Outcome is what became of a row or of a step. The zero Outcome is
// NotAttempted, which is the safe thing to say of what nobody reached.
type Outcome uint8

// The outcomes.
const (
	NotAttempted Outcome = iota
	Unchanged
	Done
	Refused // the planner will not do it
	Stale   // the live endpoint changed since the plan
	Failed  // proved not applied
	Unknown // may or may not have been applied
)

// Outcomes are all outcomes, the worst first.
var Outcomes = [...]Outcome{Unknown, Failed, Stale, Refused, NotAttempted, Done, Unchanged}

func (o Outcome) String() string { return outcomeWords.text(int(o)) }

// MarshalText prints the outcome.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an outcome.
func (o *Outcome) UnmarshalText(text []byte) error {
	i, err := outcomeWords.parse(string(text))
	if err == nil {
		*o = Outcome(i)
	}
	return err
}

// Worse returns the worse of two outcomes by the order of Outcomes.
func Worse(a, b Outcome) Outcome {
	for _, o := range Outcomes {
		if a == o || b == o {
			return o
		}
	}
	return a
}

// Status is the state of a live endpoint as the platform names it.
type Status string

// The documented endpoint states. A status that is none of these is kept as
// the platform wrote it, and nothing that depends on it is done.
const (
	StatusPreActive Status = "Pre-Active"
	StatusActive    Status = "Active"
	StatusSuspended Status = "Suspended"
	StatusHold      Status = "Hold"
)

// Meets says whether a live status is what a state asks for.
func (s Status) Meets(want State) bool {
	switch want {
	case StateActive:
		return s == StatusActive
	case StatePreActive:
		return s == StatusPreActive || s == StatusHold
	case StateSuspended:
		return s == StatusSuspended
	}
	return want == StateUnmanaged
}

// SIMStatus is the state of a card as the platform names it.
type SIMStatus string

// The documented SIM states.
const (
	SIMReady     SIMStatus = "Ready To Activate"
	SIMPreActive SIMStatus = "Pre-Active"
	SIMActive    SIMStatus = "Active"
	SIMSuspended SIMStatus = "Suspended"
)

// ParseStatus reads a platform status in any letter case; an unknown one is
// kept as it is.
func ParseStatus(text string) Status {
	return foldTo(text, StatusPreActive, StatusActive, StatusSuspended, StatusHold)
}

// ParseSIMStatus reads a card's status in any letter case (the documents write
// both "Ready To Activate" and "Ready to Activate").
func ParseSIMStatus(text string) SIMStatus {
	return foldTo(text, SIMReady, SIMPreActive, SIMActive, SIMSuspended)
}

func foldTo[T ~string](text string, known ...T) T {
	for _, k := range known {
		if strings.EqualFold(text, string(k)) {
			return k
		}
	}
	return T(text)
}
