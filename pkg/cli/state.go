package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"sftctl/pkg/fleet"
)

// stateDir is where the program keeps what must outlive a run; only its owner
// may look in.
func stateDir(env Env, flag string) (string, error) {
	dir := statePath(env, flag)
	if dir == "" {
		return "", noState()
	}
	if err := makeDir(dir); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o002 != 0 {
		err = fmt.Errorf("state directory %s: mode is %04o, and everybody can write into it: run chmod o-w on it", dir, info.Mode().Perm())
	}
	return dir, fleet.Kind(fleet.ErrIO, err)
}

func noState() error {
	return fleet.Kind(fleet.ErrUsage, errors.New("no place for the state: HOME is not set; set it, or name a --state-dir"))
}

// statePath is empty when nobody says where the state may be.
func statePath(env Env, flag string) string {
	if flag != "" {
		return flag
	}
	user := userDir(env, "XDG_STATE_HOME", filepath.Join(".local", "state"))
	if user == "" {
		return ""
	}
	return filepath.Join(user, "sftctl")
}

func makeDir(dir string) error {
	return fleet.Kind(fleet.ErrIO, os.MkdirAll(dir, 0o700))
}

// writable makes sure that a folder takes files, before anything is done whose
// outcome is to be written into it. A folder that was not there is not left
// behind, nor is a trial that somebody killed.
func writable(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		defer os.Remove(dir)
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	trial, err := os.CreateTemp(dir, probe)
	if err != nil {
		return fleet.Kind(fleet.ErrIO, fmt.Errorf("%s cannot be written, so nothing was done: %w", dir, err))
	}
	for _, left := range pathsIn(dir, probe, "") {
		_ = os.Remove(left) // another process may have been quicker
	}
	return fleet.Kind(fleet.ErrIO, trial.Close())
}

// probe begins the names of the files by which a folder is tried.
const probe = ".probe-"

// pathsIn are the paths of what is in a folder under names that begin and end in
// some way, in order. A folder's own name is no pattern: it may have a [ in it.
func pathsIn(dir, first, last string) (paths []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if name := e.Name(); len(name) >= len(first+last) && strings.HasPrefix(name, first) && strings.HasSuffix(name, last) {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths
}

// writeFile writes a file whole or not at all, for nobody else to read, and makes
// its folder.
func writeFile(path string, write func(io.Writer) error) error {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return replaceFile(path, 0o600, write)
}

// replaceFile writes a file whole or not at all: aside first, then renamed. The mode
// is what it is for, and no umask takes from it.
func replaceFile(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	defer func() { err = fleet.Kind(fleet.ErrIO, err) }()
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if err := write(f); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// linked is where a path ends when links are followed, also where nothing is there
// yet: what replaces a file would replace the link.
func linked(path string) (string, error) {
	if end, err := filepath.EvalSymlinks(path); !errors.Is(err, fs.ErrNotExist) {
		return end, err
	}
	to, err := os.Readlink(path)
	if err != nil { // the file itself is what is not there
		return path, nil
	}
	if !filepath.IsAbs(to) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // .. is meant from there
		if err != nil {
			return "", err
		}
		to = filepath.Join(dir, to)
	}
	return linked(to)
}

// createFile writes a file that must not be there, whole or not at all: aside
// first, then linked, as a rename would replace what somebody made meanwhile.
func createFile(path string, write func(io.Writer) error) (err error) {
	defer func() { err = fleet.Kind(fleet.ErrIO, err) }()
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if err := errors.Join(write(f), f.Sync()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return f.CloseAtomicallyReplace() // a disk without links
}

// replaceable refuses to write over what somebody may still need: anything that
// is no regular file, and a file that may not be replaced. The folder of a file
// that a person named must be there. What named it begins the error.
func replaceable(named, path string, may func(path string) error) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s %s: there is no folder %s", named, path, filepath.Dir(path)))
		}
		return nil
	case err != nil:
		return fleet.Kind(fleet.ErrIO, err)
	case !info.Mode().IsRegular():
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s %s: it is no regular file, and is not replaced", named, path))
	}
	return fleet.Kind(fleet.ErrUsage, may(path))
}
