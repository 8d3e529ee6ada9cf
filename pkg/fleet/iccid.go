package fleet

import (
	"fmt"
	"regexp"
	"strings"
)

// ICCID is the number of a SIM card: 19 or 20 digits, kept as text because a
// number type would lose the last of them.
type ICCID string

// ICCIDProblem is what ParseICCID finds wrong. Sum is true when only the check
// digit, or the trace of a spreadsheet in otherwise plain digits, is wrong: a
// caller may lower that to a warning, and the ICCID returned beside it is good
// to use then. Spreadsheet is true when a spreadsheet damaged the number.
type ICCIDProblem struct {
	Text        string
	What        string
	Sum         bool
	Spreadsheet bool
}

func (p *ICCIDProblem) Error() string {
	return fmt.Sprintf("iccid %s %s", Quote(p.Text), p.What)
}

const importAsText = "a spreadsheet did this: take the number from the source again and import the column as text"

var scientific = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+$`)

// ParseICCID reads a card number as people write it: spaces and dashes, the
// padding F at the end, a leading apostrophe and the form ="8932…" are
// dropped. Damage is named, never repaired; the error is an *ICCIDProblem.
func ParseICCID(text string) (ICCID, error) {
	digits := strings.TrimSpace(text)
	if (len(digits) == 19 || len(digits) == 20) && allDigits(digits) {
		return checkSum(text, ICCID(digits)) // nothing to drop, as nearly always
	}
	digits = strings.TrimPrefix(digits, "'")
	if inner, ok := strings.CutPrefix(digits, `="`); ok {
		digits = strings.TrimSuffix(inner, `"`)
	}
	if scientific.MatchString(digits) {
		return "", &ICCIDProblem{Text: text, Spreadsheet: true, What: "is in scientific notation, want 19 or 20 digits; " + importAsText}
	}
	if strings.HasSuffix(digits, ".0") || strings.HasSuffix(digits, ",0") {
		return "", &ICCIDProblem{Text: text, Spreadsheet: true, What: "ends in a decimal fraction, want 19 or 20 digits; " + importAsText}
	}
	digits = strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(digits)
	if len(digits) > 0 && (digits[len(digits)-1] == 'F' || digits[len(digits)-1] == 'f') {
		digits = digits[:len(digits)-1]
	}
	if !allDigits(digits) {
		return "", &ICCIDProblem{Text: text, What: "is not 19 or 20 digits"}
	}
	if len(digits) != 19 && len(digits) != 20 {
		return "", &ICCIDProblem{Text: text, What: fmt.Sprintf("has %d digits, want 19 or 20", len(digits))}
	}
	return checkSum(text, ICCID(digits))
}

func checkSum(text string, c ICCID) (ICCID, error) {
	if strings.Trim(string(c[15:]), "0") == "" {
		return c, &ICCIDProblem{Text: text, Sum: true, Spreadsheet: true, What: "has only zeros after its 15th digit; " + importAsText}
	}
	if want := luhn(string(c[:len(c)-1])); c[len(c)-1] != want {
		return c, &ICCIDProblem{Text: text, Sum: true,
			What: fmt.Sprintf("fails its check digit: got %c, want %c", c[len(c)-1], want)}
	}
	return c, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// luhn returns the check digit to put after a run of digits.
func luhn(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// WithCheckDigit returns the number that a run of digits becomes when its Luhn
// digit is put after it.
func WithCheckDigit(digits string) ICCID { return ICCID(digits + string(luhn(digits))) }

// Key is the form in which card numbers are compared: two are equal if one is
// the other plus its Luhn digit, so a 20-digit number whose last digit checks
// is known by its first 19.
func (c ICCID) Key() string {
	if len(c) == 20 && allDigits(string(c)) && c[19] == luhn(string(c[:19])) {
		return string(c[:19])
	}
	return string(c)
}

// Equal says whether two numbers are of one card.
func (c ICCID) Equal(d ICCID) bool { return c == d || c.Key() == d.Key() }
