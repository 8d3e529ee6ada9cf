package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"strings"

	"sftctl/pkg/fleet"
)

// Format is the version of the plan file that this program writes and reads.
const Format = 1

const magic = "sftctl plan"

// A plan file is JSON Lines: a header, a line for each task, and a trailer with
// their number and a digest of all lines before it, so that a file that was cut
// or edited is told from a whole one.
type headerLine struct {
	Kind   string `json:"kind"`
	Format int    `json:"format"`
	Header
}

type trailerLine struct {
	Tasks  *int   `json:"tasks"`
	SHA256 string `json:"sha256"`
}

// maxLine bounds a line of a plan file; longer ones are no plan of ours.
const maxLine = 1 << 20

// Write writes a plan file, task by task.
func (p *Plan) Write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	lines := lineWriter{out, sha256.New()}
	if err := lines.write(headerLine{magic, Format, p.Header}); err != nil {
		return err
	}
	for i := range p.Tasks {
		if err := lines.write(&p.Tasks[i]); err != nil {
			return err
		}
	}
	n := len(p.Tasks)
	if err := lines.write(trailerLine{&n, hex.EncodeToString(lines.sum.Sum(nil))}); err != nil {
		return err
	}
	return out.Flush()
}

type lineWriter struct {
	out *bufio.Writer
	sum hash.Hash
}

func (l lineWriter) write(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	l.sum.Write(data)
	_, err = l.out.Write(data)
	return err
}

// IsPlan says whether a file's beginning is that of a plan file.
func IsPlan(beginning []byte) bool {
	return bytes.HasPrefix(beginning, []byte(`{"kind":"`+magic+`"`))
}

// Read reads a plan file, task by task, and checks that it is whole. The error
// is an ErrPlan that says what is wrong with it.
func Read(r io.Reader) (*Plan, error) {
	in := newLineReader(r)
	header, err := in.header()
	p := &Plan{Header: header}
	if err == nil {
		err = in.tasks(p)
	}
	if err != nil {
		return nil, in.failed(err)
	}
	return p, nil
}

// ReadHeader reads only what a plan file says of itself at its beginning: for a
// glance at many plans. That the rest is there and fits, Read checks. The error is
// an ErrPlan.
func ReadHeader(r io.Reader) (Header, error) {
	in := newLineReader(r)
	header, err := in.header()
	if err != nil {
		return Header{}, in.failed(err)
	}
	return header, nil
}

type lineReader struct {
	in   *bufio.Reader
	sum  hash.Hash
	line int
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{bufio.NewReaderSize(r, 1<<16), sha256.New(), 0}
}

func (l *lineReader) failed(err error) error {
	return fleet.Kind(fleet.ErrPlan, fmt.Errorf("plan file, line %d: %w; make a new plan", l.line, err))
}

// next returns the next line and the digest of all lines before it.
func (l *lineReader) next() (line []byte, before string, err error) {
	l.line++
	before = hex.EncodeToString(l.sum.Sum(nil))
	for {
		part, err := l.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			l.sum.Write(line)
			return line, before, nil
		case len(line) > maxLine:
			return nil, "", fmt.Errorf("the line is longer than %d bytes", maxLine)
		case errors.Is(err, io.EOF):
			return nil, "", errors.New("the file ends before its trailer, it was cut")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, "", err
		}
	}
}

func (l *lineReader) header() (Header, error) {
	line, _, err := l.next()
	if err != nil {
		return Header{}, err
	}
	if !IsPlan(line) {
		return Header{}, errors.New("this is not a plan file")
	}
	var format struct{ Format int }
	if err := json.Unmarshal(line, &format); err != nil || format.Format != Format {
		return Header{}, fmt.Errorf("format version %d, want %d", format.Format, Format)
	}
	var header headerLine
	err = decodeStrict(line, &header)
	return header.Header, err
}

func (l *lineReader) tasks(p *Plan) error {
	for {
		line, before, err := l.next()
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte(`{"tasks":`)) {
			return l.trailer(p, line, before)
		}
		var t Task
		if err := decodeStrict(line, &t); err != nil {
			return err
		}
		if err := t.check(); err != nil {
			return err
		}
		p.Tasks = append(p.Tasks, t)
	}
}

func (l *lineReader) trailer(p *Plan, line []byte, before string) error {
	var trailer trailerLine
	if err := decodeStrict(line, &trailer); err != nil {
		return err
	}
	switch {
	case trailer.Tasks == nil || *trailer.Tasks != len(p.Tasks):
		return fmt.Errorf("the trailer counts other tasks than the %d that are here", len(p.Tasks))
	case !strings.EqualFold(trailer.SHA256, before):
		return errors.New("the digest does not fit, the file was edited")
	}
	if _, err := l.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the trailer")
	}
	return errors.Join(p.checkCounts(), p.checkUnique(), p.checkCards(), p.checkClaims())
}

// checkUnique refuses two tasks about one endpoint.
func (p *Plan) checkUnique() error {
	ids, made := map[fleet.ID]bool{}, map[string]bool{}
	for i := range p.Tasks {
		switch t := &p.Tasks[i]; {
		case len(t.Steps) == 0: // two rows that mean one endpoint are both refused
		case t.Before != nil && ids[t.Before.ID]:
			return fmt.Errorf("two tasks are about endpoint %s", t.Before.ID)
		case t.Before != nil:
			ids[t.Before.ID] = true
		case made[fleet.NameKey(t.Spec.Name)]:
			return fmt.Errorf("two tasks create %s", fleet.Quote(t.Spec.Name))
		default:
			made[fleet.NameKey(t.Spec.Name)] = true
		}
	}
	return nil
}

// checkCards refuses a link without a SIM, and two of one.
func (p *Plan) checkCards() error {
	linked := map[string]bool{}
	for i := range p.Tasks {
		for _, s := range p.Tasks[i].Steps {
			switch key := s.Set.ICCID.Key(); {
			case s.Action != fleet.Link:
			case key == "":
				return fmt.Errorf("task %d links no SIM", i+1)
			case linked[key]:
				return fmt.Errorf("two tasks link SIM %s", s.Set.ICCID)
			default:
				linked[key] = true
			}
		}
	}
	return nil
}

// checkClaims refuses a claim for a step that is not there, or that gives nothing
// up.
func (p *Plan) checkClaims() error {
	for i := range p.Tasks {
		for _, s := range p.Tasks[i].Steps {
			if s.After != nil && !p.given(s) {
				return fmt.Errorf("task %d waits for a step that is not there, or gives nothing up", i+1)
			}
		}
	}
	if p.circular() {
		return errors.New("some steps wait for each other")
	}
	return nil
}

// given says whether what a step waits for is there, and gives up what it needs.
func (p *Plan) given(s Step) bool {
	at := *s.After
	if at.Task < 0 || at.Task >= len(p.Tasks) || at.Step < 0 || at.Step >= len(p.Tasks[at.Task].Steps) {
		return false
	}
	return p.Tasks[at.Task].Steps[at.Step].givesUp(s.Action)
}

// circular says whether some step waits for itself, by way of others.
func (p *Plan) circular() bool {
	const begun, over = 1, 2
	state := map[Place]int{}
	var visit func(Place) bool
	visit = func(at Place) bool {
		if state[at] != 0 {
			return state[at] == begun
		}
		state[at] = begun
		after := p.Tasks[at.Task].Steps[at.Step].After
		circle := at.Step > 0 && visit(Place{at.Task, at.Step - 1}) || after != nil && visit(*after)
		state[at] = over
		return circle
	}
	for i := range p.Tasks {
		for k := range p.Tasks[i].Steps {
			if p.Tasks[i].Steps[k].After != nil && visit(Place{i, k}) {
				return true
			}
		}
	}
	return false
}

// checkCounts holds the header to the tasks: guards and people go by its
// numbers, and they must be those of the very steps that will run.
func (p *Plan) checkCounts() error {
	c := tally(p.Tasks)
	if c.Calls != p.Counts.Calls || c.Rows != p.Counts.Rows || c.Orphans != p.Counts.Orphans || c.Change != p.Counts.Change || c.Unchanged != p.Counts.Unchanged ||
		c.Refused != p.Counts.Refused || c.Matched != p.Counts.Matched || c.Altered != p.Counts.Altered || c.Adopted != p.Counts.Adopted || !maps.Equal(c.Steps, p.Counts.Steps) {
		return errors.New("the header counts other tasks or steps than those that are here")
	}
	return nil
}

// check refuses a task that no planner makes.
func (t *Task) check() error {
	switch {
	case t.Spec == nil && t.Before == nil:
		return errors.New("a task is about nothing")
	case t.Before != nil && (t.Before.ID == "" || t.Before.ID == "0"):
		return errors.New("a task is about an endpoint without an id")
	}
	for i, s := range t.Steps {
		creates := s.Action == fleet.Create
		if s.Action == fleet.NoAction || creates != (t.Before == nil && i == 0) {
			return fmt.Errorf("a task has the step %q where it cannot be", s.Action)
		}
		if rides := i > 0 && t.Before == nil && (s.Action == fleet.Link || s.Action == fleet.Activate); s.Joined && !rides {
			return fmt.Errorf("a task has the step %q in the call of another, where it cannot be", s.Action)
		}
	}
	return nil
}

func decodeStrict(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one value on the line")
	}
	return nil
}
