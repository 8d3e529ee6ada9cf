package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path/filepath"

	"sftctl/pkg/fleet"
)

// Draft is a manifest that was guessed from a CSV, which it includes. It owns no
// names and wants no state but what the CSV says.
type Draft struct {
	Columns  []Column // of the CSV, in its order
	Rows     int
	Notes    []string  // what a person has to decide; safe to print
	Problems error     // what Read says of the manifest, nil if it takes it
	Warnings []Warning // of Read

	text []byte
}

// NewDraft guesses from a CSV what its columns mean and drafts a manifest that
// includes it, to be written as a file of the given name. The error is
// fleet.Problems where the CSV is no table that can be read at all, and a
// fleet.ErrUsage where a manifest of that name could not include it. What is wrong
// with rows is in the draft's Problems.
func NewDraft(csv, name string, opts Options) (*Draft, error) {
	path, err := includePath(csv, name)
	if err != nil {
		return nil, fleet.Kind(fleet.ErrUsage, err)
	}
	g, err := guessFrom(path, name, opts)
	if err != nil {
		return nil, err
	}
	d := g.draft(path)
	d.check(name, opts)
	return d, nil
}

// Write writes the manifest.
func (d *Draft) Write(w io.Writer) error {
	_, err := w.Write(d.text)
	return err
}

// includePath is the path by which a manifest can include a CSV: from its folder,
// and not out of it, not by a link either.
func includePath(csv, name string) (string, error) {
	switch {
	case csv == "-":
		return "", errors.New("a manifest cannot include standard input; save it as a CSV first")
	case isYAMLName(csv):
		return "", fmt.Errorf("%s is a manifest by its name; want a CSV", fleet.Printable(csv))
	}
	folder := realPath(filepath.Dir(name))
	path, err := filepath.Rel(folder, filepath.Join(realPath(filepath.Dir(csv)), filepath.Base(csv)))
	target, wrong := filepath.Rel(folder, realPath(csv))
	if err == nil && filepath.IsLocal(path) && (wrong != nil || !filepath.IsLocal(target)) {
		return "", fmt.Errorf("%s is a link that leads out of the folder of %s, and a manifest includes nothing from there; put a copy in its place",
			fleet.Printable(csv), fleet.Printable(name))
	}
	if err != nil || !filepath.IsLocal(path) {
		return "", fmt.Errorf("%s is not in the folder of %s or below it, and a manifest includes nothing else; write the manifest beside it, as %s",
			fleet.Printable(csv), fleet.Printable(name), fleet.Printable(filepath.Join(filepath.Dir(csv), filepath.Base(name))))
	}
	return path, nil
}

// realPath is a path from the root without links, as far as it is there.
func realPath(path string) string {
	whole, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(whole); err == nil {
		return real
	}
	return whole
}

// guessFrom reads a CSV as the manifest of a name would, and guesses.
func guessFrom(path, name string, opts Options) (*guess, error) {
	r := newReader(opts)
	y := &yamlFile{reader: r, file: &file{name: name}}
	f := &file{name: filepath.Join(filepath.Dir(name), path)}
	if !r.load(f, place{file: f}, func(*file) (io.ReadCloser, error) { return y.openBeside(path) }) {
		return nil, r.err()
	}
	h, ok := r.readHeader(f, func(name string) bool { return meaningOf(name).rank < noMeaning })
	if !ok {
		return nil, r.err()
	}
	g := newGuess(h)
	g.look(f, r.opts)
	g.decide()
	return g, nil
}

// look goes through the rows that fit the header. Where they end early, or do
// not fit, Read says so.
func (g *guess) look(f *file, opts Options) {
	w := &witness{seed: maphash.MakeSeed(), room: mostDifferent}
	t := &table{header: g.header, file: f, limit: opts.MaxLine}
	t.fields, t.keep = make([]field, len(g.names)), nil
	for rest, rows := (chunk{f.data[g.body:], g.body, g.line}), 0; len(rest.data) > 0 && rows < opts.MaxRows; {
		var c chunk
		c, rest = rest.split(t.limit)
		in := &records{Reader: newCSVReader(c.data, g.comma), table: t, chunk: c, begun: true}
		all, _ := in.ReadAll() // damage is kept in the records
		for _, record := range all {
			for i, cell := range record {
				w.add(g.cells[i], cell)
			}
		}
		if rows += len(all); in.broken != nil {
			return
		}
	}
}

// check reads the draft as Read would once it is written.
func (d *Draft) check(name string, opts Options) {
	r := newReader(opts)
	f := &file{name: name, order: r.files}
	r.files++
	if r.load(f, place{file: f}, func(*file) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(d.text)), nil }) {
		r.readYAML(f)
	}
	_, d.Warnings, d.Problems = r.end()
}
