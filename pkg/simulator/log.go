package simulator

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// Entry is one request in the log, with what became of it.
type Entry struct {
	Seq          uint64    `json:"seq"` // from 1, by arrival
	At           time.Time `json:"at"`
	Op           wire.Op   `json:"-"` // in JSON: op, by its name
	Path         string    `json:"path"`
	Row          string    `json:"row,omitempty"`     // the name by which faults know it
	Attempt      int       `json:"attempt,omitempty"` // 0 when it was turned away at the gate
	EndpointID   fleet.ID  `json:"endpointId,omitempty"`
	Account      string    `json:"account,omitempty"` // the target account, else the user
	Status       int       `json:"status,omitempty"`  // HTTP; 0 when there was no answer
	Outer        string    `json:"outer,omitempty"`   // result codes as answered
	Inner        string    `json:"inner,omitempty"`
	Effect       Effect    `json:"effect,omitempty"`
	Applied      bool      `json:"applied,omitempty"` // it changed the fleet
	AppliedAt    time.Time `json:"appliedAt,omitzero"`
	Asks         string    `json:"asks,omitempty"` // what a create was to do along: "link" or "link activate"
	Also         string    `json:"also,omitempty"` // what it did of that
	AlsoAt       time.Time `json:"alsoAt,omitzero"`
	RequestBytes int       `json:"requestBytes"` // of the body
	ReplyBytes   int       `json:"replyBytes"`   // of the body, even if it was cut
}

// MarshalJSON writes the operation by its name.
func (e Entry) MarshalJSON() ([]byte, error) {
	type plain Entry
	return json.Marshal(struct {
		Op string `json:"op"`
		plain
	}{e.Op.String(), plain(e)})
}

const chunkSize = 1024

// journal is the log in chunks, so that an entry stays where it is.
type journal struct {
	chunks [][]Entry
	seq    uint64
	limit  int
	counts map[wire.Op]int
}

func (j *journal) add(c *call, now time.Time) *Entry {
	last := len(j.chunks) - 1
	if last < 0 || len(j.chunks[last]) == chunkSize {
		j.chunks = append(j.chunks, make([]Entry, 0, chunkSize))
		last++
	}
	if j.limit > 0 && last*chunkSize >= j.limit+chunkSize {
		j.chunks = append([][]Entry(nil), j.chunks[1:]...)
		last--
	}
	if j.counts == nil {
		j.counts = map[wire.Op]int{}
	}
	j.seq++
	j.counts[c.route.op]++
	j.chunks[last] = append(j.chunks[last], Entry{Seq: j.seq, At: now, Op: c.route.op, Path: c.route.path,
		Row: c.row, EndpointID: c.about(), Asks: c.rides(), RequestBytes: c.size})
	return &j.chunks[last][len(j.chunks[last])-1]
}

// Log returns the requests so far, by arrival. A request that is still being
// worked on is there too, without an answer.
func (s *Simulator) Log() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	var out []Entry
	for _, chunk := range s.log.chunks {
		out = append(out, chunk...)
	}
	if n := s.log.limit; n > 0 && len(out) > n {
		out = out[len(out)-n:]
	}
	return out
}

// WriteLog writes the log as JSON Lines.
func (s *Simulator) WriteLog(w io.Writer) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	for _, e := range s.Log() {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Counts says how many requests of each operation arrived, those turned away
// with them, whatever the limit of the log.
func (s *Simulator) Counts() map[wire.Op]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log.counts == nil {
		return map[wire.Op]int{}
	}
	return maps.Clone(s.log.counts)
}
