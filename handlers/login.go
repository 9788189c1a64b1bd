package handlers

import (
	"cmp"
	"errors"
	"math"
	"net/url"
	"strconv"
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
	Forgotten        string // what to do about a forgotten password, unless it is the usual
	SignedOut        bool   // one has just signed out
	Notice           string // why this page is shown
	Wait             render.Wait
	Mistyped         int         // how often the password was wrong in this form
	Next             string      // where to go afterwards
	Carried          string      // a form that continues after the sign-in, encrypted
	Form             waitingForm // the same, decrypted
	Misconfiguration *Misconfiguration
	Passkeys         bool // browsers offer them at this URL
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
	again := c.Query("again") != "" // before the session ends
	if _, err := a.sessions.Load(c); err == nil && !again {
		return c.Redirect(orDashboard(next), fiber.StatusSeeOther)
	} else if err != nil && !isNotFound(err) {
		return err
	}
	page := &LoginPage{Next: next}
	switch {
	case again:
		page.Notice = "Sign in again to continue for longer. Pages that are open stay as they are."
	case c.Query("left") != "":
		page.SignedOut, page.Notice = true, "You're signed out."
	case c.Query("lost") != "":
		page.Notice = "Your session has ended, and what you sent was not stored. Sign in to continue."
	case c.Query("late") != "":
		page.Notice = "The sign-in wasn't finished in time, or too many codes were wrong. Please start again."
	case c.Query("ended") != "":
		page.Notice = "Your session has ended. Sign in to continue."
	}
	return a.renderLogin(c, page, "", nil)
}

func (a *App) login(c *fiber.Ctx) error {
	if err := a.sessions.EndPending(c); err != nil {
		return err
	}
	name := web.Form(c, "username")
	page := &LoginPage{Next: a.nextOf(web.Form(c, "next")), Carried: web.Form(c, "form"), Mistyped: mistyped(c)}
	from := a.TrustedProxies.Client(c)
	credential, err := a.db.Credential(c.UserContext(), name)
	if err != nil {
		return err
	}
	from.Device = a.sessions.TrustedDevice(c, credential)
	if session, err := a.sessions.Load(c); err == nil && session.User.Credential() == credential {
		from.Session = session.ID
	}

	continues := a.openCarried(c, page, credential)
	user, err := a.db.Authenticate(c.UserContext(), name, web.Form(c, "password"), from)
	if err == nil {
		in := authenticated{user: user, method: models.ByPassword, next: page.Next, mistyped: page.Mistyped}
		if continues {
			in.form = page.Carried
		} else if page.Carried != "" { // whoever sent the form is somebody else
			in.next = ""
		}
		err = a.signIn(c, in)
		if !errors.Is(err, models.ErrRefused) { // else the user was changed during the sign-in
			return err
		}
	}
	var invalid models.ValidationError
	switch {
	case errors.Is(err, models.ErrRefused):
		c.Status(fiber.StatusUnprocessableEntity)
		page.Problem = "Wrong username or password."
		page.Mistyped++
		return a.renderLogin(c, page, name, nil)
	case errors.As(err, &invalid):
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderLogin(c, page, name, invalid)
	}
	if why, ok := mustWait(c, err); ok {
		page.Problem, page.Wait = why, waitOf(c)
		return a.renderLogin(c, page, name, nil)
	}
	return err
}

// mistyped returns how often the password was wrong in the form that was sent.
func mistyped(c *fiber.Ctx) int {
	number, _ := strconv.ParseUint(web.Form(c, "mistyped"), 10, 8)
	return int(number)
}

// carry answers a form whose session has ended with the sign-in page, which carries it
// on. It reports false for forms that can't continue: see carriable.
func (a *App) carry(c *fiber.Ctx) (bool, error) {
	if !a.carriable(c) {
		return false, nil
	}
	form := a.formOf(c)
	encrypted, ok := a.sessions.EncryptForm(c, form.String())
	if !ok {
		return false, nil
	}
	c.Status(fiber.StatusUnauthorized)
	c.Set(fiber.HeaderWWWAuthenticate, a.signInChallenge())
	return true, a.renderLogin(c, &LoginPage{Notice: "Your session has ended. Sign in to continue.", Next: form.Back, Carried: encrypted, Form: form}, "", nil)
}

// carriable tells whether a form may continue after a sign-in. One with a password may
// not, since the page would carry it; nor a sign-out, the code of a new app, whose key went
// with the session, or a download, which is no page to arrive at.
func (a *App) carriable(c *fiber.Ctx) bool {
	if c.Method() != fiber.MethodPost || !a.routeExists(fiber.MethodPost, c.Path()) || c.Path() == "/logout" || c.Path() == "/confirm" || c.Path() == "/account/security/app/confirm" ||
		a.routeExists(fiber.MethodGet, c.Path()) && !a.pageExists(c.Path()) {
		return false
	}
	for name := range c.Request().PostArgs().All() {
		if isSecret(string(name)) {
			return false
		}
	}
	return true
}

// openCarried opens the form that the sign-in page carried, and tells whether it
// continues for an account with this credential. A form that can't be opened is not
// carried any further.
func (a *App) openCarried(c *fiber.Ctx, page *LoginPage, credential string) bool {
	if page.Carried == "" {
		return false
	}
	text, continues := a.sessions.DecryptForm(c, page.Carried, credential)
	form, ok := parseWaitingForm(text)
	if !ok {
		page.Carried = ""
	}
	page.Form = form
	return ok && continues
}

// renderLogin renders the sign-in page, with errors when it was refused.
func (a *App) renderLogin(c *fiber.Ctx, page *LoginPage, name string, invalid models.ValidationError) error {
	page.Title, page.Forgotten = "Sign in", a.Forgotten
	page.Misconfiguration, page.Passkeys = a.misconfigured(c), a.passkeys != nil
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

func orDashboard(next string) string { return cmp.Or(next, "/dashboard") }
