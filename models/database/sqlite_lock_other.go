//go:build !unix

package database

import (
	"io/fs"
	"os"
)

func inode(fs.FileInfo) uint64 { return 0 }

func lockFile(*os.File) error { return nil }

func holdFolder(string) (*os.File, bool) { return nil, false }

func shareFolder(*os.File) error { return nil }
