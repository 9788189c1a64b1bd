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
	touch := Form(c, "touch") != "" || c.Locals(touchKey{}) != nil
	name, version := browser(c.Get(fiber.HeaderUserAgent), touch)
	return models.ClientInfo{Address: p.ClientIP(c), Browser: name, Version: version, Request: RequestID(c)}
}

// touchKey is set for requests of a session that began on a touch screen.
type touchKey struct{}

// Recognize describes the sender of a request, when Client does, as the browser in which
// its session began: an iPad's says that it is a Mac's, and only the sign-in tells that
// the screen is one to touch.
func Recognize(c *fiber.Ctx, browser string) {
	if strings.HasSuffix(browser, " on iPad") {
		c.Locals(touchKey{}, true)
	}
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

// browser describes a User-Agent header in words, such as "Firefox on Android", and
// returns the version of the browser. A Mac with a touch screen is an iPad: Macs have none.
func browser(header string, touch bool) (name, version string) {
	agent := useragent.Parse(header[:min(len(header), 512)])
	name, system := printable(agent.Name), printable(agent.OS)
	switch {
	case agent.Device == "iPhone", agent.Device == "iPad":
		system = agent.Device
	case agent.OS == useragent.MacOS && touch:
		system = "iPad"
	}
	switch {
	case name == "" && system == "":
		return "Unknown browser", ""
	case system == "":
	case name == "":
		name = "Unknown browser on " + system
	default:
		name += " on " + system
	}
	if agent.VersionNo.Major > 0 {
		version = strings.TrimSuffix(agent.VersionNoShort(), ".0")
	}
	return name, printable(version)
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
