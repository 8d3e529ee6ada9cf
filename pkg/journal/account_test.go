package journal

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// However the platform's address is written, the account has one directory and so
// one lock.
func TestOneDirectoryPerAccount(t *testing.T) {
	for _, same := range [][]string{
		{"https://sft.bics.com", "https://SFT.bics.com", "https://sft.bics.com:443", "https://sft.bics.com./", "HTTPS://sft.bics.com/api"},
		{"http://127.0.0.1:8480", "http://127.0.0.1:8480/"},
		{"http://127.0.0.1", "http://127.0.0.1:80"},
		{"http://[::1]:8480", "http://[::1]:8480/"},
	} {
		for _, url := range same[1:] {
			if got, want := AccountDir("state", url, "ann"), AccountDir("state", same[0], "ann"); got != want {
				t.Errorf("%s: got %s, want %s as for %s", url, got, want, same[0])
			}
		}
	}
	seen := map[string]string{}
	for _, one := range []struct{ url, account string }{
		{"https://sft.bics.com", "ann"}, {"https://sft.bics.com", "Ann"}, {"https://sft.bics.com:8443", "ann"}, {"http://127.0.0.1:1", "ann"},
		{"http://127.0.0.1:11", "ann"}, {"http://[::1]:1", "ann"}, {"http://localhost:1", "ann"}, {"https://sft.bics.com", "a/nn"}, {"https://sft.bics.com", "a_nn"},
	} {
		dir := AccountDir("state", one.url, one.account)
		if other, taken := seen[strings.ToLower(dir)]; taken {
			t.Errorf("%v and %s share %s", one, other, dir)
		}
		seen[strings.ToLower(dir)] = one.url + " " + one.account
	}
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 11, 24, 3, 8, 8, 999, time.FixedZone("", 3600))
	a, b, later := NewID(at), NewID(at), NewID(at.Add(time.Second))
	if a == b || !strings.HasPrefix(a, "20261124T020808Z-") || len(a) != len("20261124T020808Z-abcd") || a >= later || possible(a) != nil {
		t.Errorf("got %s, %s and %s", a, b, later)
	}
}

// Only what NewID may have given is the name of a run.
func TestOnlyGivenNamesAreNames(t *testing.T) {
	at := time.Date(2026, 11, 24, 3, 8, 8, 0, time.UTC)
	for range 1000 {
		if got, ok := Named(NewID(at)); !ok || !got.Equal(at) {
			t.Fatalf("got %s, %v, want %s", got, ok, at)
		}
	}
	for _, name := range []string{"", "old", ".DS_Store", "20261124T030808Z", "20261124T030808Z-", "20261124T030808Z-abc", "20261124T030808Z-abcde", "20261124T030808Z-ABCD", "20261124T030808Z-ab.d",
		"20261124T030808Z-abcd.bak", "20261124T030808Z-abcd copy", "._20261124T030808Z-abcd", "20261324T030808Z-abcd", "20261124T030808.5Z-abcd", "20261124T030808Z-ab/d"} {
		if at, ok := Named(name); ok {
			t.Errorf("%q: got %s, want no name", name, at)
		}
	}
}

func TestOnlyDirectoriesOfAccountsAreAccounts(t *testing.T) {
	state := filepath.Join(t.TempDir(), "st[1]*?")
	if all, err := Accounts(state); len(all) > 0 || err != nil {
		t.Errorf("none yet: got %v, %v", all, err)
	}
	want := []string{AccountDir(state, "https://a.invalid", "ann"), AccountDir(state, "http://[::1]:1", "a/n n")}
	slices.Sort(want)
	for _, dir := range append(want, filepath.Join(state, "accounts", "old"), want[0]+".bak", want[0]+" copy") {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(state, "accounts", "note.txt"), AccountDir(state, "https://a.invalid", "file")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := Accounts(state); !slices.Equal(all, want) || err != nil {
		t.Errorf("got %v, %v, want %v", all, err, want)
	}
}
