package wire

import (
	"fmt"
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

func envelopeOf(outer, inner, text string) string {
	return fmt.Sprintf(`{"Response":{"resultCode":%q,"resultParam":{"resultCode":%q,"resultDescription":%q}}}`, outer, inner, text)
}

// Every reading of a reply to a mutating call: the order is markers, the
// operation's own codes, the outer code, failure.
func TestReadCall(t *testing.T) {
	const created = `{"Response":{"resultCode":"0","endpointId":"881","resultParam":{"resultCode":"99001"}}}`
	tests := []struct {
		name   string
		action fleet.Action
		status int
		body   string
		want   Class
	}{
		{"create with the id under Response", fleet.Create, 200, created, OK},
		{"create with the id under responseParam", fleet.Create, 200, `{"Response":{"resultCode":"0","responseParam":{"endPointId":881}}}`, OK},
		{"create with two ids that agree", fleet.Create, 200, `{"Response":{"resultCode":"0","endPointId":"881","responseParam":{"endpointId":"881"}}}`, OK},
		{"create with two ids that differ", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":"881","responseParam":{"endpointId":"882"}}}`, WrongEcho},
		{"create about another name", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":"881","endpointName":"meter-2"}}`, WrongEcho},
		{"create without id", fleet.Create, 200, envelopeOf("0", "99001", ""), MissingData},
		{"create with null id", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":null}}`, MissingData},
		{"create with id 0", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":0}}`, MissingData},
		{"create refused", fleet.Create, 200, envelopeOf("1", "99400", "planId unknown"), Refused},
		{"activate 5014", fleet.Activate, 200, envelopeOf("0", "5014", ""), OK},
		{"activate 5014 under outer 1", fleet.Activate, 200, envelopeOf("1", "5014", ""), OK},
		{"activate 2507 under outer 1", fleet.Activate, 200, envelopeOf("1", "2507", "already active"), NoOp},
		{"activate 6420", fleet.Activate, 200, envelopeOf("1", "6420", "no SIM"), Refused},
		{"suspend 5017", fleet.Suspend, 200, envelopeOf("0", "5017", ""), OK},
		{"suspend 9003", fleet.Suspend, 200, envelopeOf("0", "9003", ""), OK},
		{"resume 1254 under outer 1", fleet.Resume, 200, envelopeOf("1", "1254", ""), NoOp},
		{"delink 6413", fleet.Delink, 200, envelopeOf("0", "6413", ""), OK},
		{"delink 6420 under outer 1", fleet.Delink, 200, envelopeOf("1", "6420", ""), NoOp},
		{"delete 10159", fleet.Delete, 200, envelopeOf("0", "10159", ""), OK},
		{"delete of an unknown endpoint", fleet.Delete, 200, envelopeOf("1", "99404", ""), NotFound},
		{"link rests on outer 0", fleet.Link, 200, envelopeOf("0", "77777", ""), OK},
		{"link with its stand-in code under outer 1", fleet.Link, 200, envelopeOf("1", "99003", ""), Mystery},
		{"about another id", fleet.Activate, 200, `{"Response":{"resultCode":"0","endpointId":"882"}}`, WrongEcho},
		{"401 inside the envelope", fleet.Activate, 200, envelopeOf("1", "401", "token"), Unauthorized},
		{"401 in the status", fleet.Activate, 401, ``, Unauthorized},
		{"429", fleet.Activate, 429, `slow down`, Throttled},
		{"rate limit inside the envelope", fleet.Activate, 200, envelopeOf("1", "99", "Rate Limit exceeded"), Throttled},
		{"rate limit under outer 0", fleet.Create, 200, envelopeOf("0", "0", "rate limit exceeded"), Throttled},
		{"rate limit as plain text", fleet.Activate, 200, `rate limit exceeded`, Throttled},
		{"rate limit beside the name rate limit", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":"9","resultParam":{"resultDescription":"rate limit 4 created"}}}`, OK},
		{"time-out text", fleet.Create, 200, envelopeOf("1", "1", "API operation has Time out, verify completion"), TimedOut},
		{"time-out text under outer 0", fleet.Create, 200, envelopeOf("0", "0", "API Operation has time out"), TimedOut},
		{"10240", fleet.Create, 200, envelopeOf("1", "10240", ""), TimedOut},
		{"10240 under outer 0", fleet.Create, 200, envelopeOf("0", "10240", ""), TimedOut},
		{"10239", fleet.Create, 200, envelopeOf("1", "10239", ""), Unsure},
		{"10057", fleet.Create, 200, envelopeOf("1", "10057", ""), Unexpected},
		{"wrong account type", fleet.Create, 200, envelopeOf("1", "4711", "Authorisation Failure"), Forbidden},
		{"a code that nobody explained", fleet.Create, 200, envelopeOf("1", "4711", "oops"), Mystery},
		{"1359 to a mutation", fleet.Activate, 200, envelopeOf("1", "1359", ""), NoData},
		{"1359 to a mutation under outer 0", fleet.Activate, 200, envelopeOf("0", "1359", ""), NoData},
		{"10057 under outer 0", fleet.Activate, 200, envelopeOf("0", "10057", ""), Unexpected},
		{"201 without an envelope", fleet.Create, 201, `created`, BadReply},
		{"202 without a body", fleet.Activate, 202, ``, BadReply},
		{"204", fleet.Delete, 204, ``, BadReply},
		{"success under 201", fleet.Create, 201, created, OK},
		{"a success that speaks of throttling", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":"881","resultParam":{"resultDescription":"created; throttling policy GOLD applies"}}}`, OK},
		{"a success that speaks of the rate limit", fleet.Activate, 200, envelopeOf("0", "5014", "rate limit 4 of 5 used"), OK},
		{"a success code beside a guess at throttling", fleet.Link, 200, envelopeOf("0", "0", "throttling policy GOLD applies"), Mystery},
		{"a page that speaks of throttling", fleet.Create, 200, `<html><script>_.throttle(g)</script>rate limit</html>`, BadReply},
		{"a long text that speaks of the rate limit", fleet.Create, 200, strings.Repeat("rate limit ", 100), BadReply},
		{"responseParam is empty", fleet.Activate, 200, `{"Response":{"resultCode":"0","resultParam":{"resultCode":"5014"},"responseParam":[]}}`, OK},
		{"responseParam is a text", fleet.Activate, 200, `{"Response":{"resultCode":"0","resultParam":{"resultCode":"5014"},"responseParam":""}}`, OK},
		{"500", fleet.Create, 500, `{}`, ServerError},
		{"success under 500", fleet.Create, 500, created, ServerError},
		{"503 that says rate limit", fleet.Activate, 503, `rate limit`, ServerError},
		{"502 with an envelope that says so", fleet.Create, 502, envelopeOf("1", "77", "upstream answer lost; throttling for 5s"), ServerError},
		{"half an envelope that says so", fleet.Create, 200, `{"Response":{"endpointName":"rate limit`, BadReply},
		{"inner 401 beside a success", fleet.Create, 200, `{"Response":{"resultCode":"0","endpointId":"881","resultParam":{"resultCode":"401"}}}`, Mystery},
		{"the words of a wrong account type inside others", fleet.Create, 200, envelopeOf("1", "12345", "GROUP AUTHORISATION FAILURE REPORTS: endpoint stored"), Mystery},
		{"the words of a wrong account type", fleet.Create, 200, envelopeOf("1", "12345", "Authorisation Failure."), Forbidden},
		{"503", fleet.Activate, 503, `busy`, ServerError},
		{"404", fleet.Create, 404, `not here`, ClientError},
		{"408", fleet.Create, 408, ``, TimedOut},
		{"302", fleet.Create, 302, ``, Redirect},
		{"HTML page", fleet.Create, 200, `<html>Welcome</html>`, BadReply},
		{"empty body", fleet.Create, 200, ``, BadReply},
		{"empty object", fleet.Create, 200, `{}`, BadReply},
		{"null", fleet.Create, 200, `null`, BadReply},
		{"Response is null", fleet.Create, 200, `{"Response":null}`, BadReply},
		{"no code at all", fleet.Create, 200, `{"Response":{"endpointId":"1"}}`, BadReply},
		{"outer code twice", fleet.Create, 200, `{"Response":{"resultCode":"0","ResultCode":"1","endpointId":"1"}}`, BadReply},
		{"trailing rubbish", fleet.Create, 200, created + `<html>`, BadReply},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := fleet.Call{Action: tt.action, Name: "meter-1", EndpointID: "881"}
			if strings.Contains(tt.name, "beside the name") {
				call.Name = "Rate limit 4"
			}
			if tt.action == fleet.Create {
				call.EndpointID = ""
			}
			_, _, err := EndpointInfo{}.ReadCall(call, Reply{tt.status, []byte(tt.body)})
			if got := ClassOf(err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestACutReplyIsNeverSuccess(t *testing.T) {
	const whole = `{"Response":{"resultCode":"0","endpointId":"881","resultParam":{"resultCode":"99001","resultDescription":"created"}}}`
	for cut := range len(whole) {
		_, _, err := EndpointInfo{}.ReadCall(fleet.Call{Action: fleet.Create}, Reply{200, []byte(whole[:cut])})
		if ClassOf(err) != BadReply {
			t.Errorf("cut at %d: got %v, want a bad reply", cut, err)
		}
	}
}

func TestRateLimitWordings(t *testing.T) {
	for _, text := range []string{
		"rate limit", "Rate limit exceeded", "RATE LIMIT REACHED", "API rate limit exceeded for account 12", "rate-limit exceeded",
		"RateLimit exceeded", "You have hit the rate limit.", "Too Many Requests", "too many requests, slow down", "Too many calls per second",
		"Request was throttled", "Throttling limit reached", "throttled: retry later", "Transactions per second limit (2) exceeded",
		"Quota exceeded", "request quota exceeded for the period", "exceeded the allowed number of calls", "TPS limit crossed",
		"error: rate limit (2/s)", "Message throttled out",
	} {
		_, _, err := EndpointInfo{}.ReadCall(fleet.Call{Action: fleet.Activate, EndpointID: "1"}, Reply{200, []byte(envelopeOf("1", "900", text))})
		if got := ClassOf(err); got != Throttled {
			t.Errorf("%q: got %s, want %s", text, got, Throttled)
		}
	}
}

func TestReadTokens(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   Class
	}{
		{"a pair", 200, `{"AccessToken":"a.b.c","RefreshToken":"r"}`, OK},
		{"wrong password", 200, envelopeOf("1", "10126", "Invalid username or password"), LoginRefused},
		{"10126 beside a time-out", 200, envelopeOf("1", "10126", "API operation has Time out"), TimedOut},
		{"wrong target account", 200, envelopeOf("1", "10117", ""), LoginRefused},
		{"blocked", 200, envelopeOf("1", "11044", ""), LoginRefused},
		{"HTTP 401", 401, ``, LoginRefused},
		{"HTTP 403", 403, ``, LoginRefused},
		{"a failure that nobody explained", 200, envelopeOf("1", "31", "hm"), LoginRefused},
		{"throttled", 429, ``, Throttled},
		{"empty body", 200, ``, BadReply},
		{"a page", 200, `<html>`, BadReply},
		{"500", 500, ``, ServerError},
		{"success without tokens", 200, envelopeOf("0", "0", ""), LoginRefused},
		{"a flat refusal", 200, `{"resultCode":"10126","message":"no"}`, LoginRefused},
		{"another flat refusal", 200, `{"error":"invalid credentials"}`, LoginRefused},
		{"null for a token", 200, `{"AccessToken":null,"RefreshToken":null}`, LoginRefused},
		{"a flat throttle", 200, `{"error":"rate limit exceeded"}`, Throttled},
		{"tokens under 201", 201, `{"AccessToken":"a.b.c","RefreshToken":"r"}`, OK},
		{"tokens under 403", 403, `{"AccessToken":"c4n4ry","RefreshToken":"c4n4ry"}`, LoginRefused},
		{"a page with the password", 500, `<html>c4n4ry`, ServerError},
		{"a flat object with the password", 400, `{"password":"c4n4ry"}`, LoginRefused},
		{"an empty token", 200, `{"AccessToken":""}`, LoginRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tokens, err := ReadTokens(OpLogin, Reply{tt.status, []byte(tt.body)})
			if got := ClassOf(err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if (tokens.Access != "") != (tt.want == OK) {
				t.Errorf("got token %q", tokens.Access)
			}
			if err != nil && strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("the error shows what must not be shown: %v", err)
			}
		})
	}
}

func TestLoginBody(t *testing.T) {
	req, err := Login("ann", `p"w`, "")
	if err != nil || string(req.Body) != `{"username":"ann","password":"p\"w"}` || req.Path != "/api/login" || req.Method != "POST" {
		t.Errorf("got %s %s %s, %v", req.Method, req.Path, req.Body, err)
	}
	if req, _ = Login("ann", "pw", "child"); string(req.Body) != `{"username":"ann","password":"pw","targetAccountId":"child"}` {
		t.Errorf("got %s", req.Body)
	}
}

// FuzzReadCall: no reply makes the reader panic, and none that lacks an id is
// a created endpoint.
func FuzzReadCall(f *testing.F) {
	f.Add(200, `{"Response":{"resultCode":"0","endpointId":"881"}}`)
	f.Add(200, envelopeOf("1", "2507", "already"))
	f.Add(503, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		for _, action := range fleet.Actions {
			call := fleet.Call{Action: action, EndpointID: "881", Name: "n"}
			if action == fleet.Create {
				call.EndpointID = ""
			}
			id, _, err := EndpointInfo{}.ReadCall(call, Reply{status, []byte(body)})
			if err == nil && (id == "" || id == "0" || status < 200 || status > 299) {
				t.Errorf("%s: success with id %q under status %d", action, id, status)
			}
		}
		for list := fleet.Endpoints; list <= fleet.RoamingProfiles; list++ {
			page, err := EndpointInfo{}.ReadQuery(fleet.Query{List: list}, Reply{status, []byte(body)})
			for _, e := range page.Endpoints {
				if err != nil || e.ID == "" || e.ID == "0" {
					t.Errorf("endpoint %+v beside error %v", e, err)
				}
			}
		}
	})
}

func TestTheNumberOfAnAnswer(t *testing.T) {
	for body, want := range map[string]string{
		`{"Response":{"resultCode":"0","responseId":"77-a"}}`: "77-a", `{"Response":{"responseId":12}}`: "12", `{"Response":{"responseId":"-"}}`: "", `{"Response":{"responseId":{}}}`: "", `<p>`: "", `{}`: "",
	} {
		if got := ResponseID(Reply{Body: []byte(body)}); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}
