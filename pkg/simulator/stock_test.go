package simulator

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "stock.json")
}

const smallCatalogue = `"catalogue":{"plans":[{"id":"100234","name":"Basic"}],"serviceProfiles":[{"id":"SP_1","name":"Data"}],
	"apnGroups":[],"simProducts":[{"id":"7","name":"MFF2"}]}`

func TestReadStock(t *testing.T) {
	path := writeFiles(t, map[string]string{
		"navaids.csv": "\ufeffname,iccid,note\nbuoy,8932042000001234562,\nnone,,\n\"light,\n two\",8932042000001234570,\nother,8932042000001234588,x\n",
		"stock.json": `{` + smallCatalogue + `,
			"sims":[{"file":"navaids.csv","column":"iccid","product":"7","except":["8932042000001234588"]},
				{"first":"893204200000999999","count":2,"product":"7"},
				{"iccids":["8932042000001234599"],"product":"7"}],
			"endpoints":[{"endpointName":"other-1","planId":"100234","serviceProfileId":"SP_1","simProductId":"7","iccid":"8932042000001234562","status":"Suspended"},
				{"endpointName":"other-2","endpointId":"X1","planId":"100234","serviceProfileId":"SP_1","simProductId":"7"}]}`,
	})
	stock, err := ReadStock(path)
	if err != nil {
		t.Fatal(err)
	}
	sim := New(WithStock(stock))
	var got []string
	for _, k := range sim.SIMs() {
		got = append(got, string(k.ICCID)+" "+string(k.Status)+" "+string(k.EndpointID)+" "+k.Product)
	}
	want := []string{
		"8932042000001234562 Suspended 100000001 MFF2",
		"8932042000001234570 Ready To Activate  MFF2",
		string(fleet.WithCheckDigit("893204200000999999")) + " Ready To Activate  MFF2",
		string(fleet.WithCheckDigit("893204200001000000")) + " Ready To Activate  MFF2",
		"8932042000001234599 Ready To Activate  MFF2", // its check digit is wrong, which is the platform's affair
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	list := sim.Endpoints()
	if len(list) != 2 || list[0].Status != fleet.StatusSuspended || list[1].ID != "X1" || list[1].Status != fleet.StatusPreActive {
		t.Errorf("got %+v", list)
	}
}

func TestReadStockNamesAllProblems(t *testing.T) {
	path := writeFiles(t, map[string]string{
		"a.csv": "iccid\n8932042000001234562\n8.93E+18\n",
		"stock.json": `{"catalogue":{"plans":[{"id":"1","name":"a"},{"id":"1","name":"b"},{"name":"c"}],"simProducts":[{"id":"7","name":"MFF2"}],"roamingProfiles":[{"id":"1201","name":"r"}]},
			"sims":[{"file":"a.csv","column":"iccid","product":"7","except":["8932042000001234588"]},
				{"file":"a.csv","column":"sim","product":"7"},
				{"file":"b.csv","column":"iccid","product":"7"},
				{"first":"12","count":1,"product":"7"},
				{"first":"893204200000123456","count":0,"product":"7"},
				{"first":"893204200000123456","count":1,"product":"9"},
				{"first":"893204200000123457","count":1,"product":"7","iccids":[],"column":"x"},
				{"iccids":["123"],"count":3,"product":"7"}],
			"endpoints":[{"planId":"2","iccid":"8932042000001239999","status":"Hold"},
				{"endpointName":"a","endpointId":"X","iccid":"8932042000001234562","status":"Off"},
				{"endpointName":"b","endpointId":"X","iccid":"8932042000001234562"},
				{"endpointName":"c","roamingProfileId":"1201|1299","status":"Active"}]}`,
	})
	_, err := ReadStock(path)
	var problems fleet.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want problems", err)
	}
	wants := []string{
		`catalogue.plans[1]: id "1" is given twice`, `catalogue.plans[2]: no id`,
		`sims[0]: a.csv:3: iccid "8.93E+18" is in scientific notation`, `sims[0]: except has "8932042000001234588", which is not in a.csv`,
		`no column "sim", got iccid`, `b.csv: no such file`, `sims[3]: first is "12"`, `sims[4]: count is 0`,
		`sims[5]: product "9" is not in catalogue.simProducts`, `iccid 8932042000001234562 is given twice, first in sims[0]: a.csv:2`,
		`sims[6]: got 2 of file, first and iccids`, `sims[6]: column and except`, `sims[7].iccids[0]: iccid "123"`, `sims[7]: count goes with first`,
		`endpoints[0]: no endpointName`, `endpoints[0]: invalid planId 2`, `endpoints[0]: status is Hold with an iccid`,
		`endpoints[0]: iccid "8932042000001239999" is not in sims`, `endpoints[1]: status is "Off"`, `endpoints[2]: endpointId "X" is given twice`,
		`endpoints[2]: iccid "8932042000001234562" is linked twice`, `endpoints[3]: status is Active without an iccid`,
		`endpoints[3]: invalid roamingProfileId 1299`,
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got no problem %q in\n%v", want, err)
		}
	}
	if len(problems) != len(wants) {
		t.Errorf("got %d problems, want %d:\n%v", len(problems), len(wants), err)
	}
}

func TestReadStockIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		`{"catalog":{}}`:                       "unknown field",
		`{"sims":[{"products":"7"}]}`:          "unknown field",
		`{` + smallCatalogue + `} {}`:          "more than one",
		`{"endpoints":[{"endpointName":["a`:    "unexpected EOF",
		`{"sims":[{"count":"10","first":""}]}`: "cannot unmarshal",
	} {
		_, err := ReadStock(writeFiles(t, map[string]string{"stock.json": text}))
		if !errors.Is(err, fleet.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if _, err := ReadStock(filepath.Join(t.TempDir(), "none.json")); !errors.Is(err, fleet.ErrIO) {
		t.Errorf("no file: got %v, want fleet.ErrIO", err)
	}
}

func TestRangeCarries(t *testing.T) {
	for digits, want := range map[string]string{"199": "200", "109": "110", "1": "2", "999": "000", "18446744073709551615": "18446744073709551616"} {
		if got := next(digits); got != want {
			t.Errorf("after %s: got %s, want %s", digits, got, want)
		}
	}
}
