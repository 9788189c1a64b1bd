package handlers_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS20NothingChangesUntilACodeOfTheNewAppWasTyped, also when it replaces another one;
// the seed is shown once, and stored encrypted.
func TestS20NothingChangesUntilACodeOfTheNewAppWasTyped(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	seedIn := func(page *sitetest.Answer) string {
		return strings.ReplaceAll(page.First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", "")
	}
	page := ada.Post("/account/security/app").Answers(200).Says(`<svg class="qr"`)
	seed := seedIn(page)
	if store := page.Response.Header.Get("Cache-Control"); store != "no-store" {
		t.Errorf("browsers may store the key: %s", store)
	}
	ada.Get("/account/security/app").LeadsTo("/account/security") // no page of its own
	site.SignIn("ada")                                            // the password is still enough
	code := func(steps time.Duration) string { return models.Code(seed, site.DB.Now().Add(steps*30*time.Second)) }
	for _, wrong := range []struct{ code, says string }{
		{"000000", "This code is wrong"}, {"", "Enter the 6 digits"}, {code(21), "This code is wrong"},
		{code(6), "about 3 minutes ahead of that of this site"}, {code(-20), "about 10 minutes behind that of this site"}, {code(2), "about a minute ahead of"},
	} {
		ada.Post("/account/security/app/confirm", "code", wrong.code).Answers(422).Says(wrong.says).SaysNot(seed[:4]).SaysNot(`<svg class="qr"`)
	}
	site.SignIn("ada")
	other := site.SignIn("ada")
	cookie := ada.Cookie()
	ada.Post("/account/security/app/confirm", "code", code(0)).Answers(200).Says("recovery-codes.txt").Says("data:text/plain")
	if strings.Contains(site.Rows(), seed) || strings.Contains(site.Log.String(), seed) {
		t.Error("the seed is stored or logged in clear")
	}
	other.Get("/dashboard").LeadsToSignIn() // S31
	site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
	ada.Get("/account/security").Answers(200).Says("Replace app").Says("<strong>10</strong> left").SaysNot(seed[:4])
	ada.Post("/account/security/app/confirm", "code", code(0)).LeadsTo("/account/security") // nothing waits any more
	ada.Get("/account/security").Says("Please start again.")
	data := ada.Post("/account/data.json").Answers(200).SaysNot(seed).SaysNot("authenticators").Says(`"method":"password"`)
	if strings.Contains(data.Body, "recovery_codes") {
		t.Error("the export has the recovery codes")
	}

	// Another app takes its place.
	old := seed
	seed = seedIn(ada.Post("/account/security/app").Answers(200))
	site.Advance(time.Minute)
	b := factor(site, "ada")
	b.Post("/login/second-factor", "code", models.Code(old, site.DB.Now())).LeadsTo("/dashboard") // the old one counts until then
	ada.Post("/account/security/app/confirm", "code", code(0)).LeadsTo("/account/security")
	ada.Get("/account/security").Says("was replaced").Says("<strong>10</strong> left")
	b.Get("/dashboard").LeadsToSignIn()
	site.Advance(time.Minute)
	factor(site, "ada").Post("/login/second-factor", "code", models.Code(old, site.DB.Now())).Answers(422)
	factor(site, "ada").Post("/login/second-factor", "code", code(0)).LeadsTo("/dashboard")
	ada.Get("/activity").Says("Authenticator app added").Says("Authenticator app replaced").Says("Recovery codes created")
}

// TestS30ChangesAskForAllFactors that the account has, give the session a new ID, and
// carry the form on.
func TestS30ChangesAskForAllFactors(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	site.AddUser("eve", models.Member)
	ada := site.SignIn("ada")
	site.Advance(16 * time.Minute)
	before := ada.Cookie()
	answer := ada.Post("/account/security/app")
	ada.Confirm(answer, "not the password").Answers(422)
	ada.Confirm(answer, sitetest.Password).Answers(200).Says("Key: <code>") // the form has continued
	if ada.Cookie() == before {
		t.Error("the session has the ID it had before")
	}
	site.WithCookie(before).Get("/dashboard").LeadsToSignIn()
	ada.Get("/dashboard").Answers(200)

	app := ada.SetUpApp()
	for _, change := range [][]string{
		{"/account/security/app"}, {"/account/security/app/remove"}, {"/account/security/codes"}, {"/admin/users/" + site.User("eve").ID + "/disable"},
		{"/account/password", "current", sitetest.Password, "password", "another walk in the grass"}, {"/account/remove", "current", sitetest.Password},
	} {
		site.Advance(16 * time.Minute)
		answer := ada.Post(change[0], change[1:]...).LeadsToConfirm()
		ada.Confirm(answer, sitetest.Password).Answers(422).Says("Enter the 6 digits")
		ada.ConfirmWith(answer, sitetest.Password, "code", "000000").Answers(422).Says("wrong or has already been used")
		ada.ConfirmWith(answer, "not the password", "code", app.Code()).Answers(422).Says("not your current password")
	}
	if site.User("eve").Disabled || !site.User("ada").HasSecondFactor() {
		t.Fatal("a change was made without the code")
	}
	site.Advance(16 * time.Minute)
	answer = ada.Post("/account/password", "current", sitetest.Password, "password", "another walk in the grass").LeadsToConfirm()
	ada.ConfirmWith(answer, sitetest.Password, "recovery_code", app.Codes[0]).LeadsTo("/account")
	ada.Get("/account").Says("Your password was changed").Says("You used a recovery code: 9 left.") // S22

	site.Advance(16 * time.Minute)
	other := site.Visitor()
	other.Login("ada", "another walk in the grass").LeadsTo("/login/second-factor")
	other.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	answer = ada.Post("/account/security/app/remove").LeadsToConfirm()
	ada.Get(answer.Response.Header.Get("Location") + "&with=recovery").Says("Recovery code")
	ada.ConfirmWith(answer, "another walk in the grass", "recovery_code", app.Codes[3]).LeadsTo("/account/security")
	other.Get("/dashboard").LeadsToSignIn()
	ada.Get("/account/security").Says("was removed").Says("Set up an app").SaysNot("You used a recovery code")
	site.SignInWith("ada", "another walk in the grass")
	if rows := site.Count(`SELECT COUNT(*) FROM recovery_codes`); rows != 0 {
		t.Errorf("%d recovery codes are left", rows)
	}
}

// TestS22TestingUsesNoCodeUp, and says who has never done it.
func TestS22TestingUsesNoCodeUp(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	ada.Get("/account/security").Says("Never tested.")
	ada.Post("/account/security/codes/test", "recovery_code", strings.Repeat("A", 24)).Answers(422).Says("none of your codes")
	ada.Post("/account/security/codes/test", "recovery_code", "x").Answers(422).Says("24 letters and digits")
	for range 2 {
		ada.Post("/account/security/codes/test", "recovery_code", app.Codes[0]).LeadsTo("/account/security")
	}
	ada.Get("/account/security").Says("wasn&#39;t used up.").Says("Last tested").SaysNot("Never tested")
	page := ada.Post("/account/security/codes").Answers(200).Says("no longer work")
	ada.Post("/account/security/codes/test", "recovery_code", app.Codes[0]).Answers(422)
	ada.Post("/account/security/codes/test", "recovery_code", page.First(`<li><code>([A-Z2-7-]+)</code></li>`)).LeadsTo("/account/security")
	ada.Get("/activity").Says("Recovery code tested")
}

// TestASecondFactorCarriesTheFormOn whose session had ended, and leads to where it was asked for.
func TestASecondFactorCarriesTheFormOn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	site.Advance(25 * time.Hour)
	form := carried(ada, "/account/name", "full_name", "Ada King")
	signInWith(ada, "ada", form).LeadsTo("/login/second-factor")
	to := ada.Post("/login/second-factor", "code", app.Code()).Answers(303).Response.Header.Get("Location")
	if !strings.HasPrefix(to, "/confirm?form=") {
		t.Fatalf("it leads to %s", to)
	}
	page := ada.Get(to).Answers(200).Says("Ada King")
	ada.Post("/confirm", "form", page.First(`name="form" value="([\w-]+)"`), "next", "/account").LeadsTo("/account")
	ada.Get("/account").Says("Your name was changed.")
}

// TestAPasswordLinkLeadsToTheSecondFactor: it sets the password and opens nothing.
func TestAPasswordLinkLeadsToTheSecondFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	app := site.SignedIn("eve", models.Member).SetUpApp()
	site.Advance(time.Minute)
	token, err := site.DB.NewPasswordToken(t.Context(), site.User("eve"), models.CommandLine)
	sitetest.Must(t, err)
	eve := site.Visitor()
	eve.Post("/link", "token", token, "password", "another walk in the grass").LeadsTo("/login/second-factor")
	eve.Get("/dashboard").LeadsToSignIn()
	eve.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	eve.Get("/sessions").Says("with password link and code")
}

// TestSeedsAreEncryptedAnewAtTheStart with the first secret; the start refuses, with
// their number, when some can't be decrypted.
func TestSeedsAreEncryptedAnewAtTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	site := sitetest.StartOn(t, file)
	site.StopClock()
	site.AddUser("ada", models.Admin)
	app := site.SignIn("ada").SetUpApp()
	before := site.Query(`SELECT seed FROM authenticators`)
	site = site.Restart(func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB, sitetest.SecretA} })
	if after := site.Query(`SELECT seed FROM authenticators`); after == before {
		t.Error("the seed was not encrypted anew")
	}
	site = site.Restart(func(c *handlers.Config) { c.Secrets = []string{sitetest.SecretB} })
	site.Advance(time.Minute)
	factor(site, "ada").Post("/login/second-factor", "code", app.At(site)).LeadsTo("/dashboard")
	site.Stop()

	db, err := models.Open(t.Context(), file)
	sitetest.Must(t, err)
	defer db.Close()
	_, err = handlers.New(db, handlers.Config{URL: &url.URL{Scheme: "http", Host: "localhost"}, Secrets: []string{sitetest.SecretA}, Log: db.Log})
	if err == nil || !strings.Contains(err.Error(), "the authenticator apps of 1 user can't be read") {
		t.Errorf("the start says %v", err)
	}
}

// TestWhoHasNoPasswordIsNotAskedForOne: such an account can do everything.
func TestWhoHasNoPasswordIsNotAskedForOne(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	without := func() {
		site.Advance(16 * time.Minute)
		site.Change(`UPDATE users SET password = ''`)
	}
	without()
	ada.Get("/account").Answers(200).SaysNot("Current password")
	answer := ada.Post("/account/password", "password", "another walk in the grass").LeadsToConfirm()
	ada.Get(answer.Response.Header.Get("Location")).SaysNot("Current password").SaysNot("your password").Says("Code")
	ada.ConfirmWith(answer, "", "code", app.Code()).LeadsTo("/account")
	if !site.User("ada").HasPassword() {
		t.Error("the password was not set")
	}
	without()
	answer = ada.Post("/account/remove").LeadsToConfirm()
	ada.ConfirmWith(answer, "", "code", app.Code()).Answers(422).Says("You are the last administrator")
	site.AddUser("root", models.Admin)
	ada.Post("/account/remove").LeadsTo("/login?left=1")
}

// TestS20TheQRCodeNamesTheSite, and the account, whatever is in their names.
func TestS20TheQRCodeNamesTheSite(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(handlers.AppAddress("Smith & Sons + Co", "ada/king:2", "SEED"))
	sitetest.Must(t, err)
	if query := address.Query(); query.Get("issuer") != "Smith & Sons + Co" || query.Get("secret") != "SEED" || strings.Contains(address.RawQuery, "+") {
		t.Errorf("its query is %s", address.RawQuery)
	}
	if label, err := url.PathUnescape(address.EscapedPath()[1:]); err != nil || label != "Smith & Sons + Co:ada/king:2" || strings.Count(address.EscapedPath(), "/") != 1 {
		t.Errorf("its label is %s", address.EscapedPath())
	}
}

// TestS21ThrottledCodesAreSaidWhereTheCodeIsTyped, when a change is confirmed, also by
// somebody without a password.
func TestS21ThrottledCodesAreSaidWhereTheCodeIsTyped(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	ada.SetUpApp()
	site.Advance(16 * time.Minute)
	answer := ada.Post("/account/security/codes").LeadsToConfirm()
	for _, password := range []string{sitetest.Password, ""} {
		if password == "" {
			site.Change(`UPDATE users SET password = ''`)
		}
		for range 5 {
			ada.ConfirmWith(answer, password, "code", "000000").Answers(422)
		}
		ada.ConfirmWith(answer, password, "code", "000000").Answers(429).Says(`id="code-error">Too many wrong codes`).SaysNot(`id="current-error"`)
	}
}

// TestS35WithoutGrace the setup of a site leads to the second factor, too.
func TestS35WithoutGrace(t *testing.T) {
	t.Parallel()
	site := sitetest.StartEmpty(t, requiredFor(models.Everybody, 0))
	ada := site.Visitor()
	ada.Post("/setup", "token", "the link of the terminal", "username", "ada", "password", sitetest.Password).LeadsTo("/login/second-factor/new")
	ada.Get("/dashboard").LeadsToSignIn()
	enrols(site, ada)
}

// TestS31AFurtherAppEndsNoSession, and nobody is told that it does.
func TestS31AFurtherAppEndsNoSession(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	device := ada.SetUpPasskey("key")
	other := signsInAlone(site, device)
	ada.SetUpApp()
	ada.Get("/account/security").Answers(200).Says("Your authenticator app was added.").SaysNot("was replaced")
	other.Get("/dashboard").Answers(200)
	site.Advance(time.Minute)
	ada.SetUpApp()
	ada.Get("/account/security").Answers(200).Says("Your authenticator app was replaced, and your other sessions were ended.")
	other.Get("/dashboard").LeadsToSignIn()
}
