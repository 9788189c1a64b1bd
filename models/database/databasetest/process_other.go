//go:build unix && !linux

package databasetest

import "syscall"

func endWithParent(*syscall.SysProcAttr) {}
