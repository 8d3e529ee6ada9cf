package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// The first two lines of a manifest.
const (
	apiVersion = "sftctl/v1"
	kind       = "Fleet"
)

var documentKeys = []string{"apiVersion", "kind", "account", "key", "scope", "orphans", "protect", "defaults", "groups", "include", "endpoints"}

// document is a manifest with its parts still as nodes, for their places.
type document struct {
	APIVersion yaml.Node `yaml:"apiVersion"`
	Kind       yaml.Node `yaml:"kind"`
	Account    yaml.Node `yaml:"account"`
	Key        yaml.Node `yaml:"key"`
	Scope      yaml.Node `yaml:"scope"`
	Orphans    yaml.Node `yaml:"orphans"`
	Protect    yaml.Node `yaml:"protect"`
	Defaults   yaml.Node `yaml:"defaults"`
	Groups     yaml.Node `yaml:"groups"`
	Include    yaml.Node `yaml:"include"`
	Endpoints  yaml.Node `yaml:"endpoints"`
}

// readYAML reads a manifest with all it includes.
func (r *reader) readYAML(f *file) {
	y := &yamlFile{reader: r, file: f}
	root := y.parse()
	if root == nil || !y.vet(root, 0) || !y.isMapping(root, "a manifest") {
		return
	}
	y.onlyKeys(root, "key", documentKeys)
	var doc document
	if err := root.Decode(&doc); err != nil {
		y.syntax(err)
		return
	}
	y.fixed(root, doc.APIVersion, "apiVersion", apiVersion)
	y.fixed(root, doc.Kind, "kind", kind)
	h := y.head(&doc)
	c := context{key: h.key, policy: r.addHead(h), layers: y.layers(&doc), check: r.opts.ICCIDCheck}
	before, problems := len(r.fleet.Specs), len(r.problems)+r.moreProblems
	y.includes(&doc.Include, c)
	y.endpoints(&doc.Endpoints, c)
	if len(r.fleet.Specs) == before && len(r.problems)+r.moreProblems == problems {
		r.noRows(nodePlace(f, root))
	}
}

func (y *yamlFile) isMapping(n *yaml.Node, noun string) bool {
	if n.Kind == yaml.MappingNode {
		return true
	}
	y.wrong(n, noun+" is a mapping", kindText(n), "key: value lines, or {key: value}")
	return false
}

// onlyKeys drops the pairs whose keys are not known.
func (y *yamlFile) onlyKeys(n *yaml.Node, noun string, known []string) {
	kept := n.Content[:0]
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if slices.Contains(known, key.Value) {
			kept = append(kept, key, n.Content[i+1])
			continue
		}
		y.addMistaken(func() place { return nodePlace(y.file, key) }, "unknown "+noun, key.Value, "one of "+strings.Join(known, ", "), known)
	}
	n.Content = kept
}

// text is the text of a scalar; another kind of node is a problem.
func (y *yamlFile) text(n *yaml.Node, noun string) (string, bool) {
	if n.IsZero() {
		return "", false
	}
	if n.Kind == yaml.ScalarNode {
		return strings.TrimSpace(n.Value), true
	}
	y.wrong(n, noun+" is a text", kindText(n), "one value")
	return "", false
}

func (y *yamlFile) fixed(root *yaml.Node, n yaml.Node, noun, want string) {
	got, ok := y.text(&n, noun)
	switch {
	case n.IsZero():
		y.wrong(root, "there is no "+noun, "", noun+": "+want)
	case ok && got != want:
		y.wrong(&n, "unknown "+noun, fleet.Quote(got), want)
	}
}

// items are the parts of a list; another kind of node is a problem.
func (y *yamlFile) items(n *yaml.Node, noun string) []*yaml.Node {
	if n.IsZero() || n.Kind == yaml.SequenceNode {
		return n.Content
	}
	y.wrong(n, noun+" is a list", kindText(n), "[a, b] or lines that begin with -")
	return nil
}

// head reads what a manifest says of itself.
func (y *yamlFile) head(doc *document) head {
	h := head{at: place{file: y.file}, keyAt: nodePlace(y.file, &doc.Key), accountAt: nodePlace(y.file, &doc.Account)}
	if text, ok := y.text(&doc.Account, "account"); ok {
		h.account = y.account(&doc.Account, text)
	}
	if text, ok := y.text(&doc.Key, "key"); ok {
		if err := h.key.UnmarshalText([]byte(text)); err != nil {
			keys := []string{fleet.ByName.String(), fleet.ByICCID.String()}
			y.wrong(&doc.Key, "unknown key", fleet.Quote(text), fleet.Alternatives(keys)+fleet.Suggest(text, keys))
		}
	}
	h.scope = y.globs(&doc.Scope, "scope")
	for _, p := range y.globs(&doc.Protect, "protect") {
		if !slices.Contains(y.fleet.Protect, p.glob) {
			y.fleet.Protect = append(y.fleet.Protect, p.glob)
		}
	}
	h.orphans = y.orphans(doc)
	return h
}

func (y *yamlFile) account(n *yaml.Node, text string) string {
	if text == "" || hasControl(text) {
		y.wrong(n, "account is no name", fleet.Quote(text), "the account's name, or no such key")
	}
	return text
}

var orphanNames = []string{
	fleet.OrphansIgnore.String(), fleet.OrphansReport.String(), fleet.OrphansSuspend.String(), fleet.OrphansDelete.String(),
}

func (y *yamlFile) orphans(doc *document) fleet.Orphans {
	var o fleet.Orphans
	text, ok := y.text(&doc.Orphans, "orphans")
	if !ok {
		return o
	}
	if err := o.UnmarshalText([]byte(text)); err != nil {
		y.wrong(&doc.Orphans, "unknown orphans policy", fleet.Quote(text), fleet.Alternatives(orphanNames)+fleet.Suggest(text, orphanNames))
	}
	if o != fleet.OrphansIgnore && len(doc.Scope.Content) == 0 {
		y.wrong(&doc.Orphans, "orphans need a scope", fleet.Quote(text), "scope: with the names that this file owns, or orphans: ignore")
	}
	return o
}

// longestGlob bounds a name pattern, as comparing two costs their product.
const longestGlob = 255

// globs reads a list of name patterns.
func (y *yamlFile) globs(n *yaml.Node, noun string) []scope {
	var out []scope
	for _, item := range y.items(n, noun) {
		text, ok := y.text(item, "a name in "+noun)
		switch {
		case !ok:
		case text == "" || hasControl(text) || len(text) > longestGlob:
			y.wrong(item, "this is no name pattern", fleet.Quote(text), "a name, with * for any letters and ? for one")
		default:
			out = append(out, scope{fleet.Glob(text), nodePlace(y.file, item)})
		}
	}
	return out
}

// layers reads defaults and groups.
func (y *yamlFile) layers(doc *document) *layers {
	l := &layers{groups: map[string]*row{}}
	if !doc.Defaults.IsZero() && y.isMapping(&doc.Defaults, "defaults") {
		defaults := y.layer(&doc.Defaults, "defaults")
		l.defaults = &defaults
	}
	if doc.Groups.IsZero() || !y.isMapping(&doc.Groups, "groups") {
		return l
	}
	for i := 0; i+1 < len(doc.Groups.Content); i += 2 {
		key, value := doc.Groups.Content[i], doc.Groups.Content[i+1]
		name, laid := strings.TrimSpace(key.Value), row{}
		if name == "" || hasControl(name) {
			y.wrong(key, "this is no name of a group", fleet.Quote(key.Value), "a word")
		}
		if y.isMapping(value, "a group") {
			laid = lay(l.defaults, y.layer(value, "a group"))
		}
		l.groups[name] = &laid
		l.names = append(l.names, name)
	}
	return l
}

// layer reads one set of values that lie under rows.
func (y *yamlFile) layer(n *yaml.Node, noun string) row {
	known := make([]string, len(layerFields))
	for i, f := range layerFields {
		known[i] = f.String()
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; fieldOf(key.Value) != noField && !slices.Contains(known, key.Value) {
			y.wrong(key, key.Value+" cannot be given in "+noun, "", "it in the row itself")
			n.Content = slices.Delete(n.Content, i, i+2)
			i -= 2
		}
	}
	y.onlyKeys(n, "key in "+noun, known)
	r, e := y.decodeRow(n), examiner{line: n.Line}
	e.clean(&r)
	y.report(&yamlFile{file: y.file, rows: []*yaml.Node{n}}, e.findings)
	return r
}
