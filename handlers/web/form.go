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

// Showable returns typed text to be shown in the form again. It returns nothing
// when that isn't text, or is longer than most characters.
func Showable(typed string, most int) string {
	if !utf8.ValidString(typed) || utf8.RuneCountInString(typed) > most || strings.ContainsFunc(typed, unicode.IsControl) {
		return ""
	}
	return typed
}

// ShowableLines is Showable for a text that may have several lines.
func ShowableLines(typed string, most int) string {
	if Showable(strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(typed), most) == "" {
		return ""
	}
	return typed
}

// Search returns the text that the query string asks to search for. What can't be
// in any row is replaced so that it finds nothing.
func Search(c *fiber.Ctx, name string) string {
	text := strings.Map(func(letter rune) rune {
		if unicode.IsControl(letter) {
			return unicode.ReplacementChar
		}
		return letter
	}, strings.ToValidUTF8(c.Query(name), string(unicode.ReplacementChar)))
	if letters := []rune(text); len(letters) > maxQuery {
		return string(letters[:maxQuery])
	}
	return text
}

// maxQuery is how many characters of a value in the query string count.
const maxQuery = 256

// Query returns a value of the query string, if it is text.
func Query(c *fiber.Ctx, name string) string { return Showable(c.Query(name), maxQuery) }

// Form returns a field of the posted form. Unlike Fiber's FormValue it ignores the
// query string.
func Form(c *fiber.Ctx, name string) string {
	return string(c.Request().PostArgs().Peek(name))
}
