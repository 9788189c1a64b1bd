package handlers

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"

	"github.com/gofiber/fiber/v2"
)

// sitemap remembers the map of the site as it was written, so that New can
// refuse what nobody can have meant.
type sitemap struct {
	routes  []route
	private bool // requireSession guards what follows
}

// route is a line of the map.
type route struct {
	method, path string
	at           string // file and line
	private      bool   // requireSession stands above it
	open         bool   // it says anyone
	notPage      bool   // it says so
}

// anyone is the access rule of a page that needs no session: it stands before
// the page's handler. All other pages stand below requireSession.
func anyone(c *fiber.Ctx) error { return c.Next() }

// notPage stands before the handler of an address that is no page to be led to,
// such as a download or a stream of events.
func notPage(c *fiber.Ctx) error { return c.Next() }

// Get adds a page to the map of the site.
func (a *App) Get(path string, chain ...fiber.Handler) fiber.Router {
	return a.App.Get(path, a.sitemap.add(fiber.MethodGet, path, chain)...)
}

// Post adds a change to the map of the site.
func (a *App) Post(path string, chain ...fiber.Handler) fiber.Router {
	return a.App.Post(path, a.sitemap.add(fiber.MethodPost, path, chain)...)
}

// Use guards every line of the map below it, or those whose path begins with
// the path that stands first in args.
func (a *App) Use(args ...any) fiber.Router {
	for _, arg := range args {
		if guard, ok := arg.(fiber.Handler); ok && same(guard, a.requireSession) {
			a.sitemap.private = true
		}
	}
	return a.App.Use(args...)
}

// add remembers a line, and returns its handlers without what only the map has to know.
func (s *sitemap) add(method, path string, chain []fiber.Handler) []fiber.Handler {
	_, file, line, _ := runtime.Caller(2)
	says := func(word fiber.Handler) bool {
		return slices.ContainsFunc(chain, func(handler fiber.Handler) bool { return same(handler, word) })
	}
	s.routes = append(s.routes, route{
		method: method, path: path, at: fmt.Sprintf("handlers/%s:%d", filepath.Base(file), line),
		private: s.private, open: says(anyone), notPage: says(notPage),
	})
	return slices.DeleteFunc(slices.Clone(chain), func(handler fiber.Handler) bool { return same(handler, anyone) || same(handler, notPage) })
}

func same(one, other fiber.Handler) bool {
	return reflect.ValueOf(one).Pointer() == reflect.ValueOf(other).Pointer()
}

// check returns what is wrong with the map, a sentence for each line.
func (s *sitemap) check() error {
	var wrong []error
	for i, route := range s.routes {
		complain := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("%s: %s %s "+format, append([]any{route.at, route.method, route.path}, args...)...))
		}
		switch {
		case !route.private && !route.open:
			complain("has no access rule: it stands above a.Use(a.requireSession); move it below that line, or let anyone stand before its handler")
		case route.private && route.open:
			complain("says anyone and stands below a.Use(a.requireSession); do one of the two")
		}
		for _, earlier := range s.routes[:i] {
			switch {
			case earlier.method != route.method:
			case earlier.path == route.path:
				complain("is there already, at %s; give one of them another path", earlier.at)
			case fiber.RoutePatternMatch(route.path, earlier.path, fiber.Config{CaseSensitive: true}):
				complain("is never reached: %s at %s takes its requests; move it above that line", earlier.path, earlier.at)
			}
		}
	}
	return errors.Join(wrong...)
}
