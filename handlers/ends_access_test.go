package handlers_test

import (
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS31WhatAFactorEnds: the first one, replacing or removing one, a recovery code and a
// reset end the other sessions, password links and pending sign-ins. A code and a further
// factor end neither sessions nor links, and a code no pending sign-in.
func TestS31WhatAFactorEnds(t *testing.T) {
	t.Parallel()
	type people struct {
		site *sitetest.Site
		ada  *sitetest.Browser // who acts
		app  *sitetest.App     // nil: no second factor yet
	}
	second := func(p people, field, value string) {
		b := factor(p.site, "ada")
		b.Post("/login/second-factor", field, value).LeadsTo("/dashboard")
	}
	for what, it := range map[string]struct {
		first           bool // it is the first second factor
		access, pending bool // what it ends: sessions and links; pending sign-ins
		signsHerselfOut bool
		act             func(p people)
	}{
		"the first app":                  {first: true, access: true, act: func(p people) { p.ada.SetUpApp() }},
		"the first passkey":              {first: true, access: true, act: func(p people) { p.ada.SetUpPasskey("key") }},
		"another app instead":            {access: true, pending: true, act: func(p people) { p.ada.SetUpApp() }},
		"a further passkey":              {pending: true, act: func(p people) { p.ada.SetUpPasskey("key") }},
		"a code":                         {act: func(p people) { second(p, "code", p.app.Code()) }},
		"a recovery code at the sign-in": {access: true, pending: true, signsHerselfOut: true, act: func(p people) { second(p, "recovery_code", p.app.Codes[0]) }},
		"a recovery code in a session": {access: true, pending: true, act: func(p people) {
			p.site.Change(`UPDATE sessions SET created = created - 3600`)
			p.site.Change(`UPDATE users SET version = version + 1`)
			p.ada.ConfirmWith(p.ada.Post("/account/security/codes"), sitetest.Password, "recovery_code", p.app.Codes[0]).Answers(200)
		}},
		"removing the app": {access: true, pending: true, act: func(p people) { p.ada.Post("/account/security/app/remove").LeadsTo("/account/security") }},
		"a reset": {access: true, pending: true, signsHerselfOut: true, act: func(p people) {
			sitetest.Must(t, p.site.DB.ResetSecondFactor(t.Context(), p.site.User("ada"), models.CommandLine))
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t, sitetest.OnLocalhost)
			site.StopClock()
			p := people{site: site, ada: site.SignIn("ada")}
			var other, waits *sitetest.Browser
			if it.first {
				other = site.SignIn("ada")
			} else {
				p.app = p.ada.SetUpApp()
				site.Advance(time.Minute)
				other = factor(site, "ada")
				other.Post("/login/second-factor", "code", p.app.Code()).LeadsTo("/dashboard")
				waits = factor(site, "ada")
				site.Advance(time.Minute)
			}
			token, err := site.DB.NewPasswordToken(t.Context(), site.User("ada"), models.CommandLine)
			sitetest.Must(t, err)
			it.act(p)
			if it.access {
				other.Get("/dashboard").LeadsToSignIn()
				site.Visitor().Get("/link?token=" + token).Answers(404)
			} else {
				other.Get("/dashboard").Answers(200)
				site.Visitor().Get("/link?token=" + token).Answers(200)
			}
			if it.signsHerselfOut {
				p.ada.Get("/dashboard").LeadsToSignIn()
			} else {
				p.ada.Get("/dashboard").Answers(200)
			}
			switch {
			case it.pending:
				waits.Get("/login/second-factor").LeadsTo("/login?late=1")
			case waits != nil:
				waits.Get("/login/second-factor").Answers(200)
			}
		})
	}
}
