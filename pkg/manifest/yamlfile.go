package manifest

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// The bounds of a YAML file. A fleet that is bigger belongs in a CSV.
const (
	mostYAML  = 32 << 20
	mostDepth = 8
)

// yamlFile is a manifest that is being read.
type yamlFile struct {
	*reader
	file *file
	rows []*yaml.Node // the endpoints, to find places again
}

func nodePlace(f *file, n *yaml.Node) place { return place{f, n.Line, n.Column} }

func (y *yamlFile) wrong(n *yaml.Node, what, got, want string) {
	y.add(nodePlace(y.file, n), what, got, want)
}

// parse reads the file as one tree of nodes, nil when it is none.
func (y *yamlFile) parse() *yaml.Node {
	if len(y.file.data) > mostYAML {
		y.add(place{file: y.file}, "the YAML file is too big", fmt.Sprintf("%d bytes", len(y.file.data)),
			fmt.Sprintf("at most %d; put the rows in a CSV and include it", mostYAML))
		return nil
	}
	in := yaml.NewDecoder(bytes.NewReader(y.file.data))
	var doc, second yaml.Node
	switch err := in.Decode(&doc); {
	case err == io.EOF:
		y.add(place{file: y.file}, "the file is empty", "only comments", "a manifest")
		return nil
	case err != nil:
		y.syntax(err)
		return nil
	}
	switch err := in.Decode(&second); {
	case err == nil:
		y.wrong(&second, "there is a second document", "---", "one document in a file")
	case err != io.EOF:
		y.syntax(err)
		return nil
	}
	return doc.Content[0]
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax says where a file is no YAML. Tabs, the likeliest cause, are looked
// for, as the parser names them badly.
func (y *yamlFile) syntax(err error) {
	at, what := place{file: y.file}, err.Error()
	if m := yamlError.FindStringSubmatch(what); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		what = m[2]
		if strings.HasPrefix(what, "did not find expected") {
			at.line++ // the parser counts these from 0
		}
	}
	if tab := indentTab(y.file.data); tab >= 0 {
		y.add(y.file.at(tab), "a line is indented with a tab", "", "spaces")
		return
	}
	y.add(at, "this is no YAML: "+fleet.Printable(what), "", "")
}

// indentTab finds the first tab in the white space that begins a line.
func indentTab(data []byte) int {
	for start := 0; start < len(data); {
		i := start
		for i < len(data) && data[i] == ' ' {
			i++
		}
		if i < len(data) && data[i] == '\t' {
			return i
		}
		next := bytes.IndexByte(data[i:], '\n')
		if next < 0 {
			break
		}
		start = i + next + 1
	}
	return -1
}

// vet goes through the tree before anything is decoded: it refuses what has no
// place in a manifest, takes it out, and makes every scalar its literal text.
// It is false for a node that its parent must drop.
func (y *yamlFile) vet(n *yaml.Node, depth int) bool {
	if n.Anchor != "" {
		y.wrong(n, "anchors are not allowed", fleet.Quote("&"+n.Anchor), "the value itself; use defaults or groups to say a thing once")
		n.Anchor = ""
	}
	switch {
	case depth > mostDepth:
		y.wrong(n, "this is nested too deep", fmt.Sprintf("more than %d levels", mostDepth), "the shape of a manifest")
		return false
	case n.Kind == yaml.AliasNode:
		y.wrong(n, "aliases are not allowed", fleet.Quote("*"+n.Value), "the value itself; use defaults or groups to say a thing once")
		return false
	case n.Kind == yaml.ScalarNode:
		return y.vetScalar(n)
	case n.Style&yaml.TaggedStyle != 0:
		y.wrong(n, "tags are not allowed here", fleet.Quote(n.Tag), "a value without a tag")
	}
	if n.Kind == yaml.MappingNode {
		y.vetPairs(n, depth)
		return true
	}
	kept := n.Content[:0]
	for _, item := range n.Content {
		if y.vet(item, depth+1) {
			kept = append(kept, item)
		}
	}
	n.Content = kept
	return true
}

func (y *yamlFile) vetScalar(n *yaml.Node) bool {
	tagged := n.Style&yaml.TaggedStyle != 0
	switch {
	case n.Tag == clearWord && n.Value == "":
		n.Value = clearWord
	case tagged && n.Tag != "!!str":
		y.wrong(n, "unknown tag", fleet.Quote(n.Tag), "a value without a tag, or "+clearWord+" alone for iccid")
		return false
	case n.Tag == "!!null" && !tagged:
		y.wrong(n, "null is not a value", nullText(n.Value), "a value; leave the key out, or write "+clearWord+" for an iccid to take the SIM off")
		return false
	}
	n.Tag, n.Style = "!!str", yaml.DoubleQuotedStyle
	return true
}

func nullText(text string) string {
	if text == "" {
		return "nothing"
	}
	return fleet.Quote(text)
}

// vetPairs vets the values of a mapping and drops the pairs that are wrong.
func (y *yamlFile) vetPairs(n *yaml.Node, depth int) {
	kept, first := n.Content[:0], map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		ok := y.vetKey(key, first)
		if y.vet(value, depth+1) && ok {
			kept = append(kept, key, value)
		}
	}
	n.Content = kept
}

func (y *yamlFile) vetKey(key *yaml.Node, first map[string]*yaml.Node) bool {
	switch {
	case key.Kind != yaml.ScalarNode:
		y.wrong(key, "this cannot be a key", kindText(key), "a word")
		return false
	case key.Tag == "!!merge":
		y.wrong(key, "merge keys are not allowed", fleet.Quote(key.Value), "the values themselves; use defaults or groups to say a thing once")
		return false
	case first[key.Value] != nil:
		y.wrong(key, "the key is given twice", fleet.Quote(key.Value), "it once; the other is "+nodePlace(y.file, first[key.Value]).String())
		return false
	}
	first[key.Value] = key
	return y.vet(key, 0)
}

func kindText(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return fleet.Quote(n.Value)
}

// place is where a field of an endpoint stands, the row itself where it was
// not given.
func (y *yamlFile) place(row, _ int, f field) place {
	n := y.rows[row]
	if f != noField {
		if value := lookUp(n, f.String()); value != nil {
			n = value
		}
	}
	return nodePlace(y.file, n)
}

func lookUp(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
