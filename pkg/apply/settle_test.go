package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/pace"
	"sftctl/pkg/plan"
)

// lossy is a platform that answers no call, or not all, and applies them when it
// likes.
type lossy struct {
	mu    sync.Mutex
	began time.Time
	after func(call fleet.Call, attempt int) time.Duration // when it is applied; negative never
	loses func(call fleet.Call, attempt int) bool          // whether the answer is lost
	tries map[string]int
	live  map[fleet.ID]*fleet.Endpoint
	reads []string      // what was read, and when
	fails bool          // reads fail
	takes time.Duration // a read
}

func newLossy() *lossy {
	return &lossy{began: time.Now(), tries: map[string]int{}, live: map[fleet.ID]*fleet.Endpoint{},
		after: func(fleet.Call, int) time.Duration { return 0 }, loses: func(fleet.Call, int) bool { return true }}
}

func (l *lossy) Abilities() fleet.Abilities {
	return fleet.Abilities{Modifies: []fleet.FieldSet{fleet.Fieldset(fleet.FieldPlan)}}
}

func (l *lossy) Do(_ context.Context, call fleet.Call, before func() error) fleet.Reply {
	if err := before(); err != nil {
		return fleet.Reply{Err: err, Fatal: true}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := call.Name + call.Action.String()
	l.tries[key]++
	id := call.EndpointID
	if call.Action == fleet.Create {
		id = fleet.ID(fmt.Sprint("id-", call.Name, l.tries[key]))
	}
	switch after := l.after(call, l.tries[key]); {
	case after == 0:
		l.apply(call, id)
	case after > 0:
		time.AfterFunc(after, func() { l.mu.Lock(); l.apply(call, id); l.mu.Unlock() })
	}
	reply := fleet.Reply{Outcome: fleet.Done, ID: id, Sends: 1, Started: time.Now(), Written: time.Now()}
	if l.loses(call, l.tries[key]) {
		reply.Outcome, reply.ID, reply.Err = fleet.Unknown, "", errors.New("lost")
	}
	return reply
}

func (l *lossy) apply(call fleet.Call, id fleet.ID) {
	switch call.Action {
	case fleet.Create:
		e := fleet.Endpoint{ID: id, Fields: call.Fields, Status: fleet.StatusPreActive, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
		e.Name = call.Name
		l.live[id] = &e
	case fleet.Modify:
		l.live[id].PlanID = call.Fields.PlanID
	case fleet.Link:
		l.live[id].ICCID = call.Fields.ICCID
	case fleet.Activate:
		l.live[id].Status = fleet.StatusActive
	case fleet.Delete:
		delete(l.live, id)
	}
}

func (l *lossy) Page(_ context.Context, q fleet.Query) (fleet.Page, error) {
	l.mu.Lock()
	l.reads = append(l.reads, fmt.Sprint(q.ID, "@", int(time.Since(l.began).Seconds())))
	l.mu.Unlock()
	time.Sleep(l.takes)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails {
		return fleet.Page{}, errors.New("down")
	}
	p := fleet.Page{Total: -1}
	for id, e := range l.live {
		if q.ID == "" && q.Page <= 1 || q.ID == id {
			p.Endpoints = append(p.Endpoints, *e)
		}
	}
	if q.ID == "" {
		p.Total, p.Pages = len(l.live), 1
	}
	return p, nil
}

// one is a plan with one task: an existing endpoint that gets a step.
func (l *lossy) one(step plan.Step) *plan.Plan {
	e := fleet.Endpoint{ID: "7", Fields: fleet.Fields{Name: "m", PlanID: "1", ICCID: card}, Status: fleet.StatusPreActive, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
	before := e
	l.live["7"] = &e
	return &plan.Plan{Tasks: []plan.Task{{Spec: &fleet.Spec{Fields: fleet.Fields{Name: "m"}}, Before: &before, Steps: []plan.Step{step}}}}
}

var settling = Settling{Window: DefaultWindow, Patience: time.Hour}

func never(fleet.Call, int) time.Duration { return -1 }

// A known endpoint is read by its id at set times; what does not show was not
// applied only after the window, and for an activation after another one. Then
// the call is sent again, three times in all.
func TestSettlingByID(t *testing.T) {
	modify := plan.Step{Action: fleet.Modify, Set: fleet.Fields{PlanID: "2"}}
	activate := plan.Step{Action: fleet.Activate}
	at := func(d time.Duration) func(fleet.Call, int) time.Duration {
		return func(fleet.Call, int) time.Duration { return d }
	}
	tests := []struct {
		name  string
		step  plan.Step
		after func(fleet.Call, int) time.Duration
		want  string
		reads string
		sends int
	}{
		{"applied", modify, at(0), "modify=done ", "7@20", 1},
		{"applied after a minute", modify, at(50 * time.Second), "modify=done ", "7@20 7@60", 1},
		{"applied late", activate, at(200 * time.Second), "activate=done ", "7@20 7@60 7@120 7@240", 1},
		{"applied after the window, within the other", activate, at(300 * time.Second), "activate=done ", "7@20 7@60 7@120 7@240 7@480", 1},
		{"never applied", modify, never, "modify=failed ", "7@20 7@60 7@120 7@240 7@260 7@300 7@360 7@480 7@500 7@540 7@600 7@720", 3},
		{"applied the second time", activate, func(_ fleet.Call, n int) time.Duration { return time.Duration(n - 2) }, "activate=done ", "7@20 7@60 7@120 7@240 7@480 7@500", 2},
		{"deleted", plan.Step{Action: fleet.Delete}, at(0), "delete=done ", "7@0 7@20", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLossy()
				p := l.one(tt.step)
				l.after = tt.after
				results, err := do(t.Context(), p, l, Options{Workers: 1, Settling: settling})
				if got := strings.Join(l.reads, " "); err != nil || steps(results[0]) != tt.want || got != tt.reads || results[0].Attempts != tt.sends {
					t.Errorf("got %s after reads %s and %d sends (%v), %v\nwant %s after reads %s and %d sends", steps(results[0]), got, results[0].Attempts, results[0].Err, err, tt.want, tt.reads, tt.sends)
				}
			})
		})
	}
}

// Creates are looked for in listings that serve all of them.
func TestSettlingCreates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLossy()
		l.loses = func(call fleet.Call, n int) bool { return call.Action == fleet.Create }
		l.after = func(call fleet.Call, n int) time.Duration {
			return map[string]time.Duration{"m1": -1, "m2": 100 * time.Second}[call.Name] * time.Duration(2-min(n, 2))
		}
		results, err := do(t.Context(), onboarding(4), l, Options{Workers: 1, Settling: settling})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if want := map[bool]int{true: 4, false: 3}[i == 1]; r.Outcome != fleet.Done || r.Attempts != want {
				t.Errorf("row %d: got %s after %d sends (%v), want done after %d", i, steps(r), r.Attempts, r.Err, want)
			}
		}
		// m1 is sent again after two listings, and looked for once more.
		if got := strings.Join(l.reads, " "); got != "@20 @260 @500 @740" {
			t.Errorf("got listings %s", got)
		}
		if len(l.live) != 4 {
			t.Errorf("got %d endpoints, want 4", len(l.live))
		}
	})
}

// While one task settles, others use its place.
func TestSettlingGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLossy()
		l.loses = func(call fleet.Call, _ int) bool { return call.Name == "m0" }
		began := time.Now()
		ended := map[int]time.Duration{}
		n := 0
		progress := func(Completed) { ended[n] = time.Since(began); n++ }
		if _, err := do(t.Context(), onboarding(3), l, Options{Workers: 1, Settling: settling, Progress: progress}); err != nil {
			t.Fatal(err)
		}
		if ended[1] != 0 || ended[2] < 20*time.Second {
			t.Errorf("the tasks ended after %v, want two of them at once", ended)
		}
	})
}

// What reads cannot find out within the patience stays unknown, and so does what
// an interrupt leaves.
func TestSettlingThatFails(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		for _, task := range []string{"create", "modify"} {
			t.Run(fmt.Sprint(task, interrupt), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLossy()
					p := onboarding(1)
					if task == "modify" {
						p = l.one(plan.Step{Action: fleet.Modify, Set: fleet.Fields{PlanID: "2"}})
					}
					l.fails = true
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if interrupt {
						time.AfterFunc(time.Minute, cancel)
					}
					began := time.Now()
					results, err := do(ctx, p, l, Options{Workers: 1, Settling: settling})
					took, want := time.Since(began), time.Hour+50*time.Second
					if interrupt {
						want = time.Minute
					}
					if results[0].Outcome != fleet.Unknown || !results[0].Open() || errors.Is(err, fleet.ErrStopped) != interrupt || took > want || took < want-40*time.Second {
						t.Errorf("got %s after %s, %v (%v)", steps(results[0]), took, err, results[0].Err)
					}
				})
			})
		}
	}
}

// An interrupt during the last call leaves nobody waiting.
func TestAnInterruptBeforeSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := newLossy()
		l.loses = func(fleet.Call, int) bool { cancel(); return true }
		results, err := do(ctx, onboarding(2), l, Options{Workers: 2, Settling: settling})
		if !errors.Is(err, fleet.ErrStopped) || results[0].Outcome == fleet.Done || results[1].Outcome == fleet.Done {
			t.Errorf("got %s and %s, %v", steps(results[0]), steps(results[1]), err)
		}
	})
}

// A halt begins nothing new; what has begun goes on to its end.
func TestHalts(t *testing.T) {
	for name, halt := range map[string]Halt{"failures": {Percent: 5, Least: 20}, "time": {After: 20 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{takes: time.Second, answer: func(call fleet.Call) fleet.Reply {
					if name == "failures" && call.Action == fleet.Link && call.Name > "m5" {
						return fleet.Reply{Outcome: fleet.Failed, Err: errors.New("no"), Sends: 1}
					}
					return fleet.Reply{}
				}}
				results, err := do(t.Context(), onboarding(1000), f, Options{Workers: 2, Halt: halt})
				if !errors.Is(err, fleet.ErrStopped) {
					t.Fatalf("got %v, want %v", err, fleet.ErrStopped)
				}
				begun := 0
				for _, r := range results {
					if half := r.Attempts > 0 && !r.Finished(); half {
						t.Errorf("%s is left half done: %s", r.Task.Label(), steps(r))
					}
					if r.Attempts > 0 {
						begun++
					}
				}
				if begun > 100 || name == "failures" && begun < 20 {
					t.Errorf("%d tasks were begun", begun)
				}
			})
		})
	}
	// A run of which nothing is left to begin is not cut short, whatever failed.
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: time.Second, answer: func(fleet.Call) fleet.Reply { return fleet.Reply{Outcome: fleet.Failed, Err: errors.New("no")} }}
		if _, err := do(t.Context(), onboarding(30), f, Options{Workers: 64, Halt: Halt{Percent: 5, Least: 20}}); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// What waits for the pace has not begun, however many tasks are done at a time: a
// halt, a time box and a retired rate plan end it too, and at once.
func TestHaltsWhatWaitsForThePace(t *testing.T) {
	refuse := func(call fleet.Call) fleet.Reply {
		return fleet.Reply{Outcome: fleet.Failed, Err: errors.New("planId is unknown"), Sends: 1}
	}
	for name, tt := range map[string]struct {
		halt   Halt
		answer func(fleet.Call) fleet.Reply
		planID fleet.ID
		most   int
		stops  bool
	}{
		"failures":       {Halt{Percent: 5, Least: 20}, refuse, "", 25, true},
		"time":           {Halt{After: 20 * time.Second}, nil, "", 25, true},
		"a retired plan": {Halt{}, refuse, "100234", 8, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := onboarding(300)
				for i := range p.Tasks {
					p.Tasks[i].Steps[0].Set.PlanID = tt.planID
				}
				f := &fake{takes: time.Second, purse: pace.New(2), answer: tt.answer}
				results, err := do(t.Context(), p, f, Options{Workers: 1000, Halt: tt.halt})
				if errors.Is(err, fleet.ErrStopped) != tt.stops {
					t.Errorf("got %v", err)
				}
				begun := 0
				for _, r := range results {
					if half := r.Attempts > 0 && !r.Finished(); half {
						t.Errorf("%s is left half done: %s", r.Task.Label(), steps(r))
					}
					begun += min(r.Attempts, 1)
				}
				if begun > tt.most || len(f.calls) > 3*tt.most {
					t.Errorf("%d of 300 tasks were begun, want at most %d", begun, tt.most)
				}
				if took := time.Since(began); tt.stops && took > time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// A record of a journal that does not fit the plan is refused, not guessed at.
func TestReplayOfAForeignJournal(t *testing.T) {
	for _, record := range []journal.Record{journal.Intent{Task: 9}, journal.Intent{Call: 3}, journal.Outcome{Task: -1}, journal.Finding{Steps: make([]fleet.Outcome, 2)}} {
		_, err := Replay(onboarding(1), fleet.Abilities{}, &journal.History{Records: []journal.Record{record}}, journal.Moment{})
		if !errors.Is(err, fleet.ErrPlan) {
			t.Errorf("%+v: got %v, want %v", record, err, fleet.ErrPlan)
		}
	}
}

// When everything with one rate plan fails because of it, the rest is not begun;
// other rate plans, and rows that fail for themselves, are not touched by that.
func TestARetiredPlanStopsItsClass(t *testing.T) {
	p := &plan.Plan{}
	for i := range 60 {
		p.Tasks = append(p.Tasks, plan.Task{Spec: &fleet.Spec{Fields: fleet.Fields{Name: fmt.Sprint("m", i)}},
			Steps: []plan.Step{{Action: fleet.Create, Set: fleet.Fields{Name: fmt.Sprint("m", i), PlanID: fleet.ID(fmt.Sprint("10", i%3))}}}})
	}
	f := &fake{answer: func(call fleet.Call) fleet.Reply {
		why := map[fleet.ID]string{"100": "create: refused (99400): invalid planId: retired", "101": "create: refused (99400): invalid name"}[call.Fields.PlanID]
		if why == "" {
			return fleet.Reply{}
		}
		return fleet.Reply{Outcome: fleet.Failed, Code: "99400", Err: errors.New(why), Sends: 1}
	}}
	results, err := do(t.Context(), p, f, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for i, r := range results {
		counts[fmt.Sprint(i%3, " ", r.Outcome)]++
	}
	if counts["0 failed"] != 3 || counts["0 not-attempted"] != 17 || counts["1 failed"] != 20 || counts["2 done"] != 20 || len(f.calls) != 43 {
		t.Errorf("got %v after %d calls", counts, len(f.calls))
	}
	if last := results[57]; last.Err == nil || !strings.Contains(last.Err.Error(), "every create with the same planId failed so far") {
		t.Errorf("got %v", last.Err)
	}
}

// What was open when a run goes on is taken up once, also when a listing shows at
// once what became of it.
func TestWhatWasOpenIsTakenUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLossy()
		l.loses = func(fleet.Call, int) bool { return false }
		p := onboarding(30)
		have := []fleet.Endpoint{}
		results := New(p, l.Abilities())
		for i := range results {
			results[i].intent(journal.Intent{Task: i, Attempt: 1}, time.Now())
			results[i].Steps[0].Outcome = fleet.Unknown
			e := fleet.Endpoint{ID: fleet.ID(fmt.Sprint(i)), Fields: fleet.Fields{Name: fmt.Sprint("m", i)}, Reported: fleet.Fieldset(fleet.AllFields[:]...)}
			l.live[e.ID] = &e
			have = append(have, e)
		}
		if err := Run(t.Context(), p, results, l, Options{Journal: forgetful{}, Workers: 3, Settling: settling, Found: found(t, have...)}); err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Outcome != fleet.Done || r.Attempts != 3 || l.tries[fmt.Sprint("m", i, "link")] != 1 || len(l.reads) > 0 {
				t.Fatalf("row %d: got %s after %d sends and %d reads", i, steps(r), r.Attempts, len(l.reads))
			}
		}
	})
}

// A listing takes its time, and the window between two that prove absence begins when
// the first ends: another create that is to be looked for does not bring the second
// one forward, to where it proves nothing.
func TestListingsThatProveAbsenceServeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLossy()
		l.loses, l.takes = func(fleet.Call, int) bool { return false }, 10*time.Second
		p := onboarding(2)
		results := New(p, l.Abilities())
		for i, ago := range []time.Duration{time.Hour, DefaultWindow - 5*time.Second} {
			results[i].intent(journal.Intent{Task: i, Attempt: 1}, time.Now().Add(-ago))
		}
		if err := Run(t.Context(), p, results, l, Options{Journal: forgetful{}, Workers: 3, Settling: settling}); err != nil {
			t.Fatal(err)
		}
		// While the account is empty each listing takes two reads.
		if got := strings.Join(l.reads, " "); got != "@0 @10 @260 @270 @520" || results[0].Outcome != fleet.Done || results[1].Outcome != fleet.Done {
			t.Errorf("got %s and %s after listings %s", steps(results[0]), steps(results[1]), got)
		}
	})
}

// A listing is made once in a window, so a look shortly before the read that proves
// absence would put that off for a window.
func TestALookShortlyBeforeTheProofWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := time.Now()
		since := func(at time.Time) time.Duration { return at.Sub(sent) }
		fresh := evidence{sent: sent}
		if got := since(fresh.next(DefaultWindow)); got != looks[0] {
			t.Errorf("the first look comes after %s", got)
		}
		time.Sleep(DefaultWindow - looks[0]/2)
		if got := since(fresh.next(DefaultWindow)); got != DefaultWindow {
			t.Errorf("a look that was missed comes after %s, and the proof is due after %s", got, DefaultWindow)
		}
		failed := evidence{sent: sent}
		failed.fail(time.Hour)
		if got := since(failed.next(DefaultWindow)); got != DefaultWindow-looks[0]/2+again {
			t.Errorf("after a read that failed the next one comes after %s", got)
		}
		c := creates{open: map[int]*evidence{1: &failed, 2: {sent: sent.Add(5 * time.Second)}}}
		if at, _ := c.due(DefaultWindow, time.Time{}); since(at) != DefaultWindow+looks[0] {
			t.Errorf("the listing that is to prove the absence of both comes after %s", since(at))
		}
	})
}
