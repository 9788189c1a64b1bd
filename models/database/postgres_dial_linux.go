package database

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged lets a connection break when the other side does not acknowledge
// for ten seconds what was sent (RFC 5482).
func limitUnacknowledged(network, _ string, connection syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	controlled := connection.Control(func(descriptor uintptr) {
		err = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 10_000) // milliseconds
	})
	if controlled != nil {
		return controlled
	}
	return err
}
