package crashfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"sftctl/pkg/crashfs"
	"sftctl/pkg/journal"
)

var _ journal.FS = (*crashfs.Disk)(nil)

// after are all texts that a file may have when the power was lost after do;
// "-" is no file.
func after(t *testing.T, do func(d *crashfs.Disk)) []string {
	t.Helper()
	seen := map[string]bool{}
	for seed := range uint64(200) {
		d := crashfs.New()
		do(d)
		d.Crash()
		d.Reboot(true, seed)
		seen[read(d, "/d/f")] = true
	}
	var all []string
	for text := range seen {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func read(d *crashfs.Disk, name string) string {
	data, err := d.ReadFile(name)
	if err != nil {
		return "-"
	}
	return string(data)
}

// must fails a script that uses the disk wrongly.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func write(d *crashfs.Disk, name, text string) journal.File {
	f := must(d.Create(name))
	must(f.Write([]byte(text)))
	return f
}

func whole(d *crashfs.Disk, name, text string) {
	must(0, write(d, name, text).Sync())
	must(0, d.SyncDir("/d"))
}

func TestWhatAPowerCutLeaves(t *testing.T) {
	tests := []struct {
		name string
		do   func(d *crashfs.Disk)
		want []string
	}{
		{"synced, name too", func(d *crashfs.Disk) { whole(d, "/d/f", "abc") }, []string{"abc"}},
		{"synced, name not", func(d *crashfs.Disk) { must(0, write(d, "/d/f", "abc").Sync()) }, []string{"-", "abc"}},
		{"name synced, text not", func(d *crashfs.Disk) { write(d, "/d/f", "abc"); must(0, d.SyncDir("/d")) }, []string{"", "a", "ab", "abc"}},
		{"another directory synced", func(d *crashfs.Disk) { must(0, write(d, "/d/f", "a").Sync()); must(0, d.SyncDir("/")) }, []string{"-", "a"}},
		{"more after the sync", func(d *crashfs.Disk) {
			whole(d, "/d/f", "ab")
			must(must(d.Append("/d/f", 2)).Write([]byte("cd")))
		}, []string{"ab", "abc", "abcd"}},
		{"cut, not synced", func(d *crashfs.Disk) { whole(d, "/d/f", "abcd"); must(d.Append("/d/f", 2)) }, []string{"ab", "abcd"}},
		{"cut, more, synced", func(d *crashfs.Disk) {
			whole(d, "/d/f", "abcd")
			f := must(d.Append("/d/f", 2))
			must(f.Write([]byte("x")))
			must(0, f.Sync())
		}, []string{"abx"}},
		{"renamed", func(d *crashfs.Disk) {
			whole(d, "/d/f", "old")
			must(0, write(d, "/d/f.new", "new").Sync())
			must(0, d.Rename("/d/f.new", "/d/f"))
		}, []string{"new", "old"}},
		{"renamed, name synced", func(d *crashfs.Disk) {
			whole(d, "/d/f", "old")
			must(0, write(d, "/d/f.new", "new").Sync())
			must(0, d.Rename("/d/f.new", "/d/f"))
			must(0, d.SyncDir("/d"))
		}, []string{"new"}},
		{"removed", func(d *crashfs.Disk) { whole(d, "/d/f", "abc"); must(0, d.Remove("/d/f")) }, []string{"-", "abc"}},
		{"removed, name synced", func(d *crashfs.Disk) {
			whole(d, "/d/f", "abc")
			must(0, d.Remove("/d/f"))
			must(0, d.SyncDir("/d"))
		}, []string{"-"}},
		{"the sync failed, and then not", func(d *crashfs.Disk) {
			whole(d, "/d/f", "")
			f := must(d.Append("/d/f", 0))
			must(f.Write([]byte("a")))
			d.FailWith(func(op crashfs.Op) error { return syscall.EIO })
			_ = f.Sync()
			d.FailWith(nil)
			must(0, f.Sync())
		}, []string{"", "a"}},
		{"the process was killed before", func(d *crashfs.Disk) {
			write(d, "/d/f", "a")
			d.Crash()
			d.Reboot(false, 0)
			if read(d, "/d/f") != "a" {
				panic("a killed process loses nothing")
			}
		}, []string{"", "-", "a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := after(t, test.do); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWhatSurvivedOnceSurvivesAgain(t *testing.T) {
	for seed := range uint64(50) {
		d := crashfs.New()
		write(d, "/d/f", "abcdef")
		d.Crash()
		d.Reboot(true, seed)
		want := read(d, "/d/f")
		d.Crash()
		d.Reboot(true, seed+1)
		if got := read(d, "/d/f"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// script does seven operations, until one fails.
func script(d *crashfs.Disk) (done int, err error) {
	f, err := d.Create("/d/f.new")
	steps := []func() error{
		func() error { return err },
		func() error { _, err := f.Write([]byte("abcd")); return err },
		func() error { return f.Sync() },
		func() error { return d.Rename("/d/f.new", "/d/f") },
		func() error { return d.SyncDir("/d") },
		func() error { _, err := d.Append("/d/f", 1); return err },
		func() error { return d.Remove("/d/f") },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return i, err
		}
	}
	return len(steps), nil
}

func TestTheMachineCrashesAtTheOperationThatWasAskedFor(t *testing.T) {
	for n := 1; n <= 8; n++ {
		d, told := crashfs.New(), 0
		d.CrashAt(n, func() { told++ })
		done, err := script(d)
		if crashed := n <= 7; crashed != errors.Is(err, crashfs.ErrCrashed) || crashed != d.Dead() || crashed != (told == 1) || done != n-1 {
			t.Errorf("at %d: %d done, %v, dead %v, told %d times", n, done, err, d.Dead(), told)
		}
		if d.Ops() != min(n, 7) {
			t.Errorf("at %d: %d operations", n, d.Ops())
		}
	}
}

func TestEachOperationCanFail(t *testing.T) {
	want := []string{"create /d/f.new", "write /d/f.new", "sync /d/f.new", "rename /d/f", "sync-dir /d", "append /d/f", "remove /d/f"}
	for n := range want {
		var got []string
		d := crashfs.New()
		d.FailWith(func(op crashfs.Op) error {
			if got = append(got, fmt.Sprintf("%s %s", op.Kind, op.Path)); op.N == n+1 {
				return syscall.EIO
			}
			return nil
		})
		if done, err := script(d); done != n || !errors.Is(err, syscall.EIO) || !slices.Equal(got, want[:n+1]) {
			t.Errorf("%d: %d done, %v, %q", n+1, done, err, got)
		}
		if n == 1 && read(d, "/d/f.new") != "ab" {
			t.Errorf("a write that fails left %q, want half of it", read(d, "/d/f.new"))
		}
	}
}

func TestAfterACrashNothingWorksUntilTheReboot(t *testing.T) {
	d := crashfs.New()
	f := write(d, "/d/f", "a")
	d.Crash()
	all := func() []error {
		_, read := d.ReadFile("/d/f")
		_, listed := d.ReadDir("/d")
		_, created := d.Create("/d/g")
		_, opened := d.Append("/d/f", 1)
		_, written := f.Write([]byte("x"))
		return []error{written, f.Sync(), read, listed, created, opened, d.MkdirAll("/d"), d.SyncDir("/d"), d.Remove("/d/f"), d.Rename("/d/f", "/d/g")}
	}
	for i, err := range all() {
		if !errors.Is(err, crashfs.ErrCrashed) {
			t.Errorf("%d: got %v", i, err)
		}
	}
	d.Reboot(false, 0)
	for i, err := range all() { // the file was open in a process that is gone
		if errors.Is(err, crashfs.ErrCrashed) != (i < 2) {
			t.Errorf("%d, rebooted: got %v", i, err)
		}
	}
}

func TestTheSameSeedLosesTheSame(t *testing.T) {
	fall := func(seed uint64) (left string) {
		d := crashfs.New()
		for _, name := range []string{"/d/a", "/d/b", "/d/c", "/d/d", "/d/e"} {
			whole(d, name, "old "+name)
			must(0, d.Rename(name, name+"2"))
			write(d, name, "new "+name)
		}
		d.Crash()
		d.Reboot(true, seed)
		names, _ := d.ReadDir("/d")
		for _, name := range names {
			left += name + "=" + read(d, "/d/"+name) + " "
		}
		return left
	}
	different := map[string]bool{}
	for seed := range uint64(50) {
		if a, b := fall(seed), fall(seed); a != b {
			t.Fatalf("seed %d: %s and %s", seed, a, b)
		}
		different[fall(seed)] = true
	}
	if len(different) < 40 {
		t.Errorf("50 seeds lose only in %d ways", len(different))
	}
}

func TestNamesAreAsOnADisk(t *testing.T) {
	d := crashfs.New()
	if err := d.MkdirAll("/d/sub/low"); err != nil {
		t.Fatal(err)
	}
	write(d, "/d/sub/f", "a")
	if names, err := d.ReadDir("/d/sub"); err != nil || !slices.Equal(names, []string{"f", "low"}) {
		t.Errorf("got %q, %v", names, err)
	}
	_, unread := d.ReadFile("/d/none")
	_, unopened := d.Append("/d/none", 0)
	for _, err := range []error{unread, unopened, d.Rename("/d/none", "/d/f"), d.Remove("/d/none")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
	if err := d.Remove("/d/sub"); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(d.Remove("/d/sub/f"), d.Remove("/d/sub/low"), d.Remove("/d/sub")); err != nil {
		t.Error(err)
	}
}
