package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	simA = "8932042000001234562"
	simB = "8932042000001234570"
)

func at(seconds float64) time.Time {
	return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// scene is evidence in the making. The journal and the results follow from its
// parts, so that a test breaks one thing at a time.
type scene struct {
	Evidence
	log     []entry
	unsaid  map[int]bool    // requests, by place in the log, that the journal does not announce
	late    map[int]float64 // seconds by which an intent comes after its request
	results map[int]*sheet  // by run
}

type sheet struct{ lines []string }

const head = "endpointName,planId,_outcome,_steps,_endpointId,_verified,_origin,_run\n"

func (s *sheet) add(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// honest is a run without faults: m-0 is as it should be, m-1 is made.
func honest() *scene {
	s := &scene{unsaid: map[int]bool{}, late: map[int]float64{}, results: map[int]*sheet{}}
	s.Settle, s.Rate = 240*time.Second, 2
	s.Before = []Endpoint{{ID: "1000", Name: "m-0", PlanID: "7", ICCID: simA, Status: "Active"}}
	s.Rows = []Row{{Name: "m-0", PlanID: "7", ICCID: simA, State: "active"}, {Name: "m-1", PlanID: "7", ICCID: simB, State: "active"}}
	s.Live = []Endpoint{s.Before[0], {ID: "1001", Name: "m-1", PlanID: "7", ICCID: simB, Status: "Active"}}
	s.Bills = map[string]int{"1001": 1}
	s.Foreign = map[string]time.Time{}
	s.log = []entry{{Op: "login", At: at(0), Attempt: 1, Status: 200}, list(1),
		did("create", "m-1", "1001", 2), did("link", "m-1", "1001", 4), did("activate", "m-1", "1001", 6), list(10)}
	s.Runs = []Run{{Command: "apply", Began: at(0), Ended: at(3000), Planned: 3},
		{Command: "plan", Began: at(3010), Ended: at(3020), Planned: 0}}
	s.results[0] = &sheet{[]string{"m-0,7,unchanged,,1000,true,file,R1", "m-1,7,done,create=done link=done activate=done,1001,true,file,R1"}}
	return s
}

// did is a call that was done and answered within the second.
func did(op, row, id string, second float64) entry {
	return entry{Op: op, Row: row, EndpointID: id, At: at(second), Attempt: 1, Status: 200, Outer: "0", Inner: "99001",
		Applied: true, AppliedAt: at(second + 0.5)}
}

// lost is a call that was never done and never answered.
func lost(op, row, id string, second float64) entry {
	return entry{Op: op, Row: row, EndpointID: id, At: at(second), Attempt: 1, Effect: "hang-dropped"}
}

func answer(e entry, status int, outer, inner string) entry {
	e.Status, e.Outer, e.Inner, e.Effect = status, outer, inner, ""
	return e
}

func list(second float64) entry {
	return entry{Op: opEndpoints, Row: "1", At: at(second), Attempt: 1, Status: 200, Outer: "0", Inner: "99004"}
}

func look(id string, second float64) entry {
	e := list(second)
	e.Row, e.EndpointID = "", id
	return e
}

// remake replaces the calls of m-1, which then has no report either.
func (s *scene) remake(entries ...entry) {
	s.log = entries
	s.results = map[int]*sheet{}
	s.Bills = nil
	s.Runs = []Run{{Command: "apply", Began: at(0), Ended: at(3000), Exit: 3, Results: []byte(head + "m-0,7,unchanged,,1000,true,file,R1\nm-1,7,refused,,,false,file,R1\n")}}
}

// evidence writes the log, the journal and the results.
func (s *scene) evidence(t *testing.T) Evidence {
	t.Helper()
	e := s.Evidence
	var log, journal bytes.Buffer
	fmt.Fprint(&journal, `00000000 {"k":"header","run":"R1"}`+"\n")
	slices.SortStableFunc(s.log, func(a, b entry) int { return a.At.Compare(b.At) })
	for i := range s.log {
		s.log[i].Seq = uint64(i + 1)
		text, err := json.Marshal(s.log[i])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&log, "%s\n", text)
		if s.log[i].mutates() && !s.unsaid[i] {
			s.announce(&journal, i)
		}
	}
	if e.Log == nil {
		e.Log = log.Bytes()
	}
	e.Runs = slices.Clone(s.Runs)
	if len(e.Runs) > 0 && e.Runs[0].Journal == nil {
		e.Runs[0].Journal = journal.Bytes()
	}
	for i, sheet := range s.results {
		e.Runs[i].Results = []byte(head + strings.Join(sheet.lines, "\n") + "\n")
	}
	return e
}

func (s *scene) announce(w *bytes.Buffer, i int) {
	e := &s.log[i]
	action := e.Op
	if e.Op == opLifecycle {
		action = "suspend"
		if e.Inner == "resume" {
			action = "resume"
		}
	}
	intent := at(0).Add(e.At.Sub(at(0)) + time.Duration(s.late[i]*float64(time.Second)))
	fmt.Fprintf(w, `00000000 {"k":"intent","task":%d,"call":0,"attempt":%d,"action":%q,"id":%q,"name":%q,"at":%q,"new":[1]}`+"\n",
		i, 1, action, e.EndpointID, e.Row, intent.Format(time.RFC3339Nano))
	fmt.Fprintf(w, `00000000 {"k":"outcome","task":%d,"call":0,"attempt":%d,"outcome":"done","sends":1}`+"\n", i, 1)
}

// broken are the invariants that are broken, each once.
func broken(violations []Violation) string {
	var names []string
	for _, v := range violations {
		names = append(names, v.Invariant)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

func expect(t *testing.T, e Evidence, want string) {
	t.Helper()
	found := Check(e)
	if got := broken(found); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, v := range found {
		t.Log(v)
	}
}

func TestInvariants(t *testing.T) {
	for _, tt := range []struct {
		name   string
		want   string // the invariants that are broken
		change func(*scene)
	}{
		{"an honest run", "", func(*scene) {}},

		{"I1 two of a name", "I1", func(s *scene) { twice(s) }},
		{"I1 three creates, one of them late", "I1", func(s *scene) {
			e := did("create", "m-1", "1007", 2)
			e.Status, e.Outer, e.Effect, e.AppliedAt = 0, "", "drop-late", at(180)
			s.remake(e, list(300), list(600), did("create", "m-1", "1008", 700))
			s.Live = []Endpoint{s.Before[0], {ID: "1007", Name: "m-1"}, {ID: "1008", Name: "m-1"}}
		}},
		{"I1 the name was there before", "I1", func(s *scene) {
			s.Before = append(s.Before, Endpoint{ID: "990", Name: "m-1", Status: "Hold"})
			s.Live = append(s.Live, s.Before[1])
		}},
		{"I1 renamed to a name that is taken", "I1", func(s *scene) {
			s.Rows[1] = Row{Name: "m-0", ID: "1002"}
			s.Rows[0] = Row{ID: "1000"}
			s.Before = append(s.Before, Endpoint{ID: "1002", Name: "x"})
			s.remake(did("modify", "x", "1002", 3))
			s.Runs[0].Results = nil
			s.Runs[0].Exit = 4
			s.Live = []Endpoint{s.Before[0], {ID: "1002", Name: "m-0"}}
		}},
		{"I1 doubled before the first run", "", func(s *scene) {
			s.Before = append(s.Before, Endpoint{ID: "990", Name: "x"}, Endpoint{ID: "991", Name: "x"})
			s.Live = append(s.Live, s.Before[1:]...)
		}},
		{"I1 doubled by others", "", func(s *scene) {
			s.Live = append(s.Live, Endpoint{ID: "1005", Name: "m-1"})
			s.Foreign["1005"] = at(2500)
		}},
		{"I1 doubled by the platform and called done", "I1", func(s *scene) { platformDoubles(s) }},
		{"I1 doubled by the platform and called failed", "", func(s *scene) {
			platformDoubles(s)
			s.results[0].lines[1] = "m-1,7,failed,create=failed link=not-attempted activate=not-attempted,1001,false,file,R1"
			s.log = slices.Delete(s.log, 3, 5)
			s.Bills = nil
			s.Runs[0].Exit = 3
		}},
		{"I1 doubled by the platform, and the run was interrupted", "", func(s *scene) {
			platformDoubles(s)
			s.Runs[0].Exit = 130
		}},

		{"I2 a new endpoint billed twice", "I2", func(s *scene) { s.Bills["1001"] = 2 }},
		{"I2 an old endpoint billed without need", "I2", func(s *scene) {
			s.Bills["1000"] = 1
			s.log = append(s.log, did("activate", "m-0", "1000", 20))
		}},
		{"I2 billed for a swap", "", func(s *scene) {
			s.Before[0].ICCID = "8932042000001234588"
			s.Bills["1000"] = 1
			s.log = append(s.log, did("delink", "m-0", "1000", 20), did("link", "m-0", "1000", 21), did("activate", "m-0", "1000", 22))
			s.results[0].lines[0] = "m-0,7,done,delink=done link=done activate=done,1000,true,file,R1"
		}},
		{"I2 billed twice, others had a hand in it", "", func(s *scene) {
			s.Bills["1001"], s.Foreign["1001"] = 2, at(100)
		}},

		{"I3 a delete that nobody asked for", "I3", func(s *scene) {
			s.log = append(s.log, answer(lost("delete", "m-0", "1000", 20), 200, "1", "99409"))
		}},
		{"I3 a delete of what is absent in the manifest", "", func(s *scene) {
			s.Rows[0].State = "absent"
			s.log = append(s.log, did("delink", "m-0", "1000", 20), did("delete", "m-0", "1000", 21))
			s.Live = s.Live[1:]
			s.results[0].lines[0] = "m-0,7,done,delink=done delete=done,1000,true,file,R1"
		}},
		{"I3 a delete of what is protected", "I3", func(s *scene) {
			s.Rows[0].State, s.Protect = "absent", []string{"m-0"}
			s.log = append(s.log, did("delete", "m-0", "1000", 21))
			s.Live = s.Live[1:]
			s.results[0].lines[0] = "m-0,7,done,delete=done,1000,true,file,R1"
		}},
		{"I3 a rename of what is protected", "I3", func(s *scene) {
			s.Rows[0].ID, s.Rows[0].Name, s.Protect = "1000", "new", []string{"m-0"}
			s.log = append(s.log, did("modify", "m-0", "1000", 21))
			s.Live[0].Name = "new"
			s.results[0].lines[0] = "new,7,done,modify=done,1000,true,file,R1"
		}},
		{"I3 a delink of the right SIM", "I3", func(s *scene) {
			s.log = append(s.log, lost("delink", "m-0", "1000", 20))
		}},
		{"I3 a delink for a SIM that differs by its check digit only", "I3", func(s *scene) {
			s.Before[0].ICCID = simA + string(checkDigit(simA))
			s.log = append(s.log, lost("delink", "m-0", "1000", 20))
		}},
		{"I3 a delink to clear", "", func(s *scene) {
			s.Rows[0].ICCID, s.Rows[0].State = Clear, ""
			s.log = append(s.log, did("delink", "m-0", "1000", 20))
			s.Live[0].ICCID, s.Live[0].Status = "", "Hold"
			s.results[0].lines[0] = "m-0,7,done,delink=done,1000,true,file,R1"
		}},
		{"I3 a suspend of what is to be active", "I3", func(s *scene) {
			s.log = append(s.log, lost("lifecycle", "m-0", "1000", 20))
		}},
		{"I3 a lifecycle call that suspends, whatever the intent says", "I3", func(s *scene) {
			e := did("lifecycle", "m-0", "1000", 20)
			e.Inner = "resume"
			s.log = append(s.log, e)
			s.Foreign = nil
			s.results[0].lines[0] = "m-0,7,unchanged,,1000,false,file,R1"
		}},
		{"I3 a resume of what is to be active", "", func(s *scene) {
			s.Before[0].Status = "Suspended"
			s.log = append(s.log, did("lifecycle", "m-0", "1000", 20))
			s.results[0].lines[0] = "m-0,7,done,resume=done,1000,true,file,R1"
		}},
		{"I3 an orphan without a policy", "I3", func(s *scene) { orphan(s, "report", "m-") }},
		{"I3 an orphan out of scope", "I3", func(s *scene) { orphan(s, "delete", "x-") }},
		{"I3 an orphan that is to go", "", func(s *scene) { orphan(s, "delete", "m-") }},
		{"I3 an orphan that is to be suspended only", "I3", func(s *scene) { orphan(s, "suspend", "m-") }},
		{"I3 a link to an endpoint that no row names", "I3", func(s *scene) {
			s.Before = append(s.Before, Endpoint{ID: "990", Name: "other"})
			s.log = append(s.log, lost("link", "other", "990", 20))
		}},
		{"I3 an activation of what is to be pre-active", "I3", func(s *scene) { s.Rows[1].State = "pre-active"; s.Live[1].Status = "Hold" }},
		{"I3 a call for an endpoint that never was", "", func(s *scene) { s.log = append(s.log, lost("link", "77", "77", 20)) }},
		{"I3 a call for no endpoint", "I3", func(s *scene) { s.log = append(s.log, lost("delete", "", "0", 20)) }},

		{"I3 a delink of a SIM that sits on another endpoint", "I3", func(s *scene) {
			s.Before = append(s.Before, Endpoint{ID: "990", Name: "other", ICCID: simB, Status: "Active"})
			s.log = append(s.log, lost("delink", "other", "990", 1.5))
		}},
		{"I3 a modify by ICCID", "", func(s *scene) {
			s.Key, s.Rows[0] = "iccid", Row{Name: "new", ICCID: "89320420 0000 1234562"}
			s.log = append(s.log, did("modify", "m-0", "1000", 20))
			s.Live[0].Name = "new"
			s.results[0].lines[0] = "new,7,done,modify=done,1000,true,file,R1"
		}},
		{"I3 a modify by the SIM of a row that goes by its name", "I3", func(s *scene) {
			s.Rows[0] = Row{Name: "new", ICCID: simA}
			s.remake(lost("modify", "m-0", "1000", 20))
			s.Runs[0].Exit, s.Runs[0].Results = 4, nil
		}},
		{"I3 a modify by the id of another", "I3", func(s *scene) {
			s.Rows[0].ID = "990"
			s.log = append(s.log, lost("modify", "m-0", "1000", 20))
		}},
		{"I3 a lifecycle call that could be either, in hiding", "I5", func(s *scene) {
			s.log, s.unsaid[6] = append(s.log, lost("lifecycle", "m-0", "1000", 20)), true
		}},
		{"I4 a delete without a look", "I4", func(s *scene) { changed(s, 15); s.log = append(s.log, look("1000", 14-300)) }},
		{"I4 a look that failed", "I4", func(s *scene) { changed(s, 15); s.log = append(s.log, answer(look("1000", 16), 503, "", "")) }},
		{"I4 a look at another", "I4", func(s *scene) { changed(s, 15); s.log = append(s.log, look("1001", 16)) }},
		{"I4 a look in time", "", func(s *scene) { changed(s, 15); s.log = append(s.log, look("1000", 16)) }},
		{"I4 a listing in time", "", func(s *scene) { changed(s, 15); s.log = append(s.log, list(16)) }},
		{"I4 changed between the look and the call", "", func(s *scene) { changed(s, 15); s.log = append(s.log, look("1000", 14)) }},
		{"I4 changed after the call", "", func(s *scene) { changed(s, 25) }},

		{"I5 a request in hiding", "I5", func(s *scene) {
			s.remake(answer(lost("modify", "m-0", "1000", 2), 401, "", ""), did("modify", "m-0", "1000", 3))
			s.unsaid[1] = true
		}},
		{"I5 a replay with its intent", "", func(s *scene) {
			s.remake(answer(lost("modify", "m-0", "1000", 2), 401, "", ""), did("modify", "m-0", "1000", 3))
		}},
		{"I5 an intent after its request", "I5", func(s *scene) { s.late[2] = 0.001 }},
		{"I5 no journal", "I5", func(s *scene) { s.Runs[0].Journal = []byte{} }},
		{"I5 a journal that lost its end", "I5", func(s *scene) {
			full := *s
			s.Runs = append([]Run{{Command: "apply", Began: at(0), Ended: at(2500), Crashed: true, Journal: full.evidence(t).Runs[0].Journal}},
				s.Runs...)
			s.results = map[int]*sheet{1: s.results[0]}
			s.Runs[1].Command, s.Runs[1].Began = "resume", at(2600)
			s.Runs[1].Journal = s.Runs[0].Journal[:300]
		}},

		{"I6 sent again at once", "I6", func(s *scene) { s.remake(lost("link", "m-1", "1001", 2), did("link", "m-1", "1001", 203)) }},
		{"I6 read too early", "I6", func(s *scene) {
			s.remake(lost("modify", "m-0", "1000", 2), list(241), did("modify", "m-0", "1000", 300))
		}},
		{"I6 read in time", "", func(s *scene) {
			s.remake(lost("modify", "m-0", "1000", 2), list(242), did("modify", "m-0", "1000", 300))
		}},
		{"I6 read by id in time", "", func(s *scene) {
			s.remake(lost("modify", "m-0", "1000", 2), look("1000", 242), did("modify", "m-0", "1000", 300))
		}},
		{"I6 read of another, and the end of a listing", "I6", func(s *scene) {
			second := list(244)
			second.Row = "2"
			s.remake(lost("modify", "m-0", "1000", 2), look("1001", 242), second, did("modify", "m-0", "1000", 300))
		}},
		{"I6 sent again after a refusal", "", func(s *scene) {
			s.remake(answer(lost("modify", "m-0", "1000", 2), 200, "1", "99400"), did("modify", "m-0", "1000", 5))
		}},
		{"I6 sent again after a refusal that was cut", "I6", func(s *scene) {
			e := answer(lost("modify", "m-0", "1000", 2), 200, "1", "99400")
			e.Effect = "truncated-json"
			s.remake(e, did("modify", "m-0", "1000", 5))
		}},
		{"I6 sent again after it was turned away", "", func(s *scene) {
			gate := answer(lost("modify", "m-0", "1000", 6), 200, "1", "401")
			gate.Attempt = 0
			s.remake(answer(lost("modify", "m-0", "1000", 2), 429, "", ""), answer(lost("modify", "m-0", "1000", 4), 200, "1", "99429"), gate, did("modify", "m-0", "1000", 8))
		}},
		{"I6 turned away between two that were executed", "I6", func(s *scene) {
			s.remake(lost("modify", "m-0", "1000", 2), answer(lost("modify", "m-0", "1000", 4), 429, "", ""), did("modify", "m-0", "1000", 8))
		}},
		{"I6 sent again after success", "I6", func(s *scene) {
			s.remake(did("modify", "m-0", "1000", 2), list(300), did("modify", "m-0", "1000", 310))
		}},
		{"I6 sent again after others changed it", "", func(s *scene) {
			s.remake(did("modify", "m-0", "1000", 2), did("modify", "m-0", "1000", 310))
			s.Foreign["1000"] = at(200)
		}},
		{"I6 linked again after a delink", "", func(s *scene) {
			s.Before[0].ICCID = simB
			s.Rows = s.Rows[:1]
			s.remake(did("link", "m-0", "1000", 2), did("delink", "m-0", "1000", 4), did("link", "m-0", "1000", 6))
			s.Runs[0].Results = nil
			s.Runs[0].Exit = 130
		}},
		{"I7 created again after one read", "I7", func(s *scene) {
			s.remake(lost("create", "m-1", "", 2), list(300), did("create", "m-1", "1001", 310))
		}},
		{"I7 created again after two reads too close", "I7", func(s *scene) {
			s.remake(lost("create", "m-1", "", 2), list(300), list(539), did("create", "m-1", "1001", 545))
		}},
		{"I7 created again after two reads", "", func(s *scene) {
			s.remake(lost("create", "m-1", "", 2), list(242), list(482), did("create", "m-1", "1001", 490))
		}},
		{"I7 activated again after none", "I7", func(s *scene) {
			s.remake(lost("activate", "m-1", "1001", 2), did("activate", "m-1", "1001", 900))
		}},
		{"I7 activated again after two", "", func(s *scene) {
			s.remake(lost("activate", "m-1", "1001", 2), look("1001", 300), list(540), did("activate", "m-1", "1001", 900))
		}},

		{"I8 a row is missing", "I8", func(s *scene) { s.results[0].lines = s.results[0].lines[1:] }},
		{"I8 a row is missing in a run of some", "", func(s *scene) {
			s.results[0].lines, s.Runs[0].Partial = s.results[0].lines[1:], true
		}},
		{"I8 a row twice", "I8", func(s *scene) { s.results[0].lines = append(s.results[0].lines, s.results[0].lines[0]) }},
		{"I8 a row twice in place of another", "I8", func(s *scene) { s.results[0].lines[1] = s.results[0].lines[0] }},
		{"I8 an orphan twice", "I8", func(s *scene) {
			for range 2 {
				s.results[0].add("x,7,unchanged,,5,true,orphan,R1")
			}
		}},
		{"I8 an orphan once", "", func(s *scene) { s.results[0].add("x,7,unchanged,,5,true,orphan,R1") }},
		{"I8 no outcome", "I8", func(s *scene) { s.results[0].lines[0] = "m-0,7,fine,,1000,true,file,R1" }},
		{"I8 better than its steps", "I10 I8", func(s *scene) {
			s.results[0].lines[1] = "m-1,7,not-attempted,create=done link=done activate=unknown,1001,false,file,R1"
		}},
		{"I8 a name that a spreadsheet would run", "", func(s *scene) {
			s.Rows[0].Name, s.Before[0].Name, s.Live[0].Name = "=m-0", "=m-0", "=m-0"
			s.results[0].lines[0] = "'=m-0,7,unchanged,,1000,true,file,R1"
		}},
		{"I8 no results", "I8", func(s *scene) { s.results, s.Runs[0].Exit = nil, 3 }},
		{"I8 results that are no CSV", "I8", func(s *scene) { s.results, s.Runs[0].Results = nil, []byte("a,b\n\"x") }},

		{"I9 done and not verified", "I9", func(s *scene) { s.results[0].lines[1] = strings.Replace(s.results[0].lines[1], "true", "false", 1) }},
		{"I9 done and not verified, the platform was away", "", func(s *scene) {
			s.results[0].lines[1] = strings.Replace(s.results[0].lines[1], "true", "false", 1)
			s.Runs[0].Exit = 8
		}},
		{"I9 done and not verified beside an unknown row", "I9", func(s *scene) { halfKnown(s) }},
		{"I9 done and not verified, and the listing failed", "", func(s *scene) {
			halfKnown(s)
			s.log[5] = answer(s.log[5], 502, "", "")
		}},
		{"I9 done and not verified, and the listing missed a row", "", func(s *scene) {
			halfKnown(s)
			s.log[5].Effect = "row-missed"
		}},
		{"I9 a lie believed", "I9", func(s *scene) { s.lie("m-1,7,done,create=done link=done activate=done,1001,true,file,R1", 0) }},
		{"I9 a lie found out", "", func(s *scene) {
			s.lie("m-1,7,failed,create=done link=done activate=failed,1001,false,file,R1", 3)
		}},
		{"I9 done before it was", "I9", func(s *scene) { s.log[4].AppliedAt = at(3001) }},
		{"I9 done by another's create", "I9", func(s *scene) {
			s.results[0].lines[1] = "m-1,7,done,create=done,1000,false,file,R1"
			s.Runs[0].Exit = 8
		}},
		{"I9 done because it was so", "", func(s *scene) {
			s.log[4] = answer(lost("activate", "m-1", "1001", 6), 200, "1", "2507")
		}},
		{"I9 failed, and it was done", "I9", func(s *scene) {
			s.results[0].lines[1] = "m-1,7,failed,create=done link=done activate=failed,1001,false,file,R1"
			s.Runs[0].Exit = 3
		}},
		{"I9 failed, and it is done later", "I9", func(s *scene) {
			s.results[0].lines[1] = "m-1,7,failed,create=done link=done activate=failed,1001,false,file,R1"
			s.log[4].Effect, s.log[4].Status, s.log[4].AppliedAt = "hang-late", 0, at(5000)
			s.Runs[0].Exit = 3
		}},
		{"I9 unknown, and it is done later", "", func(s *scene) {
			s.results[0].lines[1] = "m-1,7,unknown,create=done link=done activate=unknown,1001,false,file,R1"
			s.log[4].Effect, s.log[4].Status, s.log[4].AppliedAt = "hang-late", 0, at(5000)
			s.Runs[0].Exit = 4
		}},
		{"I9 not attempted, and it was done", "I9", func(s *scene) {
			s.results[0].lines[1] = "m-1,7,not-attempted,create=done link=done activate=not-attempted,1001,false,file,R1"
			s.Runs[0].Exit = 6
		}},
		{"I9 failed, and done by the next run", "", func(s *scene) { nextRun(s, "R2") }},
		{"I9 failed, and done by an earlier run of the same plan", "I9", func(s *scene) {
			nextRun(s, "R1")
			s.results[0], s.results[1] = s.results[1], s.results[0]
			s.Runs[0].Exit, s.Runs[1].Exit = 0, 3
			s.log[4].At, s.log[4].AppliedAt = at(6), at(7)
			s.log = s.log[:len(s.log)-1]
		}},
		{"I9 verified, and it is another SIM", "I9", func(s *scene) { s.Live[1].ICCID = simA }},
		{"I9 verified, and others changed it", "", func(s *scene) {
			s.Live[1].ICCID, s.Foreign["1001"] = "", at(100)
		}},

		{"I10 zero with a failed row", "I10", func(s *scene) { s.lie("m-1,7,failed,create=done link=done activate=failed,1001,false,file,R1", 0) }},
		{"I10 three with an unknown row", "I10", func(s *scene) {
			s.lie("m-1,7,unknown,create=done link=done activate=unknown,1001,false,file,R1", 3)
		}},
		{"I10 four with an unknown row", "", func(s *scene) {
			s.lie("m-1,7,unknown,create=done link=done activate=unknown,1001,false,file,R1", 4)
		}},
		{"I10 four without an unknown row", "I10", func(s *scene) { s.Runs[0].Exit = 4 }},
		{"I10 interrupted with an unknown row", "", func(s *scene) {
			s.lie("m-1,7,unknown,create=done link=done activate=unknown,1001,false,file,R1", 143)
		}},
		{"I10 three and all is done", "I10", func(s *scene) { s.Runs[0].Exit = 3 }},

		{"I11 a burst", "I11", func(s *scene) {
			for i := range 22 {
				s.log = append(s.log, look("1000", 500+float64(i)*0.47))
			}
		}},
		{"I11 at the rate", "", func(s *scene) {
			for i := range 100 {
				s.log = append(s.log, look("1000", 500+float64(i)*0.5))
			}
		}},

		{"I13 a plan that changes something", "I13", func(s *scene) { s.log = append(s.log, lost("modify", "m-0", "1000", 3015)) }},
		{"I13 a call of nobody", "I13", func(s *scene) { s.log = append(s.log, lost("modify", "m-0", "1000", 4000)) }},
		{"I13 a plan beside an apply", "", func(s *scene) {
			s.log = append(s.log, lost("modify", "m-0", "1000", 2990))
			s.Runs[1].Began = at(2950)
		}},

		{"I17 a plan after a good run", "I17", func(s *scene) { s.Runs[1].Planned = 1 }},
		{"I17 a plan after others were there", "", func(s *scene) { s.Runs[1].Planned = 1; s.Foreign["1001"] = at(3005) }},
		{"I17 a plan after a bad run", "", func(s *scene) {
			s.lie("m-1,7,failed,create=done link=done activate=failed,1001,false,file,R1", 3)
			s.Runs[1].Planned = 1
		}},
		{"evidence that cannot be read", "I9 evidence", func(s *scene) { s.Log = []byte("{\n") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := honest()
			tt.change(s)
			expect(t, s.evidence(t), tt.want)
		})
	}
}

// twice makes m-1 a second time, after the two reads that it takes.
func twice(s *scene) {
	s.log[2].Effect, s.log[2].Status, s.log[2].Outer, s.log[2].AppliedAt = "drop-late", 0, "", at(2+225)
	s.log = append(s.log[:3], list(300), list(600), did("create", "m-1", "1008", 700))
	s.Live = append(s.Live, Endpoint{ID: "1008", Name: "m-1"})
	s.results = nil
	s.Bills = nil
	s.Runs[0].Exit, s.Runs[1].Planned = 4, -1
}

// platformDoubles has the platform do the create of m-1 twice.
func platformDoubles(s *scene) {
	s.log[2].Effect = "duplicate"
	s.Live = append(s.Live, Endpoint{ID: "1002", Name: "m-1", Status: "Pre-Active"})
	if s.Runs[0].Exit = 0; len(s.results[0].lines) == 2 {
		s.Runs[1].Planned = -1
	}
}

// orphan has an endpoint deleted that is in no row.
func orphan(s *scene, policy, scope string) {
	s.Orphans, s.Scope = policy, scope
	s.Before = append(s.Before, Endpoint{ID: "990", Name: "m-9", Status: "Hold"})
	s.log = append(s.log, did("delete", "m-9", "990", 20))
	s.results[0].add("m-9,7,done,delete=done,990,true,orphan,R1")
}

// changed has m-0 deleted, and changed by others at a time.
func changed(s *scene, second float64) {
	s.log = slices.DeleteFunc(s.log, func(e entry) bool { return e.Op == opEndpoints })
	s.Rows[0].State = "absent"
	s.Foreign["1000"] = at(second)
	s.log = append(s.log, did("delete", "m-0", "1000", 20))
	s.Live = s.Live[1:]
	s.results[0].lines[0] = "m-0,7,done,delete=done,1000,true,file,R1"
	s.Runs[1].Planned = -1
}

// halfKnown has m-0 changed and not verified, and m-1 unknown.
func halfKnown(s *scene) {
	s.results[0].lines[0] = "m-0,7,done,modify=done,1000,false,file,R1"
	s.log = append(s.log, did("modify", "m-0", "1000", 7))
	s.lie("m-1,7,unknown,create=done link=done activate=unknown,1001,false,file,R1", 4)
}

// lie answers the activation of m-1 with success and does nothing.
func (s *scene) lie(row string, exit int) {
	s.log[4].Applied, s.log[4].AppliedAt, s.log[4].Effect = false, time.Time{}, "lying-success"
	s.Live[1].Status = "Pre-Active"
	s.Bills = nil
	s.results[0].lines[1] = row
	s.Runs[0].Exit = exit
	s.Runs[1].Planned = -1
	if strings.Contains(row, "done,1001,true") {
		s.Live[1].Status = "Active" // only the step is judged
	}
}

// nextRun has the activation of m-1 fail in a first run and succeed in a second.
func nextRun(s *scene, id string) {
	s.log[4].At, s.log[4].AppliedAt = at(3100), at(3101)
	s.log = append(s.log, answer(lost("activate", "m-1", "1001", 6), 200, "1", "99409"))
	s.Runs[1] = Run{Command: "apply", Began: at(3050), Ended: at(3900)}
	s.results[1] = &sheet{[]string{"m-0,7,unchanged,,1000,true,file," + id, "m-1,7,done,activate=done,1001,true,file," + id}}
	s.results[0].lines[1] = "m-1,7,failed,create=done link=done activate=failed,1001,false,file,R1"
	s.Runs[0].Exit = 3
}

func TestSends(t *testing.T) {
	s := honest()
	e := s.evidence(t)
	if seen, journalled := Sends(e); seen != 3 || journalled != 3 {
		t.Errorf("an honest run: got %d seen and %d journalled, want 3 and 3", seen, journalled)
	}
	more := string(e.Runs[0].Journal) +
		`00000000 {"k":"intent","task":50,"call":0,"attempt":1,"action":"delete","id":"5","at":"2000-01-01T12:00:09Z"}` + "\n" +
		`00000000 {"k":"outcome","task":50,"call":0,"attempt":1,"outcome":"failed","sends":0}` + "\n" +
		`00000000 {"k":"intent","task":51,"call":0,"attempt":1,"action":"delete","id":"6","at":"2000-01-01T12:00:09Z"}` + "\n" +
		`00000000 {"k":"intent","task":52,"call":0,"at`
	e.Runs[0].Journal = []byte(more)
	if seen, journalled := Sends(e); seen != 3 || journalled != 3 {
		t.Errorf("intents that never left: got %d seen and %d journalled, want 3 and 3", seen, journalled)
	}
	s.unsaid[2] = true
	if seen, journalled := Sends(s.evidence(t)); seen != 3 || journalled != 2 {
		t.Errorf("a request in hiding: got %d seen and %d journalled, want 3 and 2", seen, journalled)
	}
}

func TestUnmet(t *testing.T) {
	s := honest()
	if got := Unmet(s.Evidence); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
	s.Rows = append(s.Rows, Row{Name: "gone", State: "absent"}, Row{Name: "new", State: "active"}, Row{ID: "1000", State: "suspended"},
		Row{Name: "renamed", Previous: "m-1"}, Row{Name: "m-0", ICCID: Clear}, Row{Name: "m-0", PlanID: "8"}, Row{Name: "m-1", State: "absent"})
	want := []string{"new: it is not live", `endpoint 1000: its status is "Active", want "suspended"`, `renamed: its endpointName is "m-1", want "renamed"`,
		`m-0: its SIM is "` + simA + `", want "!clear"`, `m-0: its planId is "7", want "8"`, "m-1: it is live, want absent"}
	if got := Unmet(s.Evidence); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// No evidence, however broken, makes the oracle panic.
func FuzzCheck(f *testing.F) {
	e := honest().evidence(&testing.T{})
	f.Add(e.Log, e.Runs[0].Journal, e.Runs[0].Results)
	f.Add([]byte("{}\n{\"op\":\"create\"}\n"), []byte("00000000 {\"k\":\"intent\"}\n00000000 []\n"), []byte("_outcome\n'\n"))
	f.Add([]byte("null"), []byte("000000000\n"), []byte("endpointName,_steps\n'＝,==\n"))
	f.Fuzz(func(_ *testing.T, log, journal, results []byte) {
		e := honest().Evidence
		e.Log, e.Runs[0].Journal, e.Runs[0].Results = log, journal, results
		Check(e)
		Sends(e)
	})
}
