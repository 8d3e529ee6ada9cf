// Package crashfs is a disk in memory that loses what was not synced. Tests put
// journals on it and crash the machine at any moment.
package crashfs

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"sftctl/pkg/journal"
)

// ErrCrashed is what everything ends with after a crash, until the reboot.
var ErrCrashed = errors.New("the machine has crashed")

// Disk is a file system. What was written but not synced may be there after a
// crash, or not, or in part; so may names in a directory that was not synced.
type Disk struct {
	mu      sync.Mutex
	names   map[string]*inode // what is seen
	durable map[string]*inode // names that survive a crash for sure
	dirs    map[string]bool
	ops     int
	crashAt int            // the operation at which the machine crashes, 0 never
	fail    func(Op) error // the error of an operation, nil when it does not fail
	onCrash func()
	dead    bool
	boots   int // files that were open before a crash are of no use after it
}

// Op is one operation that changes the disk.
type Op struct {
	N    int    // from 1
	Kind string // create, append, write, sync, rename, sync-dir, remove
	Path string
}

type inode struct {
	data   []byte
	synced int    // how much of data survives for sure
	before []byte // what may come back, because the cut of it was not synced
	failed bool   // a sync failed: what was not synced then never will be
}

// New makes an empty disk.
func New() *Disk {
	return &Disk{names: map[string]*inode{}, durable: map[string]*inode{}, dirs: map[string]bool{}}
}

// CrashAt lets the machine crash at the n-th operation from now, before it is
// done, a write in part; onCrash is told.
func (d *Disk) CrashAt(n int, onCrash func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashAt, d.onCrash = d.ops+n, onCrash
	if n <= 0 {
		d.crashAt = 0
	}
}

// FailWith asks for the error of every operation; a write that fails is done by
// half. A sync that fails drops what it was to make durable, though it can
// still be read: so do kernels.
func (d *Disk) FailWith(fail func(Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// Ops is how many operations there were.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// Crash stops the machine now.
func (d *Disk) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crash()
}

func (d *Disk) crash() {
	if d.dead {
		return
	}
	d.dead = true
	if d.onCrash != nil {
		d.onCrash()
	}
}

// Dead says whether the machine has crashed.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Reboot makes the disk what it is after a crash. With power lost, each file
// keeps, drops or tears what was not synced, as seed says; when only the process
// was killed, nothing is lost, and nothing is more durable than it was.
func (d *Disk) Reboot(power bool, seed uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead, d.crashAt, d.fail, d.onCrash = false, 0, nil, nil
	d.boots++
	if !power {
		return
	}
	d.lose(rand.New(rand.NewPCG(seed, 0)))
	for _, node := range d.names {
		node.synced, node.before, node.failed = len(node.data), nil, false
	}
	d.durable = maps.Clone(d.names)
}

func (d *Disk) lose(r *rand.Rand) {
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if d.durable[name] != d.names[name] && r.IntN(2) == 0 {
			delete(d.names, name)
			if old := d.durable[name]; old != nil {
				d.names[name] = old
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) { // what was renamed away may come back
		if d.names[name] == nil && r.IntN(2) == 0 {
			d.names[name] = d.durable[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		d.names[name].lose(r)
	}
}

func (n *inode) lose(r *rand.Rand) {
	switch loose := len(n.data) - n.synced; r.IntN(3) {
	case 0:
		n.data = n.data[:n.synced]
	case 1:
		n.data = n.data[:n.synced+r.IntN(loose+1)]
	}
	if n.before != nil && r.IntN(2) == 0 {
		n.data = n.before
	}
}

// begin counts an operation; it returns the error that it ends with.
func (d *Disk) begin(kind, path string) error {
	if d.dead {
		return ErrCrashed
	}
	d.ops++
	if d.ops == d.crashAt {
		d.crash()
		return ErrCrashed
	}
	if d.fail != nil {
		return d.fail(Op{d.ops, kind, path})
	}
	return nil
}

// MkdirAll makes a directory; that is durable at once.
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return ErrCrashed
	}
	for ; dir != "." && dir != "/" && dir != ""; dir = path.Dir(dir) {
		d.dirs[dir] = true
	}
	return nil
}

// ReadFile reads what is seen.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, ErrCrashed
	}
	node := d.names[name]
	if node == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(node.data), nil
}

// ReadDir lists the names in a directory.
func (d *Disk) ReadDir(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, ErrCrashed
	}
	return d.list(dir), nil
}

func (d *Disk) list(dir string) []string {
	found := map[string]bool{}
	below := func(name string) {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			found[first] = true
		}
	}
	for name := range d.names {
		below(name)
	}
	for name := range d.dirs {
		below(name)
	}
	return slices.Sorted(maps.Keys(found))
}

// Create makes a file or empties one.
func (d *Disk) Create(name string) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("create", name); err != nil {
		return nil, err
	}
	node := &inode{}
	d.names[name] = node
	return &file{d, node, name, d.boots}, nil
}

// Append opens a file to go on at a size.
func (d *Disk) Append(name string, size int64) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("append", name); err != nil {
		return nil, err
	}
	node := d.names[name]
	if node == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if int(size) < len(node.data) {
		node.before = node.data
		node.data = slices.Clone(node.data[:size])
		node.synced = min(node.synced, len(node.data))
	}
	return &file{d, node, name, d.boots}, nil
}

// Rename gives a file another name.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("rename", to); err != nil {
		return err
	}
	if d.names[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

// Remove removes a file, or a directory that is empty.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("remove", name); err != nil {
		return err
	}
	switch {
	case d.names[name] == nil && !d.dirs[name]:
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	case d.dirs[name] && len(d.list(name)) > 0:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	delete(d.names, name)
	delete(d.dirs, name)
	return nil
}

// SyncDir makes the names in a directory durable.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("sync-dir", dir); err != nil {
		return err
	}
	for name := range d.durable {
		if path.Dir(name) == dir {
			delete(d.durable, name)
		}
	}
	for name, node := range d.names {
		if path.Dir(name) == dir {
			d.durable[name] = node
		}
	}
	return nil
}

type file struct {
	disk *Disk
	node *inode
	name string
	boot int // the boot in which it was opened
}

// begin is that of the disk, for a file of this boot.
func (f *file) begin(kind string) (alive bool, err error) {
	if f.disk.dead || f.boot != f.disk.boots {
		return false, ErrCrashed
	}
	return true, f.disk.begin(kind, f.name)
}

func (f *file) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	alive, err := f.begin("write")
	if err == nil {
		f.node.data = append(f.node.data, p...)
		return len(p), nil
	}
	if alive {
		f.node.data = append(f.node.data, p[:len(p)/2]...)
		return len(p) / 2, err
	}
	return 0, err
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	alive, err := f.begin("sync")
	switch {
	case err == nil && !f.node.failed:
		f.node.synced, f.node.before = len(f.node.data), nil
	case err != nil && alive && !errors.Is(err, ErrCrashed):
		f.node.failed = true // the kernel takes the data for written, and later syncs succeed
	}
	return err
}

func (f *file) Close() error { return nil }
