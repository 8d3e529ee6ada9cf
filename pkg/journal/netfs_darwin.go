package journal

import (
	"slices"
	"syscall"
)

// network names the network file system that a directory is on, if it is.
func network(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return ""
	}
	var name []byte
	for _, c := range st.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	if slices.Contains([]string{"nfs", "smbfs", "afpfs", "webdav", "cifs"}, string(name)) {
		return string(name)
	}
	return ""
}
