package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// owing signs in after the time of grace is over.
func owing(t *testing.T, set ...func(*handlers.Config)) (*sitetest.Site, *sitetest.Browser) {
	t.Helper()
	site := sitetest.Start(t, append(set, requiredFor(models.Everybody, 0))...)
	b := site.Visitor()
	b.Post("/login", "username", "ada", "password", sitetest.Password, "next", "/sessions").LeadsTo("/login/second-factor/new")
	return site, b
}

// made fills in the form of a page that creates a passkey.
func made(d *sitetest.Device, page *sitetest.Answer, name string) []string {
	page.T.Helper()
	return []string{"name", name, "handle", page.First(`name="handle" value="(\w+)"`), "passkey", d.Make(page.Options())}
}

// TestS35APasskeyIsTheSecondFactorThatIsOwed, with which the session begins.
func TestS35APasskeyIsTheSecondFactorThatIsOwed(t *testing.T) {
	t.Parallel()
	site, ada := owing(t, sitetest.OnLocalhost)
	site.StopClock()
	const at = "/login/second-factor/new/passkey"
	ada.Get("/login/second-factor/new").Answers(200).Says(`href="` + at + `"`)
	page := ada.Get(at).Answers(200).SetsNoCookie()
	key := aDevice(site, true, true)
	late := made(aDevice(site, true, true), page, "late")
	ada.Post(at, late[:2]...).Answers(422).Says("accepted, or too much time has passed")
	ada.Post(at, append(late[2:], "name", "")...).Answers(422).Says("Required.")

	other := site.Visitor() // whose challenge is another's
	other.Login("ada", sitetest.Password).LeadsTo("/login/second-factor/new")
	ada.Post(at, made(aDevice(site, true, true), other.Get(at), "another's")...).Answers(422)
	ada.Get("/dashboard").LeadsToSignIn()

	answer := made(key, ada.Get(at), "phone")
	ada.Post(at, answer...).Answers(200).Says("The passkey was added").Says(`href="/sessions"`)
	ada.Get("/sessions").Answers(200).Says("with password and passkey")
	other.Get(at).LeadsTo("/login?late=1")
	ada.Post(at, answer...).LeadsTo("/login")
	ada.Post("/logout")
	ada.SignInAlone(key).LeadsTo("/dashboard")
}

// TestWhereBrowsersOfferNoPasskeysTheAppIsOwed.
func TestWhereBrowsersOfferNoPasskeysTheAppIsOwed(t *testing.T) {
	t.Parallel()
	site, ada := owing(t)
	ada.Get("/login/second-factor/new").Answers(200).SaysNot("asskey")
	ada.Get("/login/second-factor/new/passkey").LeadsTo("/login/second-factor/new")
	ada.Post("/login/second-factor/new/passkey", "name", "phone").Answers(404)
	ada.Login("ada", sitetest.Password).LeadsTo("/login/second-factor/new")
	enrols(site, ada)
}

// TestAPasskeyIsOfferedOnTheWayIn to those with the script, below the app.
func TestAPasskeyIsOfferedOnTheWayIn(t *testing.T) {
	t.Parallel()
	const link = `a[href="/login/second-factor/new/passkey"]`
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t, sitetest.OnLocalhost, requiredFor(models.Everybody, 0))
			w := sitetest.Chromium(t, 390, 800, false) // after the site, so that it ends before
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			at := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
			w.SignIn(at)
			w.Shows(at+"/login/second-factor/new", "")
			if !script {
				if sitetest.Evaluate[bool](w, `document.querySelector('`+link+`').checkVisibility()`) {
					t.Error("a passkey is offered")
				}
				w.Open(at + "/login/second-factor/new/passkey")
				w.WaitFor(`document.body.innerText.includes("Passkeys need JavaScript")`)
				return
			}
			w.WaitFor(`document.querySelector('` + link + `').checkVisibility()`)
			w.Look("second factor owed")
			if !sitetest.Evaluate[bool](w, `document.querySelector("main button").getBoundingClientRect().bottom <= document.querySelector('`+link+`').getBoundingClientRect().top`) {
				t.Error("the app is not the first")
			}
			w.Key(true, false)
			w.Click(link, true)
			w.Look("passkey owed")
			w.Into("#name", "phone")
			w.Click("[data-passkey]", false)
			w.WaitFor(`!!document.querySelector("#shown-once")`)
			if opened := site.Count(`SELECT COUNT(*) FROM sessions WHERE method = 'password and passkey'`); opened != 1 {
				t.Errorf("%d sessions were opened", opened)
			}
		})
	}
}
