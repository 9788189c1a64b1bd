package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// adminActs are what an administrator may post, by route. A path that stands for
// several acts lists them.
func adminActs(eve *models.User, session string) map[string][]string {
	at := "/admin/users/" + eve.ID + "/"
	return map[string][]string{
		"/admin/users/new":         {"/admin/users/new"},
		"/admin/users/:id/:act":    {at + "link", at + "make-admin", at + "make-member", at + "disable", at + "enable", at + "end-sessions", at + "reset-second-factor", at + "allow-codes", at + "remove"},
		"/admin/sessions/:id/end":  {"/admin/sessions/" + session + "/end"},
		"/admin/sessions/end":      {"/admin/sessions/end"},
		"/admin/users/selected":    {"/admin/users/selected"},
		"/admin/sessions/selected": {"/admin/sessions/selected"},
	}
}

// everyAct calls do for each act of each POST route of the administration.
func everyAct(site *sitetest.Site, eve *models.User, session string, do func(path string)) {
	site.T.Helper()
	acts := adminActs(eve, session)
	for _, route := range site.App.GetRoutes(true) {
		if route.Method != http.MethodPost || !strings.HasPrefix(route.Path, "/admin") {
			continue
		}
		if len(acts[route.Path]) == 0 {
			site.T.Errorf("adminActs has no act of POST %s: add one", route.Path)
		}
		for _, path := range acts[route.Path] {
			do(path)
		}
	}
}

// TestEveryActOfTheAdministrationAsksForThePasswordAgain: each alone, so that
// an open page of an administrator is no way to anybody's account.
func TestEveryActOfTheAdministrationAsksForThePasswordAgain(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada, other := site.SignIn("ada"), site.SignedIn("root", models.Admin)
	site.SignedIn("eve", models.Member)
	eve, sessions := site.User("eve"), site.SessionsOf("eve")
	site.Advance(16 * time.Minute)

	// What another administrator confirmed, or the same one in another session, counts there alone.
	other.Confirm(other.Post("/admin/users/"+eve.ID+"/enable"), sitetest.Password).LeadsTo("/admin/users/" + eve.ID)
	site.SignIn("ada")

	before := sitetest.Tables(t, site.File)
	everyAct(site, eve, sessions[0].ID, func(path string) {
		for _, wrong := range []string{"", "not the password"} {
			page := ada.Confirm(ada.Post(path, "username", "bob", "role", "member", "id", eve.ID, "id", sessions[0].ID, "act", "disable", "do", "Do <it>"), wrong).Says("Do &lt;it&gt;").Says("Cancel")
			if page.Response.StatusCode == 429 {
				page.Says("You can try again") // it has been tried often enough by now
			} else if page.Answers(422); wrong != "" {
				page.Says("not your current password").SaysNot(wrong)
			}
		}
	})
	after := sitetest.Tables(t, site.File)
	for _, table := range []string{
		"session_values",     // where the form waits
		"failures", "events", // of wrong passwords
		"users", "lineage", // whose versions change with them
		"sessions", // which are marked as seen
	} {
		delete(after, table)
	}
	if changed := sitetest.Changed(before, after); changed != "" {
		t.Errorf("without the password %s", changed)
	}
	if left := site.Count(`SELECT COUNT(*) FROM sessions`); left != 4 {
		t.Errorf("of 4 sessions %d are left", left)
	}
	if users, err := site.DB.Users(t.Context(), models.UserFilter{}); err != nil || len(users) != 3 || users[1].IsAdmin() || users[1].Disabled {
		t.Errorf("the users are %+v, %v", users, err)
	}
	for _, path := range []string{"/admin", "/admin/users", "/admin/users/" + eve.ID, "/admin/users/new", "/admin/sessions", "/admin/activity"} {
		ada.Get(path).Answers(200) // looking is free
	}
}

// TestFormsOfSeveralTabsWait: each is handled once, in any order, and the latest of them are
// kept. A form that nobody sent is none.
func TestFormsOfSeveralTabsWait(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	site.Advance(models.ConfirmedFor)
	var tabs []*sitetest.Answer
	for i := range models.MaxWaitingForms + 1 {
		user := site.AddUser(fmt.Sprint("user", i), models.Member)
		tabs = append(tabs, ada.ConfirmPage(ada.Post("/admin/users/"+user.ID+"/disable")))
		site.Advance(time.Second)
	}
	if waiting := site.Count(`SELECT COUNT(*) FROM session_values`); waiting != models.MaxWaitingForms {
		t.Errorf("%d forms wait", waiting)
	}
	ada.SendConfirmation(tabs[0], "current", sitetest.Password).Answers(303)
	ada.Get("/dashboard").Says("later ones took its place")
	disabled := func() int { return site.Count(`SELECT COUNT(*) FROM users WHERE disabled`) }
	for i, tab := range []*sitetest.Answer{tabs[3], tabs[1], tabs[2]} {
		ada.SendConfirmation(tab, "current", sitetest.Password).Answers(303)
		ada.SendConfirmation(tab, "current", sitetest.Password).Answers(303)
		if disabled() != i+1 {
			t.Errorf("after %d forms %d users are disabled", i+1, disabled())
		}
	}
	if waiting := site.Count(`SELECT COUNT(*) FROM session_values WHERE name LIKE 'waiting form %'`); waiting != models.MaxWaitingForms-3 {
		t.Errorf("%d forms wait still", waiting)
	}
	for _, id := range []string{"", "x", "%00", "%ff", strings.Repeat("x", 4000)} {
		ada.Get("/confirm?form=" + id + "&next=/account").LeadsTo("/account")
	}
}

// TestStrangersKeepNobodyFromConfirming, from changing the password, or from
// leaving: whoever is signed in is known in that browser.
func TestStrangersKeepNobodyFromConfirming(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	root := site.AddUser("root", models.Admin)
	site.Advance(16 * time.Minute)
	for range 5 {
		site.Visitor().Login("ada", "not the password").Answers(422)
	}
	site.Visitor().Login("ada", sitetest.Password).Answers(429)
	ada.Confirm(ada.Post("/admin/users/"+root.ID+"/enable"), sitetest.Password).Answers(303)
	ada.Post("/account/password", "current", sitetest.Password, "password", "another walk in the grass").LeadsTo("/account")
	ada.Post("/account/remove", "current", "another walk in the grass").LeadsTo("/login?left=1")
}

// TestEveryActOfTheAdministrationHasAnAuthor: all are somebody's in the activity.
func TestEveryActOfTheAdministrationHasAnAuthor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada, self := site.SignIn("ada"), site.User("ada")
	seen := 0
	everyAct(site, self, "x", func(path string) { // each on a site as if it were the first
		name := "eve" + strings.Repeat("x", seen)
		seen++
		browser := site.SignedIn(name, models.Member)
		eve, sessions := site.User(name), site.SessionsOf(name)
		path = strings.ReplaceAll(strings.ReplaceAll(path, self.ID, eve.ID), "/x/", "/"+sessions[0].ID+"/")
		switch { // what changes nothing is no event
		case strings.HasSuffix(path, "/enable"):
			sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, true, models.CommandLine))
		case strings.HasSuffix(path, "/reset-second-factor"):
			browser.SetUpApp()
		case strings.HasSuffix(path, "/allow-codes"):
			site.Change(`INSERT INTO code_failures (user_id, device, count, last) VALUES ('` + eve.ID + `', '', 100, 1)`)
		case strings.HasSuffix(path, "/make-member"):
			sitetest.Must(t, site.DB.SetRole(t.Context(), eve, models.Admin, models.CommandLine))
		}
		site.Advance(61 * time.Second) // so that nothing is counted in the row of another act
		before := rowsOf(site.Query(`SELECT * FROM events`))
		if answer := ada.Post(path, "username", "guest"+name, "role", "member", "id", eve.ID, "id", sessions[0].ID, "act", "disable"); answer.Response.StatusCode != 200 && answer.Response.StatusCode != 303 {
			t.Fatalf("%s answered %d", path, answer.Response.StatusCode)
		}
		found := false
		for row := range rowsOf(site.Query(`SELECT * FROM events`)) {
			found = found || !before[row] && strings.Contains(row, " "+self.ID+" ")
		}
		if !found {
			t.Errorf("%s left no event of ada's", path)
		}
		if strings.HasSuffix(path, "/admin/sessions/end") { // hers, too
			ada = site.SignIn("ada")
		}
		ada.Get("/admin/activity").Answers(200).Says("by <bdi>ada</bdi>")
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
