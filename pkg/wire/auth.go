package wire

import (
	"encoding/json"
	"errors"
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

// ReadTokens reads the answer to a login or a refresh: flat JSON without an
// envelope on success (documented); a refusal is assumed to come in an
// envelope or as HTTP 401. The error is a *Fault.
func ReadTokens(op Op, reply Reply) (Tokens, error) {
	var flat struct{ AccessToken, RefreshToken string }
	if reply.Status == 200 && json.Unmarshal(reply.Body, &flat) == nil && flat.AccessToken != "" {
		return Tokens{flat.AccessToken, flat.RefreshToken}, nil
	}
	_, fault := judge(op, reply)
	if fault == nil {
		return Tokens{}, &Fault{Op: op, Class: MissingData, Status: reply.Status, Text: "no AccessToken in the reply"}
	}
	fault.Class = classOfLogin(fault)
	if fault.Class == BadReply {
		fault.Text, fault.Err = "not a token pair", errors.New("want AccessToken and RefreshToken") // the body may hold a token
	}
	return Tokens{}, fault
}

// classOfLogin turns every answer that could count towards the platform's
// lock-out into LoginRefused, an unexplained one with them.
func classOfLogin(f *Fault) Class {
	switch f.Inner {
	case codeBadTarget, codeBlocked:
		return LoginRefused
	case codeBadLogin:
		if f.Class == TimedOut || strings.Contains(strings.ToLower(f.Text), "time out") {
			return TimedOut // documented beside a time-out note
		}
		return LoginRefused
	}
	switch f.Class {
	case Unauthorized, Forbidden, Mystery, Refused, NotFound, ClientError:
		return LoginRefused
	}
	return f.Class
}
