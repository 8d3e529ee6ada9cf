package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"sftctl/pkg/manifest"
)

const (
	referenceFile = "../../docs/reference.md"
	manualDir     = "../../docs/man"
)

// The reference and the manual pages are what the program says of itself.
func TestReference(t *testing.T) {
	want := manual(t)
	want[referenceFile] = reference(t)
	found, err := filepath.Glob(filepath.Join(manualDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if _, ok := want[path]; !ok && *update {
			err = os.Remove(path)
		} else if !ok {
			t.Errorf("%s is about nothing that there is", path)
		}
	}
	for path, text := range want {
		got, read := os.ReadFile(path)
		if *update {
			err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
		} else if read != nil || string(got) != text {
			t.Errorf("%s is stale (%v): make golden\n%s", path, read, gocmp.Diff(string(got), text))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// manual are the manual pages by their paths.
func manual(t *testing.T) map[string]string {
	pages := map[string]string{}
	root := newRoot(Env{})
	root.InitDefaultCompletionCmd("completion")
	root.Long = root.Short + ".\n"
	for _, topic := range topics {
		root.Long += "\n# " + strings.ToUpper(strings.ReplaceAll(topic.name, "-", " ")) + "\n" + topic.before + "\n"
		for _, e := range topic.entries {
			root.Long += "\n**" + e.name + "**\n:   " + e.about + "\n"
		}
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd != root {
			return
		}
		cmd.DisableAutoGenTag = true
		if cmd != root {
			cmd.Long = cmp.Or(cmd.Long, cmd.Short+".") + "\n\nExit codes, environment and files are in **sftctl**(1)."
		}
		var page bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "sftctl", Manual: "sftctl manual"}, &page); err != nil {
			t.Fatal(err)
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		pages[filepath.Join(manualDir, name)] = regexp.MustCompile(`(?m)^(\.TH "[^"]*" "1") "[^"]*"`).ReplaceAllString(page.String(), `$1 ""`) // no date: it would be today's
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(root)
	return pages
}

// reference is the page with everything that can be looked up.
func reference(t *testing.T) string {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# Reference\n")
	line("Made from the program by `make golden`: what is wrong here is wrong there.")
	line("\n## Commands\n\n| command | |\n| --- | --- |")
	root := newRoot(Env{})
	for _, cmd := range commandsOf(root) {
		line("| `%s` | %s |", cell(cmd.UseLine()), cell(cmd.Short))
	}
	line("\n## Flags\n\nThose of each command, and what the environment calls them. A flag that takes `true` or `false` there needs no value as a flag.\n")
	line("| flag | environment | default | | commands |\n| --- | --- | --- | --- | --- |")
	for _, f := range flagsOf(root) {
		line("| `%s` | `%s` | %s | %s | %s |", f.name, envName(strings.TrimPrefix(strings.Fields(f.name)[0], "--")), f.fallback, cell(f.about), f.commands)
	}
	for _, topic := range topics {
		line("\n## %s\n\n%s\n\n| | |\n| --- | --- |", strings.ToUpper(topic.name[:1])+strings.ReplaceAll(topic.name[1:], "-", " "), topic.before)
		for _, e := range topic.entries {
			line("| `%s` | %s |", strings.ReplaceAll(e.name, ", ", "`, `"), cell(e.about))
		}
	}
	fields(t, line)
	return out.String()
}

// fields are the keys of a manifest and the fields of a row, as the schema has them.
func fields(t *testing.T, line func(string, ...any)) {
	var text bytes.Buffer
	type properties map[string]struct{ Description string }
	var schema struct {
		Properties properties
		Defs       map[string]struct{ Properties properties } `json:"$defs"`
	}
	if err := errors.Join(manifest.WriteSchema(&text), json.Unmarshal(text.Bytes(), &schema)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		title string
		of    properties
	}{{"A manifest", schema.Properties}, {"A row, and a column of a CSV", schema.Defs["endpoint"].Properties}, {"An include", schema.Defs["include"].Properties}} {
		line("\n## %s\n\n| | |\n| --- | --- |", part.title)
		for _, name := range slices.Sorted(maps.Keys(part.of)) {
			line("| `%s` | %s |", name, cell(part.of[name].Description))
		}
		if len(part.of) == 0 {
			t.Errorf("got nothing about %s in the schema", part.title)
		}
	}
}

// cell is a text in a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}

// commandsOf are the commands below one that do something.
func commandsOf(cmd *cobra.Command) (all []*cobra.Command) {
	for _, below := range cmd.Commands() {
		if below.Runnable() {
			all = append(all, below)
		}
		all = append(all, commandsOf(below)...)
	}
	return all
}

// documentedFlag is a flag of some commands in which it is the same.
type documentedFlag struct{ name, fallback, about, commands string }

func flagsOf(root *cobra.Command) (all []documentedFlag) {
	var where = map[documentedFlag][]string{}
	var connect []string
	for _, cmd := range commandsOf(root) {
		name := strings.TrimPrefix(cmd.CommandPath(), "sftctl ")
		if cmd.Flags().Lookup("username") != nil {
			connect = append(connect, name)
		}
		cmd.InheritedFlags()
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !slices.Contains([]string{"config", "profile", "log-format", "verbose"}, f.Name) {
				where[asDocumented(f)] = append(where[asDocumented(f)], name)
			}
		})
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { where[asDocumented(f)] = []string{"all"} })
	for f, commands := range where {
		if f.commands = strings.Join(commands, ", "); slices.Equal(commands, connect) {
			f.commands = "those that connect"
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b documentedFlag) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.commands, b.commands))
	})
	return all
}

func asDocumented(f *pflag.Flag) documentedFlag {
	value, about := pflag.UnquoteUsage(f)
	d := documentedFlag{name: strings.TrimSpace("--" + f.Name + " " + value), about: about}
	if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" {
		d.fallback = "`" + f.DefValue + "`"
	}
	return d
}
