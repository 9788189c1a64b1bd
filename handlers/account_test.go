package handlers_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestANameCanBeSeen(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	ada, hers := site.SignIn("ada"), site.SignIn("eve")
	for _, name := range []string{"\u200b", "\u2060\ufeff", "\u3164", "\uffa0", "\u115f", "\u2800", "\u00ad", "\u200e", "\ufe0f", "\u0301", "\U000e0041", " \u200d ", "\ufffc", "\U0001d159"} {
		hers.Post("/account/name", "full_name", name).Answers(422).Says("can be seen")
		ada.Post("/admin/users/new", "username", "kim", "full_name", name, "role", "member").Answers(422).Says("can be seen")
		ada.Post("/admin/users/new", "username", name, "role", "member").Answers(422).Says("letters, digits")
	}
	for _, name := range []string{"Eve\u202e nimda", "Eve\u2028Adams", "\u2066Eve\u2069"} {
		hers.Post("/account/name", "full_name", name).Answers(422)
	}
	if site.Count(`SELECT COUNT(*) FROM users`) != 2 || site.User("eve").FullName != eve.FullName {
		t.Error("a name was taken that can't be seen")
	}
	for _, name := range []string{"Zoe\u0308", "👩\u200d🚀", "نمی\u200cدانم", ""} {
		hers.Post("/account/name", "full_name", name).LeadsTo("/account")
	}
}

// TestNobodySeesWhatIsSomebodyElses: two users with browsers and names of their
// own, on every page that is not of the administration, and on each other's there.
func TestNobodySeesWhatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	agents := map[string]string{"Firefox on Linux": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Safari on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"}
	site.AddUser("quentin", models.Member)
	site.AddUser("zelda", models.Member)
	people := map[string]*sitetest.Browser{}
	for name, with := range map[string]string{"quentin": "Firefox on Linux", "zelda": "Safari on iPhone"} {
		b := site.Visitor()
		b.Header.Set("User-Agent", agents[with])
		b.Login(name, "not the password").Answers(422)
		b.Login(name, sitetest.Password).LeadsTo("/dashboard")
		b.Post("/account/name", "full_name", "Full Name of "+name).LeadsTo("/account")
		b.Get("/account").Says("Your name was changed.")
		people[name] = b
	}
	site.SignIn("quentin") // elsewhere, in the same kind of browser
	check := func(a *sitetest.Answer, mine, others string) {
		t.Helper()
		for _, line := range strings.Split(a.Body, "\n") {
			if strings.Contains(line, others) || strings.Contains(line, map[string]string{"Firefox on Linux": "zelda", "Safari on iPhone": "quentin"}[mine]) {
				t.Errorf("%s of %s shows %s", a.To, mine, line)
			}
		}
	}
	ada := site.SignIn("ada")
	for name, mine := range map[string]string{"quentin": "Firefox on Linux", "zelda": "Safari on iPhone"} {
		others := map[string]string{"quentin": "Safari on iPhone", "zelda": "Firefox on Linux"}[name]
		for range 2 {
			for _, path := range []string{"/dashboard", "/sessions", "/activity", "/activity?kind=sign-in", "/activity.csv", "/account"} {
				page := people[name].Get(path).Answers(200)
				if check(page, mine, others); path != "/account" && !strings.Contains(page.Body, mine) {
					t.Errorf("%s of %s says nothing of it", path, name)
				}
			}
		}
		people[name].Get("/activity").Says("127.0.0.1")
		people[name].Get("/activity.csv").Says(",127.0.0.1,")
		data := people[name].Post("/account/data.json", "download", "json").Answers(200)
		check(data, mine, others)
		data.Says(`"address":"127.0.0.1"`)
		if page := ada.Get("/admin/users/" + site.User(name).ID).Answers(200); strings.Contains(page.Body, others) || !strings.Contains(page.Body, mine) {
			t.Errorf("the page of %s for administrators shows what is somebody else's:\n%s", name, page.Body)
		}
	}
}

func TestOnesOwnAccount(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	eve := site.SignIn("eve")
	eve.Post("/account/name", "full_name", "Eve <i> שרה").LeadsTo("/account")
	eve.Get("/account").Says("Your name was changed.").Says("Eve &lt;i&gt; שרה").Says("member, joined <time")
	eve.Post("/account/name", "full_name", strings.Repeat("x", 201)).Answers(422).Says("at most 200")
	eve.Post("/account/name", "full_name", "a\x00b").Answers(422)
	eve.Post("/account/name", "full_name", "Eve", "role", "admin", "id", site.User("ada").ID).LeadsTo("/account")
	if site.User("eve").IsAdmin() || site.User("ada").FullName != "" {
		t.Error("a field that was smuggled in counts")
	}

	var data struct {
		User     map[string]any
		Sessions []map[string]any
		Events   []map[string]any
	}
	before := site.Rows()
	eve.Get("/account/data.json").LeadsTo("/account") // what is noted is no GET
	if after := site.Rows(); after != before {
		t.Errorf("a GET of the data wrote: %s, before %s", after, before)
	}
	file := eve.Post("/account/data.json", "download", "json").Answers(200)
	sitetest.Must(t, json.Unmarshal([]byte(file.Body), &data))
	if data.User["name"] != "eve" || len(data.Sessions) != 1 || !slices.Equal(kinds(data.Events), []any{"data downloaded", "name changed", "sign-in", "user added"}) || strings.Contains(file.Body, "argon2") || strings.Contains(file.Body, site.User("ada").ID) {
		t.Errorf("the data is %s", file.Body)
	}

	eve.Post("/account/remove", "current", "not the password").Answers(422).Says("not your current password")
	eve.Post("/account/remove", "current", sitetest.Password).LeadsTo("/login?left=1")
	eve.Get("/dashboard").LeadsToSignIn()
	eve.Login("eve", sitetest.Password).Answers(422)
	ada := site.SignIn("ada")
	ada.Post("/account/remove", "current", sitetest.Password).Answers(422).Says("last administrator")
	ada.Get("/dashboard").Answers(200)
}

// TestAPasswordThatIsNotChangedWritesNothing: neither when a field is refused nor when it is too early for another try.
func TestAPasswordThatIsNotChangedWritesNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	version := site.WatchWrites()
	const next = "another walk in the grass"
	before := version()
	ada.Post("/account/password", "current", "not the password", "password", "short").Answers(422)
	if version() != before {
		t.Error("a refused password writes")
	}
	for range 5 {
		ada.Post("/account/password", "current", "not the password", "password", next).Answers(422)
	}
	before = version()
	ada.Post("/account/password", "current", "not the password", "password", next).Answers(429).SetsNoCookie().
		Says(`action="/account/password"`).Says(`id="current-error"`).Says("You can try again").Says("data-wait=").SaysNot(`id="removal-error"`)
	ada.Post("/account/remove", "current", "not the password").Answers(429).
		Says(`<details name="open" open`).Says(`id="removal-error"`).Says("You can try again").SaysNot(`id="current-error"`)
	if version() != before {
		t.Error("a try that is too early writes")
	}
	site.Advance(time.Hour)
	ada.Post("/account/password", "current", sitetest.Password, "password", next).LeadsTo("/account")
	ada.Get("/account").Answers(200)
}
