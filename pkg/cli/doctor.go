package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/platform"
	"sftctl/pkg/wire"
)

type doctorOptions struct {
	connection
	json bool
}

func newDoctor(env Env) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what works and what does not: address, TLS, login, paging, clock, state; changes nothing",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), env, o) },
	}
	o.connection.bind(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

// grade is how a check came out.
type grade string

const (
	fine    grade = "ok"
	warning grade = "warning"
	failed  grade = "failed"
	skipped grade = "skipped"
)

// finding is what a check found, and what a person can do about it.
type finding struct {
	Check  string `json:"check"`
	Grade  grade  `json:"status"`
	Seen   string `json:"seen"`
	Advice string `json:"advice,omitempty"`
	kind   error  // of a failure, for the exit code
}

func passes(format string, args ...any) finding {
	return finding{Grade: fine, Seen: fmt.Sprintf(format, args...)}
}

func warns(advice, format string, args ...any) finding {
	return finding{Grade: warning, Seen: fmt.Sprintf(format, args...), Advice: advice}
}

func fails(kind error, advice, format string, args ...any) finding {
	return finding{Grade: failed, Seen: fmt.Sprintf(format, args...), Advice: advice, kind: kind}
}

// checks are all checks in their order, each with those that it rests on. A login
// rests on the state directory: where a refusal cannot be remembered, the next
// command would repeat it, and the platform locks accounts for that.
var checks = []struct {
	name string
	on   []string
	look func(*examination, context.Context) finding
}{
	{"version", nil, (*examination).version},
	{"settings", nil, (*examination).settings},
	{"url", nil, (*examination).url},
	{"credentials", nil, (*examination).credentials},
	{"state", nil, (*examination).stateDir},
	{"space", []string{"state"}, (*examination).space},
	{"lock", []string{"url", "credentials", "state"}, (*examination).lock},
	{"slots", []string{"url", "credentials", "state"}, (*examination).slots},
	{"token-cache", []string{"url", "credentials", "state"}, (*examination).tokenCache},
	{"runs", []string{"url", "credentials", "state"}, (*examination).runs},
	{"proxy", []string{"url"}, (*examination).findProxy},
	{"dns", []string{"proxy"}, (*examination).dns},
	{"tcp", []string{"dns"}, (*examination).tcp},
	{"tls", []string{"tcp"}, (*examination).tls},
	{"login", []string{"settings", "credentials", "state", "tls"}, (*examination).login},
	{"token", []string{"login"}, (*examination).token},
	{"answer", []string{"login"}, (*examination).answer},
	{"clock", []string{"tls"}, (*examination).clock},
	{"dialect", []string{"answer"}, (*examination).dialect},
	{"permission", []string{"dialect"}, (*examination).permission},
	{"paging", []string{"permission"}, (*examination).paging},
	{"account", []string{"paging"}, (*examination).account},
	{"rate", []string{"settings"}, (*examination).rate},
}

// examination is what the checks know of one another.
type examination struct {
	env       Env
	o         *connection
	broken    map[string]string // checks that failed or were skipped, and the one that failed first
	state     string            // the state directory
	dir       string            // of the account in it
	held      bool              // another command has the account
	base      *url.URL
	proxy     *url.URL
	simulated bool
	opts      platform.Options
	conn      net.Conn
	client    *platform.Client
	seen      []platform.Seen
	throttled int
	first     fleet.Page // one row
	firstErr  error
	one, many fleet.Page // pages of one row and of as many as planning asks for
	whole     int        // endpoints, where the pages showed all; else -1
}

func runDoctor(ctx context.Context, env Env, o doctorOptions) error {
	e := &examination{env: env, o: &o.connection, broken: map[string]string{}, state: statePath(env, o.stateDir), whole: -1}
	e.opts.Watch = e.watch(o.watcher(env, &monitor{}))
	var all []finding
	for _, check := range checks {
		f := e.examine(ctx, check.name, check.on, check.look)
		all = append(all, f)
		if !o.json {
			if err := f.write(env.Stdout); err != nil {
				return printed(err)
			}
		}
	}
	err := worthOf(all)
	if o.json {
		return errors.Join(err, printed(writeFindings(env.Stdout, all, exitCode(ctx, err))))
	}
	return err
}

// examine makes one check, unless something that it rests on does not stand.
func (e *examination) examine(ctx context.Context, name string, on []string, look func(*examination, context.Context) finding) (f finding) {
	broken := slices.IndexFunc(on, func(other string) bool { return e.broken[other] != "" })
	switch {
	case ctx.Err() != nil:
		f = finding{Grade: skipped, Seen: "interrupted"}
	case broken >= 0:
		e.broken[name] = e.broken[on[broken]]
		f = finding{Grade: skipped, Seen: fmt.Sprintf("because %s failed", e.broken[name])}
	default:
		f = look(e, ctx)
	}
	if f.Grade == failed {
		e.broken[name] = name
	}
	f.Check, f.Seen, f.Advice = name, onOneLine(f.Seen), onOneLine(f.Advice)
	return f
}

// onOneLine is a text that may come from anywhere as it may be printed. The client
// has taken the secrets out of what it was answered.
func onOneLine(text string) string { return fleet.Printable(strings.ReplaceAll(text, "\n", "; ")) }

// watch keeps what is told of each request, and tells it on.
func (e *examination) watch(on func(platform.Seen)) func(platform.Seen) {
	return func(s platform.Seen) {
		e.seen = append(e.seen, s)
		if on != nil {
			on(s)
		}
	}
}

// write prints a finding, and below it what to do.
func (f finding) write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%-8s %-11s %s\n", f.Grade, f.Check, f.Seen)
	if err == nil && f.Advice != "" {
		_, err = fmt.Fprintf(w, "%20s -> %s\n", "", f.Advice)
	}
	return err
}

func writeFindings(w io.Writer, all []finding, exit int) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Exit   int       `json:"exit"`
		Checks []finding `json:"checks"`
	}{exit, all})
}

// worthOf is the error of the first failure, which is printed already.
func worthOf(all []finding) error {
	for _, f := range all {
		if f.Grade == failed {
			return &reported{fleet.Kind(f.kind, errors.New(f.Check+": "+f.Seen))}
		}
	}
	return nil
}

func (e *examination) version(context.Context) finding { return passes("%s", version()) }

// settings holds the flags to what they may be, wherever they came from.
func (e *examination) settings(context.Context) finding {
	dialect, workers, err := e.o.check()
	roots, unread := e.o.roots()
	if err := errors.Join(err, unread); err != nil {
		return fails(fleet.ErrUsage, "correct the flag, the environment or the configuration", "%v", err)
	}
	e.opts.Dialect, e.opts.Parallel, e.opts.CallTimeout, e.opts.MaxOutage, e.opts.Roots = dialect, workers, e.o.callTimeout, e.o.maxOutage, roots
	if e.o.callTimeout < wire.ShortDeadline && !e.o.simulate {
		return warns("leave --call-timeout at its default: the platform answers for itself after 30 s, and after 180 s where it reaches into the network",
			"a call is given up after %s", e.o.callTimeout)
	}
	return passes("dialect %s, listing %s, calls are given up after %s", e.o.dialect, e.o.listing, e.o.callTimeout)
}

// url reads the platform's address, or makes the platform.
func (e *examination) url(context.Context) (f finding) {
	text := strings.TrimSuffix(e.o.url, "/")
	if e.o.simulate {
		s := &session{}
		if err := e.o.embed(e.state, s, &e.opts); err != nil {
			return fails(fleet.ErrIO, "remove the file to begin anew", "%v", err)
		}
		text, e.simulated = s.baseURL, true
	}
	base, err := platform.CheckURL(text)
	if err != nil {
		return fails(fleet.ErrUsage, "set --url or SFTCTL_URL to scheme and host, without a path: the paths are known", "%v", err)
	}
	e.base, e.opts.BaseURL = base, text
	switch {
	case e.simulated:
		return passes("%s: simulated, inside this program", text)
	case base.Scheme == "http":
		return passes("%s: plain http, which goes to this machine only", text)
	}
	return passes("%s", text)
}

// credentials gets user name and password, and says where from.
func (e *examination) credentials(context.Context) finding {
	if e.o.simulate {
		e.place()
		return passes("none are needed: the platform is simulated")
	}
	e.opts.Username, e.opts.TargetAccount = e.o.username, e.o.targetAccount
	password, err := e.o.password(e.env, e.o.username)
	if err != nil {
		return fails(fleet.ErrUsage, "sftctl doctor --help lists the ways to a password", "%v", err)
	}
	e.opts.Password = password
	e.place()
	as := ""
	if e.o.targetAccount != "" {
		as = " to act as account " + fleet.Quote(e.o.targetAccount)
	}
	return passes("user %s%s, password from %s", fleet.Quote(e.o.username), as, e.o.given(e.env)[0])
}

// place is where the account's state is kept.
func (e *examination) place() {
	if e.base != nil {
		e.dir = journal.AccountDir(e.state, e.opts.BaseURL, firstOf(e.o.targetAccount, e.o.account, e.opts.Username))
	}
}

// patience bounds a wait for the account's pace, which others may hold up.
const patience = 30 * time.Second
