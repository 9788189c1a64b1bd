package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// flash shows a message once, on the next page that this session opens.
func (a *App) flash(c *fiber.Ctx, message string) error {
	return a.db.SetValue(c.UserContext(), sessionOf(c), models.FlashValue, message)
}

// takeFlash returns the message that waits for this session, if there is one.
// Most requests know from their session that there is none, and write nothing.
func (a *App) takeFlash(c *fiber.Ctx, session *models.Session) string {
	if !session.Flash {
		return ""
	}
	message, err := a.db.TakeValue(c.UserContext(), session, models.FlashValue)
	if err != nil && !isNotFound(err) {
		a.logFailure(c, err) // the page itself is worth more than its message
	}
	return message
}

// flashAndGo leads to a page that says what was done.
func (a *App) flashAndGo(c *fiber.Ctx, message, path string) error {
	if err := a.flash(c, message); err != nil && !isNotFound(err) {
		return err
	}
	return c.Redirect(path, fiber.StatusSeeOther)
}
