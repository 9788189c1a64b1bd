package handlers

import (
	"html/template"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// Page is what the layout shows around every page. A page's struct embeds it
// and says its title; render fills in the rest.
type Page struct {
	Title string
	// User is who is signed in, or nil.
	User *models.User
	// Flash is a message that is shown once.
	Flash string
	// Menu are the pages that this user may open, and Tabs those of this part of
	// the site, if it has several.
	Menu, Tabs template.HTML
	// Watch is where the page learns that its session has ended.
	Watch string
	// Dev is what the page was made from, under --dev; else nothing.
	Dev string
}

func (p *Page) frame() *Page { return p }

// Link is an entry of the navigation.
type Link struct {
	Path    string
	Label   string
	Icon    string // name of a Lucide icon in public/icons.svg
	Current bool
	admin   bool // only administrators may open it
}

// navigation is the one table that the menu is made from.
var navigation = []Link{
	{Path: "/dashboard", Label: "Dashboard", Icon: "layout-dashboard"},
	{Path: "/sessions", Label: "Sessions", Icon: "monitor"},
	{Path: "/activity", Label: "Activity", Icon: "history"},
	{Path: "/account", Label: "Account", Icon: "user"},
	{Path: "/admin", Label: "Administration", Icon: "shield", admin: true},
}

// tabs are the pages of a part of the site, by the path of that part.
var tabs = map[string][]Link{
	"/admin": {
		{Path: "/admin", Label: "System", Icon: "gauge"},
		{Path: "/admin/users", Label: "Users", Icon: "users"},
		{Path: "/admin/sessions", Label: "Sessions", Icon: "monitor"},
		{Path: "/admin/activity", Label: "Activity", Icon: "history"},
	},
}

// Field is a labelled input, for partials/field.
type Field struct {
	ID           string // of the element; the name, unless the page has two of that name
	Label        string
	Name         string
	Type         string // of an input: text, password, number, date or checkbox
	Value        string
	Checked      bool   // of a checkbox
	Autocomplete string // HTML autofill field name
	Hint         string
	Error        string
	Optional     bool
	Focus        bool
}

// Element is the ID of the input.
func (f Field) Element() string {
	if f.ID != "" {
		return f.ID
	}
	return f.Name
}

// Describes is the ID of the element that explains the field, or nothing.
func (f Field) Describes() string {
	switch {
	case f.Error != "":
		return f.Element() + "-error"
	case f.Hint != "":
		return f.Element() + "-hint"
	}
	return ""
}

// focusFirst puts the cursor where there is something to do: into the first
// field that was refused, or else the first that is empty.
func focusFirst(fields []Field) []Field {
	place := -1
	for i, field := range fields {
		if field.Error != "" {
			place = i
			break
		}
		if place < 0 && field.Value == "" && !field.Optional && field.Type != "checkbox" {
			place = i
		}
	}
	if place >= 0 {
		fields[place].Focus = true
	}
	return fields
}

// render shows a page. It takes only structs that embed Page, so that no page
// can be shown without its frame.
func (a *App) render(c *fiber.Ctx, view string, page interface{ frame() *Page }) error {
	frame := page.frame()
	if session := sessionOf(c); session != nil {
		frame.User, frame.Watch = &session.User, "/session/watch?session="+session.ID
		if c.Response().StatusCode() == fiber.StatusOK && c.Method() != fiber.MethodHead {
			frame.Flash = a.takeFlash(c, session)
		}
	}
	look, err := a.look()
	if err != nil {
		return err
	}
	if frame.User != nil {
		if frame.Menu, frame.Tabs, err = look.menu(c.Path(), frame.User.IsAdmin()); err != nil {
			return err
		}
	}
	frame.Dev = look.state
	answer := c.Response()
	answer.ResetBody()
	if err := look.show(answer.BodyWriter(), view, page); err != nil {
		answer.ResetBody() // never half a page
		return err
	}
	answer.Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	return nil
}

// menu shows the menu and the tabs as they stand on a page. They are always the
// same for the same role and place, and made once.
func (l *look) menu(path string, admin bool) (menu, part template.HTML, err error) {
	place := place{admin: admin}
	for _, link := range navigation {
		if within(path, link.Path) && (admin || !link.admin) {
			place.page = link.Path
		}
	}
	for _, tab := range tabs[place.page] {
		if path == tab.Path || tab.Path != place.page && within(path, tab.Path) {
			place.tab = tab.Path
		}
	}
	if shown, ok := l.menus.Load(place); ok {
		both := shown.([2]template.HTML)
		return both[0], both[1], nil
	}
	if menu, err = l.links(navigation, place.page, admin); err != nil {
		return "", "", err
	}
	if part, err = l.links(tabs[place.page], place.tab, admin); err != nil {
		return "", "", err
	}
	l.menus.Store(place, [2]template.HTML{menu, part})
	return menu, part, nil
}

// place is what a menu depends on.
type place struct {
	admin     bool
	page, tab string // the current ones
}

// links shows those links that a role may see.
func (l *look) links(all []Link, current string, admin bool) (template.HTML, error) {
	var seen []Link
	for _, link := range all {
		if admin || !link.admin {
			link.Current = link.Path == current
			seen = append(seen, link)
		}
	}
	if len(seen) == 0 {
		return "", nil
	}
	var shown strings.Builder
	err := l.show(&shown, "layouts/menu", seen)
	return template.HTML(shown.String()), err
}

// within tells whether a path is a page or below it.
func within(path, page string) bool { return path == page || strings.HasPrefix(path, page+"/") }

// showable returns what somebody typed as it can stand in the form again;
// nothing, when it is no text or longer than the field may be.
func showable(typed string, most int) string {
	if !utf8.ValidString(typed) || utf8.RuneCountInString(typed) > most || strings.ContainsFunc(typed, unicode.IsControl) {
		return ""
	}
	return typed
}

// onePage cuts a list, of which one row more than rowsPerPage was asked for, to
// what a page shows, and returns the address of the page with those that follow:
// that of this request, with "before" set to the ID of the last row.
func onePage[Row any](c *fiber.Ctx, rows []Row, id func(Row) string) (shown []Row, older string) {
	if len(rows) <= rowsPerPage {
		return rows, ""
	}
	shown = rows[:rowsPerPage]
	values := url.Values{}
	for name := range c.Queries() {
		if value := query(c, name); value != "" {
			values.Set(name, value)
		}
	}
	values.Set("before", id(shown[rowsPerPage-1]))
	return shown, c.Path() + "?" + values.Encode()
}

// query returns a value of the address, if it is text.
func query(c *fiber.Ctx, name string) string { return showable(c.Query(name), 256) }

// form returns a field of the form that was sent. Unlike Fiber's FormValue it
// does not look into the URL.
func form(c *fiber.Ctx, name string) string {
	return string(c.Request().PostArgs().Peek(name))
}
