package handlers_test

import (
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestWhatASessionHoldsOutlastsItsID: the link that is shown, the key of a new app, a form
// that waits, and a new passkey. The database has none of it in clear.
func TestWhatASessionHoldsOutlastsItsID(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada, password := site.SignIn("ada"), sitetest.Password
	anotherID := func() {
		t.Helper()
		next, before := "another walk in the grass, number "+ada.Cookie()[2:12], ada.Cookie()
		ada.Post("/account/password", "current", password, "password", next).LeadsTo("/account")
		if password = next; ada.Cookie() == before {
			t.Fatal("the session has the ID it had before")
		}
		site.WithCookie(before).Get("/dashboard").LeadsToSignIn()
	}

	site.AddUser("bob", models.Member)
	site.Advance(16 * time.Minute)
	bob := "/admin/users/" + site.User("bob").ID
	answer := ada.Post(bob + "/disable").LeadsToConfirm()
	anotherID()
	ada.Confirm(answer, password).LeadsTo(bob)

	token := ada.NewLink("eve")
	seed := strings.ReplaceAll(ada.Post("/account/security/app").Answers(200).First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", "")
	for range 2 {
		anotherID()
		ada.Get("/admin/users/" + site.User("eve").ID + "/link").Answers(200).Says("token=" + token)
	}
	for _, secret := range []string{token, seed} {
		if strings.Contains(site.Rows(), secret) {
			t.Error("the database holds a secret in clear")
		}
	}
	ada.Post("/account/security/app/confirm", "code", models.Code(seed, site.DB.Now())).Answers(200).Says("Your recovery codes")

	site.Advance(14 * time.Minute)
	passkey := made(aDevice(site, true, true), ada.Get("/account/security/passkeys/new").Answers(200), "phone")
	site.Advance(2 * time.Minute)
	answer = ada.Post("/account/security/passkeys/new", passkey...).LeadsToConfirm()
	ada.ConfirmWith(answer, password, "code", models.Code(seed, site.DB.Now())).LeadsTo("/account/security")
	ada.Get("/account/security").Says("Your passkey was added.")
}

// TestADialogOfAPasskeyOutlastsAnotherTab that gives the session a new ID meanwhile: what it
// makes is added. A form whose place another one took says so, and the next one continues.
func TestADialogOfAPasskeyOutlastsAnotherTab(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	const at = "/account/security/passkeys/new"
	anotherID := func(act func()) {
		t.Helper()
		before := ada.Cookie()
		if act(); ada.Cookie() == before {
			t.Fatal("the session has the ID it had before")
		}
	}
	first, key := ada.Get(at), aDevice(site, true, true)
	anotherID(func() { ada.SetUpApp() })
	ada.Post(at, made(key, first, "phone")...).LeadsTo("/account/security")
	next := ada.Get(at)
	anotherID(func() { ada.MakePasskey(aDevice(site, true, true), "key").LeadsTo("/account/security") })
	ada.Post(at, made(aDevice(site, true, true), next, "tablet")...).LeadsTo("/account/security")
	ada.Get("/account/security").Says("phone").Says("key").Says("tablet")

	// Confirming in one tab, while another one confirms.
	site.Advance(models.ConfirmedFor)
	waits := ada.ConfirmPage(ada.Post("/account/security/codes"))
	answer := key.Answer(waits.Options())
	rename := ada.Post("/account/security/passkeys/"+passkeyID(site, "phone"), "name", "red phone")
	anotherID(func() { ada.ConfirmWithPasskey(rename, key).LeadsTo("/account/security") })
	codes := site.Query(`SELECT * FROM recovery_codes`)
	ada.SendConfirmation(waits, "passkey", answer).Answers(200).Says("Recovery codes")
	if site.Query(`SELECT * FROM recovery_codes`) == codes {
		t.Error("the form of the other tab was not handled")
	}
	ada.Get("/account/security").Says("<strong>10</strong> left")

	// The second step in one tab, while another one signs in anew: what is asked next counts.
	b := factor(site, "ada")
	late := key.Answer(b.Get("/login/second-factor").Options())
	b.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
	again := b.Post("/login/second-factor", "passkey", late).Answers(422).Says("This passkey wasn&#39;t accepted. Please try again.")
	b.Post("/login/second-factor", "passkey", key.Answer(again.Options())).LeadsTo("/dashboard")
}
