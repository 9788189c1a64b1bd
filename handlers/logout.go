package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
)

// logout ends the session for good.
func (a *App) logout(c *fiber.Ctx) error {
	if err := a.db.SignOut(c.UserContext(), sessionOf(c), a.TrustedProxies.Client(c)); err != nil && !isNotFound(err) {
		return err
	}
	return a.redirectToSignIn(c)
}

// redirectToSignIn takes the cookie of a session that has ended out of the browser.
// Clear-Site-Data leaves the cookies alone: browsers would drop those of every
// site of the domain with ours, which is taken away by name.
func (a *App) redirectToSignIn(c *fiber.Ctx) error {
	a.sessions.ClearCookie(c)
	a.clearSiteData(c, `"cache", "storage"`)
	return c.Redirect("/login?left=1", fiber.StatusSeeOther)
}

// clearCacheImage is an empty picture on the page that follows. Browsers keep the pages
// of before whole in memory for the way back, although they are no-store, and
// when they hear the answer to the sign-out the page it was sent from is still
// the one shown. This is heard after it.
func (a *App) clearCacheImage(c *fiber.Ctx) error {
	a.clearSiteData(c, `"cache"`)
	c.Set(fiber.HeaderContentType, "image/svg+xml")
	return c.SendString(`<svg xmlns="http://www.w3.org/2000/svg"/>`)
}

// clearSiteData sends the header where browsers obey it; elsewhere they complain.
func (a *App) clearSiteData(c *fiber.Ctx, types string) {
	if web.SecureContext(a.URL) {
		c.Set("Clear-Site-Data", types)
	}
}
