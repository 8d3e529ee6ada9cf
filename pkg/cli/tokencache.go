package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
)

// tokenCache keeps the access token of an account in a file, for the commands of the
// next minutes. It is off unless it is asked for: whoever can read the file is the
// account until the token ends, which without it nobody is who does not know the
// password; and a long run, or one a night, has nothing of it.
type tokenCache struct {
	path             string
	base             *url.URL // of the platform
	username, target string
	password         platform.Secret
	refused          refusals
	stderr           io.Writer
}

// keptToken is a token in the file, and the login that it is for. Host is the
// platform's whole address.
type keptToken struct {
	loginMark
	Target        string
	Token         string
	Granted, Ends time.Time
}

// tokenFile is its name in the folder of an account.
const tokenFile = "token"

// longestKept is more than any token needs.
const longestKept = 64 << 10

// cache is that of a connection's token; nil where none is wanted.
func (c *connection) cache(env Env, dir string, opts platform.Options, refused refusals) platform.Cache {
	base, err := platform.CheckURL(opts.BaseURL)
	if !c.tokenCache || c.simulate || err != nil { // who makes the client says what is wrong
		return nil
	}
	return newTokenCache(env, dir, base, opts, refused)
}

func newTokenCache(env Env, dir string, base *url.URL, opts platform.Options, refused refusals) tokenCache {
	return tokenCache{filepath.Join(dir, tokenFile), base, opts.Username, opts.TargetAccount, opts.Password, refused, env.Stderr}
}

// Take gives the token of an earlier command. One that is not to be trusted is told
// of, and left: the login that follows puts another in its place. A password that
// was refused opens nothing any more, nor does one that is to be tried again.
func (t tokenCache) Take() (platform.Token, bool) {
	if t.refused.again {
		return platform.Token{}, false
	}
	kept, err := t.read()
	switch {
	case err != nil:
		t.warn("%s: %v; it is not used, and this command logs in", t.path, err)
		return platform.Token{}, false
	case kept.Token == "", t.refused.Refused(t.base.Host, t.username, t.password):
		return platform.Token{}, false
	}
	return platform.Token{Text: platform.NewSecret(kept.Token), Granted: kept.Granted, Ends: kept.Ends}, true
}

// read reads the file. None, and one that is damaged, is no token. The error says why
// a token is not to be used.
func (t tokenCache) read() (keptToken, error) {
	data, err := readOwn(t.path)
	if err != nil {
		return keptToken{}, err
	}
	var kept keptToken
	if json.Unmarshal(data, &kept) != nil || kept.Token == "" {
		return keptToken{}, nil
	}
	return kept, t.binds(kept)
}

// readOwn reads a small file that is the user's alone, or nothing where there is none.
// The name is not followed, and what was opened is looked at again: it may be
// another by then.
func readOwn(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = private(info)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = private(info)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, longestKept))
}

// private refuses a file that somebody else may have written or may read.
func private(info fs.FileInfo) error {
	uid, known := ownerOf(info)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link, want a plain file")
	case !info.Mode().IsRegular():
		return errors.New("it is no plain file")
	case known && uid != os.Geteuid():
		return fmt.Errorf("it belongs to user %d, and this is user %d", uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("its mode is %04o, want 0600", info.Mode().Perm())
	}
	return nil
}

// binds says for which other login a token is.
func (t tokenCache) binds(kept keptToken) error {
	for _, f := range []struct{ what, want, got string }{
		{"platform", t.base.String(), kept.Host}, {"user", t.username, kept.Username}, {"target account", t.target, kept.Target},
	} {
		if f.got != f.want {
			return fmt.Errorf("the token in it is for %s %s, want %s", f.what, fleet.Quote(f.got), fleet.Quote(f.want))
		}
	}
	if !kept.opens(t.password) {
		return errors.New("the token in it was got with another password")
	}
	return nil
}

// Keep puts a token in the place of the one that is there. Of two commands that log in
// at once the later one's stays; both are good.
func (t tokenCache) Keep(token platform.Token) {
	mark, err := markOf(t.base.String(), t.username, t.password)
	kept := keptToken{loginMark: mark, Target: t.target, Granted: token.Granted.UTC().Round(0), Ends: token.Ends.UTC().Round(0)}
	token.Text.Reveal(func(text string) { kept.Token = text })
	if err == nil {
		err = writeFile(t.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(kept) })
	}
	if err != nil {
		t.warn("the token is not kept, and the next command logs in: %v", err)
	}
}

func (t tokenCache) warn(format string, args ...any) {
	say(t.stderr, "warning: %s", fleet.Printable(fmt.Sprintf(format, args...)))
}

// Drop forgets a token that was refused, unless another is there by now. One that
// comes at this very moment may go with it, which costs a login, as without a
// cache.
func (t tokenCache) Drop(text platform.Secret) {
	kept, _ := t.read()
	same := false
	text.Reveal(func(refused string) { same = kept.Token == refused })
	if !same {
		return
	}
	if err := os.Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.warn("the token that was refused could not be removed: %v", err)
	}
}
