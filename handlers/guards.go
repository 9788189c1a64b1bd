package handlers

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// header is one header of every response.
type header struct{ name, value string }

// securityHeaders are those of ASVS 5.0, chapter 3.4, for this public URL.
//
// Referrer-Policy must not say no-referrer: a browser then sends Origin: null,
// and over plain http sameOrigin would refuse the sign-in itself.
func securityHeaders(public *url.URL) []header {
	headers := []header{
		{fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
		{fiber.HeaderXContentTypeOptions, "nosniff"},
		{fiber.HeaderXFrameOptions, "DENY"},
		{fiber.HeaderReferrerPolicy, "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
		{fiber.HeaderCacheControl, "no-store"},
	}
	if trustworthy(public) { // elsewhere browsers ignore it, and complain
		headers = append(headers, header{"Cross-Origin-Opener-Policy", "same-origin"})
	}
	if public.Scheme == "https" {
		headers = append(headers, header{fiber.HeaderStrictTransportSecurity, "max-age=63072000"})
	}
	return headers
}

// IsLocal tells whether a host name is always this very machine, so that what
// is sent to it crosses no network.
func IsLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.IsLoopback()
}

// trustworthy tells whether browsers take the site for a secure context (W3C Secure Contexts, section 3.1).
func trustworthy(public *url.URL) bool { return public.Scheme == "https" || IsLocal(public.Hostname()) }

// setHeaders gives a response the headers that all have. A page may replace
// Cache-Control when what it sends is for everybody.
func (a *App) setHeaders(c *fiber.Ctx) {
	for _, header := range a.headers {
		c.Response().Header.Set(header.name, header.value)
	}
}

func (a *App) secureHeaders(c *fiber.Ctx) error {
	a.setHeaders(c)
	return c.Next()
}

// sameOrigin lets a change come from pages of this site alone, as the browser
// tells: Sec-Fetch-Site, or else Origin. It needs no cookie and no token in the form.
func (a *App) sameOrigin(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodPost {
		return c.Next()
	}
	request := &http.Request{
		Method: http.MethodPost,
		Host:   string(c.Request().Host()),
		URL:    &url.URL{Path: c.Path()},
		Header: http.Header{
			"Sec-Fetch-Site": {c.Get("Sec-Fetch-Site")},
			"Origin":         {c.Get(fiber.HeaderOrigin)},
		},
	}
	if err := a.origin.Check(request); err != nil {
		a.Log.Warn("request of another site refused", "route", a.routeOf(c), "origin", c.Get(fiber.HeaderOrigin), "address", a.addressOf(c), "request", requestID(c))
		return errForeign
	}
	return c.Next()
}

// requireDatabase lets nobody pass once the database was removed or replaced.
func (a *App) requireDatabase(c *fiber.Ctx) error {
	if err := a.db.Present(); err != nil {
		return err
	}
	return c.Next()
}

// requireForm refuses a body that is no form: its fields would seem to be empty,
// and what they would change would be lost. A POST may come without a body.
func (a *App) requireForm(c *fiber.Ctx) error {
	request := c.Request()
	if c.Method() != fiber.MethodPost || len(request.Body()) == 0 {
		return c.Next()
	}
	mediaType, _, _ := strings.Cut(string(request.Header.ContentType()), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), fiber.MIMEApplicationForm) || len(request.Header.ContentEncoding()) > 0 {
		return fiber.ErrUnsupportedMediaType
	}
	request.Header.SetContentType(fiber.MIMEApplicationForm) // fasthttp compares it with regard to case
	return c.Next()
}

// requireUsers leads everybody to the setup while there is no user.
func (a *App) requireUsers(c *fiber.Ctx) error {
	found, err := a.db.HasUsers(c.UserContext())
	if err != nil {
		return err
	}
	if !found {
		return c.Redirect("/setup", fiber.StatusSeeOther)
	}
	return c.Next()
}

// requireSession lets those pass who are signed in, and leads others to the
// sign-in and from there back to where they wanted to go.
func (a *App) requireSession(c *fiber.Ctx) error {
	session, err := a.sessions.Load(c)
	if isNotFound(err) {
		query := url.Values{}
		switch page := a.pageOf(c.Path()); page {
		case "", "/":
		case c.Path():
			query.Set("next", c.OriginalURL())
		default:
			query.Set("next", page)
		}
		if a.sessions.HasCookie(c) {
			query.Set("ended", "1")
		}
		to := "/login"
		if len(query) > 0 {
			to += "?" + query.Encode()
		}
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	c.Locals(sessionKey{}, session)
	return c.Next()
}

type sessionKey struct{}

// sessionOf returns the session of a request that requireSession let pass.
func sessionOf(c *fiber.Ctx) *models.Session {
	session, _ := c.Locals(sessionKey{}).(*models.Session)
	return session
}
