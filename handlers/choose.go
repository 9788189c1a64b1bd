package handlers

import (
	"errors"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// ChosenPage asks before something is done to several rows of a list. It says what
// will happen to which of them.
type ChosenPage struct {
	render.Page
	Act      string // end, disable or enable
	Path     string // of this page, where its form posts to
	List     string // the page they were chosen on
	Sessions []SessionRow
	Users    []models.User
	Self     bool // the session or the user of this request is among them
}

// Count is how many rows were chosen.
func (p *ChosenPage) Count() int { return len(p.Sessions) + len(p.Users) }

// Changing is how many rows the change is made to: not to users who are as asked already.
func (p *ChosenPage) Changing() int {
	changing := len(p.Sessions)
	for _, user := range p.Users {
		if user.Disabled != (p.Act == "disable") {
			changing++
		}
	}
	return changing
}

// chosen returns the IDs of the rows that were chosen in a list: in the address of the
// page that asks, and then in its form.
func chosen(c *fiber.Ctx) ([]string, error) {
	args := c.Request().URI().QueryArgs()
	if c.Method() == fiber.MethodPost {
		args = c.Request().PostArgs()
	}
	var ids []string
	for _, id := range args.PeekMulti("id") {
		ids = append(ids, web.Showable(string(id), 64))
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > models.MaxChosen {
		return nil, fiber.ErrBadRequest
	}
	return ids, nil
}

func (a *App) chosenOwnSessions(c *fiber.Ctx) error {
	return a.renderChosenSessions(c, "/sessions", &sessionOf(c).User)
}

func (a *App) chosenSessions(c *fiber.Ctx) error {
	return a.renderChosenSessions(c, "/admin/sessions", nil)
}

func (a *App) renderChosenSessions(c *fiber.Ctx, list string, of *models.User) error {
	ids, err := chosen(c)
	if err != nil {
		return err
	}
	sessions, err := a.db.SessionsByID(c.UserContext(), ids, of)
	if err != nil {
		return err
	}
	page := &ChosenPage{Page: render.Page{Title: "End sessions"}, Act: "end", Path: c.Path(), List: list}
	for _, session := range sessions {
		row := newSessionRow(session, sessionOf(c))
		if of == nil {
			row.Whose = &session.User
		}
		page.Self = page.Self || row.Current
		page.Sessions = append(page.Sessions, row)
	}
	return a.render(c, "chosen", page)
}

func (a *App) endChosenOwnSessions(c *fiber.Ctx) error {
	return a.endChosenSessions(c, "/sessions", &sessionOf(c).User, a.TrustedProxies.Client(c))
}

func (a *App) endAnyChosenSessions(c *fiber.Ctx) error {
	return a.endChosenSessions(c, "/admin/sessions", nil, a.adminClient(c))
}

func (a *App) endChosenSessions(c *fiber.Ctx, list string, of *models.User, from models.ClientInfo) error {
	ids, err := chosen(c)
	if err != nil {
		return err
	}
	ended, err := a.db.EndSessions(c.UserContext(), ids, of, from)
	if err != nil {
		return err
	}
	if slices.Contains(ids, sessionOf(c).ID) {
		return a.redirectToSignIn(c)
	}
	return a.redirectWithMessage(c, counted(ended, "session", "ended"), list)
}

// counted says how many rows a change was made to: 3 sessions ended.
func counted(rows int, what, done string) string {
	if rows != 1 {
		what += "s"
	}
	return strconv.Itoa(rows) + " " + what + " " + done + "."
}

func (a *App) chosenUsers(c *fiber.Ctx) error {
	ids, err := chosen(c)
	if err != nil {
		return err
	}
	return a.renderChosenUsers(c, ids, web.Query(c, "act"), "")
}

func (a *App) renderChosenUsers(c *fiber.Ctx, ids []string, act, problem string) error {
	if act != "disable" && act != "enable" {
		return models.ErrNotFound
	}
	users, err := a.db.UsersByID(c.UserContext(), ids)
	if err != nil {
		return err
	}
	page := &ChosenPage{Page: render.Page{Title: "Enable users", Problem: problem}, Act: act, Path: c.Path(), List: "/admin/users", Users: users}
	if act == "disable" {
		page.Title = "Disable users"
	}
	page.Self = slices.ContainsFunc(users, func(user models.User) bool { return user.ID == sessionOf(c).User.ID })
	return a.render(c, "chosen", page)
}

func (a *App) changeChosenUsers(c *fiber.Ctx) error {
	act := web.Form(c, "act")
	ids, err := chosen(c)
	if err != nil {
		return err
	}
	if act != "disable" && act != "enable" {
		return models.ErrNotFound
	}
	changed, err := a.db.SetAllDisabled(c.UserContext(), ids, act == "disable", a.adminClient(c))
	if errors.Is(err, models.ErrLastAdmin) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderChosenUsers(c, ids, act, "The last administrator is among them: make somebody else one first.")
	}
	if err != nil {
		return err
	}
	if act == "disable" && slices.Contains(ids, sessionOf(c).User.ID) {
		return a.redirectToSignIn(c)
	}
	return a.redirectWithMessage(c, counted(changed, "user", act+"d"), "/admin/users")
}
