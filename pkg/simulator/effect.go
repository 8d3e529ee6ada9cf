package simulator

import (
	"fmt"
	"net/http"
	"strings"

	"sftctl/pkg/fleet"
)

// Effect is what goes wrong with a call. Its text form is what ParseFault
// reads. Work is what a mutating call does to the fleet; reads and logins have
// none, and of them only the answer is touched.
type Effect uint8

// The effects. The zero Effect is that nothing goes wrong.
const (
	NoEffect          Effect = iota
	Status401                // HTTP 401, not done
	Enveloped401             // code 401 in an envelope, not done
	Status429                // HTTP 429, not done
	RateLimitText            // "rate limit" in an envelope, not done
	Forbidden                // "Authorisation Failure", not done
	TimeoutApplied           // the platform's time-out text (10240), done
	TimeoutLate              // the same, done after the fault's delay
	TimeoutDropped           // the same, never done
	UnsureApplied            // 10239, done
	UnsureLate               // 10239, done after the delay
	UnsureDropped            // 10239, never done
	Unexpected               // 10057, not done
	UnexpectedApplied        // 10057, done
	HTTP500Before            // a bare HTTP status, not done
	HTTP502Before
	HTTP503Before
	HTTP504Before
	HTTP500After // a bare HTTP status, done
	HTTP502After
	HTTP503After
	HTTP504After
	DropBefore    // the connection ends without an answer, not done
	DropAfter     // the same, done
	DropLate      // the same, done after the delay
	CutBody       // the connection ends in the middle of the answer, done
	TruncatedJSON // half of the answer, with the length of that half, done
	HTMLPage      // a proxy's page with HTTP 200, not done
	EmptyBody     // HTTP 200 without a body, done
	NotJSON       // HTTP 200 and a line of text, done
	NoData0       // 1359 under an outer 0, not done
	NoData1       // 1359 under an outer 1, not done
	NoID          // success without the endpoint's id, done
	NoParam       // success without responseParam, done
	WrongID       // success that names another endpoint, done
	LyingSuccess  // success, and nothing done
	HangApplied   // no answer at all, done
	HangLate      // no answer at all, done after the delay
	HangDropped   // no answer at all, never done
	Slow          // the answer and the work come after the delay
	PagingIgnored // the whole listing, without totals
	RowMissed     // a page as if a row before it had just gone: one row is skipped
	RowRepeated   // a page as if a row before it had just come: one row is given again
	Duplicate     // done twice, answered once
	LoginRefused  // 10126, not done
	LoginBlocked  // 11044, not done
	Redirect302   // HTTP 302 to another host, not done
	Redirect307   // HTTP 307 to another host, not done
	MadeOnly      // 10239; of a create with link and activation, the endpoint is made, else done
	LinkedOnly    // the same, the endpoint is made and its SIM linked
	MadeFirst     // the same, the rest is done after the delay
	effectEnd
)

// when is the time at which an effect has the work done.
type when uint8

const (
	atOnce when = iota
	later       // after the fault's delay
	never
)

// trait is all there is to know of an effect.
type trait struct {
	name  string
	work  when
	hangs bool
	// answer makes the answer, from the platform's reply where the work was
	// done at once; nil gives that reply.
	answer func(*Simulator, *call, reply) answer
}

var effects = [effectEnd]trait{
	NoEffect:          {name: ""},
	Status401:         {name: "status-401", work: never, answer: status(http.StatusUnauthorized)},
	Enveloped401:      {name: "enveloped-401", work: never, answer: says(codeToken, "token is invalid or expired")},
	Status429:         {name: "status-429", work: never, answer: func(s *Simulator, _ *call, _ reply) answer { return s.tooMany() }},
	RateLimitText:     {name: "rate-limit-text", work: never, answer: says(codeThrottled, textThrottled)},
	Forbidden:         {name: "forbidden", work: never, answer: says(codeForbidden, textForbidden)},
	TimeoutApplied:    {name: "timeout-applied", answer: timeout},
	TimeoutLate:       {name: "timeout-late", work: later, answer: timeout},
	TimeoutDropped:    {name: "timeout-dropped", work: never, answer: timeout},
	UnsureApplied:     {name: "unsure-applied", answer: unsure},
	UnsureLate:        {name: "unsure-late", work: later, answer: unsure},
	UnsureDropped:     {name: "unsure-dropped", work: never, answer: unsure},
	Unexpected:        {name: "unexpected", work: never, answer: says(codeUnexpected, "unexpected error, try again")},
	UnexpectedApplied: {name: "unexpected-applied", answer: says(codeUnexpected, "unexpected error, try again")},
	HTTP500Before:     {name: "http-500-before", work: never, answer: status(500)},
	HTTP502Before:     {name: "http-502-before", work: never, answer: status(502)},
	HTTP503Before:     {name: "http-503-before", work: never, answer: status(503)},
	HTTP504Before:     {name: "http-504-before", work: never, answer: status(504)},
	HTTP500After:      {name: "http-500-after", answer: status(500)},
	HTTP502After:      {name: "http-502-after", answer: status(502)},
	HTTP503After:      {name: "http-503-after", answer: status(503)},
	HTTP504After:      {name: "http-504-after", answer: status(504)},
	DropBefore:        {name: "drop-before", work: never, answer: dropped},
	DropAfter:         {name: "drop-after", answer: dropped},
	DropLate:          {name: "drop-late", work: later, answer: dropped},
	CutBody:           {name: "cut-body", answer: cutBody},
	TruncatedJSON:     {name: "truncated-json", answer: truncated},
	HTMLPage:          {name: "html-page", work: never, answer: instead(kindHTML, htmlPage)},
	EmptyBody:         {name: "empty-body", answer: instead(kindJSON, "")},
	NotJSON:           {name: "not-json", answer: instead(kindText, "The service is busy.\n")},
	NoData0:           {name: "no-data-0", work: never, answer: noData0},
	NoData1:           {name: "no-data-1", work: never, answer: says(codeNoData, "no data available")},
	NoID:              {name: "no-id", answer: withoutID},
	NoParam:           {name: "no-param", answer: withoutParam},
	WrongID:           {name: "wrong-id", answer: wrongID},
	LyingSuccess:      {name: "lying-success"},
	HangApplied:       {name: "hang-applied", hangs: true},
	HangLate:          {name: "hang-late", work: later, hangs: true},
	HangDropped:       {name: "hang-dropped", work: never, hangs: true},
	Slow:              {name: "slow"},
	PagingIgnored:     {name: "paging-ignored"},
	RowMissed:         {name: "row-missed"},
	RowRepeated:       {name: "row-repeated"},
	Duplicate:         {name: "duplicate"},
	LoginRefused:      {name: "login-refused", work: never, answer: says(codeBadLogin, "invalid username or password")},
	LoginBlocked:      {name: "login-blocked", work: never, answer: says(codeBlocked, "the account is blocked")},
	Redirect302:       {name: "redirect-302", work: never, answer: redirect(http.StatusFound)},
	Redirect307:       {name: "redirect-307", work: never, answer: redirect(http.StatusTemporaryRedirect)},
	MadeOnly:          {name: "made-only", answer: unsure},
	LinkedOnly:        {name: "linked-only", answer: unsure},
	MadeFirst:         {name: "made-first", answer: unsure},
}

// EffectNames are the text forms of all effects but NoEffect.
func EffectNames() []string {
	names := make([]string, 0, effectEnd-1)
	for _, t := range effects[NoEffect+1:] {
		names = append(names, t.name)
	}
	return names
}

func (e Effect) String() string {
	if e >= effectEnd {
		return fmt.Sprintf("effect %d", uint8(e))
	}
	return effects[e].name
}

// MarshalText prints the effect; NoEffect is empty.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads an effect; empty is NoEffect.
func (e *Effect) UnmarshalText(text []byte) error {
	for i, t := range effects {
		if t.name == string(text) {
			*e = Effect(i)
			return nil
		}
	}
	return fmt.Errorf("unknown effect %s, want %s", fleet.Quote(string(text)), fleet.Alternatives(EffectNames()))
}

const htmlPage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>\n"

func status(code int) func(*Simulator, *call, reply) answer {
	return func(*Simulator, *call, reply) answer { return bare(code) }
}

// says answers with an envelope of failure.
func says(code, text string) func(*Simulator, *call, reply) answer {
	return func(s *Simulator, c *call, _ reply) answer { return s.inEnvelope(c, refuse(code, text)) }
}

// inEnvelope is render for a reply that must come in an envelope whatever the
// settings say.
func (s *Simulator) inEnvelope(c *call, r reply) answer {
	return answer{status: http.StatusOK, kind: kindJSON, outer: r.outer, inner: r.inner, body: s.envelope(nil, c.route.speech, r)}
}

// timeout is the platform's notice that it no longer waits; its text depends
// on the method (documented), its place in the envelope is assumed.
func timeout(s *Simulator, c *call, _ reply) answer {
	text := textTimeoutWork
	if c.route.method == "GET" {
		text = textTimeoutRead
	}
	return s.inEnvelope(c, refuse(codeTimeout, text))
}

func unsure(s *Simulator, c *call, _ reply) answer {
	return s.inEnvelope(c, refuse(codeUnsure, "operation failed, verify whether it was completed"))
}

func dropped(*Simulator, *call, reply) answer { return answer{drop: true} }

func cutBody(s *Simulator, c *call, r reply) answer {
	a := s.render(c, r)
	a.cut = true
	return a
}

func truncated(s *Simulator, c *call, r reply) answer {
	a := s.render(c, r)
	a.body = a.half()
	return a
}

func instead(kind, body string) func(*Simulator, *call, reply) answer {
	return func(*Simulator, *call, reply) answer {
		return answer{status: http.StatusOK, kind: kind, body: []byte(body)}
	}
}

func noData0(s *Simulator, c *call, _ reply) answer {
	return s.inEnvelope(c, reply{outer: "0", inner: codeNoData, text: "no data available", bare: true})
}

func withoutID(s *Simulator, c *call, r reply) answer {
	r.echo = ""
	return s.render(c, r)
}

func withoutParam(s *Simulator, c *call, r reply) answer {
	r.bare, r.top, r.profile = true, false, nil
	return s.render(c, r)
}

// wrongID names another endpoint: a live one when there is one.
func wrongID(s *Simulator, c *call, r reply) answer {
	if r.list != nil && len(r.list.endpoints) == 1 {
		other := *r.list.endpoints[0]
		other.ID = s.otherThan(other.ID)
		r.list.endpoints = []*endpoint{&other}
	}
	if r.profile != nil {
		other := *r.profile
		if other.ID = s.otherThan(other.ID); s.live.endpoints[other.ID] != nil {
			other = *s.live.endpoints[other.ID]
		}
		r.profile = &other
	}
	if r.echo != "" {
		r.echo = s.otherThan(r.echo)
	}
	return s.render(c, r)
}

func (s *Simulator) otherThan(id fleet.ID) fleet.ID {
	for _, e := range s.live.order {
		if e.ID != id {
			return e.ID
		}
	}
	return "9" + id
}

func redirect(code int) func(*Simulator, *call, reply) answer {
	return func(_ *Simulator, c *call, _ reply) answer {
		a := bare(code)
		a.extra = [2]string{"Location", "https://elsewhere.invalid/" + strings.TrimPrefix(c.route.path, "/")}
		return a
	}
}
