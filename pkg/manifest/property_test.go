package manifest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
)

// same compares what was read but for where it stood.
var same = cmp.Options{cmpopts.IgnoreFields(fleet.Spec{}, "Origin", "Cells", "Policy", "Group"), cmpopts.EquateEmpty()}

// readText reads one file with a content.
func readText(name string, content []byte) (*fleet.Fleet, error) {
	dir, err := os.MkdirTemp("", "manifest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	f, _, err := Read([]string{path}, Options{})
	return f, err
}

// rewritten are the rows after they were written as a file of a kind and read.
func rewritten(f *fleet.Fleet, name string) (*fleet.Fleet, []byte, error) {
	var b bytes.Buffer
	err := WriteCSV(&b, f.Specs)
	if strings.HasSuffix(name, ".yaml") {
		b.Reset()
		err = WriteYAML(&b, f)
	}
	if err != nil {
		return nil, nil, err
	}
	again, err := readText(name, b.Bytes())
	return again, b.Bytes(), err
}

// anyText is a text that a file may hold in a field.
func anyText(unless func(string) bool) *rapid.Generator[string] {
	nasty := []rune("=+-@'\",;|:#{}[]&*!%<>~ \u00a0\u200b\u2028\u202e\ufeff＝＋－＠éüñ日🚀0179aznul\\/`?")
	letters := rapid.RuneFrom(nasty, unicode.Letter, unicode.Digit, unicode.Punct, unicode.Mark, unicode.Space)
	return rapid.StringOfN(letters, 1, 12, -1).Filter(func(s string) bool {
		return strings.TrimSpace(s) != "" && !hasControl(s) && strings.TrimSpace(s) != clearWord && !unless(s)
	})
}

func nothing(string) bool { return false }

func anyID(t *rapid.T, label string) string {
	if rapid.Bool().Draw(t, label+"?") {
		return ""
	}
	return strings.TrimSpace(anyText(nothing).Draw(t, label))
}

// anyList is a list of up to three values, as it is kept.
func anyList(t *rapid.T, label string) string {
	var parts []string
	for n := range rapid.IntRange(0, 3).Draw(t, label+" values") {
		text := strings.ReplaceAll(anyText(nothing).Draw(t, label), fleet.ListSeparator, "")
		parts = append(parts, strings.TrimSpace(fmt.Sprint(n, text)))
	}
	return strings.Join(parts, fleet.ListSeparator)
}

// anySpec is a row that Read accepts; n makes it unlike the others.
func anySpec(t *rapid.T, n int) fleet.Spec {
	s := fleet.Spec{State: rapid.SampledFrom([]fleet.State{0, fleet.StateActive, fleet.StatePreActive, fleet.StateSuspended, fleet.StateAbsent}).Draw(t, "state")}
	s.Name = anyText(nothing).Draw(t, "name") + fmt.Sprint("#", n)
	s.ServiceProfileID, s.APNGroupID = fleet.ID(anyID(t, "serviceProfileId")), fleet.ID(anyID(t, "apnGroupId"))
	s.Names.SIMProduct = anyID(t, "simProduct")
	s.AddonPlanIDs = fleet.ID(anyList(t, "addonPlanIds"))
	s.MonthlyLimit = rapid.StringMatching(`([0-9]{1,6}(\.[0-9]{1,3})?)?`).Draw(t, "monthlyLimit")
	if rapid.Bool().Draw(t, "roaming profile by name") {
		s.Names.RoamingProfile = anyList(t, "roamingProfile")
	} else {
		s.RoamingProfileID = fleet.ID(anyList(t, "roamingProfileId"))
	}
	if rapid.Bool().Draw(t, "plan by name") {
		s.Names.Plan = anyID(t, "plan")
	} else {
		s.PlanID = fleet.ID(anyID(t, "planId"))
	}
	if rapid.Bool().Draw(t, "with id") {
		s.ID = fleet.ID(fmt.Sprint(strings.TrimSpace(anyText(nothing).Draw(t, "id")), "#", n))
	}
	switch rapid.IntRange(0, 4).Draw(t, "sim") {
	case 0:
		s.ICCID = card(n)
	case 1:
		s.ClearSIM = s.State != fleet.StateActive && s.State != fleet.StateSuspended
	case 2:
		s.AutoSIM = true
	}
	if rapid.Bool().Draw(t, "renamed") {
		s.PreviousName = fmt.Sprint(anyText(nothing).Draw(t, "previous"), "old#", n)
	}
	s.Relink = !s.AutoSIM && rapid.Bool().Draw(t, "relink")
	return s
}

func anyFleet(t *rapid.T) *fleet.Fleet {
	f := &fleet.Fleet{}
	for n := range rapid.IntRange(1, 8).Draw(t, "rows") {
		f.Specs = append(f.Specs, anySpec(t, n))
	}
	return f
}

func TestWrittenFleetsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyFleet(t)
		for _, name := range []string{"a.csv", "a.yaml"} {
			got, text, err := rewritten(want, name)
			if err != nil {
				t.Fatalf("%s: got error %v, want none, for\n%s", name, err, text)
			}
			if diff := cmp.Diff(got.Specs, want.Specs, same); diff != "" {
				t.Fatalf("%s: rows, got - want +:\n%s\nof\n%s", name, diff, text)
			}
		}
	})
}

func TestPoliciesReadBack(t *testing.T) {
	want := &fleet.Fleet{
		Account: "acme", Protect: []fleet.Glob{"*", "m-?"}, Specs: []fleet.Spec{{Fields: fleet.Fields{ICCID: card(1)}, Key: fleet.ByICCID}},
		Policies: []fleet.Policy{{Scope: []fleet.Glob{"[a]*", "- x"}, Orphans: fleet.OrphansSuspend}},
	}
	got, text, err := rewritten(want, "a.yaml")
	if err != nil {
		t.Fatalf("got error %v, want none, for\n%s", err, text)
	}
	ignore := cmp.Options{same, cmpopts.IgnoreFields(fleet.Fleet{}, "Inputs"), cmpopts.IgnoreFields(fleet.Policy{}, "File")}
	if diff := cmp.Diff(got, want, ignore); diff != "" {
		t.Errorf("fleet, got - want +:\n%s\nof\n%s", diff, text)
	}
	if err := WriteYAML(&bytes.Buffer{}, &fleet.Fleet{Policies: make([]fleet.Policy, 2)}); err == nil {
		t.Error("got no error for two policies, want one")
	}
}

func TestWriteCSVColumns(t *testing.T) {
	var b bytes.Buffer
	specs := []fleet.Spec{
		{ID: "7", Fields: fleet.Fields{Name: "=m1", PlanID: "-1", ICCID: sim1}, State: fleet.StateActive},
		{Fields: fleet.Fields{Name: "m2"}, ClearSIM: true, PreviousName: "old"},
	}
	if err := WriteCSV(&b, specs); err != nil {
		t.Fatal(err)
	}
	want := "endpointId,endpointName,planId,serviceProfileId,apnGroupId,simProductId,iccid,state,previousName\n" +
		"7,'=m1,'-1,,,," + sim1 + ",active,\n" +
		",m2,,,,,!clear,,old\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.Reset()
	if err := WriteCSV(&b, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "endpointId,endpointName,planId,serviceProfileId,apnGroupId,simProductId,iccid,state\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRowOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFleet(t)
		if rapid.Bool().Draw(t, "with a clash") {
			twin := f.Specs[0]
			twin.ID, twin.PreviousName = "", ""
			f.Specs = append(f.Specs, twin)
		}
		shuffled := *f
		shuffled.Specs = rapid.Permutation(f.Specs).Draw(t, "order")
		got, _, err := rewritten(&shuffled, "a.csv")
		want, _, wantErr := rewritten(f, "a.csv")
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v in another order, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		byName := func(a, b fleet.Spec) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(got.Specs, byName)
		slices.SortFunc(want.Specs, byName)
		if diff := cmp.Diff(got.Specs, want.Specs, same); diff != "" {
			t.Fatalf("rows, other order - this order +:\n%s", diff)
		}
	})
}

// fuzzFile checks that a content panics nowhere, and that what is accepted is
// the same after it was written and read again.
func fuzzFile(t *testing.T, name, content string) {
	var opts Options
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := Read([]string{path}, opts)
	if err != nil {
		return
	}
	for _, name := range []string{"again.csv", "again.yaml"} {
		if name == "again.csv" && f.Specs[0].Key == fleet.ByICCID {
			continue
		}
		again, text, err := rewritten(f, name)
		if err != nil {
			t.Fatalf("got error %v, want %q accepted again as\n%s", err, content, text)
		}
		if diff := cmp.Diff(again.Specs, f.Specs, same); diff != "" {
			t.Fatalf("rows, again - first +:\n%s\nof %q", diff, content)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, c := range damaged {
		if len(c.text) < 1000 {
			f.Add(c.text)
		}
	}
	f.Add("endpointName;iccid;state;_x\r\n'=a;" + sim1 + ";active;\"\r\n\"\r\n")
	f.Fuzz(func(t *testing.T, content string) { fuzzFile(t, "a.csv", content) })
}

func FuzzYAML(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("got %d files and error %v, want some", len(paths), err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	f.Add(manifestText)
	f.Fuzz(func(t *testing.T, content string) { fuzzFile(t, "a.yaml", content) })
}
