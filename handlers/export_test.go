package handlers

import "github.com/gofiber/fiber/v2"

// SessionOf is what the handlers of a test's own pages need.
var SessionOf = sessionOf

// AddRoute adds a page of a test to a site that is served.
func (a *App) AddRoute(method, path string, handler fiber.Handler) {
	a.Add(method, path, handler)
	a.Handler() // builds the tree of routes anew
}

// Cached lets a page of a test be cached.
func (a *App) Cached(show fiber.Handler) fiber.Handler { return a.cached(show) }
