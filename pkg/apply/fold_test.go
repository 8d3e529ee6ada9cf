package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/plan"
)

// folding is a platform on which a create takes link and activation along, and
// that may do each of them at a time of its own.
type folding struct {
	*lossy
	made, linked, activated time.Duration // after the first create; negative never
	creates                 int
}

func (f *folding) Abilities() fleet.Abilities {
	return fleet.Abilities{Folds: []fleet.Action{fleet.Link, fleet.Activate}}
}

func (f *folding) Do(ctx context.Context, call fleet.Call, before func() error) fleet.Reply {
	if call.Action != fleet.Create {
		return f.lossy.Do(ctx, call, before)
	}
	if err := before(); err != nil {
		return fleet.Reply{Err: err, Fatal: true}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.creates++
	id := fleet.ID(fmt.Sprint("id-", f.creates))
	bare := call
	bare.Fields.ICCID = ""
	f.at(f.made, bare, id)
	f.at(f.linked, fleet.Call{Action: fleet.Link, Fields: call.Fields}, id)
	f.at(f.activated, fleet.Call{Action: fleet.Activate}, id)
	reply := fleet.Reply{Outcome: fleet.Unknown, Err: errors.New("lost"), Sends: 1, Started: time.Now(), Written: time.Now()}
	if f.creates > 1 {
		f.apply(bare, id)
		f.live[id].ICCID, f.live[id].Status = call.Fields.ICCID, fleet.StatusActive
		reply.Outcome, reply.Err, reply.ID = fleet.Done, nil, id
	}
	return reply
}

// at does a part of the first create.
func (f *folding) at(after time.Duration, part fleet.Call, id fleet.ID) {
	if f.creates > 1 || after < 0 {
		return
	}
	if after == 0 {
		f.apply(part, id)
		return
	}
	time.AfterFunc(after+time.Duration(part.Action), func() { f.mu.Lock(); f.apply(part, id); f.mu.Unlock() })
}

func (f *folding) Page(ctx context.Context, q fleet.Query) (fleet.Page, error) {
	if q.List != fleet.SIMs {
		return f.lossy.Page(ctx, q)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads = append(f.reads, fmt.Sprint("sim@", int(time.Since(f.began).Seconds())))
	for id, e := range f.live {
		if e.ICCID.Equal(q.ICCID) {
			return fleet.Page{SIMs: []fleet.SIM{{ICCID: q.ICCID, EndpointID: id}}}, nil
		}
	}
	return fleet.Page{SIMs: []fleet.SIM{{ICCID: q.ICCID}}}, nil
}

// folded is a plan of one create with link and activation.
func folded() *plan.Plan {
	p := onboarding(1)
	p.Tasks[0].Steps[0].Set.Name = "m0"
	return p
}

const late = 200 * time.Second

// A create that took link and activation along is looked for by its SIM, then in
// listings. What it did in part is never done again as a whole: the rest is waited
// for, and then made by itself.
func TestSettlingAFoldedCreate(t *testing.T) {
	tests := []struct {
		name                    string
		made, linked, activated time.Duration
		reads                   string
		sends                   int
	}{
		{"applied", 0, 0, 0, "sim@20 id-1@20", 1},
		{"applied late", late, late, late, "sim@20 sim@60 sim@120 @240", 1},
		{"never applied", -1, -1, -1, "sim@20 sim@60 sim@120 @240 @240 @480 @480", 2},
		{"activated later", 0, 0, 100 * time.Second, "sim@20 id-1@20 id-1@20 id-1@60 id-1@120", 1},
		{"not activated", 0, 0, -1, "sim@20 id-1@20 id-1@20 id-1@60 id-1@120 id-1@240 id-1@480", 2},
		{"linked late, not activated", 0, late, -1, "sim@20 sim@60 sim@120 @240 id-1@240 id-1@480", 2},
		{"nothing but made", 0, -1, -1, "sim@20 sim@60 sim@120 @240 id-1@240 id-1@480", 3},
		{"made late, nothing else", late, -1, -1, "sim@20 sim@60 sim@120 @240 id-1@240 id-1@480", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &folding{newLossy(), tt.made, tt.linked, tt.activated, 0}
				f.loses = func(fleet.Call, int) bool { return false }
				results, err := do(t.Context(), folded(), f, Options{Workers: 1, Settling: settling})
				r, got := results[0], strings.Join(f.reads, " ")
				if err != nil || steps(r) != "create=done link=done activate=done " || got != tt.reads || r.Attempts != tt.sends {
					t.Errorf("got %s after reads %s and %d sends (%v), %v\nwant it done after reads %s and %d sends", steps(r), got, r.Attempts, r.Err, err, tt.reads, tt.sends)
				}
				if e := f.live[r.ID]; len(f.live) != 1 || e == nil || e.ICCID != "1" || e.Status != fleet.StatusActive {
					t.Errorf("got %d endpoints, and %+v", len(f.live), e)
				}
			})
		})
	}
}

// A run that ends while the rest of a folded create is open is taken up from its
// journal where it stood.
func TestAFoldedCreateIsTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, k := &folding{newLossy(), 0, 0, -1, 0}, &kept{}
		f.loses = func(fleet.Call, int) bool { return false }
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		p := folded()
		results, err := do(ctx, p, f, Options{Workers: 1, Settling: settling, Journal: k})
		if !errors.Is(err, fleet.ErrStopped) || steps(results[0]) != "create=done link=done activate=unknown " || !results[0].Open() {
			t.Fatalf("got %s, %v", steps(results[0]), err)
		}
		again, err := Replay(p, f.Abilities(), &journal.History{Records: k.records}, journal.Moment{Wall: time.Now()})
		if err != nil || steps(again[0]) != steps(results[0]) || again[0].ID != "id-1" || !again[0].Open() {
			t.Fatalf("replayed: got %s, %v", steps(again[0]), err)
		}
		if err := Run(t.Context(), p, again, f, Options{Journal: forgetful{}, Workers: 1, Settling: settling}); err != nil || steps(again[0]) != "create=done link=done activate=done " || f.creates != 1 || f.tries["m0activate"] != 1 {
			t.Errorf("got %s after %d creates and %v, %v", steps(again[0]), f.creates, f.tries, err)
		}
	})
}

// A folded create whose SIM another endpoint has by then was not applied: that one
// is not taken for it.
func TestAFoldedCreateIsNotAnothersEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &folding{newLossy(), -1, -1, -1, 0}
		f.live["9"] = &fleet.Endpoint{ID: "9", Fields: fleet.Fields{Name: "other", ICCID: "1"}}
		results, err := do(t.Context(), folded(), f, Options{Workers: 1, Settling: settling})
		if r := results[0]; err != nil || r.ID != "id-2" || f.creates != 2 || f.live["9"].Name != "other" {
			t.Errorf("got %s as %s after %d creates, %v", steps(r), r.ID, f.creates, err)
		}
	})
}

// slowed is a platform whose pace has suffered.
type slowed struct{ *fake }

func (slowed) Pace() float64 { return 0.1 }

// How old a read may be follows the pace of the moment, not the one that was asked
// for: at ten seconds a call the read and the call are at least ten apart.
func TestLatelyFollowsThePace(t *testing.T) {
	for want, on := range map[time.Duration]Platform{5 * time.Second: &fake{}, 30 * time.Second: slowed{&fake{}}} {
		r := &runner{on: on, opts: Options{Settling: Settling{Rate: 1.8}}}
		if got := r.lately(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
