package handlers_test

import (
	"strconv"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// aDevice is one that checks its user, or doesn't; listed is what the browser tells of
// whether it lists its passkey by itself, if anything.
func aDevice(site *sitetest.Site, verified bool, listed ...bool) *sitetest.Device {
	site.T.Helper()
	d := site.Visitor().Device()
	if !verified {
		d.Flags = sitetest.Present
	}
	if len(listed) > 0 {
		d.Listed = &listed[0]
	}
	return d
}

// TestS21WrongPasskeysAreCounted like wrong codes, at the second step and inside a session.
// They make codes wait no more than codes do passkeys, and the owner, who has the right one,
// gets in where the account is known, and anywhere after the delay.
func TestS21WrongPasskeysAreCounted(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	owner, key := site.SignIn("ada"), aDevice(site, false, false)
	owner.MakePasskey(key, "key").Answers(200)
	app := owner.SetUpApp()
	const at = "/login/second-factor"
	wrong := func() *sitetest.Answer {
		return factor(site, "ada").Post(at, "passkey", "{}")
	}
	for range 5 {
		wrong().Answers(422).Says("This passkey wasn&#39;t accepted.")
	}
	wrong().Answers(429).Says("Too many wrong passkeys.").Says("You can try again")
	refused := site.Count(`SELECT SUM(count) FROM events WHERE kind = 'second factor refused'`)
	for range 10 {
		wrong().Answers(429)
	}
	if after := site.Count(`SELECT SUM(count) FROM events WHERE kind = 'second factor refused'`); refused != 5 || after != refused {
		t.Errorf("after 5 wrong passkeys there are %d events, and then %d", refused, after)
	}
	site.Advance(time.Minute)
	factor(site, "ada").Post(at, "code", app.Code()).LeadsTo("/dashboard") // codes don't wait for that
	for range 6 {
		wrong()
	}
	owner.Post("/logout")
	owner.Login("ada", sitetest.Password).LeadsTo(at)
	owner.Post(at, "passkey", key.Answer(owner.Get(at).Options())).LeadsTo("/dashboard") // nor does the owner

	// However many there were, the right one counts after the delay.
	for tried := 0; tried < models.MaxWrongCodes+10; {
		answer := wrong()
		if answer.Response.StatusCode == 422 {
			tried++
			continue
		}
		seconds, err := strconv.Atoi(answer.Answers(429).Response.Header.Get("Retry-After"))
		sitetest.Must(t, err)
		site.Advance(time.Duration(seconds) * time.Second)
	}
	site.Advance(models.DefaultThrottle.Longest)
	b := factor(site, "ada")
	b.Post(at, "passkey", key.Answer(b.Get(at).Options())).LeadsTo("/dashboard")
	wrong().Answers(422)

	// Wrong codes don't make passkeys wait.
	for range 6 {
		factor(site, "ada").Post(at, "code", "000000")
	}
	b = factor(site, "ada")
	b.Post(at, "code", "000000").Answers(429)
	b.Post(at, "passkey", key.Answer(b.Get(at).Options())).LeadsTo("/dashboard")

	// Inside a session.
	owner.Login("ada", sitetest.Password).LeadsTo(at)
	owner.Post(at, "passkey", key.Answer(owner.Get(at).Options())).LeadsTo("/dashboard")
	site.Advance(16 * time.Minute)
	answer := owner.Post("/account/security/codes").LeadsToConfirm()
	for range 5 {
		owner.ConfirmWith(answer, sitetest.Password, "passkey", "{}").Answers(422).Says("This passkey wasn&#39;t accepted.")
	}
	owner.ConfirmWith(answer, sitetest.Password, "passkey", "{}").Answers(429).Says("Too many wrong passkeys.").Says("You can try again")
	site.Advance(time.Minute)
	page := owner.Get(answer.Response.Header.Get("Location"))
	owner.ConfirmWith(answer, sitetest.Password, "passkey", key.Answer(page.Options())).Answers(200).Says("no longer work")
}
