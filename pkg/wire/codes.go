package wire

import "strings"

// codeTable says what the inner codes of one operation mean. Codes that are in
// no table are a Mystery.
type codeTable struct {
	success []string
	noop    []string
	refused []string
	missing []string // unknown endpoint
}

// codes are the inner codes of the endpoint calls. 5014, 5017, 9003, 6413,
// 6420, 2507, 1254 and 10159 were observed in the collection dialect and are
// assumed for endpointInfo; 99xxx are this project's own stand-ins where
// nothing is known, and no success rests on them. The look-up codes are
// documented.
var codes = map[Op]codeTable{
	OpCreate:          {refused: []string{"99400", "99404", "99409"}},
	OpModify:          {refused: []string{"99400", "99409"}, missing: []string{"99404"}},
	OpLink:            {refused: []string{"99400", "99409"}, missing: []string{"99404"}},
	OpDelink:          {success: []string{"6413"}, noop: []string{"6420"}, refused: []string{"99400", "99409"}, missing: []string{"99404"}},
	OpActivate:        {success: []string{"5014"}, noop: []string{"2507"}, refused: []string{"6420", "99400", "99409"}, missing: []string{"99404"}},
	OpLifecycle:       {success: []string{"5017", "9003"}, noop: []string{"1254"}, refused: []string{"6420", "99400", "99409"}, missing: []string{"99404"}},
	OpDelete:          {success: []string{"10159"}, refused: []string{"99400", "99409"}, missing: []string{"99404"}},
	OpEndpoints:       {refused: []string{"99400"}, missing: []string{"99404"}},
	OpRatePlans:       {success: []string{"1604"}},
	OpServiceProfiles: {},
	OpRoamingProfiles: {success: []string{"1204"}},
}

// Codes that mean the same for every operation.
const (
	codeOK          = "0"
	codeToken       = "401"   // observed
	codeNoData      = "1359"  // documented
	codeUnexpected  = "10057" // documented
	codeUnsure      = "10239" // documented
	codeTimeout     = "10240" // documented
	timeoutMarker   = "api operation has time out"
	forbiddenMarker = "authorisation failure"
)

// What a refused login is refused for (documented). With a wrong target account the
// password may be right all the same.
const (
	CodeBadLogin  = "10126"
	CodeBadTarget = "10117"
	CodeBlocked   = "11044"
)

// throttleMarkers are the texts that mean "too many calls" (the first was
// observed, the rest are its likely wordings).
var throttleMarkers = []string{
	"rate limit", "rate-limit", "ratelimit", "too many requests", "too many calls",
	"throttl", "transactions per second", "quota exceeded", "exceeded the allowed number of", "tps limit",
}

func throttledText(text string) bool {
	text = strings.ToLower(text)
	for _, marker := range throttleMarkers {
		if strings.Contains(text, marker) {
			return true
		}
	}
	return false
}
