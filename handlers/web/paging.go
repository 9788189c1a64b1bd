package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the binary needs no file beside it

	"github.com/dustin/go-humanize"
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

// Pages are the addresses of the pages before and after the one that is shown; empty
// if there is none.
type Pages struct {
	Previous, Next string
	First, Last    int // numbers of the rows that are shown; 0: there are none, or it is unknown
	Found          int // how many rows there are, if a page says so
}

// Rows says which rows are shown, if that is known: 51–100.
func (p Pages) Rows() string {
	if p.First == 0 {
		return ""
	}
	return humanize.Comma(int64(p.First)) + "–" + humanize.Comma(int64(p.Last))
}

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
	if len(rows) == 0 {
		return rows, pages, nil
	}
	// A cursor does not tell how many rows are before it, and to count them would cost
	// as much as to read them: the address has the number of the first row.
	pages.First = 1
	if from.ID != "" {
		pages.First, _ = strconv.Atoi(Query(c, firstRow))
		pages.First = max(0, pages.First)
	}
	if pages.First > 0 {
		pages.Last = pages.First + len(rows) - 1
	}
	address := func(parameter string, row Row, first int) string {
		at := place(row)
		cursor := strings.TrimSuffix(at.ID+"."+at.Value, ".")
		if pages.First == 0 {
			return Address(c, parameter, cursor)
		}
		return Address(c, parameter, cursor, firstRow, strconv.Itoa(max(1, first)))
	}
	if more || from.Back {
		pages.Next = address("after", rows[len(rows)-1], pages.Last+1)
	}
	if from.ID != "" {
		pages.Previous = address("before", rows[0], pages.First-RowsPerPage)
	}
	return rows, pages, nil
}

// firstRow is the parameter with the number of the first row of a page.
const firstRow = "row"

// Address is that of this request with other values of parameters, which are given in
// pairs; those with an empty value are left out. It is the address of the first page,
// unless the parameters say otherwise.
func Address(c *fiber.Ctx, parameters ...string) string {
	values := url.Values{}
	for name := range c.Queries() {
		if given := Query(c, name); given != "" && name != "before" && name != "after" && name != firstRow {
			values.Set(name, given)
		}
	}
	for pair := range slices.Chunk(parameters, 2) {
		values.Set(pair[0], pair[1])
		if pair[1] == "" {
			values.Del(pair[0])
		}
	}
	return strings.TrimSuffix(c.Path()+"?"+values.Encode(), "?")
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
