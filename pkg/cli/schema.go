package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sftctl/pkg/events"
	"sftctl/pkg/fleet"
	"sftctl/pkg/manifest"
)

// schemas are what there is a schema of.
var schemas = map[string]func(io.Writer) error{"manifest": manifest.WriteSchema, "events": events.WriteSchema}

func newSchema(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [manifest|events]",
		Short: "Print the JSON Schema of a manifest, for editors, or of the lines of --events",
		Long: `Print the JSON Schema (2020-12) of a YAML manifest. An editor with a YAML language server
checks and completes a manifest by it:

  sftctl schema > sftctl.schema.json

and, as the first line of the manifest,

  # yaml-language-server: $schema=sftctl.schema.json

What only can be seen in all rows and files together, sftctl validate finds.

With events it is that of each line which --events writes.`,
		Args:      atMostOne,
		ValidArgs: sortedKeys(schemas),
		RunE: func(_ *cobra.Command, args []string) error {
			name := append(args, "manifest")[0]
			write, ok := schemas[name]
			if !ok {
				return fleet.Kind(fleet.ErrUsage, fmt.Errorf("schema: got %s, want %s", fleet.Quote(name), fleet.Alternatives(sortedKeys(schemas))))
			}
			return printed(write(env.Stdout))
		},
	}
}
