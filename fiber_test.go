package main

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/session"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// This file tells the product's story from outside, as a browser lives it: the
// sequence of events of a sign-in, and then the promises S1 to S15 of the README's
// section "How safe it is", in their order. All other tests stand beside what they
// test.

func TestMain(m *testing.M) { sitetest.Main(m) }

// TestTheSequenceOfEvents is a sign-in from the first visit to the last, as a
// browser lives it.
func TestTheSequenceOfEvents(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.Visitor()

	// Nobody is known: no session, no cookie.
	ada.Get("/dashboard").LeadsTo("/login?next=%2Fdashboard").SetsNoCookie()
	ada.Get("/login?next=%2Fdashboard").Answers(200).Says("Sign in").SetsNoCookie()

	// Invalid credentials: no access, no session, no cookie.
	ada.Login("ada", "a walk in the dry grass").Answers(422).SetsNoCookie()
	if sessions := site.Count(`SELECT COUNT(*) FROM sessions`); sessions != 0 {
		t.Fatalf("a refused sign-in left %d sessions", sessions)
	}

	// Valid credentials: a session with a random ID, in a signed cookie.
	ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	if cookie := ada.Cookie(); !regexp.MustCompile(`^s:[A-Za-z0-9_-]{43}\.[A-Za-z0-9+/]{43}$`).MatchString(cookie) {
		t.Fatalf("the cookie is %q", cookie)
	}

	// The browser sends it along, and it opens what is protected.
	ada.Get("/dashboard").Answers(200).Says("Hello").Says("Firefox on Linux").Says("Failed sign-in").SetsNoCookie()
	ada.Get("/login").LeadsTo("/dashboard")
	ada.Get("/").LeadsTo("/dashboard")

	// Signing out ends it.
	copied := ada.Cookie()
	ada.Post("/logout").LeadsTo("/login?left=1")
	ada.Get("/login?left=1").Says("You&#39;re signed out")
	ada.Get("/dashboard").LeadsToSignIn()
	site.WithCookie(copied).Get("/dashboard").LeadsTo("/login?ended=1&next=%2Fdashboard")
}

// forStrangers are the answers of the pages that need no session to who comes
// with nothing. All others lead to the sign-in.
var forStrangers = map[string]int{
	"GET /public/:name": 200, "GET /healthz": 200, "GET /setup": 404, "POST /setup": 404, "GET /login": 200, "POST /login": 422,
	"GET /login/forget.svg": 200, "GET /link": 404, "POST /link": 404, "GET /session/watch": 200,
	"GET /robots.txt": 200, "GET /favicon.ico": 200, "GET /.well-known/*": 404, "POST /password/check": 404,
	"GET /login/passkey": 404, "POST /login/passkey": 422, // at an address that is not one for passkeys
}

func TestS1AnonymousRequestsWriteNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.SignIn("ada")
	site.StopClock()
	stranger := site.Visitor()
	site.WroteNothing(func() {
		for range 3 {
			for _, route := range site.App.GetRoutes(true) {
				answer := stranger.Do(route.Method, site.PathOf(route.Path, "ada"), nil).SetsNoCookie()
				name := strings.Replace(route.Method, "HEAD", "GET", 1) + " " + route.Path
				switch status, ok := forStrangers[name]; {
				case ok:
					answer.Answers(status)
				case route.Path == "/.well-known/change-password":
					answer.LeadsTo("/account#current")
				default:
					answer.LeadsToSignIn()
				}
			}
			for _, path := range []string{"/nothing", "/%00", "/a/b/c"} {
				stranger.Get(path).LeadsToSignIn().SetsNoCookie()
			}
			stranger.Get("/login?next=/dashboard").Answers(200).SetsNoCookie()
			stranger.Get("/link?token=x").Answers(404).SetsNoCookie()
			stranger.Get("/public/app.css").Answers(404).SetsNoCookie()
			for _, method := range []string{"OPTIONS", "PUT", "DELETE", "TRACE"} {
				stranger.Do(method, "/login", nil).Answers(405).SetsNoCookie()
			}
		}
	})
}

func TestS2ASignInGivesOneCookieAndANewID(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	seen := map[string]bool{}
	for range 3 {
		answer := site.Visitor().Login("ada", sitetest.Password).LeadsTo("/dashboard")
		cookies := slices.DeleteFunc(answer.Response.Header.Values("Set-Cookie"), func(cookie string) bool {
			return strings.HasPrefix(cookie, "daypass-known=") // which is no session's
		})
		if len(cookies) != 1 {
			t.Fatalf("the sign-in sets %d session cookies: %q", len(cookies), cookies)
		}
		pair, attributes, _ := strings.Cut(cookies[0], "; ")
		if seen[pair] || !strings.HasPrefix(pair, "daypass=s:") {
			t.Errorf("the cookie is %s", pair)
		}
		seen[pair] = true
		got := strings.Split(strings.ToLower(attributes), "; ")
		slices.Sort(got)
		if want := []string{"httponly", "max-age=86400", "path=/", "samesite=lax"}; !slices.Equal(got, want) {
			t.Errorf("the cookie's attributes are %q", got)
		}
	}

	secure := sitetest.Start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} })
	cookie := secure.Visitor().Login("ada", sitetest.Password).LeadsTo("/dashboard").Response.Header.Get("Set-Cookie")
	if !regexp.MustCompile(`^__Host-daypass=s:[^;]+; max-age=86400; path=/; HttpOnly; secure; SameSite=Lax$`).MatchString(cookie) {
		t.Errorf("under https the cookie is %s", cookie)
	}
}

func TestS3RefusalsLookAlike(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for _, name := range []string{"bob", "kim"} {
		site.AddUser(name, models.Member)
	}
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), site.User("bob"), true, models.CommandLine))
	_, _, err := site.DB.Invite(t.Context(), models.NewUser{Name: "liv", Role: models.Member}, models.CommandLine)
	sitetest.Must(t, err)
	site.Change(`UPDATE users SET password = 'damaged' WHERE name = 'kim'`)

	// Names of one length: the form shows the name again. All else is the same to the byte.
	for _, with := range []string{sitetest.Password, "a walk in the dry grass"} {
		names := map[string]string{"disabled": "bob", "damaged": "kim", "invited": "liv", "unknown": "eve"}
		if with != sitetest.Password {
			names["wrong password"] = "ada"
		}
		whole := map[string]string{}
		for what, name := range names {
			const failures = `SELECT COALESCE(SUM(count), 0) FROM events WHERE kind = 'failed sign-in'`
			before := site.Count(failures)
			answer := site.Visitor().Login(name, with).Answers(422).SetsNoCookie().Says("Wrong username or password.")
			if after := site.Count(failures); after != before+1 {
				t.Errorf("%s: the failure left no event", what)
			}
			answer.Response.Header.Del("Date")
			var header strings.Builder
			sitetest.Must(t, answer.Response.Header.Write(&header))
			whole[what] = header.String() + strings.ReplaceAll(answer.Body, `value="`+name+`"`, `value="..."`)
		}
		for what, answer := range whole {
			if answer != whole["unknown"] {
				t.Errorf("the refusal of %q is\n%s\nand that of somebody unknown\n%s", what, answer, whole["unknown"])
			}
		}
	}
	if sessions := site.Count(`SELECT COUNT(*) FROM sessions`) + site.Count(`SELECT COUNT(*) FROM session_payloads`); sessions != 0 {
		t.Errorf("refused sign-ins left %d rows of sessions", sessions)
	}
}

func TestS4NoIDFromBeforeTheSignInCountsAfterIt(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	first := ada.Cookie()
	ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	if ada.Cookie() == first {
		t.Fatal("signing in again kept the ID")
	}
	site.WithCookie(first).Get("/dashboard").LeadsToSignIn()
	ada.Get("/dashboard").Answers(200)

	// A thief plants a cookie, chosen or copied from an ended session, and waits.
	for _, planted := range []string{"s:chosen.signature", "chosen", first} {
		victim := site.WithCookie(planted)
		answer := victim.Login("ada", sitetest.Password).LeadsTo("/dashboard")
		if strings.Contains(answer.Response.Header.Get("Set-Cookie"), planted) {
			t.Errorf("the planted cookie %q was adopted", planted)
		}
		site.WithCookie(planted).Get("/dashboard").LeadsToSignIn()
	}
}

func TestS5OnlyWhatWasSignedHereOpensASession(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	cookie := site.SignIn("ada").Cookie()
	id, signature, _ := strings.Cut(strings.TrimPrefix(cookie, "s:"), ".")
	other := sitetest.Start(t, func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB} }).SignIn("ada").Cookie()
	_, otherSignature, _ := strings.Cut(other, ".")

	for what, forged := range map[string]string{
		"nothing":               "",
		"the bare ID":           id,
		"no signature":          "s:" + id,
		"an empty signature":    "s:" + id + ".",
		"no prefix":             id + "." + signature,
		"truncated":             cookie[:len(cookie)-1],
		"padded":                cookie + "=",
		"of another secret":     other,
		"another one's":         "s:" + id + "." + otherSignature,
		"another ID":            "s:" + strings.Repeat("A", 43) + "." + signature,
		"the URL alphabet":      "s:" + id + "." + strings.NewReplacer("+", "-", "/", "_").Replace(signature) + "-",
		"signed twice":          cookie + "." + signature,
		"broken escapes":        "s%3" + cookie[2:],
		"a NUL":                 "s:" + id + "%00." + signature,
		"upper case":            strings.ToUpper(cookie),
		"the hash, not the ID":  "s:" + site.SessionID() + "." + signature,
		"more than it may hold": "s:" + strings.Repeat("A", 4000) + "." + signature,
	} {
		if answer := site.WithCookie(forged).Get("/dashboard").LeadsToSignIn(); len(answer.Response.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a cookie is set", what)
		}
	}
	site.WithCookie(cookie).Get("/dashboard").Answers(200)
	site.WithCookie(url.QueryEscape(cookie)).Get("/dashboard").Answers(200)

	// A bad signature never reaches the database: it is not missed.
	mend := site.Damage()
	site.WithCookie(cookie).Get("/sessions?anew").Answers(503).SetsNoCookie()
	site.WithCookie(other).Get("/dashboard").LeadsToSignIn()
	mend()
}

func TestS6ACookieOfAnOldSecretIsSignedAnew(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	before := sitetest.StartOn(t, file)
	before.AddUser("ada", models.Admin)
	old := before.SignIn("ada").Cookie()
	before.Stop()

	after := sitetest.StartOn(t, file, func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB, sitetest.SecretA} })
	answer := after.WithCookie(old).Get("/dashboard").Answers(200)
	renewed := answer.Response.Cookies()
	if len(renewed) != 1 || renewed[0].Value == old || !renewed[0].HttpOnly || renewed[0].MaxAge > 86400 || renewed[0].MaxAge < 86300 {
		t.Fatalf("the answer sets %v", renewed)
	}
	after.WithCookie(renewed[0].Value).Get("/dashboard").Answers(200).SetsNoCookie()
	if signed := after.Count(`SELECT COUNT(*) FROM sessions WHERE signer = '` + session.Fingerprint(sitetest.SecretB) + `'`); signed != 1 {
		t.Errorf("%d sessions are known to be signed by the new secret", signed)
	}
	after.Stop()

	// When the old secret is gone, the renewed cookie goes on and the old one does not.
	done := sitetest.StartOn(t, file, func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB} })
	done.WithCookie(renewed[0].Value).Get("/dashboard").Answers(200)
	done.WithCookie(old).Get("/dashboard").LeadsToSignIn()
}

func TestS7NeitherTheDatabaseNorTheLogHoldsAnID(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	ada.Get("/dashboard").Answers(200)
	id, _, _ := strings.Cut(strings.TrimPrefix(ada.Cookie(), "s:"), ".")

	found := false
	for part, content := range site.Stored() {
		found = found || strings.Contains(content, site.SessionID())
		for what, secret := range map[string]string{"the session ID": id, "the password": sitetest.Password} {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds %s", part, what)
			}
		}
	}
	if !found {
		t.Error("the search does not even find the hash")
	}
	log := site.Log.String()
	if !strings.Contains(log, "sign-in") || strings.Contains(log, id) || strings.Contains(log, sitetest.Password) || strings.Contains(log, site.SessionID()) {
		t.Errorf("the log says too little or too much:\n%s", log)
	}
}

func TestS8ASessionLastsOneDayWhateverIsDoneWithIt(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	cookie := ada.Cookie()
	for range 23 {
		site.Advance(time.Hour)
		site.WithCookie(cookie).Get("/dashboard").Answers(200).SetsNoCookie()
	}
	site.Advance(time.Hour - time.Second)
	site.WithCookie(cookie).Get("/dashboard").Answers(200)
	site.Advance(time.Second)
	site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn() // a copy that the browser would have dropped

	sitetest.Must(t, site.DB.Sweep(t.Context()))
	if left := site.Count(`SELECT COUNT(*) FROM sessions`); left != 0 {
		t.Errorf("%d expired sessions are kept", left)
	}
}

func TestS8AnIdleSessionEnds(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.DB.Idle = 30 * time.Minute
	used, left := site.SignIn("ada"), site.SignIn("ada")
	for range 5 {
		site.Advance(10 * time.Minute)
		used.Get("/dashboard").Answers(200)
	}
	used.Get("/dashboard").Answers(200).Says("You aren't signed in anywhere else")
	left.Get("/dashboard").LeadsToSignIn()
}

func TestS9AnEndIsFinal(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(site *sitetest.Site, ada *sitetest.Browser){
		"sign-out": func(_ *sitetest.Site, ada *sitetest.Browser) {
			answer := ada.Post("/logout").LeadsTo("/login?left=1")
			if set := answer.Response.Header.Values("Set-Cookie"); !slices.Equal(set, []string{"daypass=; expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/; HttpOnly; SameSite=Lax"}) {
				ada.T.Errorf("the cookie is not taken away: %q", set)
			}
			if clears := answer.Response.Header.Get("Clear-Site-Data"); clears != `"cache", "storage"` {
				ada.T.Errorf("Clear-Site-Data is %s", clears)
			}
		},
		"disabling": func(site *sitetest.Site, _ *sitetest.Browser) {
			site.AddUser("eve", models.Admin)
			sitetest.Must(site.T, site.DB.SetDisabled(site.T.Context(), site.User("ada"), true, models.CommandLine))
		},
		"a new password": func(site *sitetest.Site, _ *sitetest.Browser) {
			sitetest.Must(site.T, site.DB.SetPassword(site.T.Context(), site.User("ada"), "another walk in the grass", models.CommandLine))
		},
		"revoking": func(site *sitetest.Site, _ *sitetest.Browser) {
			_, err := site.DB.EndSessionsOf(site.T.Context(), site.User("ada"), models.CommandLine)
			sitetest.Must(site.T, err)
		},
		"removing": func(site *sitetest.Site, _ *sitetest.Browser) {
			site.AddUser("eve", models.Admin)
			sitetest.Must(site.T, site.DB.RemoveUser(site.T.Context(), site.User("ada"), models.CommandLine))
		},
	} {
		t.Run(name, func(t *testing.T) {
			site := sitetest.Start(t)
			ada := site.SignIn("ada")
			cookie := ada.Cookie()
			end(site, ada)
			for range 3 {
				site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn().SetsNoCookie()
				site.WithCookie(cookie).Post("/logout").LeadsToSignIn().SetsNoCookie()
			}
			if left := site.Count(`SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM session_payloads)`); left != 0 {
				t.Errorf("%d rows are left of it", left)
			}
		})
	}
}

func TestS10ReadingWritesNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	ada.Get("/dashboard").Answers(200)
	version := site.WatchWrites()
	before := version()
	for range 50 { // from memory
		ada.Get("/dashboard").Answers(200)
	}
	if version() != before {
		t.Error("reading the dashboard wrote to the database")
	}
	for range 5 { // anew, because somebody wrote in between
		for _, path := range []string{"/dashboard", "/sessions", "/activity", "/account", "/admin", "/admin/users", "/admin/sessions", "/admin/activity", "/activity.csv"} {
			site.Change(`UPDATE users SET full_name = full_name || 'x'`)
			before = version()
			ada.Get(path).Answers(200)
			if version() != before {
				t.Errorf("reading %s wrote to the database", path)
			}
		}
	}
	before = version()
	ada.Post("/logout")
	if version() == before {
		t.Error("the test would not notice a write")
	}
}

// TestS11WithoutTheDatabaseThereIsAnAnswer: its pages are damaged, as by a
// failing disk. When they were mended, a restart finds all that was kept.
func TestS11WithoutTheDatabaseThereIsAnAnswer(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	mend := site.Damage()
	for i := range 3 {
		answer := ada.Get(fmt.Sprintf("/sessions?%d", i)).Answers(503).Says("Nothing was lost").SetsNoCookie()
		if answer.Response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		ada.Login("ada", sitetest.Password).Answers(503).SetsNoCookie()
		ada.Post("/logout").Answers(503).SetsNoCookie()
		site.Visitor().Get("/login").Answers(200)
		site.Visitor().Get("/healthz").Answers(503) // as the pages
	}
	mend()
	site.Stop()
	again := sitetest.StartOn(t, site.File)
	again.Visitor().Get("/healthz").Answers(200)
	again.WithCookie(ada.Cookie()).Get("/dashboard").Answers(200)
	again.SignIn("ada")
}

func TestS12AChangeCountsFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Admin)
	browser := site.SignIn("eve")
	browser.Get("/dashboard").Says("administrator")
	browser.Get("/admin/sessions").Answers(200)
	site.Change(`UPDATE users SET role = 'member' WHERE name = 'eve'`)
	browser.Get("/admin/sessions").Answers(403)
	if page := browser.Get("/dashboard"); strings.Contains(page.Body, "administrator") {
		t.Error("who is no administrator any more is still called one")
	}
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, true, models.CommandLine))
	browser.Get("/dashboard").LeadsToSignIn()
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, false, models.CommandLine))
	browser.Get("/dashboard").LeadsToSignIn() // the end of a session is not taken back
}

func TestS13ChangesComeFromThisSiteAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "http", Host: "intranet.test"} })
	for _, test := range []struct {
		what    string
		header  http.Header
		allowed bool
	}{
		{"this page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		{"typed by a person", http.Header{"Sec-Fetch-Site": {"none"}}, true},
		{"no browser", http.Header{}, true},
		{"an old browser here", http.Header{"Origin": {site.URL}}, true},
		{"the public URL, behind a proxy", http.Header{"Origin": {"http://intranet.test"}}, true},
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, false},
		{"a neighbour", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil.intranet.test"}}, false},
		{"an old browser elsewhere", http.Header{"Origin": {"https://evil.example"}}, false},
		{"a sandboxed frame", http.Header{"Origin": {"null"}}, false},
		{"the public URL by another scheme", http.Header{"Origin": {"https://intranet.test"}, "Sec-Fetch-Site": {"cross-site"}}, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			ada := site.SignIn("ada")
			stranger := site.Visitor()
			stranger.Header, ada.Header = test.header, test.header
			if test.allowed {
				stranger.Login("ada", sitetest.Password).LeadsTo("/dashboard")
				ada.Post("/logout").LeadsTo("/login?left=1")
			} else {
				stranger.Login("ada", sitetest.Password).Answers(403).SetsNoCookie().Says("another site")
				ada.Post("/logout").Answers(403)
				ada.Get("/dashboard").Answers(200)
			}
		})
	}
	ada := site.SignIn("ada")
	for _, method := range []string{"GET", "HEAD"} {
		ada.Do(method, "/logout", nil).LeadsTo("/")
	}
	for _, method := range []string{"OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"} {
		ada.Do(method, "/logout", nil).Answers(405)
	}
	ada.Get("/dashboard").Answers(200)
}

// TestS14EveryAnswerCarriesTheHeaders: all of them, with exactly these values, on
// every page in every state, whoever asks.
func TestS14EveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	for name, public := range map[string]*url.URL{
		"https":                        {Scheme: "https", Host: "dash.example.org"},
		"http on this machine":         {Scheme: "http", Host: "localhost"},
		"http in a network of its own": {Scheme: "http", Host: "intranet.test"},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "https" {
				t.Skip("the headers of all answers are those of https, but for two")
			}
			t.Parallel()
			want := map[string]string{
				"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
					"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Referrer-Policy":              "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
				"Cache-Control":                "no-store",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Strict-Transport-Security":    "max-age=63072000",
			}
			if public.Scheme != "https" {
				delete(want, "Strict-Transport-Security")
			}
			if public.Host == "intranet.test" {
				delete(want, "Cross-Origin-Opener-Policy")
			}
			statuses := map[int]bool{}
			checked := func(a *sitetest.Answer) {
				t.Helper()
				statuses[a.Response.StatusCode] = true
				for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy",
					"Permissions-Policy", "Cache-Control", "Cross-Origin-Opener-Policy", "Strict-Transport-Security"} {
					value := want[name]
					if name == "Cache-Control" && strings.Contains(a.To, " /public/app.") && a.Response.StatusCode == 200 {
						value = "public, max-age=31536000, immutable"
					}
					if name == "Cache-Control" && (strings.HasSuffix(a.To, " /robots.txt") || strings.HasSuffix(a.To, " /favicon.ico")) && a.Response.StatusCode == 200 {
						value = "public, max-age=86400"
					}
					if got := strings.Join(a.Response.Header.Values(name), " and "); got != value {
						t.Errorf("%s (%d): %s is %q, not %q", a.To, a.Response.StatusCode, name, got, value)
					}
				}
				if strings.Contains(a.Body, "<script>") || strings.Contains(a.Body, "<style") || strings.Contains(a.Body, "style=") {
					t.Errorf("%s (%d) has inline code", a.To, a.Response.StatusCode)
				}
			}
			site := sitetest.StartEmpty(t, func(c *handlers.Config) { c.URL = public })
			asked := func(method string, b *sitetest.Browser, header, value string, fields url.Values, path string) {
				t.Helper()
				b.Header.Set(header, value)
				defer b.Header.Del(header)
				checked(b.Do(method, path, fields))
			}
			stranger := site.Visitor()
			for _, path := range []string{"/", "/login", "/setup", "/setup?token=" + url.QueryEscape("the link of the terminal")} {
				checked(stranger.Get(path))
			}
			signedIn := func(name string, role models.Role) *sitetest.Browser {
				t.Helper()
				site.AddUser(name, role)
				answer := stranger.Login(name, sitetest.Password).LeadsTo("/dashboard")
				checked(answer)
				b := site.Visitor() // the cookie may be Secure, and this is no https
				b.Client.Jar = nil
				pair, _, _ := strings.Cut(answer.Response.Header.Get("Set-Cookie"), ";")
				b.Header.Set("Cookie", pair)
				return b
			}
			stranger.Client.Jar = nil
			ada, eve := signedIn("ada", models.Admin), signedIn("eve", models.Member)
			for _, b := range []*sitetest.Browser{stranger, eve, ada} {
				for _, route := range site.App.GetRoutes(true) {
					path := site.PathOf(route.Path, "eve")
					if route.Method == "POST" {
						asked("POST", b, "Sec-Fetch-Site", "cross-site", url.Values{}, path)
						continue
					}
					for range 2 { // the second may be a cached one
						checked(b.Do(route.Method, path, nil))
					}
				}
				for _, path := range []string{"/nothing", "/public/nothing", "/admin/users/nobody", "/link?token=x", "/login?next=/dashboard"} {
					checked(b.Get(path))
				}
				checked(b.Do("DELETE", "/login", nil))
				checked(b.Raw(sitetest.TooLarge))
				checked(b.Raw("GET /login HTTP/1.1\r\nX-Large: " + strings.Repeat("x", 20_000)))
			}
			checked(eve.Post("/account/name", "full_name", strings.Repeat("x", 201)))
			for range 7 {
				checked(stranger.Login("nobody", "wrong"))
			}
			site.Broken.Store(true)
			checked(ada.Get("/dashboard"))
			site.Broken.Store(false)
			site.Withdraw()
			checked(ada.Get("/dashboard"))
			for _, status := range []int{200, 303, 403, 404, 405, 413, 422, 429, 431, 500, 503} {
				if !statuses[status] {
					t.Errorf("no answer had the status %d", status)
				}
			}
		})
	}
}

func TestS15NextStaysOnThisSite(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for next, leads := range map[string]string{
		"/dashboard":                 "/dashboard",
		"/dashboard?page=2":          "/dashboard?page=2",
		"":                           "/dashboard",
		"dashboard":                  "/dashboard",
		"//evil.example":             "/dashboard",
		"/\\evil.example":            "/dashboard",
		"\\\\evil.example":           "/dashboard",
		"https://evil.example":       "/dashboard",
		"javascript:alert(1)":        "/dashboard",
		"/\t/evil.example":           "/dashboard",
		"/dashboard\r\nSet-Cookie:x": "/dashboard",
		"/\x00":                      "/dashboard",
		"/\xff":                      "/dashboard",
		"/no/such/page":              "/dashboard",
		"/logout":                    "/dashboard",
		"/session/watch":             "/dashboard",
		"/activity.csv":              "/dashboard",
		"/admin/activity.csv?name=x": "/dashboard",
		"/healthz":                   "/dashboard",
		"/login/forget.svg":          "/dashboard",
		"/public/app.css":            "/dashboard",
		"/admin/users/x":             "/admin/users/x",
		"/dashboard/../../x":         "/dashboard",
		"/dashboard?" + strings.Repeat("x", 2037): "/dashboard?" + strings.Repeat("x", 2037),
		"/dashboard?" + strings.Repeat("x", 2038): "/dashboard",
	} {
		site.Visitor().Post("/login", "username", "ada", "password", sitetest.Password, "next", next).LeadsTo(leads)
		ada.Get("/login?next=" + url.QueryEscape(next)).LeadsTo(leads)
		carried := regexp.MustCompile(`name="next" value="([^"]*)"`).FindStringSubmatch(site.Visitor().Get("/login?next=" + url.QueryEscape(next)).Answers(200).Body)
		if carried == nil && leads != "/dashboard" || carried != nil && html.UnescapeString(carried[1]) != leads {
			t.Errorf("the form for %.100q carries %q", next, carried)
		}
	}
	site.Visitor().Get("/login?next=%2Fdashboard%3Fpage%3D2").Says(`value="/dashboard?page=2"`)
	site.Visitor().Get("/dashboard?page=2").LeadsTo("/login?next=%2Fdashboard%3Fpage%3D2")
	site.Visitor().Login("ada", "wrong").Answers(422)
	site.Visitor().Post("/login", "username", "ada", "password", "wrong", "next", "/dashboard?a=b").Says(`value="/dashboard?a=b"`).Says(`value="ada"`)
}
