package handlers

import (
	"errors"
	"io"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// AccountPage is where users manage their own account.
type AccountPage struct {
	render.Page
	Name     []render.Field // forms: full name,
	Password []render.Field // password,
	Removal  []render.Field // and removal of the account
}

func (a *App) account(c *fiber.Ctx) error { return a.renderAccount(c, "", nil) }

func (a *App) changeName(c *fiber.Ctx) error {
	if !c.Request().PostArgs().Has("full_name") { // an empty name is allowed, a missing field is a mistake
		return fiber.ErrBadRequest
	}
	user := sessionOf(c).User
	err := a.db.SetFullName(c.UserContext(), &user, web.Form(c, "full_name"), a.TrustedProxies.Client(c))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderAccount(c, "name", invalid)
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "Your name was changed.", "/account")
}

func (a *App) changePassword(c *fiber.Ctx) error {
	done := "changed"
	if !sessionOf(c).User.HasPassword() {
		done = "set"
	}
	err := a.changeFactors(c, func(asked models.FactorChange) error {
		asked.From = a.sessionClient(c)
		return a.db.ChangePassword(c.UserContext(), asked, web.Form(c, "current"), web.Form(c, "password"))
	})
	if invalid, ok := passwordRefused(c, err); ok {
		return a.renderAccount(c, "password", invalid)
	}
	if err != nil {
		return err
	}
	if err := a.setMessage(c, "Your password was "+done+", and your other sessions were ended."); err != nil {
		a.logFailure(c, err) // it was changed all the same
	}
	return c.Redirect("/account", fiber.StatusSeeOther)
}

// changeTheme leads back to the page where the theme was chosen.
func (a *App) changeTheme(c *fiber.Ctx) error {
	theme := models.Theme(web.Form(c, "theme"))
	if theme == "system" {
		theme = models.SystemTheme
	}
	err := a.db.SetTheme(c.UserContext(), &sessionOf(c).User, theme)
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		return fiber.ErrBadRequest
	}
	if err != nil {
		return err
	}
	return c.Redirect(orDashboard(a.nextOf(web.Form(c, "next"))), fiber.StatusSeeOther)
}

// toAccount redirects to the page with the download button. The download itself adds
// an event, so it is a POST.
func (a *App) toAccount(c *fiber.Ctx) error { return c.Redirect("/account", fiber.StatusSeeOther) }

// accountData sends everything stored about the user.
func (a *App) accountData(c *fiber.Ctx) error {
	ctx, session, from := c.UserContext(), sessionOf(c), a.TrustedProxies.Client(c)
	return a.sendFile(c, "daypass-data.json", fiber.MIMEApplicationJSONCharsetUTF8, func(to io.Writer) error {
		return a.db.Export(ctx, session, from, to)
	})
}

func (a *App) removeAccount(c *fiber.Ctx) error {
	err := a.db.RemoveSelf(c.UserContext(), sessionOf(c), web.Form(c, "current"), a.sessionClient(c))
	if errors.Is(err, models.ErrLastAdmin) {
		err = models.ValidationError{"current": "You are the last administrator: make somebody else one first."}
	}
	if invalid, ok := passwordRefused(c, err); ok {
		return a.renderAccount(c, "removal", invalid)
	}
	if err != nil {
		return err
	}
	return a.redirectToSignIn(c)
}

// sessionClient describes the sender of a request inside a session.
func (a *App) sessionClient(c *fiber.Ctx) models.ClientInfo {
	from := a.TrustedProxies.Client(c)
	session := sessionOf(c)
	from.Device, from.Session = a.sessions.TrustedDevice(c, session.User.Credential()), session.ID
	return from
}

// renderAccount renders the page, with errors in the form that was refused.
func (a *App) renderAccount(c *fiber.Ctx, refused string, invalid models.ValidationError) error {
	user := sessionOf(c).User
	complaints := map[string]models.ValidationError{refused: invalid}
	name, password, removal := complaints["name"], complaints["password"], complaints["removal"]
	page := &AccountPage{
		Page: render.Page{Title: "Account"},
		Name: []render.Field{{ID: "full_name", Label: "Full name", Name: "full_name", Type: "text", Value: user.FullName, Autocomplete: "name", Optional: true, Error: name["full_name"]}},
		Password: []render.Field{
			{ID: "current", Label: "Current password", Name: "current", Type: "password", Autocomplete: "current-password", Error: password["current"]},
			{ID: "password", Label: "New password", Name: "password", Type: "password", Autocomplete: "new-password", Error: password["password"], Hint: passwordHint},
		},
		Removal: []render.Field{{ID: "removal", Label: "Current password", Name: "current", Type: "password", Autocomplete: "current-password", Error: removal["current"]}},
	}
	if !user.HasPassword() { // confirmedByFactors has asked for all there is
		page.Password, page.Removal, page.Problem = page.Password[1:], nil, removal["current"]
	}
	switch refused {
	case "name":
		page.Name[0].Value = web.Showable(web.Form(c, "full_name"), 10*models.MaxFullName)
		render.FocusFirst(page.Name)
	case "password":
		page.Password[0].Wait = waitOf(c)
		render.FocusFirst(page.Password)
	case "removal":
		for i := range page.Removal {
			page.Removal[i].Wait = waitOf(c)
		}
		render.FocusFirst(page.Removal)
	}
	return a.render(c, "account", page)
}
