package cli

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sftctl/pkg/journal"
	"sftctl/pkg/platform"
	"sftctl/pkg/simulator"
)

// newCache is the cache of ann's token in a folder, and what it says.
func newCache(t *testing.T, dir string) (tokenCache, *talk) {
	t.Helper()
	base, err := url.Parse("https://sft.example.invalid")
	if err != nil {
		t.Fatal(err)
	}
	said := new(talk)
	opts := platform.Options{Username: "ann", TargetAccount: "7001", Password: platform.NewSecret(canary)}
	return newTokenCache(Env{Stderr: said}, dir, base, opts, refusals{filepath.Join(dir, "refused"), false}), said
}

func tokenOf(text string) platform.Token {
	now := time.Now()
	return platform.Token{Text: platform.NewSecret(text), Granted: now, Ends: now.Add(10 * time.Minute)}
}

// taken is the text of the token that a cache gives.
func taken(c tokenCache) (text string) {
	if token, ok := c.Take(); ok {
		token.Text.Reveal(func(t string) { text = t })
	}
	return text
}

func TestATokenIsForOneLogin(t *testing.T) {
	elsewhere, err := url.Parse("https://elsewhere.example.invalid")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*tokenCache)
		says   string
	}{
		"the same":         {func(*tokenCache) {}, ""},
		"another platform": {func(c *tokenCache) { c.base = elsewhere }, `for platform "https://sft.example.invalid", want "https://elsewhere.example.invalid"`},
		"another user":     {func(c *tokenCache) { c.username = "bob" }, `for user "ann", want "bob"`},
		"another target":   {func(c *tokenCache) { c.target = "7002" }, `for target account "7001", want "7002"`},
		"no target":        {func(c *tokenCache) { c.target = "" }, `for target account "7001", want ""`},
		"another password": {func(c *tokenCache) { c.password = platform.NewSecret(canary + "x") }, "got with another password"},
	} {
		t.Run(name, func(t *testing.T) {
			cache, said := newCache(t, t.TempDir())
			cache.Keep(tokenOf("a-token"))
			tt.change(&cache)
			got := taken(cache)
			if (got == "a-token") != (tt.says == "") || tt.says == "" && said.String() != "" || !strings.Contains(said.String(), tt.says) {
				t.Errorf("got %q, %s, want %s", got, said, tt.says)
			}
			cache.Keep(tokenOf("another"))
			if got := taken(cache); got != "another" {
				t.Errorf("got %q from the cache that was written anew, %s", got, said)
			}
		})
	}
}

func TestATokenThatOthersMayHaveIsNotRead(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(path string) error
		says  string
	}{
		"wide":   {func(path string) error { return os.Chmod(path, 0o604) }, "its mode is 0604, want 0600"},
		"group":  {func(path string) error { return os.Chmod(path, 0o620) }, "its mode is 0620, want 0600"},
		"a link": {func(path string) error { return relink(path, os.Symlink) }, "it is a symbolic link"},
		"a pipe": {func(path string) error {
			return relink(path, func(_, at string) error { return syscall.Mkfifo(at, 0o600) })
		}, "it is no plain file"},
		"another's":    {func(path string) error { return os.Chown(path, 65534, 65534) }, "it belongs to user 65534, and this is user 0"},
		"damaged":      {func(path string) error { return os.Truncate(path, 20) }, ""},
		"not there":    {os.Remove, ""},
		"empty":        {func(path string) error { return os.Truncate(path, 0) }, ""},
		"without end":  {func(path string) error { return os.Truncate(path, longestKept*2) }, ""},
		"another form": {func(path string) error { return os.WriteFile(path, []byte(`["a-token"]`), 0o600) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cache, said := newCache(t, t.TempDir())
			cache.Keep(tokenOf("a-token"))
			if err := tt.spoil(cache.path); err != nil && name == "another's" && os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			} else if err != nil {
				t.Fatal(err)
			}
			got := taken(cache)
			if got != "" || (tt.says == "") != (said.String() == "") || !strings.Contains(said.String(), tt.says) {
				t.Errorf("got %q, %s, want %s", got, said, tt.says)
			}
			cache.Keep(tokenOf("another"))
			info, err := os.Lstat(cache.path)
			if err != nil || info.Mode() != 0o600 || taken(cache) != "another" {
				t.Errorf("got %v, %v and %q after it was written anew", info, err, taken(cache))
			}
		})
	}
}

// relink moves a file away, and puts something else in its place.
func relink(path string, put func(old, at string) error) error {
	if err := os.Rename(path, path+"-moved"); err != nil {
		return err
	}
	return put(path+"-moved", path)
}

// A file may be private by its name and another's by the time it is open.
func TestPrivate(t *testing.T) {
	for name, tt := range map[string]struct {
		mode fs.FileMode
		uid  int
		want string
	}{
		"mine":      {0o600, os.Geteuid(), ""},
		"read-only": {0o400, os.Geteuid(), ""},
		"another's": {0o600, os.Geteuid() + 1, "it belongs to user"},
		"a folder":  {fs.ModeDir | 0o700, os.Geteuid(), "it is no plain file"},
		"a device":  {fs.ModeDevice | 0o600, os.Geteuid(), "it is no plain file"},
	} {
		err := private(fileFacts{mode: tt.mode, uid: tt.uid})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// fileFacts is what the system tells of a file.
type fileFacts struct {
	fs.FileInfo
	mode fs.FileMode
	uid  int
}

func (f fileFacts) Mode() fs.FileMode { return f.mode }
func (f fileFacts) Sys() any          { return &syscall.Stat_t{Uid: uint32(f.uid)} }

// Only the token that was refused goes, and a password that was refused opens none.
func TestARefusedTokenGoes(t *testing.T) {
	cache, said := newCache(t, t.TempDir())
	cache.Keep(tokenOf("a-token"))
	cache.Drop(platform.NewSecret("older"))
	if got := taken(cache); got != "a-token" {
		t.Errorf("got %q after another was refused", got)
	}
	cache.Drop(platform.NewSecret("a-token"))
	if got := taken(cache); got != "" {
		t.Errorf("got %q after it was refused", got)
	}
	cache.Drop(platform.NewSecret("a-token"))
	cache.Keep(tokenOf("a-token"))
	if err := cache.refused.Remember(cache.base.Host, "ann", cache.password); err != nil {
		t.Fatal(err)
	}
	if got := taken(cache); got != "" {
		t.Errorf("got %q though its password was refused since", got)
	}
	cache.refused.again = true
	if got := taken(cache); got != "" {
		t.Errorf("got %q though the password is to be tried again", got)
	}
	if said.String() != "" {
		t.Errorf("it said %s", said)
	}
}

// Where no token can be kept, that is told, and nothing fails for it.
func TestATokenThatCannotBeKept(t *testing.T) {
	p := withPlatform(t, 0, nil)
	path := filepath.Join(journal.AccountDir(filepath.Join(p.dir, "state"), p.url, "ann"), tokenFile)
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, talk := in(t, p.dir, "", map[string]string{"SFTCTL_PASSWORD": canary}, "get", "plans", "--token-cache", "--url", p.url)
	if code != 0 || !strings.Contains(out, "IoT") || !strings.Contains(talk, "it is no plain file") || !strings.Contains(talk, "the token is not kept, and the next command logs in") {
		t.Errorf("got code %d, %s%s", code, out, talk)
	}
	p.wantNoSecret(out + talk)
	code, _, talk = in(t, p.dir, "", nil, "logout", "--url", p.url)
	if code != 74 || !strings.Contains(talk, "the token is still there") {
		t.Errorf("got code %d, %s", code, talk)
	}
}

// Commands that run at once each log in once at most, and what is left is whole.
func TestTheTokenCacheIsShared(t *testing.T) {
	p := withPlatform(t, 3, nil)
	get := func() {
		code, _, talk := in(t, p.dir, "", map[string]string{"SFTCTL_PASSWORD": canary}, "get", "endpoints", "--token-cache", "--url", p.url)
		if code != 0 || talk != "" {
			t.Errorf("got code %d, %s", code, talk)
		}
	}
	for round, most := range []int{8, 8, 16} {
		var all sync.WaitGroup
		for range 8 {
			all.Go(get)
		}
		all.Wait()
		get()
		if n := logins(p.sim); n > most || n == 0 {
			t.Errorf("round %d: got %d logins, want %d at most", round, n, most)
		}
		if round == 1 {
			p.sim.ExpireTokens()
		}
	}
}

// A token of a session that the platform ended is replaced once, by an account whose
// password was changed meanwhile as by any other.
func TestATokenOutlivesItsPassword(t *testing.T) {
	p := withPlatform(t, 1, nil, simulator.WithCredentials("ann", canary))
	get := func(password string) (code int, talk string) {
		code, _, talk = in(t, p.dir, "", map[string]string{"SFTCTL_PASSWORD": password}, "get", "endpoints", "--token-cache", "--url", p.url)
		return code, talk
	}
	if code, talk := get(canary); code != 0 {
		t.Fatalf("got code %d, %s", code, talk)
	}
	p.sim.SetCredentials("ann", canary+"2")
	if code, talk := get(canary); code != 0 { // the platform takes the token still
		t.Errorf("got code %d, %s", code, talk)
	}
	p.sim.ExpireTokens()
	for range 2 {
		if code, talk := get(canary); code != 7 || leaks([]byte(talk)) != nil {
			t.Errorf("got code %d, %s", code, talk)
		}
	}
	if code, talk := get(canary + "2"); code != 0 || logins(p.sim) != 3 {
		t.Errorf("got code %d, %d logins, %s", code, logins(p.sim), talk)
	}
}
