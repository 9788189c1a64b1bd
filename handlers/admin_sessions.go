package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
)

// AdminSessionsPage lists the sessions of all users.
type AdminSessionsPage struct {
	render.Page
	Text     string // search text
	Sessions []SessionRow
	Most     int // how many are listed, if there are more
}

func (a *App) allSessions(c *fiber.Ctx) error {
	text := web.Search(c, "text")
	all, err := a.db.Sessions(c.UserContext(), text, adminSessionsShown+1)
	if err != nil {
		return err
	}
	page := &AdminSessionsPage{Page: render.Page{Title: "All sessions"}, Text: text}
	if len(all) > adminSessionsShown {
		all, page.Most = all[:adminSessionsShown], adminSessionsShown
	}
	for _, session := range all {
		shown := newSessionRow(session, sessionOf(c))
		shown.Whose = &session.User
		shown.End = "/admin/sessions/" + session.ID + "/end"
		page.Sessions = append(page.Sessions, shown)
	}
	return a.render(c, "admin-sessions", page)
}

// adminSessionsShown is how many sessions the page lists, last active first.
const adminSessionsShown = 200

func (a *App) endAnySession(c *fiber.Ctx) error {
	session, err := a.db.Session(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	if err := a.db.EndSession(c.UserContext(), session, a.adminClient(c)); err != nil {
		return err
	}
	if session.ID == sessionOf(c).ID {
		return a.redirectToSignIn(c)
	}
	return a.redirectWithMessage(c, "The session of "+session.User.Names()+" was ended.", "/admin/sessions")
}

// endEverySession signs everyone out, including the administrator who asks.
func (a *App) endEverySession(c *fiber.Ctx) error {
	if _, err := a.db.EndAllSessions(c.UserContext(), a.adminClient(c)); err != nil {
		return err
	}
	return a.redirectToSignIn(c)
}
