package handlers

import (
	"bytes"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"

	"daypass/models"
)

// memory keeps what was found lately: sessions, and pages that asked for it by
// kept. Nothing in it is believed because of its age: a session is true as long
// as nothing at all was committed to the database since it was read, by this
// process or another; and a page as long as the version of its user is the same.
type memory struct {
	sessions *otter.Cache[string, *knownSession]
	pages    *otter.Cache[pageKey, *keptPage]
}

// The sizes of the memory. A session takes some 1 KB.
const (
	sessionsKept = 4096
	bytesOfPages = 6 << 20
)

func newMemory() memory {
	return memory{
		sessions: otter.Must(&otter.Options[string, *knownSession]{MaximumSize: sessionsKept}),
		pages: otter.Must(&otter.Options[pageKey, *keptPage]{
			MaximumWeight: bytesOfPages,
			Weigher:       func(key pageKey, page *keptPage) uint32 { return uint32(len(page.body) + 256) },
		}),
	}
}

// knownSession is a session as it was read in a state of the database.
type knownSession struct {
	models.Session
	state models.State
	seen  atomic.Int64 // Unix seconds
}

// recall returns the session with this key if it was read in the present state.
func (a *App) recall(key string, state models.State) (*models.Session, bool) {
	known, ok := a.memory.sessions.GetIfPresent(key)
	if !ok || known.state != state {
		return nil, false
	}
	session := known.Session // a request may change its own
	session.Seen = models.UnixTime(known.seen.Load())
	if !a.db.Lasts(&session) {
		return nil, false
	}
	a.db.Mark(&session)
	known.seen.Store(session.Seen.Unix())
	return &session, true
}

// remember keeps a session that was read after the state was taken.
func (a *App) remember(session *models.Session, state models.State) {
	known := &knownSession{Session: *session, state: state}
	known.seen.Store(session.Seen.Unix())
	a.memory.sessions.Set(session.ID, known)
}

// checkedBefore tells whether what Fiber's store keeps for a session is what was
// found to be right before.
func (a *App) checkedBefore(session *models.Session) bool {
	known, ok := a.memory.sessions.GetIfPresent(session.ID)
	return ok && len(session.Payload) > 0 && bytes.Equal(known.Payload, session.Payload)
}

// pageKey names a page of a session.
type pageKey struct{ session, path string }

// keptPage is a page as it was sent.
type keptPage struct {
	version int64 // of the user
	until   int64 // Unix seconds
	body    []byte
}

// kept stands before the handler of a page that shows the user's own data
// alone. The page is kept for its session until anything changes that refers to
// the user: the user, a session, a value in a session, or a row of a table with
// a column user_id. A minute later it is made anew all the same, because what it
// shows may depend on the time. Pages with a query or a message are not kept.
func (a *App) kept(c *fiber.Ctx) error {
	session := sessionOf(c)
	if session.Flash || len(c.Request().URI().QueryString()) > 0 || a.Dev != "" {
		return c.Next()
	}
	now := a.db.Now().Unix()
	until := min(now-now%60+60, session.NextEnd.Unix())
	return a.keep(c, pageKey{session.ID, c.Path()}, keptPage{version: session.User.Version, until: until}, c.Next)
}

// keep sends the page that is kept under a key if it has this version and its
// time is not over; or else shows it, and keeps what was shown.
func (a *App) keep(c *fiber.Ctx, key pageKey, as keptPage, show func() error) error {
	if page, ok := a.memory.pages.GetIfPresent(key); ok && page.version == as.version && a.db.Now().Unix() < page.until {
		return sendPage(c, page.body)
	}
	if err := show(); err != nil {
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
