package handlers_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// carried sends a form after its session has ended, and returns what the sign-in
// page carries of it.
func carried(b *sitetest.Browser, path string, pairs ...string) string {
	b.T.Helper()
	return b.Post(path, pairs...).Answers(401).Says("Sign in to continue").SetsNoCookie().First(`name="form" value="([\w-]+)"`)
}

// signInWith sends the sign-in form with a form that it carries.
func signInWith(b *sitetest.Browser, name, form string) *sitetest.Answer {
	b.T.Helper()
	return b.Post("/login", "username", name, "password", sitetest.Password, "form", form, "next", "/account")
}

// continues signs in with a form that is carried, sees what it was, and lets it continue.
func continues(b *sitetest.Browser, name, form string) *sitetest.Answer {
	b.T.Helper()
	to := signInWith(b, name, form).Answers(303).Response.Header.Get("Location")
	if !strings.HasPrefix(to, "/confirm?form=") {
		b.T.Fatalf("the sign-in leads to %s", to)
	}
	page := b.Get(to).Answers(200).Says("Nothing has been changed yet.").SaysNot(`type="password"`)
	return b.Post("/confirm", "form", page.First(`name="form" value="([\w-]+)"`), "next", "/account")
}

// TestAFormIsNotLostWhenTheSessionEnds, for whatever reason: it continues once the
// same user has signed in, and its result is shown.
func TestAFormIsNotLostWhenTheSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*sitetest.Site){
		"a day has passed": func(site *sitetest.Site) { site.Advance(25 * time.Hour) },
		"ended elsewhere": func(site *sitetest.Site) {
			_, err := site.DB.EndSessionsOf(t.Context(), site.User("ada"), models.CommandLine)
			sitetest.Must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t)
			ada := site.SignIn("ada")
			end(site)
			before := site.Rows()
			page := ada.Post("/account/name", "full_name", "Ada <King>", "do", "Save <name>").Answers(401).SetsNoCookie().
				Says("has not been lost: <strong><bdi>Save &lt;name&gt;</bdi></strong>").SaysNot("King").Says(`href="/login?next=%2faccount"`)
			if page.Response.Header.Get("WWW-Authenticate") == "" {
				t.Error("401 without a way to sign in")
			}
			if site.Rows() != before {
				t.Error("it is stored before anybody has signed in")
			}
			form := page.First(`name="form" value="([\w-]+)"`)
			again := ada.Post("/login", "username", "ada", "password", "not the password", "form", form, "next", "/account").
				Answers(422).Says("Save &lt;name&gt;").First(`name="form" value="([\w-]+)"`)
			continues(ada, "ada", again).LeadsTo("/account")
			ada.Get("/account").Answers(200).Says("Your name was changed.").Says("Ada &lt;King&gt;")
		})
	}
}

// TestAFormGoesOnWithANewSecret: rotating the secrets loses none.
func TestAFormGoesOnWithANewSecret(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Advance(25 * time.Hour)
	form := carried(ada, "/account/name", "full_name", "Ada King")
	site = site.Restart(func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB, sitetest.SecretA} })
	cookies := ""
	for _, cookie := range ada.Client.Jar.Cookies(parsed(t, ada)) {
		cookies += cookie.Name + "=" + cookie.Value + "; "
	}
	if to := signInWith(site.WithCookies(cookies), "ada", form).Answers(303).Response.Header.Get("Location"); !strings.HasPrefix(to, "/confirm?form=") {
		t.Errorf("it leads to %s", to)
	}
}

func parsed(t *testing.T, b *sitetest.Browser) *url.URL {
	t.Helper()
	address, err := url.Parse(b.Address())
	sitetest.Must(t, err)
	return address
}

// TestNobodyElseContinuesAForm: neither another user in the same browser, nor the same
// user in a browser where somebody planted it, nor anybody later or without a mark.
func TestNobodyElseContinuesAForm(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.SignedIn("eve", models.Member)
	ada := site.SignIn("ada")
	site.Advance(25 * time.Hour)
	planted := carried(eve, "/account/name", "full_name", "Planted")
	own := carried(ada, "/account/name", "full_name", "Own")
	unchanged := func(what string) {
		t.Helper()
		for _, name := range []string{"ada", "eve"} {
			if user := site.User(name); user.FullName != "" {
				t.Errorf("%s: %s is called %q", what, name, user.FullName)
			}
		}
	}
	// Whoever signs in instead starts empty, and so does whoever signs in afterwards.
	signInWith(eve, "ada", planted).LeadsTo("/dashboard")
	unchanged("somebody else signed in")
	eve.Post("/logout").LeadsTo("/login?left=1")
	signInWith(eve, "eve", planted).LeadsTo("/account") // it can't be opened any more
	unchanged("somebody else signed in in between")
	// What an attacker has made is worth nothing in the victim's browser, signed in or not.
	signInWith(ada, "ada", planted).LeadsTo("/account")
	signInWith(site.Visitor(), "ada", own).LeadsTo("/account")
	signInWith(site.Visitor(), "eve", planted).LeadsTo("/account")
	unchanged("planted")
	for _, forged := range []string{"x", "", own[:len(own)-2], own + "AA", strings.Repeat("A", len(own))} {
		signInWith(ada, "ada", forged).LeadsTo("/account")
	}
	unchanged("forged")
	// Nobody sends one through the sign-in without a password.
	ada.Post("/login", "username", "ada", "password", "not the password", "form", own).Answers(422)
	unchanged("without the password")
	// Nor after an hour.
	site.Advance(25 * time.Hour)
	late := carried(ada, "/account/name", "full_name", "Late")
	site.Advance(time.Hour)
	signInWith(ada, "ada", late).LeadsTo("/account")
	unchanged("late")
}

// TestS13NoFormOfAnotherSiteIsCarried: neither to the page it is meant for, nor to the sign-in.
func TestS13NoFormOfAnotherSiteIsCarried(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Advance(25 * time.Hour)
	own := carried(ada, "/account/name", "full_name", "Own")
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		ada.Header.Set(name, value)
		ada.Post("/account/name", "full_name", "Evil").Answers(403).SaysNot(`name="form"`)
		signInWith(ada, "ada", own).Answers(403).SetsNoCookie()
		ada.Header.Del(name)
	}
	if user := site.User("ada"); user.FullName != "" {
		t.Errorf("the name is %q", user.FullName)
	}
	// An address can't bring one along, either.
	ada.Get("/login?form=" + own).Answers(200).SaysNot(`name="form"`)
}

// TestTheLargestFormIsNotLost, however its sender has to be asked first: it waits for the
// sign-in and for the password. A larger one is refused at once.
func TestTheLargestFormIsNotLost(t *testing.T) {
	t.Parallel()
	const form = "do=Save&full_name=Ada+King&note="
	largest := form + strings.Repeat(`"`, models.MaxForm-len(form)) // quotes need not be encoded
	site := sitetest.Start(t)
	ada, eve := site.SignIn("ada"), site.AddUser("eve", models.Member)
	site.Advance(16 * time.Minute)
	act := "/admin/users/" + eve.ID + "/make-admin?" + strings.Repeat("x", 12<<10)
	for _, path := range []string{act, "/account/name"} {
		ada.Send("POST", path, largest+`"`).Answers(413).Says("larger than 128 KiB").Says(`<a href="/">Go to the start page</a>`)
	}
	ada.Confirm(ada.Send("POST", act, largest), sitetest.Password).LeadsTo("/admin/users/" + eve.ID)
	if !site.User("eve").IsAdmin() {
		t.Error("what waited for the password was not done")
	}
	site.Advance(25 * time.Hour)
	ada.Send("POST", "/account/name", largest+`"`).Answers(413)
	carried := ada.Send("POST", "/account/name?"+strings.Repeat("x", 12<<10), largest).Answers(401).First(`name="form" value="([\w-]+)"`)
	continues(ada, "ada", carried).LeadsTo("/account")
	if name := site.User("ada").FullName; name != "Ada King" {
		t.Errorf("the name is %q", name)
	}
	ada.Post("/login", "username", "ada", "password", strings.Repeat("x", models.MaxValue+16<<10)).Answers(413)
}

// TestWhatIsNotCarried: passwords, sign-outs, downloads, and the forms of visitors, of
// whom nobody knows who they are. The sign-in page says so.
func TestWhatIsNotCarried(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Advance(25 * time.Hour)
	for path, pairs := range map[string][]string{
		"/account/password":  {"current", sitetest.Password, "password", "another walk in the grass"},
		"/account/remove":    {"current", sitetest.Password},
		"/account/data.json": {"download", "json"},
		"/confirm":           {"form", "x"},
		"/nothing":           {"full_name", "x"},
	} {
		to := ada.Post(path, pairs...).LeadsToSignIn().Response.Header.Get("Location")
		ada.Get(to).Answers(200).Says("what you sent was not stored")
	}
	ada.Get(ada.Post("/logout").LeadsToSignIn().Response.Header.Get("Location")).Answers(200).SaysNot("what you sent")
	site.Visitor().Post("/account/name", "full_name", "x").LeadsToSignIn().SetsNoCookie()
}

// TestWhatAFormWasDoneToIsCheckedWhenItContinues: the guards of its route are those of
// any request, and the password that was just entered counts.
func TestWhatAFormWasDoneToIsCheckedWhenItContinues(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	root := site.SignedIn("root", models.Admin)
	eve := site.AddUser("eve", models.Member)
	at := "/admin/users/" + eve.ID
	site.Advance(25 * time.Hour)
	form := carried(root, at+"/make-admin", "do", "Make eve an administrator")
	sitetest.Must(t, site.DB.SetRole(t.Context(), site.User("root"), models.Member, models.CommandLine))
	continues(root, "root", form).Answers(403)
	if site.User("eve").IsAdmin() {
		t.Fatal("it was done by somebody who may not")
	}
	sitetest.Must(t, site.DB.SetRole(t.Context(), site.User("root"), models.Admin, models.CommandLine))
	site.Advance(25 * time.Hour)
	continues(root, "root", carried(root, at+"/make-admin")).LeadsTo(at)
	if !site.User("eve").IsAdmin() {
		t.Error("it was not done")
	}
}

// TestAFormOfSharedBrowsersIsNotCarried: nobody knows which of them sent it.
func TestAFormOfSharedBrowsersIsNotCarried(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	browser := site.SignIn("ada")
	browser.Post("/logout")
	browser.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	site.Advance(25 * time.Hour)
	browser.Post("/account/name", "full_name", "typed by eve").LeadsToSignIn()
}

// TestAFormContinuesOnce, also when it is sent twice.
func TestAFormContinuesOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Advance(25 * time.Hour)
	to := signInWith(ada, "ada", carried(ada, "/account/name", "full_name", "Ada King")).Response.Header.Get("Location")
	form := ada.Get(to).Says("<dd><bdi>Ada King</bdi></dd>").Says("<dd>/account/name</dd>").First(`name="form" value="([\w-]+)"`)
	ada.Post("/confirm", "form", form, "next", "/account").LeadsTo("/account")
	ada.Post("/account/name", "full_name", "Ada").LeadsTo("/account")
	ada.Post("/confirm", "form", form, "next", "/account").LeadsTo("/account")
	if user := site.User("ada"); user.FullName != "Ada" {
		t.Errorf("the name is %q", user.FullName)
	}
}
