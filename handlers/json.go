package handlers

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
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

// detailOf returns what a page that is shown with an error says about it.
func detailOf(c *fiber.Ctx, page *render.Page) string {
	detail := page.Problem
	if wait := waitOf(c); wait.Seconds > 0 {
		detail = strings.TrimSpace(detail + " " + waitSentence(wait.Words))
	}
	return cmp.Or(detail, sentences[c.Response().StatusCode()])
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
