package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS25ASyncedPasskeySignsInAlone, also one that was made without a check of its user:
// whoever finds one of its devices can't set the PIN that opens it. It replaces a password.
func TestS25ASyncedPasskeySignsInAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	ada := site.SignIn("ada")
	key := aDevice(site, false, true)
	key.Flags |= sitetest.Synced
	ada.MakePasskey(key, "synced").Answers(200)
	ada.Get("/account/security").Answers(200).Says("Signs you in alone").Says("Remove password")
	site.Visitor().SignInAlone(key).Answers(422) // without a check now
	key.Flags |= sitetest.Verified
	signsInAlone(site, key)
	ada.Post("/account/security/password/remove").LeadsTo("/account/security")
	if site.User("ada").HasPassword() {
		t.Error("the password was not removed")
	}
}

// TestS26APasskeyIsMadeOncePerDevice: the browser is told which ones there are, by exactly
// those of the user, and what it makes all the same is refused.
func TestS26APasskeyIsMadeOncePerDevice(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.SignedIn("eve", models.Member).SetUpPasskey("hers")
	ada := site.SignIn("ada")
	var want []string
	for range 3 {
		var asked struct {
			ExcludeCredentials []struct{ ID, Type string }
		}
		sitetest.Must(t, json.Unmarshal([]byte(ada.Get("/account/security/passkeys/new").Answers(200).Options()), &asked))
		var got []string
		for _, one := range asked.ExcludeCredentials {
			if got = append(got, one.ID); one.Type != "public-key" {
				t.Errorf("one is of the type %q", one.Type)
			}
		}
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("the browser is told of %q; there are %q", got, want)
		}
		key := ada.SetUpPasskey("mine")
		ada.MakePasskey(key, "the same").Answers(422).Says("The passkey wasn&#39;t accepted")
		want = append(want, base64.RawURLEncoding.EncodeToString(key.ID))
	}
	if count := site.Count(`SELECT COUNT(*) FROM passkeys`); count != 4 {
		t.Errorf("there are %d passkeys", count)
	}
}

// TestS26APasskeyIsMadeForOneSessionAndOneHandle: what was asked in another session, even
// in the same browser, or by another user, or for another handle is refused.
func TestS26APasskeyIsMadeForOneSessionAndOneHandle(t *testing.T) {
	t.Parallel()
	const at = "/account/security/passkeys/new"
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	site.AddUser("eve", models.Member)
	ada := site.SignIn("ada")
	answer := func() []string { return made(aDevice(site, true, true), ada.Get(at).Answers(200), "key") }
	refused := func(what string, by *sitetest.Browser, fields []string) {
		t.Helper()
		if status := by.Post(at, fields...).Response.StatusCode; status != 422 {
			t.Errorf("%s is answered %d", what, status)
		}
	}
	refused("another session", site.SignIn("ada"), answer())
	eve := site.SignIn("eve")
	refused("another user", eve, answer())
	site.Change(`UPDATE sessions SET device = ''`) // as if no browser were known
	site.Change(`UPDATE users SET version = version + 1`)
	refused("another user who signed in at the same time", eve, answer())
	other := answer()
	other[3] = answer()[3]
	refused("another handle", ada, other)
	before := answer()
	ada.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	refused("another user in the same browser", ada, before)
	site.Advance(time.Minute)
	ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	refused("an earlier session in the same browser", ada, before)
	if count := site.Count(`SELECT COUNT(*) FROM passkeys`); count != 0 {
		t.Fatalf("there are %d passkeys", count)
	}
	ada.Post(at, answer()...).Answers(200)
}
