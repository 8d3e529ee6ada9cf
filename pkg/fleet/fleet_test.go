package fleet

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestParseICCID(t *testing.T) {
	tests := []struct {
		text string
		want ICCID
		says string // empty when it is good
	}{
		{"8932042000001234562", "8932042000001234562", ""},
		{" 8932 0420-0000 1234-562 ", "8932042000001234562", ""},
		{"8932042000001234562F", "8932042000001234562", ""},
		{"8932042000001234562f", "8932042000001234562", ""},
		{`="8932042000001234562"`, "8932042000001234562", ""},
		{"'8932042000001234562", "8932042000001234562", ""},
		{"89320420000012345621", "89320420000012345621", "fails its check digit"},
		{string(WithCheckDigit("8932042000001234562")), WithCheckDigit("8932042000001234562"), ""},
		{"8932042000001234563", "8932042000001234563", "fails its check digit: got 3, want 2"},
		{"8932042000001230000", "8932042000001230000", "only zeros after its 15th digit"},
		{"893204200000123", "", "has 15 digits, want 19 or 20"},
		{"893204200000123456200", "", "has 21 digits"},
		{"8.93204E+18", "", "scientific notation"},
		{"8,93E18", "", "scientific notation"},
		{"8932042000001234562.0", "", "decimal fraction"},
		{"8932042000001234562,0", "", "decimal fraction"},
		{"893204200000123456x", "", "is not 19 or 20 digits"},
		{"٨٩٣٢٠٤٢٠٠٠٠٠١٢٣٤٥٦٢", "", "is not 19 or 20 digits"},
		{"", "", "is not 19 or 20 digits|has 0 digits"},
		{"F", "", "has 0 digits"},
		{"-1", "", "has 1 digits"},
	}
	for _, tt := range tests {
		got, err := ParseICCID(tt.text)
		var problem *ICCIDProblem
		if got != tt.want || (err == nil) != (tt.says == "") {
			t.Errorf("%q: got %q, %v, want %q and %q", tt.text, got, err, tt.want, tt.says)
			continue
		}
		if err == nil {
			continue
		}
		said := false
		for _, says := range strings.Split(tt.says, "|") {
			said = said || strings.Contains(err.Error(), says)
		}
		if !said || !errors.As(err, &problem) || problem.Sum != (tt.want != "") ||
			problem.Spreadsheet != regexp.MustCompile("zeros|scientific|fraction").MatchString(tt.says) {
			t.Errorf("%q: got %v, want it to say %q", tt.text, err, tt.says)
		}
	}
}

// A number with its check digit is good, and any one digit changed makes it bad.
func TestEveryWrongDigitShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`89[0-9]{16}[1-9]?`).Draw(t, "body")
		iccid := string(WithCheckDigit(body))
		if strings.Trim(iccid[15:], "0") == "" {
			return
		}
		if got, err := ParseICCID(iccid); err != nil || string(got) != iccid {
			t.Fatalf("got %q, %v, want %s", got, err, iccid)
		}
		at := rapid.IntRange(0, len(iccid)-1).Draw(t, "at")
		digit := rapid.SampledFrom([]byte("0123456789")).Draw(t, "digit")
		wrong := iccid[:at] + string(digit) + iccid[at+1:]
		if _, err := ParseICCID(wrong); wrong != iccid && err == nil {
			t.Fatalf("%s passes in the place of %s", wrong, iccid)
		}
	})
}

func TestTheTwoLengthsOfOneCard(t *testing.T) {
	short := ICCID("8932042000001234562")
	long := WithCheckDigit(string(short))
	if !short.Equal(long) || !long.Equal(short) || short.Key() != long.Key() {
		t.Errorf("%s and %s are one card", short, long)
	}
	if short.Equal("8932042000001234570") || ICCID("").Equal(short) {
		t.Error("two cards are taken for one")
	}
}

func TestTextForms(t *testing.T) {
	for _, text := range []string{"", "active", "pre-active", "suspended", "absent"} {
		var s State
		if err := s.UnmarshalText([]byte(text)); err != nil || s.String() != text {
			t.Errorf("%q: got %q, %v", text, s, err)
		}
	}
	var s State
	if err := s.UnmarshalText([]byte("actve")); err == nil || err.Error() != `unknown state "actve", want active, pre-active, suspended or absent; did you mean "active"?` {
		t.Errorf("got %v", err)
	}
	for _, o := range Outcomes {
		var got Outcome
		if err := got.UnmarshalText([]byte(o.String())); err != nil || got != o {
			t.Errorf("%s: got %s, %v", o, got, err)
		}
	}
	for _, a := range Actions {
		var got Action
		if err := got.UnmarshalText([]byte(a.String())); err != nil || got != a {
			t.Errorf("%s: got %s, %v", a, got, err)
		}
	}
	set := Fieldset(FieldName, FieldICCID)
	data, err := json.Marshal(set)
	var back FieldSet
	if err != nil || string(data) != `"endpointName,iccid"` || json.Unmarshal(data, &back) != nil || back != set {
		t.Errorf("got %s, %v", data, err)
	}
	if err := back.UnmarshalText([]byte("iccid,colour")); err == nil {
		t.Error("colour is no field")
	}
}

func TestTheWorstOutcome(t *testing.T) {
	order := []Outcome{Unknown, Failed, Stale, Refused, NotAttempted, Done, Unchanged}
	for i, a := range order {
		for j, b := range order {
			if got := Worse(a, b); got != order[min(i, j)] {
				t.Errorf("%s and %s: got %s, want %s", a, b, got, order[min(i, j)])
			}
		}
	}
	var nobodyReached struct{ Outcome Outcome }
	if nobodyReached.Outcome != NotAttempted {
		t.Error("what nobody reached is not-attempted")
	}
}

func TestStatuses(t *testing.T) {
	for text, want := range map[string]Status{"pre-active": StatusPreActive, "HOLD": StatusHold, "Active": StatusActive, "Active-Test": "Active-Test"} {
		if got := ParseStatus(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := ParseSIMStatus("Ready to Activate"); got != SIMReady {
		t.Errorf("got %s", got)
	}
	if !StatusHold.Meets(StatePreActive) || StatusHold.Meets(StateActive) || !Status("x").Meets(StateUnmanaged) || StatusActive.Meets(StateAbsent) {
		t.Error("a status meets the wrong state")
	}
}

func TestGlobs(t *testing.T) {
	tests := []struct {
		glob Glob
		name string
		want bool
	}{
		{"meter-*", "meter-1", true}, {"meter-*", "meter-", true}, {"meter-*", "xmeter-1", false}, {"*", "", true}, {"", "", true}, {"", "a", false},
		{"m?", "ma", true}, {"m?", "m", false}, {"m?", "mü", true}, {"*-hospital-*", "a-hospital-b", true}, {"a*b*c", "axxbxxc", true}, {"a*b*c", "axxbxx", false},
		{"Zu\u0308rich*", "Zürich-1", true}, {"meter-*", " meter-1 ", true}, {"METER-*", "meter-1", false}, {"[a]", "a", false},
		{Glob(strings.Repeat("a*", 40) + "b"), strings.Repeat("a", 400), false},
	}
	for _, tt := range tests {
		if got := tt.glob.Match(tt.name); got != tt.want {
			t.Errorf("%s on %q: got %t", tt.glob, tt.name, got)
		}
	}
}

// Overlap agrees with trying names.
func TestOverlap(t *testing.T) {
	globs := rapid.Custom(func(t *rapid.T) Glob { return Glob(rapid.StringMatching(`[ab*?]{0,5}`).Draw(t, "glob")) })
	rapid.Check(t, func(t *rapid.T) {
		a, b := globs.Draw(t, "a"), globs.Draw(t, "b")
		name := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "name")
		if a.Match(name) && b.Match(name) && !a.Overlap(b) {
			t.Fatalf("%s and %s both fit %q, and do not overlap", a, b, name)
		}
		if a.Overlap(b) != b.Overlap(a) {
			t.Fatalf("%s and %s overlap one way only", a, b)
		}
	})
	for _, tt := range []struct {
		a, b Glob
		want bool
	}{{"meter-*", "meter-1", true}, {"meter-*", "gate-*", false}, {"a*", "*b", true}, {"a?", "ab*", true}, {"?", "aa", false}, {"*", "x", true}} {
		if got := tt.a.Overlap(tt.b); got != tt.want {
			t.Errorf("%s and %s: got %t", tt.a, tt.b, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "Zürich": "Zürich", "a\x1b[2Kb": `a\x1b[2Kb`, "a\u202eb": `a\u202eb`, "a\u200bb": `a\u200bb`, "a\nb": `a\nb`,
		"\xff": `\xff`, "\ufeffa": `\ufeffa`, "a\u2028b": `a\u2028b`, "\U000e0041": `\U000e0041`, "\u00a0": `\u00a0`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range Printable(rapid.String().Draw(t, "text")) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%U got through", r)
			}
		}
	})
	if got := Quote(strings.Repeat("x", 100)); len(got) > 70 {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestErrorKinds(t *testing.T) {
	base := errors.New("what happened")
	err := Kind(ErrGuard, base)
	if err.Error() != "what happened" || !errors.Is(err, ErrGuard) || !errors.Is(err, base) || errors.Is(err, ErrPlan) {
		t.Errorf("got %v", err)
	}
	if Kind(ErrGuard, nil) != nil || (Problems{}).Err() != nil {
		t.Error("nothing is no error")
	}
	problems := Problems{base, errors.New("more")}
	if err := problems.Err(); !errors.Is(err, ErrInvalid) || !errors.Is(err, base) || err.Error() != "what happened\nmore" {
		t.Errorf("got %v", err)
	}
}

func TestNearWordsAreSuggested(t *testing.T) {
	plans := []string{"IoT Global", "IoT Basic", "IoT Plus", "", strings.Repeat("x", 100)}
	for word, want := range map[string]string{"iot-plus": `; did you mean "IoT Plus"?`, "IoT Basci": `; did you mean "IoT Basic"?`, "Gold": "", "": "", strings.Repeat("x", 99): ""} {
		if got := Suggest(word, plans); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if got := Nearest("IoT Plsu", plans); !slices.Equal(got[:2], []string{"IoT Plus", "IoT Basic"}) || len(got) != len(plans) {
		t.Errorf("got %q", got)
	}
	if got := Nearest("", plans); !slices.Equal(got, plans) {
		t.Errorf("nothing is near to everything: got %q", got)
	}
	for _, name := range ListNames() {
		var l List
		if err := l.UnmarshalText([]byte(name)); err != nil || l.String() != name {
			t.Errorf("%s: got %s, %v", name, l, err)
		}
	}
}

func TestSame(t *testing.T) {
	tests := []struct {
		field Field
		a, b  string
		want  bool
	}{
		{FieldName, " m\u00fc ", "mu\u0308", true},
		{FieldName, "m", "M", false},
		{FieldPlan, "1|2", "2|1", false},
		{FieldPlan, "5", "5.0", false},
		{FieldRoamingProfile, "1201|1202", "1202|1201", true},
		{FieldRoamingProfile, "1201|1202", "1201", false},
		{FieldRoamingProfile, "1201|1202", "1201|1203", false},
		{FieldRoamingProfile, "1201", "", false},
		{FieldAddonPlans, "3|1|2", "2|3|1", true},
		{FieldAddonPlans, "1|1|2", "1|2|2", false},
		{FieldMonthlyLimit, "5", "5.00", true},
		{FieldMonthlyLimit, "0.50", ".5", true},
		{FieldMonthlyLimit, "0", "0.0", true},
		{FieldMonthlyLimit, "50", "5", false},
		{FieldMonthlyLimit, "0", "", false},
	}
	for _, tt := range tests {
		if got := tt.field.Same(tt.a, tt.b); got != tt.want || tt.field.Same(tt.b, tt.a) != tt.want {
			t.Errorf("%s: %q and %q: got %t, want %t, both ways round", tt.field, tt.a, tt.b, got, tt.want)
		}
	}
}

// Every field is carried by Get and Set, and by its own only.
func TestFieldsCarryEveryField(t *testing.T) {
	for _, field := range AllFields {
		var f Fields
		f.Set(field, "x")
		if want := Fieldset(field) &^ Fieldset(FieldStatus); f.Given() != want || f.Only(Fieldset(field)) != f {
			t.Errorf("%s: got %s given, want %s", field, f.Given(), want)
		}
	}
}
