//go:build unix

package command

import (
	"os"
	"syscall"
)

// canInherit tells whether a process can inherit a socket.
const canInherit = true

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func terminate(process *os.Process) { process.Signal(syscall.SIGTERM) }
