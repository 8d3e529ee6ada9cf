package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sftctl/pkg/fleet"
)

// value is a scalar of a reply. Codes and ids come as strings or as numbers
// (observed) and are kept as text, digit by digit; "-", "" and null mean that
// there is no value (observed), an absent key that nothing was said.
type value struct {
	text  string
	given bool
}

var errTwice = errors.New("a field is given twice with different values")

// UnmarshalJSON reads a string, a whole number, a bool or null. Since field
// names match in any letter case, the same field can come twice; that is an
// error unless both say the same.
func (v *value) UnmarshalJSON(data []byte) error {
	if len(data) > mostValue {
		return fmt.Errorf("got a value of %d bytes, want at most %d", len(data), mostValue)
	}
	return v.read(data)
}

func (v *value) read(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return err
	}
	if v.given && v.text != text {
		return errTwice
	}
	*v = value{text, true}
	return nil
}

func scalar(data []byte) (string, error) {
	switch {
	case data[0] == '"':
		return quoted(data)
	case string(data) == "null":
		return "", nil
	case string(data) == "true" || string(data) == "false":
		return string(data), nil
	case bytes.ContainsAny(data, "{[.eE"):
		return "", fmt.Errorf("got %.40s, want a text or a whole number", data)
	}
	return string(data), nil
}

func quoted(data []byte) (string, error) {
	text := string(data[1 : len(data)-1])
	if strings.IndexByte(text, '\\') >= 0 || !utf8.ValidString(text) {
		if err := json.Unmarshal(data, &text); err != nil {
			return "", err
		}
	}
	if trimmed := strings.TrimSpace(text); trimmed == "-" || trimmed == "" {
		return "", nil
	}
	return text, nil
}

// id returns the value as an id. A zero is no id: it is what a missing one
// turns into on the way through other programs.
func (v value) id() fleet.ID {
	if v.text == "0" {
		return ""
	}
	return fleet.ID(v.text)
}

// first returns the first value that was given.
func first(values ...value) value {
	for _, v := range values {
		if v.given {
			return v
		}
	}
	return value{}
}

// envelope is the platform's reply (documented). Field names match in any
// letter case, which covers endpointId, endPointId and endpointID.
type envelope struct {
	ResultCode     value           `json:"resultCode"`
	EndpointID     value           `json:"endpointId"`
	EndpointName   value           `json:"endpointName"`
	TotalNoOfPages value           `json:"totalNoOfPages"`
	ResultParam    resultParam     `json:"resultParam"`
	ResponseParam  json.RawMessage `json:"responseParam"`
	Info           json.RawMessage `json:"info"` // of a profile (observed)
}

// ResponseID is the platform's own number of an answer (documented), empty when it
// has none.
func ResponseID(reply Reply) string {
	var outer struct {
		Response struct {
			ResponseID value `json:"responseId"`
		} `json:"Response"`
	}
	if json.Unmarshal(reply.Body, &outer) != nil {
		return ""
	}
	return outer.Response.ResponseID.text
}

type resultParam struct {
	ResultCode        value `json:"resultCode"`
	ResultDescription prose `json:"resultDescription"`
}

// prose is a value that people read: it may be long, and is cut when it was
// understood.
type prose struct{ value }

// UnmarshalJSON reads it whole.
func (p *prose) UnmarshalJSON(data []byte) error { return p.read(data) }

// param is what a reply to a mutating call may say of its endpoint.
type param struct {
	EndpointID   value `json:"endpointId"`
	EndpointName value `json:"endpointName"`
}

// param reads responseParam where it is an object; it may be missing (observed),
// and nothing of a mutating call rests on it when it is anything else.
func (e envelope) param() (param, error) {
	var p param
	if data := bytes.TrimSpace(e.ResponseParam); len(data) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// ids are the endpoint's id in either place where the platform puts it; what is
// missing is empty.
func (e envelope) ids() ([]fleet.ID, error) {
	outer := e.EndpointID.id()
	p, err := e.param()
	if err != nil {
		return []fleet.ID{outer}, err
	}
	return []fleet.ID{outer, p.EndpointID.id()}, nil
}

func parseEnvelope(body []byte) (envelope, error) {
	var outer struct {
		Response *envelope `json:"Response"`
	}
	if err := checkShape(body); err != nil {
		return envelope{}, err
	}
	if err := json.Unmarshal(body, &outer); err != nil {
		return envelope{}, err
	}
	if outer.Response == nil || !outer.Response.ResultCode.given && !outer.Response.ResultParam.ResultCode.given {
		return envelope{}, errors.New("no Response with a resultCode")
	}
	return *outer.Response, nil
}

// reading is how the answers of one dialect are read.
type reading struct {
	codes map[Op]codeTable
	ids   func(Op, envelope) ([]fleet.ID, error) // the ids of the endpoint that an answer names
}

// documented reads the answers of the endpointInfo dialect.
var documented = reading{codes, func(_ Op, e envelope) ([]fleet.ID, error) { return e.ids() }}

// named says whether an answer names an endpoint at all.
func (r reading) named(op Op, env envelope) bool {
	ids, _ := r.ids(op, env) // what cannot be read names nothing
	return firstID(ids) != ""
}

func firstID(ids []fleet.ID) fleet.ID {
	for _, id := range ids {
		if id != "" {
			return id
		}
	}
	return ""
}

// judge reads the envelope of a reply and says what it means, in the order
// that agrees with every client seen: markers first, then the operation's own
// inner codes, then the outer code, then failure. The names are those of the
// call's endpoint: a text that repeats them must not be taken for a marker.
// The fault is nil only for success.
func (r reading) judge(op Op, reply Reply, names ...string) (envelope, *Fault) {
	fault := &Fault{Op: op, Status: reply.Status}
	env, err := parseEnvelope(reply.Body)
	if err != nil {
		fault.Class, fault.Text = classOfBare(op, reply, names), preview(reply.Body)
		if fault.Class == BadReply {
			fault.Err = err
		}
		return env, fault
	}
	fault.Outer, fault.Inner = env.ResultCode.text, env.ResultParam.ResultCode.text
	fault.Text = env.ResultParam.ResultDescription.text
	fault.Class = classOf(fault, r.codes[op], without(fault.Text, names), r.named(op, env))
	fault.Text = brief(fault.Text)
	if fault.Class == OK {
		return env, nil
	}
	return env, fault
}

// classOfBare is the class of a reply that carries no envelope: never success,
// whatever its status.
func classOfBare(op Op, reply Reply, names []string) Class {
	if status := classOfStatus(reply.Status); status != OK {
		return status
	}
	const most = 64 << 10 // a message stands at the beginning
	switch text := strings.ToLower(string(reply.Body[:min(len(reply.Body), most)])); {
	case strings.Contains(text, timeoutMarker):
		return TimedOut
	case isMessage(op, text) && throttledText(without(text, names)):
		return Throttled
	}
	return BadReply
}

// isMessage says whether a body is a short plain message. A page or the half of
// an envelope may hold any word, and proves nothing by it; for a read, which is
// asked for again anyhow, less will do.
func isMessage(op Op, body string) bool {
	const most = 500
	return len(body) <= most && !strings.Contains(body, "<") && (!op.Mutates() || !strings.Contains(body, "{"))
}

// classOfStatus is what an HTTP status says by itself.
func classOfStatus(status int) Class {
	switch {
	case status == 401:
		return Unauthorized
	case status == 429:
		return Throttled
	case status == 408:
		return TimedOut
	case status >= 500:
		return ServerError
	case status >= 400:
		return ClientError
	case status >= 300:
		return Redirect
	case status >= 200:
		return OK
	}
	return BadReply
}

// classOf is the class of an envelope by its text in small letters; created
// says whether it gives an id.
func classOf(f *Fault, table codeTable, lower string, created bool) Class {
	succeeds := slices.Contains(table.success, f.Inner)
	switch status := classOfStatus(f.Status); {
	case status == Unauthorized || f.Outer == codeToken || f.Inner == codeToken && f.Outer != codeOK:
		return Unauthorized
	case status == Throttled:
		return Throttled
	case strings.Contains(lower, timeoutMarker) || f.Inner == codeTimeout:
		return TimedOut
	case f.Inner == codeUnsure:
		return Unsure
	case status != OK:
		return status
	case throttledText(lower):
		return classOfThrottle(f, lower, succeeds || f.Op == OpCreate && created)
	case f.Inner == codeToken: // beside a success code: nobody can tell
		return Mystery
	case succeeds:
		return OK
	case slices.Contains(table.noop, f.Inner):
		return NoOp
	case f.Inner == codeNoData:
		return NoData
	case f.Inner == codeUnexpected:
		return Unexpected
	case f.Outer == codeOK:
		return OK
	}
	return classOfFailure(f, lower, table)
}

// classOfThrottle weighs a text that speaks of throttling. Beside the data of a
// success it is just a text. Beside a success code without data only the
// wording that was observed proves that nothing was executed.
func classOfThrottle(f *Fault, lower string, succeeded bool) Class {
	switch {
	case succeeded && f.Outer == codeOK:
		return OK
	case f.Outer != codeOK || !f.Op.Mutates() || strings.Contains(lower, throttleMarkers[0]):
		return Throttled
	}
	return Mystery
}

func classOfFailure(f *Fault, lower string, table codeTable) Class {
	switch {
	case strings.Trim(lower, " .!") == forbiddenMarker: // the whole text: it stops the run
		return Forbidden
	case slices.Contains(table.refused, f.Inner):
		return Refused
	case slices.Contains(table.missing, f.Inner):
		return NotFound
	}
	return Mystery
}

// without removes those of the call's own names from a text, in whatever letter
// case, that could be taken for a marker.
func without(text string, names []string) string {
	text = strings.ToLower(text)
	for _, name := range names {
		name = strings.ToLower(name)
		if throttledText(name) || strings.Contains(name, timeoutMarker) {
			text = strings.ReplaceAll(text, name, "")
		}
	}
	return text
}

// preview is the beginning of a body that is not an envelope, for a message.
func preview(body []byte) string {
	const most = 80
	text := strings.Join(strings.Fields(string(body[:min(len(body), 4*most)])), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	if text == "" {
		return "empty body"
	}
	return fmt.Sprintf("got %q", text)
}
