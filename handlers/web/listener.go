package web

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The bounds of what is open at once.
const (
	maxConnections   = 10_000 // with the 16 KiB that each may take for headers, some 200 MB
	otherDescriptors = 64     // for the database, the log and what reads files; a quarter, when there are few
	// mayTake is how long a request may be under way before its connection may be
	// closed for another one. Only event streams and slow readers take longer.
	mayTake = 10 * time.Second
)

// Listener accepts connections until it is closed: an error that passes, such as
// too many open files, is waited out. When there are too many connections, the one
// that has waited longest for a request is closed, among those of the client that
// has most. A client with more than a quarter of them gives its own first, also
// while they are in use: it could keep all of them in use by never reading.
type Listener struct {
	net.Listener
	log     *slog.Logger
	limit   int
	trusted Proxies // whose connections are those of many people
	close   func() error
	closed  chan struct{}
	freed   chan struct{} // gets a value when a connection was closed

	mutex  sync.RWMutex
	open   map[net.Conn]*connection
	counts map[netip.Prefix]*int // connections by client
	warned time.Time
}

// NewListener wraps a listener.
func NewListener(listener net.Listener, log *slog.Logger, trusted Proxies) *Listener {
	limit := maxConnections
	if files := maxFiles(); files > 0 {
		limit = max(1, min(limit, files-min(otherDescriptors, files/4)))
	}
	l := &Listener{
		Listener: listener, log: log, limit: limit, trusted: trusted,
		closed: make(chan struct{}), freed: make(chan struct{}, 1),
		open: make(map[net.Conn]*connection), counts: make(map[netip.Prefix]*int),
	}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return listener.Close()
	})
	return l
}

// Close ends Accept. It may be called several times.
func (l *Listener) Close() error { return l.close() }

// Accept returns the next connection, as the system has it: fasthttp sends header and body
// of a response at once to such a one alone.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err == nil {
			return l.admit(accepted), nil
		}
		switch {
		case errors.Is(err, syscall.ECONNABORTED): // the client has gone
			continue
		case !isShortage(err):
			return nil, err
		}
		l.warn("no connection can be accepted; the server goes on", "error", err)
		l.closeOne()
		l.wait()
	}
}

// isShortage tells whether an error of Accept says that the system lacks
// something, and nothing about the listener.
func isShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// admit adds a connection, as soon as there is room for it.
func (l *Listener) admit(accepted net.Conn) net.Conn {
	c := &connection{Conn: accepted, listener: l}
	c.since.Store(time.Now().UnixNano())
	address, client := clientOf(accepted)
	c.shared = l.trusted.Trust(address)
	for {
		l.mutex.Lock()
		full := len(l.open) >= l.limit
		if !full || l.isClosed() {
			if l.counts[client] == nil {
				l.counts[client] = new(int)
			}
			c.client, c.peers = client, l.counts[client]
			*c.peers++
			l.open[accepted] = c
			l.mutex.Unlock()
			return accepted
		}
		l.mutex.Unlock()
		l.warn("too many connections; those that wait longest are closed", "limit", l.limit)
		if !l.closeOne() {
			l.wait()
		}
	}
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// wait waits until there may be room.
func (l *Listener) wait() {
	select {
	case <-l.closed:
	case <-l.freed:
	case <-time.After(50 * time.Millisecond):
	}
}

// closeOne closes the connection that is most easily spared, if there is one.
func (l *Listener) closeOne() bool {
	l.mutex.Lock()
	var spare *connection
	now := time.Now().UnixNano()
	for _, c := range l.open {
		if c.busy.Load() && now-c.since.Load() < int64(mayTake) && !c.greedy() {
			continue
		}
		if spare == nil || c.sooner(spare) {
			spare = c
		}
	}
	l.mutex.Unlock()
	if spare == nil {
		return false
	}
	spare.Close()
	l.Closed(spare.Conn)
	return true
}

// warn writes a line to the log, once a minute at most.
func (l *Listener) warn(message string, attributes ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if now := time.Now(); now.Sub(l.warned) >= time.Minute {
		l.warned = now
		l.log.Warn(message, append(attributes, "connections", len(l.open))...)
	}
}

// connection is what a Listener knows of a connection. Its lock guards peers.
type connection struct {
	net.Conn
	listener *Listener
	client   netip.Prefix
	peers    *int         // connections of the client
	shared   bool         // the client is a proxy
	busy     atomic.Bool  // a request is being answered
	since    atomic.Int64 // Unix nanoseconds
}

// greedy tells whether the client has more than a quarter of the connections. When
// it is the only one, or a proxy, that is as it should be.
func (c *connection) greedy() bool {
	return !c.shared && len(c.listener.counts) > 1 && *c.peers > c.listener.limit/4
}

// sooner tells whether a connection is closed before another one.
func (c *connection) sooner(other *connection) bool {
	switch {
	case c.greedy() != other.greedy():
		return c.greedy()
	case c.busy.Load() != other.busy.Load():
		return other.busy.Load()
	case *c.peers != *other.peers:
		return *c.peers > *other.peers
	}
	return c.since.Load() < other.since.Load()
}

// SetBusy says whether a request of a connection is being answered.
func (l *Listener) SetBusy(accepted net.Conn, busy bool) {
	l.mutex.RLock()
	c := l.open[accepted]
	l.mutex.RUnlock()
	if c != nil {
		c.busy.Store(busy)
		c.since.Store(time.Now().UnixNano())
	}
}

// Closed says that a connection was closed.
func (l *Listener) Closed(accepted net.Conn) {
	l.mutex.Lock()
	if c := l.open[accepted]; c != nil {
		delete(l.open, accepted)
		if *c.peers--; *c.peers == 0 {
			delete(l.counts, c.client)
		}
	}
	l.mutex.Unlock()
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// clientOf returns the address of a connection and whom it belongs to: that address,
// or for IPv6 a network of 64 bits.
func clientOf(c net.Conn) (netip.Addr, netip.Prefix) {
	peer, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, netip.Prefix{}
	}
	address := peer.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	return address, netip.PrefixFrom(address, bits).Masked()
}
