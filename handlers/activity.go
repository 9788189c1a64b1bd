package handlers

import (
	"encoding/csv"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// ActivityPage lists events, newest first: the user's own, or everyone's.
type ActivityPage struct {
	render.Page
	Path     string // of this list
	Everyone bool
	Of       UserField
	Name     string // part of a username to search for
	Kinds    []KindChoice
	Days     []Day
	Filtered bool
	Unknown  string // a type that does not exist
	Pages    web.Pages
	File     string // address of the download
}

// KindChoice is an option of the filter by kind.
type KindChoice struct {
	Kind   models.Kind
	Label  string
	Chosen bool
}

func (a *App) activity(c *fiber.Ctx) error {
	return a.listEvents(c, &ActivityPage{Page: render.Page{Title: "Activity"}, Path: "/activity"}, ownEvents(c))
}

func (a *App) activityFile(c *fiber.Ctx) error { return a.eventFile(c, ownEvents(c)) }

func (a *App) allActivity(c *fiber.Ctx) error {
	of, err := a.userField(c)
	if err != nil {
		return err
	}
	return a.listEvents(c, &ActivityPage{Page: render.Page{Title: "All activity"}, Path: "/admin/activity", Everyone: true, Of: of}, allEventsAsked(c))
}

func (a *App) allActivityFile(c *fiber.Ctx) error { return a.eventFile(c, allEventsAsked(c)) }

// ownEvents are the events that the address asks for, of the user alone.
func ownEvents(c *fiber.Ctx) models.EventFilter {
	filter := allEventsAsked(c)
	filter.UserID, filter.Name = sessionOf(c).User.ID, ""
	return filter
}

func allEventsAsked(c *fiber.Ctx) models.EventFilter {
	return models.EventFilter{UserID: web.Query(c, "user"), Name: web.Search(c, "name"), Kind: models.Kind(web.Query(c, "kind"))}
}

func (a *App) listEvents(c *fiber.Ctx, page *ActivityPage, filter models.EventFilter) error {
	events, pages, err := web.ReadPage(c, func(from models.Cursor, limit int) ([]models.Event, error) {
		filter.Cursor = from
		return a.db.Events(c.UserContext(), filter, limit)
	}, func(event models.Event) models.Cursor { return models.Cursor{ID: event.ID} })
	if err != nil {
		return err
	}
	if _, known := eventLabels[filter.Kind]; filter.Kind != "" && !known && len(events) == 0 {
		c.Status(fiber.StatusNotFound)
		page.Unknown = string(filter.Kind)
	}
	filters := url.Values{}
	for name, value := range map[string]string{"kind": string(filter.Kind), "name": filter.Name, "user": page.Of.ID} {
		if value != "" {
			filters.Set(name, value)
		}
	}
	page.File = page.Path + ".csv?" + filters.Encode()
	page.Pages = pages
	rows := newEventRows
	if !page.Everyone {
		rows = rowsOfOneUser
	}
	page.Name, page.Days = filter.Name, byDay(rows(events))
	page.Filtered = page.Of.ID != "" || filter.Name != "" || filter.Kind != ""
	for kind, row := range eventLabels {
		page.Kinds = append(page.Kinds, KindChoice{kind, row.Label, kind == filter.Kind})
	}
	slices.SortFunc(page.Kinds, func(x, y KindChoice) int { return strings.Compare(x.Label, y.Label) })
	return a.render(c, "activity", page)
}

// eventFile sends events as CSV (RFC 4180).
func (a *App) eventFile(c *fiber.Ctx, filter models.EventFilter) error {
	ctx := c.UserContext()
	return a.sendFile(c, "activity.csv", "text/csv; charset=utf-8", func(to io.Writer) error {
		table := csv.NewWriter(to)
		table.Write([]string{"time", "user", "event", "browser", "address", "by", "count", "detail"})
		err := a.db.EachEvent(ctx, filter, func(event *models.Event) error {
			return table.Write([]string{
				event.At.Format(time.RFC3339), cell(event.Name), string(event.Kind), cell(event.Browser), event.Address, cell(event.Author), strconv.Itoa(event.Count), cell(event.Detail),
			})
		})
		table.Flush()
		return errors.Join(err, table.Error())
	})
}

// cell keeps a spreadsheet from taking somebody's text for a formula: what begins
// with one of these, also in full width, is marked as text (OWASP, CSV Injection).
func cell(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) && text != "" {
		return "'" + text
	}
	return text
}
