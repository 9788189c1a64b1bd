//go:build !unix

package models

import (
	"io/fs"
	"os"
)

func inode(fs.FileInfo) uint64 { return 0 }

func lock(*os.File) error { return nil }

func hold(string) (*os.File, bool) { return nil, false }

func share(*os.File) error { return nil }
