package pkg

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// house says which of our packages, and which others, each package may import.
// Data flows one way, and an import against it is a mistake in the structure.
var house = map[string]struct{ ours, others []string }{
	"fleet":     {nil, []string{"golang.org/x/text/unicode/norm"}},
	"wire":      {[]string{"fleet"}, nil},
	"pace":      {nil, []string{"golang.org/x/time/rate", "github.com/gofrs/flock"}},
	"platform":  {[]string{"fleet", "wire", "pace"}, nil},
	"simulator": {[]string{"fleet", "wire"}, nil},
	"manifest":  {[]string{"fleet"}, []string{"github.com/gocarina/gocsv", "gopkg.in/yaml.v3"}},
	"inventory": {[]string{"fleet"}, nil},
	"plan":      {[]string{"fleet", "inventory"}, nil},
	"journal":   {[]string{"fleet"}, []string{"github.com/gofrs/flock"}},
	"apply":     {[]string{"fleet", "inventory", "plan", "journal"}, []string{"golang.org/x/sync/errgroup", "golang.org/x/sync/semaphore"}},
	"report":    {[]string{"fleet", "plan", "apply"}, []string{"github.com/gocarina/gocsv", "golang.org/x/text/width"}},
	"events":    {[]string{"fleet", "plan", "journal", "apply"}, nil},
	// What only tests use: a disk that crashes, and the judge of the reliability
	// battery, which shares nothing with what it judges.
	"crashfs": {[]string{"journal"}, nil},
	"oracle":  {nil, nil},
	"cli": {[]string{"fleet", "wire", "pace", "platform", "simulator", "manifest", "inventory", "plan", "journal", "apply", "report", "events"},
		[]string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/schollz/progressbar/v3",
			"github.com/google/renameio/v2", "golang.org/x/term", "gopkg.in/yaml.v3"}},
}

func TestEveryPackageImportsOnlyWhatTheHouseAllows(t *testing.T) {
	dirs, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue
		}
		found[dir.Name()] = true
		allowed, ok := house[dir.Name()]
		if !ok {
			t.Errorf("package %s is not in the house", dir.Name())
			continue
		}
		for path, file := range imports(t, dir.Name()) {
			ours, isOurs := strings.CutPrefix(path, "sftctl/pkg/")
			switch {
			case isOurs && !slices.Contains(allowed.ours, ours):
				t.Errorf("%s imports %s", file, path)
			case !isOurs && strings.Contains(strings.Split(path, "/")[0], ".") && !slices.Contains(allowed.others, path):
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
	for name := range house {
		if !found[name] {
			t.Errorf("package %s of the house is missing", name)
		}
	}
}

// imports maps what the files of a package import, tests left out, to one file
// that does.
func imports(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			paths[strings.Trim(spec.Path.Value, `"`)] = name
		}
	}
	return paths
}

// The simulator stands in for the platform in every other test, so its own
// tests must not share the client's reading of it.
func TestTheSimulatorsTestsDoNotUseTheClient(t *testing.T) {
	files, err := filepath.Glob("simulator/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d test files, %v", len(files), err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			switch path := strings.Trim(spec.Path.Value, `"`); path {
			case "sftctl/pkg/platform", "sftctl/pkg/inventory", "sftctl/pkg/apply":
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// main.go is the only other code: it starts the command line and nothing else.
func TestMainIsSmall(t *testing.T) {
	data, err := os.ReadFile("../main.go")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(data), "\n"); lines > 20 {
		t.Errorf("main.go has %d lines, want at most 20", lines)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", data, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		if path := strings.Trim(spec.Path.Value, `"`); path != "context" && path != "os" && path != "sftctl/pkg/cli" {
			t.Errorf("main.go imports %s", path)
		}
	}
}

// The direct dependencies outside tests are at most ten.
func TestDependenciesAreFew(t *testing.T) {
	roots := map[string]bool{}
	for _, allowed := range house {
		for _, path := range allowed.others {
			parts := strings.Split(path, "/")
			roots[strings.Join(parts[:min(3, len(parts))], "/")] = true
		}
	}
	delete(roots, "github.com/spf13/pflag") // cobra's own flags, not a choice of ours
	if len(roots) > 10 {
		t.Errorf("got %d direct dependencies, want at most 10: %v", len(roots), roots)
	}
}
