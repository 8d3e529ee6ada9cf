package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	wrong "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"gopkg.in/yaml.v3"
)

// unseen are the problems that no schema can see, by a part of their text, and why.
var unseen = map[string]string{
	"is given twice":                          "rows are not compared",
	"is the name of another row":              "rows are not compared",
	"the group is not declared":               "a value is not compared with the keys elsewhere",
	"the CSV has":                             "only the manifest is looked at",
	"there is no such file":                   "only the manifest is looked at",
	"the file cannot be read":                 "only the manifest is looked at",
	"the files of a run":                      "only one file is looked at",
	"two files own the same names":            "only one file is looked at",
	"there are no rows":                       "--allow-empty takes it",
	"fails its check digit":                   "a schema does not count",
	`"8.93204e+18" is in scientific notation`: "a schema has the value of a number, not how it is written",
	"anchors are not allowed":                 "a schema has what YAML makes of the text",
	"aliases are not allowed":                 "a schema has what YAML makes of the text",
	"merge keys are not allowed":              "a schema has what YAML makes of the text",
	"tags are not allowed here":               "a schema has what YAML makes of the text",
	`unknown tag, got "!!int"`:                "a schema has what YAML makes of the text",
	"this cannot be a key":                    "a schema has what YAML makes of the text",
	"the key is given twice":                  "YAML itself does not allow it",
	"this is no YAML":                         "YAML itself does not allow it",
	"a line is indented with a tab":           "YAML itself does not allow it",
	"nested too deep":                         "it is where nothing may be nested, which is seen there",
	"there is a second document, got ---":     "an editor looks at each document for itself",
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("manifest.json")
}

// Every manifest among the samples fits the schema.
func TestSamplesFitTheSchema(t *testing.T) {
	paths, err := filepath.Glob("../../samples/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got no samples, %v", err)
	}
	s := compiled(t)
	for _, path := range paths {
		if lines, _ := schemaLines(t, s, path); len(lines) > 0 {
			t.Errorf("%s: got complaints about lines %v, want none", path, lines)
		}
	}
}

// The schema complains about a line of a wrong manifest where Read does, but
// for what no schema can see, and nowhere else.
func TestTheSchemaSeesWhatItCan(t *testing.T) {
	s := compiled(t)
	met := map[string]bool{}
	for _, dir := range caseDirs(t) {
		for _, name := range caseFiles(t, dir) {
			if !isYAMLName(name) {
				continue
			}
			got, ok := schemaLines(t, s, filepath.Join(dir, name))
			seen, blind := problemLines(t, dir, name, met)
			for _, line := range seen {
				if ok && !slices.Contains(got, line) {
					t.Errorf("%s: got no complaint about line %d of %s", dir, line, name)
				}
			}
			for _, line := range got {
				if !slices.Contains(seen, line) && !slices.Contains(blind, line) {
					t.Errorf("%s: got a complaint about line %d of %s, which Read takes", dir, line, name)
				}
			}
		}
	}
	for part := range unseen {
		if !met[part] {
			t.Errorf("got no problem with %q in testdata, want no such reason here", part)
		}
	}
}

// problemLines are the lines of a file that Read complains about: those of
// which a schema can see why, and the others.
func problemLines(t *testing.T, dir, name string, met map[string]bool) (seen, blind []int) {
	t.Helper()
	_, problems := readIn(dir, Options{}, caseFiles(t, dir)...)
	for problem := range strings.Lines(problems) {
		rest, ok := strings.CutPrefix(problem, name+":")
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(rest, ":")
		line, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: got no line in %q", dir, problem)
		}
		if reasons := reasonsFor(problem); len(reasons) > 0 {
			for _, part := range reasons {
				met[part] = true
			}
			blind = append(blind, line)
			continue
		}
		seen = append(seen, line)
	}
	return seen, blind
}

// reasonsFor are the reasons why no schema sees a problem: there may be two.
func reasonsFor(problem string) (all []string) {
	for part := range unseen {
		if strings.Contains(problem, part) {
			all = append(all, part)
		}
	}
	return all
}

// schemaLines are the lines of a manifest that a schema complains about; it is
// false for one that is no YAML.
func schemaLines(t *testing.T, s *jsonschema.Schema, path string) ([]int, bool) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		if err == io.EOF {
			t.Fatalf("%s: got nothing", path)
		}
		return nil, false
	}
	root := doc.Content[0]
	err = s.Validate(plainValue(root))
	var found *jsonschema.ValidationError
	if err != nil && !errors.As(err, &found) {
		t.Fatal(err)
	}
	lines := map[int]bool{}
	if found != nil {
		noteLines(root, found, lines)
	}
	return slices.Sorted(maps.Keys(lines)), true
}

// noteLines notes where the leaves of an error are.
func noteLines(root *yaml.Node, e *jsonschema.ValidationError, lines map[int]bool) {
	for _, cause := range e.Causes {
		noteLines(root, cause, lines)
	}
	n := root
	for _, step := range e.InstanceLocation {
		n = childOf(n, step)
	}
	switch k := e.ErrorKind.(type) {
	case *wrong.AdditionalProperties:
		for i := 0; i < len(n.Content); i += 2 {
			if slices.Contains(k.Properties, n.Content[i].Value) {
				lines[n.Content[i].Line] = true
			}
		}
	default:
		if len(e.Causes) == 0 {
			lines[n.Line] = true
		}
	}
}

func childOf(n *yaml.Node, step string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.SequenceNode {
		i, _ := strconv.Atoi(step)
		return n.Content[i]
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return n.Content[i+1]
		}
	}
	return n // the name of a property
}

// plainValue is what an editor makes of a node: numbers keep all their digits,
// and the tag !clear is the text, as editors are told to take it.
func plainValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return plainValue(n.Alias)
	case yaml.SequenceNode:
		all := []any{}
		for _, item := range n.Content {
			all = append(all, plainValue(item))
		}
		return all
	case yaml.MappingNode:
		all := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			if key := fmt.Sprint(plainValue(n.Content[i])); all[key] == nil {
				all[key] = plainValue(n.Content[i+1])
			}
		}
		return all
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		return json.Number(n.Value)
	case clearWord:
		return clearWord + n.Value
	}
	return n.Value
}

// The schema has every key and every field, each with what it is for.
func TestTheSchemaIsWhole(t *testing.T) {
	for _, key := range documentKeys {
		if keyTexts[key] == "" {
			t.Errorf("got nothing about the key %s", key)
		}
	}
	if len(keyTexts) != len(documentKeys) {
		t.Errorf("got texts about %d keys, want %d", len(keyTexts), len(documentKeys))
	}
	for f := range fieldCount {
		if fieldTexts[f] == "" {
			t.Errorf("got nothing about the field %s", f)
		}
	}
	for _, key := range documentKeys {
		for _, value := range []any{nil, []any{nil}, map[string]any{"a": 1.0}} {
			doc := map[string]any{"apiVersion": apiVersion, "kind": "Fleet", key: value}
			if compiled(t).Validate(doc) == nil {
				t.Errorf("%s: %v: got no complaint", key, value)
			}
		}
	}
}

// What Read takes in odd but allowed forms, the schema takes too.
func TestTheSchemaIsNotStricterThanRead(t *testing.T) {
	s := compiled(t)
	for name, text := range map[string]string{
		"numbers":        "endpoints: [{endpointName: 7, planId: 7, iccid: 8932042000001234562}]",
		"truth":          "endpoints: [{endpointName: true, relink: true}, {endpointName: x, relink: 'FALSE'}]",
		"not given":      "endpoints: [{endpointName: x, iccid: '', state: '', planId: '', plan: Gold, previousName: '', relink: ''}]",
		"spaced card":    "endpoints: [{endpointName: a, iccid: 8932 0420 0000 1234 562F}]",
		"text card":      "endpoints: [{endpointName: a, iccid: \"'8932042000001234570\"}, {endpointName: b, iccid: '=\"8932042000001234588\"'}]",
		"clear":          "endpoints: [{endpointName: a, iccid: !clear , state: pre-active}, {endpointName: b, iccid: '!clear'}]",
		"by iccid":       "key: iccid\nendpoints: [{iccid: '8932042000001234562'}, {endpointId: 7}]",
		"by id":          "endpoints: [{endpointId: 7}]",
		"groups":         "groups: {a: {}, 7: {}}\nendpoints: [{endpointName: a, group: a}, {endpointName: b, group: 7}]",
		"ignore nothing": "orphans: ignore\nendpoints: [{endpointName: a}]",
		"states":         "defaults: {state: Pre-Active}\nendpoints: [{endpointName: a, state: ' ACTIVE '}, {endpointName: b, iccid: '!clear', state: Absent}]",
		"account":        "account: 12345\nendpoints: [{endpointName: a}]",
	} {
		dir := write(t, "a.yaml", "apiVersion: sftctl/v1\nkind: Fleet\n"+text+"\n")
		if f, problems := readIn(dir, Options{}, "a.yaml"); f == nil {
			t.Errorf("%s: got %s, want a file that Read takes", name, problems)
		}
		if lines, ok := schemaLines(t, s, filepath.Join(dir, "a.yaml")); !ok || len(lines) > 0 {
			t.Errorf("%s: got complaints about lines %v, want none", name, lines)
		}
	}
}
