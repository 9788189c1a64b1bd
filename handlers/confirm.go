package handlers

import (
	"errors"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// recentPassword is how long after the password was typed it is not asked for again
// (ASVS 5.0, 7.5.3).
const recentPassword = 15 * time.Minute

const (
	confirmedValue = "confirmed" // session value: when the password was typed, in Unix seconds
	confirmField   = "confirm"   // field of the form
)

// ConfirmPage asks for the password before a change is made, and carries the form that asked for it.
type ConfirmPage struct {
	render.Page
	Action string
	Hidden []HiddenField
	Fields []render.Field
}

// HiddenField is a field of the form that waits.
type HiddenField struct{ Name, Value string }

// requireRecent lets a change pass when the password was typed lately, and
// asks for it else. The change goes on where it stopped.
func (a *App) requireRecent(c *fiber.Ctx) error {
	session := sessionOf(c)
	if c.Method() != fiber.MethodPost || a.db.Now().Sub(session.Created.Time) < recentPassword {
		return c.Next()
	}
	confirmed, err := a.db.Value(c.UserContext(), session, confirmedValue)
	if err != nil && !isNotFound(err) {
		return err
	}
	if at, err := strconv.ParseInt(confirmed, 10, 64); err == nil && a.db.Now().Sub(time.Unix(at, 0)) < recentPassword {
		return c.Next()
	}
	if !c.Request().PostArgs().Has(confirmField) {
		return a.renderConfirm(c, nil)
	}
	err = a.db.Confirm(c.UserContext(), session, web.Form(c, confirmField), a.sessionClient(c))
	if invalid := (models.InvalidError{}); errors.As(err, &invalid) {
		return a.renderConfirm(c, invalid)
	}
	if err != nil {
		return err
	}
	if err := a.db.SetValue(c.UserContext(), session, confirmedValue, strconv.FormatInt(a.db.Now().Unix(), 10)); err != nil {
		return err
	}
	return c.Next()
}

func (a *App) renderConfirm(c *fiber.Ctx, invalid models.InvalidError) error {
	page := &ConfirmPage{Page: render.Page{Title: "Confirm it's you"}, Action: c.Path(), Fields: render.FocusFirst([]render.Field{
		{Label: "Current password", Name: confirmField, Type: "password", Autocomplete: "current-password", Error: invalid["current"]},
	})}
	for name, value := range c.Request().PostArgs().All() {
		if string(name) != confirmField {
			page.Hidden = append(page.Hidden, HiddenField{string(name), string(value)})
		}
	}
	c.Status(fiber.StatusForbidden)
	if invalid != nil {
		c.Status(fiber.StatusUnprocessableEntity)
	}
	return a.render(c, "confirm", page)
}
