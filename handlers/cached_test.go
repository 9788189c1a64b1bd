package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// TestKeptPagesAreMadeOnce, as long as nothing changes that they could show.
func TestKeptPagesAreMadeOnce(t *testing.T) {
	site := newTestSite(t)
	var ahead atomic.Int64
	begin := time.Now().Truncate(time.Minute)
	site.app.db.Now = func() time.Time { return begin.Add(time.Duration(ahead.Load())) }
	made := 0
	site.app.Get("/counted", site.app.cached(func(c *fiber.Ctx) error {
		made++
		if c.Query("fail") != "" {
			return fiber.ErrTeapot
		}
		return c.SendString(fmt.Sprintf("made %d by %s", made, sessionOf(c).User.Name))
	}))
	site.visit("/counted").leadsTo("/setup")
	ada := site.signedIn("ada", models.Member)
	eve := site.signedIn("eve", models.Member)
	steps := []struct {
		what string
		who  *visitor
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
		step.who.visit(step.path).answers(http.StatusOK).says(fmt.Sprintf("made %d by", step.made))
	}
	ada.visit("/counted?fail=1").answers(http.StatusTeapot).saysNot("made")

	ada.post("/account/name", "full_name", "Ada Lovelace").leadsTo("/account")
	ada.visit("/counted").says("made 6")
	ada.visit("/counted").says("made 7") // a message waits for it
	ada.visit("/account").says("Your name was changed.").saysNot("made")
	ada.visit("/counted").says("made 8")
	ada.visit("/counted").says("made 8")
	eve.visit("/counted").says("made 2")

	ahead.Store(int64(59 * time.Second))
	ada.visit("/counted").says("made 8")
	ahead.Store(int64(61 * time.Second))
	ada.visit("/counted").says("made 9")
	ahead.Store(int64(24*time.Hour + time.Second))
	ada.visit("/counted").answers(http.StatusSeeOther)
}

// TestACachedPageIsOfOneSession, and no older than the next end of a session of its user.
func TestACachedPageIsOfOneSession(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	one := site.signedIn("ada", models.Member)
	ada, sessions := sessionsOf(t, site.app, "ada")
	cookie, _, _ := strings.Cut(site.post("/login", "username", "ada", "password", testPassword).header.Get("Set-Cookie"), ";")
	two := site.with(cookie)
	marked := map[string]int{}
	for range 3 {
		for _, v := range []*visitor{one, two} {
			marked[v.visit("/sessions").first(`(?s)this device</span></span>.*?action="/sessions/([^/]+)/end"`)]++
		}
	}
	if len(marked) != 2 || marked[sessions[0].ID] != 3 {
		t.Errorf("marked as this device are %v", marked)
	}

	if _, err := site.app.db.AddSession(t.Context(), models.SignIn{ID: "short", User: ada, Lifetime: 30 * time.Second, From: models.ClientInfo{Browser: "a browser that soon ends"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		one.visit("/sessions").says("a browser that soon ends")
	}
	site.later(29 * time.Second)
	one.visit("/sessions").says("a browser that soon ends")
	site.later(time.Second)
	one.visit("/sessions").saysNot("a browser that soon ends")
}

// TestMenusShowWhereOneIs, also when they are kept.
func TestMenusShowWhereOneIs(t *testing.T) {
	site := newTestSite(t)
	ada := site.signedIn("ada", models.Admin)
	eve := site.signedIn("eve", models.Member)
	for range 2 {
		for path, current := range map[string]string{"/dashboard": "/dashboard", "/sessions": "/sessions", "/admin": "/admin", "/admin/users/new": "/admin"} {
			if at := ada.visit(path).first(`<li><a href="([^"]+)" aria-current="page">`); at != current {
				t.Errorf("on %s the menu is at %s", path, at)
			}
		}
		if tab := ada.visit("/admin/users/new").first(`(?s)aria-label="Administration">.*<a href="([^"]+)" aria-current="page">`); tab != "/admin/users" {
			t.Errorf("the tabs are at %s", tab)
		}
		eve.visit("/dashboard").saysNot("/admin")
	}
}
