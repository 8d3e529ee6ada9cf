package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"strconv"
	"time"

	"sftctl/pkg/fleet"
)

// Format is the version of the journal that this program writes and reads.
const Format = 1

// Record is one line of a journal.
type Record interface{ kind() string }

// Header is the first line: what the run is bound to.
type Header struct {
	Format  int           `json:"format"`
	Run     string        `json:"run"`
	Plan    string        `json:"planId"`
	Digest  string        `json:"planSha256"` // of the run's copy of the plan
	BaseURL string        `json:"baseURL"`
	Account string        `json:"account"`
	Dialect string        `json:"dialect"`
	Inputs  []fleet.Input `json:"inputs,omitempty"` // of the plan, for the record
	Rows    int           `json:"rows,omitempty"`   // of the files; 0 when the plan is not for all of them
	At      time.Time     `json:"at"`
}

// Opened says that a process began to write.
type Opened struct {
	Command string        `json:"command"`
	Tool    string        `json:"tool"`
	PID     int           `json:"pid"`
	Host    string        `json:"host"`
	Boot    string        `json:"boot,omitempty"` // of the machine; empty when nobody can tell
	At      time.Time     `json:"at"`
	Up      time.Duration `json:"up"` // nanoseconds since the boot
}

// Intent says that a request is about to leave. There is one for each request,
// also for one that is sent again after a refused token or a throttle; such a
// one has the attempt of the one before.
type Intent struct {
	Task    int           `json:"task"`    // place in the plan
	Call    int           `json:"call"`    // place among the calls of the task
	Attempt int           `json:"attempt"` // from 1
	Action  fleet.Action  `json:"action"`
	ID      fleet.ID      `json:"id,omitempty"`     // of the endpoint, where it has one
	Name    string        `json:"name,omitempty"`   // of the endpoint
	ICCID   fleet.ICCID   `json:"iccid,omitempty"`  // the card that the call is about
	Links   bool          `json:"links,omitempty"`  // a create that links it too
	Starts  bool          `json:"starts,omitempty"` // and activates
	At      time.Time     `json:"at"`
	Up      time.Duration `json:"up"` // nanoseconds since the boot
	Boot    string        `json:"-"`  // as the process said that wrote it
}

// Outcome says what came of a call.
type Outcome struct {
	Task    int           `json:"task"`
	Call    int           `json:"call"`
	Attempt int           `json:"attempt"`
	Outcome fleet.Outcome `json:"outcome"`
	ID      fleet.ID      `json:"id,omitempty"` // of the endpoint, when the platform gave it
	Code    string        `json:"code,omitempty"`
	Err     string        `json:"err,omitempty"` // why it is not done
	Sends   int           `json:"sends"`         // requests that left
	Started time.Time     `json:"started"`       // the last of them
	Took    time.Duration `json:"took"`          // nanoseconds, the last of them
}

// Finding says how a task stands, as it was found otherwise than by the answer
// to a call: it was stale, or reading settled what was unknown, or a listing
// after the run verified it.
type Finding struct {
	Task  int             `json:"task"`
	Steps []fleet.Outcome `json:"steps"`
	Flaw  fleet.Outcome   `json:"flaw,omitzero"` // failed or stale: something is wrong besides the steps
	ID    fleet.ID        `json:"id,omitempty"`
	Err   string          `json:"err,omitempty"`
}

// End says that a process ended its work on the run in good order. Of Live, 0 says
// that nobody counted: the next plan is then held against the run before.
type End struct {
	At time.Time `json:"at"`
	// Exit is the exit code of the command, or what apply.Ended says: with 0 nothing of
	// the run is looked at again, however its rows ended.
	Exit int `json:"exit"`
	// Verified says that a listing after the run shows all rows that are done or
	// unchanged as they were wanted.
	Verified bool   `json:"verified,omitempty"`
	Cut      string `json:"cut,omitempty"`   // why it ended early
	Doubt    string `json:"doubt,omitempty"` // why the results are not verified
	Live     int    `json:"live,omitempty"`  // endpoints of the account, as the last listing had them
	Reads    int64  `json:"reads"`           // requests that change nothing, logins among them
	Settles  int64  `json:"settles"`         // those of them that settled what was unknown
}

// Superseded says that a newer run took this one's place; it is not resumed.
type Superseded struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

func (Header) kind() string     { return "header" }
func (Opened) kind() string     { return "opened" }
func (Intent) kind() string     { return "intent" }
func (Outcome) kind() string    { return "outcome" }
func (Finding) kind() string    { return "finding" }
func (End) kind() string        { return "end" }
func (Superseded) kind() string { return "superseded" }

// readers decode a record by its kind.
var readers = map[string]func([]byte) (Record, error){
	"header": decode[Header], "opened": decode[Opened], "intent": decode[Intent], "outcome": decode[Outcome],
	"finding": decode[Finding], "end": decode[End], "superseded": decode[Superseded],
}

func decode[R Record](data []byte) (Record, error) {
	var r R
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value on the line")
	}
	return r, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumLen is the length of a line's checksum and the space after it.
const sumLen = 9

// appendLine adds a line to others: its checksum as eight digits, a space, and
// the record with its kind before its own fields. The checksum covers all lines
// before it, so that none can be missing.
func appendLine(lines []byte, r Record, fields []byte, before uint32) ([]byte, uint32) {
	at := len(lines) + sumLen
	lines = append(append(append(lines, `00000000 {"k":"`...), r.kind()...), `",`...)
	lines = append(append(lines, fields[1:]...), '\n')
	sum := crc32.Update(before, castagnoli, lines[at:])
	copy(lines[at-sumLen:], strconv.FormatUint(1<<32|uint64(sum), 16)[1:])
	return lines, sum
}
