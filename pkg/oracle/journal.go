package oracle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// intent is one request that a journal announced.
type intent struct {
	Task    int       `json:"task"`
	Call    int       `json:"call"`
	Attempt int       `json:"attempt"`
	Action  string    `json:"action"`
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	At      time.Time `json:"at"`

	journal int // its place among the journals
}

// record is any line of a journal.
type record struct {
	Kind string `json:"k"`
	intent
	Outcome string `json:"outcome"`
	Sends   *int   `json:"sends"`
}

// journal is the last state of one journal file.
type journal struct {
	header  string // its first line, by which it is known
	records []record
}

// readJournals reads every journal once. A run that resumes another has the
// same file, grown: only its last state counts, so that a lost line shows.
func (j *judge) readJournals() {
	place := map[string]int{}
	for i := range j.Runs {
		lines := journalLines(j.Runs[i].Journal)
		if len(lines) == 0 {
			continue
		}
		header := string(lines[0])
		at, known := place[header]
		if !known {
			at = len(j.journals)
			place[header] = at
			j.journals = append(j.journals, journal{})
		}
		j.journals[at] = journal{header, recordsOf(lines, at)}
	}
}

// journalLines are the lines of a journal that are whole: a torn one counts for
// nothing.
func journalLines(data []byte) [][]byte {
	var lines [][]byte
	for line := range bytes.Lines(data) {
		if payload, ok := payloadOf(line); ok && json.Valid(payload) {
			lines = append(lines, bytes.TrimRight(line, "\n"))
		}
	}
	return lines
}

// payloadOf cuts the checksum off a line. The sum itself is not looked at: that
// the journal is read well is another test's business.
func payloadOf(line []byte) ([]byte, bool) {
	const sum = 9 // eight hex digits and a space
	if len(line) <= sum || line[len(line)-1] != '\n' {
		return nil, false
	}
	return line[sum : len(line)-1], true
}

func recordsOf(lines [][]byte, journal int) []record {
	var records []record
	for _, line := range lines {
		var r record
		if json.Unmarshal(line[9:], &r) == nil {
			r.journal = journal
			records = append(records, r)
		}
	}
	return records
}

// subject is what a call is about: an operation on a name or an id.
type subject struct{ op, about string }

func (i *intent) subject() subject {
	if i.Action == opCreate {
		return subject{opCreate, nameKey(i.Name)}
	}
	return subject{opOf(i.Action), i.ID}
}

func (e *entry) subject() subject {
	if e.Op == opCreate {
		return subject{opCreate, nameKey(e.Row)}
	}
	return subject{e.Op, e.EndpointID}
}

// opOf is the operation that carries out an action.
func opOf(action string) string {
	if action == "suspend" || action == "resume" {
		return opLifecycle
	}
	return action
}

// intents are those of all journals by what they are about, by time.
func (j *judge) intents() map[subject][]*intent {
	all := map[subject][]*intent{}
	for n := range j.journals {
		for r := range j.journals[n].records {
			if rec := &j.journals[n].records[r]; rec.Kind == "intent" {
				all[rec.subject()] = append(all[rec.subject()], &rec.intent)
			}
		}
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b *intent) int { return a.At.Compare(b.At) })
	}
	return all
}

// lastIntent is the last intent before a request that is about the same.
func (j *judge) lastIntent(e *entry) *intent {
	list := j.announced[e.subject()]
	n, _ := slices.BinarySearchFunc(list, e.At, func(i *intent, t time.Time) int { return cmp.Or(i.At.Compare(t), -1) })
	if n == 0 {
		return nil
	}
	return list[n-1]
}

// checkIntents holds every request against the journals (I5): the n-th request
// about something needs an n-th intent that is not younger.
func (j *judge) checkIntents() {
	seen := map[subject]int{}
	if len(j.journals) == 0 && len(j.history.calls) > 0 {
		j.report("I5", "the platform saw %d mutating requests, and there is no journal", len(j.history.calls))
		return
	}
	for _, e := range j.history.calls {
		if e.rides {
			continue
		}
		s := e.subject()
		n, list := seen[s], j.announced[s]
		seen[s]++
		switch {
		case n >= len(list):
			j.report("I5", "%s is number %d of its kind, and the journals have %d intents", e, n+1, len(list))
		case list[n].At.After(e.At):
			j.report("I5", "%s was sent before its intent of %s", e, clock(list[n].At))
		}
	}
}

// call is one call in a journal: a request with its replays.
type call struct {
	journal, task, call, attempt int
}

// tally is what the journals say of one call.
type tally struct {
	subject subject
	intents int
	ended   bool
	unsent  int // intents that were proved not to have left
}

// Sends counts the mutating requests that the platform saw, beside those that
// the journals say have left. Not counted as left are intents whose call ended
// with fewer sends, and intents without an outcome that the platform never saw,
// as a crash leaves them. The two are equal when nothing was sent in hiding and
// nothing was lost on the way. A call that is made again after it ended counts
// apart, also under the same attempt number.
func Sends(e Evidence) (seen, journalled int) {
	j := newJudge(e)
	open := map[subject]int{} // requests that no ended call accounts for
	for _, e := range j.history.calls {
		if !e.rides {
			open[e.subject()]++
			seen++
		}
	}
	calls := j.tallies()
	for _, c := range calls {
		if c.ended {
			journalled += c.intents - c.unsent
			open[c.subject] -= c.intents - c.unsent
		}
	}
	for _, c := range calls {
		if !c.ended {
			n := max(0, min(c.intents, open[c.subject]))
			journalled += n
			open[c.subject] -= n
		}
	}
	return seen, journalled
}

func (j *judge) tallies() (all []*tally) {
	calls := map[call]*tally{} // the last of each
	for n := range j.journals {
		for r := range j.journals[n].records {
			rec := &j.journals[n].records[r]
			key := call{n, rec.Task, rec.Call, rec.Attempt}
			switch {
			case rec.Kind == "intent" && (calls[key] == nil || calls[key].ended):
				calls[key] = &tally{subject: rec.subject(), intents: 1}
				all = append(all, calls[key])
			case rec.Kind == "intent":
				calls[key].intents++
			case rec.Kind == "outcome" && calls[key] != nil:
				calls[key].end(rec)
			}
		}
	}
	return all
}

// end takes the first outcome of a call; later ones are what was settled. An
// outcome of done or unknown without a send proves nothing about the request.
func (t *tally) end(rec *record) {
	if t.ended {
		return
	}
	t.ended = true
	proves := rec.Sends != nil && (*rec.Sends > 0 || rec.Outcome == "failed" || rec.Outcome == "not-attempted")
	if proves {
		t.unsent = max(0, t.intents-*rec.Sends)
	}
}
