package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"hash/fnv"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/simulator"
)

// manners are what a small client does wrong. The zero manners are honest.
type manners struct {
	hasty    bool // sends again without reading
	settle   time.Duration
	trusting bool // takes success for done, and says that it was verified
	hidden   bool // replays without an intent
	careless bool // announces after it sends
	gloomy   bool // reports what is unknown as failed
	oneRead  bool // creates and activates again after one read
	sharing  bool // reports a row once only if it is not the first
}

const honestSettle = 240 * time.Second

// client is a small client of its own: serial, and as honest as its manners.
type client struct {
	t       *testing.T
	sim     *simulator.Simulator
	manners manners
	journal bytes.Buffer
	token   string
	left    int // requests until it is killed; negative for never
	tasks   []*task
}

// task is what a journal would know of one row.
type task struct {
	name, iccid string
	id          string
	steps       [3]string // outcomes of create, link and activate
	attempts    [3]int    // by step
	pending     time.Time // when the request was sent that is not settled
	verified    bool
}

var stepNames = [3]string{opCreate, opLink, opActivate}

type killed struct{}

type found struct{ EndpointID, EndpointName, ICCID, Status string }

// ask sends one request, with the pace and the deadline of a good client.
func (c *client) ask(method, path, body string) (status int, outer, inner, id string, rows []found, err error) {
	time.Sleep(600 * time.Millisecond)
	deadline := 200 * time.Second
	if c.left--; c.left == 0 {
		deadline = time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, method, "http://platform.test"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Authorization", "Bearer "+c.token)
	resp, err := c.sim.RoundTrip(r)
	if c.left == 0 {
		panic(killed{})
	}
	if err != nil {
		return 0, "", "", "", nil, err
	}
	data, err := io.ReadAll(resp.Body)
	var env struct {
		AccessToken string
		Response    struct {
			ResultCode    string
			ResultParam   struct{ ResultCode string }
			ResponseParam *struct {
				EndpointID string
				Rows       []found
			}
		}
	}
	if err == nil {
		err = json.Unmarshal(data, &env)
	}
	if env.AccessToken != "" {
		c.token = env.AccessToken
	}
	if p := env.Response.ResponseParam; p != nil {
		id, rows = p.EndpointID, p.Rows
	}
	return resp.StatusCode, env.Response.ResultCode, env.Response.ResultParam.ResultCode, id, rows, err
}

func (c *client) logIn() {
	_, _, _, _, _, _ = c.ask("POST", "/api/login", `{"username":"u","password":"p"}`)
}

// list reads all endpoints, until there is an answer; one page holds them. There
// is always one, so that "no data" is no answer.
func (c *client) list() []found {
	for {
		status, outer, inner, _, rows, err := c.ask("GET", "/api/GetEndpoint?page=1&perPage=250", "")
		switch {
		case inner == "401" || status == 401:
			c.logIn()
		case err == nil && status == 200 && outer == "0" && rows != nil:
			return rows
		default:
			time.Sleep(5 * time.Second)
		}
	}
}

func (c *client) write(format string, args ...any) {
	fmt.Fprintf(&c.journal, "00000000 "+format+"\n", args...)
}

// send makes a call and its replays; the answer is done, failed or unknown.
func (c *client) send(n int, t *task, step int) string {
	intent := fmt.Sprintf(`{"k":"intent","task":%d,"call":%d,"attempt":%d,"action":%q,"id":%q,"name":%q,"at":"%%s"}`,
		n, step, t.attempts[step], stepNames[step], t.id, t.name)
	announce := func() { c.write(intent, time.Now().Format(time.RFC3339Nano)) }
	for sends := 1; ; sends++ {
		if !c.manners.careless && (sends == 1 || !c.manners.hidden) {
			time.Sleep(600 * time.Millisecond)
			announce()
		}
		t.pending = time.Now().Add(time.Second)
		status, outer, inner, id, _, err := c.ask("POST", map[int]string{0: "/api/createEndpoint", 1: "/api/linkSim", 2: "/api/activateEndpoint"}[step], body(t, step))
		if c.manners.careless {
			time.Sleep(time.Millisecond)
			announce()
		}
		switch {
		case status == 401 || inner == "401":
			c.logIn()
			continue
		case status == 429 || inner == "99429":
			time.Sleep(20 * time.Second)
			continue
		}
		outcome := "unknown"
		switch {
		case err != nil || status != 200:
		case outer == "0" && (id != "" && (t.id == "" || id == t.id)):
			outcome = "done"
		case strings.HasPrefix(inner, "994"):
			outcome = "failed"
		}
		c.write(`{"k":"outcome","task":%d,"call":%d,"attempt":%d,"outcome":%q,"sends":%d}`, n, step, t.attempts[step], outcome, sends)
		return outcome
	}
}

func body(t *task, step int) string {
	fields := map[string]string{"endpointId": t.id}
	switch step {
	case 0:
		fields = map[string]string{"endpointName": t.name, "planId": "100234", "serviceProfileId": "SP_1249", "simProductId": "7"}
	case 1:
		fields["iccid"] = t.iccid
	}
	text, _ := json.Marshal(map[string]any{"endpointInfo": fields})
	return string(text)
}

// shown says whether a listing shows that a step was done; a name that is there
// twice is never done.
func (t *task) shown(rows []found, step int) (done, doubled bool) {
	var mine []found
	for _, r := range rows {
		if r.EndpointName == t.name {
			mine = append(mine, r)
		}
	}
	if len(mine) != 1 {
		return false, len(mine) > 1
	}
	if step == 0 {
		t.id = mine[0].EndpointID
	}
	return step == 0 || step == 1 && mine[0].ICCID == t.iccid || step == 2 && mine[0].Status == "Active", false
}

// perform does what is left of a row.
func (c *client) perform(n int, t *task) {
	for step := range t.steps {
		for t.steps[step] == "not-attempted" {
			t.steps[step] = c.try(n, t, step)
		}
		if t.steps[step] != "done" {
			return
		}
	}
}

// try makes a call, or settles the one that is open. It answers not-attempted
// when the call was proved not applied and may be sent again.
func (c *client) try(n int, t *task, step int) string {
	outcome := "unknown"
	if t.pending.IsZero() {
		t.attempts[step]++
		outcome = c.send(n, t, step)
	}
	switch {
	case outcome == "failed":
		t.pending = time.Time{}
		return outcome
	case c.manners.trusting && outcome == "done":
		t.id, t.pending = "", time.Time{}
		if done, _ := t.shown(c.list(), 0); !done {
			return "failed"
		}
		return outcome
	case c.manners.hasty && outcome == "unknown" && t.attempts[step] < 3:
		t.pending = time.Time{}
		return "not-attempted"
	}
	return c.settle(t, step)
}

func (c *client) settle(t *task, step int) string {
	reads := []time.Time{time.Now(), t.pending.Add(c.manners.settle)}
	if step != 1 && !c.manners.oneRead {
		reads = append(reads, t.pending.Add(2*c.manners.settle+time.Minute))
	}
	for n, due := range reads {
		if n == 2 {
			due = time.Now().Add(c.manners.settle) // the read before it may have begun late
		}
		time.Sleep(time.Until(due))
		done, doubled := t.shown(c.list(), step)
		switch {
		case doubled:
			return "unknown"
		case done:
			t.pending = time.Time{}
			return "done"
		}
	}
	if c.manners.gloomy {
		return "failed"
	}
	if t.attempts[step] >= 3 {
		return "failed"
	}
	t.pending = time.Time{}
	return "not-attempted"
}

// run does all rows, and says how it ended.
func (c *client) run(left int) (crashed bool) {
	c.left = left
	defer func() {
		if v := recover(); v != nil {
			if _, crashed = v.(killed); !crashed {
				panic(v)
			}
			c.journal.WriteString(`00000000 {"k":"outc`)
		}
	}()
	c.logIn()
	for n, t := range c.tasks {
		c.perform(n, t)
	}
	rows := c.list()
	for _, t := range c.tasks {
		done, doubled := t.shown(rows, 2)
		t.verified = done && !doubled || c.manners.trusting
		if t.outcome() == "done" && !t.verified {
			time.Sleep(time.Minute) // reads lag
			t.verified, _ = t.shown(c.list(), 2)
		}
	}
	return false
}

func (t *task) outcome() string {
	out := "done"
	for _, s := range t.steps {
		for _, rank := range ranks {
			if s == rank || out == rank {
				out = rank
				break
			}
		}
	}
	return out
}

// results are the rows as results.csv has them, with the exit code.
func (c *client) results() ([]byte, int) {
	var b bytes.Buffer
	fmt.Fprintln(&b, "endpointName,iccid,_outcome,_steps,_endpointId,_verified,_origin,_run")
	exit := 0
	for n, t := range c.tasks {
		out := t.outcome()
		switch out {
		case "done":
		case "unknown":
			exit = 4
		default:
			exit = max(exit, 3)
		}
		if c.manners.sharing && n > 0 {
			continue
		}
		fmt.Fprintf(&b, "%s,%s,%s,create=%s link=%s activate=%s,%s,%t,file,R1\n", t.name, t.iccid, out, t.steps[0], t.steps[1], t.steps[2], t.id, t.verified)
	}
	return b.Bytes(), exit
}

// schedule lets a client loose on a platform with faults that follow from the
// seed; every third seed kills it once.
func schedule(t *testing.T, seed int, m manners) (e Evidence) {
	if m.settle == 0 {
		m.settle = honestSettle
	}
	lag := time.Duration(seed%4) * 15 * time.Second
	opts := []simulator.Option{simulator.WithLatency(700 * time.Millisecond), simulator.WithTokenLife(3 * time.Minute), simulator.WithReadLag(lag),
		simulator.WithFaultFunc(chooser(seed))}
	if seed%2 == 0 {
		opts = append(opts, simulator.WithExpiryForm(simulator.StatusExpiry))
	}
	sim := simulator.New(opts...)
	old := sim.AddEndpoint(fleet.Endpoint{Fields: fleet.Fields{Name: "other", PlanID: "100234"}})
	c := &client{t: t, sim: sim, manners: m}
	e = Evidence{Settle: honestSettle, Rate: 2, Before: []Endpoint{{ID: string(old), Name: "other", PlanID: "100234", Status: "Pre-Active"}}}
	for i, card := range simulator.Range("893204200000123400", 5, "7") {
		name := fmt.Sprintf("m-%d", i)
		c.tasks = append(c.tasks, &task{name: name, iccid: string(card.ICCID), steps: [3]string{"not-attempted", "not-attempted", "not-attempted"}})
		e.Rows = append(e.Rows, Row{Name: name, ICCID: string(card.ICCID), PlanID: "100234", State: "active"})
	}
	c.write(`{"k":"header","run":"R1","seed":%d}`, seed)
	left := -1
	if seed%3 == 0 {
		left = 3 + seed%29
	}
	e.Runs = append(e.Runs, c.command("apply", left))
	if e.Runs[0].Crashed {
		c.journal.Truncate(bytes.LastIndexByte(c.journal.Bytes(), '\n') + 1)
		e.Runs = append(e.Runs, c.command("resume", -1))
	}
	e.finish(sim)
	return e
}

func (c *client) command(name string, left int) Run {
	r := Run{Command: name, Began: time.Now(), Planned: -1}
	r.Crashed = c.run(left)
	r.Ended = time.Now()
	r.Journal = bytes.Clone(c.journal.Bytes())
	if !r.Crashed {
		r.Results, r.Exit = c.results()
	}
	return r
}

// finish waits until all late work is done and takes down how things are.
func (e *Evidence) finish(sim *simulator.Simulator) {
	time.Sleep(5 * time.Minute)
	sim.Heal()
	var log bytes.Buffer
	_ = sim.WriteLog(&log)
	e.Log, e.Bills = log.Bytes(), map[string]int{}
	for id, n := range sim.Bills() {
		e.Bills[string(id)] = n
	}
	for _, x := range sim.Endpoints() {
		e.Live = append(e.Live, Endpoint{ID: string(x.ID), Name: x.Name, PlanID: string(x.PlanID), ICCID: string(x.ICCID), Status: string(x.Status)})
	}
}

// chooser gives a quarter of the calls some effect, by their identity.
func chooser(seed int) func(simulator.Event) (simulator.Effect, time.Duration) {
	names := simulator.EffectNames()
	return func(e simulator.Event) (simulator.Effect, time.Duration) {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %v %s %d", seed, e.Op, e.Row, e.Attempt)
		n := h.Sum64()
		name := names[n/64%uint64(len(names))]
		if n%4 != 0 || e.Op.String() == "login" || strings.HasPrefix(name, "row-") {
			return simulator.NoEffect, 0
		}
		var effect simulator.Effect
		_ = effect.UnmarshalText([]byte(name))
		return effect, time.Second + time.Duration(n/8192%179)*time.Second
	}
}

func judged(t *testing.T, seed int, m manners) (violations []Violation, seen, journalled int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := schedule(t, seed, m)
		violations = Check(e)
		seen, journalled = Sends(e)
	})
	return violations, seen, journalled
}

// An honest client breaks nothing, whatever the platform does to it.
func TestAnHonestClientBreaksNothing(t *testing.T) {
	for seed := range 400 {
		violations, seen, journalled := judged(t, seed, manners{})
		if len(violations) > 0 || seen != journalled {
			t.Fatalf("seed %d: got %d requests, %d in the journal, and %v", seed, seen, journalled, violations)
		}
	}
}

// A client with bad manners is found out.
func TestBadMannersAreFoundOut(t *testing.T) {
	for _, tt := range []struct {
		name string
		manners
		want string // invariants that some schedule must break
	}{
		{"sends again at once", manners{hasty: true}, "I1 I6 I7"},
		{"hardly waits", manners{settle: 30 * time.Second}, "I1 I6 I7 I9"},
		{"trusts success", manners{trusting: true}, "I9"},
		{"replays in hiding", manners{hidden: true}, "I5"},
		{"announces after it sends", manners{careless: true}, "I5"},
		{"calls the unknown failed", manners{gloomy: true, settle: 20 * time.Second}, "I9"},
		{"reads once", manners{oneRead: true}, "I7"},
		{"leaves rows out", manners{sharing: true}, "I8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := map[string]int{}
			for seed := range 150 {
				violations, _, _ := judged(t, seed, tt.manners)
				for _, v := range violations {
					got[v.Invariant]++
				}
			}
			for _, want := range strings.Fields(tt.want) {
				if got[want] == 0 {
					t.Errorf("got %v, want some of %s", got, want)
				}
			}
			t.Log(got)
		})
	}
}

// The oracle must not share a mistake with what it judges.
func TestTheOracleImportsNothingOfOurs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, ".") || strings.HasPrefix(path, "sftctl") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
