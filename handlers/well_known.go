package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/models"
	"daypass/public"
)

// robots keeps search engines out: there is nothing for them.
func robots(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=86400")
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString("User-agent: *\nDisallow: /\n")
}

// favicon is the icon for what asks for this address without reading a page.
func (a *App) favicon(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=86400")
	if a.Icon != nil {
		c.Set(fiber.HeaderContentType, a.Icon.MediaType())
		return c.Send(a.Icon.Content)
	}
	icon, err := public.FS.ReadFile("favicon.ico")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "image/x-icon")
	return c.Send(icon)
}

// changePassword is where password managers look for the form (W3C, A Well-Known URL
// for Changing Passwords).
func changePassword(c *fiber.Ctx) error {
	return c.Redirect("/account#current", fiber.StatusSeeOther)
}

// noWellKnown says that there is nothing else below this path (RFC 8615). Programs
// ask for it, which would take the sign-in page for the file.
func noWellKnown(*fiber.Ctx) error { return models.ErrNotFound }
