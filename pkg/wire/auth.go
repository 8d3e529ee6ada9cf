package wire

import (
	"encoding/json"
	"strings"
)

// Tokens are the pair that a login or a refresh gives.
type Tokens struct {
	Access  string
	Refresh string
}

// Login builds the login request (documented): no token, the credentials as
// body, and for a reseller the account to act as.
func Login(username, password, targetAccount string) (Request, error) {
	body, err := json.Marshal(struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Target   string `json:"targetAccountId,omitempty"`
	}{username, password, targetAccount})
	return Request{Op: OpLogin, Method: "POST", Path: "/api/login", Body: body}, err
}

// Refresh builds the request for a new pair; it carries the refresh token
// where other calls carry the access token (documented).
func Refresh() Request {
	return Request{Op: OpRefresh, Method: "GET", Path: "/api/RefreshToken"}
}

// NoTokens is the Text of a fault where a login, or a refresh, was answered with neither
// tokens nor an envelope: it may not have been the platform that answered.
const NoTokens = "the answer is no pair of tokens"

// ReadTokens reads the answer to a login or a refresh: flat JSON without an
// envelope on success (documented); a refusal is assumed to come in an
// envelope or as HTTP 401. The error is a *Fault, which never shows the body:
// it may hold a token or the password.
func ReadTokens(op Op, reply Reply) (Tokens, error) {
	var flat struct {
		AccessToken, RefreshToken string
		ResultCode                value
	}
	object := checkShape(reply.Body) == nil && json.Unmarshal(reply.Body, &flat) == nil
	if object && classOfStatus(reply.Status) == OK && flat.AccessToken != "" {
		return Tokens{flat.AccessToken, flat.RefreshToken}, nil
	}
	env, fault := documented.judge(op, reply)
	if fault == nil {
		fault = &Fault{Op: op, Class: MissingData, Status: reply.Status}
	}
	if !env.ResultCode.given && !env.ResultParam.ResultCode.given {
		fault.Text, fault.Err, fault.Inner = NoTokens, nil, flat.ResultCode.text
	}
	fault.Class = classOfLogin(fault, object)
	return Tokens{}, fault
}

// classOfLogin turns every answer that may count towards the platform's
// lock-out into LoginRefused: whatever is well formed and gives no tokens. The
// object says that the answer was JSON.
func classOfLogin(f *Fault, object bool) Class {
	switch f.Inner {
	case CodeBadTarget, CodeBlocked:
		return LoginRefused
	case CodeBadLogin:
		if f.Class == TimedOut || strings.Contains(strings.ToLower(f.Text), "time out") {
			return TimedOut // documented beside a time-out note
		}
		return LoginRefused
	}
	switch f.Class {
	case Unauthorized, Forbidden, Mystery, Refused, NotFound, NoData, ClientError:
		return LoginRefused
	case BadReply, MissingData:
		if object {
			return LoginRefused
		}
	}
	return f.Class
}
