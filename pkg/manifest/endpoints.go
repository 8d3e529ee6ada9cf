package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// endpoints reads the rows of the manifest itself.
func (y *yamlFile) endpoints(n *yaml.Node, c context) {
	e := examiner{context: c}
	var specs []fleet.Spec
	var keys []identity
	for _, item := range y.items(n, "endpoints") {
		if !y.isMapping(item, "an endpoint") {
			continue
		}
		y.onlyKeys(item, "key in an endpoint", fieldNames)
		r := y.decodeRow(item)
		e.row, e.line = len(y.rows), item.Line
		s, id := e.examine(&r)
		s.Origin.File = y.file.name
		y.rows, specs, keys = append(y.rows, item), append(specs, s), append(keys, id)
	}
	y.report(y, e.findings)
	at := span{source: y, first: len(y.fleet.Specs)}
	y.spans = append(y.spans, at)
	y.take(at, specs, keys)
	y.fleet.Inputs[y.file.input].Rows = len(specs)
}

// decodeRow lets yaml decode a mapping whose keys are known, after dropping
// the values that are no text.
func (y *yamlFile) decodeRow(n *yaml.Node) row {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i+1].Kind == yaml.SequenceNode && fieldOf(n.Content[i].Value).isList() {
			y.joinList(n.Content[i+1], n.Content[i].Value)
		}
		if _, ok := y.text(n.Content[i+1], n.Content[i].Value); !ok {
			n.Content = slices.Delete(n.Content, i, i+2)
			i -= 2
		}
	}
	var r row
	if err := n.Decode(&r); err != nil {
		y.syntax(err)
	}
	return r
}

// joinList makes a list the text that a CSV would have for it.
func (y *yamlFile) joinList(n *yaml.Node, noun string) {
	var parts []string
	for _, item := range n.Content {
		if text, ok := y.text(item, "a value in "+noun); ok {
			parts = append(parts, text)
		}
	}
	if len(n.Content) == 0 {
		y.wrong(n, noun+" is an empty list", "[]", "values; leave the key out to leave it alone")
	}
	n.Kind, n.Tag, n.Content, n.Value = yaml.ScalarNode, "!!str", nil, strings.Join(parts, fleet.ListSeparator)
}
