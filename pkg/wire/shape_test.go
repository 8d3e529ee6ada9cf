package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

func TestShapes(t *testing.T) {
	items := func(n int) string { return "[" + strings.Repeat("1,", n) + "1]" }
	for name, tt := range map[string]struct {
		body string
		good bool
	}{
		"nothing":                  {"", true},
		"as deep as it may be":     {strings.Repeat("[", mostDepth) + strings.Repeat("]", mostDepth), true},
		"deeper":                   {strings.Repeat("[", mostDepth+1) + strings.Repeat("]", mostDepth+1), false},
		"objects, deeper":          {strings.Repeat(`{"a":`, mostDepth+1), false},
		"brackets in a text":       {`{"a":"` + strings.Repeat("[", 100) + `\"` + strings.Repeat("{", 100) + `\\"}`, true},
		"behind an escaped end":    {`{"a":"\\",` + strings.Repeat(`"b":[`, 100), false},
		"a text without an end":    {`{"a":"` + strings.Repeat("[", 100), true},
		"as many as may be":        {items(mostItems - 1), true},
		"more":                     {items(mostItems), false},
		"more, in several lists":   {"[" + items(mostItems/2) + "," + items(mostItems/2) + "]", false},
		"many fields":              {`{"a":[{` + strings.Repeat(`"b":1,`, 2*mostItems) + `"c":1}]}`, true},
		"closed more than opened":  {"]]]]" + items(10), true},
		"a list behind an object":  {`[{},` + items(mostItems)[1:], false},
		"an object behind a list":  {`{"a":[[]],` + strings.Repeat(`"b":1,`, mostItems), true},
		"commas outside of a list": {strings.Repeat(",", 2*mostItems), true},
	} {
		if err := checkShape([]byte(tt.body)); (err == nil) != tt.good {
			t.Errorf("%s: got %v, want it taken: %t", name, err, tt.good)
		}
	}
}

// An answer that is made to hurt is no success, whatever codes it has, and what
// is reported of any answer is short.
func TestAnswersThatHurt(t *testing.T) {
	const codes = `{"Response":{"resultCode":"0","endpointId":"881","responseParam":%s}}`
	long := strings.Repeat("9", mostValue+1)
	for name, body := range map[string]string{
		"deep":          fmt.Sprintf(codes, strings.Repeat("[", 40)+strings.Repeat("]", 40)),
		"many":          fmt.Sprintf(codes, `{"rows":[`+strings.Repeat("{},", mostItems)+`{}]}`),
		"a long id":     fmt.Sprintf(codes, `{"endpointId":"`+long+`"}`),
		"a long code":   `{"Response":{"resultCode":"` + long + `"}}`,
		"a long number": `{"Response":{"resultCode":` + long + `}}`,
	} {
		call := fleet.Call{Action: fleet.Create, Name: "m"}
		if id, code, err := (EndpointInfo{}).ReadCall(call, Reply{200, []byte(body)}); ClassOf(err) != BadReply || id != "" || len(code)+len(err.Error()) > 1000 {
			t.Errorf("%s: got id %q, code %.40q, %.100v", name, id, code, err)
		}
		if _, err := ReadTokens(OpLogin, Reply{200, []byte(body)}); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%s: login: got %.100v", name, err)
		}
		if _, err := (EndpointInfo{}).ReadQuery(fleet.Query{List: fleet.Endpoints, Page: 1}, Reply{200, []byte(body)}); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%s: listing: got %.100v", name, err)
		}
	}
}

// A description is understood whole, and told in brief.
func TestALongDescription(t *testing.T) {
	body := `{"Response":{"resultCode":"1","resultParam":{"resultCode":"1","resultDescription":"` + strings.Repeat("é ", 100_000) + `rate limit exceeded"}}}`
	_, _, err := (EndpointInfo{}).ReadCall(fleet.Call{Action: fleet.Activate, EndpointID: "881"}, Reply{200, []byte(body)})
	var f *Fault
	if !errors.As(err, &f) || f.Class != Throttled || len([]rune(f.Text)) != mostText+1 || !strings.HasSuffix(f.Text, "…") {
		t.Errorf("got %.200v", err)
	}
}

func BenchmarkCheckShape(b *testing.B) {
	row := `{"endpointId":"1000001","endpointName":"meter-0001","planId":"100234","iccid":"8932042000001234562","status":"Active"}`
	body := []byte(`{"Response":{"resultCode":"0","responseParam":{"rows":[` + strings.Repeat(row+",", 40_000) + row + `]}}}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := checkShape(body); err != nil {
			b.Fatal(err)
		}
	}
}
