package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sftctl/pkg/apply"
	"sftctl/pkg/fleet"
	"sftctl/pkg/inventory"
	"sftctl/pkg/journal"
	"sftctl/pkg/pace"
	"sftctl/pkg/platform"
	"sftctl/pkg/report"
	"sftctl/pkg/wire"
)

// connection is which platform a command speaks to, as whom and how fast.
type connection struct {
	url, username, caFile string
	passwordWays
	debug                         bool
	targetAccount, account        string
	dialect, stock, stateDir      string
	simulate, loginAgain          bool
	tokenCache                    bool
	listing, parallelism          string
	rate                          float64
	callTimeout, grace, maxOutage time.Duration
	settle                        time.Duration
	monitor                       *monitor // nil where nobody watches
	cmdline                       *pflag.FlagSet
}

func (c *connection) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	c.cmdline = f
	f.StringVar(&c.url, "url", "https://sft.bics.com", "`URL` of the platform")
	f.StringVar(&c.username, "username", "", "`NAME` to log in with; the password comes from SFTCTL_PASSWORD or one of --password-file, --password-stdin and --password-command")
	c.passwordWays.bind(f)
	f.StringVar(&c.caFile, "ca-file", "", "PEM `FILE` with authorities that may vouch for the platform, besides those of the system")
	f.StringVar(&c.targetAccount, "target-account", "", "`ID` of the account that a reseller acts as")
	f.StringVar(&c.account, "account", "", "`NAME` of the account (default the target account, else the user name)")
	f.StringVar(&c.dialect, "dialect", wire.DialectNames()[0], "`NAME` of the platform's dialect: "+fleet.Alternatives(wire.DialectNames()))
	offer(f, "dialect", wire.DialectNames()...)
	f.BoolVar(&c.simulate, "simulate", false, "work on a simulated platform inside this program, which remembers its state")
	f.StringVar(&c.stock, "stock", "", "`FILE` with the simulated platform's SIMs and catalogue; each is a platform of its own")
	f.StringVar(&c.stateDir, "state-dir", "", "`DIR` for what outlives a run (default $XDG_STATE_HOME/sftctl)")
	f.BoolVar(&c.debug, "debug", false, "say on standard error how each request went: never what is in it")
	f.BoolVar(&c.loginAgain, "login-again", false, "try a password again that the platform refused")
	f.BoolVar(&c.tokenCache, "token-cache", false, "keep the access token for the commands of the next minutes, in a file in the state directory that only you can read; sftctl logout removes it")
	f.StringVar(&c.listing, "listing", "paged", "how the platform lists: paged, unpaged (it gives everything at once), or unpaged-lookups (it does so with plans, service profiles, APN groups and SIM products)")
	offer(f, "listing", listings...)
	f.Float64Var(&c.rate, "rate", platform.DefaultRate, "calls per second; the platform allows about 2 (0: no limit)")
	f.StringVar(&c.parallelism, "parallelism", "auto", "tasks at a time; auto follows from rate and call timeout")
	offer(f, "parallelism", "auto")
	f.DurationVar(&c.callTimeout, "call-timeout", wire.LongDeadline, "how long to wait for one call; the platform may take 180s")
	f.DurationVar(&c.grace, "grace", platform.DefaultGrace, "how long calls in flight may go on after an interrupt")
	f.DurationVar(&c.settle, "settle", apply.DefaultWindow, "how long after a call that was lost nothing is said to have not happened")
	f.DurationVar(&c.maxOutage, "max-outage", platform.DefaultMaxOutage, "give up when the platform does not answer, or throttles every call, for longer than this")
}

// listings are the ways in which the platform may list.
var listings = []string{"paged", "unpaged", "unpaged-lookups"}

// mostRate is the highest pace that is kept; timers are too coarse for more.
const mostRate = 1000

// session is a connection that is set up.
type session struct {
	client    *platform.Client
	purse     *pace.Purse
	account   string
	baseURL   string
	simulated bool
	unpaged   bool
	workers   int
	rate      float64
	grace     time.Duration
	close     func() error // keeps the simulated platform's state
	dir       string       // of the account's state
	store     *journal.Store
	clock     journal.Clock
	settling  apply.Settling
	endpoints int                 // endpoints of the account, as the last listing had them
	catalogue inventory.Catalogue // what was looked up
	atOnce    bool                // the look-ups give everything at once
	reach     string              // the flags by which another command gets here
	deliver   func(env Env, w *work, run *report.Run) error
	monitor   *monitor
}

// open sets a connection up; it sends nothing.
func (c *connection) open(env Env) (*session, error) {
	dialect, workers, err := c.check()
	if err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, err)
	}
	dir, err := stateDir(env, c.stateDir)
	if err != nil {
		return nil, err
	}
	s := &session{baseURL: strings.TrimSuffix(c.url, "/"), workers: workers, rate: c.rate, grace: c.grace, reach: c.reach(), unpaged: c.listing == "unpaged", atOnce: c.listing == "unpaged-lookups",
		close: func() error { return nil }, clock: journal.SystemClock, settling: c.settlingOf(), monitor: c.monitor}
	if s.monitor == nil {
		s.monitor = &monitor{}
	}
	s.deliver = s.report
	refused := refusals{filepath.Join(dir, "refused-logins.json"), c.loginAgain}
	opts := platform.Options{BaseURL: s.baseURL, Username: c.username, TargetAccount: c.targetAccount, Dialect: dialect,
		Parallel: workers, CallTimeout: c.callTimeout, Grace: c.grace, MaxOutage: c.maxOutage,
		Refusals: refused, Watch: c.watcher(env, s.monitor)}
	if c.simulate {
		err = c.embed(dir, s, &opts)
	} else if opts.Password, err = c.password(env, c.username); err == nil {
		opts.Roots, err = c.roots()
	}
	if err != nil {
		return nil, err
	}
	s.account = firstOf(c.accountName(), opts.Username)
	if err := s.place(dir); err != nil {
		return nil, err
	}
	opts.Purse, opts.Cache = s.purse, c.cache(env, s.dir, opts, refused)
	if s.client, err = platform.New(opts); err != nil {
		return nil, err
	}
	if proxy := s.client.Proxy(); proxy != "" {
		say(env.Stderr, "requests go through the proxy %s", fleet.Printable(proxy))
	}
	s.monitor.session = s
	return s, s.shortSettle()
}

// reach are the flags of the command line by which another command works on the same
// account; the environment and the configuration are there for that one too.
func (c *connection) reach() (flags string) {
	for _, name := range []string{"config", "profile", "url", "username", "account", "target-account", "dialect", "simulate", "stock", "state-dir"} {
		f := c.cmdline.Lookup(name)
		switch {
		case f == nil || sourceOf(f) != byFlag || f.Value.String() == "false":
		case f.Value.Type() == "bool":
			flags += " --" + name
		default:
			flags += " --" + name + " " + shellWord(f.Value.String())
		}
	}
	return flags
}

// shellWord is a text as one word of a shell.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:@,+=", r))
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// accountName is what names the account before the platform is known.
func (c *connection) accountName() string { return firstOf(c.targetAccount, c.account, c.username) }

// host is the platform's, by which its accounts are told from those of another, before
// it is known; empty where the URL is none.
func (c *connection) host() string {
	if c.simulate {
		world, _ := c.world()
		return simulatedHost(world)
	}
	u, err := url.Parse(c.url)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// end is for when the last request of a command is over.
func (s *session) end(env Env) error {
	if err := s.purse.Err(); err != nil {
		say(env.Stderr, "warning: %v; together with other commands on this machine there may have been more calls per second than --rate", err)
	}
	return s.close()
}

// place makes the account's place in the state directory: its runs, and the
// slots that all programs on this machine share.
func (s *session) place(state string) (err error) {
	s.dir = journal.AccountDir(state, s.baseURL, s.account)
	if err := (journal.OS{}).MkdirAll(filepath.Dir(s.dir)); err != nil { // also one that was there, and wider
		return fleet.Kind(fleet.ErrIO, err)
	}
	if s.store, err = journal.NewStore(s.dir, journal.OS{}, s.clock); err != nil {
		return err
	}
	slots, err := pace.OpenSlots(filepath.Join(s.dir, "slots"))
	s.purse = pace.NewShared(s.rate, slots)
	return fleet.Kind(fleet.ErrIO, err)
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func (c *connection) check() (wire.Dialect, int, error) {
	var problems []error
	dialect, ok := wire.DialectByName(c.dialect)
	if !ok {
		problems = append(problems, fmt.Errorf("--dialect: unknown dialect %s, want %s", fleet.Quote(c.dialect), fleet.Alternatives(wire.DialectNames())))
	}
	if !slices.Contains(listings, c.listing) {
		problems = append(problems, fmt.Errorf("--listing: got %s, want %s", fleet.Quote(c.listing), fleet.Alternatives(listings)))
	}
	if !(c.rate >= 0 && c.rate <= mostRate) {
		problems = append(problems, fmt.Errorf("--rate: got %g, want calls per second up to %d, or 0 for no limit", c.rate, mostRate))
	}
	if c.stock != "" && !c.simulate {
		problems = append(problems, errors.New("--stock goes with --simulate"))
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"--call-timeout", c.callTimeout}, {"--grace", c.grace}, {"--max-outage", c.maxOutage}, {"--settle", c.settle}} {
		if d.value <= 0 {
			problems = append(problems, fmt.Errorf("%s: got %s, want more than nothing", d.flag, d.value))
		}
	}
	workers := apply.Workers(c.rate, c.callTimeout)
	if c.parallelism != "auto" {
		n, err := strconv.Atoi(c.parallelism)
		if err != nil || n < 1 || n > 4096 {
			problems = append(problems, fmt.Errorf("--parallelism: got %s, want auto or a number from 1 to 4096", fleet.Quote(c.parallelism)))
		}
		workers = n
	}
	return dialect, workers, errors.Join(problems...)
}

// roots are who may vouch for the platform; nil is whom the system trusts.
func (c *connection) roots() (*x509.CertPool, error) {
	if c.caFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.caFile)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--ca-file: %w", err))
	}
	pool, err := platform.Roots(data)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, fmt.Errorf("--ca-file %s: %w", c.caFile, err))
	}
	return pool, nil
}

// real says whether a session reaches beyond this machine.
func (s *session) real() bool {
	if s.simulated {
		return false
	}
	u, err := url.Parse(s.baseURL)
	return err != nil || !platform.Loopback(u)
}

// mutations and reads count the requests that left this machine.
func (s *session) mutations() int64 { return s.sum(wire.Op.Mutates) }

func (s *session) reads() int64 { return s.sum(func(op wire.Op) bool { return !op.Mutates() }) }

// settles are the reads that found out what a call did of which nobody knew.
func (s *session) settles() int64 { return s.client.Settled() }

// requests are all that left this machine.
func (s *session) requests() int64 { return s.mutations() + s.reads() }

func (s *session) sum(pick func(wire.Op) bool) int64 {
	var n int64
	for _, op := range wire.Ops() {
		if pick(op) {
			n += s.client.Sent(op)
		}
	}
	return n
}
