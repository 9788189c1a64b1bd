package web

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// WellFormed refuses what fasthttp lets pass and a proxy may read in another
// way: another version than 1.0 and 1.1, a line that ends with a bare LF, a space
// in the name of a header or behind it, and a header of several lines (RFC 9112,
// sections 2.2, 2.3, 5.1 and 5.2).
func WellFormed(header *fasthttp.RequestHeader) bool {
	if version := string(header.Protocol()); version != "HTTP/1.1" && version != "HTTP/1.0" {
		return false
	}
	for line := range bytes.Lines(header.RawHeaders()) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.ContainsAny(name, " \t") {
			return false
		}
	}
	return true
}

// CheckForm refuses a body that isn't a form: its fields would seem to be empty,
// and what they would change would be lost. A POST may come without a body. It refuses
// a form with more bytes than most, too.
func CheckForm(c *fiber.Ctx, most int) error {
	request := c.Request()
	if c.Method() != fiber.MethodPost || len(request.Body()) == 0 {
		return nil
	}
	if len(request.Body()) > most {
		return fiber.ErrRequestEntityTooLarge
	}
	mediaType, _, _ := strings.Cut(string(request.Header.ContentType()), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), fiber.MIMEApplicationForm) || len(request.Header.ContentEncoding()) > 0 {
		return fiber.ErrUnsupportedMediaType
	}
	request.Header.SetContentType(fiber.MIMEApplicationForm) // fasthttp compares it case-sensitively
	return nil
}

// PrefersJSON tells whether a client wants JSON instead of a page: because its header
// Accept says so, or because it asks for a path that ends in .json and doesn't say
// that it takes a page, as browsers do.
func PrefersJSON(c *fiber.Ctx) bool {
	if len(c.Get(fiber.HeaderAccept)) > maxAccept { // to parse it may take milliseconds
		return false
	}
	switch c.Accepts(fiber.MIMETextHTML, fiber.MIMEApplicationJSON, problemJSON) {
	case fiber.MIMEApplicationJSON, problemJSON:
		return true
	}
	return strings.HasSuffix(c.Path(), ".json") && !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML)
}

// maxAccept is how long a header Accept may be that is read, in bytes: browsers send
// some 150.
const maxAccept = 1 << 10

const problemJSON = "application/problem+json" // RFC 9457
