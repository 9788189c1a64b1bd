package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// setMessage shows a message once, on the next page that this session opens.
func (a *App) setMessage(c *fiber.Ctx, message string) error {
	return a.db.SetValue(c.UserContext(), sessionOf(c), models.FlashValue, message)
}

// takeMessage returns the message that waits for this session, if there is one.
// Most requests know from their session that there is none, and write nothing.
func (a *App) takeMessage(c *fiber.Ctx, session *models.Session) string {
	if !session.Flash {
		return ""
	}
	message, err := a.db.TakeValue(c.UserContext(), session, models.FlashValue)
	if err != nil && !isNotFound(err) {
		a.logFailure(c, err) // the page itself is worth more than its message
	}
	return message
}

// redirectWithMessage leads to a page that says what was done.
func (a *App) redirectWithMessage(c *fiber.Ctx, message, path string) error {
	if err := a.setMessage(c, message); err != nil && !isNotFound(err) {
		return err
	}
	return c.Redirect(path, fiber.StatusSeeOther)
}
