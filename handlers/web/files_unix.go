//go:build unix

package web

import (
	"math"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files the process may have open at once, or zero when
// that is not known.
func maxFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
