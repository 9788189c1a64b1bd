package handlers_test

import (
	"strings"
	"testing"

	"daypass/handlers/sitetest"
)

// TestFlowsInFirefox, and TestFlowsInWebKit, go through what most people do most often.
func TestFlowsInFirefox(t *testing.T) {
	t.Parallel()
	mainFlows(t, sitetest.Firefox(t))
}

func TestFlowsInWebKit(t *testing.T) {
	t.Parallel()
	mainFlows(t, sitetest.WebKit(t))
}

func mainFlows(t *testing.T, w *sitetest.Driven) {
	t.Helper()
	site := sitetest.StartEmpty(t)

	// The first account.
	w.Open(site.URL + "/setup?token=the+link+of+the+terminal")
	w.Click("#username")
	w.Press("ada\tAda Lovelace")
	w.Click("#password")
	w.Press(sitetest.Password + "\n")
	w.Shows(site.URL + "/dashboard")
	w.Says("Hello, Ada Lovelace")

	// A chart says its figures.
	w.Click(".chart label:nth-last-child(1)")
	w.WaitFor(`document.querySelector(".chart label:nth-last-child(1) input").checked`)

	// Out, and in again with a mistake.
	signOut(w)
	w.Shows(site.URL + "/login?left=1")
	w.Click("#username")
	w.Press("ada")
	w.Click("#password")
	w.Press("not the password\n")
	w.Says("Wrong username or password.")
	w.Click("#password")
	w.Press(sitetest.Password + "\n")
	w.Shows(site.URL + "/dashboard")

	// A session elsewhere is ended.
	elsewhere := site.SignIn("ada")
	w.Open(site.URL + "/sessions")
	w.Click("article li:nth-child(2) summary")
	w.Click("article li:nth-child(2) .sure button")
	w.Says("The session was ended.")
	elsewhere.Get("/dashboard").LeadsToSignIn()

	// The account.
	w.Open(site.URL + "/account")
	w.Click("#full_name")
	w.Evaluate(`(document.querySelector("#full_name").select(), "")`)
	w.Press("Countess of Lovelace\n")
	w.Says("Your name was changed.")

	// The administration: somebody is invited.
	w.Click(`.bar a[href="/admin"]`)
	w.Shows(site.URL + "/admin")
	w.Open(site.URL + "/admin/users/new")
	w.Click("#username")
	w.Press("eve\n")
	w.WaitFor("document.getElementById('link')")
	if link := w.Evaluate("document.getElementById('link').value"); !strings.HasPrefix(link, site.URL+"/link?token=") {
		t.Errorf("the link is %q", link)
	}

	// The way back does not show what was signed out of.
	w.Open(site.URL + "/dashboard?from=bookmark")
	w.Says("Hello, Countess of Lovelace")
	signOut(w)
	w.Shows(site.URL + "/login?left=1")
	w.Back()
	w.Shows(site.URL + "/login?next=%2Fdashboard%3Ffrom%3Dbookmark")
}

// signOut uses the button, which is in a menu.
func signOut(w *sitetest.Driven) {
	w.Click("details.account > summary")
	w.Click(`form[action="/logout"] button`)
}
