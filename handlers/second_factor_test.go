package handlers_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// factor signs in with the password alone, which leads to the second step.
func factor(site *sitetest.Site, name string) *sitetest.Browser {
	site.T.Helper()
	b := site.Visitor()
	b.Login(name, sitetest.Password).LeadsTo("/login/second-factor")
	return b
}

// TestS16ASessionExistsOnlyAfterAllFactors: after the password there is a cookie that
// opens the second step and nothing else.
func TestS16ASessionExistsOnlyAfterAllFactors(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	app := site.SignIn("ada").SetUpApp()
	site.Advance(time.Minute)

	ada := site.Visitor()
	answer := ada.Post("/login", "username", "ada", "password", sitetest.Password, "next", "/sessions").LeadsTo("/login/second-factor")
	set := answer.Response.Header.Values("Set-Cookie")
	if len(set) != 1 || !regexp.MustCompile(`^daypass-pending=[\w-]{43}\.[A-Za-z0-9+/]{43}; max-age=300; path=/; HttpOnly; SameSite=Lax$`).MatchString(set[0]) {
		t.Fatalf("the first step sets %q", set)
	}
	pending := answer.Response.Cookies()[0].Value
	if sessions := site.Count(`SELECT COUNT(*) FROM sessions`); sessions != 1 {
		t.Errorf("after the password there are %d sessions", sessions)
	}
	for _, path := range []string{"/dashboard", "/account", "/admin", "/confirm", "/account/security"} {
		ada.Get(path).LeadsToSignIn()
	}
	for _, planted := range []string{"daypass=" + pending, "daypass=s:" + pending} { // it is no session cookie
		site.WithCookies(planted).Get("/dashboard").LeadsToSignIn()
	}
	id, _, _ := strings.Cut(pending, ".")
	if strings.Contains(site.Rows(), id) {
		t.Error("the database holds what the cookie does")
	}
	ada.Get("/login/second-factor").Answers(200).Says("Second step").SetsNoCookie()
	ada.Post("/login/second-factor", "code", app.Code()).LeadsTo("/sessions")
	ada.Get("/sessions").Answers(200).Says("with password and code")
	ada.Get("/activity").Answers(200).Says("<bdi>password and code</bdi>")
	if rows := site.Count(`SELECT COUNT(*) FROM pending_sign_ins`); rows != 0 {
		t.Errorf("%d pending sign-ins are left", rows)
	}
	site.WithCookies("daypass-pending="+pending).Post("/login/second-factor", "code", app.At(site)).LeadsTo("/login?late=1")
	site.Visitor().Get("/login/second-factor").LeadsTo("/login").SetsNoCookie()

	secure := sitetest.Start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} })
	cookies := secure.Visitor().Login("ada", sitetest.Password).Response.Cookies()
	var header []string
	for _, cookie := range cookies {
		header = append(header, cookie.Name+"="+cookie.Value)
	}
	secure.WithCookies(strings.Join(header, "; ")).SetUpApp()
	cookie := secure.Visitor().Login("ada", sitetest.Password).LeadsTo("/login/second-factor").Response.Header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-daypass-pending=") || !strings.Contains(cookie, "; secure;") {
		t.Errorf("under https the cookie is %s", cookie)
	}
}

// TestS16APendingSignInEnds with time, wrong answers, another try in the same browser,
// and whatever ends the user's sessions.
func TestS16APendingSignInEnds(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(site *sitetest.Site, b *sitetest.Browser){
		"time": func(site *sitetest.Site, _ *sitetest.Browser) { site.Advance(models.PendingFor) },
		"wrong answers": func(site *sitetest.Site, b *sitetest.Browser) {
			for try := 1; try <= models.MaxTries; try++ {
				answer := b.Post("/login/second-factor", "recovery_code", strings.Repeat("A", 24))
				if try < models.MaxTries {
					answer.Answers(422).Says("wrong or has already been used")
				} else {
					answer.LeadsTo("/login?late=1")
				}
			}
		},
		"another try": func(_ *sitetest.Site, b *sitetest.Browser) { b.Login("ada", "not the password").Answers(422) },
		"another password": func(site *sitetest.Site, _ *sitetest.Browser) {
			sitetest.Must(t, site.DB.SetPassword(t.Context(), site.User("ada"), "another walk in the grass", models.CommandLine))
		},
		"all sessions end": func(site *sitetest.Site, _ *sitetest.Browser) {
			_, err := site.DB.EndSessionsOf(t.Context(), site.User("ada"), models.CommandLine)
			sitetest.Must(t, err)
		},
		"disabled": func(site *sitetest.Site, _ *sitetest.Browser) {
			site.AddUser("root", models.Admin)
			sitetest.Must(t, site.DB.SetDisabled(t.Context(), site.User("ada"), true, models.CommandLine))
		},
		"another role": func(site *sitetest.Site, _ *sitetest.Browser) {
			site.AddUser("root", models.Admin)
			sitetest.Must(t, site.DB.SetRole(t.Context(), site.User("ada"), models.Member, models.CommandLine))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t)
			site.StopClock()
			app := site.SignIn("ada").SetUpApp()
			b := factor(site, "ada")
			end(site, b)
			site.Advance(time.Minute)
			to := b.Post("/login/second-factor", "code", app.Code()).Answers(303).Response.Header.Get("Location")
			if !strings.HasPrefix(to, "/login") || to == "/login/second-factor" {
				t.Errorf("it leads to %s", to)
			}
			if sessions := site.Count(`SELECT COUNT(*) FROM sessions WHERE method LIKE '%code'`); sessions != 0 {
				t.Errorf("it opened a session")
			}
		})
	}
}

// TestS18OfParallelFinishesOneWins: of one pending sign-in, and of one code in several.
func TestS18OfParallelFinishesOneWins(t *testing.T) {
	t.Parallel()
	const parallel = 32
	for what, several := range map[string]bool{"one pending sign-in": false, "one code": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t)
			site.StopClock()
			site.DB.Throttle.Account = parallel // what is refused is refused for another reason
			app := site.SignIn("ada").SetUpApp()
			site.Advance(time.Minute)
			browsers := []*sitetest.Browser{factor(site, "ada")}
			for several && len(browsers) < parallel {
				browsers = append(browsers, factor(site, "ada"))
			}
			var group sync.WaitGroup
			var mutex sync.Mutex
			inside := 0
			for i := range parallel {
				group.Go(func() {
					answer := browsers[i%len(browsers)].Post("/login/second-factor", "code", app.Code())
					mutex.Lock()
					defer mutex.Unlock()
					if answer.Response.StatusCode == http.StatusSeeOther && answer.Response.Header.Get("Location") == "/dashboard" {
						inside++
					}
				})
			}
			group.Wait()
			if inside != 1 {
				t.Errorf("%d of %d got in", inside, parallel)
			}
			if sessions := site.Count(`SELECT COUNT(*) FROM sessions WHERE method = 'password and code'`); sessions != 1 {
				t.Errorf("there are %d sessions", sessions)
			}
		})
	}
}

// TestS19ACodeCountsOnce, and none before it, also when the clock is set back.
func TestS19ACodeCountsOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	factor(site, "ada").Post("/login/second-factor", "code", app.Code()).Answers(422) // it was used to set the app up
	site.Advance(time.Minute)
	first, b := app.Code(), factor(site, "ada")
	b.Post("/login/second-factor", "code", first[:3]+" "+first[3:]).LeadsTo("/dashboard")
	site.Advance(time.Minute)
	second := app.Code()
	factor(site, "ada").Post("/login/second-factor", "code", second).LeadsTo("/dashboard")
	site.Advance(-time.Minute)
	for _, used := range []string{first, second} {
		factor(site, "ada").Post("/login/second-factor", "code", used).Answers(422)
	}
	site.Advance(3 * time.Minute)
	for _, steps := range []time.Duration{-2, 2} {
		factor(site, "ada").Post("/login/second-factor", "code", models.Code(app.Seed, site.DB.Now().Add(steps*30*time.Second))).Answers(422)
	}
	for _, nonsense := range []string{"", "12345", "1234567", "12345a", "１２３４５６"} {
		factor(site, "ada").Post("/login/second-factor", "code", nonsense).Answers(422).Says("Enter the 6 digits")
	}
	site.Advance(16 * time.Minute)
	for _, steps := range []time.Duration{-1, 1} {
		factor(site, "ada").Post("/login/second-factor", "code", models.Code(app.Seed, site.DB.Now().Add(steps*30*time.Second))).LeadsTo("/dashboard")
	}
}

// TestS21WrongCodesAreCounted per account: a right password, a new try, another address
// and a restart forgive none, and the owner's own browser does not have to wait.
func TestS21WrongCodesAreCounted(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, func(c *handlers.Config) { c.TrustedProxies = prefixes(t, "127.0.0.0/8") })
	site.StopClock()
	owner := site.SignIn("ada")
	app := owner.SetUpApp()
	site.Advance(time.Minute)
	wrong := func(i int) *sitetest.Answer {
		thief := site.Visitor()
		thief.Header.Set("X-Forwarded-For", "203.0.113."+string(rune('1'+i%9)))
		thief.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
		return thief.Post("/login/second-factor", "code", "000000")
	}
	for i := range 5 {
		wrong(i).Answers(422)
	}
	wrong(5).Answers(429).Says("Too many wrong codes").Says("You can try again")
	owner.Post("/logout")
	owner.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
	owner.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	site = site.Restart()
	wrong(7).Answers(429) // her code in her browser forgives nothing in others

	tried, waited := 5, time.Duration(0)
	for tried < models.MaxWrongCodes {
		answer := wrong(tried)
		if answer.Response.StatusCode == 422 {
			tried++
			continue
		}
		seconds, err := strconv.Atoi(answer.Answers(429).Response.Header.Get("Retry-After"))
		sitetest.Must(t, err)
		site.Advance(time.Duration(seconds) * time.Second)
		waited += time.Duration(seconds) * time.Second
	}
	if waited < 21*time.Hour {
		t.Errorf("%d codes were tried within %s", tried, waited)
	}
	site.Advance(time.Hour)
	wrong(0).Answers(429).Says("codes from the app aren't accepted here")
	b := factor(site, "ada")
	b.Post("/login/second-factor", "code", app.At(site)).Answers(429).Says("Use a recovery code")
	b.Post("/login/second-factor", "recovery_code", app.Codes[0]).LeadsTo("/dashboard")
	site.Advance(time.Minute)
	factor(site, "ada").Post("/login/second-factor", "code", app.At(site)).LeadsTo("/dashboard") // they count again
	b.Get("/activity").Says("Codes no longer accepted").Says("Second factor refused").Says("Recovery code used")
}

// TestS16ANewSignInEndsThePendingOne of the same browser, also one with a password link.
func TestS16ANewSignInEndsThePendingOne(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	site.SignIn("ada").SetUpApp()
	eve := site.AddUser("eve", models.Member)
	b := factor(site, "ada")
	token, err := site.DB.NewPasswordToken(t.Context(), eve, models.CommandLine)
	sitetest.Must(t, err)
	b.Post("/link", "token", token, "password", "another walk in the grass").LeadsTo("/dashboard")
	b.Get("/login/second-factor").LeadsTo("/login")
	if rows := site.Count(`SELECT COUNT(*) FROM pending_sign_ins`); rows != 0 {
		t.Errorf("%d pending sign-ins are left", rows)
	}
}

// TestS21BrowsersFromBeforeTheAppAreUnknown: whoever knew the password before there was an
// app gets no more codes by having signed in with many browsers then. The owner's stays known.
func TestS21BrowsersFromBeforeTheAppAreUnknown(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	var thieves []*sitetest.Browser
	for range 2 * models.AlarmingCodes {
		thieves = append(thieves, site.SignIn("ada"))
	}
	owner := site.SignIn("ada")
	app := owner.SetUpApp()
	site.Advance(time.Minute)
	wrong := 0
	for _, b := range thieves {
		b.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
		if b.Post("/login/second-factor", "code", "000000").Response.StatusCode == 422 {
			wrong++
		}
	}
	if wrong != 5 {
		t.Errorf("%d wrong codes were looked at within a minute", wrong)
	}
	owner.Post("/logout")
	owner.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
	owner.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	if events := site.Count(`SELECT CAST(SUM(count) AS BIGINT) FROM events WHERE kind = 'new browser'`); events != 2*models.AlarmingCodes {
		t.Errorf("the owner's browser is new: %d events", events)
	}
}

// TestS21KnownBrowsersAlarmTheOwner, too, and all of them share one limit.
func TestS21KnownBrowsersAlarmTheOwner(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	app := site.SignIn("ada").SetUpApp()
	var known []*sitetest.Browser
	for range 3 {
		site.Advance(time.Minute)
		b := factor(site, "ada")
		b.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
		b.Post("/logout")
		known = append(known, b)
	}
	for _, b := range known {
		b.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
		for range models.MaxTries - 1 {
			b.Post("/login/second-factor", "code", "000000").Answers(422)
		}
	}
	site.Advance(time.Hour)
	b := factor(site, "ada")
	b.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	b.Get("/dashboard").Says("Somebody knows your password")
	site.Change(`UPDATE code_failures SET count = 50`)
	known[0].Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
	known[0].Post("/login/second-factor", "code", app.Code()).Answers(429).Says("codes from the app aren't accepted here")
}

// TestS21StoppedCodesAreAllowedAgain in known browsers, too: by a passkey and by an administrator.
func TestS21StoppedCodesAreAllowedAgain(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	root, ada := site.SignedIn("root", models.Admin), site.SignIn("ada")
	app := ada.SetUpApp()
	device := ada.SetUpPasskey("key")
	at := "/admin/users/" + site.User("ada").ID
	for _, allow := range []func(){
		func() { root.Post(at + "/allow-codes").LeadsTo(at) },
		func() { signsInAlone(site, device) },
	} {
		ada.Post("/logout")
		ada.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
		ada.Post("/login/second-factor", "code", "000000").Answers(422)
		site.Change(`UPDATE code_failures SET count = 100`)
		if known := site.Count(`SELECT COUNT(*) FROM code_failures WHERE device <> ''`); known != 1 {
			t.Fatalf("%d known browsers were counted", known)
		}
		site.Advance(time.Hour)
		ada.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
		ada.Post("/login/second-factor", "code", app.Code()).Answers(429)
		root = site.SignIn("root")
		root.Get(at).Says("allow-codes")
		allow()
		root.Get(at).SaysNot("allow-codes")
		ada.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	}
}

// TestS22RecoveryCodesCountOnce, however they are typed; they stand for the app alone.
func TestS22RecoveryCodesCountOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	app := site.SignIn("ada").SetUpApp()
	if len(app.Codes) != models.RecoveryCodes || len(slices.Compact(slices.Sorted(slices.Values(app.Codes)))) != models.RecoveryCodes {
		t.Fatalf("the codes are %q", app.Codes)
	}
	for _, code := range app.Codes {
		if strings.Contains(site.Rows(), code) || strings.Contains(site.Rows(), strings.ReplaceAll(code, "-", "")) {
			t.Error("the database holds a recovery code")
		}
	}
	site.Visitor().Login("ada", app.Codes[0]).Answers(422) // it is no password

	typed := strings.NewReplacer("-", " ", "O", "0", "B", "8").Replace(strings.ToLower(app.Codes[0]))
	typed = strings.NewReplacer("o", "0", "b", "8").Replace(typed)
	b := factor(site, "ada")
	b.Get("/login/second-factor?with=recovery").Answers(200).Says("Recovery code")
	b.Post("/login/second-factor", "recovery_code", "too short").Answers(422).Says("24 letters and digits")
	b.Post("/login/second-factor", "recovery_code", " "+typed+" ").LeadsTo("/dashboard")
	b.Get("/dashboard").Says("You used a recovery code: 9 left.")
	if others := site.Count(`SELECT COUNT(*) FROM sessions`); others != 1 {
		t.Errorf("there are %d sessions after a recovery code was used", others)
	}
	factor(site, "ada").Post("/login/second-factor", "recovery_code", app.Codes[0]).Answers(422)

	var group sync.WaitGroup
	var mutex sync.Mutex
	inside := 0
	for range 8 {
		b := factor(site, "ada")
		group.Go(func() {
			answer := b.Post("/login/second-factor", "recovery_code", app.Codes[1])
			mutex.Lock()
			defer mutex.Unlock()
			if answer.Response.Header.Get("Location") == "/dashboard" {
				inside++
			}
		})
	}
	group.Wait()
	if inside != 1 {
		t.Errorf("one code let in %d", inside)
	}
}
