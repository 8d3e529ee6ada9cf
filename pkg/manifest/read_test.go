package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sftctl/pkg/fleet"
)

const (
	sim1 = "8932042000001234562"
	sim2 = "8932042000001234570"
)

func TestAcceptedCSV(t *testing.T) {
	m1 := fleet.Spec{Fields: fleet.Fields{Name: "m1", PlanID: "0010", ICCID: sim1}, State: fleet.StateActive}
	named := func(name string) fleet.Spec { return fleet.Spec{Fields: fleet.Fields{Name: name}} }
	tests := []struct {
		name, text string
		want       []fleet.Spec
	}{
		{"plain", "endpointName,planId,iccid,state\nm1,0010," + sim1 + ",active\n", []fleet.Spec{m1}},
		{"other order and case", "STATE,ICCID,endpointname,PlanID\nactive," + sim1 + ",m1,0010\n", []fleet.Spec{m1}},
		{"mark", "\ufeffendpointName,planId,iccid,state\nm1,0010," + sim1 + ",active\n", []fleet.Spec{m1}},
		{"mark and quotes", "\ufeff\"endpointName\",planId,iccid,state\nm1,0010," + sim1 + ",active\n", []fleet.Spec{m1}},
		{"CR LF, no last line end", "endpointName,planId,iccid,state\r\nm1,0010," + sim1 + ",active", []fleet.Spec{m1}},
		{"semicolons", "endpointName;planId;iccid;state\nm1;0010;" + sim1 + ";active\n", []fleet.Spec{m1}},
		{"tabs", "endpointName\tplanId\ticcid\tstate\nm1\t0010\t" + sim1 + "\tactive\n", []fleet.Spec{m1}},
		{"bars", "endpointName|planId|iccid|state\nm1|0010|" + sim1 + "|active\n", []fleet.Spec{m1}},
		{"previous name is its own", "endpointName,previousName\nm1,m1\n", []fleet.Spec{{Fields: fleet.Fields{Name: "m1"}, PreviousName: "m1"}}},
		{"commas inside a header cell", "endpointName;planId;iccid;state;_a,b,c,d,e,f\nm1;0010;" + sim1 + ";active;x\n", []fleet.Spec{m1}},
		{"spaces in the header", "endpointName ,\u00a0planId\u00a0, iccid,state\u00a0\nm1,0010," + sim1 + ",active\n", []fleet.Spec{m1}},
		{"spaces in cells", "endpointName,planId,iccid,state\nm1, 0010 , " + sim1 + "\u00a0, active\n", []fleet.Spec{m1}},
		{"blank lines", "\n\r\nendpointName,planId,iccid,state\n\n   \nm1,0010," + sim1 + ",active\n\n", []fleet.Spec{m1}},
		{"ignored columns", "_x,endpointName,planId,_x,iccid,state,_\n=1,m1,0010,\"a\nb\"," + sim1 + ",active,\n", []fleet.Spec{m1}},
		{"card as a formula", "endpointName,planId,iccid,state\nm1,0010,\"=\"\"" + sim1 + "\"\"\",active\n", []fleet.Spec{m1}},
		{"card with an apostrophe", "endpointName,planId,iccid,state\nm1,0010,'" + sim1 + ",active\n", []fleet.Spec{m1}},
		{"card with dashes and F", "endpointName,planId,iccid,state\nm1,0010,89320420-0000123 4562F,active\n", []fleet.Spec{m1}},
		{"escaped names", "endpointName\n'=1\n''=1\n'1\n'＋1\n=2\n", []fleet.Spec{named("=1"), named("'=1"), named("'1"), named("＋1"), named("=2")}},
		{"names as written", "endpointName\n a \nZu\u0308rich\n\"a\"\"b\"\n", []fleet.Spec{named(" a "), named("Zu\u0308rich"), named(`a"b`)}},
		{"by id", "endpointId,state\n 12 ,absent\n", []fleet.Spec{{ID: "12", State: fleet.StateAbsent}}},
		{"clear", "endpointName,iccid\nm1,!clear\n", []fleet.Spec{{Fields: fleet.Fields{Name: "m1"}, ClearSIM: true}}},
		{"any SIM from stock", "endpointName,iccid,state\nm1,auto,\nm2, Auto ,active\nm3,AUTO,absent\n", []fleet.Spec{
			{Fields: fleet.Fields{Name: "m1"}, AutoSIM: true}, {Fields: fleet.Fields{Name: "m2"}, AutoSIM: true, State: fleet.StateActive},
			{Fields: fleet.Fields{Name: "m3"}, AutoSIM: true, State: fleet.StateAbsent}}},
		{"states as the platform and a spreadsheet write them", "endpointName,state\nm1,Active\nm2, Pre-Active \nm3,SUSPENDED\nm4,aBsEnT\u00a0\nm5,  \n", []fleet.Spec{
			{Fields: fleet.Fields{Name: "m1"}, State: fleet.StateActive}, {Fields: fleet.Fields{Name: "m2"}, State: fleet.StatePreActive},
			{Fields: fleet.Fields{Name: "m3"}, State: fleet.StateSuspended}, {Fields: fleet.Fields{Name: "m4"}, State: fleet.StateAbsent}, named("m5")}},
		{"relink as a spreadsheet writes it", "endpointName,iccid,relink\nm1," + sim1 + ",TRUE\n",
			[]fleet.Spec{{Fields: fleet.Fields{Name: "m1", ICCID: sim1}, Relink: true}}},
		{"names instead of ids", "endpointName,plan,serviceProfile,apnGroup,simProduct,previousName\nm1,Gold,S,A,P,old\n",
			[]fleet.Spec{{Fields: fleet.Fields{Name: "m1"}, PreviousName: "old",
				Names: fleet.Names{Plan: "Gold", ServiceProfile: "S", APNGroup: "A", SIMProduct: "P"}}}},
		{"roaming profiles, limit and add-ons", "endpointName,roamingProfileId,monthlyLimit,addonPlanIds\nm1, 1201 | 1202 ,12.50,100300|100400\n",
			[]fleet.Spec{{Fields: fleet.Fields{Name: "m1", RoamingProfileID: "1201|1202", MonthlyLimit: "12.50", AddonPlanIDs: "100300|100400"}}}},
		{"roaming profiles by name", "EndpointName,RoamingProfile\nm1,DEFAULT| Western Europe\n",
			[]fleet.Spec{{Fields: fleet.Fields{Name: "m1"}, Names: fleet.Names{RoamingProfile: "DEFAULT|Western Europe"}}}},
		{"card given up and taken", "endpointName,iccid,state\nm1," + sim1 + ",absent\nm2," + sim1 + ",\n", []fleet.Spec{
			{Fields: fleet.Fields{Name: "m1", ICCID: sim1}, State: fleet.StateAbsent}, {Fields: fleet.Fields{Name: "m2", ICCID: sim1}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustRead(t, "a.csv", test.text).Specs
			if diff := cmp.Diff(got, test.want, cmpopts.IgnoreFields(fleet.Spec{}, "Origin", "Cells"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("rows, got - want +:\n%s", diff)
			}
		})
	}
}

const manifestText = `# a fleet
apiVersion: sftctl/v1
kind: Fleet
account: acme-iot
scope: ["meter-*"]
orphans: report
protect: ["meter-hospital-*"]
defaults: {planId: 0012, serviceProfile: Std, state: active, relink: true}
groups:
  spare: {state: pre-active, plan: Gold}
  empty: {}
endpoints:
  - {endpointName: m1, iccid: 8932042000001234562}
  - {endpointName: m2, group: spare, relink: false}
  - {endpointName: m3, group: empty, planId: 1.10, serviceProfileId: "7"}
  - {endpointName: m4, group: spare, planId: 13, state: ""}
  - {endpointName: m5, iccid: !clear , state: pre-active}
  - {endpointName: m6, state: absent}
`

// The words for states are taken in any letter case wherever a manifest says one.
func TestStatesInAnyLetterCase(t *testing.T) {
	dir := write(t, "sites.csv", "site,status\nm1,Active\nm2,ABSENT\n")
	text := "apiVersion: sftctl/v1\nkind: Fleet\ndefaults: {state: Pre-Active}\ngroups: {on: {state: ' ACTIVE '}}\n" +
		"include:\n  - {file: sites.csv, columns: {endpointName: '{{site}}', state: ' {{status}}'}}\n" +
		"endpoints: [{endpointName: m3}, {endpointName: m4, group: on}, {endpointName: m5, state: Suspended}]\n"
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, problems := readIn(dir, Options{}, "a.yaml")
	if f == nil {
		t.Fatal(problems)
	}
	got := map[string]fleet.State{}
	for _, s := range f.Specs {
		got[s.Name] = s.State
	}
	want := map[string]fleet.State{"m1": fleet.StateActive, "m2": fleet.StateAbsent, "m3": fleet.StatePreActive, "m4": fleet.StateActive, "m5": fleet.StateSuspended}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLayers(t *testing.T) {
	f := mustRead(t, "fleet.yaml", manifestText)
	std := fleet.Names{ServiceProfile: "Std"}
	want := []fleet.Spec{
		{Fields: fleet.Fields{Name: "m1", PlanID: "0012", ICCID: sim1}, Names: std, State: fleet.StateActive, Relink: true},
		{Fields: fleet.Fields{Name: "m2"}, Names: fleet.Names{Plan: "Gold", ServiceProfile: "Std"}, State: fleet.StatePreActive, Group: "spare"},
		{Fields: fleet.Fields{Name: "m3", PlanID: "1.10", ServiceProfileID: "7"}, State: fleet.StateActive, Relink: true, Group: "empty"},
		{Fields: fleet.Fields{Name: "m4", PlanID: "13"}, Names: std, State: fleet.StatePreActive, Relink: true, Group: "spare"},
		{Fields: fleet.Fields{Name: "m5", PlanID: "0012"}, Names: std, State: fleet.StatePreActive, Relink: true, ClearSIM: true},
		{Fields: fleet.Fields{Name: "m6", PlanID: "0012"}, Names: std, State: fleet.StateAbsent, Relink: true},
	}
	for i := range want {
		want[i].Origin = fleet.Origin{File: f.Specs[i].Origin.File, Line: 13 + i}
	}
	if diff := cmp.Diff(f.Specs, want); diff != "" {
		t.Errorf("rows, got - want +:\n%s", diff)
	}
}

// A list in YAML is the text with pipes of a CSV, in rows and in the layers under
// them, and one by id lies over one by name.
func TestListsInLayers(t *testing.T) {
	f := mustRead(t, "fleet.yaml", `apiVersion: sftctl/v1
kind: Fleet
defaults: {roamingProfile: [DEFAULT, Europe], addonPlanIds: "100300|100400", monthlyLimit: 050.0}
groups: {local: {roamingProfileId: [1201], monthlyLimit: "7"}}
endpoints:
  - {endpointName: m1}
  - {endpointName: m2, group: local, addonPlanIds: [0012]}
  - {endpointName: m3, roamingProfileId: "1202 | 1201"}
`)
	want := []fleet.Spec{
		{Fields: fleet.Fields{Name: "m1", AddonPlanIDs: "100300|100400", MonthlyLimit: "050.0"}, Names: fleet.Names{RoamingProfile: "DEFAULT|Europe"}},
		{Fields: fleet.Fields{Name: "m2", RoamingProfileID: "1201", AddonPlanIDs: "0012", MonthlyLimit: "7"}, Group: "local"},
		{Fields: fleet.Fields{Name: "m3", RoamingProfileID: "1202|1201", AddonPlanIDs: "100300|100400", MonthlyLimit: "050.0"}},
	}
	if diff := cmp.Diff(f.Specs, want, cmpopts.IgnoreFields(fleet.Spec{}, "Origin")); diff != "" {
		t.Errorf("rows, got - want +:\n%s", diff)
	}
}

func TestFleetOfManifest(t *testing.T) {
	dir := write(t, "fleet.yaml", manifestText)
	got, _ := readIn(dir, Options{}, "fleet.yaml")
	path, sum := filepath.Join(dir, "fleet.yaml"), sha256.Sum256([]byte(manifestText))
	want := &fleet.Fleet{
		Account:  "acme-iot",
		Policies: []fleet.Policy{{File: path, Scope: []fleet.Glob{"meter-*"}, Orphans: fleet.OrphansReport}},
		Protect:  []fleet.Glob{"meter-hospital-*"},
		Inputs:   []fleet.Input{{File: path, SHA256: hex.EncodeToString(sum[:]), Rows: 6}},
	}
	if diff := cmp.Diff(got, want, cmpopts.IgnoreFields(fleet.Fleet{}, "Specs")); diff != "" {
		t.Errorf("fleet, got - want +:\n%s", diff)
	}
}

func TestMapping(t *testing.T) {
	dir := write(t,
		"fleet.yaml", `apiVersion: sftctl/v1
kind: Fleet
defaults: {state: active}
groups: {NDB: {planId: "1"}, VOR: {}}
include:
  - file: data/sites.csv
    columns: {endpointName: "{{filename}}-{{ ID }}", iccid: "{{iccid}}", group: "{{type}}", serviceProfileId: SP_1, plan: "{{plan}}"}
  - file: data/more.csv
endpoints:
  - {endpointName: last}
`,
		"data/sites.csv", "id;filename;state;iccid;type;plan;type of it\n1;Oslo;gone;"+sim1+";NDB;;x\n2;Bergen;gone;;VOR;Gold;x\n",
		"data/more.csv", "planId,endpointName\n9,more\n")
	f, problems := readIn(dir, Options{}, "fleet.yaml")
	if f == nil {
		t.Fatalf("got problems:\n%swant none", problems)
	}
	sites, more := filepath.Join(dir, "data/sites.csv"), filepath.Join(dir, "data/more.csv")
	want := []fleet.Spec{
		{Fields: fleet.Fields{Name: "Oslo-1", PlanID: "1", ServiceProfileID: "SP_1", ICCID: sim1}, Group: "NDB", Origin: fleet.Origin{File: sites, Line: 2}},
		{Fields: fleet.Fields{Name: "Bergen-2", ServiceProfileID: "SP_1"}, Names: fleet.Names{Plan: "Gold"}, Group: "VOR", Origin: fleet.Origin{File: sites, Line: 3}},
		{Fields: fleet.Fields{Name: "more", PlanID: "9"}, Origin: fleet.Origin{File: more, Line: 2}},
		{Fields: fleet.Fields{Name: "last"}, Origin: fleet.Origin{File: filepath.Join(dir, "fleet.yaml"), Line: 10}},
	}
	for i := range want {
		want[i].State = fleet.StateActive
	}
	if diff := cmp.Diff(f.Specs, want); diff != "" {
		t.Errorf("rows, got - want +:\n%s", diff)
	}
	if got, want := []int{f.Inputs[0].Rows, f.Inputs[1].Rows, f.Inputs[2].Rows}, []int{1, 2, 1}; !cmp.Equal(got, want) {
		t.Errorf("got rows %v, want %v", got, want)
	}
}

func TestIncludeStaysInside(t *testing.T) {
	outside := write(t, "secret.csv", "endpointName\nsecret\n")
	dir := write(t, "inside.csv", "endpointName\ninside\n", "sub/x", "")
	for name, target := range map[string]string{
		"link.csv": filepath.Join(outside, "secret.csv"), "up.csv": "../" + filepath.Base(outside) + "/secret.csv",
		"zero.csv": "/dev/zero", "dir.csv": "sub", "loop.csv": "loop.csv", "good.csv": "inside.csv",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link.csv", "up.csv", "zero.csv", "dir.csv", "loop.csv", "pipe.csv", "../x.csv", "sub/../../x.csv", outside + "/secret.csv", "good.csv"} {
		text := "apiVersion: sftctl/v1\nkind: Fleet\ninclude:\n  - file: " + name + "\n"
		if err := os.WriteFile(filepath.Join(dir, "fleet.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, problems := readIn(dir, Options{}, "fleet.yaml")
		if got, want := f != nil, name == "good.csv"; got != want {
			t.Errorf("%s: got it read %v, want %v; problems:\n%s", name, got, want, problems)
		}
		if strings.Contains(problems, "secret\"") || f == nil && !strings.HasPrefix(problems, "fleet.yaml:4:11: ") {
			t.Errorf("%s: got %swant a problem at fleet.yaml:4:11 without content", name, problems)
		}
	}
}

func TestStdin(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"CSV", "endpointName\nm1\n"},
		{"manifest", "apiVersion: sftctl/v1\nkind: Fleet\nendpoints: [{endpointName: m1}]\n"},
		{"manifest after a comment", "\n# mine\nkind: Fleet\napiVersion: sftctl/v1\nendpoints: [{endpointName: m1}]\n"},
		{"manifest after ---", "---\nendpoints: [{endpointName: m1}]\nkind: Fleet\napiVersion: sftctl/v1\n"},
		{"JSON", `{"apiVersion": "sftctl/v1", "kind": "Fleet", "endpoints": [{"endpointName": "m1"}]}`},
	} {
		f, problems := readIn("", Options{Stdin: strings.NewReader(test.text)}, "-")
		if f == nil || len(f.Specs) != 1 || f.Specs[0].Name != "m1" || f.Specs[0].Origin.File != "-" {
			t.Errorf("%s: got %+v and problems %q, want the row m1 of -", test.name, f, problems)
		}
	}
	if f, problems := readIn("", Options{Stdin: strings.NewReader("endpointName\nm1\n")}, "-", "-"); f != nil || !strings.Contains(problems, "given twice") {
		t.Errorf("got %+v and %q, want that - is given twice", f, problems)
	}
	text := "apiVersion: sftctl/v1\nkind: Fleet\ninclude: [{file: a.csv}]\n"
	if _, problems := readIn("", Options{Stdin: strings.NewReader(text)}, "-"); !strings.Contains(problems, "standard input cannot include") {
		t.Errorf("got %q, want that standard input cannot include", problems)
	}
	if _, problems := readIn("", Options{}, "-"); problems == "" {
		t.Error("got no problem without a standard input, want one")
	}
}

func TestKeyByICCID(t *testing.T) {
	dir := write(t, "a.csv", "iccid,planId\n"+sim1+",1\n", "b.yaml",
		"apiVersion: sftctl/v1\nkind: Fleet\nkey: iccid\nendpoints: [{endpointName: m2, iccid: "+sim2+"}]\n")
	f, problems := readIn(dir, Options{Key: fleet.ByICCID}, "a.csv", "b.yaml")
	if f == nil {
		t.Fatalf("got problems:\n%swant none", problems)
	}
	for i, s := range f.Specs {
		if s.Key != fleet.ByICCID || s.Policy != i {
			t.Errorf("row %d: got key %v and policy %d, want iccid and %d", i, s.Key, s.Policy, i)
		}
	}
	if _, problems := readIn(dir, Options{}, "a.csv", "b.yaml"); !strings.Contains(problems, "different keys") {
		t.Errorf("got %q, want that the keys differ", problems)
	}
}

func TestWarn(t *testing.T) {
	dir := write(t, "a.csv", "endpointName,iccid\nm1,8932042000001234563\nm2,893204200000123456\n")
	_, problems := readIn(dir, Options{ICCIDCheck: Warn}, "a.csv")
	want := `a.csv:3:4: iccid "893204200000123456" has 18 digits, want 19 or 20
warning: a.csv:2:4: iccid "8932042000001234563" fails its check digit: got 3, want 2
`
	if problems != want {
		t.Errorf("got\n%swant\n%s", problems, want)
	}
	f, _ := readIn(write(t, "a.csv", "endpointName,iccid\nm1,8932042000001234563\n"), Options{ICCIDCheck: Warn}, "a.csv")
	if f == nil || f.Specs[0].ICCID != "8932042000001234563" {
		t.Errorf("got %+v, want the number as written", f)
	}
}

func TestManyWarningsAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString("endpointName,iccid\n")
	for i := range 1_234 {
		number := []byte(card(i))
		number[18] = '0' + (number[18]-'0'+1)%10
		fmt.Fprintf(&b, "m%d,%s\n", i, number)
	}
	_, warnings := readIn(write(t, "a.csv", b.String()), Options{ICCIDCheck: Warn}, "a.csv")
	lines := strings.Split(strings.TrimSpace(warnings), "\n")
	if got, want := lines[len(lines)-1], "warning: and 234 more warnings"; got != want || len(lines) != mostProblems+1 {
		t.Errorf("got %d lines and last %q, want %d and %q", len(lines), got, mostProblems+1, want)
	}
}

func TestColumns(t *testing.T) {
	dir := write(t, "a.csv", "ENDPOINTNAME,_old,planId \nm1,x,'=1\n", "same.csv", "ENDPOINTNAME,planId \nm2, 2\n",
		"other.csv", "endpointName,planId\nm3,3\n", "fleet.yaml", "apiVersion: sftctl/v1\nkind: Fleet\nendpoints: [{endpointName: m4}]\n")
	tests := []struct {
		files   []string
		columns []string
		cells   []string // of the last row
	}{
		{[]string{"a.csv"}, []string{"ENDPOINTNAME", "planId "}, []string{"m1", "=1"}},
		{[]string{"a.csv", "same.csv"}, []string{"ENDPOINTNAME", "planId "}, []string{"m2", " 2"}},
		{[]string{"a.csv", "other.csv"}, nil, nil},
		{[]string{"fleet.yaml", "a.csv"}, nil, nil},
	}
	for _, test := range tests {
		f, problems := readIn(dir, Options{}, test.files...)
		if f == nil {
			t.Fatalf("%v: got problems %s, want none", test.files, problems)
		}
		if diff := cmp.Diff(f.Columns, test.columns); diff != "" {
			t.Errorf("%v: columns, got - want +:\n%s", test.files, diff)
		}
		if diff := cmp.Diff(f.Specs[len(f.Specs)-1].Cells, test.cells); diff != "" {
			t.Errorf("%v: cells, got - want +:\n%s", test.files, diff)
		}
	}
}

func TestAllowEmpty(t *testing.T) {
	dir := write(t, "a.csv", "endpointName\n", "none.csv", "")
	f, problems := readIn(dir, Options{AllowEmpty: true}, "a.csv")
	if f == nil || len(f.Specs) != 0 {
		t.Errorf("got %+v and problems %q, want a fleet without rows", f, problems)
	}
	if f, _ := readIn(dir, Options{AllowEmpty: true}, "none.csv"); f != nil {
		t.Error("got a file without content read, want it refused")
	}
}

func TestLimits(t *testing.T) {
	rows := "endpointName\nm1\nm2\nm3\n"
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"rows in the limit", Options{MaxRows: 3}, ""},
		{"rows over it", Options{MaxRows: 2}, "a.csv:4:1: there are too many rows, got more than 2"},
		{"bytes in the limit", Options{MaxFile: int64(len(rows))}, ""},
		{"bytes over it", Options{MaxFile: int64(len(rows)) - 1}, "a.csv: the file is too big"},
		{"line in the limit", Options{MaxLine: 12}, ""},
		{"line over it", Options{MaxLine: 11}, "a.csv:1:1: the line is too long"},
	}
	for _, test := range tests {
		_, got := readIn(write(t, "a.csv", rows), test.opts, "a.csv")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// endless gives one letter for ever and counts how much was taken.
type endless int64

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	*e += endless(len(p))
	return len(p), nil
}

func TestEndlessLineIsNotKept(t *testing.T) {
	var taken endless
	f, problems := readIn("", Options{Stdin: &taken}, "-")
	if f != nil || !strings.Contains(problems, "-:1:1: the line is too long") {
		t.Errorf("got %q, want that the line is too long", problems)
	}
	if most := endless(4 * DefaultMaxLine); taken > most {
		t.Errorf("got %d bytes taken, want at most %d", taken, most)
	}
}

// TestChunks puts quoted line ends all over a file of many chunks: rows, lines
// and places of problems must not depend on where it was cut.
func TestChunks(t *testing.T) {
	var b strings.Builder
	b.WriteString("endpointName,_note,planId\n")
	line, lines := 2, []int{}
	for i := range 40_000 {
		lines = append(lines, line)
		note := strings.Repeat("a\n\"\"b\"\",", i%7)
		fmt.Fprintf(&b, "m%d,\"%s\",%d\n", i, note, i)
		line += 1 + i%7
	}
	f := mustRead(t, "a.csv", b.String())
	for i, s := range f.Specs {
		if s.Name != fmt.Sprint("m", i) || s.PlanID != fleet.ID(fmt.Sprint(i)) || s.Origin.Line != lines[i] {
			t.Fatalf("row %d: got %q, %q in line %d, want m%d, %d in line %d", i, s.Name, s.PlanID, s.Origin.Line, i, i, lines[i])
		}
	}
	if len(f.Specs) != len(lines) {
		t.Errorf("got %d rows, want %d", len(f.Specs), len(lines))
	}
	_, problems := readIn(write(t, "a.csv", b.String()+"m39999,,1\n"), Options{}, "a.csv")
	want := fmt.Sprintf("a.csv:%d:1: endpointName is given twice, got \"m39999\", want it in one row only; the other is a.csv:%d:1\n", line, lines[39_999])
	if problems != want {
		t.Errorf("got  %swant %s", problems, want)
	}
}
