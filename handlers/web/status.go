package web

import (
	"errors"
	"math"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/gofiber/fiber/v2"

	"daypass/models"
	"daypass/models/database"
	"daypass/models/password"
)

// StatusOf says which status an error is answered with.
func StatusOf(err error) int {
	var busy *password.BusyError
	var throttled *models.ThrottledError
	var known *fiber.Error
	switch {
	case errors.As(err, &throttled):
		return fiber.StatusTooManyRequests
	case errors.As(err, new(models.ValidationError)):
		return fiber.StatusUnprocessableEntity
	case database.IsNotFound(err):
		return fiber.StatusNotFound
	case errors.Is(err, models.ErrInUse):
		return fiber.StatusConflict
	case errors.Is(err, ErrCrossOrigin), errors.Is(err, models.ErrNotAdmin):
		return fiber.StatusForbidden
	case errors.As(err, &busy), errors.Is(err, models.ErrUnknownSecret), database.Unavailable(err):
		return fiber.StatusServiceUnavailable
	case errors.As(err, &known):
		return known.Code
	}
	return fiber.StatusInternalServerError
}

func RetryAfter(err error, status int) time.Duration {
	var busy *password.BusyError
	var throttled *models.ThrottledError
	switch {
	case errors.As(err, &throttled):
		return throttled.After
	case errors.As(err, &busy):
		return busy.After
	case status == fiber.StatusServiceUnavailable, status == fiber.StatusTooManyRequests:
		return 5 * time.Second
	}
	return 0
}

// HumanDuration says a span of time as people do, rounded up: "15 minutes".
func HumanDuration(span time.Duration) string {
	if seconds := int(math.Ceil(span.Seconds())); seconds < 100 {
		return english.Plural(seconds, "second", "")
	}
	if minutes := int(math.Ceil(span.Minutes())); minutes < 100 {
		return english.Plural(minutes, "minute", "")
	}
	return english.Plural(int(math.Ceil(span.Hours())), "hour", "")
}
