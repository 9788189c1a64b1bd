package handlers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jba/templatecheck"
	"github.com/valyala/fasthttp"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
	"daypass/models/database/databasetest"
	"daypass/models/password"
	"daypass/views"
)

// newApp builds a site without a user on a new database.
func newApp(t testing.TB) *App {
	t.Helper()
	return newAppOn(t, databasetest.New(t))
}

// newAppOn builds a site on a database file.
func newAppOn(t testing.TB, file string) *App {
	t.Helper()
	db, err := models.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	app, err := New(db, Config{
		URL: &url.URL{Scheme: "http", Host: "localhost"}, Secrets: []string{"3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"}, Lifetime: 24 * time.Hour, Log: db.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

var (
	someHash  = func() (hash password.Hash) { hash.Scan("x"); return hash }()
	someTime  = models.Time{Time: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)}
	someUser  = &models.User{ID: "u", Name: "ada", FullName: "Ada Lovelace", Role: models.Admin, Created: someTime, Password: someHash}
	someUsers = []models.User{
		{ID: "a", Name: "ada", FullName: "Ada Lovelace", Role: models.Admin, Created: someTime, Password: someHash},
		{ID: "e", Name: "eve", Role: models.Member, Created: someTime},
		{ID: "b", Name: "<bob>", Role: models.Member, Created: someTime, Password: someHash, Disabled: true},
	}
	someSession  = models.Session{ID: "s", Method: "password", Address: "203.0.113.9", Browser: "Safari on iPhone", Created: someTime, Seen: someTime, Expires: someTime, User: *someUser}
	namedSession = models.Session{ID: "s", Method: "password and code", Address: "203.0.113.9", Browser: "Firefox on Linux", Version: "128", Device: "d", Named: "<Work> laptop", Created: someTime, Seen: someTime, Expires: someTime, User: *someUser}
	someFields   = []render.Field{
		{Label: "Name", Name: "username", Type: "text", Value: "ada", Autocomplete: "username", Error: "This is wrong.", Wait: render.Wait{Seconds: 8, Words: "8 seconds"}},
		{Label: "Password", Name: "password", Type: "password", Autocomplete: "current-password", Hint: "Long.", Optional: true, Focus: true},
		{Label: "Done", Name: "done", Type: "checkbox", Checked: true, Hint: "Or not."},
		{Label: "Status", Name: "status", Type: "select", Value: "paid", Options: []models.Choice{{Value: "open", Label: "Open"}, {Value: "paid", Label: "<Paid>"}}, Hint: "One of them."},
		{Label: "Note", Name: "note", Type: "textarea", Value: "\nOne\n\n<two>", Error: "Too long.", Optional: true},
		{Label: "Total", Name: "total", Type: "money", Value: "12,50"},
		{Label: "E-mail", Name: "email", Type: "email", Value: "ada@example.org", Autocomplete: "email"},
		{Label: "Search", Name: "text", Type: "search", Optional: true},
		{Label: "Due on", Name: "due_on", Type: "date", Value: "2026-02-28"},
	}
)

// signedIn is the frame of a page that somebody sees who is signed in.
func signedIn(title string) render.Page {
	return render.Page{Title: title, User: someUser, Menu: `<ul><li><a href="/dashboard" aria-current="page">Dashboard</a></li></ul>`}
}

func refused(title, problem string) render.Page {
	page := signedIn(title)
	page.Problem = problem
	return page
}

func tabbed(title string) render.Page {
	page := signedIn(title)
	page.Tabs = `<ul><li><a href="/admin">System</a></li></ul>`
	return page
}

var someChart = signInChart("Sign-ins", "Day (UTC)", render.Day, []models.SignInCount{{From: someTime, Succeeded: 3, Failed: 1}, {From: someTime}})

var someTable = render.Table{Label: "Things", Columns: []render.Column{{Label: "Select", Select: true}, {Label: "Name", Sort: "name", Href: "?sort=-name", Sorted: "ascending"}, {Label: "Count", Number: true}, {Label: "Action", Hidden: true}}}

// protected is the frame of a page for somebody with a second factor.
func protected(title string, problem ...string) render.Page {
	page := signedIn(title)
	page.Problem = strings.Join(problem, " ")
	page.User = &models.User{ID: "u", Name: "ada", Factors: "x", Password: someHash}
	return page
}

var (
	someQR = func() render.QR {
		code, _ := render.NewQR("otpauth://totp/Daypass:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Daypass")
		return code
	}()
	someCodes = strings.Fields(strings.Repeat("GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV ", models.RecoveryCodes))
)

// withoutPassword is that for somebody whom passkeys sign in.
func withoutPassword(title string) render.Page {
	page := protected(title)
	page.User.Password = password.Hash{}
	return page
}

var someAlarms = newEventRows([]models.Event{
	{ID: "e", Kind: models.NewBrowser, At: someTime, Address: "203.0.113.9", Browser: "Firefox on Linux"},
	{ID: "f", Kind: models.PasskeyAdded, Detail: "<phone>", At: someTime, Address: "203.0.113.9", Browser: "Firefox on Linux"},
	{ID: "g", Kind: models.RecoveryCodesMade, At: someTime, Address: "203.0.113.9", Browser: "Firefox on Linux"},
})

func flashed(title string) render.Page {
	page := signedIn(title)
	page.Flash = "It was done."
	return page
}

func allEvents() (events []models.Event) {
	for kind := range eventLabels {
		events = append(events, models.Event{ID: "e", Kind: kind, At: someTime, Address: "203.0.113.9", Browser: "Firefox on Linux"})
	}
	return append(events, models.Event{Kind: models.SignedIn, At: someTime, Browser: "command line", Count: 3})
}

// gallery is every page in every state. A slip in a branch that nobody visits
// fails here.
var gallery = map[string]render.Framed{
	"login: first":          &LoginPage{Page: render.Page{Title: "Sign in"}, Fields: someFields},
	"login: with a notice":  &LoginPage{Page: render.Page{Title: "Sign in"}, Notice: "You're signed out.", SignedOut: true, Next: "/dashboard", Fields: someFields},
	"login: refused":        &LoginPage{Page: render.Page{Title: "Sign in", Problem: "Wrong username or password."}, Fields: someFields},
	"login: carries":        &LoginPage{Page: render.Page{Title: "Sign in"}, Notice: "Your session has ended.", Next: "/account", Carried: "x", Form: waitingForm{Body: "do=Save+<name>"}, Fields: someFields},
	"login: must wait":      &LoginPage{Page: render.Page{Title: "Sign in", Problem: "Too many."}, Wait: render.Wait{Seconds: 8, Words: "8 seconds"}, Mistyped: 3, Fields: someFields},
	"confirm: nameless":     &ConfirmPage{Page: signedIn("Confirm it's you"), Password: true, Fields: someFields},
	"setup: form":           &SetupPage{Page: render.Page{Title: "Create the first account"}, Token: "x", Fields: someFields},
	"setup: no link":        &SetupPage{Page: render.Page{Title: "Almost there"}, AddAdmin: "./daypass user add admin --admin --database /srv/dashboard/data/daypass.db"},
	"error: anonymous":      &ErrorPage{Page: render.Page{Title: "Page not found"}, Status: 404, Sentence: "There is nothing."},
	"error: reference":      &ErrorPage{Page: signedIn("Something broke"), Status: 500, Sentence: "It broke.", Reference: "ABC"},
	"login: misconfigured":  &LoginPage{Page: render.Page{Title: "Sign in"}, Misconfiguration: &Misconfiguration{Sentence: "This is not the address of the site, which is at", Link: "https://dash.example.org"}, Fields: someFields},
	"login: untrusted":      &LoginPage{Page: render.Page{Title: "Sign in"}, Misconfiguration: &Misconfiguration{Sentence: "Requests come through a proxy."}, Fields: someFields},
	"account: first":        &AccountPage{Page: flashed("Account"), Name: someFields[:1], Password: someFields[1:], Removal: []render.Field{{Label: "Your password", Name: "removal", Type: "password", Autocomplete: "current-password"}}},
	"account: member":       &AccountPage{Page: render.Page{Title: "Account", User: &models.User{Name: "eve", Role: models.Member}}, Removal: someFields[1:]},
	"activity: own":         &ActivityPage{Page: signedIn("Activity"), Path: "/activity", Days: byDay(newEventRows(allEvents())), File: "/activity.csv", Pages: web.Pages{Next: "/activity?after=x&kind=y"}, Kinds: []KindChoice{{models.SignedIn, "Signed in", true}, {models.SignedOut, "Signed out", false}}},
	"activity: everybody's": &ActivityPage{Page: signedIn("All activity"), Path: "/admin/activity", Everyone: true, Name: "<x>", Of: UserField{User: *someUser, All: "/admin/activity"}, File: "/admin/activity.csv?kind=x", Days: byDay(newEventRows(allEvents()))},
	"activity: none":        &ActivityPage{Page: signedIn("Activity"), Path: "/activity"},
	"activity: no match":    &ActivityPage{Page: signedIn("Activity"), Path: "/activity", Filtered: true},
	"admin-users: several":  &AdminUsersPage{Page: flashed("Users"), Users: []models.ListedUser{{User: someUsers[0], Sessions: 2}, {User: someUsers[1]}, {User: someUsers[2]}}, Pages: web.Pages{Previous: "/admin/users?before=x", Next: "/admin/users?after=x", First: 51, Last: 100, Found: models.MaxCounted}, Filter: models.UserFilter{Text: "x", Role: models.Admin, State: "invited"}, Sort: "-added", Days: DaysField{Label: "Added", From: "2026-03-01"}, Filtered: true, Found: 12, All: models.MaxCounted, Table: someTable},
	"admin-users: none":     &AdminUsersPage{Page: signedIn("Users"), Filtered: true, Filter: models.UserFilter{Role: models.Member, State: "disabled", Factor: "owed"}},
	"admin-invite: first":   &InvitePage{Page: signedIn("Add a user"), Fields: someFields},
	"admin-invite: refused": &InvitePage{Page: refused("Add a user", "No such role."), Fields: someFields, Admin: true},
	"admin-link: link":      &LinkPage{Page: signedIn("A link"), Whose: someUser, Link: "https://dash.example.org/link?token=x"},
	"admin-link: gone":      &LinkPage{Page: signedIn("No link to show"), Whose: someUser},
	"admin-user: full":      &AdminUserPage{Page: signedIn("Ada"), Whose: &someUsers[0], Self: true, Sessions: []SessionRow{newSessionRow(someSession, &someSession)}, More: 4, Activity: newEventRows(allEvents())},
	"admin-user: invited":   &AdminUserPage{Page: signedIn("Eve"), Whose: &someUsers[1]},
	"admin-user: disabled":  &AdminUserPage{Page: signedIn("Bob"), Whose: &someUsers[2]},
	"admin-user: refused":   &AdminUserPage{Page: refused("Ada", "Ada is the last administrator."), Whose: &someUsers[0], Self: true},
	"set-password: form":    &SetPasswordPage{Page: render.Page{Title: "Set your password"}, Token: "x", Whose: "ada", Fields: someFields[1:]},
	"set-password: used":    &SetPasswordPage{Page: render.Page{Title: "This link no longer works"}},
	"dashboard: one failed": &DashboardPage{Page: tabbed("Dashboard"), Session: &someSession, Chart: someChart, Attention: models.Attention{Failed: 1}, Activity: []EventRow{{Event: allEvents()[0], Icon: "log-in", Label: "Signed in", New: true}}},
	"admin: one of several": &AdminPage{Page: tabbed("System"), Version: "1", Go: "go", Uptime: "1 day", Size: "1 MiB", Node: "web-2", Failed: 12, Chart: someChart},
	"admin: system":         &AdminPage{Page: tabbed("System"), Version: "1", Go: "go", Uptime: "1 day", Size: "1 MiB", System: models.System{Disabled: 1}, Chart: someChart},
	"confirm: first":        &ConfirmPage{Page: signedIn("Confirm it's you"), Form: waitingForm{ID: "x", Back: "/admin/users", Body: "do=Disable+<bob>"}, Password: true, Fields: someFields[1:]},
	"admin-sessions: none":  &AdminSessionsPage{Page: signedIn("All sessions"), Text: "x"},
	"admin-sessions: many":  &AdminSessionsPage{Page: signedIn("All sessions"), Of: UserField{User: *someUser, All: "/admin/sessions"}, State: "ending", Filtered: true, Found: 1, Pages: web.Pages{Next: "/admin/sessions?after=x"}, Table: someTable, Sessions: []SessionRow{{Session: someSession, Icon: "smartphone", Current: true, Whose: someUser, End: "/admin/sessions/s/end"}}},
	"sessions: one":         &SessionsPage{Page: signedIn("Your sessions"), Sessions: []SessionRow{newSessionRow(someSession, &someSession)}},
	"chosen: sessions":      &ChosenPage{Page: signedIn("End sessions"), Act: "end", Path: "/sessions/selected", List: "/sessions", Self: true, Sessions: []SessionRow{newSessionRow(someSession, &someSession)}},
	"chosen: disable":       &ChosenPage{Page: refused("Disable users", "The last administrator is among them."), Act: "disable", Path: "/admin/users/selected", List: "/admin/users", Self: true, Users: []models.User{*someUser, *someUser}},
	"chosen: enable":        &ChosenPage{Page: signedIn("Enable users"), Act: "enable", Path: "/admin/users/selected", List: "/admin/users", Users: []models.User{*someUser}},
	"name-device: unnamed":  &NameDevicePage{Page: signedIn("Name the device"), Session: newSessionRow(someSession, &someSession), Fields: []render.Field{{Label: "Name", Name: "name", Type: "text", Optional: true, Focus: true, Hint: "Such as Work laptop."}}},
	"name-device: refused":  &NameDevicePage{Page: signedIn("Name the device"), Session: newSessionRow(namedSession, &someSession), Fields: []render.Field{{Label: "Name", Name: "name", Type: "text", Value: "x", Optional: true, Focus: true, Error: "Use at most 40 characters."}}},
	"sessions: named":       &SessionsPage{Page: signedIn("Your sessions"), Sessions: []SessionRow{{Session: namedSession, Icon: "monitor", End: "/sessions/s/end", Nameable: true}}},
	"chosen: nothing":       &ChosenPage{Page: signedIn("End sessions"), Act: "end", Path: "/sessions/selected", List: "/sessions"},
	"sessions: several":     &SessionsPage{Page: flashed("Your sessions"), Others: true, More: 4, Sessions: []SessionRow{{Session: someSession, Icon: "monitor", End: "/sessions/s/end", Choose: true}}},
	"admin-sessions: some":  &AdminSessionsPage{Page: signedIn("All sessions"), Sessions: []SessionRow{{Session: someSession, Icon: "monitor", Whose: &models.User{Name: "eve", FullName: "<Eve>"}, End: "/admin/sessions/s/end"}}, Table: someTable, Found: 3, Sort: "user"},
	"dashboard: empty":      &DashboardPage{Page: signedIn("Dashboard"), Session: &someSession, Left: 100, Remaining: "24 h 0 min", Chart: someChart},
	"dashboard: everything": &DashboardPage{Page: signedIn("Dashboard"), Session: &someSession, Left: 1, Remaining: "9 min", Chart: someChart, Attention: models.Attention{Failed: 3}, Alarms: someAlarms, Factors: models.Factors{Passkeys: []models.Passkey{{ID: "x", Name: "<phone>", Copied: true}}}, Others: []SessionRow{newSessionRow(someSession, &someSession)}, More: 4, Activity: newEventRows(allEvents())},
	"setup: done":           &SetupPage{Page: render.Page{Title: "Already set up"}, Done: true},
	"second-factor: code":   &SecondFactorPage{Page: render.Page{Title: "Second step"}, Fields: factorFields(false, nil)},
	"second-factor: wrong":  &SecondFactorPage{Page: render.Page{Title: "Second step", Problem: "This code is wrong or has already been used."}, Wait: render.Wait{Seconds: 8, Words: "8 seconds"}, Fields: factorFields(false, models.ValidationError{"code": "Six digits."})},
	"second-factor: other":  &SecondFactorPage{Page: render.Page{Title: "Second step"}, Recovery: true, Fields: factorFields(true, nil)},
	"second-factor: over":   &SecondFactorPage{Page: render.Page{Title: "Second step"}, Stopped: true, Fields: factorFields(false, nil)},
	"security: passkeys": &SecurityPage{Page: protected("Security"), Offered: true, Needless: true, Factors: models.Factors{Codes: 10, CodesMade: someTime}, Passkeys: []PasskeyRow{
		{Passkey: models.Passkey{ID: "x", Name: "<phone>", Verified: true, Discoverable: models.IsDiscoverable, Added: someTime, Used: someTime}},
		{Passkey: models.Passkey{ID: "w", Name: "laptop", Verified: true, Added: someTime, Used: someTime}},
		{Passkey: models.Passkey{ID: "y", Name: "blue key", Copied: true, Added: someTime, Used: someTime}},
		{Passkey: models.Passkey{ID: "z", Name: "old", Domain: "dash.example.org", Added: someTime, Used: someTime}, Elsewhere: true}}},
	"security: no password":  &SecurityPage{Page: withoutPassword("Security"), Factors: models.Factors{Codes: 10, CodesMade: someTime}},
	"account: no password":   &AccountPage{Page: withoutPassword("Account"), Name: someFields[:1], Password: someFields[1:2]},
	"new-passkey: first":     &NewPasskeyPage{Page: signedIn("Create a passkey"), Action: "/account/security/passkeys/new", Cancel: "/account/security", Options: "{}", Fields: someFields[:1]},
	"new-passkey: refused":   &NewPasskeyPage{Page: protected("Create a passkey", "The passkey wasn't accepted."), Action: "/account/security/passkeys/new", Cancel: "/account/security", Options: "{}", Fields: someFields[:1]},
	"new-passkey: owed":      &NewPasskeyPage{Page: render.Page{Title: "Create a passkey"}, Action: "/login/second-factor/new/passkey", Cancel: "/login/second-factor/new", Options: "{}", Fields: someFields[:1]},
	"passkey: only":          &PasskeyPage{Page: withoutPassword("Phone"), Passkey: models.Passkey{ID: "x", Name: "<Phone>", Added: someTime}, Only: true, Fields: someFields[:1]},
	"passkey: one":           &PasskeyPage{Page: protected("Phone"), Passkey: models.Passkey{ID: "x", Name: "Phone", Added: someTime}, Fields: someFields[:1]},
	"passkey: last":          &PasskeyPage{Page: protected("Phone", "A second factor is required here."), Passkey: models.Passkey{ID: "x", Name: "<Phone>", Added: someTime}, Last: true, Fields: someFields[:1]},
	"login: passkeys":        &LoginPage{Page: render.Page{Title: "Sign in"}, Passkeys: true, Fields: someFields},
	"second-factor: passkey": &SecondFactorPage{Page: render.Page{Title: "Second step"}, Recovery: true, Passkey: "{}", Fields: factorFields(true, nil)},
	"confirm: must wait":     &ConfirmPage{Page: refused("Confirm it's you", "Too many wrong passkeys."), Form: waitingForm{ID: "x"}, Factor: true, Recovery: true, Passkey: "{}", Wait: render.Wait{Seconds: 8, Words: "8 seconds"}, Fields: factorFields(true, nil)},
	"confirm: passkey":       &ConfirmPage{Page: signedIn("Confirm it's you"), Form: waitingForm{ID: "x"}, Factor: true, App: true, Passkey: "{}", Fields: factorFields(false, nil)},
	"security: first":        &SecurityPage{Page: signedIn("Security")},
	"security: app":          &SecurityPage{Page: protected("Security"), Factors: models.Factors{App: &models.Authenticator{Added: someTime, Used: someTime}, Codes: 10, CodesMade: someTime}, CodeTest: factorFields(true, nil)},
	"security: tested":       &SecurityPage{Page: protected("Security", "A second factor is required here."), Factors: models.Factors{App: &models.Authenticator{Added: someTime, Used: someTime}, Codes: 2, CodesMade: someTime, CodesChecked: someTime}, CodeTest: factorFields(true, models.ValidationError{"recovery_code": "None of yours."})},
	"security: no codes":     &SecurityPage{Page: protected("Security"), Factors: models.Factors{App: &models.Authenticator{Added: someTime, Used: someTime}}},
	"new-app: shown":         &NewAppPage{Page: signedIn("Set up an authenticator app"), Action: "/account/security/app/confirm", Cancel: "/account/security", QR: someQR, Seed: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Fields: factorFields(false, nil)},
	"new-app: wrong":         &NewAppPage{Page: signedIn("Set up an authenticator app"), Action: "/account/security/app/confirm", Cancel: "/account/security", Fields: factorFields(false, models.ValidationError{"code": "This code is wrong."})},
	"new-app: owed":          &NewAppPage{Page: render.Page{Title: "Set up an authenticator app"}, Action: "/login/second-factor/new", Cancel: "/login", QR: someQR, Seed: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Fields: factorFields(false, nil)},
	"enrolment: owed":        &EnrolmentPage{Page: render.Page{Title: "Set up a second factor"}},
	"enrolment: passkeys":    &EnrolmentPage{Page: render.Page{Title: "Set up a second factor"}, Passkeys: true},
	"codes: first":           &CodesPage{Page: signedIn("Your recovery codes"), First: "passkey", Codes: someCodes, File: "data:text/plain,x", Next: "/account/security"},
	"codes: new":             &CodesPage{Page: signedIn("Your recovery codes"), Codes: someCodes, File: "data:text/plain,x", Next: "/account/security"},
	"confirm: code":          &ConfirmPage{Page: signedIn("Confirm it's you"), Form: waitingForm{ID: "x", Back: "/admin/users"}, Password: true, Factor: true, Fields: factorFields(false, nil)},
	"confirm: stopped":       &ConfirmPage{Page: signedIn("Confirm it's you"), Form: waitingForm{ID: "x"}, Factor: true, Recovery: true, Stopped: true, Fields: factorFields(true, nil)},
	"activity: no type":      &ActivityPage{Page: signedIn("Activity"), Path: "/activity", Filtered: true, Unknown: "<nonsense>"},
}

// TestEveryKindOfFieldKeepsWhatWasTyped, and tells screen readers what is wrong with it.
func TestEveryKindOfFieldKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	if err := app.render(c, "login", &LoginPage{Page: render.Page{Title: "Sign in"}, Fields: someFields}); err != nil {
		t.Fatal(err)
	}
	body := string(c.Response().Body())
	for _, part := range []string{
		`<input id="username" name="username" type="text" autocomplete="username webauthn" value="ada" autocapitalize="none" autocorrect="off" spellcheck="false" required aria-invalid="true" aria-describedby="username-error">`,
		`<label for="status">Status</label>`, `<select id="status" name="status" required aria-describedby="status-hint">`, `<option value="">Choose…</option>`,
		`<option value="open">Open</option>`, `<option value="paid" selected>&lt;Paid&gt;</option>`,
		`<textarea id="note" name="note" rows="5" aria-invalid="true" aria-describedby="note-error">` + "\n\nOne\n\n&lt;two&gt;</textarea>",
		`<input id="total" name="total" type="text" inputmode="decimal" value="12,50" required>`,
		`<input id="email" name="email" type="email" autocomplete="email" value="ada@example.org" required>`,
		`<input id="text" name="text" type="search">`, `<input id="due_on" name="due_on" type="date" value="2026-02-28" required>`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
}

var galleryMutex sync.Mutex // rendering fills in the frame of a page

// GalleryPages renders the gallery as if each page were asked for at its own address.
func GalleryPages(t *testing.T) map[string]string {
	t.Helper()
	app := newApp(t)
	galleryMutex.Lock()
	defer galleryMutex.Unlock()
	pages := make(map[string]string)
	for name, page := range gallery {
		view, _, _ := strings.Cut(name, ":")
		c := app.AcquireCtx(&fasthttp.RequestCtx{})
		c.Request().SetRequestURI("/" + strings.Replace(view, "-", "/", 1))
		if err := app.render(c, view, page); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		pages[name] = string(c.Response().Body())
		app.ReleaseCtx(c)
	}
	return pages
}

// TestTheGallery also writes the pages to its artifacts, for what checks them outside of Go.
func TestTheGallery(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for name, body := range GalleryPages(t) {
		view, _, _ := strings.Cut(name, ":")
		shown[view] = true
		if !strings.Contains(body, "<title>"+html.EscapeString(gallery[name].Frame().Title)+" · Daypass</title>") || !strings.HasSuffix(strings.TrimSpace(body), "</html>") ||
			strings.Contains(body, "<no value>") || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s: the page is not whole:\n%s", name, body)
		}
		if slots := strings.Count(body, "<main"); slots != 1 || strings.Count(body, "<h1") != 1 {
			t.Errorf("%s has %d mains and %d titles", name, slots, strings.Count(body, "<h1"))
		}
		file := strings.NewReplacer(": ", "-", " ", "-", "'", "").Replace(name) + ".html"
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), file), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	templates, err := filepath.Glob("../views/*.html")
	if err != nil || len(templates) < 4 {
		t.Fatal(templates, err)
	}
	for _, template := range templates {
		if view := strings.TrimSuffix(filepath.Base(template), ".html"); !shown[view] {
			t.Errorf("views/%s.html is not in the gallery", view)
		}
	}
}

// TestEveryTemplateFitsItsPage looks into every branch of every template, also
// those that no state of the gallery takes, for fields that its page lacks.
func TestEveryTemplateFitsItsPage(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	said := map[string]bool{}
	for name, page := range gallery {
		view, _, _ := strings.Cut(name, ":")
		template := app.renderer.Template(view)
		if template == nil {
			continue // TestTheGallery says so
		}
		if err := templatecheck.CheckHTML(template, page); err != nil {
			if wrong := render.ReadError(err).Error(); !said[wrong] {
				t.Error(wrong)
				said[wrong] = true
			}
		}
	}
}

// TestEveryRenderNamesAView reads the handlers for views that are not there.
func TestEveryRenderNamesAView(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		positions := token.NewFileSet()
		parsed, err := parser.ParseFile(positions, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			called, isMethod := call.Fun.(*ast.SelectorExpr)
			view, isText := call.Args[1].(*ast.BasicLit)
			if !isMethod || !isText || called.Sel.Name != "render" {
				return true
			}
			name := strings.Trim(view.Value, `"`)
			if _, err := os.Stat("../views/" + name + ".html"); err != nil {
				t.Errorf("handlers/%s: there is no views/%s.html", positions.Position(view.Pos()), name)
			}
			return true
		})
	}
}

// TestEveryButtonThatPostsHasANameAndAValue: Lynx sends a form without fields by
// GET, and a button without a name is no field.
func TestEveryButtonThatPostsHasANameAndAValue(t *testing.T) {
	t.Parallel()
	forms := regexp.MustCompile(`(?s)<form[^>]*method="post".*?</form>`)
	buttons := regexp.MustCompile(`<button[^>]*>`)
	field := regexp.MustCompile(` name="[^"]+" value="[^"]+"`)
	found := 0
	for _, pattern := range []string{"../views/*.html", "../views/*/*.html", "scaffold/templates/*.html.tmpl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range forms.FindAllString(string(content), -1) {
				for _, button := range buttons.FindAllString(form, -1) {
					found++
					if !field.MatchString(button) {
						t.Errorf(`%s: %s needs name="do" and a value`, file, button)
					}
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d buttons were found", found)
	}
}

// TestPasswordFormsNameTheirUser, so that password managers know whose password it is.
func TestPasswordFormsNameTheirUser(t *testing.T) {
	t.Parallel()
	forms := regexp.MustCompile(`(?s)<form.*?</form>`)
	found := 0
	for name, page := range GalleryPages(t) {
		for _, form := range forms.FindAllString(page, -1) {
			before, _, isOne := strings.Cut(form, ` type="password"`)
			if !isOne {
				continue
			}
			found++
			if !strings.Contains(before, ` name="username"`) || !strings.Contains(before, ` autocomplete="username`) {
				t.Errorf("%s: no field for the username before the password in\n%s", name, form)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d forms were found", found)
	}
}

// TestNoPageDefinesATemplate: all files share one namespace, and the last
// definition of a name would show on every page.
func TestNoPageDefinesATemplate(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"*.html", "*/*.html"} {
		files, err := filepath.Glob("../views/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			content, err := views.FS.ReadFile(strings.TrimPrefix(file, "../views/"))
			if err != nil {
				t.Fatal(err)
			}
			for _, forbidden := range []string{"{{define", "{{block", "{{embed", "{{- define"} {
				if strings.Contains(string(content), forbidden) {
					t.Errorf("%s has %s", file, forbidden)
				}
			}
		}
	}
}

// TestEveryKindOfEventIsShown: a kind without a look would show as an empty row.
func TestEveryKindOfEventIsShown(t *testing.T) {
	t.Parallel()
	for _, event := range newEventRows(allEvents()) {
		if event.Label == "" || event.Icon == "" {
			t.Errorf("%q is shown as nothing", event.Kind)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../models/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if constant, ok := node.(*ast.ValueSpec); ok {
			if of, ok := constant.Type.(*ast.Ident); ok && of.Name == "Kind" {
				kinds++
			}
		}
		return true
	})
	if kinds != len(eventLabels) {
		t.Errorf("there are %d kinds of event and %d looks", kinds, len(eventLabels))
	}
}

// layers lists the packages of the module. Each may import those in lines below its
// own, and of the libraries not those that its line names.
var layers = []struct {
	packages  []string
	forbidden []string
}{
	{packages: []string{"."}, forbidden: slices.Concat(sqlLibraries, []string{"net/http"})},
	{packages: []string{"handlers/sitetest"}}, // for tests
	{packages: []string{"handlers/command"}},
	{packages: []string{"handlers"}, forbidden: sqlLibraries},
	{packages: []string{"handlers/session", "handlers/identity"}, forbidden: sqlLibraries},
	{packages: []string{"handlers/cache", "handlers/render"}, forbidden: sqlLibraries},
	{packages: []string{"handlers/web"}, forbidden: sqlLibraries},
	{packages: []string{"handlers/scaffold"}}, // tries migrations out
	{packages: []string{"models"}, forbidden: httpLibraries},
	{packages: []string{"models/database", "models/encryption", "models/password"}, forbidden: httpLibraries},
	{packages: []string{"models/database/databasetest"}}, // for tests
	{packages: []string{"views", "public"}, forbidden: slices.Concat(sqlLibraries, httpLibraries)},
}

var (
	httpLibraries = []string{"net/http", "github.com/gofiber/fiber", "github.com/valyala/fasthttp"}
	sqlLibraries  = []string{"database/sql", "github.com/jmoiron/sqlx", "github.com/mattn/go-sqlite3", "github.com/jackc/pgx", "github.com/gofiber/storage"}
)

// TestTheImportsRunOneWay: down the list of layers, which has every package. So
// models know no HTTP, the packages that pages stand on know no page, and handlers
// write no SQL.
func TestTheImportsRunOneWay(t *testing.T) {
	t.Parallel()
	layerOf := make(map[string]int)
	for i, layer := range layers {
		for _, name := range layer.packages {
			layerOf[name] = i
		}
	}
	seen := make(map[string]bool)
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../")
		if folder == ".." {
			folder = "."
		}
		layer, known := layerOf[folder]
		if !known {
			return fmt.Errorf("%s is in no layer: add its package to layers", file)
		}
		seen[folder] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imported := range parsed.Imports {
			path := strings.Trim(imported.Path.Value, `"`)
			if name, ours := strings.CutPrefix(path, "daypass/"); ours && layerOf[name] <= layer {
				t.Errorf("%s imports %s, which is not below it", file, path)
			}
			for _, library := range layers[layer].forbidden {
				if path == library || strings.HasPrefix(path, library+"/") {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != len(layerOf) {
		t.Errorf("%d packages are there, and %d are in layers", len(seen), len(layerOf))
	}
}

// TestEveryErrorHasAPage names the statuses that a person can meet.
func TestEveryErrorHasAPage(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	for _, status := range []int{400, 403, 404, 405, 408, 409, 413, 429, 431, 500, 503} {
		c := app.AcquireCtx(&fasthttp.RequestCtx{})
		if err := app.fail(c, fiber.NewError(status, "what nobody should read")); err != nil {
			t.Error(err)
		}
		body := string(c.Response().Body())
		if c.Response().StatusCode() != status || titles[status] == "" || !strings.Contains(body, html.EscapeString(titles[status])) || strings.Contains(body, "nobody should read") {
			t.Errorf("%d: %s", status, body)
		}
		app.ReleaseCtx(c)
	}
}

func FuzzNext(f *testing.F) {
	app := newApp(f)
	for _, seed := range []string{"", "/", "//", "/dashboard", "/\\x", "https://x", "/dashboard?x=//y", "/\x00", "/%2f%2fx", "javascript:", "/dashboard#//x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		to := app.nextOf(next)
		if to == "" {
			return
		}
		here := &url.URL{Scheme: "https", Host: "dash.example.org", Path: "/login"}
		there, err := here.Parse(to)
		if err != nil || there.Host != here.Host || there.Scheme != here.Scheme || strings.ContainsAny(to, "\r\n\t\x00") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") {
			t.Errorf("%q leads to %q", next, to)
		}
	})
}

func TestFormsAreReadFromTheBodyAlone(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	c.Request().SetRequestURI("/login?username=eve")
	c.Request().Header.SetMethod("POST")
	c.Request().Header.SetContentType("application/x-www-form-urlencoded")
	c.Request().SetBodyString("username=ada")
	if got := web.Form(c, "username"); got != "ada" {
		t.Errorf("the username is %q", got)
	}
}
