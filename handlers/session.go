package handlers

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// userKey is where a session's payload keeps whose it is.
const userKey = "user"

// cookieName is the name of the session cookie. A __Host- cookie can be set by
// this very host alone, over https (RFC 6265bis, section 4.1.3.2).
func (a *App) cookieName() string {
	if a.secure() {
		return "__Host-daypass"
	}
	return "daypass"
}

// holdsCookie tells whether a request has a session cookie, good or not.
func (a *App) holdsCookie(c *fiber.Ctx) bool {
	return len(c.Request().Header.Cookie(a.cookieName())) > 0
}

// presented returns the ID under which the session of a request's cookie is
// kept, and the place of the secret that signed it.
func (a *App) presented(c *fiber.Ctx) (key string, secret int, ok bool) {
	id, secret, ok := a.signer.idIn(c.Cookies(a.cookieName()))
	if !ok {
		return "", 0, false
	}
	return keyOf(id), secret, true
}

// session returns the valid session of a request, or ErrNotFound. Two have to
// agree: the table of sessions, which alone says whether a sign-in still
// counts, and what Fiber's store holds for the cookie. Both are asked only when
// anything was committed since they were asked last.
func (a *App) session(c *fiber.Ctx) (*models.Session, error) {
	key, secret, ok := a.presented(c)
	if !ok {
		return nil, models.ErrNotFound
	}
	state, err := a.db.State(c.UserContext())
	if err != nil {
		return nil, err
	}
	if session, ok := a.recall(key, state); ok && secret == 0 {
		return session, nil
	}
	session, err := a.db.Session(c.UserContext(), key)
	if err != nil {
		return nil, err
	}
	if !a.checkedBefore(session) {
		if err := a.checkPayload(c, session); err != nil {
			return nil, err
		}
	}
	if secret != 0 {
		if err := a.resign(c, session); err != nil {
			return nil, err
		}
	}
	a.db.Mark(session)
	a.remember(session, state)
	return session, nil
}

// checkPayload asks Fiber's store whose session it holds for the cookie. One that
// is damaged, missing, or somebody else's ends the session, with ErrNotFound.
func (a *App) checkPayload(c *fiber.Ctx, session *models.Session) error {
	payload, err := a.sessions.Get(c)
	if failure := (errVault{}); errors.As(err, &failure) {
		return err
	}
	if err == nil && payload.Get(userKey) == session.User.ID {
		return nil
	}
	a.Log.Error("a session's payload is damaged or missing; the session was ended", "user", session.User.Name, "error", err)
	if err := a.db.EndSession(c.UserContext(), session, a.from(c)); err != nil && !isNotFound(err) {
		return err
	}
	return models.ErrNotFound
}

// resign signs the cookie of a session anew, with the first of the secrets.
func (a *App) resign(c *fiber.Ctx, session *models.Session) error {
	id, _, _ := a.signer.idIn(c.Cookies(a.cookieName()))
	if err := a.db.Resigned(c.UserContext(), session, a.signer.names[0]); err != nil {
		return err
	}
	session.Signer = a.signer.names[0]
	a.setCookie(c, a.signer.cookie(id), session.Expires.Sub(a.db.Now()))
	return nil
}

// signIn makes a new session for a user who was just authenticated and gives
// the browser its cookie. The session it had before ends. Either the whole of
// it is kept, or there is no session and no cookie.
func (a *App) signIn(c *fiber.Ctx, user *models.User) error {
	replaces, _, _ := a.presented(c)
	cookie, id, err := a.newPayload(c, user.ID, a.Lifetime)
	if err != nil {
		return err
	}
	session, err := a.db.AddSession(c.UserContext(), models.SignIn{
		ID: id, Replaces: replaces, User: user, Signer: a.signer.names[0], Lifetime: a.Lifetime, From: a.from(c),
	})
	if err != nil {
		return a.dropPayload(c, cookie, err)
	}
	a.rememberBrowser(c, user.Name)
	c.Locals(sessionKey{}, session)
	return nil
}

// newPayload makes a new ID, stores under it whose it is, and gives the browser
// the cookie. It returns the cookie's value and the ID that the session is to be
// kept under; it opens nothing before a row in the table of sessions says so.
func (a *App) newPayload(c *fiber.Ctx, user string, lifetime time.Duration) (cookie, key string, err error) {
	// The store must not load what the browser holds: the old session stays
	// whole until the new one is sure.
	held := c.Cookies(a.cookieName())
	c.Request().Header.DelCookie(a.cookieName())
	defer func() {
		if held != "" {
			c.Request().Header.SetCookie(a.cookieName(), held)
		}
	}()
	fresh, err := a.sessions.Get(c)
	if err != nil {
		return "", "", err
	}
	if err := fresh.Regenerate(); err != nil {
		return "", "", err
	}
	cookie = fresh.ID()
	id, _, _ := a.signer.idIn(cookie) // just signed
	fresh.Set(userKey, user)
	fresh.SetExpiry(lifetime)
	return cookie, keyOf(id), fresh.Save() // sets the cookie before it writes; fail takes it back
}

// dropPayload takes back what newPayload did, because of an error that it returns.
func (a *App) dropPayload(c *fiber.Ctx, cookie string, because error) error {
	a.takeCookieBack(c)
	if err := a.sessions.Delete(cookie); err != nil {
		a.logFailure(c, err) // without its row it opens nothing, and it will be swept
	}
	return because
}

// setCookie gives the browser the session cookie; a lifetime of zero takes it away.
func (a *App) setCookie(c *fiber.Ctx, value string, lifetime time.Duration) {
	cookie := &fiber.Cookie{
		Name: a.cookieName(), Value: value, Path: "/",
		HTTPOnly: true, Secure: a.secure(), SameSite: fiber.CookieSameSiteLaxMode,
		MaxAge: int(lifetime.Seconds()), Expires: time.Now().Add(lifetime),
	}
	if lifetime <= 0 {
		cookie.MaxAge, cookie.Expires = 0, time.Unix(1, 0)
	}
	c.Cookie(cookie)
}

// takeCookieBack removes the session cookie from a response that was not sent yet.
func (a *App) takeCookieBack(c *fiber.Ctx) { c.Response().Header.DelCookie(a.cookieName()) }
