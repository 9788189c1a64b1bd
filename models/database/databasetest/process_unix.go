//go:build unix

package databasetest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// nobody is whom the server runs as: it refuses to run as root.
func nobody() (uid, gid int, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	found, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, false
	}
	uid, _ = strconv.Atoi(found.Uid)
	gid, _ = strconv.Atoi(found.Gid)
	return uid, gid, true
}

func giveAway(folder string) error {
	uid, gid, ok := nobody()
	if !ok {
		return nil
	}
	return os.Chown(folder, uid, gid)
}

func unprivileged() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends the tests first
	endWithParent(attributes)
	if uid, gid, ok := nobody(); ok {
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attributes
}

// end ends the server at once, and all its processes.
func (s *Server) end() {
	if s.process == nil || s.process.Process == nil {
		return
	}
	s.process.Process.Signal(syscall.SIGQUIT)
	s.process.Wait()
}
