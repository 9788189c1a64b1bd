package handlers

import (
	"errors"
	"math"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/cache"
	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// LoginPage is the sign-in page.
type LoginPage struct {
	render.Page
	SignedOut        bool   // one has just signed out
	Notice           string // why this page is shown
	Error            string // why the last attempt failed
	Next             string // where to go afterwards
	Misconfiguration *Misconfiguration
	Fields           []render.Field
}

// showLogin shows the sign-in page. For visitors without a cookie it is always the
// same page, and cached.
func (a *App) showLogin(c *fiber.Ctx) error {
	usual := !a.sessions.HasCookie(c) && len(c.Request().URI().QueryString()) == 0 && a.misconfigured(c) == nil && a.Dev == ""
	if !usual {
		return a.showLoginForm(c)
	}
	return a.showCached(c, cache.PageKey{Path: "/login"}, 0, math.MaxInt64, a.showLoginForm)
}

func (a *App) showLoginForm(c *fiber.Ctx) error {
	next := a.nextOf(c.Query("next"))
	if _, err := a.sessions.Load(c); err == nil {
		return c.Redirect(orDashboard(next), fiber.StatusSeeOther)
	} else if !isNotFound(err) {
		return err
	}
	page := &LoginPage{Next: next}
	switch {
	case c.Query("left") != "":
		page.SignedOut, page.Notice = true, "You're signed out."
	case c.Query("ended") != "":
		page.Notice = "Your session has ended. Sign in to continue."
	}
	return a.renderLogin(c, page, "", nil)
}

func (a *App) login(c *fiber.Ctx) error {
	name := web.Form(c, "username")
	next := a.nextOf(web.Form(c, "next"))
	from := a.TrustedProxies.Client(c)
	credential, err := a.db.Credential(c.UserContext(), name)
	if err != nil {
		return err
	}
	from.Device = a.sessions.TrustedDevice(c, credential)
	if session, err := a.sessions.Load(c); err == nil && session.User.Credential() == credential {
		from.Session = session.ID
	}

	user, err := a.db.Authenticate(c.UserContext(), name, web.Form(c, "password"), from)
	if err == nil {
		err = a.signIn(c, user, next)
	}
	var invalid models.ValidationError
	var throttled *models.ThrottledError
	switch {
	case errors.As(err, &throttled):
		c.Status(fiber.StatusTooManyRequests)
		setRetryAfter(c, err, fiber.StatusTooManyRequests)
		return a.renderLogin(c, &LoginPage{Next: next, Error: throttledSentence(throttled)}, name, nil)
	case errors.Is(err, models.ErrRefused):
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderLogin(c, &LoginPage{Next: next, Error: "Wrong username or password."}, name, nil)
	case errors.As(err, &invalid):
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderLogin(c, &LoginPage{Next: next}, name, invalid)
	}
	return err
}

// signIn starts the session of a user who was just authenticated, and redirects.
func (a *App) signIn(c *fiber.Ctx, user *models.User, next string) error {
	session, err := a.sessions.SignIn(c, user)
	if err != nil {
		return err
	}
	c.Locals(sessionKey{}, session)
	return c.Redirect(orDashboard(next), fiber.StatusSeeOther)
}

// renderLogin renders the sign-in page, with errors when it was refused.
func (a *App) renderLogin(c *fiber.Ctx, page *LoginPage, name string, invalid models.ValidationError) error {
	page.Title = "Sign in"
	page.Misconfiguration = a.misconfigured(c)
	page.Fields = render.FocusFirst([]render.Field{
		{Label: "Username", Name: "username", Type: "text", Value: web.Showable(name, models.MaxUsername), Autocomplete: "username", Error: invalid["username"]},
		{Label: "Password", Name: "password", Type: "password", Autocomplete: "current-password", Error: invalid["password"]},
	})
	return a.render(c, "login", page)
}

// nextOf returns next if it is the path of a page of this site, or nothing: a link
// made by somebody else must not lead away from here.
func (a *App) nextOf(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.HasPrefix(next, `/\`) ||
		len(next) > 2048 || !utf8.ValidString(next) || strings.ContainsFunc(next, unicode.IsControl) {
		return ""
	}
	to, err := url.Parse(next)
	if err != nil || to.Scheme != "" || to.Host != "" || to.User != nil || !a.pageExists(to.Path) {
		return ""
	}
	return to.String()
}

func orDashboard(next string) string {
	if next == "" {
		return "/dashboard"
	}
	return next
}
