package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// ConfirmPage asks for the password before a change, and carries the fields of the form that made it necessary.
type ConfirmPage struct {
	render.Page
	Action string
	Hidden []HiddenField
	Fields []render.Field
}

// Window says how long ago the password may have been entered.
func (*ConfirmPage) Window() string { return web.HumanDuration(reauthenticateAfter) }

// HiddenField is a field of that form.
type HiddenField struct{ Name, Value string }

func (a *App) renderConfirm(c *fiber.Ctx, invalid models.ValidationError) error {
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
