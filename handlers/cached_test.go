package handlers_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestKeptPagesAreMadeOnce, as long as nothing changes that they could show.
func TestKeptPagesAreMadeOnce(t *testing.T) {
	t.Parallel()
	var made atomic.Int64
	site := sitetest.StartPrepared(t, func(app *handlers.App) {
		app.Get("/counted", app.Cached(func(c *fiber.Ctx) error {
			made.Add(1)
			if c.Query("fail") != "" {
				return fiber.ErrTeapot
			}
			return c.SendString(fmt.Sprintf("made %d by %s", made.Load(), handlers.SessionOf(c).User.Name))
		}))
	})
	site.StopClock()
	site.Visitor().Get("/counted").LeadsTo("/setup")
	ada := site.SignedIn("ada", models.Member)
	eve := site.SignedIn("eve", models.Member)
	steps := []struct {
		what string
		who  *sitetest.Browser
		path string
		made int
	}{
		{"first", ada, "/counted", 1},
		{"kept", ada, "/counted", 1},
		{"somebody else's", eve, "/counted", 2},
		{"kept for each", ada, "/counted", 1},
		{"with a query", ada, "/counted?x=1", 3},
		{"with the same query", ada, "/counted?x=1", 4},
		{"kept all the same", ada, "/counted", 1},
	}
	for _, step := range steps {
		step.who.Get(step.path).Answers(http.StatusOK).Says(fmt.Sprintf("made %d by", step.made))
	}
	ada.Get("/counted?fail=1").Answers(http.StatusTeapot).SaysNot("made")

	ada.Post("/account/name", "full_name", "Ada Lovelace").LeadsTo("/account")
	ada.Get("/counted").Says("made 6")
	ada.Get("/counted").Says("made 7") // a message waits for it
	ada.Get("/account").Says("Your name was changed.").SaysNot("made")
	ada.Get("/counted").Says("made 8")
	ada.Get("/counted").Says("made 8")
	eve.Get("/counted").Says("made 2")

	site.Advance(59 * time.Second)
	ada.Get("/counted").Says("made 8")
	site.Advance(2 * time.Second)
	ada.Get("/counted").Says("made 9")
	site.Advance(24 * time.Hour)
	ada.Get("/counted").Answers(http.StatusSeeOther)
}

// TestACachedPageIsOfOneSession, and no older than the next end of a session of its user.
func TestACachedPageIsOfOneSession(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	one, ada := site.SignIn("ada"), site.User("ada")
	first := site.SessionsOf("ada")[0]
	two := site.SignIn("ada")
	marked := map[string]int{}
	for range 3 {
		for _, v := range []*sitetest.Browser{one, two} {
			marked[v.Get("/sessions").First(`(?s)this device</span></span>.*?action="/sessions/([^/]+)/end"`)]++
		}
	}
	if len(marked) != 2 || marked[first.ID] != 3 {
		t.Errorf("marked as this device are %v", marked)
	}

	_, err := site.DB.AddSession(t.Context(), models.SignIn{ID: "short", User: ada, Lifetime: 30 * time.Second, From: models.ClientInfo{Browser: "a browser that soon ends"}})
	sitetest.Must(t, err)
	for range 2 {
		one.Get("/sessions").Says("a browser that soon ends")
	}
	site.Advance(29 * time.Second)
	one.Get("/sessions").Says("a browser that soon ends")
	site.Advance(time.Second)
	one.Get("/sessions").SaysNot("a browser that soon ends")
}

// TestMenusShowWhereOneIs, also when they are kept.
func TestMenusShowWhereOneIs(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	eve := site.SignedIn("eve", models.Member)
	for range 2 {
		for path, current := range map[string]string{"/dashboard": "/dashboard", "/sessions": "/sessions", "/admin": "/admin", "/admin/users/new": "/admin"} {
			if at := ada.Get(path).First(`<li><a href="([^"]+)" aria-current="page">`); at != current {
				t.Errorf("on %s the menu is at %s", path, at)
			}
		}
		if tab := ada.Get("/admin/users/new").First(`(?s)aria-label="Administration">.*<a href="([^"]+)" aria-current="page">`); tab != "/admin/users" {
			t.Errorf("the tabs are at %s", tab)
		}
		eve.Get("/dashboard").SaysNot("/admin")
	}
}
