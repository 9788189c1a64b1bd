// Package web has what every request needs, whatever the site: security headers, the
// check of where a change comes from, the client's address, forms, paging, the
// status of an error, and the bounds of the log and of connections. It shows
// nothing and redirects nobody.
package web

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// Showable returns what somebody typed as it can stand in the form again;
// nothing, when it is no text or longer than the field may be.
func Showable(typed string, most int) string {
	if !utf8.ValidString(typed) || utf8.RuneCountInString(typed) > most || strings.ContainsFunc(typed, unicode.IsControl) {
		return ""
	}
	return typed
}

// Query returns a value of the address, if it is text.
func Query(c *fiber.Ctx, name string) string { return Showable(c.Query(name), 256) }

// Form returns a field of the form that was sent. Unlike Fiber's FormValue it
// does not look into the URL.
func Form(c *fiber.Ctx, name string) string {
	return string(c.Request().PostArgs().Peek(name))
}
