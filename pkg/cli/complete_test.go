package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sftctl/pkg/fleet"
)

// Every word that a shell offers for a flag is one that the command takes: none
// ends as bad usage because of that flag.
func TestOfferedWordsAreTaken(t *testing.T) {
	offered := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			walk(below)
		}
		if !cmd.Runnable() {
			return
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			for _, word := range f.Annotations[words] {
				offered++
				_, talk := penniless(t, cmd, "--"+f.Name, word)
				if strings.Contains(talk, "--"+f.Name) {
					t.Errorf("%s --%s %s: got %s", cmd.CommandPath(), f.Name, word, talk)
				}
			}
			if all := f.Annotations[words]; len(all) > 1 && cmd.Name() != "logout" { // and others are not; logout sends nothing
				_, talk := penniless(t, cmd, "--"+f.Name, "nonsense")
				if !strings.Contains(talk, "--"+f.Name) || !strings.Contains(talk, all[0]) {
					t.Errorf("%s --%s nonsense: got %s, want a complaint that names %s", cmd.CommandPath(), f.Name, talk, fleet.Alternatives(all))
				}
			}
		})
	}
	root := newRoot(Env{})
	walk(root)
	if offered < 40 {
		t.Errorf("got %d words, want those of all commands", offered)
	}
	// A flag whose help lists its words offers them.
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if slices.Contains([]string{"format", "dialect", "listing", "color", "key", "iccid-check"}, f.Name) && f.Annotations[words] == nil {
				t.Errorf("%s --%s offers no words", cmd.CommandPath(), f.Name)
			}
		})
	}
}

// argumentOf is what a command may be given so that it gets as far as its flags.
func argumentOf(cmd *cobra.Command) []string {
	switch {
	case strings.Contains(cmd.Use, "FILE..."):
		return []string{"../../samples/meters.csv"}
	case strings.Contains(cmd.Use, "RUN"):
		return []string{"20260101T000000Z-aaaa"}
	}
	return cmd.ValidArgs[:min(len(cmd.ValidArgs), 1)]
}

// penniless runs a command of somebody who has a name and nothing else: no
// password, no state.
func penniless(t *testing.T, cmd *cobra.Command, flags ...string) (code int, talk string) {
	t.Helper()
	dir := t.TempDir()
	args := append(strings.Fields(cmd.CommandPath())[1:], flags...)
	for flag, value := range map[string]string{"username": "ann", "reports": dir} {
		if cmd.Flags().Lookup(flag) != nil {
			args = append(args, "--"+flag, value)
		}
	}
	var out bytes.Buffer
	code = Main(t.Context(), Env{Args: append(args, argumentOf(cmd)...), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Terminal: true,
		Getenv: func(name string) (string, bool) { return dir, name == "HOME" }})
	return code, out.String()
}
