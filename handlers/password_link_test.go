package handlers_test

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestInvitationsAndLinks(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	link := func(posted *sitetest.Answer) string {
		t.Helper()
		page := ada.Get(posted.Answers(303).Response.Header.Get("Location")).Answers(200)
		found := regexp.MustCompile(`id="link"[^>]*>` + regexp.QuoteMeta(site.URL) + `(/link\?token=(\w+))</textarea>`).FindStringSubmatch(page.Body)
		if found == nil {
			t.Fatalf("no link on the page:\n%s", page.Body)
		}
		site.KeepsSecret(found[2])
		return found[1]
	}
	token := func(link string) string { return strings.TrimPrefix(link, "/link?token=") }

	ada.Post("/admin/users/new", "username", "a b", "role", "member").Answers(422).Says("No spaces.")
	ada.Post("/admin/users/new", "username", "ADA", "role", "member").Answers(422).Says("taken")
	ada.Post("/admin/users/new", "username", "eve", "role", "owner").Answers(422).Says("member or an admin")
	first := link(ada.Post("/admin/users/new", "username", "eve", "full_name", "Eve", "role", "member"))
	site.Visitor().Login("eve", sitetest.Password).Answers(422)
	site.Visitor().Login("eve", "").Answers(422)

	// A new link replaces the old one.
	second := link(ada.Post("/admin/users/" + site.User("eve").ID + "/link"))
	site.Visitor().Get(first).Answers(404).Says("no longer works")
	guest := site.Visitor()
	guest.Get(second).Answers(200).Says("eve").SetsNoCookie()
	guest.Post("/link", "token", token(second), "password", "short").Answers(422).Says("at least 15")
	for _, made := range []string{"", "x", "\x00", strings.Repeat("A", 26)} {
		guest.Get("/link?token=" + url.QueryEscape(made)).Answers(404)
		guest.Post("/link", "token", made, "password", sitetest.Password).Answers(404).SetsNoCookie()
	}

	// Several people use it at the same moment: one gets through.
	var through atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			switch site.Visitor().Post("/link", "token", token(second), "password", sitetest.Password).Response.StatusCode {
			case 303:
				through.Add(1)
			case 404:
			default:
				t.Error("neither through nor refused")
			}
		})
	}
	wg.Wait()
	if through.Load() != 1 {
		t.Errorf("%d people got through", through.Load())
	}
	guest.Get(second).Answers(404)

	// A link for a forgotten password ends the sessions, and lasts a day.
	eve := site.SignIn("eve")
	third := link(ada.Post("/admin/users/" + site.User("eve").ID + "/link"))
	eve.Get("/dashboard").Answers(200)
	fresh := site.Visitor()
	fresh.Post("/link", "token", token(third), "password", "another walk in the grass").LeadsTo("/dashboard")
	fresh.Get("/dashboard").Answers(200).Says("Password changed")
	eve.Get("/dashboard").LeadsToSignIn()
	fourth := link(ada.Post("/admin/users/" + site.User("eve").ID + "/link"))
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), site.User("eve"), true, models.CommandLine))
	fresh.Get(fourth).Answers(404)
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), site.User("eve"), false, models.CommandLine))
	fresh.Get(fourth).Answers(404) // what disabling ended does not come back
	fifth := link(ada.Post("/admin/users/" + site.User("eve").ID + "/link"))
	fresh.Get(fifth).Answers(200)
	site.Advance(24*time.Hour + time.Second)
	site.Visitor().Get(fifth).Answers(404)
}

// TestAPasswordLinkEndsWithTheSessions: who took over an account may have asked
// for a link, too. It must not outlive what the owner does about it.
func TestAPasswordLinkEndsWithTheSessions(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	const next = "another walk in the grass"
	command := func(args ...string) func() {
		return func() {
			t.Helper()
			if status, _, errs := sitetest.Typed(t, next, append(args, "--database", site.File)...); status != 0 {
				t.Fatalf("daypass %q: %s", args, errs)
			}
		}
	}
	post := func(name, password, path string, pairs ...string) func() {
		return func() {
			t.Helper()
			site.SignInWith(name, password).Post(path, pairs...).Answers(303)
		}
	}
	at := "/admin/users/" + site.User("eve").ID
	for _, act := range []struct {
		name string
		does func()
	}{
		{"new password on the account page", post("eve", sitetest.Password, "/account/password", "current", sitetest.Password, "password", next)},
		{"new password by a command", command("user", "password", "eve")},
		{"own other sessions ended", post("eve", next, "/sessions/end")},
		{"disabled and enabled by a command", func() { command("user", "disable", "eve")(); command("user", "enable", "eve")() }},
		{"disabled and enabled by an administrator", func() {
			post("ada", sitetest.Password, at+"/disable")()
			post("ada", sitetest.Password, at+"/enable")()
		}},
		{"signed out by an administrator", post("ada", sitetest.Password, at+"/end-sessions")},
		{"signed out by a command", command("session", "end", "--user", "eve")},
		{"everybody signed out by an administrator", post("ada", sitetest.Password, "/admin/sessions/end")},
		{"everybody signed out by a command", command("session", "end", "--all")},
	} {
		token, err := site.DB.NewPasswordToken(t.Context(), site.User("eve"), models.CommandLine)
		sitetest.Must(t, err)
		site.Visitor().Get("/link?token=" + token).Answers(200)
		act.does()
		if status := site.Visitor().Get("/link?token=" + token).Response.StatusCode; status != 404 {
			t.Errorf("%s: the link answers %d", act.name, status)
		}
		if status := site.Visitor().Post("/link", "token", token, "password", sitetest.Password).Response.StatusCode; status != 404 {
			t.Errorf("%s: the link sets a password (%d)", act.name, status)
		}
	}
}

// TestS12ALinkEndsWithTheRoleOfItsAuthor: an administrator who may need to be
// locked out may have created links for other accounts, and not passed them on.
func TestS12ALinkEndsWithTheRoleOfItsAuthor(t *testing.T) {
	t.Parallel()
	linkAt := regexp.MustCompile(`/link\?token=(\w+)`)
	for _, act := range []struct{ name, path string }{
		{"made a member", "/make-member"}, {"disabled", "/disable"}, {"removed", "/remove"},
	} {
		t.Run(act.name, func(t *testing.T) {
			site := sitetest.Start(t)
			site.AddUser("boss", models.Admin)
			ada, boss := site.SignIn("ada"), site.SignIn("boss")
			posted := boss.Post("/admin/users/" + site.User("ada").ID + "/link").Answers(303)
			token := linkAt.FindStringSubmatch(boss.Get(posted.Response.Header.Get("Location")).Answers(200).Body)[1]
			site.KeepsSecret(token)
			site.Visitor().Get("/link?token=" + token).Answers(200)
			ada.Post("/admin/users/" + site.User("boss").ID + act.path).Answers(303)
			site.Visitor().Get("/link?token=" + token).Answers(404)
			site.Visitor().Post("/link", "token", token, "password", "now this belongs to the former boss").Answers(404).SetsNoCookie()
			ada.Get("/admin").Answers(200)
			if act.name == "removed" {
				return
			}
			// It stays dead when the role is given back.
			at := "/admin/users/" + site.User("boss").ID
			ada.Post(at + "/enable").Answers(303)
			ada.Post(at + "/make-admin").Answers(303)
			site.Visitor().Get("/link?token=" + token).Answers(404)
		})
	}
}

// TestALinkStaysWhereItIsShown: loading its page again, or going back to it, must
// not make another link and so end the one that was passed on.
func TestALinkStaysWhereItIsShown(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada, other := site.SignIn("ada"), site.SignIn("ada")
	ada.Post("/admin/users/new", "username", "eve", "role", "member")
	at := "/admin/users/" + site.User("eve").ID + "/link"
	linkAt := regexp.MustCompile(`id="link"[^>]*>` + regexp.QuoteMeta(site.URL) + `(/link\?token=(\w+))</textarea>`)
	shown := func() (link string) {
		t.Helper()
		found := linkAt.FindStringSubmatch(ada.Get(at).Answers(200).Body)
		if found == nil {
			t.Fatal("no link is shown")
		}
		site.KeepsSecret(found[2])
		return found[1]
	}
	gone := func(b *sitetest.Browser) {
		t.Helper()
		if page := b.Get(at).Answers(404).Says("No link to show"); linkAt.MatchString(page.Body) {
			t.Error("a link is shown")
		}
	}
	first := shown()
	before := site.Rows()
	for range 3 {
		if again := shown(); again != first {
			t.Fatalf("%s became %s", first, again)
		}
	}
	site.Visitor().Get(first).Answers(200)
	if after := site.Rows(); after != before {
		t.Errorf("reading wrote: %s, and before %s", after, before)
	}

	// Nobody else, and no copy of the database, reads it.
	gone(other)
	token := strings.TrimPrefix(first, "/link?token=")
	for part, content := range site.Stored() {
		if strings.Contains(content, token) {
			t.Errorf("%s holds the token", part)
		}
	}

	// Another link takes its place; one that was used is shown no more; nor is any after a while.
	ada.Post(at).LeadsTo(at)
	second := shown()
	site.Visitor().Get(first).Answers(404)
	other.Post(at).LeadsTo(at)
	gone(ada)
	ada.Post(at).LeadsTo(at)
	site.Visitor().Get(second).Answers(404)
	site.Visitor().Post("/link", "token", strings.TrimPrefix(shown(), "/link?token="), "password", "another walk in the grass").LeadsTo("/dashboard")
	gone(ada)
	site.StopClock()
	ada.Post(at).LeadsTo(at)
	site.Advance(15*time.Minute - time.Second)
	shown()
	site.Advance(time.Second)
	gone(ada)
	ada.Get("/admin/users/nobody/link").Answers(404)
}
