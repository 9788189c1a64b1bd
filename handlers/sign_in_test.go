package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestFailedSignInsSlowDownFurtherOnes(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	owner := site.SignIn("ada")
	owner.Post("/logout")
	elsewhere := site.SignIn("ada")

	var pages []string
	for _, name := range []string{"ada", "nobody"} {
		stranger := site.Visitor()
		stranger.Header.Set("User-Agent", "curl/8")
		for range 5 {
			stranger.Login(name, "not the password").Answers(422)
		}
		answer := stranger.Login(name, sitetest.Password).Answers(429).Says("in 1 second").Says(`value="` + name + `"`).SetsNoCookie()
		if answer.Response.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", answer.Response.Header.Get("Retry-After"))
		}
		pages = append(pages, strings.ReplaceAll(answer.Body, `value="`+name+`"`, ""))
	}
	if pages[0] != pages[1] {
		t.Error("the page tells who exists")
	}
	// The owner is not locked out: not where a session was, not where one is.
	owner.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	elsewhere.Get("/dashboard").Answers(200).Says("Failed sign-in")
	elsewhere.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	// Nor for good anywhere else.
	site.Advance(2 * time.Second)
	site.Visitor().Login("ada", sitetest.Password).LeadsTo("/dashboard")
	site.Visitor().Login("ada", "not the password").Answers(422)

	// What a browser is known by counts for that account alone, and can't be made up.
	site.AddUser("eve", models.Member)
	for range 5 {
		site.Visitor().Login("eve", "not the password").Answers(422)
	}
	owner.Login("eve", sitetest.Password).Answers(429)
	forger := site.Visitor()
	forger.Header.Set("Cookie", "daypass-known=AAAAAAAAAAAAAAAAAAAAAAAAAA.7wfGMsw3lXzwXN2mXw2sXyYkGk2BPyw7iHqkHqkHqkH~x~.~~")
	forger.Login("eve", sitetest.Password).Answers(429)
}

// TestAMadeUpCookieCostsNothing sends cookies as long as a header may be, each
// part of which looks as if its signature had to be verified.
// TestGuessesAtTwoServersAreCountedTogether, also those at one moment.
func TestGuessesAtTwoServersAreCountedTogether(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	servers := []*sitetest.Site{site, sitetest.StartOn(t, site.File)}
	for _, server := range servers {
		server.DB.Throttle.Delay = time.Minute // longer than the guesses take
	}
	var checked atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if servers[i%2].Visitor().Login("ada", "not the password").Response.StatusCode == 422 {
				checked.Add(1)
			}
		})
	}
	wg.Wait()
	if checked.Load() != 5 {
		t.Errorf("of 40 guesses at one moment %d were checked", checked.Load())
	}
	servers[1].Visitor().Login("ada", sitetest.Password).Answers(429)
}

func TestAMadeUpCookieCostsNothing(t *testing.T) {
	site := sitetest.Start(t)
	mark := strings.Repeat("A", 26) + "." + strings.Repeat("B", 43)
	spent := func(cookie ...string) time.Duration {
		stranger := site.Visitor()
		stranger.Header["Cookie"] = cookie
		var before, after syscall.Rusage
		sitetest.Must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
		for range 20 {
			stranger.Post("/login", "username", "ada").Answers(422)
		}
		sitetest.Must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		return time.Duration(after.Utime.Nano()-before.Utime.Nano()) / 20
	}
	spent("")
	plain := spent("")
	for what, cookie := range map[string][]string{
		"empty marks":       {"daypass-known=" + strings.Repeat("~", 14_000)},
		"short marks":       {"daypass-known=" + strings.Repeat("x.y~", 3500)},
		"whole marks":       {"daypass-known=" + strings.Repeat(mark+"~", 14_000/71)},
		"one session":       {"daypass=s:" + strings.Repeat("x", 14_000) + ".y"},
		"many cookies":      {strings.Repeat("daypass-known=x;", 900)},
		"many header lines": slices.Repeat([]string{"daypass=s:x.y"}, 600),
	} {
		if each := spent(cookie...); each > 5*time.Millisecond+10*plain { // 13 ms, when each mark costs a signature
			t.Errorf("%s take %s of the processor, a request without a cookie %s", what, each, plain)
		}
	}
}

func TestOneBrowserOfSeveralPeople(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	kiosk := site.Visitor()
	for i := range 12 {
		name := fmt.Sprint("user", i)
		site.AddUser(name, models.Member)
		kiosk.Login(name, sitetest.Password).LeadsTo("/dashboard")
	}
	address, err := url.Parse(site.URL)
	sitetest.Must(t, err)
	known := []string{}
	for _, cookie := range kiosk.Client.Jar.Cookies(address) {
		if cookie.Name == "daypass-known" {
			known = strings.Split(cookie.Value, "~")
		}
	}
	if len(known) != 8 {
		t.Errorf("the browser is known as %q", known)
	}
}

func TestUsernamesAreComparedAsPeopleDo(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("Zoë", models.Member)
	for _, typed := range []string{"zoë", "ZOË", "Zoe\u0308", "ｚｏë", "  zoë "} {
		site.Visitor().Login(typed, sitetest.Password).LeadsTo("/dashboard")
	}
	site.Visitor().Login("zoe", sitetest.Password).Answers(422)
	if _, err := site.DB.AddUser(t.Context(), models.NewUser{Name: "ZOE\u0308", Password: sitetest.Password, Role: models.Member}, models.CommandLine); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("the same name was added twice: %v", err)
	}
}

func TestTheSignInSaysWhatIsMisconfigured(t *testing.T) {
	t.Parallel()
	https := func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} }
	trusting := func(c *handlers.Config) { https(c); c.TrustedProxies = prefixes(t, "127.0.0.0/8") }
	for _, test := range []struct {
		what   string
		site   func(*handlers.Config)
		host   string
		header http.Header
		says   string
	}{
		{"as it should be", func(*handlers.Config) {}, "", nil, ""},
		{"this machine by another name", func(*handlers.Config) {}, "localhost", nil, ""},
		{"another name", func(*handlers.Config) {}, "other.example.org", nil, "not the address of the site"},
		{"unencrypted", https, "dash.example.org", nil, "is not encrypted"},
		{"a proxy that is not trusted", https, "dash.example.org", http.Header{"X-Forwarded-Proto": {"https"}}, "does not trust"},
		{"a proxy that is not trusted, under http", func(*handlers.Config) {}, "", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "does not trust"},
		{"a trusted proxy", trusting, "dash.example.org", http.Header{"X-Forwarded-Proto": {"https"}}, ""},
		{"a trusted proxy that says little", trusting, "dash.example.org", nil, ""},
		{"a trusted proxy, unencrypted before it", trusting, "dash.example.org", http.Header{"X-Forwarded-Proto": {"http"}}, "is not encrypted"},
		{"a trusted proxy that hides the name", trusting, "127.0.0.1:3000", http.Header{"X-Forwarded-Proto": {"https"}}, "not the address of the site"},
		{"a proxy that says nothing, and a browser on https", https, "dash.example.org", http.Header{"Sec-Fetch-Site": {"none"}}, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			site := sitetest.Start(t, test.site)
			request, err := http.NewRequest("GET", site.URL+"/login", nil)
			sitetest.Must(t, err)
			if test.header != nil {
				request.Header = test.header
			}
			if test.host != "" {
				request.Host = test.host
			}
			response, err := site.Visitor().Client.Do(request)
			sitetest.Must(t, err)
			defer response.Body.Close()
			page, err := io.ReadAll(response.Body)
			sitetest.Must(t, err)
			if said := strings.Contains(string(page), `id="misconfigured"`); said != (test.says != "") || !strings.Contains(string(page), test.says) {
				t.Errorf("the page does not say %q:\n%s", test.says, page)
			}
		})
	}
}

func TestOnesOwnMistypingRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	mine := site.SignIn("ada")
	site.Advance(time.Hour)
	mine.Login("ada", "not the password").Answers(422)
	mine.Post("/logout")
	mine.Login("ada", "not the password").Answers(422)
	mine.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	mine.Post("/account/password", "current", "not the password", "password", "another walk in the grass").Answers(422)
	site.Advance(16 * time.Minute)
	mine.Confirm(mine.Post("/admin/users/"+eve.ID+"/disable"), "not the password").Answers(422)
	quiet := func() {
		t.Helper()
		if page := mine.Get("/dashboard"); strings.Contains(page.Body, "since your last visit") {
			t.Errorf("one's own mistyping raises the alarm:\n%s", page.Body)
		}
	}
	quiet()
	for _, kind := range []string{"failed sign-in", "wrong password"} { // where one is signed in, it is no sign-in
		if failed := site.Count(`SELECT SUM(count) FROM events WHERE kind = '` + kind + `'`); failed != 2 {
			t.Errorf("%d of 2 events %q are in the activity", failed, kind)
		}
	}

	// Somebody else's does, also when it is counted within the same minute.
	mine.Login("ada", "not the password").Answers(422)
	site.Visitor().Login("ada", "not the password").Answers(422)
	mine.Login("ada", "not the password").Answers(422)
	mine.Get("/dashboard").Says("1 failed sign-in since your last visit")
}

// TestTheAlarmRingsForWhoeverWasInside: a stolen cookie of a session, or a browser that knew
// an earlier password or an earlier user of that name, makes no failure a trusted one.
func TestTheAlarmRingsForWhoeverWasInside(t *testing.T) {
	t.Parallel()
	const next = "another walk in the grass"
	alarms := func(site *sitetest.Site) int {
		return site.Count(`SELECT COALESCE(SUM(count), 0) FROM events WHERE kind IN ('failed sign-in', 'wrong password') AND NOT known`)
	}
	trusted := func(site *sitetest.Site) int {
		return site.Count(`SELECT COALESCE(SUM(count), 0) FROM events WHERE kind IN ('failed sign-in', 'wrong password') AND known`)
	}
	t.Run("a stolen session", func(t *testing.T) {
		site := sitetest.Start(t)
		ada := site.SignIn("ada")
		thief := site.WithCookie(ada.Cookie())
		thief.Post("/account/password", "current", "not the password", "password", next).Answers(422)
		thief.Post("/account/remove", "current", "not the password").Answers(422)
		thief.Login("ada", "not the password").Answers(422)
		if alarms(site) != 3 || trusted(site) != 0 {
			t.Errorf("%d of 3 failures alarm, %d are trusted", alarms(site), trusted(site))
		}
		ada.Post("/account/password", "current", "not the password", "password", next).Answers(422)
		if trusted(site) != 1 {
			t.Error("the owner's own mistake alarms")
		}
	})
	t.Run("an earlier password", func(t *testing.T) {
		site := sitetest.Start(t)
		elsewhere, ada := site.SignIn("ada"), site.SignIn("ada")
		ada.Post("/account/password", "current", sitetest.Password, "password", next).LeadsTo("/account")
		elsewhere.Login("ada", "not the password").Answers(422)
		if alarms(site) != 1 {
			t.Error("a browser that knew the password of before is trusted")
		}
		ada.Post("/logout").LeadsTo("/login?left=1")
		ada.Login("ada", "not the password").Answers(422)
		if trusted(site) != 1 {
			t.Error("the browser in which the password was changed is not trusted")
		}
	})
	t.Run("an earlier user of that name", func(t *testing.T) {
		site := sitetest.Start(t)
		site.AddUser("eve", models.Member)
		eve := site.SignIn("eve")
		sitetest.Must(t, site.DB.RemoveUser(t.Context(), site.User("eve"), models.CommandLine))
		site.AddUser("eve", models.Member)
		eve.Login("eve", "not the password").Answers(422)
		if alarms(site) != 1 {
			t.Error("the browser of a removed user is trusted")
		}
	})
}
