package handlers_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestEveryCookieHasItsAttributes, all of them and no other, whatever gives or
// takes it, under http and https: a browser refuses a __Host- cookie that lacks one,
// also when it is to be renewed or taken away.
func TestEveryCookieHasItsAttributes(t *testing.T) {
	t.Parallel()
	const password, next = sitetest.Password, "another walk in the grass"
	for scheme, set := range map[string]func(*handlers.Config){"http": func(*handlers.Config) {}, "https": func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} }} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			site := sitetest.StartEmpty(t, set, func(c *handlers.Config) { c.SetupToken = "token" })
			site.StopClock()
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
			sets := func(a *sitetest.Answer, want ...string) string {
				t.Helper()
				var got []string
				value := ""
				for _, line := range a.Response.Header.Values("Set-Cookie") {
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
					t.Errorf("%s sets\n%s\nand not\n%s", a.To, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				return prefix + "daypass=" + value
			}
			signIn := func(name, password string) (cookie string) {
				t.Helper()
				return sets(site.Visitor().Login(name, password).LeadsTo("/dashboard"), given("86400"), device)
			}

			sets(site.Visitor().Post("/setup", "token", "token", "username", "ada", "password", password).LeadsTo("/dashboard"), given("86400"), device)
			sets(site.Visitor().Login("ada", next).Answers(422))
			ada := signIn("ada", password)
			eve, token, err := site.DB.Invite(t.Context(), models.NewUser{Name: "eve", Role: models.Admin}, models.CommandLine)
			sitetest.Must(t, err)
			hers := sets(site.Visitor().Post("/link", "token", token, "password", password).LeadsTo("/dashboard"), given("86400"), device)

			site.Advance(20 * time.Hour)
			hers = sets(site.WithCookies(hers).Post("/account/password", "current", password, "password", next).LeadsTo("/account"), given("14400"), device)
			sets(site.WithCookies(hers).Get("/dashboard").Answers(200))
			site = site.Restart(func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB, sitetest.SecretA} })
			for range 3 { // as often as the old one comes, also when the new one was there before
				renewed := sets(site.WithCookies(ada).Get("/dashboard").Answers(200), given("14400"))
				if renewed == ada {
					t.Error("the cookie is not signed anew")
				}
				for range 2 {
					sets(site.WithCookies(renewed).Get("/dashboard").Answers(200))
				}
			}

			for _, leave := range []func(v *sitetest.Browser, mine string) *sitetest.Answer{
				func(v *sitetest.Browser, _ string) *sitetest.Answer { return v.Post("/logout") },
				func(v *sitetest.Browser, mine string) *sitetest.Answer { return v.Post("/sessions/" + mine + "/end") },
				func(v *sitetest.Browser, mine string) *sitetest.Answer {
					return v.Post("/admin/sessions/" + mine + "/end")
				},
				func(v *sitetest.Browser, _ string) *sitetest.Answer { return v.Post("/admin/sessions/end") },
				func(v *sitetest.Browser, _ string) *sitetest.Answer {
					return v.Post("/account/remove", "current", next)
				},
			} {
				v := site.WithCookies(signIn("eve", next))
				mine := v.Get("/sessions").First(`(?s)this device</span></span>.*?action="/sessions/([^/]+)/end"`)
				left := leave(v, mine).LeadsTo("/login?left=1")
				sets(left, taken)
				if what := left.Response.Header.Values("Clear-Site-Data"); !slices.Equal(what, []string{`"cache", "storage"`}) {
					t.Errorf("%s clears %q", left.To, what)
				}
				v.Get("/dashboard").Answers(303)
			}
			if _, err := site.DB.UserByID(t.Context(), eve.ID); err == nil {
				t.Error("eve was not removed")
			}
		})
	}
}

// TestAPayloadOutlivesItsSession by a minute, so that the table of sessions alone
// says when it ends.
func TestAPayloadOutlivesItsSession(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	cookie := site.SignIn("ada").Cookie()
	site.Advance(24*time.Hour - time.Second)
	site = site.Restart() // whose memory holds no session
	ada := site.WithCookie(cookie)
	ada.Get("/dashboard").Answers(200)
	site.Advance(time.Second)
	ada.Get("/dashboard").Answers(303)
	sitetest.Must(t, site.DB.Sweep(t.Context()))
	left := func() string { return site.Query(`SELECT * FROM session_payloads`) }
	if left() == "" {
		t.Error("the payload ends with its session")
	}
	site.Advance(59 * time.Second)
	if err := site.DB.Sweep(t.Context()); err != nil || left() == "" {
		t.Error("the payload ends within the minute", err)
	}
	site.Advance(2 * time.Second)
	if err := site.DB.Sweep(t.Context()); err != nil || left() != "" {
		t.Errorf("left is %q, %v", left(), err)
	}
}

// TestS6ServersShareTheirSecrets that are in the database, also while they change.
func TestS6ServersShareTheirSecrets(t *testing.T) {
	t.Parallel()
	first := sitetest.Start(t)
	var ahead atomic.Int64
	shared := func(c *handlers.Config) {
		db, err := models.Open(t.Context(), first.File)
		sitetest.Must(t, err)
		t.Cleanup(func() { db.Close() })
		db.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c.Secrets, err = db.Secrets(t.Context())
		sitetest.Must(t, err)
		c.ReadSecrets = db.Secrets
	}
	first = first.Restart(shared)
	second := sitetest.StartOn(t, first.File, shared)
	ada := first.SignIn("ada")
	before := ada.Cookie()
	second.WithCookie(before).Get("/dashboard").Answers(200).SetsNoCookie()

	_, _, err := first.DB.AddSecret(t.Context())
	sitetest.Must(t, err)
	readAnew := func(site *sitetest.Site, log string) {
		t.Helper()
		sitetest.Until(t, "the server has read the secrets", func() bool {
			site.WithCookie("s:unknown.signature").Get("/dashboard").LeadsToSignIn()
			return strings.Contains(site.Log.String(), log)
		})
	}
	readAnew(second, "count=2")
	second.WithCookie(before).Get("/dashboard").Answers(200).SetsNoCookie() // the new one does not sign yet
	verified := second.Log.String()
	ahead.Store(int64(models.SecretVerifiesFirst))
	sitetest.Until(t, "the new secret signs", func() bool {
		second.WithCookie("s:unknown.signature").Get("/dashboard").LeadsToSignIn()
		return strings.Contains(strings.TrimPrefix(second.Log.String(), verified), "count=2")
	})
	signed := second.WithCookie(before).Get("/dashboard").Answers(200).Response.Cookies()
	if len(signed) != 1 || signed[0].Value == before {
		t.Fatalf("the cookie is not signed anew: %v", signed)
	}
	sitetest.Until(t, "the first server knows the new secret", func() bool { // at the first request with it, a second after it last read them
		return first.WithCookie(signed[0].Value).Get("/dashboard").Response.StatusCode == 200
	})
}
