package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sftctl/pkg/fleet"
)

// finding is a problem of a row whose place is not looked up yet.
type finding struct {
	row, line       int   // of its source
	field           field // noField for the row itself
	what, got, want string
	word            string   // what might have been meant to be one of
	choices         []string // these
	warn            bool
}

// context is what holds for all rows of one source.
type context struct {
	key    fleet.Key
	policy int
	layers *layers
	check  Check
}

// identity is how a row is recognised.
type identity struct{ name, iccid string }

// examiner checks rows, one after another, and gathers what it finds.
type examiner struct {
	context
	row, line int
	findings  []finding
}

func (e *examiner) found(f field, what, got, want string) {
	e.findings = append(e.findings, finding{row: e.row, line: e.line, field: f, what: what, got: got, want: want})
}

// mistaken is found of a word that is none of the choices. Which one is near
// to it is worked out when the problem is told.
func (e *examiner) mistaken(f field, what, word, want string, choices []string) {
	e.findings = append(e.findings, finding{row: e.row, line: e.line, field: f, what: what, want: want, word: word, choices: choices})
}

// examine checks a row and lays it over what is under it.
func (e *examiner) examine(r *row) (fleet.Spec, identity) {
	number := e.clean(r)
	e.checkGroup(r)
	e.checkIdentity(r)
	all := r
	if base := e.layers.under(r.Group); base != nil {
		laid := lay(base, *r)
		all = &laid
	}
	s := all.spec()
	s.ICCID, s.Key, s.Policy, s.Origin.Line = number, e.key, e.policy, e.line
	if s.ClearSIM && (s.State == fleet.StateActive || s.State == fleet.StateSuspended) {
		e.found(iccid, "an endpoint without a SIM cannot be "+s.State.String(), fleet.Quote(clearWord),
			"another state, or the iccid of the SIM to use instead")
	}
	e.checkAuto(s)
	id := identity{iccid: number.Key()}
	if s.Name != "" {
		id.name = fleet.NameKey(s.Name)
	}
	return s, id
}

// checkAuto refuses what does not go together with a SIM from stock. With state
// absent it says nothing, like the number of a SIM.
func (e *examiner) checkAuto(s fleet.Spec) {
	switch {
	case !s.AutoSIM:
	case e.key == fleet.ByICCID:
		e.found(iccid, "the rows of this file are known by their iccid, and a SIM from stock has none yet", fleet.Quote(autoWord), "the iccid of a SIM, or key endpointName")
	case s.Relink:
		e.found(iccid, "relink takes the SIM of another endpoint, and a SIM from stock is a free one", fleet.Quote(autoWord), "the iccid of the SIM to take, or relink false")
	}
}

// clean trims what is compared as text, and empties what is wrong, so that no
// mistake is told twice.
func (e *examiner) clean(r *row) fleet.ICCID {
	for f := range fieldCount {
		if text := r.at(f); *text != "" {
			e.cleanField(f, text)
		}
	}
	for _, t := range twins {
		if byID, byName := r.at(t[0]), r.at(t[1]); *byID != "" && *byName != "" {
			e.found(t[1], t[0].String()+" and "+t[1].String()+" are both given",
				fleet.Quote(*byID)+" and "+fleet.Quote(*byName), "one of them")
			*byName = ""
		}
	}
	return e.cardNumber(r)
}

func (e *examiner) cleanField(f field, text *string) {
	if f == endpointName || f == previousName {
		e.cleanName(f, text)
		return
	}
	*text = strings.TrimSpace(*text)
	switch {
	case f == iccid || *text == "":
	case hasControl(*text):
		e.found(f, f.String()+" has a control character", fleet.Quote(*text), "text that can be printed")
		*text = ""
	case *text == clearWord:
		e.found(f, "only iccid can be cleared, not "+f.String(), fleet.Quote(clearWord), "a value; leave it out to leave it alone")
		*text = ""
	case f == state:
		e.cleanState(text)
	case f == relink:
		e.cleanRelink(text)
	case f == monthlyLimit:
		e.cleanLimit(text)
	case f.isList():
		e.cleanList(f, text)
	}
}

func (e *examiner) cleanName(f field, text *string) {
	switch {
	case *text == brokenName:
	case strings.TrimSpace(*text) == "":
		e.found(f, f.String()+" is only white space", fleet.Quote(*text), "a name")
	case strings.TrimSpace(*text) == "-":
		e.found(f, f.String()+" is what the platform writes where there is no name", fleet.Quote(*text), "another name")
	case hasControl(*text):
		e.found(f, f.String()+" has a control character", fleet.Quote(*text), "text that can be printed")
	case strings.TrimSpace(*text) == clearWord:
		e.found(f, "only iccid can be cleared, not "+f.String(), fleet.Quote(clearWord), "a name")
	default:
		return
	}
	*text = brokenName
}

// brokenName stands for a name that was complained about: it is given, but is
// nobody's name. No file can hold it, as it is no UTF-8.
const brokenName = "\xff"

func hasControl(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return strings.IndexFunc(text, unicode.IsControl) >= 0
		}
	}
	return false
}

func (e *examiner) cleanState(text *string) {
	if s, ok := stateOf(*text); ok {
		*text = s.String()
		return
	}
	e.mistaken(state, "unknown state", *text, stateWords, stateNames)
	*text = ""
}

func (e *examiner) cleanRelink(text *string) {
	switch lower := strings.ToLower(*text); lower {
	case "true", "false":
		*text = lower
	default:
		e.found(relink, "relink is not understood", fleet.Quote(*text), "true or false")
		*text = ""
	}
}

// A monthly limit is a plain number. How much the platform takes and in what unit
// is not documented, so it is only bounded where no limit can be meant.
const mostLimitDigits = 15

var plainNumber = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

func (e *examiner) cleanLimit(text *string) {
	if plainNumber.MatchString(*text) && len(*text) <= mostLimitDigits {
		return
	}
	e.found(monthlyLimit, "monthlyLimit is no plain number", fleet.Quote(*text),
		fmt.Sprintf("digits, with a point before decimals, such as 50 or 12.5, at most %d characters", mostLimitDigits))
	*text = ""
}

// cleanList trims the values of a list.
func (e *examiner) cleanList(f field, text *string) {
	parts := fleet.SplitList(*text)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
		switch {
		case parts[i] == "":
			e.found(f, "a value in "+f.String()+" is empty", fleet.Quote(*text), "one value, or several with one "+fleet.ListSeparator+" between two")
		case slices.Contains(parts[:i], parts[i]):
			e.found(f, "a value in "+f.String()+" is there twice", fleet.Quote(parts[i])+" in "+fleet.Quote(*text), "it once")
		case parts[i] == clearWord:
			e.found(f, "only iccid can be cleared, not "+f.String(), fleet.Quote(*text), "values; leave it out to leave it alone")
		default:
			continue
		}
		*text = ""
		return
	}
	*text = strings.Join(parts, fleet.ListSeparator)
}

// cardNumber reads a row's iccid and leaves nothing of it but the wish to
// clear, or for any SIM.
func (e *examiner) cardNumber(r *row) fleet.ICCID {
	text := r.ICCID
	if text == "" || text == clearWord {
		return ""
	}
	if strings.EqualFold(text, autoWord) {
		r.ICCID = autoWord
		return ""
	}
	number, err := fleet.ParseICCID(text)
	if err == nil {
		return number
	}
	var problem *fleet.ICCIDProblem
	lowered := errors.As(err, &problem) && problem.Sum && e.check == Warn
	e.findings = append(e.findings, finding{row: e.row, line: e.line, field: iccid, what: err.Error(), warn: lowered})
	return number
}

func (e *examiner) checkGroup(r *row) {
	if r.Group == "" || e.layers.groups[r.Group] != nil {
		return
	}
	want := "a group that the file declares under groups"
	if len(e.layers.names) == 0 {
		want = "no group, as the file declares none"
	}
	e.mistaken(group, "the group is not declared", r.Group, want, e.layers.names)
}

func (e *examiner) checkIdentity(r *row) {
	key := keyField(e.key)
	if r.EndpointID != "" || *r.at(key) != "" && (key != iccid || r.ICCID != clearWord) {
		return
	}
	got := "nothing"
	if key == iccid && r.ICCID == clearWord {
		got = fleet.Quote(clearWord)
	}
	e.found(key, "the row has no "+key.String(), got, key.String()+" or endpointId, to say which endpoint is meant")
}

func keyField(k fleet.Key) field {
	if k == fleet.ByICCID {
		return iccid
	}
	return endpointName
}

// different shows two texts that look the same, so that a person sees what is
// different.
func different(a, b string) (string, string) {
	if a == b || fleet.Printable(a) != fleet.Printable(b) && fleet.NameKey(a) != fleet.NameKey(b) {
		return fleet.Quote(a), fleet.Quote(b)
	}
	return strconv.QuoteToASCII(a), strconv.QuoteToASCII(b)
}
