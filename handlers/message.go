package handlers

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// setMessage stores a message that the next page of this session shows once.
func (a *App) setMessage(c *fiber.Ctx, message string) error {
	if c.Locals(usedCodeKey{}) != nil {
		left, err := a.codesLeft(c)
		if err != nil {
			return err
		}
		message = strings.TrimSpace(message + " " + left)
	}
	return a.db.SetValue(c.UserContext(), sessionOf(c), models.FlashValue, message)
}

// takeMessage returns and deletes the stored message, if there is one. The session
// says whether there is, so that most requests write nothing.
func (a *App) takeMessage(c *fiber.Ctx, session *models.Session) string {
	if !session.Flash {
		return ""
	}
	message, err := a.db.TakeValue(c.UserContext(), session, models.FlashValue)
	if err != nil && !isNotFound(err) {
		a.logFailure(c, err) // the page is shown without it
	}
	return message
}

// redirectWithMessage redirects to a page, which shows the message once.
func (a *App) redirectWithMessage(c *fiber.Ctx, message, path string) error {
	if err := a.setMessage(c, message); err != nil && !isNotFound(err) {
		return err
	}
	return c.Redirect(path, fiber.StatusSeeOther)
}
