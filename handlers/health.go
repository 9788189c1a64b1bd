package handlers

import "github.com/gofiber/fiber/v2"

// healthz tells supervisors and load balancers whether requests can be served.
func (a *App) healthz(c *fiber.Ctx) error {
	if err := a.db.Ready(c.UserContext()); err != nil {
		return err
	}
	return c.SendString("ok\n")
}
