package handlers

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"daypass/models"
)

// TestTheCachedSignInPageIsForStrangersAlone: it is one page for all of them,
// and must not be shown to whoever needs another.
func TestTheCachedSignInPageIsForStrangersAlone(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	ada := site.signedIn("ada", models.Member)
	first := site.visit("/login").answers(200).saysNot("misconfigured")
	if again := site.visit("/login").answers(200); again.body != first.body {
		t.Error("it is another page")
	}
	ada.visit("/login").leadsTo("/dashboard")
	site.with("daypass=s:x.y").visit("/login").answers(200)
	for host, said := range map[string]bool{"localhost": false, "other.example.org": true} {
		request, err := http.NewRequest("GET", "/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		response, err := site.app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if says := strings.Contains(string(body), `id="misconfigured"`); says != said {
			t.Errorf("who comes as %s is told so: %t", host, says)
		}
	}
	site.visit("/login?left=1").says("signed out")
	site.visit("/login").saysNot("signed out")
	site.visit("/").leadsTo("/login") // and from there to the dashboard, without a word about it
}

// TestPathsAreCaseSensitive: what is guarded by its path is guarded.
func TestPathsAreCaseSensitive(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	ada, eve := site.signedIn("ada", models.Admin), site.signedIn("eve", models.Member)
	for _, path := range []string{"/LOGIN", "/Setup", "/Healthz", "/DASHBOARD", "/Admin", "/ADMIN/users", "/admin/Users"} {
		if answer := site.visit(path); answer.status != 303 || !strings.HasPrefix(answer.header.Get("Location"), "/login") {
			t.Errorf("%s answers a stranger %d", path, answer.status)
		}
		ada.visit(path).answers(404)
		if answer := eve.visit(path); answer.status != 404 && answer.status != 403 {
			t.Errorf("%s answers a member %d", path, answer.status)
		}
	}
	root, _ := sessionsOf(t, site.app, "ada")
	for _, name := range []string{"eve", "EVE", "ada", "%00"} { // a user's page has an ID, not a name
		ada.visit("/admin/users/" + name).answers(404)
		ada.post("/admin/users/" + name + "/disable").answers(404)
	}
	ada.visit("/admin/users/" + root.ID).answers(200)
}

// TestSetupIsClosedWithoutAToken, also to who has none either.
func TestSetupIsClosedWithoutAToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "the link of the terminal"} {
		site := newClockSite(t, func(c *Config) { c.SetupToken = token })
		for _, typed := range []string{"", "guessed"} {
			site.visit("/setup?token=" + typed).answers(403)
			if answer := site.post("/setup", "token", typed, "username", "eve", "password", testPassword).answers(403); answer.header.Get("Set-Cookie") != "" {
				t.Error("a cookie is set")
			}
		}
		if users := site.tables()["users"]; users != "" {
			t.Errorf("with the token %q there are users: %s", token, users)
		}
	}
}

// TestARefusedNameIsShownAgain as it was typed.
func TestARefusedNameIsShownAgain(t *testing.T) {
	t.Parallel()
	ada := newClockSite(t).signedIn("ada", models.Member)
	typed := strings.Repeat("Ada ", 60)
	ada.post("/account/name", "full_name", typed).answers(422).says(`value="` + strings.TrimSpace(typed)).says("at most 200")
	ada.visit("/account").saysNot("Ada Ada")
}
