package journal

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"sftctl/pkg/fleet"
)

// The numbers are those of statfs(2) and linux/magic.h.
func TestNetworkFileSystemsAreKnownByNumber(t *testing.T) {
	tests := map[uint32]string{
		0x6969: "nfs", 0x517b: "smb", 0xff534d42: "cifs", 0xfe534d42: "smb2", 0x5346414f: "afs", 0x6b414653: "afs",
		0x01021997: "9p", 0x00c36400: "ceph", 0x0bd00bd0: "lustre", 0x73757245: "coda", 0x47504653: "gpfs", 0x01161970: "gfs2", 0x7461636f: "ocfs2",
		0xef53: "", 0x58465342: "", 0x9123683e: "", 0x01021994: "", 0x794c7630: "", 0x2fc12fc1: "", // ext4, xfs, btrfs, tmpfs, overlay, zfs
	}
	for number, want := range tests {
		if got := networks[number]; got != want {
			t.Errorf("%#x: got %q, want %q", number, got, want)
		}
	}
}

func TestALockOnANetworkIsRefused(t *testing.T) {
	dir := t.TempDir()
	if kind := network(dir); kind != "" {
		t.Skipf("%s is on %s", dir, kind)
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	networks[uint32(st.Type)] = "testfs"
	defer delete(networks, uint32(st.Type))
	if _, err := TakeLock(dir, "apply"); !errors.Is(err, fleet.ErrIO) || !strings.Contains(err.Error(), "network file system (testfs)") {
		t.Errorf("got %v", err)
	}
}
