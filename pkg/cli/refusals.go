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
	"slices"

	"sftctl/pkg/platform"
)

// loginMark is a login by which it is known again, without its password.
type loginMark struct {
	Host, Username string
	Salt, Hash     []byte
}

const hashRounds = 100_000

func markOf(host, username string, password platform.Secret) (loginMark, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return loginMark{}, err
	}
	hash, err := hashOf(password, salt)
	return loginMark{host, username, salt, hash}, err
}

func hashOf(password platform.Secret, salt []byte) (hash []byte, err error) {
	password.Reveal(func(text string) { hash, err = pbkdf2.Key(sha256.New, text, salt, hashRounds, sha256.Size) })
	return hash, err
}

// about says whether a mark is of this login.
func (old loginMark) about(host, username string, password platform.Secret) bool {
	return old.Host == host && old.Username == username && old.opens(password)
}

// opens says whether a mark is of this password.
func (old loginMark) opens(password platform.Secret) bool {
	hash, err := hashOf(password, old.Salt)
	return err == nil && subtle.ConstantTimeCompare(hash, old.Hash) == 1
}

// refusals keeps, per host and user, salted hashes of the passwords that the
// platform refused last, so that no later run tries one of them again.
type refusals struct {
	path  string
	again bool // the user asks for another try
}

const mostRefusals = 20

func (r refusals) load() ([]loginMark, error) {
	data, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []loginMark
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to forget refused logins", r.path, err)
	}
	return all, nil
}

// Refused says whether this login was refused before. A record that cannot be
// read refuses nothing; Remember will say what is wrong with it.
func (r refusals) Refused(host, username string, password platform.Secret) bool {
	if r.again {
		return false
	}
	all, _ := r.load()
	return slices.ContainsFunc(all, func(old loginMark) bool { return old.about(host, username, password) })
}

// Accept forgets that a login was refused, once the platform took it.
func (r refusals) Accept(host, username string, password platform.Secret) error {
	if !r.again {
		return nil // a refused login would not have come this far
	}
	all, err := r.load()
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(old loginMark) bool { return old.about(host, username, password) })
	if len(kept) == len(all) {
		return nil
	}
	return r.save(kept)
}

func (r refusals) save(all []loginMark) error {
	return writeFile(r.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(all) })
}

// Remember notes a refused login, and forgets the oldest when there are many.
func (r refusals) Remember(host, username string, password platform.Secret) error {
	all, err := r.load()
	if err != nil {
		return err
	}
	mark, err := markOf(host, username, password)
	if err != nil {
		return err
	}
	all = append([]loginMark{mark}, all...)
	return r.save(all[:min(len(all), mostRefusals)])
}
