package web

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// Header is one header of every response.
type Header struct{ Name, Value string }

// SecurityHeaders returns the headers of ASVS 5.0, chapter 3.4, for a public URL.
//
// Referrer-Policy must not say no-referrer: a browser then sends Origin: null,
// and over plain http sameOrigin would refuse the sign-in itself.
func SecurityHeaders(public *url.URL) []Header {
	headers := []Header{
		{fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
		{fiber.HeaderXContentTypeOptions, "nosniff"},
		{fiber.HeaderXFrameOptions, "DENY"},
		{fiber.HeaderReferrerPolicy, "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
		{fiber.HeaderCacheControl, "no-store"},
	}
	if SecureContext(public) { // elsewhere browsers ignore it, and complain
		headers = append(headers, Header{"Cross-Origin-Opener-Policy", "same-origin"})
	}
	if public.Scheme == "https" {
		headers = append(headers, Header{fiber.HeaderStrictTransportSecurity, "max-age=63072000"})
	}
	return headers
}

// IsLocal reports whether a host name always means this machine, so that requests
// to it cross no network.
func IsLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.IsLoopback()
}

// SecureContext reports whether browsers treat the site as a secure context (W3C
// Secure Contexts, section 3.1).
func SecureContext(public *url.URL) bool {
	return public.Scheme == "https" || IsLocal(public.Hostname())
}

// SetHeaders sets headers of the response. Their names have to be in canonical form.
func SetHeaders(c *fiber.Ctx, headers []Header) {
	for _, header := range headers {
		c.Response().Header.SetCanonical(utils.UnsafeBytes(header.Name), utils.UnsafeBytes(header.Value))
	}
}
