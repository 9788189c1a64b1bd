package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
)

// logout ends the session.
func (a *App) logout(c *fiber.Ctx) error {
	if err := a.db.SignOut(c.UserContext(), sessionOf(c), a.TrustedProxies.Client(c)); err != nil && !isNotFound(err) {
		return err
	}
	return a.redirectToSignIn(c)
}

// redirectToSignIn deletes the cookie of a session that has ended. Clear-Site-Data
// doesn't include cookies: browsers would delete those of every site of the domain.
func (a *App) redirectToSignIn(c *fiber.Ctx) error {
	a.sessions.ClearCookie(c)
	a.clearSiteData(c, `"cache", "storage"`)
	return c.Redirect("/login?left=1", fiber.StatusSeeOther)
}

// clearCacheImage is an empty picture on the page after signing out. Browsers keep
// earlier pages in memory for the back button although they are no-store, and the
// header on the answer to the sign-out comes too early to clear the page it was sent from.
func (a *App) clearCacheImage(c *fiber.Ctx) error {
	a.clearSiteData(c, `"cache"`)
	c.Set(fiber.HeaderContentType, "image/svg+xml")
	return c.SendString(`<svg xmlns="http://www.w3.org/2000/svg"/>`)
}

// clearSiteData sends the header where browsers obey it. Elsewhere they log a warning.
func (a *App) clearSiteData(c *fiber.Ctx, types string) {
	if web.SecureContext(a.URL) {
		c.Set("Clear-Site-Data", types)
	}
}
