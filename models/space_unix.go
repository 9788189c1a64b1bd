//go:build unix

package models

import "golang.org/x/sys/unix"

// freeSpace is what an ordinary user may still write to the disk of a folder, in bytes.
func freeSpace(folder string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return 0, err
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize), nil
}
