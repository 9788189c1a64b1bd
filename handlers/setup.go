package handlers

import (
	"crypto/subtle"
	"errors"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// SetupPage asks for the first administrator.
type SetupPage struct {
	Page
	Token  string // empty: the link of the terminal is needed first
	Fields []Field
}

func (a *App) showSetup(c *fiber.Ctx) error {
	return a.beforeTheFirst(c, c.Query("token"), func(token string) error {
		return a.askFirst(c, token, models.NewUser{}, nil)
	})
}

func (a *App) setUp(c *fiber.Ctx) error {
	return a.beforeTheFirst(c, form(c, "token"), func(token string) error {
		asked := models.NewUser{Name: form(c, "username"), FullName: form(c, "full_name"), Password: form(c, "password")}
		user, err := a.db.SetUp(c.UserContext(), asked, a.from(c))
		var invalid models.InvalidError
		if errors.As(err, &invalid) {
			c.Status(fiber.StatusUnprocessableEntity)
			return a.askFirst(c, token, asked, invalid)
		}
		if err != nil {
			return err
		}
		return a.signIn(c, user, "")
	})
}

// beforeTheFirst lets those go on who have the link of the terminal, as long
// as there is no user. Afterwards there is nothing here.
func (a *App) beforeTheFirst(c *fiber.Ctx, token string, then func(token string) error) error {
	found, err := a.db.HasUsers(c.UserContext())
	if err != nil {
		return err
	}
	if found {
		return models.ErrNotFound
	}
	if a.SetupToken == "" || subtle.ConstantTimeCompare([]byte(token), []byte(a.SetupToken)) != 1 {
		c.Status(fiber.StatusForbidden)
		return a.render(c, "setup", &SetupPage{Page: Page{Title: "Almost there"}})
	}
	return then(token)
}

// passwordHint helps to choose a password.
const passwordHint = "At least 15 characters. A few words that only you would put together are strong and easy to remember."

func (a *App) askFirst(c *fiber.Ctx, token string, asked models.NewUser, invalid models.InvalidError) error {
	return a.render(c, "setup", &SetupPage{Page: Page{Title: "Make the first account"}, Token: token, Fields: focusFirst([]Field{
		{Label: "Username", Name: "username", Type: "text", Value: showable(asked.Name, models.MaxUsername), Autocomplete: "username", Error: invalid["username"]},
		{Label: "Full name", Name: "full_name", Type: "text", Value: showable(asked.FullName, models.MaxFullName), Autocomplete: "name", Error: invalid["full_name"], Optional: true},
		{Label: "Password", Name: "password", Type: "password", Autocomplete: "new-password", Error: invalid["password"],
			Hint: passwordHint},
	})})
}
