package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

const (
	stateFormat  = "sftctl simulator state"
	stateVersion = 1
)

// State is a platform as it was saved. Tokens, attempts, faults and the log
// are no part of it.
type State struct{ file stateFile }

type stateFile struct {
	Format    string           `json:"format"`
	Version   int              `json:"version"`
	NextID    uint64           `json:"nextId"`
	Catalogue Catalogue        `json:"catalogue"`
	Endpoints []savedEndpoint  `json:"endpoints"`
	SIMs      []savedCard      `json:"sims"`
	Bills     map[fleet.ID]int `json:"bills"`
	Due       []savedWork      `json:"due"`
}

type savedEndpoint struct {
	ID  fleet.ID `json:"endpointId"`
	Seq uint64   `json:"seq"`
	fleet.Fields
	Status    fleet.Status `json:"status"`
	Created   time.Time    `json:"created"`
	Activated time.Time    `json:"activated,omitzero"`
	extras
}

type savedCard struct {
	ICCID      fleet.ICCID     `json:"iccid"`
	Product    fleet.ID        `json:"product"`
	Status     fleet.SIMStatus `json:"status"`
	EndpointID fleet.ID        `json:"endpointId,omitempty"`
}

// savedWork is a call whose work is still due.
type savedWork struct {
	Op      string    `json:"op"`
	Dialect speech    `json:"dialect,omitempty"`
	At      time.Time `json:"at"`
	Info    info      `json:"endpointInfo"`
	Effect  Effect    `json:"effect,omitempty"`
}

// Save writes the state as JSON, the same bytes for the same state. Work that
// is due later is saved too; what reads do not show yet is shown after a load.
func (s *Simulator) Save(w io.Writer) error {
	s.mu.Lock()
	s.settle()
	file := s.file()
	s.mu.Unlock()
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(file)
}

func (s *Simulator) file() stateFile {
	f := stateFile{Format: stateFormat, Version: stateVersion, NextID: s.nextID, Catalogue: s.cat, Bills: maps.Clone(s.bills),
		Endpoints: make([]savedEndpoint, 0, len(s.live.order)), SIMs: make([]savedCard, 0, len(s.live.cards)), Due: []savedWork{}}
	for _, e := range s.live.order {
		f.Endpoints = append(f.Endpoints, savedEndpoint{e.ID, e.seq, e.Fields, e.Status, e.created, e.activated, e.extras})
	}
	for _, k := range s.live.cards {
		f.SIMs = append(f.SIMs, savedCard{k.iccid, k.product, k.status, k.endpoint})
	}
	for _, j := range s.due {
		if !j.done {
			f.Due = append(f.Due, savedWork{j.call.route.op.String(), j.call.route.speech, j.at, j.call.info, j.call.effect})
		}
	}
	return f
}

// ReadState reads what Save wrote, and checks that it hangs together. The
// error is a fleet.Problems with all that is wrong.
func ReadState(r io.Reader) (State, error) {
	var f stateFile
	if err := decodeStrictly(r, &f); err != nil {
		return State{}, fleet.Problems{fmt.Errorf("simulator state: %w", err)}
	}
	if f.Format != stateFormat || f.Version != stateVersion {
		return State{}, fleet.Problems{fmt.Errorf("simulator state: got format %s version %d, want %q version %d",
			fleet.Quote(f.Format), f.Version, stateFormat, stateVersion)}
	}
	return State{f}, f.check().Err()
}

func (f stateFile) check() fleet.Problems {
	var problems fleet.Problems
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("simulator state: %w", fmt.Errorf(format, args...)))
	}
	held := map[fleet.ID]fleet.ICCID{}
	seq := uint64(0)
	for i, e := range f.Endpoints {
		if _, twice := held[e.ID]; twice || e.ID == "" || e.Seq <= seq || e.Seq >= f.NextID {
			problem("endpoints[%d]: id %s with seq %d is empty, doubled or out of order", i, fleet.Quote(string(e.ID)), e.Seq)
		}
		if e.Status == "" {
			problem("endpoints[%d]: no status", i)
		}
		held[e.ID], seq = e.ICCID, e.Seq
	}
	linked := f.checkCards(held, problem)
	for i, e := range f.Endpoints {
		if e.ICCID != "" && !linked[e.ID] {
			problem("endpoints[%d]: iccid %s is not among sims as linked to it", i, fleet.Quote(string(e.ICCID)))
		}
	}
	for i, d := range f.Due {
		if op, ok := opByName(d.Op); !ok || !op.Mutates() {
			problem("due[%d]: unknown operation %s", i, fleet.Quote(d.Op))
		}
		if d.Dialect != endpointInfo && d.Dialect != collection {
			problem("due[%d]: unknown dialect %s", i, fleet.Quote(string(d.Dialect)))
		}
	}
	return problems
}

// checkCards checks the SIMs against the ICCIDs that endpoints hold, and says
// which endpoints have theirs.
func (f stateFile) checkCards(held map[fleet.ID]fleet.ICCID, problem func(string, ...any)) map[fleet.ID]bool {
	seen, linked := map[string]bool{}, map[fleet.ID]bool{}
	for i, k := range f.SIMs {
		if seen[k.ICCID.Key()] || k.ICCID == "" {
			problem("sims[%d]: iccid %s is empty or doubled", i, fleet.Quote(string(k.ICCID)))
		}
		seen[k.ICCID.Key()] = true
		if k.EndpointID == "" {
			continue
		}
		if held[k.EndpointID] != k.ICCID {
			problem("sims[%d]: linked to endpoint %s, which holds %s", i,
				fleet.Quote(string(k.EndpointID)), fleet.Quote(string(held[k.EndpointID])))
		}
		linked[k.EndpointID] = true
	}
	return linked
}

func opByName(name string) (wire.Op, bool) {
	for _, op := range wire.Ops() {
		if op.String() == name {
			return op, true
		}
	}
	return 0, false
}

// Load puts a saved state in place of the present one; on an error nothing is
// changed.
func (s *Simulator) Load(r io.Reader) error {
	state, err := ReadState(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restore(state)
	return nil
}

func (s *Simulator) restore(state State) {
	s.reset()
	f := state.file
	s.cat, s.nextID = f.Catalogue, f.NextID
	maps.Copy(s.bills, f.Bills)
	for i, k := range f.SIMs {
		s.live.putCard(&card{i, k.ICCID, k.Product, k.Status, k.EndpointID})
	}
	for _, e := range f.Endpoints {
		s.live.put(&endpoint{fleet.Endpoint{ID: e.ID, Fields: e.Fields, Status: e.Status}, e.Seq, e.Created, e.Activated, e.extras})
	}
	for _, d := range f.Due {
		op, _ := opByName(d.Op) // checked when it was read
		c := &call{route: route{op: op, speech: d.Dialect}, info: d.Info, effect: d.Effect, entry: &Entry{}}
		s.enqueue(&job{call: c, at: d.At})
	}
	s.lagBehind()
}
