package handlers

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/models"
)

// TestEveryCookieHasItsAttributes, all of them and no other, whatever gives or
// takes it, under http and https: a browser refuses a __Host- cookie that lacks one,
// also when it is to be renewed or taken away.
func TestEveryCookieHasItsAttributes(t *testing.T) {
	const password, next, old, newer = "a walk in the wet grass", "another walk in the grass", "3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI", "q9ZkT4bXw6NvC1yHjM8sPgD3eRoA7uLi"
	for scheme, set := range map[string]func(*Config){"http": func(*Config) {}, "https": secureURL} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			site := newClockSite(t, set, func(c *Config) { c.SetupToken = "token" })
			prefix, secure := "", ""
			if scheme == "https" {
				prefix, secure = "__Host-", "; secure"
			}
			const ours = "; httponly; path=/; samesite=lax"
			given := func(left string) string {
				return prefix + "daypass=ID; httponly; max-age=" + left + "; path=/; samesite=lax" + secure
			}
			device := prefix + "daypass-known=MARK; httponly; max-age=34560000; path=/; samesite=strict" + secure
			taken := prefix + "daypass=; expires=thu, 01 jan 1970 00:00:01 gmt" + ours + secure
			id, mark := regexp.MustCompile(`^s:[\w-]{43}\.[\w+/]{43}$`), regexp.MustCompile(`^[A-Z2-7]{26}\.[\w+/]{43}$`)
			sets := func(a *answer, want ...string) string {
				t.Helper()
				var got []string
				value := ""
				for _, line := range a.header.Values("Set-Cookie") {
					pair, attributes, _ := strings.Cut(line, "; ")
					name, content, _ := strings.Cut(pair, "=")
					all := strings.Split(strings.ToLower(attributes), "; ")
					slices.Sort(all)
					switch {
					case id.MatchString(content):
						content, value = "ID", content
					case mark.MatchString(content):
						content = "MARK"
					}
					got = append(got, name+"="+content+"; "+strings.Join(all, "; "))
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s sets\n%s\nand not\n%s", a.to, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				return prefix + "daypass=" + value
			}
			with := func(cookie string) *visitor { return &visitor{t, site.app, cookie} }
			signIn := func(name, password string) *visitor {
				t.Helper()
				return with(sets(site.post("/login", "username", name, "password", password).leadsTo("/dashboard"), given("86400"), device))
			}

			sets(site.post("/setup", "token", "token", "username", "ada", "password", password).leadsTo("/dashboard"), given("86400"), device)
			sets(site.post("/login", "username", "ada", "password", next).answers(422))
			ada := signIn("ada", password)
			eve, token, err := site.app.db.Invite(t.Context(), models.NewUser{Name: "eve", Role: models.Admin}, models.CommandLine)
			if err != nil {
				t.Fatal(err)
			}
			hers := with(sets(site.post("/link", "token", token, "password", password).leadsTo("/dashboard"), given("86400"), device))

			site.later(20 * time.Hour)
			hers = with(sets(hers.post("/account/password", "current", password, "password", next).leadsTo("/account"), given("14400")))
			sets(hers.visit("/dashboard").answers(200))
			restarted := site.again(t, func(c *Config) { c.Secrets = []string{newer, old} })
			restarted.cookie = ada.cookie
			for range 3 { // as often as the old one comes, also when the new one was there before
				renewed := sets(restarted.visit("/dashboard").answers(200), given("14400"))
				if renewed == ada.cookie {
					t.Error("the cookie is not signed anew")
				}
				for range 2 {
					sets(restarted.with(renewed).visit("/dashboard").answers(200))
				}
			}

			for _, leave := range []func(v *visitor, mine string) *answer{
				func(v *visitor, _ string) *answer { return v.post("/logout") },
				func(v *visitor, mine string) *answer { return v.post("/sessions/" + mine + "/end") },
				func(v *visitor, mine string) *answer { return v.post("/admin/sessions/" + mine + "/end") },
				func(v *visitor, _ string) *answer { return v.post("/admin/sessions/end") },
				func(v *visitor, _ string) *answer { return v.post("/account/remove", "current", next) },
			} {
				v := signIn("eve", next)
				mine := v.visit("/sessions").first(`(?s)this device</span></span>.*?action="/sessions/([^/]+)/end"`)
				left := leave(v, mine).leadsTo("/login?left=1")
				sets(left, taken)
				if what := left.header.Values("Clear-Site-Data"); !slices.Equal(what, []string{`"cache", "storage"`}) {
					t.Errorf("%s clears %q", left.to, what)
				}
				v.visit("/dashboard").answers(303)
			}
			if _, err := site.app.db.UserByID(t.Context(), eve.ID); err == nil {
				t.Error("eve was not removed")
			}
		})
	}
}

// TestAPayloadOutlivesItsSession by a minute, so that the table of sessions alone
// says when it ends.
func TestAPayloadOutlivesItsSession(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	ada := site.signedIn("ada", models.Admin)
	site.later(24*time.Hour - time.Second)
	site.again(t, func(*Config) {}).with(ada.cookie).visit("/dashboard").answers(200)
	site.later(time.Second)
	ada.visit("/dashboard").answers(303)
	if err := site.app.db.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := func() string { return site.tables()["session_payloads"] }
	if left() == "" {
		t.Error("the payload ends with its session")
	}
	site.later(59 * time.Second)
	if err := site.app.db.Sweep(t.Context()); err != nil || left() == "" {
		t.Error("the payload ends within the minute", err)
	}
	site.later(2 * time.Second)
	if err := site.app.db.Sweep(t.Context()); err != nil || left() != "" {
		t.Errorf("left is %q, %v", left(), err)
	}
}
