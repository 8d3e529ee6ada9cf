// Package manifest reads the files that describe a fleet, and writes them.
package manifest

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"sftctl/pkg/fleet"
)

// The limits that hold where Options give none.
const (
	DefaultMaxFile = 256 << 20
	DefaultMaxLine = 64 << 10
	DefaultMaxRows = 1_000_000
)

// Check says how seriously a card number with a wrong check digit is taken.
type Check uint8

// The checks. The zero Check refuses.
const (
	Strict Check = iota
	Warn
)

var checkWords = [...]string{"strict", "warn"}

func (c Check) String() string {
	if int(c) < len(checkWords) {
		return checkWords[c]
	}
	return fmt.Sprintf("check %d", uint8(c))
}

// MarshalText prints the check as the word that a flag takes.
func (c Check) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a check.
func (c *Check) UnmarshalText(text []byte) error {
	i := slices.Index(checkWords[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown check %s, want %s", fleet.Quote(string(text)), fleet.Alternatives(checkWords[:]))
	}
	*c = Check(i)
	return nil
}

// Options say how files are read. The zero Options are the strict ones.
type Options struct {
	Key        fleet.Key // what identifies a row of a bare CSV; a YAML file says it itself
	ICCIDCheck Check
	AllowEmpty bool      // accept files that hold no rows; a file without any content is an error all the same
	Stdin      io.Reader // what the file name "-" reads
	MaxFile    int64     // bytes of one file; 0 is DefaultMaxFile
	MaxLine    int       // bytes of one line or CSV record; 0 is DefaultMaxLine
	MaxRows    int       // rows of all files together; 0 is DefaultMaxRows
}

func (o Options) withDefaults() Options {
	if o.MaxFile <= 0 {
		o.MaxFile = DefaultMaxFile
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.MaxRows <= 0 {
		o.MaxRows = DefaultMaxRows
	}
	return o
}

// Read reads YAML and CSV files into one fleet, rows in the order of the files
// and in each file those of its includes before its own. The error is
// fleet.Problems, a *Problem each, with everything that is wrong in all of the
// files; the fleet is nil then.
func Read(files []string, opts Options) (*fleet.Fleet, []Warning, error) {
	r := newReader(opts)
	if len(files) == 0 {
		r.add(place{}, "no file is given", "", "a YAML or CSV file, or - for standard input")
	}
	for _, name := range files {
		r.readFile(name)
	}
	return r.end()
}

func newReader(opts Options) *reader {
	return &reader{opts: opts.withDefaults(), ids: newIdentities(), named: map[string]bool{}}
}

// end checks what only shows in all files together, and says what was read.
func (r *reader) end() (*fleet.Fleet, []Warning, error) {
	r.checkPolicies()
	r.checkRenames()
	r.settleColumns()
	if err := r.err(); err != nil {
		return nil, r.allWarnings(), err
	}
	return &r.fleet, r.allWarnings(), nil
}

// reader gathers what the files of one run say.
type reader struct {
	ledger
	opts    Options
	fleet   fleet.Fleet
	ids     identities
	named   map[string]bool // top-level files by cleaned name
	files   int             // opened so far
	spans   []span          // which specs came from where, in order
	heads   []head          // what each top-level file says of itself
	headers [][]string      // of the CSV files without a mapping
}

// readFile reads one top-level file with all it includes.
func (r *reader) readFile(name string) {
	f := &file{name: name, order: r.files}
	r.files++
	if r.named[filepath.Clean(name)] {
		r.add(place{file: f}, "the file is given twice", "", "each file once")
		return
	}
	r.named[filepath.Clean(name)] = true
	if !r.load(f, place{file: f}, r.openNamed) {
		return
	}
	if f.isYAML() {
		r.readYAML(f)
		return
	}
	policy := r.addHead(head{at: place{file: f}, key: r.opts.Key})
	r.readCSV(f, table{context: context{key: r.opts.Key, policy: policy, layers: &layers{}}})
}

// addHead notes what a top-level file says of itself; the index is that of its
// policy.
func (r *reader) addHead(h head) int {
	r.heads = append(r.heads, h)
	r.fleet.Policies = append(r.fleet.Policies, h.policy())
	return len(r.heads) - 1
}

// noRows complains about a file that holds no rows.
func (r *reader) noRows(at place) {
	if !r.opts.AllowEmpty {
		r.add(at, "there are no rows", "none", "at least one (or --allow-empty); is the file cut off?")
	}
}

// take adds the rows of one source to the fleet; it is false when there are
// too many.
func (r *reader) take(s span, specs []fleet.Spec, keys []identity) bool {
	for i := range specs {
		if len(r.fleet.Specs) == r.opts.MaxRows {
			r.add(s.source.place(s.row+i, specs[i].Origin.Line, noField), "there are too many rows",
				"more than "+fmt.Sprint(r.opts.MaxRows), "at most that many in one run")
			return false
		}
		r.fleet.Specs = append(r.fleet.Specs, specs[i])
		r.identify(len(r.fleet.Specs)-1, keys[i])
	}
	return true
}

// settleColumns keeps the cells of the rows only where all inputs are CSV
// files with the same columns.
func (r *reader) settleColumns() {
	same := len(r.headers) > 0 && len(r.headers) == len(r.fleet.Inputs)
	for _, h := range r.headers {
		same = same && slices.Equal(h, r.headers[0])
	}
	if same {
		r.fleet.Columns = r.headers[0]
		return
	}
	for i := range r.fleet.Specs {
		r.fleet.Specs[i].Cells = nil
	}
}
