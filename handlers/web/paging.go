package web

import (
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// RowsPerPage is how many rows a list shows on a page.
const (
	RowsPerPage = 50
	RowsPerFile = 50_000
)

// CutPage cuts rows, one more than RowsPerPage at most, to what a page shows. It
// returns the address of the next page, if there is one: that of this request,
// with "before" set to the ID of the last row shown.
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
