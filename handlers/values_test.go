package handlers_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/handlers/web"
	"daypass/models"
)

// TestS10ParallelRequestsKeepWhatTheySet asks as a browser does: 64 requests at
// once, each of which sets another value in the one session.
func TestS10ParallelRequestsKeepWhatTheySet(t *testing.T) {
	t.Parallel()
	site := sitetest.StartPrepared(t, func(app *handlers.App) {
		app.Post("/values/:name", func(c *fiber.Ctx) error {
			if err := app.SetValue(c, c.Params("name"), web.Form(c, "value")); err != nil {
				return err
			}
			return c.SendStatus(fiber.StatusNoContent)
		})
	})
	ada := site.SignedIn("ada", models.Admin)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			answer := ada.Post(fmt.Sprint("/values/name", i), "value", fmt.Sprint(i))
			if answer.Response.StatusCode != 204 {
				t.Errorf("%s answered %d", answer.To, answer.Response.StatusCode)
			}
		})
	}
	wg.Wait()
	session := site.SessionsOf("ada")[0]
	for i := range 64 {
		if value, err := site.DB.Value(t.Context(), &session, fmt.Sprint("name", i)); err != nil || value != fmt.Sprint(i) {
			t.Errorf("name%d is %q, %v", i, value, err)
		}
	}
}
