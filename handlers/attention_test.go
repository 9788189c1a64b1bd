package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// mistype fails to sign in as people do: the form that is shown again is sent again.
func mistype(b *sitetest.Browser, name string, times int) (mistyped string) {
	b.T.Helper()
	for range times {
		mistyped = b.Post("/login", "username", name, "password", "not the password", "mistyped", mistyped).Answers(422).First(`name="mistyped" value="(\d+)"`)
	}
	return mistyped
}

// TestOnesOwnTypoJustBeforeIsNoAlarm, in a browser that nobody has signed in with
// before, and one failure more beside them is.
func TestOnesOwnTypoJustBeforeIsNoAlarm(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 1} {
		site := sitetest.Start(t)
		site.StopClock()
		site.SignIn("ada").Post("/logout")
		site.Advance(time.Hour)
		desktop := site.SignIn("ada")
		site.Advance(time.Hour)
		fresh := site.Visitor()
		for range others {
			site.Visitor().Login("ada", "not the password").Answers(422) // with the same address and browser, in the same minute
		}
		mistyped := mistype(fresh, "ada", 2)
		fresh.Post("/login", "username", "ada", "password", sitetest.Password, "mistyped", mistyped).LeadsTo("/dashboard")
		page := fresh.Get("/dashboard").Answers(200)
		if others == 0 {
			page.SaysNot("since your last visit")
		} else {
			page.Says("1 failed sign-in since your last visit")
		}
		// Whoever guessed the password can't hide it from the sessions of its owner.
		desktop.Get("/dashboard").Says(fmt.Sprintf("%d failed sign-ins since your last visit", 2+others))
		if failed := site.Count(`SELECT SUM(count) FROM events WHERE kind = 'failed sign-in'`); failed != 2+others {
			t.Errorf("%d failures are in the activity, not %d", failed, 2+others)
		}
	}
}

// TestWhatAFormClaimsExcusesNobodyElse: no more than a few, none of long ago, of
// another address or browser, or of another user.
func TestWhatAFormClaimsExcusesNobodyElse(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	site.SignIn("ada").Post("/logout")
	site.SignIn("eve").Post("/logout")
	site.Advance(time.Hour)
	phone := site.Visitor()
	phone.Header.Set("User-Agent", "curl/8")
	mistype(phone, "ada", 1)
	mistype(site.Visitor(), "ada", 1)
	mistype(site.Visitor(), "eve", 1)
	site.Advance(16 * time.Minute)
	mistype(phone, "ada", 1)
	fresh := site.Visitor()
	fresh.Post("/login", "username", "ada", "password", sitetest.Password, "mistyped", "200").LeadsTo("/dashboard")
	fresh.Get("/dashboard").Says("3 failed sign-ins since your last visit")
	for _, nonsense := range []string{"-1", "x", "9999999999", "256"} {
		site.Visitor().Post("/login", "username", "ada", "password", sitetest.Password, "mistyped", nonsense).LeadsTo("/dashboard")
	}
	eve := site.SignIn("eve")
	eve.Get("/dashboard").Says("1 failed sign-in since your last visit")
}

// TestThatWasMe answers an alarm, and it is gone in every session; what came in the
// meantime is shown first.
func TestThatWasMe(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	site.SignIn("ada").Post("/logout")
	site.Advance(time.Hour)
	site.Visitor().Login("ada", "not the password").Answers(422)
	ada := site.SignIn("ada")
	shown := ada.Get("/dashboard").Says("1 failed sign-in since").First(`name="shown" value="(\d+)"`)
	site.Visitor().Login("ada", "not the password").Answers(422)
	ada.Post("/activity/mine", "shown", shown).LeadsTo("/dashboard")
	ada.Get("/dashboard").Says("Please look again").Says("2 failed sign-ins since")
	shown = ada.Get("/dashboard").First(`name="shown" value="(\d+)"`)

	// Whoever has a copy of a session's cookie enters wrong passwords: an alarm, too.
	other := site.WithCookie(ada.Cookie())
	site.Advance(16 * time.Minute)
	other.Confirm(other.Post("/admin/users/"+eve.ID+"/disable"), "not the password").Answers(422)
	ada.Get("/dashboard").Says("A wrong password was entered once")
	other.Post("/activity/mine", "shown", shown).Answers(303)
	ada.Get("/dashboard").Says("A wrong password was entered once") // who has no password answers no alarm
	ada.Confirm(ada.Post("/activity/mine", "shown", shown), sitetest.Password).LeadsTo("/dashboard")
	shown = ada.Get("/dashboard").Says("Please look again").First(`name="shown" value="(\d+)"`)
	ada.Post("/activity/mine", "shown", shown).LeadsTo("/dashboard")
	ada.Get("/dashboard").Says("reminded of that").SaysNot("since your last visit").SaysNot("A wrong password").SaysNot("That was me")
	ada.Get("/activity").Says("Failed sign-in").Says("Wrong password entered").Says("marked as yours")
	ada.Post("/activity/mine", "shown", "0").LeadsTo("/dashboard")
	ada.Get("/dashboard").Says("Please look again")
	site.Visitor().Login("ada", "not the password").Answers(422)
	ada.Get("/dashboard").Says("1 failed sign-in since") // later ones alarm again
}

// TestASignInWithANewBrowserIsOneRow of the dashboard, which says so. Its activity has both.
func TestASignInWithANewBrowserIsOneRow(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for range 9 {
		site.SignIn("ada")
		site.Advance(2 * time.Minute)
	}
	const signedIn, both = `<span class="title">Signed in`, `<span class="title">Signed in <span class="tag note">New browser</span></span>`
	ada := site.SignIn("ada")
	if page := ada.Get("/dashboard").Body; strings.Count(page, signedIn) != 8 || strings.Count(page, both) != 8 {
		t.Errorf("of 8 sign-ins with new browsers it shows %d, and %d as such", strings.Count(page, signedIn), strings.Count(page, both))
	}
	ada.Post("/logout")
	ada.Login("ada", sitetest.Password)
	if page := ada.Get("/dashboard").Body; strings.Count(page, signedIn) != 7 || strings.Count(page, both) != 6 {
		t.Errorf("after another sign-in with the last browser it shows %d, and %d with a new one", strings.Count(page, signedIn), strings.Count(page, both))
	}
	ada.Get("/activity").Says(signedIn + "</span>").Says(`<span class="title">New browser</span>`).SaysNot(both)
}

// TestANewBrowserAlarmsTheOtherSessions of its account until one of them answers. It is
// not told of itself, and can't answer for itself, not even with a further browser or a
// further sign-in.
func TestANewBrowserAlarmsTheOtherSessions(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	const alarm, id = "with a new browser", `name="event" value="([^"]+)"`
	home := site.SignIn("ada")
	home.Get("/dashboard").SaysNot(alarm) // the first browser of all
	site.Advance(time.Minute)
	thief := site.Visitor()
	thief.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	thief.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	when := site.DB.Time().UTC().Format("2006-01-02T15:04:05Z")
	first := home.Get("/dashboard").Says(alarm + ": Firefox on Linux, signed in").Says(`datetime="` + when).Says("from 127.0.0.1.").First(id)
	thief.Get("/dashboard").SaysNot(alarm)
	thief.Get("/activity?kind=new+browser").Says("Firefox on Linux")

	thief.Post("/activity/mine", "event", first).LeadsTo("/dashboard")
	thief.Get("/dashboard").Says("Please look again")
	thief.Post("/logout")
	site.Advance(time.Minute)
	thief.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	thief.Get("/dashboard").SaysNot(alarm)
	accomplice := site.SignIn("ada")
	accomplice.Get("/dashboard").SaysNot(alarm)
	accomplice.Post("/activity/mine", "event", first).LeadsTo("/dashboard")
	accomplice.Get("/dashboard").Says("Please look again")

	page := home.Get("/dashboard").Says("Firefox on Linux, signed in")
	second := page.First(id)
	if all := strings.Count(page.Body, alarm); all != 2 || second == first {
		t.Fatalf("%d new browsers are told of, the latest as %s", all, second)
	}
	for _, answered := range []string{second, first} {
		home.Post("/activity/mine", "event", answered).LeadsTo("/dashboard")
	}
	home.Get("/dashboard").Says("reminded of that").SaysNot(alarm)
	home.Get("/activity").Says("New browser marked as yours")
	home.Post("/activity/mine", "event", first).LeadsTo("/dashboard")
	home.Get("/dashboard").Says("Please look again")

	// A browser that was vouched for vouches for others, and one that comes back is no new one.
	accomplice.Post("/logout")
	accomplice.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	home.Get("/dashboard").SaysNot(alarm)
	site.SignIn("ada")
	accomplice.Get("/dashboard").Says(alarm)
	site.AddUser("eve", models.Member)
	site.SignIn("eve").Get("/dashboard").SaysNot(alarm)

	// Another password ends their sessions, and the alarm.
	home.Post("/account/password", "current", sitetest.Password, "password", "another walk in the dry grass").LeadsTo("/account")
	home.Get("/dashboard").SaysNot(alarm)
}

// TestNewBrowsersVouchForNobodyElse: somebody with a stolen password signs in with several
// browsers that answer each other's alarms, more of them in a minute than events have rows
// for. The owner is warned of each of them still.
func TestNewBrowsersVouchForNobodyElse(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	const alarm, id = "with a new browser", `name="event" value="([^"]+)"`
	home := site.SignIn("ada")
	site.Advance(time.Minute)
	thieves := []*sitetest.Browser{site.SignIn("ada")}
	site.Advance(time.Second)
	for range 12 {
		thieves = append(thieves, site.SignIn("ada"))
	}
	told := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'new browser' AND NOT known`)
	if told != len(thieves) {
		t.Errorf("%d new browsers have %d rows", len(thieves), told)
	}
	thieves[12].Get("/dashboard").SaysNot(alarm)
	first := thieves[0].Get("/dashboard").Says(alarm).First(id)
	thieves[0].Post("/activity/mine", "event", first).LeadsTo("/dashboard")
	if page := thieves[0].Get("/dashboard").Body; strings.Contains(page, first) {
		t.Error("what was answered is still asked here")
	}
	if left := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'new browser' AND NOT known`); left != told {
		t.Errorf("of %d new browsers %d are told of", told, left)
	}

	// Once somebody has vouched for it, it vouches for others.
	home.Get("/dashboard").Says(alarm)
	home.Post("/activity/mine", "event", strings.TrimSpace(site.Query(`SELECT MIN(id) FROM events WHERE kind = 'new browser'`))).LeadsTo("/dashboard")
	next := thieves[0].Get("/dashboard").First(id)
	thieves[0].Post("/activity/mine", "event", next).LeadsTo("/dashboard")
	if left := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'new browser' AND NOT known`); left != told-2 {
		t.Errorf("of %d new browsers %d are told of after two were vouched for", told, left)
	}
}

// TestWhatChangesNothingIsNoEvent: disabling twice, the role or the name that somebody has.
func TestWhatChangesNothingIsNoEvent(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	ada := site.SignIn("ada")
	at := "/admin/users/" + eve.ID
	site.SignIn("eve").Post("/account/name", "full_name", "Eve").LeadsTo("/account")
	for act, kind := range map[string]string{"disable": "user disabled", "enable": "user enabled", "make-admin": "role changed"} {
		if act == "enable" {
			sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, true, models.CommandLine))
		} else {
			sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, false, models.CommandLine))
		}
		site.Change(`DELETE FROM events`)
		ada.Post(at + "/" + act).LeadsTo(at)
		ada.Post(at + "/" + act).LeadsTo(at)
		if count := site.Count(`SELECT COALESCE(SUM(count), 0) FROM events WHERE kind = '` + kind + `'`); count != 1 {
			t.Errorf("%s twice is %d events", act, count)
		}
	}
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), eve, false, models.CommandLine))
	site.Change(`DELETE FROM events`)
	site.SignIn("eve").Post("/account/name", "full_name", " Eve ").LeadsTo("/account")
	if count := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'name changed'`); count != 0 {
		t.Errorf("the same name is %d events", count)
	}
	sitetest.Must(t, site.DB.RemoveUser(t.Context(), eve, models.CommandLine))
	if err := site.DB.SetDisabled(t.Context(), eve, true, models.CommandLine); err == nil {
		t.Error("somebody who was removed is disabled")
	}
}
