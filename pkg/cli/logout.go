package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
)

func newLogout(env Env) *cobra.Command {
	var o connection
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Remove the token of an account that --token-cache kept; asks for no password, and sends nothing",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return runLogout(env, o) },
	}
	o.bind(cmd)
	return cmd
}

// runLogout removes the token, whatever it looks like, and what a command left that
// was killed while it wrote one.
func runLogout(env Env, o connection) error {
	state, account := statePath(env, o.stateDir), firstOf(o.targetAccount, o.account, o.username)
	switch {
	case account == "":
		return fleet.Kind(fleet.ErrUsage, errors.New("no account: say whose token is to be removed, by --username, --account or --target-account"))
	case state == "":
		return noState()
	}
	dir := journal.AccountDir(state, strings.TrimSuffix(o.url, "/"), account)
	removed, failed := 0, []error(nil)
	for _, path := range append(pathsIn(dir, "."+tokenFile, ""), filepath.Join(dir, tokenFile)) {
		switch err := os.Remove(path); {
		case err == nil:
			removed++
		case !errors.Is(err, fs.ErrNotExist):
			failed = append(failed, fleet.Kind(fleet.ErrIO, fmt.Errorf("the token is still there: %w", err)))
		}
	}
	if len(failed) == 0 {
		say(env.Stderr, "%s", loggedOut(removed, account))
	}
	return errors.Join(failed...)
}

func loggedOut(removed int, account string) string {
	if removed == 0 {
		return "no token of account " + fleet.Quote(account) + " was kept"
	}
	return "the token of account " + fleet.Quote(account) + " is removed; the platform takes it until it ends, by whoever copied it"
}
