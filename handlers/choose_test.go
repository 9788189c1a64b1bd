package handlers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestSeveralSessionsAreEndedAtOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	ids := func(sessions []models.Session) (pairs []string) {
		for _, session := range sessions {
			pairs = append(pairs, "id", session.ID)
		}
		return pairs
	}
	query := func(pairs []string) string {
		return "?id=" + strings.ReplaceAll(strings.Join(pairs[1:], "&"), "&id&", "&id=")
	}

	var hers []*sitetest.Browser
	for range 4 {
		hers = append(hers, site.SignIn("eve"))
	}
	mine := hers[0]
	others := slices.DeleteFunc(site.SessionsOf("eve"), func(session models.Session) bool {
		return strings.Contains(mine.Get("/dashboard").Body, "session="+session.ID)
	})
	mine.Get("/sessions").Says(`form="choose" name="id" value="` + others[0].ID + `"`)
	chosen := ids(others[:2])
	site.WroteNothing(func() {
		mine.Get("/sessions/selected" + query(chosen)).Answers(200).Says("End 2 sessions").Says("these sessions").Says(others[1].ID)
	})
	mine.Get("/sessions/selected").Answers(200).Says("Nothing is selected").SaysNot("End 0")

	// Of those that were chosen, one ends meanwhile, and one is somebody else's.
	sitetest.Must(t, site.DB.EndSession(t.Context(), &others[1], models.ClientInfo{}))
	ada := site.SignIn("ada")
	foreign := ids(site.SessionsOf("ada"))
	mine.Get("/sessions/selected" + query(foreign)).Says("Nothing is selected")
	mine.Post("/sessions/selected", append(chosen, foreign...)...).LeadsTo("/sessions")
	mine.Get("/sessions").Says("1 session ended.")
	if left := len(site.SessionsOf("eve")); left != 2 {
		t.Errorf("eve has %d sessions, not 2", left)
	}
	ada.Get("/dashboard").Answers(200)

	// An administrator ends anybody's, and is asked by the same page.
	chosen = ids(site.SessionsOf("eve"))
	ada.Get("/admin/sessions").Says(`<input type="checkbox" name="id" value="` + chosen[1] + `"`)
	ada.Get("/admin/sessions/selected" + query(chosen)).Answers(200).Says("End 2 sessions").Says("eve")
	mine.Post("/admin/sessions/selected", chosen...).Answers(403)
	ada.Post("/admin/sessions/selected", chosen...).LeadsTo("/admin/sessions")
	ada.Get("/admin/sessions").Says("2 sessions ended.")
	mine.Get("/dashboard").LeadsToSignIn()
	if ended := site.Count(`SELECT SUM(count) FROM events WHERE kind = 'session ended' AND user_id = '` + eve.ID + `' AND author_id <> ''`); ended != 2 {
		t.Errorf("%d ends are recorded as those of the administrator", ended)
	}

	// One's own session among them ends, too.
	ada.Get("/admin/sessions/selected" + query(foreign)).Says("signed out here, too")
	ada.Post("/admin/sessions/selected", foreign...).LeadsTo("/login?left=1")

	var many []string
	for i := range models.MaxChosen + 1 {
		many = append(many, "id", fmt.Sprint("x", i))
	}
	site.SignIn("ada").Post("/admin/sessions/selected", many...).Answers(400)
}

func TestSeveralUsersAreDisabledAndEnabledAtOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	var chosen []string
	for _, name := range []string{"bob", "eve", "joe"} {
		chosen = append(chosen, "id", site.AddUser(name, models.Member).ID)
	}
	hers := site.SignIn("eve")
	ada := site.SignIn("ada")
	at := "/admin/users/selected?id=" + chosen[1] + "&id=" + chosen[3]
	ada.Get(at + "&act=disable").Answers(200).Says("can't sign in until you enable the accounts again").Says("Disable 2 users")
	ada.Get(at + "&act=enable").Answers(200).Says("stays as it is").SaysNot("Enable 2 users")
	ada.Get(at + "&act=remove").Answers(404)
	ada.Post("/admin/users/selected", append(chosen, "act", "remove")...).Answers(404)
	hers.Post("/admin/users/selected", append(chosen, "act", "disable")...).Answers(403)

	// With the last administrator among them, none is disabled.
	all := append(chosen, "id", site.User("ada").ID)
	ada.Post("/admin/users/selected", append(all, "act", "disable")...).Answers(422).Says("The last administrator is among them").Says("This includes your own account.")
	hers.Get("/dashboard").Answers(200)

	sitetest.Must(t, site.DB.SetDisabled(t.Context(), site.User("bob"), true, models.CommandLine))
	ada.Get(at + "&id=" + site.User("bob").ID + "&act=enable").Says("Enable 1 user<").Says("stays as it is")
	ada.Post("/admin/users/selected", append(chosen, "act", "disable")...).LeadsTo("/admin/users")
	ada.Get("/admin/users").Says("2 users disabled.")
	hers.Get("/dashboard").LeadsToSignIn()
	if events := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'user disabled'`); events != 3 {
		t.Errorf("%d events, not 3", events)
	}
	ada.Post("/admin/users/selected", append(chosen, "act", "enable", "id", "nobody")...).LeadsTo("/admin/users")
	ada.Get("/admin/users").Says("3 users enabled.")
	site.SignIn("eve").Get("/dashboard").Answers(200)
}

// TestChoosingInARealBrowser with and without the script, which adds a checkbox that
// selects all.
func TestChoosingInARealBrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			site := sitetest.Start(t)
			site.AddUser("eve", models.Member)
			site.SignIn("eve")
			site.SignIn("ada")
			site.SignIn("ada")
			w := sitetest.Chromium(t, 1280, 800, false)
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			w.SignIn(site.URL)
			w.Open(site.URL + "/sessions")
			if shown := sitetest.Evaluate[bool](w, `document.querySelector("[data-all]").checkVisibility()`); shown != script {
				t.Errorf("a checkbox for all sessions is shown: %t", shown)
			}
			if script {
				w.Click("[data-all]", false)
				w.WaitFor(`document.querySelector("output").innerText == "3 selected"`)
				w.Click("li:first-child [name=id]", false) // but this one
				w.WaitFor(`document.querySelector("output").innerText == "2 selected" && document.querySelector("[data-all]").indeterminate`)
				sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.EmulateViewport(390, 300)))
				// In sight while the end of the list is not.
				if below := sitetest.Evaluate[float64](w, `scrollTo(0, document.querySelector("article").offsetTop), document.querySelector(".acts").getBoundingClientRect().bottom - innerHeight`); below > 1 {
					t.Errorf("the bar is %.0f px below the window", below)
				}
				sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.EmulateViewport(1280, 800)))
			} else {
				w.Click("li:nth-child(2) [name=id]", false)
				w.Click("li:nth-child(3) [name=id]", false)
			}
			w.Click("#choose button", true)
			w.Click("button.danger", true)
			w.Shows(site.URL+"/sessions", sitetest.Evaluate[string](w, "document.activeElement.id"))
			if shown := sitetest.Evaluate[string](w, "document.body.innerText"); !strings.Contains(shown, "2 sessions ended.") {
				t.Errorf("the page says:\n%s", shown)
			}
			w.Open(site.URL + "/admin/users")
			if shown := sitetest.Evaluate[bool](w, `document.querySelector("[data-all]").checkVisibility()`); shown != script {
				t.Errorf("a checkbox for all is shown: %t", shown)
			}
			if script {
				w.Click("[data-all]", false)
				w.Click("tbody tr:first-child [name=id]", false) // but ada
				w.WaitFor(`document.querySelector("output").innerText == "1 selected"`)
			} else {
				w.Click("tbody tr:nth-child(2) [name=id]", false)
			}
			w.Click("[value=disable]", true)
			w.Click("button.danger", true)
			if !site.User("eve").Disabled || site.User("ada").Disabled {
				t.Error("eve was to be disabled, and nobody else")
			}
		})
	}
}
