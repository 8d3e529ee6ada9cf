package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is the file system as far as journals need it. Tests put one in its place
// that crashes.
type FS interface {
	MkdirAll(dir string) error // for the owner only, durably
	ReadFile(path string) ([]byte, error)
	ReadDir(dir string) ([]string, error)         // names, sorted
	Create(path string) (File, error)             // empty, for the owner only
	Append(path string, size int64) (File, error) // an existing file, cut to a size
	Rename(from, to string) error                 // within a directory
	SyncDir(dir string) error                     // makes names in it durable
	Remove(path string) error                     // a file or an empty directory
}

// File is a file that grows.
type File interface {
	io.WriteCloser
	Sync() error
}

// OS is the file system of the machine.
type OS struct{}

// MkdirAll makes a directory that only the owner may look into, whatever the
// umask says and whatever its mode was. What it makes is durable: a file is lost
// with the name of its directory. One that is as it should be is not touched: what
// is on a disk that went read-only can still be read.
func (o OS) MkdirAll(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() && info.Mode().Perm() == 0o700 {
		return nil
	}
	made := absent(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range made {
		if err := o.SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o700)
}

// absent are a directory and those above it that are not there.
func absent(dir string) (dirs []string) {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return dirs
		}
		dirs = append(dirs, dir)
	}
}

// ReadFile reads a whole file.
func (OS) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// ReadDir lists the names in a directory.
func (OS) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// Create makes a file, or empties one.
func (OS) Create(path string) (File, error) {
	f, err := open(path, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	return placed{f}, nil
}

// Append opens a file to go on at a size; what is behind that is lost.
func (OS) Append(path string, size int64) (File, error) {
	f, err := open(path, 0)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return nil, err
	}
	return placed{f}, nil
}

// placed is a file that is to stay in its place. A journal that is taken away goes
// with its lock, and another run may begin that knows of nothing.
type placed struct{ *os.File }

// Sync makes what was written durable, where it can be found again.
func (f placed) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	here, err := f.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(f.Name()); err != nil || !os.SameFile(here, there) {
		return fmt.Errorf("%s was moved or removed while it was written: put the state directory back, and resume", f.Name())
	}
	return nil
}

func open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Rename gives a file another name.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// SyncDir makes the names in a directory durable.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Remove removes a file or an empty directory.
func (OS) Remove(path string) error { return os.Remove(path) }
