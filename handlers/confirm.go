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

// recently is how long after the password was typed it is not asked for again
// (ASVS 5.0, 7.5.3).
const recently = 15 * time.Minute

const (
	confirmedValue = "confirmed" // session value: when the password was typed, in Unix seconds
	confirmField   = "confirm"   // field of the form
)

// ConfirmPage asks for the password before a change is made, and carries the form that asked for it.
type ConfirmPage struct {
	render.Page
	Action string
	Carry  []Carried
	Fields []render.Field
}

// Carried is a field of the form that waits.
type Carried struct{ Name, Value string }

// requireRecent lets a change pass when the password was typed lately, and
// asks for it else. The change goes on where it stopped.
func (a *App) requireRecent(c *fiber.Ctx) error {
	session := sessionOf(c)
	if c.Method() != fiber.MethodPost || a.db.Now().Sub(session.Created.Time) < recently {
		return c.Next()
	}
	confirmed, err := a.db.Value(c.UserContext(), session, confirmedValue)
	if err != nil && !isNotFound(err) {
		return err
	}
	if at, err := strconv.ParseInt(confirmed, 10, 64); err == nil && a.db.Now().Sub(time.Unix(at, 0)) < recently {
		return c.Next()
	}
	if !c.Request().PostArgs().Has(confirmField) {
		return a.askConfirm(c, nil)
	}
	err = a.db.Confirm(c.UserContext(), session, web.Form(c, confirmField), a.fromHere(c))
	if invalid := (models.InvalidError{}); errors.As(err, &invalid) {
		return a.askConfirm(c, invalid)
	}
	if err != nil {
		return err
	}
	if err := a.db.SetValue(c.UserContext(), session, confirmedValue, strconv.FormatInt(a.db.Now().Unix(), 10)); err != nil {
		return err
	}
	return c.Next()
}

func (a *App) askConfirm(c *fiber.Ctx, invalid models.InvalidError) error {
	page := &ConfirmPage{Page: render.Page{Title: "Is it you?"}, Action: c.Path(), Fields: render.FocusFirst([]render.Field{
		{Label: "Current password", Name: confirmField, Type: "password", Autocomplete: "current-password", Error: invalid["current"]},
	})}
	for name, value := range c.Request().PostArgs().All() {
		if string(name) != confirmField {
			page.Carry = append(page.Carry, Carried{string(name), string(value)})
		}
	}
	c.Status(fiber.StatusForbidden)
	if invalid != nil {
		c.Status(fiber.StatusUnprocessableEntity)
	}
	return a.render(c, "confirm", page)
}
