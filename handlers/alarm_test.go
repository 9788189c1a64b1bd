package handlers_test

import (
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS31TheOtherSessionsAreToldOfAFurtherFactor, of one that was removed and of new
// recovery codes, until one of them answers. The session that did it is not told.
func TestS31TheOtherSessionsAreToldOfAFurtherFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	const asks, id = `name="event" value=`, `name="event" value="([^"]+)"`
	home := site.SignIn("ada")
	home.SetUpApp()
	home.Get("/dashboard").SaysNot(asks)
	phone := aDevice(site, true, true)
	home.MakePasskey(phone, "<phone>").LeadsTo("/account/security")
	home.Get("/dashboard").SaysNot(asks) // it did it itself
	site.Advance(time.Minute)

	laptop := site.Visitor()
	laptop.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0")
	laptop.SignInAlone(phone).LeadsTo("/dashboard")
	laptop.Get("/dashboard").SaysNot(asks) // a new browser that nobody has vouched for
	home.Post("/activity/mine", "event", home.Get("/dashboard").First(id)).LeadsTo("/dashboard")
	laptop.Get("/dashboard").Says("Passkey added (<bdi>&lt;phone&gt;</bdi>) with Firefox on Linux")
	laptop.Post("/activity/mine", "event", laptop.Get("/dashboard").First(id)).LeadsTo("/dashboard")
	laptop.Get("/dashboard").Says("reminded of that").SaysNot(asks)

	for what, change := range map[string]func(){
		"Passkey added (<bdi>key</bdi>)": func() { laptop.MakePasskey(aDevice(site, true, true), "key").LeadsTo("/account/security") },
		"Recovery codes created":         func() { laptop.Post("/account/security/codes").Answers(200) },
	} {
		change()
		laptop.Get("/dashboard").SaysNot(asks)
		event := home.Get("/dashboard").Answers(200).Says(what + " with Firefox on Windows").Says("from 127.0.0.1.").First(id)
		laptop.Post("/activity/mine", "event", event).LeadsTo("/dashboard")
		laptop.Get("/dashboard").Says("Please look again") // nobody vouches for themselves
		home.Post("/activity/mine", "event", event).LeadsTo("/dashboard")
		home.Get("/dashboard").Says("reminded of that").SaysNot(asks)
		home.Get("/activity").Says("Change of second factors marked as yours")
	}

	// What ends the other sessions is told to them when they are there again, and another
	// password does not undo it.
	laptop.Post("/account/security/app/remove").LeadsTo("/account/security")
	laptop.Post("/account/password", "current", sitetest.Password, "password", "another walk in the grass").LeadsTo("/account")
	laptop.Get("/dashboard").SaysNot(asks)
	home.Get("/dashboard").LeadsToSignIn()
	home.SignInAlone(phone).LeadsTo("/dashboard")
	laptop.Post("/activity/mine", "event", laptop.Get("/dashboard").Says("with a new browser").First(id)).LeadsTo("/dashboard")
	home.Get("/dashboard").Says("Authenticator app removed with Firefox on Windows")

	site.AddUser("eve", models.Member)
	site.SignIn("eve").Get("/dashboard").SaysNot(asks)
}

// TestS27TheDashboardSaysThatAPasskeyMayHaveBeenCopied until it is removed.
func TestS27TheDashboardSaysThatAPasskeyMayHaveBeenCopied(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	ada, key := site.SignIn("ada"), aDevice(site, true, true)
	key.Count = 7
	ada.MakePasskey(key, "<phone>").Answers(200)
	const alarm = "Your passkey <bdi>&lt;phone&gt;</bdi> may have been copied"
	ada.SignInAlone(key).LeadsTo("/dashboard")
	ada.Get("/dashboard").Answers(200).SaysNot(alarm)
	key.Count = 3
	ada.SignInAlone(key).LeadsTo("/dashboard")
	at := ada.Get("/dashboard").Says(alarm).First(`href="(/account/security/passkeys/[^"]+)"`)
	ada.SignInAlone(key).LeadsTo("/dashboard")
	ada.Get("/dashboard").Says(alarm)
	ada.Get(at).Answers(200)
	ada.Post(at + "/remove").LeadsTo("/account/security")
	ada.Get("/dashboard").SaysNot("may have been copied:")
}
