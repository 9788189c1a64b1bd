package database

import (
	"context"
	"net"
	"sync"
	"time"
)

// answerTimeout is how long an answer of the server is waited for: longer than the server
// lets any statement take. Without it a server that is cut off would be waited for until
// the network says so, and most say nothing.
const answerTimeout = 12 * time.Second

// dialWithTimeout connects to a server for answers of answerTimeout at most.
func dialWithTimeout(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := dialPostgres(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &timedConn{Conn: connection}, nil
}

// timedConn is a connection whose reads end at its deadline, or after answerTimeout when
// it has none.
type timedConn struct {
	net.Conn
	mutex    sync.Mutex
	deadline time.Time
}

// Read implements [net.Conn].
func (c *timedConn) Read(part []byte) (int, error) {
	c.mutex.Lock()
	if c.deadline.IsZero() {
		c.Conn.SetReadDeadline(time.Now().Add(answerTimeout))
	}
	c.mutex.Unlock()
	return c.Conn.Read(part)
}

// SetDeadline implements [net.Conn].
func (c *timedConn) SetDeadline(deadline time.Time) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.deadline = deadline
	return c.Conn.SetDeadline(deadline)
}

// SetReadDeadline implements [net.Conn].
func (c *timedConn) SetReadDeadline(deadline time.Time) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.deadline = deadline
	return c.Conn.SetReadDeadline(deadline)
}
