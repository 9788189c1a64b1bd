package handlers

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// AccountPage shows what is known of the user, who may change the password there.
type AccountPage struct {
	Page
	Fields []Field
}

func (a *App) account(c *fiber.Ctx) error { return a.askPassword(c, nil) }

func (a *App) changePassword(c *fiber.Ctx) error {
	session := sessionOf(c)
	from := a.from(c)
	from.Known = session.ID
	cookie, err := a.newPayload(c, session.User.ID, session.Expires.Sub(a.db.Now()))
	if err != nil {
		return err
	}
	id, _, _ := a.signer.idIn(cookie)
	err = a.db.ChangePassword(c.UserContext(), models.NewPassword{
		Session: session, Current: form(c, "current"), Password: form(c, "password"), ID: keyOf(id), Signer: a.signer.names[0], From: from,
	})
	if err != nil {
		err = a.dropPayload(c, cookie, err)
	}
	var invalid models.InvalidError
	if errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.askPassword(c, invalid)
	}
	if err != nil {
		return err
	}
	session.ID = keyOf(id)
	if err := a.flash(c, "Your password was changed, and your other sessions were ended."); err != nil {
		a.logFailure(c, err) // it was changed all the same
	}
	return c.Redirect("/account", fiber.StatusSeeOther)
}

// askPassword shows the account with the form, again or for the first time.
func (a *App) askPassword(c *fiber.Ctx, invalid models.InvalidError) error {
	page := &AccountPage{Page: Page{Title: "Account"}, Fields: []Field{
		{Label: "Current password", Name: "current", Type: "password", Autocomplete: "current-password", Error: invalid["current"]},
		{Label: "New password", Name: "password", Type: "password", Autocomplete: "new-password", Error: invalid["password"], Hint: passwordHint},
	}}
	if invalid != nil {
		focusFirst(page.Fields)
	}
	return a.render(c, "account", page)
}
