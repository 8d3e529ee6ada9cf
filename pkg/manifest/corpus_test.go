package manifest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"sftctl/pkg/fleet"
)

func utf16Text(text string, mark bool, big bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b strings.Builder
	for _, u := range units {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

const good = "endpointName,planId\nm1,10\nm2,11\n"

// damaged are files that must be refused, each with a part of the problem.
var damaged = []struct{ name, file, text, want string }{
	// no text at all
	{"nothing", "a.csv", "", "a.csv: the file is empty"},
	{"only white space", "a.csv", " \n\r\n\t\n", "a.csv: the file is empty"},
	{"only a mark", "a.csv", "\ufeff", "a.csv: the file is empty"},
	{"nothing, yaml", "a.yaml", "", "a.yaml: the file is empty"},
	{"only a comment", "a.yaml", "# nothing\n", "a.yaml: the file is empty"},
	{"only a header", "a.csv", "endpointName,planId\n", "a.csv:2: there are no rows"},
	{"header without line end", "a.csv", "endpointName,planId", "a.csv:1: there are no rows"},
	{"header and blank lines", "a.csv", "endpointName\n\n\n", "there are no rows"},
	{"gzip", "a.csv", "\x1f\x8b\x08\x00", "is compressed with gzip"},
	{"gzip by name", "a.csv.gz", "\x1f\x8b\x08\x00", "is compressed with gzip"},
	{"spreadsheet", "a.csv", "PK\x03\x04rest", "is a ZIP archive or a spreadsheet"},
	{"old spreadsheet", "a.csv", "\xd0\xcf\x11\xe0", "is a spreadsheet of the old kind"},
	{"zstd", "a.yaml", "\x28\xb5\x2f\xfd", "is compressed with zstd"},
	// encodings
	{"UTF-16 LE", "a.csv", utf16Text(good, true, false), "a.csv: the file is UTF-16, want UTF-8"},
	{"UTF-16 BE", "a.csv", utf16Text(good, true, true), "a.csv: the file is UTF-16, want UTF-8"},
	{"UTF-16 LE, no mark", "a.csv", utf16Text(good, false, false), "UTF-16 without its mark"},
	{"UTF-16 BE, no mark", "a.csv", utf16Text(good, false, true), "UTF-16 without its mark"},
	{"UTF-16 yaml", "a.yaml", utf16Text("kind: Fleet\n", true, false), "the file is UTF-16"},
	{"Latin-1", "a.csv", "endpointName\nZ\xfcrich\n", "a.csv:2:2: the text is not UTF-8, got byte 0xfc"},
	{"Windows-1252 in the header", "a.csv", "endpointName,\x80\nm,1\n", "a.csv:1:14: the text is not UTF-8"},
	{"cut letter", "a.csv", "endpointName\nZ\xc3", "a.csv:2:2: the text is not UTF-8"},
	{"surrogate", "a.csv", "endpointName\n\xed\xa0\x80\n", "is not UTF-8"},
	{"overlong", "a.csv", "endpointName\n\xc0\xaf\n", "is not UTF-8"},
	{"Latin-1, yaml", "a.yaml", "kind: Fl\xe9et\n", "a.yaml:1:9: the text is not UTF-8"},
	{"NUL", "a.csv", "endpointName\nm\x001\n", "a.csv:2:2: there is a NUL byte"},
	{"NUL, yaml", "a.yaml", "kind: \x00Fleet\n", "a.yaml:1:7: there is a NUL byte"},
	{"bare CR", "a.csv", "endpointName\rm1\rm2\r", "a.csv:1:13: a line ends in CR alone"},
	{"one bare CR", "a.csv", "endpointName\nm1\rm2\n", "a.csv:2:3: a line ends in CR alone"},
	{"bare CR in quotes", "a.csv", "endpointName\n\"m1\rm2\"\n", "a.csv:2:4: a line ends in CR alone"},
	{"CR CR LF", "a.csv", "endpointName\r\r\nm1\r\r\n", "a.csv:1:13: a line ends in CR alone"},
	{"bare CR, yaml", "a.yaml", "apiVersion: sftctl/v1\rkind: Fleet\r", "a line ends in CR alone"},
	// headers
	{"no header", "a.csv", "m1,10\nm2,11\n", "a.csv:1:1: the first line has none of the columns"},
	{"second mark", "a.csv", "\ufeff\ufeffendpointName,planId\nm1,2\n", `got "\ufeffendpointName"`},
	{"zero width in header", "a.csv", "planId,endpoint\u200bName\n1,m1\n", `got "endpoint\u200bName"`},
	{"typo", "a.csv", "endpointName,plnaId\nm1,10\n", `a.csv:1:14: unknown column, got "plnaId", want a known one, or a name that begins with _ to have it ignored; did you mean "planId"?`},
	{"spaces in a header", "a.csv", "endpointName,Plan ID\nm1,10\n", `did you mean "planId"?`},
	{"header twice", "a.csv", "endpointName,planId,planId\nm1,1,2\n", "a.csv:1:21: the column is there twice"},
	{"header twice in other case", "a.csv", "endpointName,ENDPOINTNAME\nm1,m2\n", "a.csv:1:14: the column is there twice"},
	{"header twice but for space", "a.csv", "endpointName,endpointName \nm1,m2\n", "the column is there twice"},
	{"nameless column", "a.csv", "endpointName,,planId\nm1,,2\n", "a.csv:1:14: column 2 has no name"},
	{"trailing comma in header", "a.csv", "endpointName,planId,\nm1,2,\n", "column 3 has no name"},
	{"no identity", "a.csv", "planId,state\n1,active\n", "a.csv:1:1: there is no column endpointName"},
	{"identity ignored", "a.csv", "_endpointName,state\nm,active\n", "there is no column endpointName"},
	{"yaml named csv", "a.csv", "apiVersion: sftctl/v1\nkind: Fleet\n", "a YAML manifest must be named .yaml"},
	// shifted and broken rows
	{"short row", "a.csv", "endpointName,planId\nm1\n", "a.csv:2:1: the row does not have the columns of the header, got 1 cell, want 2"},
	{"long row", "a.csv", "endpointName,planId\nm1,1,2\n", "got 3 cells, want 2"},
	{"other delimiter in rows", "a.csv", "endpointName,planId\nm1;1\n", "got 1 cell, want 2"},
	{"comma in a name", "a.csv", "endpointName\nm1,Oslo\n", "got 2 cells, want 1"},
	{"row after blank lines", "a.csv", "endpointName,planId\n\n\nm1\n", "a.csv:4:1: the row does not"},
	{"row after lines in quotes", "a.csv", "endpointName,_note\nm1,\"a\nb\nc\"\nm2\n", "a.csv:5:1: the row does not"},
	{"only delimiters", "a.csv", "endpointName,planId\nm1,2\n,\n", "a.csv:3:1: the row has no endpointName"},
	{"open quote", "a.csv", "endpointName\nm1\n\"m2\nm3\n", "a.csv:3: a quotation mark is not closed"},
	{"open quote in header", "a.csv", "\"endpointName\nm1\n", "a.csv:1: a quotation mark is not closed"},
	{"text after a quote", "a.csv", "endpointName\n\"m1\"x\n", "a.csv:2: a quotation mark is not closed, or text follows"},
	{"quote in a cell", "a.csv", "endpointName\nBahnhof \"Ost\"\n", "a.csv:2:9: there is a quotation mark inside"},
	{"quote after space", "a.csv", "endpointName,planId\nm1, \"2\"\n", "a.csv:2:5: there is a quotation mark inside"},
	{"long line", "a.csv", "endpointName\n" + strings.Repeat("x", 70_000) + "\n", "a.csv:2:1: the line is too long, got more than 65536 bytes"},
	{"long row", "a.csv", "endpointName,_note\nm1,\"" + strings.Repeat("x\n", 40_000) + "\"\n", "a.csv:2: a row is too long"},
	{"open quote over much", "a.csv", "endpointName\n\"m1\n" + strings.Repeat("meter\n", 200_000), "a.csv:2: a quotation mark is not closed"},
	// values

	{"name of spaces beside others", "a.csv", "endpointName,planId\n  ,1\n", "a.csv:2:1: endpointName is only white space"},
	{"the platform's sign for nothing as a name", "a.csv", "endpointName,planId\n-,1\n", "a.csv:2:1: endpointName is what the platform writes where there is no name"},
	{"name of no-break spaces", "a.csv", "endpointName,planId\n\u00a0,1\n", "endpointName is only white space"},
	{"line end in a name", "a.csv", "endpointName\n\"m\n1\"\n", `a.csv:2:1: endpointName has a control character, got "m\n1"`},
	{"tab in a name", "a.csv", "endpointName,planId\nm\t1,2\n", `got "m\t1"`},
	{"C1 in a name", "a.csv", "endpointName\nm\u0085x\n", `endpointName has a control character, got "m\u0085x"`},
	{"escape in an id", "a.csv", "endpointName,planId\nm,1\x1b[2J\n", `planId has a control character, got "1\x1b[2J"`},
	{"clear a plan", "a.csv", "endpointName,planId\nm,!clear\n", "a.csv:2:3: only iccid can be cleared, not planId"},
	{"a SIM from stock, by SIM", "a.yaml", "apiVersion: sftctl/v1\nkind: Fleet\nkey: iccid\nendpoints:\n  - {endpointName: m, iccid: Auto}\n", "a.yaml:5:30: the rows of this file are known by their iccid, and a SIM from stock has none yet, got \"auto\", want the iccid of a SIM, or key endpointName"},
	{"a SIM from stock, relinked", "a.csv", "endpointName,iccid,relink\nm,auto,true\n", "a.csv:2:3: relink takes the SIM of another endpoint, and a SIM from stock is a free one, got \"auto\", want the iccid of the SIM to take, or relink false"},
	{"clear an active one", "a.csv", "endpointName,iccid,state\nm,!clear,active\n", "a.csv:2:3: an endpoint without a SIM cannot be active"},
	{"clear one that is Active", "a.csv", "endpointName,iccid,state\nm,!clear,Active\n", "a.csv:2:3: an endpoint without a SIM cannot be active"},
	{"a letter that only looks the same", "a.csv", "endpointName,state\nm,\u017fuspended\n", `a.csv:2:3: unknown state, got "ſuspended"`},
	{"another word of the platform", "a.csv", "endpointName,state\nm,Hold\n", `a.csv:2:3: unknown state, got "Hold", want active, pre-active, suspended or absent`},
	{"nearly the platform's word", "a.csv", "endpointName,state\nm,PreActive\n", `a.csv:2:3: unknown state, got "PreActive", want active, pre-active, suspended or absent; did you mean "pre-active"?`},
	{"relink", "a.csv", "endpointName,relink\nm,yes\n", "a.csv:2:3: relink is not understood"},
	{"group in a bare CSV", "a.csv", "endpointName,group\nm,spare\n", "a.csv:2:3: the group is not declared"},
	{"id and name", "a.csv", "endpointName,planId,plan\nm,1,Gold\n", "a.csv:2:5: planId and plan are both given"},
	// card numbers
	{"scientific", "a.csv", "endpointName,iccid\nm,8.93204E+18\n", `a.csv:2:3: iccid "8.93204E+18" is in scientific notation`},
	{"scientific with a comma", "a.csv", "endpointName;iccid\nm;8,93204E+18\n", "is in scientific notation"},
	{"fraction", "a.csv", "endpointName,iccid\nm,8932042000001234562.0\n", "ends in a decimal fraction"},
	{"zeroed", "a.csv", "endpointName,iccid\nm,8932042000001230000\n", "has only zeros after its 15th digit"},
	{"check digit", "a.csv", "endpointName,iccid\nm,8932042000001234563\n", "fails its check digit: got 3, want 2"},
	{"too short", "a.csv", "endpointName,iccid\nm,893204200000123456\n", "has 18 digits, want 19 or 20"},
	{"letters", "a.csv", "endpointName,iccid\nm,89320420000O1234562\n", "is not 19 or 20 digits"},
	{"other digits", "a.csv", "endpointName,iccid\nm,٨٩٣٢٠٤٢٠٠٠٠٠١٢٣٤٥٦٧\n", "is not 19 or 20 digits"},
	// repeats
	{"name twice", "a.csv", "endpointName\nm1\nm2\nm1\n", "a.csv:4:1: endpointName is given twice, got \"m1\", want it in one row only; the other is a.csv:2:1"},
	{"name twice but for space", "a.csv", "endpointName\nm1\nm1 \n", `got "m1 ", want it in one row only; the other is a.csv:2:1 with "m1"`},
	{"name twice in two forms", "a.csv", "endpointName\nZ\u00fcrich\nZu\u0308rich\n", `got "Zu\u0308rich", want it in one row only; the other is a.csv:2:1 with "Z\u00fcrich"`},
	{"id twice", "a.csv", "endpointId,planId\n7,1\n7,2\n", "a.csv:3:1: endpointId is given twice"},
	{"card twice", "a.csv", "endpointName,iccid\nm1,8932042000001234562\nm2,8932042000001234562\n", "a.csv:3:4: iccid is given twice"},
	{"card twice, once with its sum", "a.csv", "endpointName,iccid\nm1,8932042000001234562\nm2," + string(fleet.WithCheckDigit("8932042000001234562")) + "\n", "a.csv:3:4: iccid is given twice"},
	{"previous name twice", "a.csv", "endpointName,previousName\nm1,old\nm2,old\n", "a.csv:3:4: previousName is given twice"},
	{"previous name in use", "a.csv", "endpointName,previousName\nm1,m2\nm2,\n", "a.csv:2:4: previousName is the name of another row, got \"m2\", want a name that no row bears any more; the other is a.csv:3:1"},
}

func TestDamagedFiles(t *testing.T) {
	if len(damaged) < 60 {
		t.Fatalf("got %d files, want at least 60", len(damaged))
	}
	for i, c := range damaged {
		t.Run(fmt.Sprintf("%02d %s", i, c.name), func(t *testing.T) {
			f, problems := readIn(write(t, c.file, c.text), Options{}, c.file)
			if f != nil {
				t.Fatalf("got %d rows, want the problem %q", len(f.Specs), c.want)
			}
			if !strings.Contains(problems, c.want) {
				t.Errorf("got  %swant %s", problems, c.want)
			}
		})
	}
}

// TestCutAnywhere cuts a file after every byte: what is left is refused, or is
// a run of whole first rows, the last of which may have lost an end.
func TestCutAnywhere(t *testing.T) {
	const whole = "endpointName,planId,_note\nm1,10,\"a, b\"\nm2,11,x\n\"m\"\"3\",12,\"y\nz\"\n"
	want := mustRead(t, "a.csv", whole).Specs
	for n := range len(whole) {
		f, _ := readIn(write(t, "a.csv", whole[:n]), Options{}, "a.csv")
		if f == nil {
			continue
		}
		for i, s := range f.Specs {
			if i < len(f.Specs)-1 && s.Name != want[i].Name || !strings.HasPrefix(want[i].Name, s.Name) {
				t.Errorf("cut after %d bytes: got row %d named %q, want %q", n, i, s.Name, want[i].Name)
			}
		}
	}
}
