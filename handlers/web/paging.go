package web

import (
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // the binary needs no file beside it

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// RowsPerPage is how many rows a list shows on a page.
const (
	RowsPerPage = 50
	RowsPerFile = 50_000
	// RowsOfOther is how many of the rows that refer to another one its page lists.
	RowsOfOther = 10
)

// CutPage cuts rows, one more than RowsPerPage at most, to what a page shows. It
// returns the address of the next page, if there is one: that of this request,
// with "before" set to the ID of the last row shown.
func CutPage[Row any](c *fiber.Ctx, rows []Row, id func(Row) string) (shown []Row, older string) {
	if len(rows) <= RowsPerPage {
		return rows, ""
	}
	shown = rows[:RowsPerPage]
	return shown, Address(c, "before", id(shown[RowsPerPage-1]))
}

// Pages are the addresses of the pages before and after the one that is shown; empty
// if there is none.
type Pages struct{ Previous, Next string }

// ReadPage reads the page of a sorted list that a request asks for. To read is given a
// place in the list, and how many rows are wanted; place returns that of a row.
func ReadPage[Row any](c *fiber.Ctx, read func(from models.Cursor, limit int) ([]Row, error), place func(Row) models.Cursor) (rows []Row, pages Pages, err error) {
	from := models.Cursor{}
	if at, back := Query(c, "before"), true; at != "" || Query(c, "after") != "" {
		if at == "" {
			at, back = Query(c, "after"), false
		}
		from.ID, from.Value, _ = strings.Cut(at, ".")
		from.Back = back
	}
	if rows, err = read(from, RowsPerPage+1); err != nil {
		return nil, pages, err
	}
	if from.Back && len(rows) <= RowsPerPage || from.ID != "" && len(rows) == 0 { // show a whole page of the beginning
		from = models.Cursor{}
		if rows, err = read(from, RowsPerPage+1); err != nil {
			return nil, pages, err
		}
	}
	more := len(rows) > RowsPerPage
	if more && from.Back {
		rows = rows[1:]
	} else if more {
		rows = rows[:RowsPerPage]
	}
	address := func(parameter string, row Row) string {
		at := place(row)
		return Address(c, parameter, at.ID+"."+at.Value)
	}
	if len(rows) > 0 && (more || from.Back) {
		pages.Next = address("after", rows[len(rows)-1])
	}
	if len(rows) > 0 && from.ID != "" {
		pages.Previous = address("before", rows[0])
	}
	return rows, pages, nil
}

// Address is that of this request with another value of a parameter, at the first page
// unless that is what the parameter says.
func Address(c *fiber.Ctx, parameter, value string) string {
	values := url.Values{}
	for name := range c.Queries() {
		if given := Query(c, name); given != "" && name != "before" && name != "after" {
			values.Set(name, given)
		}
	}
	values.Set(parameter, value)
	return c.Path() + "?" + values.Encode()
}

// Days reads a span of days, from one through another, from the query string. They are
// days of the time zone that the parameter zone names, or of UTC.
func Days(c *fiber.Ctx, from, through string) (span models.Span) {
	zone, err := time.LoadLocation(Query(c, "zone"))
	if err != nil {
		zone = time.UTC
	}
	day := func(parameter string) time.Time {
		at, _ := time.ParseInLocation(time.DateOnly, Query(c, parameter), zone) // a mistyped one does not count
		return at
	}
	span.From, span.Before = day(from), day(through)
	if !span.Before.IsZero() {
		span.Before = span.Before.AddDate(0, 0, 1)
	}
	return span
}
