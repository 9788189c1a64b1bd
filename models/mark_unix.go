//go:build unix

package models

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inode is the number that tells a file from all others on its disk, or 0.
func inode(info fs.FileInfo) uint64 {
	if info == nil {
		return 0
	}
	return uint64(info.Sys().(*syscall.Stat_t).Ino)
}

// lock waits until no other process holds the file; closing it gives it back.
func lock(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX) }

// hold says to all other processes that something in a folder is in use, until
// the file that it returns is closed, and tells whether nobody else says so now.
// It is asked before share is called.
func hold(folder string) (held *os.File, alone bool) {
	held, err := os.Open(folder)
	if err != nil {
		return nil, false
	}
	return held, unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// share lets others hold the folder as well.
func share(held *os.File) error { return unix.Flock(int(held.Fd()), unix.LOCK_SH) }
