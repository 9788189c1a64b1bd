package handlers

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// json answers with a value as JSON.
func (a *App) json(c *fiber.Ctx, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	return c.Send(body)
}

// problem is an error as clients that take JSON get it (RFC 9457). Its type is
// "about:blank", the default: the status says what kind of problem it is.
type problem struct {
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail,omitempty"`
	Errors    map[string]string `json:"errors,omitempty"`    // what is wrong with each field of a form
	Reference string            `json:"reference,omitempty"` // of the line in the log
}

// sendProblem answers with an error as JSON.
func (a *App) sendProblem(c *fiber.Ctx, p problem) error {
	p.Title = http.StatusText(p.Status)
	if err := a.json(c.Status(p.Status), p); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return nil
}
