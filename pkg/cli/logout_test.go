package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sftctl/pkg/journal"
)

// A token is removed wherever it is, with what a command left that was killed: a
// folder's name may look like a pattern.
func TestLoggingOutFromAFolderWithBrackets(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state[1]*")
	dir := journal.AccountDir(state, "https://test.invalid", "ann")
	for _, name := range []string{tokenFile, "." + tokenFile + "123"} {
		put(t, filepath.Join(dir, name), "secret")
	}
	var out bytes.Buffer
	if err := runLogout(Env{Stderr: &out}, connection{stateDir: state, account: "ann", url: "https://test.invalid"}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("got %v, %v, want no token", left, err)
	}
}
