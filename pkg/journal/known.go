package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"sftctl/pkg/fleet"
)

const knownName = "known"

func (s *Store) knownFile() string { return filepath.Join(s.dir, knownName) }

func isOfAccount(name string) bool { return name == knownName }

// Known are the endpoints that runs of the account were about, as far as they
// ended in good order. It is for people only: nothing rests on it, and nothing is
// lost with it. The error is an ErrIO.
func (s *Store) Known() (map[fleet.ID]bool, error) {
	data, err := s.fs.ReadFile(s.knownFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fleet.Kind(fleet.ErrIO, err)
	}
	known := map[fleet.ID]bool{}
	for line := range bytes.Lines(data) {
		known[fleet.ID(bytes.TrimSpace(line))] = true
	}
	return known, nil
}

// Know adds endpoints to those. The error is an ErrIO.
func (s *Store) Know(ids []fleet.ID) error {
	known, err := s.Known()
	if err != nil {
		return err
	}
	before := len(known)
	for _, id := range ids {
		known[id] = true
	}
	if len(known) == before {
		return nil
	}
	var out bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(known)) {
		out.WriteString(string(id) + "\n")
	}
	return fleet.Kind(fleet.ErrIO, s.replace(s.knownFile(), out.Bytes()))
}
