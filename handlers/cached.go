package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/cache"
)

// cached wraps the handler of a page that shows only the user's own data. The page is
// cached for its session until anything changes that refers to the user: the user, a
// session, a value in a session, or a row of a table with a column user_id. Pages with
// a query or a message are always rendered.
func (a *App) cached(show fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		session := sessionOf(c)
		if session.Flash || len(c.Request().URI().QueryString()) > 0 || a.Dev != "" {
			return show(c)
		}
		now := a.db.Now().Unix()
		until := min(now-now%60+60, session.NextEnd.Unix())
		return a.showCached(c, cache.PageKey{Session: session.ID, Path: c.Path()}, session.User.Version, until, show)
	}
}

// showCached sends the page that is cached under a key for this version of its user.
// If there is none, it renders the page and caches it.
func (a *App) showCached(c *fiber.Ctx, key cache.PageKey, version, until int64, show fiber.Handler) error {
	if body, ok := a.pages.Get(key, version, a.db.Now().Unix()); ok {
		c.Response().Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
		c.Response().SetBodyRaw(body)
		return nil
	}
	if err := show(c); err != nil {
		return err
	}
	answer := c.Response()
	if answer.StatusCode() == fiber.StatusOK && len(answer.Header.Peek(fiber.HeaderSetCookie)) == 0 {
		a.pages.Put(key, version, until, answer.Body())
	}
	return nil
}
