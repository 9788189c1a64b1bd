package handlers

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"
)

// memory holds pages that asked for it by kept. Nothing in it is believed
// because of its age: a page is true as long as the version of its user is the same.
type memory struct {
	pages *otter.Cache[pageKey, *keptPage]
}

// bytesOfPages is how much memory pages take at most.
const bytesOfPages = 6 << 20

func newMemory() memory {
	return memory{
		pages: otter.Must(&otter.Options[pageKey, *keptPage]{
			MaximumWeight: bytesOfPages,
			Weigher:       func(key pageKey, page *keptPage) uint32 { return uint32(len(page.body) + 256) },
		}),
	}
}

// pageKey names a page of a session.
type pageKey struct{ session, path string }

// keptPage is a page as it was sent.
type keptPage struct {
	version int64 // of the user
	until   int64 // Unix seconds
	body    []byte
}

// cached wraps the handler of a page that shows the user's own data alone. The
// page is held for its session until anything changes that refers to the user:
// the user, a session, a value in a session, or a row of a table with a column
// user_id. After a minute it is made anew all the same, because what it shows
// may depend on the time. Pages with a query or a message are not held.
func (a *App) cached(show fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		session := sessionOf(c)
		if session.Flash || len(c.Request().URI().QueryString()) > 0 || a.Dev != "" {
			return show(c)
		}
		now := a.db.Now().Unix()
		until := min(now-now%60+60, session.NextEnd.Unix())
		return a.keep(c, pageKey{session.ID, c.Path()}, keptPage{version: session.User.Version, until: until}, show)
	}
}

// keep sends the page that is kept under a key if it has this version and its
// time is not over; or else shows it, and keeps what was shown.
func (a *App) keep(c *fiber.Ctx, key pageKey, as keptPage, show fiber.Handler) error {
	if page, ok := a.memory.pages.GetIfPresent(key); ok && page.version == as.version && a.db.Now().Unix() < page.until {
		return sendPage(c, page.body)
	}
	if err := show(c); err != nil {
		return err
	}
	answer := c.Response()
	if answer.StatusCode() == fiber.StatusOK && len(answer.Header.Peek(fiber.HeaderSetCookie)) == 0 {
		as.body = bytes.Clone(answer.Body())
		a.memory.pages.Set(key, &as)
	}
	return nil
}

// sendPage sends a page whose bytes nobody changes any more.
func sendPage(c *fiber.Ctx, body []byte) error {
	c.Response().Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	c.Response().SetBodyRaw(body)
	return nil
}
