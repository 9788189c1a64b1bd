package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// ErrCrossOrigin refuses a change that another site asked for.
var ErrCrossOrigin = errors.New("request of another site")

// CheckOrigin returns errForeign for a change that a page of another site asks
// for, as the browser tells: Sec-Fetch-Site, or else Origin. It needs no
// cookie and no token in the form.
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
