package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// SessionsPage lists where a user is signed in.
type SessionsPage struct {
	render.Page
	Sessions []ShownSession // this one first
	Others   bool           // there are more than this one
	More     int            // sessions that are not listed
}

func (a *App) ownSessions(c *fiber.Ctx) error {
	mine := sessionOf(c)
	others, more, err := a.db.OtherSessions(c.UserContext(), mine, models.MaxSessions)
	if err != nil {
		return err
	}
	page := &SessionsPage{Page: render.Page{Title: "Your sessions"}, Others: len(others) > 0, More: more}
	for _, session := range append([]models.Session{*mine}, others...) {
		shown := showSession(session, mine)
		shown.End = "/sessions/" + session.ID + "/end"
		page.Sessions = append(page.Sessions, shown)
	}
	return a.render(c, "sessions", page)
}

func (a *App) endOwnSession(c *fiber.Ctx) error {
	mine := sessionOf(c)
	if err := a.db.EndSessionOf(c.UserContext(), &mine.User, c.Params("id"), a.TrustedProxies.Client(c)); err != nil {
		return err
	}
	if c.Params("id") == mine.ID {
		return a.leave(c)
	}
	return a.flashAndGo(c, "The session was ended.", "/sessions")
}

func (a *App) endOtherSessions(c *fiber.Ctx) error {
	mine := sessionOf(c)
	if err := a.db.EndOtherSessions(c.UserContext(), mine, a.TrustedProxies.Client(c)); err != nil {
		return err
	}
	return a.flashAndGo(c, "Your other sessions were ended.", "/sessions")
}

// AdminSessionsPage lists where everybody is signed in.
type AdminSessionsPage struct {
	render.Page
	Text     string // that is looked for
	Sessions []ShownSession
	Most     int // the list is cut off here; zero when it is not
}

func (a *App) allSessions(c *fiber.Ctx) error {
	text := web.Query(c, "text")
	all, err := a.db.Sessions(c.UserContext(), text, adminSessionsShown+1)
	if err != nil {
		return err
	}
	page := &AdminSessionsPage{Page: render.Page{Title: "All sessions"}, Text: text}
	if len(all) > adminSessionsShown {
		all, page.Most = all[:adminSessionsShown], adminSessionsShown
	}
	for _, session := range all {
		shown := showSession(session, sessionOf(c))
		shown.Whose = &session.User
		shown.End = "/admin/sessions/" + session.ID + "/end"
		page.Sessions = append(page.Sessions, shown)
	}
	return a.render(c, "admin-sessions", page)
}

// adminSessionsShown is how many sessions the page lists, those last seen first.
const adminSessionsShown = 200

func (a *App) endAnySession(c *fiber.Ctx) error {
	session, err := a.db.Session(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	if err := a.db.EndSession(c.UserContext(), session, a.fromAdmin(c)); err != nil {
		return err
	}
	if session.ID == sessionOf(c).ID {
		return a.leave(c)
	}
	return a.flashAndGo(c, "The session of "+session.User.Names()+" was ended.", "/admin/sessions")
}

// endEverySession signs everybody out, also who asks for it.
func (a *App) endEverySession(c *fiber.Ctx) error {
	if _, err := a.db.EndAllSessions(c.UserContext(), a.fromAdmin(c)); err != nil {
		return err
	}
	return a.leave(c)
}
