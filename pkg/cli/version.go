package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
)

func newVersion(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the program's version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Stdout, version())
			return fleet.Kind(fleet.ErrIO, err)
		},
	}
}

// version is the program's name and version, as the build knows it.
func version() string {
	text, revision := "sftctl", ""
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text + " (unknown version)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			revision = " (" + s.Value[:12] + ")"
		}
	}
	return text + " " + info.Main.Version + revision
}
