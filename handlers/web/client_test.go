package web

import (
	"net"
	"testing"
)

type connectionFrom struct {
	net.Conn
	peer net.Addr
}

func (c connectionFrom) RemoteAddr() net.Addr { return c.peer }

// TestAClientIsAnAddressOrAnIPv6Network: who has a network of 64 bits, as every
// household has, is one client.
func TestAClientIsAnAddressOrAnIPv6Network(t *testing.T) {
	t.Parallel()
	for address, client := range map[string]string{
		"192.0.2.7":           "192.0.2.7/32",
		"::ffff:192.0.2.7":    "192.0.2.7/32",
		"2001:db8:1:2:3::9":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
		"2001:db8:1:3::9":     "2001:db8:1:3::/64",
	} {
		_, got := clientOf(connectionFrom{peer: &net.TCPAddr{IP: net.ParseIP(address), Port: 1}})
		if got.String() != client {
			t.Errorf("%s belongs to %s instead of %s", address, got, client)
		}
	}
}
