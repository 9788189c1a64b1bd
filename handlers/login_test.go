package handlers_test

import (
	"strings"
	"testing"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestTheCachedSignInPageIsForStrangersAlone: it is one page for all of them,
// and must not be shown to whoever needs another.
func TestTheCachedSignInPageIsForStrangersAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	first := site.Visitor().Get("/login").Answers(200).SaysNot("misconfigured")
	if again := site.Visitor().Get("/login").Answers(200); again.Body != first.Body {
		t.Error("it is another page")
	}
	site.SignIn("ada").Get("/login").LeadsTo("/dashboard")
	site.WithCookie("s:x.y").Get("/login").Answers(200)
	elsewhere := site.Visitor()
	elsewhere.Header.Set("Host", "other.example.org")
	elsewhere.Get("/login").Answers(200).Says(`id="misconfigured"`)
	site.Visitor().Get("/login").Answers(200).SaysNot("misconfigured")
	site.Visitor().Get("/login?left=1").Says("signed out")
	site.Visitor().Get("/login").SaysNot("signed out")
	site.Visitor().Get("/").LeadsTo("/login") // and from there to the dashboard, without a word about it
}

// TestPathsAreCaseSensitive: what is guarded by its path is guarded.
func TestPathsAreCaseSensitive(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada, eve := site.SignIn("ada"), site.SignedIn("eve", models.Member)
	for _, path := range []string{"/LOGIN", "/Setup", "/Healthz", "/DASHBOARD", "/Admin", "/ADMIN/users", "/admin/Users"} {
		site.Visitor().Get(path).LeadsToSignIn()
		ada.Get(path).Answers(404)
		if answer := eve.Get(path); answer.Response.StatusCode != 404 && answer.Response.StatusCode != 403 {
			t.Errorf("%s answers a member %d", path, answer.Response.StatusCode)
		}
	}
	for _, name := range []string{"eve", "EVE", "ada", "%00"} { // a user's page has an ID, not a name
		ada.Get("/admin/users/" + name).Answers(404)
		ada.Post("/admin/users/" + name + "/disable").Answers(404)
	}
	ada.Get("/admin/users/" + site.User("ada").ID).Answers(200)
}

// TestSetupIsClosedWithoutAToken, also to who has none either.
func TestSetupIsClosedWithoutAToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "the link of the terminal"} {
		site := sitetest.StartEmpty(t, func(c *handlers.Config) { c.SetupToken = token })
		for _, typed := range []string{"", "guessed"} {
			site.Visitor().Get("/setup?token=" + typed).Answers(403)
			site.Visitor().Post("/setup", "token", typed, "username", "eve", "password", sitetest.Password).Answers(403).SetsNoCookie()
		}
		if users := site.Count(`SELECT COUNT(*) FROM users`); users != 0 {
			t.Errorf("with the token %q there are %d users", token, users)
		}
	}
}

// TestARefusedNameIsShownAgain as it was typed.
func TestARefusedNameIsShownAgain(t *testing.T) {
	t.Parallel()
	ada := sitetest.Start(t).SignIn("ada")
	typed := strings.Repeat("Ada ", 60)
	ada.Post("/account/name", "full_name", typed).Answers(422).Says(`value="` + strings.TrimSpace(typed)).Says("at most 200")
	ada.Get("/account").SaysNot("Ada Ada")
}
