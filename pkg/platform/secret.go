package platform

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
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
// kept, such as a salted hash, or keeps it where nobody else can read it.
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

// tooShort is the length below which a secret is in too many words to be looked for.
const tooShort = 4

// Mask replaces the secret by "***" in a text from outside, also where it stands
// there in one of the forms into which programs turn what they are given.
func (s Secret) Mask(text string) string {
	plain := s.text()
	if len(plain) < tooShort {
		return text
	}
	for _, form := range forms(plain) {
		text = strings.ReplaceAll(text, form, masked)
	}
	return text
}

func forms(plain string) []string {
	data := []byte(plain)
	quoted, _ := json.Marshal(plain) // a text always marshals
	goQuoted := fmt.Sprintf("%+q", plain)
	return []string{
		plain, string(quoted[1 : len(quoted)-1]), goQuoted[1 : len(goQuoted)-1], url.QueryEscape(plain), url.PathEscape(plain),
		hex.EncodeToString(data), strings.ToUpper(hex.EncodeToString(data)),
		base64.RawStdEncoding.EncodeToString(data), base64.RawURLEncoding.EncodeToString(data), // the padded ones begin with them
	}
}
