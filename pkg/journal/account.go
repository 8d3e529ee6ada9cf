package journal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sftctl/pkg/fleet"
)

// AccountDir is where the state of one account of one platform is kept, below the
// state directory: the runs, the lock, and the file "slots" of its pace. All who
// work on an account from one machine have to use the same one, or they do not know
// of each other. Its name says which it is to a person; the digest tells apart what
// looks the same.
func AccountDir(state, baseURL, account string) string {
	host := baseURL
	if u, err := url.Parse(baseURL); err == nil && u.Host != "" {
		host = plainHost(u)
	}
	sum := sha256.Sum256([]byte(host + "\n" + account))
	return filepath.Join(state, "accounts", plain(host)+"~"+plain(account)+"~"+hex.EncodeToString(sum[:4]))
}

// plainHost is the one form of a host that can be written in several: two forms
// of it must not be two accounts, each with a lock of its own.
func plainHost(u *url.URL) string {
	name, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return name
	}
	return net.JoinHostPort(name, port)
}

// plain leaves of a text what may stand in a file name.
func plain(text string) string {
	keep := func(r rune) rune {
		if r < 0x80 && (r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
			return r
		}
		return '_'
	}
	text = strings.Map(keep, text)
	return strings.TrimLeft(text[:min(len(text), 40)], ".")
}

// Accounts are the directories below a state directory that AccountDir may have
// named, in the order of their names. What else is there is not ours. The error is
// an ErrIO.
func Accounts(state string) (dirs []string, err error) {
	above := filepath.Join(state, "accounts")
	entries, err := os.ReadDir(above)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		dir := filepath.Join(above, e.Name())
		if info, unseen := os.Stat(dir); unseen == nil && info.IsDir() && isAccount(e.Name()) { // also behind a link
			dirs = append(dirs, dir)
		}
	}
	return dirs, fleet.Kind(fleet.ErrIO, err)
}

func isAccount(name string) bool {
	parts := strings.Split(name, "~")
	return len(parts) == 3 && isHex(parts[2], 4)
}

// isHex says whether a text is a number of bytes in hexadecimal.
func isHex(text string, size int) bool {
	data, err := hex.DecodeString(text)
	return err == nil && len(data) == size
}

// What names consist of.
const (
	nameTime    = "20060102T150405Z"
	nameLetters = "abcdefghjkmnpqrstuvwxyz23456789"
	nameTail    = 4 // letters
)

// NewID names a plan, or a run: UTC time in seconds and four random characters, so
// that names of later times sort behind those of earlier ones.
func NewID(now time.Time) string {
	tail := make([]byte, nameTail)
	_, _ = rand.Read(tail) // it never fails
	for i := range tail {
		tail[i] = nameLetters[int(tail[i])%len(nameLetters)]
	}
	return now.UTC().Format(nameTime) + "-" + string(tail)
}

// Named is the time at which NewID gave a name, and whether it can have.
func Named(id string) (at time.Time, ok bool) {
	date, tail, _ := strings.Cut(id, "-")
	at, err := time.Parse(nameTime, date)
	ok = err == nil && at.Format(nameTime) == date && len(tail) == nameTail && strings.Trim(tail, nameLetters) == ""
	return at, ok
}
