// Package handlers answers HTTP: it parses a request, asks the models, and
// renders a view. A handler returns an error and never writes one; fail turns
// every error into its page.
//
// The map of the site is in routes.go, and every page is a file of its own: its
// struct, which embeds [Page], and then its handlers. What follows is what a new
// page may count on. "daypass new view NAME" writes one to begin with.
//
// # A page
//
// A page is a struct that embeds Page and says its title. Its fields are what
// its template, views/NAME.html, shows:
//
//	type NotesPage struct {
//		Page
//		Notes []models.Note
//	}
//
//	func (a *App) notes(c *fiber.Ctx) error {
//		notes, err := a.db.Notes(c.UserContext(), &sessionOf(c).User, "", rowsPerPage)
//		if err != nil {
//			return err
//		}
//		return a.render(c, "notes", &NotesPage{Page: Page{Title: "Notes"}, Notes: notes})
//	}
//
// render fills in the rest of Page: who is signed in, the menu, the message for
// the top of the page. The template puts {{template "layouts/begin" .}} and
// {{template "layouts/end" .}} around what it shows. Templates have three
// functions: icon "list" for an icon of public/icons.svg, time .Created for a
// moment, asset "app.css" for the address of a file of public. Another icon is
// another symbol in public/icons.svg, drawn as lucide.dev shows it.
//
// # Its place in the map
//
// A line in routes.go makes it a page. Where the line stands is its access rule:
// above a.Use(a.requireSession) a page is for anyone, and has to say so; below,
// for whoever is signed in; below /admin, for administrators. A map in which a
// page has no rule, or two have one path, is refused at the start. A line in
// navigation puts the page into the menu, one in tabs into the administration.
//
// # Kept pages
//
// A page that shows the user's own data alone may say so in its line:
//
//	a.Get("/notes", a.kept, a.notes)
//
// It is made once, and then sent again to the same session until anything
// changes that it could show: the user, a session, a value in one, or a row of a
// table with a column user_id, whoever changes it and from whichever process.
//
// # The session and its user
//
//	session := sessionOf(c)
//	user := &session.User
//
// Below requireSession there always is one. It is that of this very moment: who
// was disabled, or is no administrator any more, does not get this far. For what
// only some may do on a page for all, ask user.IsAdmin() and return
// fiber.ErrForbidden.
//
// # A value in the session
//
//	err := a.db.SetValue(c.UserContext(), session, "theme", "dark")
//	theme, err := a.db.Value(c.UserContext(), session, "theme")
//
// Values go with the session. Each is a row of its own, so that two requests
// which set different ones never undo each other. TakeValue reads and removes in
// one step. Value returns models.ErrNotFound when there is none.
//
// # A message on the next page
//
//	return a.flashAndGo(c, "The note was saved.", "/notes")
//
// leads to a page, which shows the message once. flash does the first half alone.
// Every POST that changes something ends in a redirect, so that loading again and
// going back repeat nothing. A secret that the next page shows, such as a link,
// goes there by a.sessions.SetSecret and Secret.
//
// # A form
//
// A form posts to the site itself; its button has a name and a value, without
// which Lynx would not post. It needs no token: changes are taken from
// pages of this site alone. Its fields are a []Field, shown by partials/field.
// form reads what was sent, and the model decides about it by a
// [models.InvalidError], which has a sentence for each field:
//
//	note := &models.Note{Title: form(c, "title")}
//	err := a.db.SaveNote(c.UserContext(), user, note)
//	if invalid := (models.InvalidError{}); errors.As(err, &invalid) {
//		c.Status(fiber.StatusUnprocessableEntity)
//		return a.askNote(c, note, invalid) // the page again, with what was typed and what is wrong
//	}
//
// focusFirst puts the cursor into the first field that was refused, and showable
// returns what was typed when it can stand in the form again.
//
// # An error
//
// Return it. models.ErrNotFound becomes a page that says 404, fiber.ErrForbidden
// one that says 403, a database that can't be reached 503, and anything else 500,
// with a reference that leads to the line in the log. A page of which a part went
// wrong is not sent.
//
// # A list of many rows
//
// Ask the model for rowsPerPage+1 rows from behind the ID in query(c, "before"),
// and let onePage cut them and name the address of the rest:
//
//	page.Notes, page.Older = onePage(c, notes, func(note models.Note) string { return note.ID })
//
// # A search
//
// A database folds upper and lower case of ASCII at most. In the model, keep what
// is to be found in a column of its own, search_key, written with the row as
// searchKey(note.Title), and ask for it word by word, in whatever case and script:
//
//	where.addText(text, `search_key`)
//
// # A file to download
//
// sendFile sends what a function writes while it writes it. Read the rows a page
// at a time, as EachEvent does, and a file of any size takes little memory:
//
//	return a.sendFile(c, "notes.csv", "text/csv; charset=utf-8", func(to io.Writer) error { … })
//
// # A chart
//
// signInChart makes of counted sign-ins a [Chart], which partials/chart shows as
// bars for those who see and as a table for those who listen:
//
//	counted, err := a.db.CountSignIns(c.UserContext(), user, 24*time.Hour, 14)
//	page.Chart = signInChart("Your sign-ins", "Day", "2 Jan", counted)
//
// # Its tests
//
// A line in the gallery for each state of the page lets the tests show it, and
// look into every branch of its template for fields that the page has not. A
// test of its own asks for it as its users do; see newTestSite.
package handlers
