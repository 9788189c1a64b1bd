package handlers

import (
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// TestAWrongMapIsRefused: each mistake is named with its file and its line.
func TestAWrongMapIsRefused(t *testing.T) {
	page := func(*fiber.Ctx) error { return nil }
	for name, mistake := range map[string]struct {
		make func(*App)
		said string
	}{
		"no rule":    {func(a *App) { a.Get("/report", page) }, "GET /report has no access rule: it stands above a.Use(a.requireSession)"},
		"two rules":  {func(a *App) { a.Use(a.requireSession); a.Get("/report", anyone, page) }, "says anyone and stands below"},
		"twice":      {func(a *App) { a.Get("/x", anyone, page); a.Get("/x", anyone, page) }, "GET /x is there already, at handlers/sitemap_test.go:"},
		"unreached":  {func(a *App) { a.Post("/x/:id", anyone, page); a.Post("/x/new", anyone, page) }, "POST /x/new is never reached: /x/:id at handlers/sitemap_test.go:"},
		"other rule": {func(a *App) { a.Use("/x", a.requireAdmin); a.Get("/x", page) }, "has no access rule"},
	} {
		app := &App{App: fiber.New()}
		mistake.make(app)
		err := app.sitemap.check()
		if err == nil || !strings.Contains(err.Error(), mistake.said) || !strings.HasPrefix(err.Error(), "handlers/sitemap_test.go:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	app := &App{App: fiber.New()}
	app.Get("/x/new", anyone, page)
	app.Get("/x/:id", anyone, page)
	app.Post("/x/new", anyone, page)
	app.Use(app.requireSession)
	app.Get("/y", page)
	if err := app.sitemap.check(); err != nil {
		t.Error(err)
	}
}

// TestAnUnknownViewIsSaidWithTheLineThatNamesIt: of the handler, not of render.
func TestAnUnknownViewIsSaidWithTheLineThatNamesIt(t *testing.T) {
	app := newApp(t)
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	view := "nothing"
	err := app.render(c, view, &LoginPage{})
	if err == nil || !regexp.MustCompile(`^handlers/sitemap_test.go:\d+: there is no views/nothing.html$`).MatchString(err.Error()) {
		t.Error(err)
	}
}
