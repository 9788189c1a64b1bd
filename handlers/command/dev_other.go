//go:build !unix

package command

import (
	"os"
	"syscall"
)

// canInherit tells whether a process can inherit a socket.
const canInherit = false

func ownGroup() *syscall.SysProcAttr { return nil }

func terminate(process *os.Process) { process.Kill() }
