package handlers

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// secureHeaders gives every response the headers that all have. A page may
// replace Cache-Control when what it sends is for everybody.
func (a *App) secureHeaders(c *fiber.Ctx) error {
	web.SetHeaders(c, a.headers)
	return c.Next()
}

// sameOrigin refuses a change that a page of another site asks for.
func (a *App) sameOrigin(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodPost {
		return c.Next()
	}
	if err := web.CheckOrigin(c, a.crossOrigin); err != nil {
		a.Log.Warn("request of another site refused", "route", a.routeOf(c), "origin", c.Get(fiber.HeaderOrigin), "address", a.TrustedProxies.ClientIP(c), "request", web.RequestID(c))
		return err
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

// requireAdmin lets administrators pass.
func (a *App) requireAdmin(c *fiber.Ctx) error {
	if sessionOf(c).User.Role != models.Admin {
		return fiber.ErrForbidden
	}
	return c.Next()
}
