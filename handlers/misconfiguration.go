package handlers

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
)

// Misconfiguration says on the sign-in page why signing in may not work.
type Misconfiguration struct {
	Sentence string
	Link     string // where it works
}

// misconfigured compares how a request arrived with the configuration.
func (a *App) misconfigured(c *fiber.Ctx) *Misconfiguration {
	host := strings.ToLower(string(c.Request().Host()))
	forwarded := c.Get(fiber.HeaderXForwardedFor) != "" || c.Get(fiber.HeaderXForwardedProto) != "" || c.Get(fiber.HeaderForwarded) != ""
	peer, _ := netip.ParseAddr(c.Context().RemoteIP().String())
	trusted := a.TrustedProxies.Trust(peer.Unmap())
	switch {
	case forwarded && !trusted:
		a.warned.Do(func() { // once: strangers may send what they like
			a.Log.Warn("a proxy that is not trusted forwards requests; if it is yours, name it with --trusted-proxy", "proxy", peer, "request", web.RequestID(c))
		})
		return &Misconfiguration{Sentence: "Requests come through a proxy that this site does not trust, so it can't tell people apart. An administrator can name the proxy with --trusted-proxy."}
	case a.secure() && !cameEncrypted(c, trusted):
		return &Misconfiguration{Sentence: "This connection is not encrypted. Signing in only works at", Link: a.URL.String()}
	case hostname(host) != a.URL.Hostname() && !(web.IsLocal(hostname(host)) && web.IsLocal(a.URL.Hostname())): // a proxy may leave out the port
		return &Misconfiguration{Sentence: "This is not the address of the site, which is at", Link: a.URL.String()}
	}
	return nil
}

// cameEncrypted tells whether the browser used https, as far as that can be
// known behind a proxy: by what a trusted one says, or by a header that
// browsers send to secure origins alone (W3C Fetch Metadata, section 2).
func cameEncrypted(c *fiber.Ctx, trusted bool) bool {
	if scheme := c.Get(fiber.HeaderXForwardedProto); trusted && scheme != "" {
		return strings.EqualFold(scheme, "https")
	}
	return trusted || c.Get("Sec-Fetch-Site") != ""
}

// hostname is a host without its port.
func hostname(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	return strings.Trim(host, "[]")
}
