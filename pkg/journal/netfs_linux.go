package journal

import "syscall"

// networks are the magic numbers of network file systems (statfs(2)).
var networks = map[uint32]string{
	0x6969: "nfs", 0x517b: "smb", 0xff534d42: "cifs", 0xfe534d42: "smb2", 0x5346414f: "afs", 0x6b414653: "afs",
	0x73757245: "coda", 0x564c: "ncp", 0x01021997: "9p", 0x00c36400: "ceph", 0x0bd00bd0: "lustre",
	0x7461636f: "ocfs2", 0x01161970: "gfs2", 0x47504653: "gpfs", 0x19830326: "beegfs",
}

// network names the network file system that a directory is on, if it is.
func network(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return ""
	}
	return networks[uint32(st.Type)]
}
