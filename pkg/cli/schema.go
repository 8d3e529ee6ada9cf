package cli

import (
	"github.com/spf13/cobra"

	"sftctl/pkg/manifest"
)

func newSchema(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a manifest, for editors",
		Long: `Print the JSON Schema (2020-12) of a YAML manifest. An editor with a YAML language server
checks and completes a manifest by it:

  sftctl schema > sftctl.schema.json

and, as the first line of the manifest,

  # yaml-language-server: $schema=sftctl.schema.json

What only can be seen in all rows and files together, sftctl validate finds.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return printed(manifest.WriteSchema(env.Stdout)) },
	}
}
