package web

import (
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// Lists show so many rows a page, and a file has at most so many.
const (
	RowsPerPage = 50
	RowsPerFile = 50_000
)

// CutPage cuts a list, of which one row more than rowsPerPage was asked for, to
// what a page shows, and returns the address of the page with those that follow:
// that of this request, with "before" set to the ID of the last row.
func CutPage[Row any](c *fiber.Ctx, rows []Row, id func(Row) string) (shown []Row, older string) {
	if len(rows) <= RowsPerPage {
		return rows, ""
	}
	shown = rows[:RowsPerPage]
	values := url.Values{}
	for name := range c.Queries() {
		if value := Query(c, name); value != "" {
			values.Set(name, value)
		}
	}
	values.Set("before", id(shown[RowsPerPage-1]))
	return shown, c.Path() + "?" + values.Encode()
}
