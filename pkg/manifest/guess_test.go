package manifest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sftctl/pkg/fleet"
)

// drafted guesses from a CSV in a folder of its own; what it returns names the
// files without it.
func drafted(t *testing.T, csv string) (*Draft, string) {
	t.Helper()
	dir := write(t, "a.csv", csv)
	d, err := NewDraft(dir+"/a.csv", dir+"/a.yaml", Options{})
	if err != nil {
		return nil, strings.ReplaceAll(err.Error(), dir+"/", "")
	}
	return d, strings.ReplaceAll(fmt.Sprint(d.Problems), dir+"/", "")
}

// table is a CSV with n rows; # in a cell is the number of the row and @ a card.
func csvOf(header string, n int, row string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range n {
		b.WriteString(strings.NewReplacer("#", fmt.Sprint(100+i), "@", string(card(i))).Replace(row) + "\n")
	}
	return b.String()
}

func TestGuesses(t *testing.T) {
	tests := []struct {
		name, csv string
		want      string // what each column gives, - for nothing
		says      string // in a reason or a note
		refused   string // in a problem; none if empty
	}{
		{"the fields themselves", csvOf("endpointName,iccid,planId,state", 3, "m-#,@,10,active"), "endpointName iccid planId state", "it is the field itself", ""},
		{"the fields in other letters", csvOf("ENDPOINTNAME,Iccid,PlanID", 3, "m-#,@,10"), "endpointName iccid planId", "", ""},
		{"the fields apart", csvOf("Endpoint Name,ICC-ID,plan_id,Service Profile ID", 3, "m-#,@,10,x"), "endpointName iccid planId serviceProfileId", "", ""},
		{"other names", csvOf("Device,SIM number,Tariff,Profile,APN,Product,Status,Type", 3, "m-#,@,Gold,Data,iot,MFF2,active,meter"),
			"endpointName iccid plan serviceProfile apnGroup simProduct state group", `state is what "Status" says: "active" 3`, ""},
		{"ids under other names", csvOf("Asset ID,Tariff,Profile,APN,Product", 3, "m-#,10,SP_1,PDP_2,7"), "endpointName planId serviceProfileId apnGroupId simProductId", "its cells are ids", ""},
		{"semicolons and a mark", "\ufeff" + csvOf("Device;SIM card no.", 3, "m-#;@"), "endpointName iccid", "", ""},
		{"tabs, CR LF and remarks", strings.ReplaceAll(csvOf("Device (unique)\tSIM [19 digits]", 3, "m-#\t@"), "\n", "\r\n"), "endpointName iccid", "", ""},

		{"cards whatever they are called", csvOf("Device,Foo", 3, "m-#,@"), "endpointName iccid", "by its cells; every one is a card number", ""},
		{"two columns of cards", "Device,Foo,Bar\na," + string(card(1)) + "," + string(card(2)) + "\nb," + string(card(3)) + "," + string(card(4)) + "\n",
			"endpointName - -", `could be iccid, and so could "Bar": choose one`, ""},
		{"two columns of cards, one called so", csvOf("Device,Foo,SIM", 3, "m-#,@,@"), "endpointName - iccid", `could be iccid too, but "SIM" is so more plainly`, ""},
		{"a card column without cards", csvOf("Device,Card", 3, "m-#,visa"), "endpointName -", `called like a card number, but its cells are none, such as "visa"`, ""},
		{"an empty card column", csvOf("Device,SIM", 3, "m-#,"), "endpointName iccid", "every cell is empty", ""},
		{"wishes", csvOf("Device,SIM", 3, "m-#,auto"), "endpointName iccid", "", ""},
		{"cards that a spreadsheet damaged", csvOf("Device,SIM", 3, "m-#,8.93E+18"), "endpointName iccid", `3 damaged by a spreadsheet, such as "8.93E+18": take them from the source again`, "is in scientific notation"},
		{"cards with zeros", csvOf("Device,SIM", 2, "m-#,8932042000001230000"), "endpointName iccid", `2 damaged by a spreadsheet, such as "8932042000001230000"`, "only zeros after its 15th digit"},
		{"damage where nobody expects cards", csvOf("Device,Foo", 3, "m-#,8.93E+18"), "endpointName -", "were these card numbers?", ""},
		{"powers of ten that were no cards", csvOf("Device,Foo", 3, "m-#,12345E67"), "endpointName -", `not understood, such as "12345E67"`, ""},

		{"two names", csvOf("Device,Name,SIM", 3, "m-#,n-#,@"), "- - iccid", `could be endpointName, and so could "Name": choose one`, ""},
		{"a plain name before an id", csvOf("Device name,Serial,SIM", 3, "m-#,s-#,@"), "endpointName - iccid", `could be endpointName too, but "Device name" is so more plainly`, ""},
		{"a name that repeats", "Name,Serial,SIM\n" + strings.Repeat("Oslo,", 1) + "1x," + string(card(1)) + "\nOslo,2x," + string(card(2)) + "\nOslo,3x," + string(card(3)) + "\n",
			"- endpointName iccid", `called like a name, but "Oslo" is there more than once; with another it makes one: "{{Name}}-{{Serial}}"`, ""},
		{"a name that repeats by mistake", csvOf("Device,SIM", 30, "m-#,@") + "m-100," + string(card(99)) + "\n", "endpointName iccid", `but "m-100" is there more than once`, "endpointName is given twice"},
		{"repeats in another form", "Name,Foo,SIM\nZ\u00fcrich,x," + string(card(1)) + "\nZu\u0308rich,y," + string(card(2)) + "\nZ\u00fcrich,z," + string(card(3)) + "\n",
			"- endpointName iccid", "is there more than once", ""},
		{"only the cells tell apart", csvOf("Foo,SIM", 3, "x-#,@"), "endpointName iccid", "by its cells; every row has another one", ""},
		{"two such", csvOf("Foo,Bar,SIM", 3, "x-#,y-#,@"), "- - iccid", "no column is surely a name, so rows are known by their card", ""},
		{"a count of the rows", "No.,SIM\n1," + string(card(1)) + "\n2," + string(card(2)) + "\n", "- iccid", "", ""},
		{"numbers of subscribers are no names", csvOf("IMSI,MSISDN,Created,SIM", 3, "20601#,88#,2024-01-01 10:#,@"), "- - - iccid", "no field takes this", ""},
		{"nothing that tells apart", csvOf("Foo,Tariff", 3, "x,Gold"), "- plan", "no column says which endpoint a row means", "the columns do not say which endpoint a row means"},

		{"words of others", csvOf("Device,Status", 3, "m-#,ACTIVATED"), "endpointName -", `its words are others, "ACTIVATED" 3; to use it, write active, pre-active, suspended or absent`, ""},
		{"our column with words of others", csvOf("Device,state", 3, "m-#,ACTIVATED"), "endpointName state", "not all are states", `unknown state, got "ACTIVATED"`},
		{"the platform's words", csvOf("Device,Status", 3, "m-#,Pre-Active"), "endpointName state", `state is what "Status" says: "Pre-Active" 3`, ""},
		{"states without the name", csvOf("Device,Foo", 3, "m-#,active"), "endpointName -", "its words are states: \"active\" 3; if they are wanted", ""},
		{"two states", csvOf("Device,Status,SIM status", 3, "m-#,active,suspended"), "endpointName - -", "could be state, and so could", ""},
		{"two tariffs", csvOf("Device,Tariff,Price plan", 3, "m-#,a,b"), "endpointName - -", "could be planId, and so could", ""},
		{"two tariffs, one empty", csvOf("Device,Tariff,Price plan", 3, "m-#,,b"), "endpointName - plan", "", ""},
		{"a tariff beside ours", csvOf("Device,Tariff,plan", 3, "m-#,a,b"), "endpointName - plan", "could be plan too, but \"plan\" is the field itself", ""},
		{"too many groups", csvOf("Device,Type", 60, "m-#,t-#"), "endpointName -", "called like a group, but has too many", ""},
		{"an id for some rows", "Device,Tariff\na,10\nb,\nc,11\n", "endpointName planId", "1 row has none", ""},

		{"secrets", csvOf("Device,PIN1,PUK 2,Ki,Password", 3, "m-#,4711,08154711,C0FFEE,hunter2"), "endpointName - - - -", "it may hold secrets", ""},
		{"a rename is to be said to the letter", csvOf("Device,Previous name,previousName", 3, "m-#,x-#,y-#"), "endpointName - previousName", `could be endpointName too, but "Device" is so more plainly`, ""},
		{"results of a run", csvOf("endpointName,_outcome", 3, "m-#,done"), "endpointName -", "begins with _, so it is ignored", ""},
		{"ours twice", csvOf("endpointName,iccid,ICCID", 3, "m-#,@,"), "endpointName - -", "no column was taken for the card numbers", ""},
		{"a header twice", csvOf("Device,SIM,SIM", 3, "m-#,@,@"), "endpointName - -", "is there 2 times", ""},
		{"a column without a name", csvOf("Device,,SIM", 3, "m-#,x,@"), "endpointName - iccid", "has no name", ""},
		{"braces", csvOf("Device,{{SIM}},SIM}", 3, "m-#,@,@"), "endpointName - -", "cannot stand between {{ and }}", ""},
		{"signs of YAML", csvOf(`"Device (""a\b"": #')","SIM [	& !x]",Type`, 3, `m-#,@,"a"": \ #"`), "endpointName iccid group", "3 groups, declared below", ""},
		{"one brace", csvOf("Device,{SIM", 3, "m-#,@"), "endpointName iccid", "", ""},
		{"only a header", "Device,SIM\n", "endpointName iccid", "", "there are no rows"},
		{"ragged rows", "Device,SIM\na," + string(card(1)) + "\nb\nc,1,2\n", "endpointName iccid", "", "the row does not have the columns of the header"},
		{"an open quotation mark", "Device,SIM\na," + string(card(1)) + "\n\"b,x\n", "endpointName iccid", "", "a quotation mark is not closed"},
		{"one column", csvOf("Foo", 3, "@"), "iccid", "rows are known by their card", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, problems := drafted(t, test.csv)
			if d == nil {
				t.Fatalf("got no draft: %s", problems)
			}
			if got := gives(d); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if !strings.Contains(string(d.text), test.says) && !strings.Contains(whys(d), test.says) {
				t.Errorf("got no %q in\n%s", test.says, d.text)
			}
			if test.refused == "" && d.Problems != nil || !strings.Contains(problems, test.refused) {
				t.Errorf("got problems %s, want %q", problems, test.refused)
			}
			for _, secret := range []string{"4711", "C0FFEE", "hunter2"} {
				if strings.Contains(string(d.text)+whys(d), secret) {
					t.Errorf("got %s in the draft", secret)
				}
			}
		})
	}
}

// gives is what each column of a draft gives.
func gives(d *Draft) string {
	var fields []string
	for _, c := range d.Columns {
		if c.Field == "" {
			c.Field = "-"
		}
		fields = append(fields, c.Field)
	}
	return strings.Join(fields, " ")
}

func whys(d *Draft) string {
	all := strings.Join(d.Notes, "\n")
	for _, c := range d.Columns {
		all += "\n" + c.Why
	}
	return all
}

// What is no table at all gives no draft, and the words of Read.
func TestNoDraft(t *testing.T) {
	for _, c := range damaged {
		if c.file != "a.csv" {
			continue
		}
		_, want := readIn(write(t, "a.csv", c.text), Options{}, "a.csv")
		d, got := drafted(t, c.text)
		if d == nil && got+"\n" != want {
			t.Errorf("%s: got %s, want %s", c.name, got, want)
		}
		if !utf8.ValidString(c.text) && d != nil {
			t.Errorf("%s: got a draft", c.name)
		}
	}
	for _, text := range []string{"", "\ufeff", utf16Text(good, true, false), "PK\x03\x04", "\"a\n"} {
		if d, got := drafted(t, text); d != nil || got == "" {
			t.Errorf("%q: got a draft, want a problem", text)
		}
	}
}

// Whatever is in the CSV, the draft owns nothing, wants no state that the CSV does
// not say, and its examples hold.
func TestDraftsAreHarmless(t *testing.T) {
	csv := csvOf("Device,SIM,Tariff,Type", 3, "m-#,@,Gold,meter")
	d, _ := drafted(t, csv)
	tryExamples(t, string(d.text), 4, "a.csv", csv)
	dir := write(t, "a.csv", csv, "a.yaml", string(d.text))
	f, problems := readIn(dir, Options{}, "a.yaml")
	if f == nil {
		t.Fatal(problems)
	}
	want := fleet.Policy{File: dir + "/a.yaml"}
	if diff := cmp.Diff(f.Policies, []fleet.Policy{want}); diff != "" || len(f.Protect) > 0 {
		t.Errorf("policy, got - want +:\n%s", diff)
	}
	for _, s := range f.Specs {
		if s.State != fleet.StateUnmanaged || s.Group != "meter" || s.Names.Plan != "Gold" {
			t.Errorf("got %+v", s)
		}
	}
	all := csvOf("endpointName,planId,serviceProfileId,simProductId", 3, "m-#,1,2,3")
	whole, _ := drafted(t, all)
	tryExamples(t, string(whole.text), 4, "a.csv", all)
}

// The sample's own manifest makes names of two columns; the draft makes the same
// of the rest.
func TestTheDraftOfTheSample(t *testing.T) {
	d, err := NewDraft("../../samples/navaids.csv", "../../samples/drafted.yaml", Options{})
	if err != nil || d.Problems != nil {
		t.Fatal(err, d.Problems)
	}
	if got, want := gives(d), "endpointName - - - group - iccid"; got != want || d.Rows != 11008 {
		t.Errorf("got %s of %d rows, want %s", got, d.Rows, want)
	}
	for _, name := range []string{"meters", "north"} {
		if d, err := NewDraft("../../samples/"+name+".csv", "../../samples/drafted.yaml", Options{}); err != nil || d.Problems != nil || strings.Contains(string(d.text), "columns:") {
			t.Errorf("%s: got %v, %v, want no mapping", name, err, d.Problems)
		}
	}
}
