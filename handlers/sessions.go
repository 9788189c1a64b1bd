package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/models"
)

// SessionsPage lists the sessions of the user.
type SessionsPage struct {
	render.Page
	Sessions []SessionRow // this one first
	Others   bool         // there are more than this one
	More     int          // sessions that are not listed
}

func (a *App) ownSessions(c *fiber.Ctx) error {
	mine := sessionOf(c)
	others, more, err := a.db.OtherSessions(c.UserContext(), mine, models.MaxSessions)
	if err != nil {
		return err
	}
	page := &SessionsPage{Page: render.Page{Title: "Your sessions"}, Others: len(others) > 0, More: more}
	for _, session := range append([]models.Session{*mine}, others...) {
		shown := newSessionRow(session, mine)
		shown.End, shown.Choose = "/sessions/"+session.ID+"/end", len(others) > 0
		shown.Nameable = session.Device != ""
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
		return a.redirectToSignIn(c)
	}
	return a.redirectWithMessage(c, "The session was ended.", "/sessions")
}

func (a *App) endOtherSessions(c *fiber.Ctx) error {
	mine := sessionOf(c)
	if err := a.db.EndOtherSessions(c.UserContext(), mine, a.TrustedProxies.Client(c)); err != nil {
		return err
	}
	return a.redirectWithMessage(c, "Your other sessions were ended.", "/sessions")
}
