package handlers

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// AdminUsersPage lists users.
type AdminUsersPage struct {
	render.Page
	Filter     models.UserFilter
	Days       DaysField
	Sort       string // as the address has it
	Filtered   bool
	Found, All int // users that the filter selects, and all
	Table      render.Table
	Users      []models.ListedUser
	Pages      web.Pages
}

func (a *App) users(c *fiber.Ctx) error {
	ctx := c.UserContext()
	filter := models.UserFilter{
		Text: web.Search(c, "text"), Role: models.Role(web.Query(c, "role")), State: web.Query(c, "state"), Factor: web.Query(c, "factor"), Added: web.Days(c, "from", "through"), Sort: models.Sort(web.Query(c, "sort")),
	}
	page := &AdminUsersPage{Page: render.Page{Title: "Users"}, Filter: filter, Days: daysField(c, "Added"), Sort: web.Query(c, "sort")}
	page.Filtered = filter.Text != "" || filter.Role != "" || filter.State != "" || filter.Factor != "" || filter.Added != models.Span{}
	var err error
	if page.Found, page.All, err = a.db.CountUsers(ctx, filter); err != nil {
		return err
	}
	page.Users, page.Pages, err = web.ReadPage(c, func(from models.Cursor, limit int) ([]models.ListedUser, error) {
		if page.Found == 0 { // the count has looked at all rows already
			return nil, nil
		}
		filter.Cursor = from
		return a.db.SearchUsers(ctx, filter, limit)
	}, func(user models.ListedUser) models.Cursor { return user.Place })
	if err != nil {
		return err
	}
	page.Pages.Found = page.Found
	page.Table = render.SortedTable(c, "Users", "name", []render.Column{
		{Label: "Select", Select: true}, {Label: "Name", Sort: "name"}, {Label: "State"}, {Label: "Role"}, {Label: "Second factor"}, {Label: "Sessions", Number: true}, {Label: "Added", Sort: "-added"}, {Label: "Last active", Sort: "-active"},
	})
	return a.render(c, "admin-users", page)
}

// DaysField is the part of a filter that asks for a span of days, for partials/days.
type DaysField struct{ Label, From, Through string }

func daysField(c *fiber.Ctx, label string) DaysField {
	return DaysField{label, web.Query(c, "from"), web.Query(c, "through")}
}

// UserField is the part of a filter by user, for partials/only: the user of whom alone
// a list is, if any, and the address of the list of all users.
type UserField struct {
	models.User
	All string
}

// userField returns the user that the parameter user names by ID. It returns
// ErrNotFound if there is no such user.
func (a *App) userField(c *fiber.Ctx) (UserField, error) {
	id := web.Query(c, "user")
	if id == "" {
		return UserField{}, nil
	}
	user, err := a.db.UserByID(c.UserContext(), id)
	if err != nil {
		return UserField{}, err
	}
	return UserField{*user, web.Address(c, "user", "")}, nil
}

// InvitePage is the form for a new user.
type InvitePage struct {
	render.Page
	Fields []render.Field
	Admin  bool // as an administrator
}

func (a *App) showInvite(c *fiber.Ctx) error { return a.renderInvite(c, models.NewUser{}, nil) }

func (a *App) invite(c *fiber.Ctx) error {
	asked := models.NewUser{Name: web.Form(c, "username"), FullName: web.Form(c, "full_name"), Role: models.Role(web.Form(c, "role"))}
	user, token, err := a.db.Invite(c.UserContext(), asked, a.adminClient(c))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderInvite(c, asked, invalid)
	}
	if err != nil {
		return err
	}
	return a.redirectToLink(c, user, token)
}

func (a *App) renderInvite(c *fiber.Ctx, asked models.NewUser, invalid models.ValidationError) error {
	return a.render(c, "admin-invite", &InvitePage{Page: render.Page{Title: "Add a user", Problem: invalid["role"]}, Admin: asked.Role == models.Admin, Fields: render.FocusFirst([]render.Field{
		{Label: "Username", Name: "username", Type: "text", Value: web.Showable(asked.Name, models.MaxUsername), Autocomplete: "off", Error: invalid["username"]},
		{Label: "Full name", Name: "full_name", Type: "text", Value: web.Showable(asked.FullName, models.MaxFullName), Autocomplete: "off", Error: invalid["full_name"], Optional: true},
	})})
}

// LinkPage shows a password link, to be sent to the person it is for.
type LinkPage struct {
	render.Page
	Whose   *models.User
	Link    string // empty: it is no longer shown
	Expires models.Time
}

// Until says when the link expires, for people in any time zone.
func (p *LinkPage) Until() string { return p.Expires.UTC().Format("2 January 2006, 15:04 MST") }

// Window says how long the page shows the link.
func (*LinkPage) Window() string { return web.HumanDuration(models.LinkShownFor) }

func linkValue(user *models.User) string { return "link " + user.ID }

// redirectToLink leads to the page of a new link. Reloading that page, or going
// back to it, creates no further link.
func (a *App) redirectToLink(c *fiber.Ctx, user *models.User, token string) error {
	if err := a.sessions.SetSecret(c, sessionOf(c), linkValue(user), token, models.LinkShownFor); err != nil {
		return err
	}
	return c.Redirect("/admin/users/"+user.ID+"/link", fiber.StatusSeeOther)
}

func (a *App) showLink(c *fiber.Ctx) error {
	whose, err := a.db.UserByID(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	above := []render.NavItem{{Path: "/admin/users/" + whose.ID, Label: whose.Name}}
	token, err := a.sessions.Secret(c, sessionOf(c), linkValue(whose))
	var expires models.Time
	if err == nil {
		expires, err = a.db.PasswordTokenExpires(c.UserContext(), token) // used, or replaced by another one
	}
	if isNotFound(err) {
		c.Status(fiber.StatusNotFound)
		return a.render(c, "admin-link", &LinkPage{Page: render.Page{Title: "No link to show", Breadcrumbs: above, Crumb: "Link"}, Whose: whose})
	}
	if err != nil {
		return err
	}
	return a.render(c, "admin-link", &LinkPage{Page: render.Page{Title: "A link for " + whose.Names(), Breadcrumbs: above, Crumb: "Link"}, Whose: whose, Link: a.URL.String() + "/link?token=" + token, Expires: expires})
}

// AdminUserPage is a user's page in the administration.
type AdminUserPage struct {
	render.Page
	Whose    *models.User
	Self     bool
	Factors  models.Factors
	Stopped  bool       // codes of the user count no more in unknown browsers
	Due      *FactorDue // until when the user may do without the second factor that is required; nil: none is owed
	Sessions []SessionRow
	More     int // sessions that are not listed
	Activity []EventRow
}

func (a *App) user(c *fiber.Ctx) error {
	whose, err := a.db.UserByID(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return a.renderUser(c, whose, "")
}

// All is how many sessions the user has.
func (p *AdminUserPage) All() int { return len(p.Sessions) + p.More }

func (a *App) renderUser(c *fiber.Ctx, whose *models.User, problem string) error {
	page := &AdminUserPage{Page: render.Page{Title: whose.Names(), Crumb: whose.Name, Problem: problem}, Whose: whose, Self: whose.ID == sessionOf(c).User.ID}
	var err error
	if page.Factors, err = a.db.FactorsOf(c.UserContext(), whose); err != nil {
		return err
	}
	if page.Stopped, err = a.db.CodesStopped(c.UserContext(), whose); err != nil {
		return err
	}
	page.Due = a.factorDue(whose)
	sessions, more, err := a.db.SessionsOf(c.UserContext(), whose, sessionsShown)
	if err != nil {
		return err
	}
	page.More = more
	for _, session := range sessions {
		shown := newSessionRow(session, sessionOf(c))
		shown.End, shown.Back = "/admin/sessions/"+session.ID+"/end", "/admin/users/"+whose.ID
		page.Sessions = append(page.Sessions, shown)
	}
	events, err := a.db.Events(c.UserContext(), models.EventFilter{UserID: whose.ID}, activityShown)
	if err != nil {
		return err
	}
	page.Activity = rowsOfOneUser(events)
	return a.render(c, "admin-user", page)
}

// changeUser carries out an administrator's action on a user, named by the last part of the path.
func (a *App) changeUser(c *fiber.Ctx) error {
	user, err := a.db.UserByID(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	ctx, from, back := c.UserContext(), a.adminClient(c), "/admin/users/"+user.ID
	var done string
	switch c.Params("act") {
	case "link":
		token, err := a.db.NewPasswordToken(ctx, user, from)
		if err != nil {
			return err
		}
		return a.redirectToLink(c, user, token)
	case "make-admin":
		done, err = "is an administrator now.", a.db.SetRole(ctx, user, models.Admin, from)
	case "make-member":
		done, err = "is a member now.", a.db.SetRole(ctx, user, models.Member, from)
	case "disable":
		done, err = "is disabled and signed out everywhere.", a.db.SetDisabled(ctx, user, true, from)
	case "enable":
		done, err = "can sign in again.", a.db.SetDisabled(ctx, user, false, from)
	case "end-sessions":
		done = "is signed out everywhere."
		_, err = a.db.EndSessionsOf(ctx, user, from)
	case "reset-second-factor":
		done, err = "can sign in with the password alone, and is signed out everywhere.", a.db.ResetSecondFactor(ctx, user, from)
		if !user.HasPassword() {
			done = "is signed out everywhere, and has to set a password first: create a link."
		}
	case "allow-codes":
		done, err = "can use codes again.", a.db.AllowCodes(ctx, user, from)
	case "remove":
		back = "/admin/users"
		done, err = "was removed.", a.db.RemoveUser(ctx, user, from)
	default:
		return models.ErrNotFound
	}
	if errors.Is(err, models.ErrLastAdmin) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderUser(c, user, user.Names()+" is the last administrator: make somebody else one first.")
	}
	if errors.Is(err, models.ErrOwnFactor) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderUser(c, user, "You can't reset your own second factor. Another administrator can, or the command line.")
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, user.Names()+" "+done, back)
}

// adminClient describes the sender of an administrator's action, and its author.
func (a *App) adminClient(c *fiber.Ctx) models.ClientInfo {
	from := a.TrustedProxies.Client(c)
	from.Author = sessionOf(c).User.ID
	return from
}
