package cli

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"sftctl/pkg/fleet"
	"sftctl/pkg/platform"
)

// stateDir is where the program keeps what must outlive a run; only its owner
// may look in.
func stateDir(env Env, flag string) (string, error) {
	dir := flag
	if dir == "" {
		dir = filepath.Join(userDir(env, "XDG_STATE_HOME", filepath.Join(".local", "state")), "sftctl")
	}
	return dir, makeDir(dir)
}

func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return fleet.Kind(fleet.ErrIO, err)
	}
	return nil
}

// writeFile writes a file whole or not at all: aside first, then renamed.
func writeFile(path string, write func(io.Writer) error) (err error) {
	defer func() { err = fleet.Kind(fleet.ErrIO, err) }()
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if err := write(f); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// refusals keeps, per host and user, salted hashes of the passwords that the
// platform refused last, so that no later run tries one of them again.
type refusals struct {
	path  string
	again bool // the user asks for another try
}

type refusal struct {
	Host, Username string
	Salt, Hash     []byte
}

const (
	hashRounds   = 100_000
	mostRefusals = 20
)

func hashOf(password platform.Secret, salt []byte) (hash []byte, err error) {
	password.Reveal(func(text string) { hash, err = pbkdf2.Key(sha256.New, text, salt, hashRounds, sha256.Size) })
	return hash, err
}

func (r refusals) load() ([]refusal, error) {
	data, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []refusal
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to forget refused logins", r.path, err)
	}
	return all, nil
}

// Refused says whether this login was refused before. A record that cannot be
// read refuses nothing; Remember will say what is wrong with it.
func (r refusals) Refused(host, username string, password platform.Secret) bool {
	all, _ := r.load()
	for _, old := range all {
		if old.Host != host || old.Username != username || r.again {
			continue
		}
		hash, err := hashOf(password, old.Salt)
		if err == nil && subtle.ConstantTimeCompare(hash, old.Hash) == 1 {
			return true
		}
	}
	return false
}

// Remember notes a refused login, and forgets the oldest when there are many.
func (r refusals) Remember(host, username string, password platform.Secret) error {
	all, err := r.load()
	if err != nil {
		return err
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return err
	}
	hash, err := hashOf(password, salt)
	if err != nil {
		return err
	}
	all = append([]refusal{{host, username, salt, hash}}, all...)
	kept := all[:min(len(all), mostRefusals)]
	return writeFile(r.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(kept) })
}
