package handlers_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// signedInWindow is a window in which ada is signed in.
func signedInWindow(site *sitetest.Site) *sitetest.Window {
	w := sitetest.Chromium(site.T, 1280, 800, false)
	w.SignIn(site.URL)
	w.WaitFor("location.pathname == '/dashboard'")
	return w
}

// TestAFormWaitsForThePasswordInARealBrowser: the page names the change, Cancel leads
// back, and so does going back afterwards, without a question.
func TestAFormWaitsForThePasswordInARealBrowser(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	w := signedInWindow(site)
	site.Advance(16 * time.Minute)
	at := site.URL + "/admin/users/" + eve.ID
	disable := fmt.Sprintf(`form[action="/admin/users/%s/disable"] button`, eve.ID)
	open := fmt.Sprintf(`document.querySelector('%s').closest("details").open = true`, disable)
	w.Open(at)
	sitetest.Evaluate[any](w, open)
	w.Click(disable, true)
	w.WaitFor(`location.pathname == "/confirm" && document.querySelector("main").textContent.includes("Disable eve")`)
	w.Click(`main form a.button`, true)
	w.WaitFor(fmt.Sprintf("location.href == %q", at))
	sitetest.Evaluate[any](w, open)
	w.Click(disable, true)
	w.WaitFor(`location.pathname == "/confirm"`)
	w.Press(sitetest.Password)
	w.Enter()
	w.WaitFor(fmt.Sprintf(`location.href == %q && document.querySelector(".message.good") == document.activeElement`, at))
	if !site.User("eve").Disabled {
		t.Error("it was not done")
	}
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, false, models.CommandLine))
	chromedp.Run(w.Ctx, chromedp.Evaluate[any]("history.back()"))
	w.WaitFor(fmt.Sprintf("location.href == %q && document.readyState == 'complete'", at))
	if site.User("eve").Disabled {
		t.Error("going back did it again")
	}
}

// TestWhatWasTypedOutlivesTheSession: the page says that the session has ended, keeps
// what was typed, and the form continues after the sign-in.
func TestWhatWasTypedOutlivesTheSession(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, func(c *handlers.Config) { c.Lifetime = 20 * time.Second })
	w := signedInWindow(site)
	w.Open(site.URL + "/account")
	w.WaitFor(`document.getElementById("ending").textContent.includes("Sign in again in another tab")`)
	w.Into("#full_name", "Ada King")
	w.WaitFor(`document.getElementById("ending").textContent.includes("What you typed is still here")`)
	w.Click(`form[action="/account/name"] button`, true)
	w.WaitFor(`document.querySelector("main").textContent.includes("Save name")`)
	w.Press("ada\t" + sitetest.Password)
	w.Enter()
	w.WaitFor(`location.pathname == "/confirm" && document.querySelector("main").textContent.includes("Ada King")`)
	w.Click(`form[action="/confirm"] button`, true)
	w.WaitFor(`location.pathname == "/account" && document.querySelector(".message.good")?.textContent.includes("Your name was changed.")`)
	if user := site.User("ada"); user.FullName != "Ada King" {
		t.Errorf("the name is %q", user.FullName)
	}
}

// TestWhatWasTypedOutlivesAnotherSignIn of the same user, in another tab.
func TestWhatWasTypedOutlivesAnotherSignIn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	w := signedInWindow(site)
	w.Open(site.URL + "/account")
	w.Into("#full_name", "Ada King")
	before := sitetest.Evaluate[string](w, "document.body.dataset.events")
	sitetest.Evaluate[any](w, `globalThis.channels = [], BroadcastChannel = class extends BroadcastChannel { constructor(name) { super(name); channels.push(name) } }, 0`)
	tab := w.Tab(true)
	tab.Open(site.URL + "/login?again=1")
	tab.Into("#username", "ada")
	tab.Into("#password", sitetest.Password)
	tab.Enter()
	tab.WaitFor("location.pathname == '/dashboard'")
	w.WaitFor(fmt.Sprintf("watched != %q && channels.at(-1) == watched", before)) // with the other tabs of the new session
	if typed := sitetest.Evaluate[string](w, "full_name.value"); typed != "Ada King" {
		t.Errorf("left of what was typed is %q", typed)
	}
	w.Click(`form[action="/account/name"] button`, true)
	w.WaitFor(`document.querySelector(".message.good")?.textContent.includes("Your name was changed.")`)
}

// setupWindow opens the form of the first account in a real browser.
func setupWindow(t *testing.T) (*sitetest.Site, *sitetest.Window) {
	t.Helper()
	site := sitetest.StartEmpty(t)
	w := sitetest.Chromium(t, 390, 800, false)
	w.Open(site.URL + "/setup?token=" + url.QueryEscape("the link of the terminal"))
	return site, w
}

// TestANewPasswordInARealBrowser: it is shown on demand, counted, judged, and not sent
// while it is known to be refused.
func TestANewPasswordInARealBrowser(t *testing.T) {
	t.Parallel()
	site, w := setupWindow(t)
	w.Into("#username", "ada")
	w.Into("#password", "password")
	w.WaitFor(`document.querySelector("[data-least]").textContent == "8 characters, 15 needed"`)
	w.Press("\r")
	w.WaitFor(`!password.validity.valid && location.pathname == "/setup" && password.value == "password"`)
	w.Into("#password", "passwordpassword")
	w.WaitFor(`document.querySelector("[data-check]").textContent.includes("easy to guess") && !password.validity.valid`)
	w.Click(".password button", false)
	w.WaitFor(`password.type == "text" && document.querySelector(".password button").ariaPressed == "true"`)
	w.Look("new password")
	w.Into("#password", sitetest.Password)
	w.WaitFor(`document.querySelector("[data-check]").textContent.includes("strong") && password.validity.valid`)
	w.Enter()
	w.WaitFor("location.pathname == '/dashboard'")

	// A link to send is shown whole, and can be copied.
	w.Open(site.URL + "/admin/users/new")
	w.Into("#username", "eve")
	w.Enter()
	w.WaitFor(`document.getElementById("link")?.value.includes("/link?token=")`)
	w.Click(`[data-copy="message"]`, false)
	w.WaitFor(`document.querySelector('[data-copy="message"]').nextElementSibling.textContent == "Copied."`)
	if sitetest.Evaluate[bool](w, "link.scrollHeight > link.clientHeight + 2 || message.scrollHeight > message.clientHeight + 2") {
		t.Error("the link is not to be seen whole")
	}
	w.Look("link to copy")
}

// TestAWaitIsCountedDown: the username stays, and the button comes back.
func TestAWaitIsCountedDown(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.DB.Throttle.Delay = 8 * time.Second
	w := sitetest.Chromium(t, 1280, 800, false)
	w.Open(site.URL + "/login")
	for range 5 {
		site.Visitor().Login("ada", "not the password")
	}
	w.Press("ada\t" + sitetest.Password)
	w.Enter()
	w.WaitFor(`document.querySelector("[data-wait]") && username.value == "ada"`)
	w.WaitFor(`!document.querySelector("button[type=submit]").disabled && document.querySelector("[role=alert]").textContent.includes("You can try again now.")`)
}

func TestANewPasswordIsJudgedAnewWhenTheUsernameChanges(t *testing.T) {
	t.Parallel()
	_, w := setupWindow(t)
	w.Into("#username", "zaphodbeeblebroxes")
	w.Into("#password", "zaphodbeeblebroxes")
	w.WaitFor(`!password.validity.valid && document.querySelector("[data-check]").textContent != ""`)
	w.Into("#username", "ada")
	w.WaitFor(`password.validity.valid`)
}
