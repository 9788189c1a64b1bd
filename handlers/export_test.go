package handlers

import "github.com/gofiber/fiber/v2"

// SessionOf is what the handlers of a test's own pages need.
var SessionOf = sessionOf

// AppAddress is what the QR code of an authenticator app says.
var AppAddress = appAddress

// Cached lets a page of a test be cached.
func (a *App) Cached(show fiber.Handler) fiber.Handler { return a.cached(show) }

// SetValue lets a page of a test set a value in the session.
func (a *App) SetValue(c *fiber.Ctx, name, value string) error {
	return a.db.SetValue(c.UserContext(), sessionOf(c), name, value)
}
