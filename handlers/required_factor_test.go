package handlers_test

import (
	"strings"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// requiredFor requires a second factor of some, with a time of grace.
func requiredFor(whom models.RequiredFor, grace time.Duration) func(*handlers.Config) {
	return func(c *handlers.Config) { c.SecondFactor = models.SecondFactorRule{For: whom, Grace: grace} }
}

// enrols sets up the app that is owed, on the way in, and continues from the recovery codes.
func enrols(site *sitetest.Site, b *sitetest.Browser) {
	site.T.Helper()
	b.Get("/login/second-factor/new").Answers(200).Says("This site requires one").SetsNoCookie()
	page := b.Post("/login/second-factor/new").Answers(200).Says(`<svg class="qr"`)
	seed := strings.ReplaceAll(page.First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", "")
	b.Post("/login/second-factor/new/confirm", "code", "000000").Answers(422).Says("This code is wrong")
	b.Get("/dashboard").LeadsToSignIn()
	b.Post("/login/second-factor/new/confirm", "code", models.Code(seed, site.DB.Now())).Answers(200).Says("Your recovery codes").Says(`href="/dashboard"`)
	b.Get("/dashboard").Answers(200)
	if strings.Contains(site.Rows(), seed) {
		site.T.Error("the database holds the seed in clear")
	}
}

// TestS32S35ASecondFactorCanBeRequired, with a time of grace for each user. After it the
// password leads to setting one up, and sessions that owe one end.
func TestS32S35ASecondFactorCanBeRequired(t *testing.T) {
	t.Parallel()
	for whom, applies := range map[models.RequiredFor]map[string]bool{
		models.NoOne: {}, models.Admins: {"ada": true}, models.Everybody: {"ada": true, "eve": true},
	} {
		t.Run(string(whom), func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t, requiredFor(whom, 10*time.Hour))
			site.StopClock()
			site.AddUser("eve", models.Member)
			for _, name := range []string{"ada", "eve"} {
				b := site.SignIn(name)
				first := b.Get("/dashboard").Answers(200)
				if !applies[name] {
					first.SaysNot("is required")
					site.Advance(11 * time.Hour)
					b.Get("/dashboard").Answers(200)
					site.SignIn(name)
					continue
				}
				first.Says("A second factor is required here by")
				b.Get("/account/security").Says("is required here by")
				site.Advance(9 * time.Hour)
				late := site.SignIn(name) // begins no other time of grace
				site.Advance(59 * time.Minute)
				b.Get("/dashboard").Answers(200)
				site.Advance(time.Minute)
				b.Get("/dashboard").LeadsTo("/login?ended=1&next=%2Fdashboard")
				late.Get("/dashboard").LeadsToSignIn()
				sitetest.Must(t, site.DB.Sweep(t.Context()))
				if left := site.Count(`SELECT COUNT(*) FROM sessions WHERE user_id = '` + site.User(name).ID + `'`); left != 0 {
					t.Errorf("%d sessions are left", left)
				}
				b.Login(name, sitetest.Password).LeadsTo("/login/second-factor/new")
				b.Get("/dashboard").LeadsToSignIn()
				b.Post("/login/second-factor", "code", "123456").LeadsTo("/login?late=1")
				b.Login(name, sitetest.Password).LeadsTo("/login/second-factor/new")
				enrols(site, b)
				b.Post("/account/security/app/remove").Answers(422).Says("A second factor is required here.") // S32
				if !site.User(name).HasSecondFactor() {
					t.Error("what is required was removed")
				}
			}
		})
	}
}

// TestS16EnrolmentEndsLikeEveryPendingSignIn: after 5 minutes, and after 5 wrong codes.
func TestS16EnrolmentEndsLikeEveryPendingSignIn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, requiredFor(models.Everybody, 0))
	site.StopClock()
	site.AddUser("eve", models.Member)
	b := site.Visitor()
	set := b.Login("eve", sitetest.Password).LeadsTo("/login/second-factor/new").Response.Header.Get("Set-Cookie")
	if !strings.Contains(set, "max-age=300;") {
		t.Errorf("the cookie is %s", set[strings.Index(set, ";"):])
	}
	b.Post("/login/second-factor/new").Answers(200)
	for range models.MaxTries - 1 {
		b.Post("/login/second-factor/new/confirm", "code", "000000").Answers(422)
	}
	b.Post("/login/second-factor/new/confirm", "code", "000000").LeadsTo("/login?late=1")
	b.Login("eve", sitetest.Password).LeadsTo("/login/second-factor/new")
	site.Advance(5 * time.Minute)
	b.Get("/login/second-factor/new").LeadsTo("/login?late=1")
}

// TestS35TheFirstAdministratorHasGrace, from the setup on.
func TestS35TheFirstAdministratorHasGrace(t *testing.T) {
	t.Parallel()
	site := sitetest.StartEmpty(t, requiredFor(models.Everybody, 10*time.Hour))
	site.StopClock()
	site.Visitor().Post("/setup", "token", "the link of the terminal", "username", "ada", "password", sitetest.Password).LeadsTo("/dashboard")
	if due := site.User("ada").FactorDue; !due.Equal(site.DB.Time().Add(10 * time.Hour)) {
		t.Errorf("it is due at %s", due)
	}
}

// TestS35AMadeAdministratorOwesAtOnce for the administration.
func TestS35AMadeAdministratorOwesAtOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, requiredFor(models.Admins, 10*time.Hour))
	site.StopClock()
	ada, eve := site.SignIn("ada"), site.SignedIn("eve", models.Member)
	ada.Get("/admin/users").Answers(200).Says("Required")
	ada.Post("/admin/users/" + site.User("eve").ID + "/make-admin").LeadsTo("/admin/users/" + site.User("eve").ID)
	for _, page := range []*sitetest.Answer{eve.Get("/dashboard"), eve.Get("/account/security"), ada.Get("/admin/users/" + site.User("eve").ID)} {
		page.Answers(200).Says("required").Says(" now.").SaysNot("1970")
	}
	eve.Get("/admin/users").LeadsTo("/account/security")
	eve.Get("/account/security").Answers(200).Says("The administration needs a second factor here.")
	site.Visitor().Login("eve", sitetest.Password).LeadsTo("/login/second-factor/new")
	eve.SetUpApp()
	eve.Get("/admin/users").Answers(200).Says("codes never tested")
	eve.Get("/admin").Says("1 of 2 users, 1 still without")
}

// TestS18WhoeverIsChangedMeanwhileSignsInAgain, while the required app is being added.
func TestS18WhoeverIsChangedMeanwhileSignsInAgain(t *testing.T) {
	site := sitetest.Start(t, requiredFor(models.Everybody, 0))
	site.StopClock()
	site.AddUser("root", models.Admin)
	site.AddUser("eve", models.Member)
	eve := site.Visitor()
	eve.Login("eve", sitetest.Password).LeadsTo("/login/second-factor/new")
	seed := strings.ReplaceAll(eve.Post("/login/second-factor/new").First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", "")
	site.WhileWriting(`UPDATE users SET role = 'admin' WHERE name = 'eve'`, func() *sitetest.Answer {
		return eve.Post("/login/second-factor/new/confirm", "code", models.Code(seed, site.DB.Now()))
	}, "CheckEnrolment").LeadsTo("/login?late=1")
}

// TestS34AnAdministratorResetsASecondFactor, but not the own one; all sessions end, the
// password stays, and the owner is told by whom.
func TestS34AnAdministratorResetsASecondFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada, eve := site.SignIn("ada"), site.SignedIn("eve", models.Member)
	eve.SetUpApp()
	pending := factor(site, "eve")
	at := "/admin/users/" + site.User("eve").ID
	ada.Get(at).Answers(200).Says("Second factor: app, 10 recovery codes, never tested")
	ada.Post(at + "/reset-second-factor").LeadsTo(at)
	ada.Get(at).Says("can sign in with the password alone").SaysNot("Second factor: app")
	eve.Get("/dashboard").LeadsToSignIn()
	pending.Get("/login/second-factor").LeadsTo("/login?late=1")
	for _, table := range []string{"authenticators", "recovery_codes", "pending_sign_ins"} {
		if rows := site.Count(`SELECT COUNT(*) FROM ` + table); rows != 0 {
			t.Errorf("%s has %d rows", table, rows)
		}
	}
	site.Advance(time.Minute)
	eve = site.SignIn("eve")
	eve.Get("/dashboard").Says("Your second factor was reset")
	eve.Get("/activity").Says("Second factor reset").Says("by <bdi>ada</bdi>")
	ada.Post(at + "/reset-second-factor").Answers(404) // there is none any more

	ada.SetUpApp()
	ada.Post("/admin/users/" + site.User("ada").ID + "/reset-second-factor").Answers(422).Says("reset your own second factor")
}

// TestS21TheOwnerIsToldThatSomebodyHasThePassword, also when no code is ever entered.
func TestS21TheOwnerIsToldThatSomebodyHasThePassword(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	for range models.AlarmingCodes {
		factor(site, "ada")
	}
	ada.Get("/dashboard").SaysNot("Somebody knows your password")
	site.Advance(models.PendingFor)
	sitetest.Must(t, site.DB.Sweep(t.Context()))
	ada = factor(site, "ada")
	ada.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	ada.Get("/dashboard").Says("Somebody knows your password: 10 sign-in attempts with it failed at the second step")
	ada.Get("/activity").Says("Sign-in not finished: no second factor")
}

// TestS21NobodyTriesAPasswordWithoutATrace, by signing in with nothing afterwards.
func TestS21NobodyTriesAPasswordWithoutATrace(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	app := site.SignIn("ada").SetUpApp()
	for range models.AlarmingCodes {
		factor(site, "ada").Post("/login", "username", "", "password", "").Answers(422)
	}
	site.Advance(time.Minute)
	ada := factor(site, "ada")
	ada.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	ada.Get("/dashboard").Says("Somebody knows your password")
	if rows := site.Count(`SELECT COUNT(*) FROM pending_sign_ins`); rows != 0 {
		t.Errorf("%d pending sign-ins are left", rows)
	}
}
