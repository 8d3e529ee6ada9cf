package cli

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/plan"
	"sftctl/pkg/simulator"
)

// thinker answers after an hour, in which something happens.
type thinker struct {
	io.Reader
	meanwhile func()
}

func (r thinker) Read(p []byte) (int, error) {
	r.meanwhile()
	time.Sleep(time.Hour)
	return r.Reader.Read(p)
}

// Cards that come into stock while somebody looks at a plan change no row of it; one
// that is taken makes its row stale.
func TestCardsAreKeptWhileSomebodyLooks(t *testing.T) {
	cards := simulator.Range("893204200000123400", 3, "7")
	sim := func() *simulator.Simulator {
		return simulator.New(simulator.WithStock(simulator.Stock{Catalogue: simulator.BuiltInStock().Catalogue, SIMs: cards[1:]}))
	}
	taken := fleet.Endpoint{Status: fleet.StatusPreActive, Fields: fleet.Fields{Name: "other", PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7", ICCID: cards[1].ICCID}}
	tests := []struct {
		name      string
		meanwhile func(*simulator.Simulator)
		stale     string // what m-0 is; m-1 goes on
	}{
		{"nothing", func(*simulator.Simulator) {}, ""},
		{"a card comes", func(s *simulator.Simulator) { s.AddSIM(cards[0]) }, ""},
		{"a card is taken", func(s *simulator.Simulator) { s.AddSIM(cards[0]); s.AddEndpoint(taken) }, "SIM " + string(cards[1].ICCID) + " is linked to endpoint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := sim()
				s, err := sessionOn(sim, 0, 1)
				if err != nil {
					t.Fatal(err)
				}
				want := &fleet.Fleet{}
				for _, name := range []string{"m-1", "m-0"} {
					want.Specs = append(want.Specs, fleet.Spec{State: fleet.StateActive, AutoSIM: true, Fields: fleet.Fields{Name: name, PlanID: "100234", ServiceProfileID: "SP_1249", SIMProductID: "7"}})
				}
				w := &work{want: want}
				env := Env{Stdin: thinker{strings.NewReader("yes\n"), func() { tt.meanwhile(sim) }}, Stdout: io.Discard, Stderr: io.Discard,
					Getenv: func(string) (string, bool) { return "", false }}
				o := applyOptions{guards: guards{limits: plan.Unlimited}, runOptions: runOptions{maxAge: time.Minute}}
				if err := s.approveFiles(t.Context(), env, o, w); err != nil {
					t.Fatal(err)
				}
				if w.stale[0] != "" || (w.stale[1] != "") != (tt.stale != "") || !strings.Contains(w.stale[1], tt.stale) {
					t.Errorf("got %v stale, want m-0 %q", w.stale, tt.stale)
				}
				for i, card := range []fleet.ICCID{cards[2].ICCID, cards[1].ICCID} {
					if got := w.plan.Tasks[i].Steps[1].Set.ICCID; got != card {
						t.Errorf("%s: got SIM %s, want %s", want.Specs[i].Name, got, card)
					}
				}
			})
		})
	}
}
