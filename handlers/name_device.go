package handlers

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// NameDevicePage is the form for the name of the device of one of the user's sessions.
type NameDevicePage struct {
	render.Page
	Session SessionRow
	Fields  []render.Field
}

func (a *App) showNameDevice(c *fiber.Ctx) error {
	session, err := a.ownSession(c)
	if err != nil {
		return err
	}
	return a.renderNameDevice(c, session, session.Named, nil)
}

func (a *App) nameDevice(c *fiber.Ctx) error {
	if !c.Request().PostArgs().Has("name") { // an empty name is allowed, a missing field is a mistake
		return fiber.ErrBadRequest
	}
	session, err := a.ownSession(c)
	if err != nil {
		return err
	}
	name := web.Form(c, "name")
	err = a.db.NameDevice(c.UserContext(), &session.User, session.ID, name)
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderNameDevice(c, session, web.Showable(name, 10*models.MaxDeviceName), invalid)
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "The name of the device was saved.", "/sessions")
}

// ownSession returns the user's session that the address names, if its device can be
// recognized at the next sign-in, or ErrNotFound.
func (a *App) ownSession(c *fiber.Ctx) (*models.Session, error) {
	found, err := a.db.SessionsByID(c.UserContext(), []string{c.Params("id")}, &sessionOf(c).User)
	if err == nil && (len(found) == 0 || found[0].Device == "") {
		err = models.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

func (a *App) renderNameDevice(c *fiber.Ctx, session *models.Session, name string, invalid models.ValidationError) error {
	return a.render(c, "name-device", &NameDevicePage{
		Page: render.Page{Title: "Name the device", Crumb: "Name"}, Session: newSessionRow(*session, sessionOf(c)),
		Fields: []render.Field{{Label: "Name", Name: "name", Type: "text", Value: name, Autocomplete: "off", Optional: true, Hint: "Such as Work laptop. Leave it empty to show the browser's name.", Error: invalid["name"], Focus: true}},
	})
}
