package handlers

import (
	"cmp"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// AdminSessionsPage lists the sessions of all users.
type AdminSessionsPage struct {
	render.Page
	Of       UserField
	Text     string // search text
	State    string
	Days     DaysField
	Filtered bool   // not only by user
	Sort     string // as the address has it
	Found    int
	Table    render.Table
	Sessions []SessionRow
	Pages    web.Pages
}

// InUse says how recently a session must have been active to count as in use.
func (*AdminSessionsPage) InUse() string { return web.HumanDuration(models.InUseWithin) }

// EndsSoon says how soon a session ends that is listed as ending soon.
func (*AdminSessionsPage) EndsSoon() string { return web.HumanDuration(models.EndsSoonWithin) }

func (a *App) allSessions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	of, err := a.userField(c)
	if err != nil {
		return err
	}
	filter := models.SessionFilter{UserID: of.ID, Text: web.Search(c, "text"), State: web.Query(c, "state"), Created: web.Days(c, "from", "through"), Sort: models.Sort(web.Query(c, "sort"))}
	page := &AdminSessionsPage{Page: render.Page{Title: "All sessions"}, Of: of, Text: filter.Text, State: filter.State, Days: daysField(c, "Signed in"), Sort: web.Query(c, "sort")}
	page.Filtered = filter.Text != "" || filter.State != "" || filter.Created != models.Span{}
	if page.Found, err = a.db.CountSessions(ctx, filter); err != nil {
		return err
	}
	sessions, pages, err := web.ReadPage(c, func(from models.Cursor, limit int) ([]models.Session, error) {
		if page.Found == 0 { // the count has looked at all rows already
			return nil, nil
		}
		filter.Cursor = from
		return a.db.SearchSessions(ctx, filter, limit)
	}, func(session models.Session) models.Cursor { return session.Place })
	if err != nil {
		return err
	}
	page.Pages, page.Pages.Found = pages, page.Found
	for _, session := range sessions {
		shown := newSessionRow(session, sessionOf(c))
		shown.Whose = &session.User
		page.Sessions = append(page.Sessions, shown)
	}
	page.Table = render.SortedTable(c, "Sessions", "-seen", []render.Column{
		{Label: "Select", Select: true}, {Label: "User", Sort: "user"}, {Label: "Browser"}, {Label: "Address"}, {Label: "Signed in", Sort: "-created"}, {Label: "Last active", Sort: "-seen"}, {Label: "Ends"}, {Label: "Action", Hidden: true},
	})
	return a.render(c, "admin-sessions", page)
}

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
	return a.redirectWithMessage(c, "The session of "+session.User.Names()+" was ended.", cmp.Or(a.nextOf(web.Form(c, "next")), "/admin/sessions"))
}

// endEverySession signs everyone out, including the administrator who asks.
func (a *App) endEverySession(c *fiber.Ctx) error {
	if _, err := a.db.EndAllSessions(c.UserContext(), a.adminClient(c)); err != nil {
		return err
	}
	return a.redirectToSignIn(c)
}
