package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sftctl/pkg/fleet"
	"sftctl/pkg/journal"
	"sftctl/pkg/pace"
)

// stateDir looks at the state directory, and makes none. It is tried with a file
// that is gone again.
func (e *examination) stateDir(context.Context) finding {
	if e.state == "" {
		return fails(fleet.ErrUsage, "set it, or name a --state-dir", "no place for the state: HOME is not set")
	}
	info, err := os.Stat(e.state)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e.noStateDir()
	case err != nil:
		return fails(fleet.ErrIO, "choose another one with --state-dir", "%v", err)
	case !info.IsDir():
		return fails(fleet.ErrIO, "choose another one with --state-dir", "%s is no folder", e.state)
	}
	if kind := journal.Network(e.state); kind != "" {
		return fails(fleet.ErrIO, "choose a local one with --state-dir", "%s is on a network file system (%s), where locks between machines do not hold", e.state, kind)
	}
	if uid, known := ownerOf(info); known && uid != os.Geteuid() {
		return fails(fleet.ErrIO, "run as its owner, or choose your own with --state-dir", "%s belongs to user %d, and this is user %d", e.state, uid, os.Geteuid())
	}
	if err := writable(e.state); err != nil {
		return fails(fleet.ErrIO, "make it writable, or choose another one with --state-dir", "%v", err)
	}
	if _, err := e.memory().load(); err != nil {
		return fails(fleet.ErrIO, "until then a refused login could be repeated, and the platform locks accounts", "%v", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return warns("run chmod 700 on it", "%s: others may look into it (mode %04o)", e.state, mode)
	}
	return passes("%s: writable, local, and yours alone", e.state)
}

// memory is that of refused logins.
func (e *examination) memory() refusals {
	return refusals{filepath.Join(e.state, "refused-logins.json"), e.o.loginAgain}
}

// noStateDir says whether the first command that needs the directory can make it.
func (e *examination) noStateDir() finding {
	above := existing(e.state)
	const write, search = 2, 1
	if err := syscall.Access(above, write|search); err != nil {
		return fails(fleet.ErrIO, "make it, or choose another one with --state-dir", "%s is not there, and cannot be made: %s: %v", e.state, above, err)
	}
	if kind := journal.Network(above); kind != "" {
		return fails(fleet.ErrIO, "choose a local one with --state-dir", "%s would be on a network file system (%s), where locks between machines do not hold", e.state, kind)
	}
	return passes("%s is not there yet; the first command that needs it makes it", e.state)
}

// existing is the nearest folder above a path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// The space that a run may need: journal and reports of 10,000 rows take some 20
// MB.
const (
	littleSpace = 256 << 20
	noSpace     = 16 << 20
)

func (e *examination) space(context.Context) finding {
	var st syscall.Statfs_t
	if err := syscall.Statfs(existing(e.state), &st); err != nil {
		return fails(fleet.ErrIO, "choose another one with --state-dir", "%s: %v", e.state, err)
	}
	free := uint64(st.Bavail) * uint64(st.Bsize)
	const advice = "make room: a run whose journal cannot be written stops"
	switch {
	case free < noSpace:
		return fails(fleet.ErrIO, advice, "%d MB are free", free>>20)
	case free < littleSpace:
		return warns(advice, "%d MB are free", free>>20)
	}
	return passes("%s MB are free", fleet.Number(int(free>>20)))
}

func (e *examination) lock(context.Context) finding {
	who, held, err := journal.Holder(e.dir)
	switch {
	case err != nil:
		return fails(fleet.ErrIO, "it is "+filepath.Join(e.dir, "lock"), "%v", err)
	case held:
		e.held = true
		return warns("until it ends, apply, reconcile and resume exit 11; plan, drift, get and export may run beside it", "%s", who)
	}
	return passes("nobody holds the account")
}

// slots looks at the file by which the programs of this machine share a pace, and
// uses it when it is as it should be.
func (e *examination) slots(context.Context) finding {
	path := filepath.Join(e.dir, "slots")
	e.opts.Purse = pace.New(e.o.rate)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return passes("there is none yet; the first command that sends something makes it")
	case err != nil:
		return fails(fleet.ErrIO, "it is "+path, "%v", err)
	case !info.Mode().IsRegular():
		return fails(fleet.ErrIO, "remove it", "%s is no plain file", path)
	}
	next, sound, err := pace.Look(path)
	if err != nil {
		return fails(fleet.ErrIO, "it is "+path, "%v", err)
	}
	return e.judgeSlots(path, info.Mode().Perm(), next, sound)
}

func (e *examination) judgeSlots(path string, mode fs.FileMode, next time.Time, sound bool) finding {
	switch wait := time.Until(next).Round(time.Second); {
	case mode != 0o600:
		return warns("the next command that sends something sets it right", "%s: its mode is %04o, want 0600", path, mode)
	case !sound:
		return warns("the next command that sends something begins it anew", "%s: what is in it is no time", path)
	case wait > patience:
		e.share(path)
		return warns("the platform throttled another command; wait, or let it end", "no command may send anything for another %s", wait)
	}
	e.share(path)
	return passes("the commands of this machine share the account's pace")
}

// share takes permits from the pace that the machine shares.
func (e *examination) share(path string) {
	if slots, err := pace.OpenSlots(path); err == nil {
		e.opts.Purse = pace.NewShared(e.o.rate, slots)
	}
}

// tokenCache looks at the token that is kept, and does not use it: the login is to be
// tried.
func (e *examination) tokenCache(context.Context) finding {
	if !e.o.tokenCache || e.simulated {
		return passes("off: every command logs in")
	}
	kept, err := newTokenCache(e.env, e.dir, e.base, e.opts, e.memory()).read()
	left := time.Until(kept.Ends).Round(time.Second)
	switch {
	case err != nil:
		return warns("the next command logs in and puts another in its place", "%s: %v", filepath.Join(e.dir, tokenFile), err)
	case left <= 0:
		return passes("there is no token yet; the next command logs in and keeps one")
	}
	return passes("the token in it lives another %s", left)
}

// runs looks for what earlier runs of the account left.
func (e *examination) runs(context.Context) finding {
	if _, err := os.Stat(filepath.Join(e.dir, "used")); errors.Is(err, fs.ErrNotExist) {
		return passes("there was none yet")
	}
	store := journal.Look(e.dir, journal.OS{}, journal.SystemClock)
	histories, err := store.Histories()
	if err != nil {
		return fails(fleet.ErrIO, "restore it from a backup; what the run sent is in it alone, and until it can be read no run can begin", "%v", err)
	}
	var left, going []string
	doubts := 0
	for _, h := range histories {
		if e.held && h.Running() { // by its number a process may live that is another
			going = append(going, h.Run)
		} else if unended(store, h) {
			left = append(left, h.Run)
			doubts += len(h.Open())
		}
	}
	switch {
	case len(left) > 0:
		return warns("sftctl resume "+left[len(left)-1]+" goes on with it; apply on files settles what is in doubt, and takes its place",
			"%s; not finished: %s, with %s in doubt", fleet.Count(len(histories), "run"), some(left), fleet.Count(doubts, "call"))
	case len(going) > 0:
		return passes("%s; going on: %s", fleet.Count(len(histories), "run"), some(going))
	}
	return passes("%s, and nothing is left of them", fleet.Count(len(histories), "run"))
}

// unended says whether a run has something left that no other run took over.
func unended(store *journal.Store, h *journal.History) bool {
	if h.Clean() || len(h.Open()) == 0 && store.SupersededBy(h) != "" {
		return false
	}
	old, err := recall(store, h, journal.SystemClock())
	return err != nil || old.unfinished()
}

// some are the last few of many.
func some(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[more:], ", "), more)
	}
	return strings.Join(names, ", ")
}
