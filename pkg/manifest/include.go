package manifest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// errIrregular is a device, a pipe or a directory where a file must be.
var errIrregular = errors.New("it is not a regular file")

// includeKeys are the keys of an include.
var includeKeys = []string{"file", "columns"}

// includes reads the CSV files that a manifest names.
func (y *yamlFile) includes(n *yaml.Node, c context) {
	for _, item := range y.items(n, "include") {
		if !y.isMapping(item, "an include") {
			continue
		}
		y.onlyKeys(item, "key in an include", includeKeys)
		y.include(item, c)
	}
}

func (y *yamlFile) include(n *yaml.Node, c context) {
	at, columns := lookUp(n, "file"), lookUp(n, "columns")
	t := table{context: c}
	ok := true
	if columns != nil {
		t.mapping, ok = y.mapping(columns, c.key)
	}
	if at == nil {
		y.wrong(n, "the include names no file", "", "file: with the path of a CSV")
		return
	}
	name, isText := y.text(at, "file")
	if !isText || !y.mayInclude(at, name) || !ok {
		return
	}
	f := &file{name: filepath.Join(filepath.Dir(y.file.name), name), order: y.files}
	y.files++
	if y.load(f, nodePlace(y.file, at), func(*file) (io.ReadCloser, error) { return y.openBeside(name) }) {
		y.readCSV(f, t)
	}
}

// mayInclude refuses what is not a CSV beside the manifest, by its name.
func (y *yamlFile) mayInclude(at *yaml.Node, name string) bool {
	switch {
	case y.file.name == "-":
		y.wrong(at, "standard input cannot include a file", fleet.Quote(name), "a manifest in a file, as includes lie beside it")
	case filepath.IsAbs(name) || !filepath.IsLocal(name):
		y.wrong(at, "the include leads out of the directory of the manifest", fleet.Quote(name), "a relative path without ..")
	case isYAMLName(name):
		y.wrong(at, "only CSV files can be included", fleet.Quote(name), "a CSV; give a second manifest to the command instead")
	default:
		return true
	}
	return false
}

func isYAMLName(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// openBeside opens a regular file below the directory of the manifest; no
// link leads out of it, and a pipe does not block.
func (y *yamlFile) openBeside(name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(filepath.Dir(y.file.name))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	in, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// mapping reads the columns of an include.
func (y *yamlFile) mapping(n *yaml.Node, key fleet.Key) (*mapping, bool) {
	if !y.isMapping(n, "columns") {
		return nil, false
	}
	y.onlyKeys(n, "field in columns", fieldNames)
	m, ok := &mapping{file: y.file, at: n}, true
	for i := 0; i+1 < len(n.Content); i += 2 {
		f, value := fieldOf(n.Content[i].Value), n.Content[i+1]
		text, isText := y.text(value, f.String())
		parts, err := parseTemplate(text)
		if err != nil {
			y.wrong(value, "the text for "+f.String()+" has "+err.Error(), fleet.Quote(text), "{{column}}")
		}
		ok = ok && isText && err == nil
		m.rules = append(m.rules, rule{f, value, parts})
	}
	if ok && m.column(keyField(key)) < 0 && m.column(endpointID) < 0 {
		y.wrong(n, "the columns do not say which endpoint a row means", "", keyField(key).String()+" or endpointId from a {{column}}")
		return m, false
	}
	return m, ok
}
