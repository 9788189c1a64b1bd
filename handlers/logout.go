package handlers

import "github.com/gofiber/fiber/v2"

// logout ends the session for good. Clear-Site-Data leaves the cookies alone:
// browsers would drop those of every site of the domain with ours, which is
// taken away by name.
func (a *App) logout(c *fiber.Ctx) error {
	if err := a.db.SignOut(c.UserContext(), sessionOf(c), a.from(c)); err != nil && !isNotFound(err) {
		return err
	}
	a.setCookie(c, "", 0)
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	return c.Redirect("/login?left=1", fiber.StatusSeeOther)
}
