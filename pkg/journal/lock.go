package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"sftctl/pkg/fleet"
)

// Owner is who holds an account. It is information for people: whether somebody
// holds it, the kernel knows, and it frees the lock of a process that is gone.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// Lock is the right to change things in an account.
type Lock struct{ file *flock.Flock }

// TakeLock takes the lock of an account, in its directory, which must be there; it
// keeps out others on this machine only, and tells them the command. The error is an
// ErrLocked that names who has it, or an ErrIO, also for a network file system,
// where locks do not hold.
func TakeLock(dir, command string) (*Lock, error) {
	if err := local(dir); err != nil {
		return nil, fleet.Kind(fleet.ErrIO, err)
	}
	path := filepath.Join(dir, "lock")
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	got, err := file.TryLock()
	if err != nil {
		return nil, fleet.Kind(fleet.ErrIO, fmt.Errorf("locking the account: %w", err))
	}
	if !got {
		return nil, fleet.Kind(fleet.ErrLocked, fmt.Errorf("%s; wait for it to end, or stop it", held(path)))
	}
	host, _ := os.Hostname()
	if err := sign(path, Owner{os.Getpid(), host, command, time.Now().UTC().Truncate(time.Second)}); err != nil {
		return nil, errors.Join(fleet.Kind(fleet.ErrIO, err), file.Unlock())
	}
	return &Lock{file}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error { return fleet.Kind(fleet.ErrIO, l.file.Unlock()) }

// sign writes into the lock file who has it, in place: another file of the same
// name would be another lock.
func sign(path string, o Owner) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	file, err := open(path, os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	return errors.Join(err, file.Close())
}

// held says who has a lock. One who has just got it may not have signed yet, and
// then the name is that of a process that is gone, and nobody is to stop
// whatever has its number now.
func held(path string) string {
	for range 50 {
		var o Owner
		data, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(data, &o) == nil && lives(o) {
			return named(o)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "another run holds this account"
}

// Holder says who holds an account, and takes nothing: only where the process lives
// that signed last is the lock tried, and then shared and for a moment, because
// another may have its number by now. The error is an ErrIO.
func Holder(dir string) (who string, held bool, err error) {
	path := filepath.Join(dir, "lock")
	var o Owner
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fleet.Kind(fleet.ErrIO, err)
	case json.Unmarshal(data, &o) == nil && !lives(o):
		return "", false, nil
	}
	file := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := file.TryRLock()
	if free || err != nil {
		return "", false, fleet.Kind(fleet.ErrIO, errors.Join(err, file.Unlock()))
	}
	return named(o), true, nil
}

// lives says whether a process may be there; elsewhere nobody can tell.
func lives(o Owner) bool {
	host, _ := os.Hostname()
	return o.Host != host || !errors.Is(syscall.Kill(o.PID, 0), syscall.ESRCH)
}

// Running says whether the process that wrote last may still be at work: it has not
// said that it ended, and it lives as far as this machine can tell.
func (h *History) Running() bool {
	if _, ended := h.Ended(); ended {
		return false
	}
	for i := len(h.Records) - 1; i >= 0; i-- {
		if o, ok := h.Records[i].(Opened); ok {
			return lives(Owner{PID: o.PID, Host: o.Host})
		}
	}
	return false
}

func named(o Owner) string {
	return fmt.Sprintf("another run holds this account: %s, process %d on %s, since %s", fleet.Printable(o.Command), o.PID, fleet.Printable(o.Host), o.Since.Format(time.RFC3339))
}

// Network names the network file system that a directory is on; it is empty where
// locks hold.
func Network(dir string) string { return network(dir) }

// local refuses a directory on a network file system.
func local(dir string) error {
	if kind := network(dir); kind != "" {
		return fmt.Errorf("the state directory %s is on a network file system (%s), where locks between machines do not hold; choose a local one with --state-dir", dir, kind)
	}
	return nil
}
