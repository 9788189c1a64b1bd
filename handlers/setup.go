package handlers

import (
	"crypto/subtle"
	"errors"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// SetupPage creates the first account, an administrator.
type SetupPage struct {
	render.Page
	Done     bool   // there is an account already
	Token    string // empty: the link from the terminal is missing
	AddAdmin string // then, what else adds the first account
	Fields   []render.Field
}

func (a *App) showSetup(c *fiber.Ctx) error {
	return a.requireSetupToken(c, c.Query("token"), func(token string) error {
		return a.renderSetup(c, token, models.NewUser{}, nil)
	})
}

func (a *App) setUp(c *fiber.Ctx) error {
	return a.requireSetupToken(c, web.Form(c, "token"), func(token string) error {
		asked := models.NewUser{Name: web.Form(c, "username"), FullName: web.Form(c, "full_name"), Password: web.Form(c, "password")}
		user, err := a.db.SetUp(c.UserContext(), asked, a.TrustedProxies.Client(c))
		var invalid models.ValidationError
		if errors.As(err, &invalid) {
			c.Status(fiber.StatusUnprocessableEntity)
			return a.renderSetup(c, token, asked, invalid)
		}
		if err != nil {
			return err
		}
		return a.signInAgain(c, a.signIn(c, authenticated{user: user, method: models.ByPassword}))
	})
}

// requireSetupToken continues for visitors with the link from the terminal, as long
// as there is no user. Afterwards the page says that it is done.
func (a *App) requireSetupToken(c *fiber.Ctx, token string, then func(token string) error) error {
	found, err := a.db.HasUsers(c.UserContext())
	if err != nil {
		return err
	}
	if found {
		c.Status(fiber.StatusNotFound)
		return a.render(c, "setup", &SetupPage{Page: render.Page{Title: "Already set up"}, Done: true})
	}
	if !a.opensSetup(token) {
		c.Status(fiber.StatusForbidden)
		return a.render(c, "setup", &SetupPage{Page: render.Page{Title: "Almost there"}, AddAdmin: a.AddAdmin})
	}
	return then(token)
}

// opensSetup tells whether a token is that of the link from the terminal.
func (a *App) opensSetup(token string) bool {
	return a.SetupToken != "" && subtle.ConstantTimeCompare([]byte(token), []byte(a.SetupToken)) == 1
}

func (a *App) renderSetup(c *fiber.Ctx, token string, asked models.NewUser, invalid models.ValidationError) error {
	return a.render(c, "setup", &SetupPage{Page: render.Page{Title: "Create the first account"}, Token: token, Fields: render.FocusFirst([]render.Field{
		{Label: "Username", Name: "username", Type: "text", Value: web.Showable(asked.Name, models.MaxUsername), Autocomplete: "username", Error: invalid["username"]},
		{Label: "Full name", Name: "full_name", Type: "text", Value: web.Showable(asked.FullName, models.MaxFullName), Autocomplete: "name", Error: invalid["full_name"], Optional: true},
		{Label: "Password", Name: "password", Type: "password", Autocomplete: "new-password", Error: invalid["password"],
			Hint: passwordHint},
	})})
}
