package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// reply is what the platform has to say, before it is written down.
type reply struct {
	outer, inner, text string
	echo               fleet.ID // the endpoint that it is about; empty on failure
	top                bool     // the id stands under Response too, as after a create
	bare               bool     // no responseParam even on success
	from, to           fleet.Status
	list               *listing
	profile            *endpoint // in place of responseParam
	tokens             *tokens   // a login's, without an envelope
}

func accept(code, text string, e *endpoint) reply {
	return reply{outer: "0", inner: code, text: text, echo: e.ID}
}

// refuse is a failure. The platform says "that is so already" in this way too
// (observed).
func refuse(code, text string) reply { return reply{outer: "1", inner: code, text: text} }

// answer is what travels.
type answer struct {
	status       int
	outer, inner string // for the log
	kind         string // content type
	extra        [2]string
	body         []byte
	drop         bool // the connection ends without an answer
	cut          bool // it ends after half of the body
	gone         bool // nobody waits for it any more
}

const (
	kindJSON = "application/json"
	kindText = "text/plain; charset=utf-8"
	kindHTML = "text/html; charset=utf-8"
)

// bare is an answer without an envelope.
func bare(status int) answer {
	return answer{status: status, kind: kindText, body: []byte(http.StatusText(status) + "\n")}
}

// send writes the answer; a lost connection is a panic that net/http knows.
func (a answer) send(w http.ResponseWriter) {
	if a.drop || a.gone {
		panic(http.ErrAbortHandler)
	}
	a.header(w.Header())
	w.WriteHeader(a.status)
	if !a.cut {
		_, _ = w.Write(a.body) // nobody to tell when the client has left
		return
	}
	_, _ = w.Write(a.half())
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func (a answer) header(h http.Header) {
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.extra[0] != "" {
		h.Set(a.extra[0], a.extra[1])
	}
}

func (a answer) half() []byte { return a.body[:len(a.body)/2] }

// stamp numbers and dates the replies; the text of a second is made once.
type stamp struct {
	count  uint64
	second int64
	text   string
}

func (t *stamp) at(now time.Time) string {
	if sec := now.Unix(); sec != t.second || t.text == "" {
		t.second, t.text = sec, dateText(now)
	}
	return t.text
}

// dateText is the day-first form of a time (documented for the day, assumed
// for the rest).
func dateText(t time.Time) string { return t.Format("02/01/2006 15:04:05") }

// render writes a reply as the platform does.
func (s *Simulator) render(c *call, r reply) answer {
	a := answer{status: http.StatusOK, kind: kindJSON, outer: r.outer, inner: r.inner}
	if r.tokens != nil {
		a.body, _ = json.Marshal(r.tokens) // two strings always marshal
		return a
	}
	if r.inner == codeToken && s.set.expiry == StatusExpiry {
		return bare(http.StatusUnauthorized)
	}
	if s.set.withoutID && c.route.op == wire.OpCreate {
		r.echo = ""
	}
	a.body = s.envelope(make([]byte, 0, 384+r.list.size()), c.route.speech, r)
	return a
}

// envelope writes the documented envelope; what stands under responseParam is
// there on success only (observed).
func (s *Simulator) envelope(b []byte, in speech, r reply) []byte {
	s.stamp.count++
	b = append(b, `{"Response":{"resultCode":`...)
	b = s.code(b, r.outer)
	b = append(b, `,"responseId":"R`...)
	b = strconv.AppendUint(b, s.stamp.count, 10)
	b = append(b, `","responseTimestamp":"`...)
	b = append(b, s.stamp.at(time.Now().UTC())...)
	b = append(b, '"')
	if r.top && r.echo != "" {
		b = member(b, in.idName(), string(r.echo))
	}
	if r.list != nil && r.list.pages >= 0 {
		b = append(b, `,"totalNoOfPages":`...)
		b = strconv.AppendInt(b, int64(r.list.pages), 10)
	}
	b = append(b, `,"resultParam":{"resultCode":`...)
	b = s.code(b, r.inner)
	b = member(b, "resultDescription", r.text)
	b = append(b, '}')
	switch {
	case r.outer == "0" && r.profile != nil:
		b = append(b, `,"info":`...)
		b = s.appendProfile(b, r.profile)
	case r.outer == "0" && !r.bare:
		b = append(b, `,"responseParam":`...)
		b = s.param(b, in, r)
	}
	return append(b, "}}"...)
}

// idName is how a dialect spells an endpoint's id.
func (in speech) idName() string {
	if in == collection {
		return "endPointId"
	}
	return "endpointId"
}

// param is what stands under responseParam. In the collection the id of a new
// endpoint was seen under Response only; that other calls repeat theirs is
// assumed.
func (s *Simulator) param(b []byte, in speech, r reply) []byte {
	if r.list != nil {
		return s.appendList(b, in, r.list)
	}
	b = append(b, '{')
	if r.echo != "" && !(r.top && in == collection) {
		b = member(b, in.idName(), string(r.echo))
	}
	if r.to != "" {
		b = member(b, "currentStatus", string(r.to))
		b = member(b, "previousStatus", string(r.from))
	}
	return append(b, '}')
}

func (s *Simulator) code(b []byte, code string) []byte {
	if s.set.numeric {
		return append(b, code...)
	}
	b = append(b, '"')
	b = append(b, code...)
	return append(b, '"')
}

// member adds a field to an object, behind a comma unless it is the first.
func member(b []byte, name, value string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	return appendText(b, value)
}

// dash is the platform's sign for no value (observed).
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
