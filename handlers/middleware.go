package handlers

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// secureHeaders sets the security headers. A page may replace Cache-Control when its
// response is the same for everyone.
func (a *App) secureHeaders(c *fiber.Ctx) error {
	web.SetHeaders(c, a.headers)
	return c.Next()
}

// sameOrigin refuses changes requested by pages of other sites.
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

// requireDatabase refuses all requests once the database file was removed or replaced.
func (a *App) requireDatabase(c *fiber.Ctx) error {
	if err := a.db.Present(); err != nil {
		return err
	}
	return c.Next()
}

// requireForm refuses a POST whose body isn't a form, or a larger one than is accepted.
func (a *App) requireForm(c *fiber.Ctx) error {
	most := models.MaxForm
	if c.Path() == "/login" || c.Path() == "/login/passkey" { // which may carry one, encrypted
		most = web.MaxBody
	}
	if err := web.CheckForm(c, most); err != nil {
		return err
	}
	return c.Next()
}

// requireUsers redirects to the setup page while there is no user.
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

// requireSession lets signed-in users pass. It redirects others to the sign-in page,
// and from there back to the page they asked for.
func (a *App) requireSession(c *fiber.Ctx) error {
	session, err := a.sessions.Load(c)
	if isNotFound(err) && web.PrefersJSON(c) {
		return fiber.ErrUnauthorized
	}
	if isNotFound(err) {
		if carried, err := a.carry(c); carried || err != nil {
			return err
		}
		query := url.Values{}
		switch page := a.pageOf(c.Path()); page {
		case "", "/":
		case c.Path():
			query.Set("next", c.OriginalURL())
		default:
			query.Set("next", page)
		}
		switch {
		case c.Method() == fiber.MethodPost && len(c.Request().Body()) > 0 && c.Path() != "/logout":
			query.Set("lost", "1")
		case a.sessions.HasCookie(c):
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
	web.Recognize(c, session.Browser)
	return c.Next()
}

type sessionKey struct{}

// sessionOf returns the session that requireSession loaded, or nil.
func sessionOf(c *fiber.Ctx) *models.Session {
	session, _ := c.Locals(sessionKey{}).(*models.Session)
	return session
}

// requireAdmin refuses everyone but administrators, and leads those who have just become
// one to the second factor that they need.
func (a *App) requireAdmin(c *fiber.Ctx) error {
	user := &sessionOf(c).User
	switch {
	case user.Role != models.Admin:
		return fiber.ErrForbidden
	case !a.db.OwesAtOnce(user):
		return c.Next()
	case web.PrefersJSON(c):
		return fiber.ErrForbidden
	}
	return a.redirectWithMessage(c, "The administration needs a second factor here. Set one up first.", "/account/security")
}
