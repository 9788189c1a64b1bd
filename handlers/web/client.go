package web

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"github.com/mileusna/useragent"

	"daypass/models"
)

// Proxies are the networks of proxies whose X-Forwarded-For counts.
type Proxies []netip.Prefix

// Client says who sent a request.
func (p Proxies) Client(c *fiber.Ctx) models.ClientInfo {
	return models.ClientInfo{Address: p.ClientIP(c), Browser: browser(c.Get(fiber.HeaderUserAgent)), Request: RequestID(c)}
}

// ClientIP returns the IP address of the client. It reads X-Forwarded-For from the
// right, where the nearest proxy wrote, and only as long as the addresses are those
// of trusted proxies: anything before that may be made up by the client.
func (p Proxies) ClientIP(c *fiber.Ctx) string {
	peer, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	address := peer.AddrPort().Addr().Unmap().WithZone("")
	var hops []string
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) { // one list (RFC 9110, section 5.3)
		hops = append(hops, strings.Split(string(line), ",")...)
	}
	for _, hop := range slices.Backward(hops) {
		if !p.Trust(address) {
			break
		}
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = before.Unmap().WithZone("")
	}
	return address.String()
}

// Trust reports whether an address is that of a trusted proxy.
func (p Proxies) Trust(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// browser describes a User-Agent header in words, such as "Firefox on Android".
func browser(header string) string {
	agent := useragent.Parse(header[:min(len(header), 512)])
	name, system := printable(agent.Name), printable(agent.OS)
	switch {
	case name == "" && system == "":
		return "Unknown browser"
	case system == "":
		return name
	case name == "":
		return "Unknown browser on " + system
	}
	return name + " on " + system
}

// printable returns the printable characters of a name that a client sent, at most 32.
func printable(text string) string {
	text = strings.Map(func(letter rune) rune {
		if letter == unicode.ReplacementChar || !unicode.IsPrint(letter) {
			return -1
		}
		return letter
	}, text)
	letters := []rune(strings.TrimSpace(text))
	return string(letters[:min(len(letters), 32)])
}
