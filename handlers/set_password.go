package handlers

import (
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
	"daypass/models/password"
)

// SetPasswordPage is what a password link opens.
type SetPasswordPage struct {
	render.Page
	Token  string // empty: the link no longer works
	Whose  string
	Fields []render.Field
}

// Lifetime says how long a link works.
func (*SetPasswordPage) Lifetime() string { return web.HumanDuration(models.PasswordTokenLifetime) }

func (a *App) showSetPassword(c *fiber.Ctx) error {
	return a.renderSetPassword(c, web.Query(c, "token"), nil)
}

func (a *App) setPassword(c *fiber.Ctx) error {
	token := web.Form(c, "token")
	user, err := a.db.UsePasswordToken(c.UserContext(), token, web.Form(c, "password"), a.TrustedProxies.Client(c))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		return a.renderSetPassword(c, token, invalid)
	}
	if isNotFound(err) {
		return a.renderSetPassword(c, "", nil)
	}
	if err != nil {
		return err
	}
	return a.signInAgain(c, a.signIn(c, authenticated{user: user, method: models.ByPasswordLink}))
}

// renderSetPassword shows the form, or says that the link no longer works.
func (a *App) renderSetPassword(c *fiber.Ctx, token string, invalid models.ValidationError) error {
	user, err := a.db.UserOfPasswordToken(c.UserContext(), token)
	if isNotFound(err) {
		c.Status(fiber.StatusNotFound)
		return a.render(c, "set-password", &SetPasswordPage{Page: render.Page{Title: "This link no longer works"}})
	}
	if err != nil {
		return err
	}
	if invalid != nil {
		c.Status(fiber.StatusUnprocessableEntity)
	}
	return a.render(c, "set-password", &SetPasswordPage{Page: render.Page{Title: "Set your password"}, Token: token, Whose: user.Name, Fields: render.FocusFirst([]render.Field{
		{Label: "New password", Name: "password", Type: "password", Autocomplete: "new-password", Error: invalid["password"], Hint: passwordHint},
	})})
}

// passwordHint helps to choose a password, on every form that asks for a new one.
var passwordHint = fmt.Sprintf("At least %d characters. A few words that only you would put together are strong and easy to remember.", password.MinLength)
