package handlers_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// passkeyed is a window whose user ada has signed in and made a passkey on a key.
func passkeyed(t *testing.T, pin, synced bool) (*sitetest.Site, *sitetest.Window, *sitetest.Key, string) {
	t.Helper()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	at := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	w := sitetest.Chromium(t, 1000, 900, false)
	key := w.Key(pin, synced)
	w.SignIn(at)
	w.Open(at + "/account/security")
	w.WaitFor(`!document.querySelector('form[action="/account/security/passkeys"]').hidden`)
	w.Click(`form[action="/account/security/passkeys"] button`, true)
	w.Into("#name", "blue key")
	w.Click("[data-passkey]", false)

	w.WaitFor(`!!document.querySelector("#shown-once")`)
	key.Touch(false)
	w.Open(at + "/account/security")
	return site, w, key, at
}

// TestS25APasskeySignsInAlone by a button, and replaces password and code.
func TestS25APasskeySignsInAlone(t *testing.T) {
	t.Parallel()
	site, w, key, at := passkeyed(t, true, false)
	w.WaitFor(`document.body.innerText.includes("Signs you in alone")`)
	w.SignOut()
	w.Open(at + "/login?next=/sessions")
	w.WaitFor(`!document.querySelector("[data-passkey]").hidden`)
	key.Use(`location.pathname == "/sessions"`)
	w.WaitFor(`document.body.innerText.includes("with passkey")`)
	if got := site.Count(`SELECT COUNT(*) FROM sessions WHERE method = 'passkey'`); got != 1 {
		t.Errorf("%d sessions were opened by the passkey", got)
	}
	if copied := site.Count(`SELECT COUNT(*) FROM passkeys WHERE copied`); copied != 0 {
		t.Error("it is said to be copied")
	}
}

// TestS28TheBrowserOffersAPasskey where the username is typed, without a click.
func TestS28TheBrowserOffersAPasskey(t *testing.T) {
	t.Parallel()
	_, w, key, at := passkeyed(t, true, false)
	w.SignOut()
	w.Open("about:blank")
	key.Touch(true)
	sitetest.Evaluate[any](w, `void setTimeout(() => location = "`+at+`/login")`) // Open would wait for a page that the dashboard may replace
	w.WaitFor(`location.pathname == "/dashboard"`)
}

// TestS25APasskeyIsASecondFactor: a key without a PIN opens nothing alone, and finishes a
// sign-in by password. So it stays when a thief gives the key a PIN later.
func TestS25APasskeyIsASecondFactor(t *testing.T) {
	t.Parallel()
	site, w, key, at := passkeyed(t, false, false)
	w.WaitFor(`document.body.innerText.includes("Signs you in with your password")`)
	w.SignOut()
	w.SignIn(at)
	w.Shows(at+"/login/second-factor", "recovery_code")
	key.Touch(true)
	w.Click("[data-passkey]", true)
	w.WaitFor(`location.pathname == "/dashboard"`)
	if got := site.Count(`SELECT COUNT(*) FROM sessions WHERE method = 'password and passkey'`); got != 1 {
		t.Errorf("%d sessions were opened by password and passkey", got)
	}
	w.SignOut()

	thief := w.Key(true, false) // the same key, to which a PIN was given
	thief.Touch(false)
	handle, err := site.DB.Handle(t.Context(), site.User("ada"))
	sitetest.Must(t, err)
	key.Moves(thief, handle)
	w.Open(at + "/login")
	w.WaitFor(`!document.querySelector("[data-passkey]").hidden`)
	thief.Use(`document.body.innerText.includes("This passkey wasn't accepted")`)
	if got := site.Count(`SELECT COUNT(*) FROM sessions`); got != 0 {
		t.Errorf("%d sessions are open", got)
	}
}

// TestTheSecondOfTwoClicksStaysAsked: what the browser offers by itself doesn't end it.
func TestTheSecondOfTwoClicksStaysAsked(t *testing.T) {
	t.Parallel()
	_, w, _, at := passkeyed(t, true, false)
	w.SignOut()
	w.Open(at + "/login")
	w.WaitFor(`!document.querySelector("[data-passkey]").hidden`)
	sitetest.Evaluate[any](w, `window.asked = []; const get = navigator.credentials.get.bind(navigator.credentials);
		navigator.credentials.get = (options) => { if (!options.mediation) { asked.push(options.signal) } return get(options) }`)
	for clicks := range 2 {
		w.Click("[data-passkey]", false)
		w.WaitFor(`asked.length == ` + strconv.Itoa(clicks+1))
	}
	sitetest.Evaluate[any](w, `document.dispatchEvent(new Event("visibilitychange"))`)
	if sitetest.Evaluate[bool](w, `asked[1].aborted`) {
		t.Error("the second click is no longer asked")
	}
}

// TestS23S27AnAnswerOfAPasskeyCountsOnce, in time, for the purpose it was asked for, if all of
// it is right; each refusal is the same.
func TestS23S27AnAnswerOfAPasskeyCountsOnce(t *testing.T) {
	t.Parallel()
	site, w, key, at := passkeyed(t, true, false)
	w.SignOut()
	answer := func(bogus, unverified, absent bool) string {
		t.Helper()
		key.Touch(false)
		w.Open(at + "/login")
		w.WaitFor(`!document.querySelector("[data-passkey]").hidden`)
		key.Overrides(bogus, unverified, absent)
		return key.Answer()
	}
	var refusal string
	refused := func(what, answer string) {
		t.Helper()
		got := site.Visitor().Post("/login/passkey", "passkey", answer).Answers(422).SetsNoCookie().Says("This passkey wasn&#39;t accepted")
		if refusal == "" {
			refusal = got.Body
		}
		if got.Body != refusal {
			t.Errorf("%s is refused in another way", what)
		}
	}
	refused("nothing", "")
	refused("nonsense", `{"id":"x"}`)
	refused("a bogus signature", answer(true, false, false))
	refused("one without user verification", answer(false, true, false))
	refused("one without user presence", answer(false, false, true))

	good := answer(false, false, false)
	for what, changed := range map[string]string{
		"another origin":    strings.Replace(good, `"clientDataJSON":"`, `"clientDataJSON":"AA`, 1),
		"an unknown key":    strings.Replace(good, `"rawId":"`, `"rawId":"AAAA`, 1),
		"another signature": strings.Replace(good, `"signature":"ME`, `"signature":"MF`, 1),
		"another user":      strings.Replace(good, `"userHandle":"`, `"userHandle":"QUFB`, 1),
	} {
		refused(what, changed)
	}
	site.Visitor().Post("/login/passkey", "passkey", good).LeadsTo("/dashboard")
	refused("a replay", good)

	late := answer(false, false, false)
	site.Advance(models.ChallengeFor + time.Second)
	refused("a late one", late)
	site.ResetClock()

	ada := site.User("ada")
	late = answer(false, false, false)
	site.AddUser("root", models.Admin)
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), ada, true, models.CommandLine))
	refused("a disabled user", late)
	sitetest.Must(t, site.DB.SetDisabled(t.Context(), ada, false, models.CommandLine))

	key.CountBack(1)
	site.Visitor().Post("/login/passkey", "passkey", answer(false, false, false)).LeadsTo("/dashboard")
	if copied := site.Count(`SELECT COUNT(*) FROM passkeys WHERE copied`); copied != 1 {
		t.Error("a copy is not noticed")
	}
	if events := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'passkey may be copied'`); events != 1 {
		t.Errorf("a copy leaves %d events", events)
	}
}

// TestS26APageForAPasskeyMayStayOpen: what the browser needs is read anew, so that no device
// keeps a passkey that is refused.
func TestS26APageForAPasskeyMayStayOpen(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	at := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	w := sitetest.Chromium(t, 1000, 900, false)
	w.Key(true, false)
	w.SignIn(at)
	create := func() {
		t.Helper()
		w.Into("#name", "blue key")
		w.WaitFor(`!document.querySelector("[data-passkey]").hidden`)
		w.Click("[data-passkey]", false)
	}
	w.Open(at + "/account/security/passkeys/new")
	site.Advance(models.ChallengeFor + time.Second)
	create()
	w.WaitFor(`!!document.querySelector("#shown-once")`)

	w.Open(at + "/account/security")
	site.Advance(models.ConfirmedFor)
	sitetest.Evaluate[any](w, `document.querySelector('form[action="/account/security/codes"]').requestSubmit()`)
	w.WaitFor(`location.pathname == "/confirm" && !document.querySelector("[data-passkey]").hidden`)
	site.Advance(models.ChallengeFor + time.Second)
	sitetest.Evaluate[any](w, `void (Date.now = () => Infinity)`)
	w.Click("[data-passkey]", false)
	w.WaitFor(`!!document.querySelector("#shown-once")`)

	w.Open(at + "/account/security/passkeys/new")
	site.Advance(models.ConfirmedFor)
	create()
	w.WaitFor(`location.pathname == "/account/security"`)
	if passkeys := site.Count(`SELECT COUNT(*) FROM passkeys`); passkeys != 1 {
		t.Errorf("there are %d passkeys", passkeys)
	}
}

// TestS28APasskeyThatCannotBeUsedIsNotAskedFor: without the script, and made for another
// domain. With it, it is.
func TestS28APasskeyThatCannotBeUsedIsNotAskedFor(t *testing.T) {
	t.Parallel()
	elsewhere := sitetest.Start(t)
	elsewhere.AddPasskey("ada")
	factor(elsewhere, "ada").Get("/login/second-factor").Answers(200).SaysNot("use your passkey").Says("enter one of your recovery codes")

	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.AddPasskey("ada")
	page := factor(site, "ada").Get("/login/second-factor").Answers(200).Says("<span hidden data-needs-passkeys>use your passkey, or</span>")
	if shown := regexp.MustCompile(`<button[^>]*data-passkey[^>]*>`).FindString(page.Body); !strings.Contains(shown, " hidden ") {
		t.Errorf("without the script there is %q", shown)
	}
}

// TestS28WithoutTheScript the sign-in page shows username and password, also where passkeys
// are offered and the user has one, and the second step the code. Nothing of passkeys shows.
func TestS28WithoutTheScript(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	owner := site.SignIn("ada")
	app := owner.SetUpApp()
	owner.SetUpPasskey("key")
	shows := func(page *sitetest.Answer, fields ...string) {
		t.Helper()
		if hidden := regexp.MustCompile(`<(?:main|article|form|div)[^>]* hidden`).FindString(page.Answers(200).Body); hidden != "" {
			t.Errorf("%s hides %s", page.To, hidden)
		}
		var shown []string
		for _, tag := range regexp.MustCompile(`<(?:input|button)[^>]*>`).FindAllString(page.Body, -1) {
			if !regexp.MustCompile(` hidden\b|"hidden"`).MatchString(tag) {
				shown = append(shown, regexp.MustCompile(` name="([^"]*)"`).FindStringSubmatch(tag)[1])
			}
		}
		if !slices.Equal(shown, fields) {
			t.Errorf("%s shows %q", page.To, shown)
		}
	}
	b := site.Visitor()
	shows(b.Get("/login"), "username", "password", "do")
	b.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
	shows(b.Get("/login/second-factor"), "code", "do")
	shows(b.Get("/login/second-factor?with=recovery"), "recovery_code", "do")
	site.Advance(time.Minute)
	b.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	b.Get("/dashboard").Answers(200)
}

// TestS23AskingForAPasskeyWritesNothing, however often.
func TestS23AskingForAPasskeyWritesNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.WroteNothing(func() {
		if one, other := site.Visitor().PasskeyOptions(), site.Visitor().PasskeyOptions(); one == other {
			t.Error("two visitors get the same challenge")
		}
	})
}

// TestS30EveryChangeOfPasskeysIsConfirmed once the sign-in is 15 minutes old.
func TestS30EveryChangeOfPasskeysIsConfirmed(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	site.AddPasskey("ada")
	site.Advance(models.ConfirmedFor)
	for _, path := range []string{"/account/security/passkeys", "/account/security/passkeys/new", "/account/security/passkeys/pk", "/account/security/passkeys/pk/remove", "/account/security/app/confirm"} {
		ada.Post(path, "name", "x").LeadsToConfirm()
	}
}

// TestS33EachChangeIsAnEvent; and S31: the first passkey ends the other sessions.
func TestS33EachChangeIsAnEvent(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	ada, other := site.SignIn("ada"), site.SignIn("ada")
	ada.SetUpPasskey("blue key")
	other.Get("/dashboard").LeadsToSignIn()
	ada.SetUpApp()
	ada.Post("/account/security/codes").Answers(200)
	at := ada.Get("/account/security").First(`href="(/account/security/passkeys/[^"]+)"`)
	ada.Post(at, "name", "red key").LeadsTo("/account/security")
	ada.Post(at + "/remove").LeadsTo("/account/security")
	ada.Get("/account/security").Says("Your password alone will sign you in then")
	ada.Post("/account/security/app/remove").LeadsTo("/account/security")
	events := ada.Get("/activity").Answers(200).Says("blue key").Says("red key")
	for _, label := range []string{"Passkey added", "Authenticator app added", "Recovery codes created", "Passkey renamed", "Passkey removed", "Authenticator app removed"} {
		events.Says(label)
	}
}
