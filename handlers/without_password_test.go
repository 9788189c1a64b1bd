package handlers_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/password"
)

// passkeyID is the ID of a passkey of ada's.
func passkeyID(site *sitetest.Site, name string) string {
	site.T.Helper()
	passkeys, err := site.DB.PasskeysOf(site.T.Context(), site.User("ada"))
	sitetest.Must(site.T, err)
	for _, passkey := range passkeys {
		if passkey.Name == name {
			return passkey.ID
		}
	}
	site.T.Fatalf("there is no passkey %s", name)
	return ""
}

// TestS32APasswordCanGoWhenAPasskeySignsInAlone, and no sooner. It ends what a change of
// the password ends.
func TestS32APasswordCanGoWhenAPasskeySignsInAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	const remove = "/account/security/password/remove"
	ada := site.SignIn("ada")
	refused := func() {
		t.Helper()
		ada.Get("/account/security").Answers(200).SaysNot("Remove password")
		ada.Post(remove).Answers(422).Says("Nothing else signs you in. First create a passkey")
		factor(site, "ada")
	}
	ada.Post(remove).Answers(422).Says("Nothing else signs you in. First create a passkey")
	app := ada.SetUpApp()
	refused()
	ada.MakePasskey(aDevice(site, false, true), "without PIN").LeadsTo("/account/security")
	ada.MakePasskey(aDevice(site, true, false), "unlisted").LeadsTo("/account/security")
	unclear := aDevice(site, true)
	ada.MakePasskey(unclear, "unclear").LeadsTo("/account/security")
	if said := ada.Get("/account/security").Body; strings.Count(said, "Signs you in with your password ·") != 2 || strings.Count(said, "unknown whether it does alone") != 1 {
		t.Errorf("of three passkeys the page says\n%s", said)
	}
	refused()
	elsewhere := site.Visitor()
	elsewhere.SignInAlone(unclear).LeadsTo("/dashboard") // by which it is known
	ada.Get("/account/security").Says("Signs you in alone").SaysNot("unknown").Says("Remove password")

	site.Advance(16 * time.Minute)
	pending := factor(site, "ada")
	token, err := site.DB.NewPasswordToken(t.Context(), site.User("ada"), models.CommandLine)
	sitetest.Must(t, err)
	answer := ada.Post(remove).LeadsToConfirm()
	if !site.User("ada").HasPassword() {
		t.Fatal("the password went without all factors")
	}
	ada.ConfirmWith(answer, sitetest.Password, "code", app.Code()).LeadsTo("/account/security")
	ada.Get("/account/security").Says("Your password was removed").Says("You have no password").SaysNot("Remove password")
	ada.Get("/activity").Says("Password removed")
	elsewhere.Get("/dashboard").LeadsToSignIn()
	pending.Get("/login/second-factor").LeadsTo("/login?late=1")
	site.Visitor().Get("/link?token=" + token).Answers(404)
	site.Visitor().Login("ada", sitetest.Password).Answers(422)
	ada.Post(remove).LeadsTo("/account/security")
	ada.Get("/account/security").Says("You have no password.")
}

// TestWhoHasNoPasswordCanDoEverything: confirm who they are, add factors, and have a
// password again. The last passkey that signs in alone stays until then.
func TestWhoHasNoPasswordCanDoEverything(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada, key := site.SignIn("ada"), aDevice(site, true, true)
	ada.MakePasskey(key, "phone").Answers(200).Says("The passkey was added").Says("If you lose your passkey")
	ada.Post("/account/security/password/remove").LeadsTo("/account/security")
	at := "/account/security/passkeys/" + passkeyID(site, "phone")
	ada.Get(at).Says("Nothing else signs you in").SaysNot("Remove passkey")
	ada.Post(at + "/remove").Answers(422).Says("Nothing else signs you in. Set a password first")
	ada.Get("/admin/users").Says("Enabled").SaysNot("<span class=\"tag note\">Invited")
	ada.Get("/admin/users?state=invited").Says("No users match.")
	ada.Get("/admin/users/" + site.User("ada").ID).SaysNot("invited")

	site.Advance(16 * time.Minute)
	confirmed := func(answer *sitetest.Answer) *sitetest.Answer {
		t.Helper()
		page := ada.Get(answer.LeadsToConfirm().Response.Header.Get("Location")).Answers(200).SaysNot("Current password").Says("or use your passkey")
		return ada.Post("/confirm", "form", page.First(`name="form" value="([\w-]+)"`), "passkey", key.Answer(page.Options()))
	}
	confirmed(ada.Post(at, "name", "red phone")).LeadsTo("/account/security")
	ada.SetUpApp()
	spare := aDevice(site, true, true)
	ada.MakePasskey(spare, "spare").LeadsTo("/account/security")
	ada.Post("/account/security/passkeys/" + passkeyID(site, "spare") + "/remove").LeadsTo("/account/security")
	ada.Post("/account/security/app/remove").LeadsTo("/account/security")

	ada.Post("/logout")
	ada.SignInAlone(spare).Answers(422)
	ada.SignInAlone(key).LeadsTo("/dashboard")
	site.Advance(16 * time.Minute)
	ada.Get("/account").Says("You have none").Says("Set password").SaysNot("Current password")
	confirmed(ada.Post("/account/password", "password", "another walk in the grass")).LeadsTo("/account")
	ada.Get("/account").Says("Your password was set").Says("Current password")
	b := site.Visitor()
	b.Login("ada", "another walk in the grass").LeadsTo("/login/second-factor")
	b.Post("/login/second-factor", "passkey", key.Answer(b.Get("/login/second-factor").Options())).LeadsTo("/dashboard")
	ada.Post(at + "/remove").LeadsTo("/account/security")
	site.SignInWith("ada", "another walk in the grass")
}

// TestS32TheLastWayInStays when both that are left are removed at the same moment, each in
// a session of its own.
func TestS32TheLastWayInStays(t *testing.T) {
	t.Parallel()
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	site := sitetest.Start(t, sitetest.OnLocalhost)
	key := aDevice(site, true, true)
	site.SignIn("ada").MakePasskey(key, "phone").Answers(200)
	before, passkey := *site.User("ada"), passkeyOf(t, site)
	for round := range rounds {
		site.Change(`UPDATE users SET password = $1, factors = $2 WHERE id = $3`, password.PHC(before.Password), before.Factors, before.ID)
		site.Change(`DELETE FROM passkeys`)
		site.Change(`INSERT INTO passkeys (id, user_id, name, domain, credential, record, count, verified, synced, discoverable, copied, added, used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $11, $11)`,
			passkey.ID, before.ID, passkey.Name, passkey.Domain, passkey.Credential, passkey.Record, passkey.Count, passkey.Verified, passkey.Synced, string(passkey.Discoverable), passkey.Added.Unix())
		one, other := site.Visitor(), site.Visitor()
		one.SignInAlone(key).LeadsTo("/dashboard")
		other.SignInAlone(key).LeadsTo("/dashboard")
		var both sync.WaitGroup
		both.Go(func() { one.Post("/account/security/password/remove") })
		both.Go(func() { other.Post("/account/security/passkeys/" + passkey.ID + "/remove") })
		both.Wait()
		switch has, passkeys := site.User("ada").HasPassword(), site.Count(`SELECT COUNT(*) FROM passkeys`); {
		case !has && passkeys == 0:
			t.Fatalf("round %d: nothing signs ada in", round)
		case has && passkeys == 1:
			t.Fatalf("round %d: neither was removed", round)
		}
	}
}

// passkeyOf is the only passkey of ada's.
func passkeyOf(t *testing.T, site *sitetest.Site) models.Passkey {
	t.Helper()
	passkeys, err := site.DB.PasskeysOf(t.Context(), site.User("ada"))
	sitetest.Must(t, err)
	if len(passkeys) != 1 {
		t.Fatalf("there are %d passkeys", len(passkeys))
	}
	return passkeys[0]
}

// TestAResetOfWhoHasNoPasswordLeadsToALink: an administrator lets them in again.
func TestAResetOfWhoHasNoPasswordLeadsToALink(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	ada, key := site.SignIn("ada"), aDevice(site, true, true)
	ada.MakePasskey(key, "phone").Answers(200)
	ada.Post("/account/security/password/remove").LeadsTo("/account/security")
	root, at := site.SignedIn("root", models.Admin), "/admin/users/"+site.User("ada").ID
	root.Get(at).Says("There is no password: create a link afterwards.").Says("Create password link")
	root.Post(at + "/reset-second-factor").LeadsTo(at)
	root.Get(at).Says("has to set a password first: create a link").Says("invited")
	site.Visitor().SignInAlone(key).Answers(422)
	token := root.Get(root.Post(at + "/link").Answers(303).Response.Header.Get("Location")).First(`/link\?token=(\w+)`)
	ada.Post("/link", "token", token, "password", "another walk in the grass").LeadsTo("/dashboard")
}
