package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// ErrCrossOrigin means that another site requested a change.
var ErrCrossOrigin = errors.New("cross-origin request")

// CheckOrigin returns ErrCrossOrigin for a change requested by a page of another
// site, according to the headers Sec-Fetch-Site or else Origin. It needs no cookie
// and no token in the form.
func CheckOrigin(c *fiber.Ctx, protection *http.CrossOriginProtection) error {
	request := &http.Request{
		Method: http.MethodPost,
		Host:   string(c.Request().Host()),
		URL:    &url.URL{Path: c.Path()},
		Header: http.Header{
			"Sec-Fetch-Site": {c.Get("Sec-Fetch-Site")},
			"Origin":         {c.Get(fiber.HeaderOrigin)},
		},
	}
	if protection.Check(request) != nil {
		return ErrCrossOrigin
	}
	return nil
}
