package handlers

import "github.com/gofiber/fiber/v2"

// healthz tells load balancers whether to send requests here: not while pages can't be
// read, nor when the server is about to stop. With ?live it tells supervisors whether
// the process answers at all: a restart does not bring back a database.
func (a *App) healthz(c *fiber.Ctx) error {
	if c.Context().QueryArgs().Has("live") {
		return c.SendString("ok\n")
	}
	select {
	case <-a.draining:
		return c.Status(fiber.StatusServiceUnavailable).SendString("stopping\n")
	default:
	}
	if err := a.db.Ready(c.UserContext()); err != nil {
		return err
	}
	return c.SendString("ok\n")
}
