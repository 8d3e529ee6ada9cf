package cli

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// named is the check that tells of a fault, and what it says.
type named struct{ check, seen string }

// namedAs are the faults by what the doctor calls them; where a login and a listing
// differ, by both.
var namedAs = map[string]named{
	"login status-401": {"login", "HTTP 401"}, "login enveloped-401": {"login", "refused (401)"},
	"endpoints status-401": {"answer", "unauthorized (HTTP 401)"}, "endpoints enveloped-401": {"answer", "unauthorized (401)"},
	"status-429": {"", "throttled"}, "rate-limit-text": {"", "throttled"},
	"login forbidden": {"login", "Authorisation Failure"}, "endpoints forbidden": {"permission", "Authorisation Failure"},
	"timeout-applied": {"", "timed out (10240)"}, "timeout-late": {"", "timed out (10240)"}, "timeout-dropped": {"", "timed out (10240)"},
	"unsure-applied": {"", "unsure (10239)"}, "unsure-late": {"", "unsure (10239)"}, "unsure-dropped": {"", "unsure (10239)"},
	"made-only": {"", "unsure (10239)"}, "linked-only": {"", "unsure (10239)"}, "made-first": {"", "unsure (10239)"},
	"unexpected": {"", "unexpected error (10057)"}, "unexpected-applied": {"", "unexpected error (10057)"},
	"http-500-before": {"", "HTTP 500"}, "http-502-before": {"", "HTTP 502"}, "http-503-before": {"", "HTTP 503"}, "http-504-before": {"", "HTTP 504"},
	"http-500-after": {"", "HTTP 500"}, "http-502-after": {"", "HTTP 502"}, "http-503-after": {"", "HTTP 503"}, "http-504-after": {"", "HTTP 504"},
	"drop-before": {"", "connection lost"}, "drop-after": {"", "connection lost"}, "drop-late": {"", "connection lost"}, "cut-body": {"", "connection lost"},
	"truncated-json": {"", "bad reply"}, "html-page": {"", "bad reply"}, "empty-body": {"", "bad reply"}, "not-json": {"", "bad reply"},
	"login no-data-0": {"login", "(1359)"}, "login no-data-1": {"login", "(1359)"},
	"endpoints no-param": {"dialect", "no responseParam"},
	"hang-applied":       {"", "no answer in time"}, "hang-late": {"", "no answer in time"}, "hang-dropped": {"", "no answer in time"}, "slow": {"", "no answer in time"},
	"login login-refused": {"login", "10126"}, "login login-blocked": {"login", "11044"},
	"endpoints login-refused": {"dialect", "(10126)"}, "endpoints login-blocked": {"dialect", "(11044)"},
	"redirect-302": {"", "redirect (HTTP 302)"}, "redirect-307": {"", "redirect (HTTP 307)"},
	"endpoints paging-ignored": {"paging", "paging is ignored"}, "endpoints row-repeated": {"paging", "the totals do not agree"},
}

// harmless are the faults that do nothing to a login, or to the listing of a fleet
// of one page: that there is no data is what an empty account says.
var harmless = map[string][]string{
	"login":     {"no-id", "no-param", "wrong-id", "lying-success", "paging-ignored", "row-missed", "row-repeated", "duplicate"},
	"endpoints": {"no-data-0", "no-data-1", "no-id", "wrong-id", "lying-success", "row-missed", "duplicate"},
}

// In either dialect the doctor names every fault that the simulator knows, in a login
// as in a listing, and says what to do.
func TestDoctorNamesEveryFault(t *testing.T) {
	for _, dialect := range wire.DialectNames() {
		for op, check := range map[string]string{"login": "login", "endpoints": "answer"} {
			for _, effect := range simulator.EffectNames() {
				t.Run(dialect+" "+op+" "+effect, func(t *testing.T) {
					t.Parallel()
					want, known := namedAs[op+" "+effect]
					if !known {
						want, known = namedAs[effect]
					}
					if want.check == "" {
						want.check = check
					}
					fault, err := simulator.ParseFault(fmt.Sprintf("%s=%s,delay:10s", op, effect))
					if err != nil || known == slices.Contains(harmless[op], effect) {
						t.Fatalf("%v; want it either named or harmless", err)
					}
					p := withPlatform(t, 3, nil, simulator.WithFaults(fault))
					_, found, all := p.see("--dialect", dialect, "--call-timeout", "300ms")
					for name, f := range found {
						about := known && name == want.check
						if wrong := f.Grade == failed || f.Grade == warning && name == "paging"; wrong != about {
							t.Errorf("got %s: %s %s\n%s", name, f.Grade, f.Seen, all)
						}
						if about && (!strings.Contains(f.Seen, want.seen) || f.Advice == "") {
							t.Errorf("got %s -> %s, want %s, and what to do", f.Seen, f.Advice, want.seen)
						}
					}
				})
			}
		}
	}
}

// without is a platform on which some paths lead nowhere.
func without(paths ...string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", h)
		for _, path := range paths {
			mux.HandleFunc(path, http.NotFound)
		}
		return mux
	}
}

// Which dialect answers is found out by harmless reads.
func TestDoctorNamesTheDialectThatAnswers(t *testing.T) {
	paths := map[string]string{"endpointinfo": "/api/GetEndpoint", "collection": "/api/GetEndpoints"}
	for asked, other := range map[string]string{"endpointinfo": "collection", "collection": "endpointinfo"} {
		both := withPlatform(t, 3, nil)
		both.want(0, "dialect", fine, asked+": a listing of endpoints is understood", "", "--dialect", asked)
		one := withPlatform(t, 3, without(paths[asked]))
		one.want(64, "dialect", failed, asked+" is not understood, and "+other+" is", "say --dialect "+other, "--dialect", asked)
		neither := withPlatform(t, 3, without(paths[asked], paths[other]))
		neither.want(8, "dialect", failed, asked+" is not understood", "neither dialect is answered", "--dialect", asked)
		for _, p := range []*patient{both, one, neither} {
			for _, e := range p.sim.Log() {
				if e.Op.Mutates() {
					t.Errorf("it sent %s", e.Path)
				}
			}
		}
	}
}
