package manifest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sort"

	"github.com/gocarina/gocsv"

	"sftctl/pkg/fleet"
)

// chunkSize is about how much of a CSV one goroutine reads at a time.
const chunkSize = 256 << 10

// table is a CSV that is being read.
type table struct {
	context
	header
	file    *file
	mapping *mapping // nil when the columns are the fields
	limit   int      // bytes of one record
	starts  []chunk  // those that were merged, to find places again
	columns [fieldCount]int
	spare   chan batch    // those whose slices can be used again
	panics  *fleet.Panics // of the goroutines that read chunks
}

// chunk is a run of whole records.
type chunk struct {
	data   []byte
	offset int // in the file
	line   int // of its first byte
}

// batch is what came of a chunk.
type batch struct {
	chunk
	specs    []fleet.Spec
	keys     []identity
	findings []finding
	broken   error // why the rest of the file cannot be read
}

// readCSV reads the rows of a CSV into the fleet. The table says what is known
// of it before it is opened.
func (r *reader) readCSV(f *file, t table) {
	t.file, t.limit, t.check = f, r.opts.MaxLine, r.opts.ICCIDCheck
	h, ok := r.readHeader(f, t.mapping.wants)
	if !ok {
		return
	}
	t.header = h
	if t.mapping == nil {
		ok = r.resolve(f, &t.header, t.key)
		r.noteHeader(&t.header)
	} else {
		ok = t.mapping.bind(r, &t.header)
	}
	if !ok {
		return
	}
	t.findColumns()
	before := len(r.fleet.Specs)
	problems := len(r.problems) + r.moreProblems
	r.ids.expect(bytes.Count(f.data, []byte{'\n'}), t.columns[iccid] >= 0)
	r.merge(&t)
	rows := len(r.fleet.Specs) - before
	r.fleet.Inputs[f.input].Rows = rows
	if rows == 0 && len(r.problems)+r.moreProblems == problems {
		r.noRows(place{f, t.line, 0})
	}
}

// noteHeader keeps the columns of a CSV for Fleet.Columns.
func (r *reader) noteHeader(h *header) {
	columns := h.cells
	if len(h.keep) < len(h.cells) {
		columns = make([]string, 0, len(h.keep))
		for _, i := range h.keep {
			columns = append(columns, h.cells[i])
		}
	} else {
		h.keep = nil
	}
	r.headers = append(r.headers, columns)
}

// findColumns notes in which column each field stands.
func (t *table) findColumns() {
	for f := range t.columns {
		if t.columns[f] = slices.Index(t.fields, field(f)); t.mapping != nil {
			t.columns[f] = t.mapping.column(field(f))
		}
	}
}

// merge reads the chunks side by side and takes their rows in order.
func (r *reader) merge(t *table) {
	done := make(chan struct{})
	t.spare, t.panics = make(chan batch, 2*runtime.GOMAXPROCS(0)), &fleet.Panics{}
	queue := t.start(done)
	defer func() {
		close(done)
		for range queue { // let the goroutines end
		}
	}()
	row := 0
	for next := range queue {
		b := <-next
		t.panics.Rethrow()
		t.starts = append(t.starts, b.chunk)
		r.report(t, b.findings)
		r.reserve(t, len(b.specs), b.chunk)
		s := span{source: t, first: len(r.fleet.Specs), row: row}
		r.spans = append(r.spans, s)
		if !r.take(s, b.specs, b.keys) {
			return
		}
		row += len(b.specs)
		if b.broken != nil {
			r.quoteProblem(t.file, b.offset, b.line, b.broken)
			return
		}
		t.reuse(b)
	}
}

// reserve makes room for all rows of a file, going by its first chunk.
func (r *reader) reserve(t *table, rows int, c chunk) {
	if len(t.starts) > 1 || len(c.data) == 0 {
		return
	}
	expected := min(int64(len(t.file.data))*int64(rows)/int64(len(c.data))*21/20, int64(r.opts.MaxRows))
	if need := len(r.fleet.Specs) + int(expected); need > cap(r.fleet.Specs) {
		r.fleet.Specs = append(make([]fleet.Spec, 0, need), r.fleet.Specs...)
	}
}

// start reads the chunks on as many goroutines as there are processors; their
// results come in the order of the file. It ends early when done is closed.
func (t *table) start(done <-chan struct{}) <-chan chan batch {
	queue := make(chan chan batch, runtime.GOMAXPROCS(0))
	go func() {
		defer close(queue)
		for rest := (chunk{t.file.data[t.body:], t.body, t.line}); len(rest.data) > 0; {
			var c chunk
			c, rest = rest.split(t.limit)
			result := make(chan batch, 1)
			select {
			case queue <- result:
				go func() {
					defer t.panics.Guard(func() { close(result) })
					result <- t.read(c)
				}()
			case <-done:
				return
			}
		}
	}()
	return queue
}

// split cuts a chunk where a record ends: at a line end with an even number of
// quotation marks before it. A record that is longer than the limit stays cut,
// and reading it fails for that.
func (c chunk) split(limit int) (first, rest chunk) {
	quotes, from, end := 0, 0, min(chunkSize, len(c.data))
	for {
		if i := bytes.IndexByte(c.data[end:], '\n'); i >= 0 {
			end += i + 1
		} else {
			end = len(c.data)
		}
		quotes += bytes.Count(c.data[from:end], []byte{'"'})
		from = end
		if quotes%2 == 0 || end == len(c.data) || end > chunkSize+2*limit {
			break
		}
	}
	lines := bytes.Count(c.data[:end], []byte{'\n'})
	first = chunk{c.data[:end], c.offset, c.line}
	return first, chunk{c.data[end:], c.offset + end, c.line + lines}
}

// read reads one chunk: gocsv puts the cells into rows, the examiner makes
// specs of them.
func (t *table) read(c chunk) batch {
	in := &records{Reader: newCSVReader(c.data, t.comma), table: t, chunk: c}
	var rows []*row
	if err := gocsv.UnmarshalCSV(in, &rows); err != nil {
		in.broken = err
	}
	b := t.blank(c, len(in.lines))
	e := examiner{context: t.context, findings: in.findings}
	for i := range in.lines {
		e.line = in.lines[i]
		s, id := e.examine(rows[i])
		s.Origin.File = t.file.name
		if in.cells != nil {
			s.Cells = in.cells[i]
		}
		b.specs, b.keys = append(b.specs, s), append(b.keys, id)
	}
	b.findings, b.broken = e.findings, in.broken
	return b
}

// blank is an empty batch with room for a number of rows, in the memory of one
// that was merged where there is any.
func (t *table) blank(c chunk, rows int) batch {
	select {
	case b := <-t.spare:
		return batch{chunk: c, specs: b.specs[:0], keys: b.keys[:0]}
	default:
		return batch{chunk: c, specs: make([]fleet.Spec, 0, rows), keys: make([]identity, 0, rows)}
	}
}

// reuse gives a merged batch back.
func (t *table) reuse(b batch) {
	select {
	case t.spare <- b:
	default:
	}
}

// report turns findings into problems and warnings with their places.
func (r *reader) report(s source, findings []finding) {
	for _, f := range findings {
		at := func() place { return s.place(f.row, f.line, f.field) }
		switch {
		case f.warn:
			r.warnLazily(at, f.what, f.got, f.want)
		case f.word != "":
			r.addMistaken(at, f.what, f.word, f.want, f.choices)
		default:
			r.addLazily(at, f.what, f.got, f.want)
		}
	}
}

// place finds a cell again. A field that has no column of its own is meant to
// be in the first.
func (t *table) place(_, line int, f field) place {
	i := sort.Search(len(t.starts), func(i int) bool { return t.starts[i].line > line }) - 1
	if i < 0 {
		return place{t.file, line, 0}
	}
	offset := t.file.skip(t.starts[i].offset, line-t.starts[i].line)
	column := 0
	if f != noField {
		column = t.columns[f]
	}
	return recordPlace(t.file, offset, line, t.comma, column)
}

// errRecord is a record that takes more room than a line may.
var errRecord = errors.New("record too long")

// quoteProblem says what is wrong with the quotation marks of a CSV, after
// which it cannot be read on.
func (r *reader) quoteProblem(f *file, offset, line int, err error) {
	var p *csv.ParseError
	switch {
	case err == io.EOF:
		r.add(place{file: f}, "the file is empty", "no text", "a header and rows")
	case !errors.As(err, &p):
		r.add(place{f, line, 0}, "the rest of the file cannot be read: "+err.Error(), "", "")
	case p.Err == errRecord:
		r.add(place{f, line + p.StartLine - 1, 0}, "a row is too long", fmt.Sprintf("more than %d bytes", r.opts.MaxLine),
			"a shorter one; is a quotation mark not closed?")
	case p.Err == csv.ErrBareQuote:
		r.add(f.column(f.skip(offset, p.Line-1), line+p.Line-1, p.Column), "there is a quotation mark inside a cell that is not quoted", "",
			`the cell in quotation marks and each one inside doubled; the rest of the file was not read`)
	default:
		r.add(place{f, line + p.StartLine - 1, 0}, "a quotation mark is not closed, or text follows the closing one", "",
			"a cell wholly inside quotation marks; the rest of the file was not read")
	}
}
