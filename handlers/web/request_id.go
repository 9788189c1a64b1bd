package web

import (
	"crypto/rand"

	"github.com/gofiber/fiber/v2"
)

type requestKey struct{}

// RequestID returns the ID by which the log tells requests apart. It is made
// when it is first asked for: most requests leave no line.
func RequestID(c *fiber.Ctx) string {
	if id, ok := c.Locals(requestKey{}).(string); ok {
		return id
	}
	id := rand.Text()[:12]
	c.Locals(requestKey{}, id)
	return id
}
