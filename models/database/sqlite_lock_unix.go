//go:build unix

package database

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inode is the number of a file, unique on its disk, or 0.
func inode(info fs.FileInfo) uint64 {
	if info == nil {
		return 0
	}
	return uint64(info.Sys().(*syscall.Stat_t).Ino)
}

// lockFile waits until no other process has locked the file. Closing it releases the lock.
func lockFile(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX) }

// holdFolder shows all other processes that something in a folder is in use, until
// the file that it returns is closed, and tells whether no other process does so
// now. shareFolder is called after it.
func holdFolder(folder string) (held *os.File, alone bool) {
	held, err := os.Open(folder)
	if err != nil {
		return nil, false
	}
	return held, unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// shareFolder lets other processes hold the folder as well.
func shareFolder(held *os.File) error { return unix.Flock(int(held.Fd()), unix.LOCK_SH) }
