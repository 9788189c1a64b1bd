// Package handlers is the site: routes.go lists every address and who may open
// it, and each page is a file of its own. A handler parses a request, asks the
// models and renders a view. It returns an error and never answers with one:
// the error page does that for all.
//
// Pages are built on packages below this one, which know no page:
// [daypass/handlers/session] knows who is asking, [daypass/handlers/web] has
// what every request needs, [daypass/handlers/render] what every page needs.
//
// The rest of this text is a guide to adding a page. Its example is what this
// command writes:
//
//	go run . new view notes --table "title:text done:bool"
//
// # The struct
//
// A page is a struct that embeds [render.Page] and has what its template,
// views/notes.html, shows:
//
//	type NotesPage struct {
//		render.Page
//		Table render.Table
//		Notes []models.Note
//		Pages web.Pages
//	}
//
// The template puts {{template "layouts/begin" .}} and {{template "layouts/end" .}}
// around what it shows. Templates have functions: icon "list" for an icon of
// public/icons.svg, time .Created for a moment, date .Created for its day, plainDate
// .DueOn for a date without a time zone, site for the title of the site, and asset
// "app.css" for the address of a file of public. "go run . new icon truck" adds an
// icon of lucide.dev: 1,900 are vendored, and browsers get those of public/icons.svg
// alone.
//
// # The routes
//
// Each address is a line in routes.go with its access rule: Public, Anyone,
// Members or Admins. A route without a rule, or a second one with the same
// path, stops the program at the start. menu puts the page into the menu,
// accountMenu into that of the user's account, tab into the tabs of its part of
// the site. A page below one of these gets breadcrumbs. Below Admins, every
// change asks for all factors again when they were last given more than 15
// minutes ago.
//
//	page("/notes", Members, a.cached(a.notes)).menu("Notes", "list"),
//	page("/notes/new", Members, a.newNote),
//	post("/notes/new", Members, a.saveNote),
//	page("/notes/:id/change", Members, a.changeNote),
//	post("/notes/:id/change", Members, a.saveNote),
//	post("/notes/:id/remove", Members, a.removeNote),
//
// cached is for pages that show the user's own data alone. Such a page is sent
// again to the same session until anything changes that it could show: the
// user, a session, a value in one, or a row of a table with a column user_id,
// whoever changes it and from whichever process.
//
// # The session and its user
//
// sessionOf returns the session of the request, and its User. Behind Members
// there always is one, as it is at this very moment: a user who was disabled,
// or is no administrator any more, does not get this far. For what only some
// may do on a page for all, ask User.IsAdmin and return fiber.ErrForbidden.
//
// # A form
//
// A form posts to the site itself and needs no token: changes are accepted from
// pages of this site alone. Its buttons have a name and a value: Lynx sends a form
// without fields by GET. Its fields are a []render.Field, shown by
// partials/field: texts, selects, dates, amounts of money. web.Form reads what was sent. The model decides about it, and
// says what is wrong in a [models.ValidationError], a sentence for each field:
//
//	func (a *App) saveNote(c *fiber.Ctx) error {
//		note := &models.Note{ID: c.Params("id"), Title: web.Form(c, "title"), Done: web.Form(c, "done") != ""}
//		err := a.db.SaveNote(c.UserContext(), &sessionOf(c).User, note)
//		if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
//			c.Status(fiber.StatusUnprocessableEntity)
//			return a.renderNote(c, note, invalid)
//		}
//		if err != nil {
//			return err
//		}
//		return a.redirectWithMessage(c, "The note was saved.", "/notes")
//	}
//
// redirectWithMessage redirects to a page, which shows the message once. The answer to a
// change is always a redirect, so that reloading and going back repeat nothing.
// A secret that the next page shows, such as a link, goes there by
// a.sessions.SetSecret and Secret.
//
// # A list of many rows
//
// web.ReadPage asks the model for the page of the list that a request wants, and
// returns it with the addresses of the pages before and after it. The model sorts by
// where.AddCursor, so that the last page is as fast as the first. A [render.Table] has
// the headings, which sort the list if they say by what:
//
//	page.Notes, page.Pages, err = web.ReadPage(c, func(from models.Cursor, limit int) ([]models.Note, error) {
//		filter.Cursor = from
//		return a.db.Notes(c.UserContext(), &sessionOf(c).User, filter, limit)
//	}, func(note models.Note) models.Cursor { return note.Place })
//
// # A search
//
// A database folds the case of ASCII letters only. In the model, keep what can
// be searched in a column search_key, written with the row as
// database.SearchKey(note.Title), and find it word by word, in any case and script, with
// where.AddText(text, `search_key`).
//
// # An error
//
// Return it. models.ErrNotFound becomes a page that says 404, fiber.ErrForbidden one
// that says 403, models.ErrInUse of a row that others refer to 409, a database that
// can't be used now 503, and anything else 500, with a reference that leads to the
// line in the log. A page of which a part failed is not sent.
//
// # JSON
//
// a.json(c, value) answers with a value as JSON. A client whose header Accept prefers
// JSON, or that asks for a path that ends in .json without naming text/html, gets errors
// as JSON, too (problem details, RFC 9457): 401 instead of the sign-in page, 422 with
// what is wrong in each field under "errors". What a page has as its Problem, or else
// what the error page would say, is the "detail". Handlers do nothing for it: they
// return the error, or render the form again.
//
// # When the session ends
//
// A form that arrives after its session has ended is carried by the sign-in page, and
// handled when the same user has signed in. Forms with a password are not: call such a
// field "current", or by a name with "password" in it. The value of the button says on
// that page, and where the password is asked for again, what is about to happen.
//
// # A value in the session
//
// a.db.SetValue, Value and TakeValue keep a text in a session under a name.
// Values go with the session. Each is a row of its own, so that two requests
// that set different ones never undo each other.
//
// # A file to download
//
// Answer with a.sendFile, which sends what a function writes while it writes it.
// Read the rows a page at a time, as EachEvent does, and a file of any size takes
// little memory.
//
// # A chart
//
// A [render.Chart] counts anything by anything: it has named series, and a slot
// for each country or what you count by, such as a day, of which [render.Day] makes
// the slot. {{template "partials/chart" .Chart}} shows it as bars and as a table.
// a.db.CountPerMonth counts the rows of a table by the month of a date, and
// [render.MonthChart] makes a chart of that.
//
// # Its tests
//
// gallery_test.go has a line for each state of each page. Tests render them
// all, so that a field a template misspells is found in every branch. Each page
// has a test of its own that uses it as people do, through its forms.
package handlers
