package simulator

import (
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Option sets one thing about a Simulator.
type Option func(*settings)

type settings struct {
	stock              *Stock
	state              *State
	username, password string
	lockout            int
	account            Account
	targets            []string
	latency            func(wire.Op) time.Duration
	rate               float64
	burst              int
	form               ThrottleForm
	retryAfter         time.Duration
	tokenLife          time.Duration
	refreshLife        time.Duration
	opaque             bool
	expiry             ExpiryForm
	perPage, maxPage   int
	pagingIgnored      bool
	withoutTotals      bool
	observedPlans      bool
	observedProfile    bool
	bareListing        bool
	initial            fleet.Status
	strictCase         bool
	lag                time.Duration
	numeric            bool
	withoutID          bool
	faults             []Fault
	choose             func(Event) (Effect, time.Duration)
	logLimit           int
}

func defaults() settings {
	return settings{
		lockout: 5, burst: 1,
		tokenLife: 10 * time.Minute, refreshLife: 24 * time.Hour,
		perPage: 100, maxPage: 250, initial: fleet.StatusPreActive,
	}
}

// Account is the type of the account that logs in (documented).
type Account uint8

// The account types. A reseller may not use endpoint calls by itself, only
// when it acts as a target account.
const (
	Enterprise Account = iota
	Reseller
)

// ThrottleForm is how the platform says that calls come too fast; both forms
// were seen.
type ThrottleForm uint8

// The throttle forms.
const (
	ThrottleStatus ThrottleForm = iota // HTTP 429
	ThrottleText                       // HTTP 200 with an envelope that says so
)

// ExpiryForm is how the platform says that a token is not valid; both forms
// were seen.
type ExpiryForm uint8

// The expiry forms.
const (
	EnvelopedExpiry ExpiryForm = iota // HTTP 200, outer code 1, inner code 401
	StatusExpiry                      // HTTP 401
)

// WithStock gives the platform its SIMs, catalogue and first endpoints.
func WithStock(stock Stock) Option { return func(s *settings) { s.stock = &stock } }

// WithState starts from a state that was saved, in place of a stock.
func WithState(state State) Option { return func(s *settings) { s.state = &state } }

// WithCredentials accepts one user only. Without it any user is accepted who
// gives a password.
func WithCredentials(username, password string) Option {
	return func(s *settings) { s.username, s.password = username, password }
}

// WithLockout sets how many refused logins block a user (5 without it; the
// number is assumed, that there is one is documented). Zero never blocks.
func WithLockout(refused int) Option { return func(s *settings) { s.lockout = refused } }

// WithAccount sets the type of the account.
func WithAccount(a Account) Option { return func(s *settings) { s.account = a } }

// WithTargetAccounts sets the accounts as which a login may act. Any other
// target is refused; without targets a reseller may name any.
func WithTargetAccounts(ids ...string) Option { return func(s *settings) { s.targets = ids } }

// WithLatency makes every call take a fixed time; the work is done at its end.
func WithLatency(d time.Duration) Option {
	return WithLatencyFunc(func(wire.Op) time.Duration { return d })
}

// WithLatencyFunc makes a call take a time that depends on its operation.
func WithLatencyFunc(latency func(wire.Op) time.Duration) Option {
	return func(s *settings) { s.latency = latency }
}

// WithRateLimit allows so many calls per second, logins and look-ups included
// (observed: 2). A call over the limit does nothing and costs nothing.
func WithRateLimit(perSecond float64, form ThrottleForm) Option {
	return func(s *settings) { s.rate, s.form = perSecond, form }
}

// WithBurst sets how many calls may come at once under the rate limit; 1
// without it (assumed).
func WithBurst(calls int) Option { return func(s *settings) { s.burst = calls } }

// WithRetryAfter adds a Retry-After header in seconds to HTTP 429 (never seen
// on the platform).
func WithRetryAfter(d time.Duration) Option { return func(s *settings) { s.retryAfter = d } }

// WithTokenLife sets how long an access token is valid; 10 minutes without it
// (assumed).
func WithTokenLife(d time.Duration) Option { return func(s *settings) { s.tokenLife = d } }

// WithRefreshLife sets how long a refresh token is valid; 24 hours without it
// (assumed).
func WithRefreshLife(d time.Duration) Option { return func(s *settings) { s.refreshLife = d } }

// WithOpaqueTokens gives tokens that are no JWTs, so that nobody can read when
// they end.
func WithOpaqueTokens() Option { return func(s *settings) { s.opaque = true } }

// WithExpiryForm sets how a token that is not valid is refused.
func WithExpiryForm(form ExpiryForm) Option { return func(s *settings) { s.expiry = form } }

// WithPaging sets the rows of a page when none are asked for, and the most
// that are given whatever is asked; 100 and 250 without it (assumed).
func WithPaging(defaultPerPage, maxPerPage int) Option {
	return func(s *settings) { s.perPage, s.maxPage = max(1, defaultPerPage), max(1, maxPerPage) }
}

// WithPagingIgnored gives every listing whole, whatever page is asked for.
func WithPagingIgnored() Option { return func(s *settings) { s.pagingIgnored = true } }

// WithoutTotals leaves the counts of pages and rows out of listings.
func WithoutTotals() Option { return func(s *settings) { s.withoutTotals = true } }

// WithObservedPlans lists rate plans as plan[].basicInfo, which was observed,
// in place of the documented rows.
func WithObservedPlans() Option { return func(s *settings) { s.observedPlans = true } }

// WithObservedProfile leaves out of a profile what no client was seen to read
// there: id, state, rate plan, APN group, roaming profile and limit.
func WithObservedProfile() Option { return func(s *settings) { s.observedProfile = true } }

// WithBareListing leaves state and SIM out of the rows of GetEndpoints: only the
// call was observed, and its rows may lack them.
func WithBareListing() Option { return func(s *settings) { s.bareListing = true } }

// WithInitialStatus sets the state of a new endpoint: Pre-Active without it
// (documented), or Hold (the documents contradict each other).
func WithInitialStatus(status fleet.Status) Option { return func(s *settings) { s.initial = status } }

// WithStrictCase makes paths match in the documented letter case only.
func WithStrictCase() Option { return func(s *settings) { s.strictCase = true } }

// WithReadLag makes listings show the fleet as it was so long ago.
func WithReadLag(d time.Duration) Option { return func(s *settings) { s.lag = d } }

// WithNumericCodes writes result codes as JSON numbers, not as strings.
func WithNumericCodes() Option { return func(s *settings) { s.numeric = true } }

// WithoutCreateID leaves the new endpoint's id out of every create reply.
func WithoutCreateID() Option { return func(s *settings) { s.withoutID = true } }

// WithFaults adds faults; the first that fits a call is the one that happens.
func WithFaults(faults ...Fault) Option {
	return func(s *settings) { s.faults = append(s.faults, faults...) }
}

// WithFaultFunc asks a function for the effect of every call that no Fault
// fits. It must not call the Simulator.
func WithFaultFunc(choose func(Event) (Effect, time.Duration)) Option {
	return func(s *settings) { s.choose = choose }
}

// WithLogLimit keeps about the last so many entries of the request log; zero
// keeps all.
func WithLogLimit(entries int) Option { return func(s *settings) { s.logLimit = entries } }
