package platform

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret holds a password or a token. Every way of printing it gives "***"; it
// is short-lived and never printed, but it is not erased from memory.
type Secret struct {
	reveal func() string // a closure: printing a struct shows an address at most
}

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{func() string { return text }} }

const masked = "***"

// Empty says whether there is nothing to hide.
func (s Secret) Empty() bool { return s.text() == "" }

// Reveal hands the text to a function that turns it into something that may be
// kept, such as a salted hash.
func (s Secret) Reveal(use func(text string)) { use(s.text()) }

func (s Secret) text() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Format prints "***" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// String is "***".
func (s Secret) String() string { return masked }

// GoString is "***".
func (s Secret) GoString() string { return masked }

// LogValue is "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText is "***", in JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
