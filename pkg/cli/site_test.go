package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sftctl/pkg/oracle"
	"sftctl/pkg/simulator"
	"sftctl/pkg/wire"
)

// The windows of the process tests. Late work is done and shown long before the
// program's window ends; the judge's is shorter, because on a busy machine a
// request is logged some time after the program wrote it.
const (
	siteWindow  = time.Second
	siteJudged  = 600 * time.Millisecond
	siteLate    = 200 * time.Millisecond
	siteLatency = 25 * time.Millisecond
	siteTimeout = 1200 * time.Millisecond
	// commandLimit is how long a command may take before it counts as one that
	// does not end: on a slow machine, the 30 s of an intent with two windows and
	// all the rest.
	commandLimit = 4 * time.Minute
)

// site is a simulated platform behind a real socket, and a directory for the
// programs that work on it.
type site struct {
	dir    string
	sim    *simulator.Simulator
	server *http.Server
	env    []string
	root   string   // before the paths of the state, where programs have another disk for it
	enter  []string // what takes a program there
	rows   []oracle.Row
	runs   []oracle.Run
	ids    []string // of the runs that the commands worked on, by command
	trap   atomic.Pointer[trap]

	mu       sync.Mutex
	commands []*command // all that were made
}

// trap is what is done at a request, once.
type trap struct {
	at     func(n int, r *http.Request) bool // n counts from 1 since the trap was laid
	late   bool                              // once the platform has answered
	seen   atomic.Int64
	once   sync.Once
	spring func()
}

// ServeHTTP hands a request to the platform, and springs the trap.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := s.trap.Load()
	if t == nil || !t.at(int(t.seen.Add(1)), r) {
		s.sim.ServeHTTP(w, r)
		return
	}
	if t.late {
		s.sim.ServeHTTP(w, r)
		t.once.Do(t.spring)
		return
	}
	t.once.Do(t.spring)
	s.sim.ServeHTTP(w, r)
}

// siteCards are the SIMs of a site, by row.
var siteCards = simulator.Range("893204200000123400", 90, "7")

// newSite serves a platform; some rows of the fleet need a create only, others
// a link and an activation too.
func newSite(t testing.TB, rows, onboarded int, opts ...simulator.Option) *site {
	t.Helper()
	opts = append([]simulator.Option{simulator.WithStock(simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: siteCards}),
		simulator.WithPaging(25, 25), simulator.WithLatency(siteLatency)}, opts...)
	s := &site{dir: t.TempDir(), sim: simulator.New(opts...)}
	t.Cleanup(func() { s.watched(t, s.dir) })
	s.serve(t)
	var csv strings.Builder
	csv.WriteString("endpointName,planId,serviceProfileId,simProductId,iccid,state\n")
	for i := range rows {
		row := oracle.Row{Name: rowName(i), PlanID: "100234"}
		if i < onboarded {
			row.ICCID, row.State = string(siteCards[i].ICCID), "active"
		}
		s.rows = append(s.rows, row)
		fmt.Fprintf(&csv, "%s,%s,SP_1249,7,%s,%s\n", row.Name, row.PlanID, row.ICCID, row.State)
	}
	if err := os.WriteFile(s.path("fleet.csv"), []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// watched searches what all commands printed, and what they left in a folder, for
// secrets.
func (s *site) watched(t testing.TB, dir string) {
	for _, what := range leaksBelow(dir, "sftctl") { // a copy of the test itself
		t.Error(what)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commands {
		for _, what := range leaks([]byte(c.out.String() + c.err.String())) {
			t.Errorf("%s was printed: %s", what, c)
		}
	}
}

func (s *site) serve(t testing.TB) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }()
	t.Cleanup(func() { _ = s.server.Close() })
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "SFTCTL_STATE_DIR=" + s.path("state"),
		"SFTCTL_URL=http://" + listener.Addr().String(), "SFTCTL_USERNAME=ann", "SFTCTL_PASSWORD=" + canary, "SFTCTL_RATE=0",
		"SFTCTL_SETTLE=" + siteWindow.String(), "SFTCTL_CALL_TIMEOUT=" + siteTimeout.String(), "SFTCTL_PARALLELISM=6",
		"GORACE=halt_on_error=1 atexit_sleep_ms=5"}
}

func (s *site) path(elem ...string) string { return filepath.Join(append([]string{s.dir}, elem...)...) }

// journals are the journals of the site by run.
func (s *site) journals() map[string]string {
	files, _ := filepath.Glob(s.root + s.path("state", "accounts", "*", "runs", "*", "journal"))
	all := map[string]string{}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			all[filepath.Base(filepath.Dir(file))] = string(data)
		}
	}
	return all
}

// touched is the run that a command worked on: the one that it began, or else
// the one that it wrote to.
func (s *site) touched(before map[string]string) string {
	written := ""
	now := s.journals()
	for _, id := range slices.Sorted(maps.Keys(now)) {
		old, known := before[id]
		if !known && now[id] != "" {
			return id
		}
		if now[id] != old {
			written = id
		}
	}
	return written
}

// evidence is what is known of all commands by now.
func (s *site) evidence() oracle.Evidence {
	var log bytes.Buffer
	_ = s.sim.WriteLog(&log)
	journals := s.journals()
	runs := slices.Clone(s.runs)
	for i := range runs {
		if data, ok := journals[s.ids[i]]; ok {
			runs[i].Journal = []byte(data)
		}
	}
	bills := map[string]int{}
	for id, n := range s.sim.Bills() {
		bills[string(id)] = n
	}
	return oracle.Evidence{Rows: s.rows, Settle: siteJudged, Log: log.Bytes(), Live: endpoints(s.sim.Endpoints()), Bills: bills, Runs: runs}
}

// judge is what the evidence proves to be wrong.
func (s *site) judge() (problems []string) {
	for _, v := range oracle.Check(s.evidence()) {
		problems = append(problems, v.String())
	}
	return problems
}

// finished is what is wrong with a site on which all is to be done: besides what
// the judge says, what the fleet lacks and what lies about.
func (s *site) finished() (problems []string) {
	plan, code := s.do("plan", "--detailed-exitcode", "-o", "last.plan", "fleet.csv")
	s.runs[len(s.runs)-1].Planned = map[int]int{0: 0, 2: 1}[code]
	if code != 0 {
		problems = append(problems, "after it all there is something to do: "+plan.String())
	}
	problems = append(problems, s.judge()...)
	problems = append(problems, oracle.Unmet(s.evidence())...)
	if have, want := len(s.sim.Endpoints()), len(s.rows); have != want {
		problems = append(problems, fmt.Sprintf("got %d endpoints, want %d", have, want))
	}
	if again, code := s.do("resume"); code != 0 || again.out.String() != "" {
		problems = append(problems, "there is something to resume: "+again.String())
	}
	return append(problems, s.litter()...)
}

// litter are the files of the state and report directories that others can
// read, or that are not whole.
func (s *site) litter() (problems []string) {
	for _, root := range []string{s.root + s.path("state"), s.path("reports")} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if got := info.Mode().Perm(); got != want {
				problems = append(problems, fmt.Sprintf("%s: mode %04o, want %04o", path, got, want))
			}
			name, killed := d.Name(), slices.ContainsFunc(s.runs, func(r oracle.Run) bool { return r.Crashed })
			if strings.HasSuffix(name, ".new") || strings.HasPrefix(name, ".") && !(killed && strings.HasPrefix(name, ".probe-")) {
				problems = append(problems, path+" was left behind")
			}
			return nil
		})
	}
	return problems
}

// rebuilt compares the last report of each run with the one that is made again
// from its journal.
func (s *site) rebuilt() (problems []string) {
	for id := range s.journals() {
		files, _ := filepath.Glob(s.path("reports", id, "[^.]*"))
		if len(files) == 0 {
			continue
		}
		if c, code := s.do("runs", "show", id, "--reports", "again"); code != 0 {
			problems = append(problems, c.String())
		}
		for _, file := range files {
			old, err1 := os.ReadFile(file)
			again, err2 := os.ReadFile(s.path("again", id, filepath.Base(file)))
			if err := errors.Join(err1, err2); err != nil || !bytes.Equal(old, again) {
				problems = append(problems, fmt.Sprintf("run %s: %s is another when it is made again (%v):\n%s\nand was:\n%s", id, filepath.Base(file), err, again, old))
			}
		}
	}
	return problems
}

// poll waits for something to be so.
func poll(what string, is func() bool) error {
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within a minute", what)
		}
	}
	return nil
}

// unreported are the runs that ended well and have no report.
func (s *site) unreported() (problems []string) {
	for id, data := range s.journals() {
		lines := strings.Split(strings.TrimSpace(data), "\n")
		ended := strings.Contains(lines[len(lines)-1], `{"k":"end"`) && !strings.Contains(data, `"command":"settle"`) // by a newer run
		for i, run := range s.runs {
			ended = ended && !(s.ids[i] == id && run.Exit == 74)
		}
		if _, err := os.Stat(s.path("reports", id, "summary.json")); err != nil && ended {
			problems = append(problems, fmt.Sprintf("run %s has ended, and there is no report of it", id))
		}
	}
	return problems
}

// dump is what there is to see, for a person.
func (s *site) dump() string {
	var b strings.Builder
	e := s.evidence()
	for i, run := range e.Runs {
		fmt.Fprintf(&b, "run %d: %s of %s, %s to %s, exit %d, crashed %t\n%s", i, run.Command, s.ids[i], run.Began.UTC().Format("15:04:05.000"), run.Ended.UTC().Format("15:04:05.000"), run.Exit, run.Crashed, run.Results)
	}
	for id, data := range s.journals() {
		fmt.Fprintf(&b, "journal of %s:\n%s", id, data)
	}
	fmt.Fprintf(&b, "log:\n%s", e.Log)
	return b.String()
}

// complete says whether all rows are as they are wanted.
func (s *site) complete() bool {
	return len(oracle.Unmet(oracle.Evidence{Rows: s.rows, Live: endpoints(s.sim.Endpoints())})) == 0
}

// mutations is how many mutating requests the platform saw.
func (s *site) mutations() int { return s.count(wire.Op.Mutates) }

// announced is how many mutating requests the journals announce: a bound for those
// that a process which was killed may have left on the way.
func (s *site) announced() (n int) {
	for _, data := range s.journals() {
		n += strings.Count(data, `{"k":"intent"`)
	}
	return n
}

// requests is how many requests the platform saw.
func (s *site) requests() int { return s.count(func(wire.Op) bool { return true }) }

func (s *site) count(pick func(wire.Op) bool) (n int) {
	for op, seen := range s.sim.Counts() {
		if pick(op) {
			n += seen
		}
	}
	return n
}
