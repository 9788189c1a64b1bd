package handlers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"daypass/models"
)

// adminActs are what an administrator may post, by route. A path that stands for
// several acts lists them.
func adminActs(eve *models.User, session string) map[string][]string {
	at := "/admin/users/" + eve.ID + "/"
	return map[string][]string{
		"/admin/users/new":        {"/admin/users/new"},
		"/admin/users/:id/:act":   {at + "link", at + "make-admin", at + "make-member", at + "disable", at + "enable", at + "end-sessions", at + "remove"},
		"/admin/sessions/:id/end": {"/admin/sessions/" + session + "/end"},
		"/admin/sessions/end":     {"/admin/sessions/end"},
	}
}

// everyAct calls do for each act of each POST route of the administration.
func everyAct(t *testing.T, app *App, eve *models.User, session string, do func(path string)) {
	t.Helper()
	acts := adminActs(eve, session)
	for _, route := range app.GetRoutes(true) {
		if route.Method != http.MethodPost || !strings.HasPrefix(route.Path, "/admin") {
			continue
		}
		if len(acts[route.Path]) == 0 {
			t.Errorf("adminActs has no act of POST %s: add one", route.Path)
		}
		for _, path := range acts[route.Path] {
			do(path)
		}
	}
}

// sessionsOf are the sessions of a user.
func sessionsOf(t *testing.T, app *App, name string) (*models.User, []models.Session) {
	t.Helper()
	user, err := app.db.User(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	sessions, _, err := app.db.SessionsOf(t.Context(), user, 10)
	if err != nil {
		t.Fatal(err)
	}
	return user, sessions
}

const testPassword = "a walk in the wet grass" // of those whom signedIn signs in

// TestEveryActOfTheAdministrationAsksForThePasswordAgain: each alone, so that
// an open page of an administrator is no way to anybody's account.
func TestEveryActOfTheAdministrationAsksForThePasswordAgain(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	ada, other := site.signedIn("ada", models.Admin), site.signedIn("root", models.Admin)
	site.signedIn("eve", models.Member)
	eve, sessions := sessionsOf(t, site.app, "eve")
	site.later(16 * time.Minute)

	// What another administrator confirmed, or the same one in another session, counts there alone.
	other.post("/admin/users/"+eve.ID+"/enable", "confirm", testPassword).answers(303)
	elsewhere := site.with(ada.cookie)
	elsewhere.cookie, _, _ = strings.Cut(site.post("/login", "username", "ada", "password", testPassword).header.Get("Set-Cookie"), ";")

	before := site.tables()
	everyAct(t, site.app, eve, sessions[0].ID, func(path string) {
		for _, wrong := range []string{"", "not the password"} {
			pairs := []string{"username", "bob", "role", "member"}
			if wrong == "" {
				ada.post(path, pairs...).answers(403).says("Confirm it's you").says(`action="` + path + `"`).says(`name="username" value="bob"`)
				continue
			}
			page := ada.post(path, append(pairs, "confirm", wrong)...)
			if page.status == 429 {
				break // it has been tried often enough by now
			}
			page.answers(422).says("not your current password").saysNot(wrong)
		}
	})
	after := site.tables()
	for _, counted := range []string{"failures", "events"} { // of wrong passwords
		delete(after, counted)
	}
	after["users"], before["users"] = "", "" // their version changes with their events
	if changed := changedTables(before, after); changed != "" {
		t.Errorf("without the password %s", changed)
	}
	if users, err := site.app.db.Users(t.Context()); err != nil || len(users) != 3 || users[1].IsAdmin() || users[1].Disabled {
		t.Errorf("the users are %+v, %v", users, err)
	}
	for _, path := range []string{"/admin", "/admin/users", "/admin/users/" + eve.ID, "/admin/users/new", "/admin/sessions", "/admin/activity"} {
		ada.visit(path).answers(200) // looking is free
	}
}

// TestStrangersKeepNobodyFromConfirming, from changing the password, or from
// leaving: whoever is signed in is known in that browser.
func TestStrangersKeepNobodyFromConfirming(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	site.signedIn("root", models.Admin)
	ada := site.signedIn("ada", models.Admin)
	eve, _ := sessionsOf(t, site.app, "root")
	site.later(16 * time.Minute)
	for range 5 {
		site.post("/login", "username", "ada", "password", "not the password").answers(422)
	}
	site.post("/login", "username", "ada", "password", testPassword).answers(429)
	ada.post("/admin/users/"+eve.ID+"/enable", "confirm", testPassword).answers(303)
	changed := ada.post("/account/password", "current", testPassword, "password", "another walk in the grass").leadsTo("/account")
	ada.cookie, _, _ = strings.Cut(changed.header.Get("Set-Cookie"), ";")
	ada.post("/account/remove", "current", "another walk in the grass").leadsTo("/login?left=1")
}

// TestEveryActOfTheAdministrationHasAnAuthor: all are somebody's in the activity.
func TestEveryActOfTheAdministrationHasAnAuthor(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	ada := site.signedIn("ada", models.Admin)
	self, _ := sessionsOf(t, site.app, "ada")
	seen := 0
	everyAct(t, site.app, self, "x", func(path string) { // each on a site as if it were the first
		name := "eve" + strings.Repeat("x", seen)
		seen++
		site.signedIn(name, models.Member)
		eve, sessions := sessionsOf(t, site.app, name)
		path = strings.ReplaceAll(strings.ReplaceAll(path, self.ID, eve.ID), "/x/", "/"+sessions[0].ID+"/")
		site.later(61 * time.Second) // so that nothing is counted in the row of another act
		before := rowsOf(site.tables()["events"])
		if answer := ada.post(path, "username", "guest"+name, "role", "member"); answer.status != 200 && answer.status != 303 {
			t.Fatalf("%s answered %d", path, answer.status)
		}
		found := false
		for row := range rowsOf(site.tables()["events"]) {
			found = found || !before[row] && strings.Contains(row, " "+self.ID+" ")
		}
		if !found {
			t.Errorf("%s left no event of ada's", path)
		}
		if strings.HasSuffix(path, "/admin/sessions/end") { // hers, too
			ada.cookie, _, _ = strings.Cut(site.post("/login", "username", "ada", "password", testPassword).header.Get("Set-Cookie"), ";")
		}
		ada.visit("/admin/activity").answers(200).says("by <bdi>ada</bdi>")
	})
	if seen < 10 {
		t.Errorf("only %d acts were tried", seen)
	}
}

// rowsOf takes the text of a table apart.
func rowsOf(table string) map[string]bool {
	rows := make(map[string]bool)
	for _, row := range strings.Split(table, "\n") {
		rows[row] = true
	}
	return rows
}
