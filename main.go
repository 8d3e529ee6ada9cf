// Command sftctl brings a fleet of SIM endpoints on the BICS "SIM for Things"
// platform to the state that a file describes.
package main

import (
	"context"
	"os"

	"sftctl/pkg/cli"
)

func main() {
	ctx, stop := cli.Signals(context.Background())
	code := cli.Main(ctx, cli.System())
	stop()
	os.Exit(code)
}
