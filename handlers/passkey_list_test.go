package handlers_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// passkeyPage is the address of the only passkey of a user.
func passkeyPage(site *sitetest.Site, name string) string {
	site.T.Helper()
	passkeys, err := site.DB.PasskeysOf(site.T.Context(), site.User(name))
	sitetest.Must(site.T, err)
	if len(passkeys) != 1 {
		site.T.Fatalf("%s has %d passkeys", name, len(passkeys))
	}
	return "/account/security/passkeys/" + passkeys[0].ID
}

// signsInAlone signs in with a passkey, and nothing else.
func signsInAlone(site *sitetest.Site, d *sitetest.Device) *sitetest.Browser {
	site.T.Helper()
	b := site.Visitor()
	b.Post("/login/passkey", "passkey", d.Answer(b.PasskeyOptions())).LeadsTo("/dashboard")
	return b
}

// TestAPasskeyIsItsUsersAlone: nobody else sees, renames or removes it, and trying to
// changes nothing and ends no session.
func TestAPasskeyIsItsUsersAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.SignedIn("eve", models.Member).SetUpPasskey("hers")
	ada := site.SignIn("ada")
	ada.SetUpPasskey("mine")
	before := site.Query(`SELECT * FROM passkeys`)
	for _, at := range []string{passkeyPage(site, "eve"), "/account/security/passkeys/nothing"} {
		ada.Get(at).Answers(404).SaysNot("hers")
		for _, name := range []string{"stolen", "", strings.Repeat("x", 100)} {
			ada.Post(at, "name", name).Answers(404).SetsNoCookie().SaysNot("hers")
		}
		ada.Post(at + "/remove").Answers(404).SetsNoCookie()
	}
	if after := site.Query(`SELECT * FROM passkeys`); after != before {
		t.Errorf("the passkeys were\n%s\nand are\n%s", before, after)
	}
	ada.Get("/account/security").Answers(200).Says("mine")
	if events := site.Count(`SELECT COUNT(*) FROM events WHERE kind IN ('passkey renamed', 'passkey removed')`); events != 0 {
		t.Errorf("%d events tell what did not happen", events)
	}
}

// TestS30APasskeyIsRenamedAfterConfirming, by the passkey alone. The other sessions stay,
// and see it at once.
func TestS30APasskeyIsRenamedAfterConfirming(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	key := ada.SetUpPasskey("blue key")
	other := signsInAlone(site, key)
	at := passkeyPage(site, "ada")
	for wrong, says := range map[string]string{"": "Required.", "  ": "Required.", strings.Repeat("x", models.MaxDeviceName+1): "Use at most 40 characters.", "a\x00b": "can&#39;t be shown", "\xff": "can&#39;t be shown", "\u200b": "can be seen"} {
		ada.Post(at, "name", wrong).Answers(422).Says(says).Says("Passkey <bdi>blue key</bdi>")
		ada.Post("/account/security/passkeys/new", "name", wrong).Answers(422).Says(says)
	}
	site.Advance(16 * time.Minute)
	answer := ada.Post(at, "name", "<red> key")
	other.Get("/account/security").Answers(200).Says("blue key")
	ada.ConfirmWithPasskey(answer, key).LeadsTo("/account/security")
	other.Get("/account/security").Answers(200).Says("<bdi>&lt;red&gt; key</bdi>").SaysNot("blue key")
	ada.Get("/account/security").Answers(200).Says("Your passkey was renamed.")
	ada.Get("/activity").Answers(200).Says("Passkey renamed").Says("&lt;red&gt; key")
}

// TestS29S31ARemovedPasskeyOpensNothing from the next answer on. The other sessions end, and
// so do sign-ins that wait for it; this session gets a new ID.
func TestS29S31ARemovedPasskeyOpensNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	key := ada.SetUpPasskey("blue key")
	red := ada.SetUpPasskey("red key")
	site.Advance(16 * time.Minute)
	other, waits := signsInAlone(site, red), factor(site, "ada")
	late := key.Answer(waits.Get("/login/second-factor").Options())
	alone := key.Answer(site.Visitor().PasskeyOptions())
	red.Client = map[string]any{"type": "webauthn.create"} // an answer to another question
	blue := strings.TrimSpace(site.Query(`SELECT id FROM passkeys WHERE name = 'blue key'`))
	answer := ada.Post("/account/security/passkeys/" + blue + "/remove").LeadsToConfirm()
	ada.ConfirmWithPasskey(answer, red).Answers(422).Says("This passkey wasn&#39;t accepted.")
	red.Client = nil
	before := ada.Cookie()
	ada.ConfirmWithPasskey(answer, red).LeadsTo("/account/security")

	ada.Get("/account/security").Answers(200).Says("Your passkey was removed, and your other sessions were ended.").Says("red key").SaysNot("blue key").Says("<strong>10</strong> left")
	ada.Get("/activity").Says("Passkey removed").Says("<bdi>blue key</bdi>")
	other.Get("/dashboard").LeadsToSignIn()
	site.WithCookie(before).Get("/dashboard").LeadsToSignIn()
	waits.Post("/login/second-factor", "passkey", late).LeadsTo("/login?late=1")
	site.Visitor().Post("/login/passkey", "passkey", alone).Answers(422).SetsNoCookie()
	again := factor(site, "ada")
	again.Post("/login/second-factor", "passkey", key.Answer(again.Get("/login/second-factor").Options())).Answers(422).Says("This passkey wasn&#39;t accepted.")

	// With the last one the second factor is gone.
	at := passkeyPage(site, "ada")
	ada.Get(at).Says("Your password alone will sign you in then, and your recovery codes stop working.")
	ada.Post(at + "/remove").LeadsTo("/account/security")
	if rows := site.Count(`SELECT COUNT(*) FROM recovery_codes`); rows != 0 {
		t.Errorf("%d recovery codes are left", rows)
	}
	site.SignIn("ada")
}

// TestS32TheLastPasskeyStays where a second factor is required.
func TestS32TheLastPasskeyStays(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost, requiredFor(models.Everybody, time.Hour))
	ada := site.SignIn("ada")
	key := ada.SetUpPasskey("blue key")
	ada.Post(passkeyPage(site, "ada") + "/remove").Answers(422).Says("A second factor is required here.")
	signsInAlone(site, key)
}

// TestTheBrowserIsToldWhichPasskeysCount after one was removed, so that it offers that one
// no more: exactly those that are left, of this user at this site.
func TestTheBrowserIsToldWhichPasskeysCount(t *testing.T) {
	t.Parallel()
	site, w, key, at := passkeyed(t, true, false)
	sitetest.Call(w, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		if (window.PublicKeyCredential) {
			window.told = [];
			const tell = PublicKeyCredential.signalAllAcceptedCredentials.bind(PublicKeyCredential);
			PublicKeyCredential.signalAllAcceptedCredentials = (list) => tell(list).then(() => told.push(list));
		}`})
	user := site.User("ada")
	handle, err := site.DB.Handle(t.Context(), user)
	sitetest.Must(t, err)
	type list struct {
		RPID string   `json:"rpId"`
		User string   `json:"userId"`
		All  []string `json:"allAcceptedCredentialIds"`
	}
	tells := func(want ...string) {
		t.Helper()
		w.WaitFor(`window.told?.length == 1`)
		got := sitetest.Evaluate[list](w, `told[0]`)
		if got.RPID != "localhost" || got.User != base64.RawURLEncoding.EncodeToString([]byte(handle)) || !slices.Equal(got.All, want) {
			t.Errorf("the browser is told %+v, and not that of %s there are %q", got, handle, want)
		}
	}
	passkeys, err := site.DB.PasskeysOf(t.Context(), user)
	sitetest.Must(t, err)
	site.Change(`INSERT INTO passkeys SELECT 'elsewhere', user_id, 'old', 'dash.example.org', 'AAAA', record, count, verified, synced, copied, added, used, discoverable FROM passkeys`)
	site.Change(`UPDATE users SET version = version + 1`)
	w.Open(at + "/account/security")
	tells(passkeys[0].Credential)
	if there := len(key.Credentials()); there != 1 {
		t.Fatalf("the device has %d passkeys", there)
	}
	w.Open(at + "/account/security/passkeys/" + passkeys[0].ID)
	w.Click(`form[action$="/remove"] button`, true)
	w.WaitFor(`location.pathname == "/account/security"`)
	tells()
	sitetest.Until(t, "the device has forgotten the passkey", func() bool { return len(key.Credentials()) == 0 })
}

// TestS30APasskeyConfirmsForThisPurposeAlone: an answer that signs in, finishes another
// sign-in, makes a passkey, or confirms in another session does not confirm here; nor
// does one that confirms sign in.
func TestS30APasskeyConfirmsForThisPurposeAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	site.AddUser("eve", models.Member)
	ada := site.SignIn("ada")
	key := ada.SetUpPasskey("blue key")
	other, waits := signsInAlone(site, key), factor(site, "ada")
	creation := ada.Get("/account/security/passkeys/new").Options()
	site.Advance(4 * time.Minute) // challenges count for five
	site.Change(`UPDATE sessions SET created = created - 3600`)
	site.Change(`UPDATE users SET version = version + 1`)
	act := "/admin/users/" + site.User("eve").ID + "/disable"
	here, there := ada.ConfirmPage(ada.Post(act)), other.ConfirmPage(other.Post(act))
	for what, options := range map[string]string{
		"a sign-in":          site.Visitor().PasskeyOptions(),
		"a pending sign-in":  waits.Get("/login/second-factor").Options(),
		"making one":         creation,
		"in another session": there.Options(),
	} {
		if answer := ada.SendConfirmation(here, "passkey", key.Answer(options)); answer.Response.StatusCode != 422 || !strings.Contains(answer.Body, "This passkey wasn&#39;t accepted.") {
			t.Errorf("an answer to %s confirms: %d", what, answer.Response.StatusCode)
		}
	}
	confirmation := key.Answer(here.Options())
	site.Visitor().Post("/login/passkey", "passkey", confirmation).Answers(422).SetsNoCookie()
	waits.Post("/login/second-factor", "passkey", confirmation).Answers(422).SetsNoCookie()
	other.SendConfirmation(there, "passkey", confirmation).Answers(422)
	if site.User("eve").Disabled {
		t.Fatal("it was done")
	}
	ada.SendConfirmation(here, "passkey", confirmation).LeadsTo("/admin/users/" + site.User("eve").ID)
	if !site.User("eve").Disabled {
		t.Error("it was not done")
	}
}

// TestS30APasskeyWithoutACheckOfItsUserIsOneFactor: confirming takes the password as well.
func TestS30APasskeyWithoutACheckOfItsUserIsOneFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	key := ada.Device()
	key.Flags = sitetest.Present
	ada.MakePasskey(key, "blue key").Answers(200)
	ada.Get("/account/security").Says("Signs you in with your password")
	site.Advance(16 * time.Minute)
	answer := ada.Post(passkeyPage(site, "ada"), "name", "red key")
	for _, flags := range []byte{sitetest.Present, sitetest.Present | sitetest.Verified} { // a thief may have set a PIN
		key.Flags = flags
		for _, password := range []string{"", "not the password"} {
			ada.ConfirmWithPasskey(answer, key, "current", password).Answers(422)
		}
		site.Visitor().Post("/login/passkey", "passkey", key.Answer(ada.PasskeyOptions())).Answers(422).SetsNoCookie()
	}
	ada.ConfirmWithPasskey(answer, key, "current", sitetest.Password).LeadsTo("/account/security")
	ada.Get("/account/security").Says("red key")
}

// TestS23OfParallelAnswersOneWins, whatever the challenge was for.
func TestS23OfParallelAnswersOneWins(t *testing.T) {
	t.Parallel()
	const parallel = 32
	// wins sends the same again and again at the same time, and counts what succeeds.
	wins := func(t *testing.T, send func() *sitetest.Answer, won func(*sitetest.Answer) bool) {
		t.Helper()
		var group sync.WaitGroup
		var count atomic.Int32
		for range parallel {
			group.Go(func() {
				answer := send()
				if answer.Response.StatusCode >= 500 {
					t.Errorf("%s answers %d", answer.To, answer.Response.StatusCode)
				}
				if won(answer) {
					count.Add(1)
				}
			})
		}
		group.Wait()
		if count.Load() != 1 {
			t.Errorf("%d of %d succeed", count.Load(), parallel)
		}
	}
	leadsTo := func(path string) func(*sitetest.Answer) bool {
		return func(a *sitetest.Answer) bool {
			return a.Response.StatusCode == http.StatusSeeOther && a.Response.Header.Get("Location") == path
		}
	}
	start := func(t *testing.T) (*sitetest.Site, *sitetest.Browser, *sitetest.Device) {
		t.Helper()
		t.Parallel()
		site := sitetest.Start(t, sitetest.OnLocalhost)
		site.StopClock()
		ada := site.SignIn("ada")
		return site, ada, ada.SetUpPasskey("blue key")
	}
	t.Run("signing in", func(t *testing.T) {
		site, _, key := start(t)
		answer := key.Answer(site.Visitor().PasskeyOptions())
		wins(t, func() *sitetest.Answer { return site.Visitor().Post("/login/passkey", "passkey", answer) }, leadsTo("/dashboard"))
		if sessions := site.Count(`SELECT COUNT(*) FROM sessions WHERE method = 'passkey'`); sessions != 1 {
			t.Errorf("there are %d sessions", sessions)
		}
	})
	t.Run("the second factor", func(t *testing.T) {
		site, _, key := start(t)
		pending := factor(site, "ada")
		header := "daypass-pending=" + pending.Client.Jar.Cookies(parsed(t, pending))[0].Value
		answer := key.Answer(pending.Get("/login/second-factor").Options())
		wins(t, func() *sitetest.Answer {
			return site.WithCookies(header).Post("/login/second-factor", "passkey", answer)
		}, leadsTo("/dashboard"))
		if sessions := site.Count(`SELECT COUNT(*) FROM sessions WHERE method = 'password and passkey'`); sessions != 1 {
			t.Errorf("there are %d sessions", sessions)
		}
	})
	t.Run("confirming", func(t *testing.T) {
		site, ada, key := start(t)
		site.Advance(16 * time.Minute)
		page := ada.ConfirmPage(ada.Post(passkeyPage(site, "ada"), "name", "red key"))
		cookie, answer := ada.Cookie(), key.Answer(page.Options())
		wins(t, func() *sitetest.Answer { return site.WithCookie(cookie).SendConfirmation(page, "passkey", answer) }, func(a *sitetest.Answer) bool {
			return leadsTo("/account/security")(a) && len(a.Response.Header.Values("Set-Cookie")) > 0
		})
		if events := site.Count(`SELECT SUM(count) FROM events WHERE kind = 'passkey renamed'`); events != 1 {
			t.Errorf("it was renamed %d times", events)
		}
	})
	t.Run("making one", func(t *testing.T) {
		site, ada, _ := start(t)
		page := ada.Get("/account/security/passkeys/new")
		cookie, handle, answer := ada.Cookie(), page.First(`name="handle" value="(\w+)"`), ada.Device().Make(page.Options())
		wins(t, func() *sitetest.Answer {
			return site.WithCookie(cookie).Post("/account/security/passkeys/new", "name", "red key", "handle", handle, "passkey", answer)
		}, leadsTo("/account/security"))
		if passkeys := site.Count(`SELECT COUNT(*) FROM passkeys WHERE name = 'red key'`); passkeys != 1 {
			t.Errorf("there are %d passkeys", passkeys)
		}
	})
}

// TestS24KeysThatDoNotCountAreRefusedWhenTheyAreMade, with a sentence that says so; those
// that count sign in.
func TestS24KeysThatDoNotCountAreRefusedWhenTheyAreMade(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	ada := site.SignIn("ada")
	rsaKey := func(bits uint, algorithm webauthncose.COSEAlgorithmIdentifier, exponent ...byte) any {
		modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return webauthncose.RSAPublicKeyData{PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.RSAKey), Algorithm: int64(algorithm)}, Modulus: modulus.SetBit(modulus, 0, 1).Bytes(), Exponent: exponent}
	}
	elliptic := func(algorithm webauthncose.COSEAlgorithmIdentifier, curve webauthncose.COSEEllipticCurve, size int) any {
		return webauthncose.EC2PublicKeyData{PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(algorithm)}, Curve: int64(curve), XCoord: make([]byte, size), YCoord: make([]byte, size)}
	}
	for what, public := range map[string]any{
		"RSA with 1024 bits":         rsaKey(1024, webauthncose.AlgRS256, 1, 0, 1),
		"RSA with 2047 bits":         rsaKey(2047, webauthncose.AlgRS256, 1, 0, 1),
		"RSA with 8193 bits":         rsaKey(8193, webauthncose.AlgRS256, 1, 0, 1),
		"RSA with SHA-1":             rsaKey(2048, webauthncose.AlgRS1, 1, 0, 1),
		"RSA with PSS":               rsaKey(2048, webauthncose.AlgPS256, 1, 0, 1),
		"RSA that says it is ECDSA":  rsaKey(2048, webauthncose.AlgES256, 1, 0, 1),
		"RSA that says it is EdDSA":  rsaKey(2048, webauthncose.AlgEdDSA, 1, 0, 1),
		"RSA without an exponent":    rsaKey(2048, webauthncose.AlgRS256),
		"ECDSA with P-384":           elliptic(webauthncose.AlgES384, webauthncose.P384, 48),
		"ECDSA on no curve":          elliptic(webauthncose.AlgES256, webauthncose.P256, 32),
		"ECDSA that says it is RSA":  elliptic(webauthncose.AlgRS256, webauthncose.P256, 32),
		"ECDSA of cryptocurrencies":  elliptic(webauthncose.AlgES256K, webauthncose.Secp256k1, 32),
		"an algorithm nobody knows":  webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: -65000},
		"a kind of key nobody knows": webauthncose.PublicKeyData{KeyType: 77, Algorithm: int64(webauthncose.AlgES256)},
	} {
		d := ada.Device()
		d.SetPublicKey(public)
		if answer := ada.MakePasskey(d, what); answer.Response.StatusCode != 422 || !strings.Contains(answer.Body, "a kind that doesn&#39;t count here") {
			t.Errorf("%s is answered %d:\n%s", what, answer.Response.StatusCode, answer.Body)
		}
	}
	if rows := site.Count(`SELECT COUNT(*) FROM passkeys`); rows != 0 || site.User("ada").HasSecondFactor() {
		t.Fatalf("%d were added", rows)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	sitetest.Must(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	sitetest.Must(t, err)
	for _, key := range []crypto.Signer{long, edwards} {
		d := ada.Device()
		d.SetKey(key)
		if status := ada.MakePasskey(d, "key").Response.StatusCode; status != 200 && status != 303 { // the first one comes with recovery codes
			t.Errorf("%T is answered %d", key, status)
		}
		signsInAlone(site, d)
	}
}

// TestAPasskeyCarriesTheFormOn whose session had ended, also the largest.
func TestAPasskeyCarriesTheFormOn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	key := ada.SetUpPasskey("blue key")
	site.Advance(25 * time.Hour)
	const form = "full_name=Ada+King&note="
	largest := form + strings.Repeat(`"`, models.MaxForm-len(form))
	waiting := ada.Send("POST", "/account/name", largest).Answers(401).First(`name="form" value="([\w-]+)"`)
	send := func(d *sitetest.Device) *sitetest.Answer {
		return ada.Post("/login/passkey", "passkey", d.Answer(ada.PasskeyOptions()), "form", waiting, "next", "/account")
	}
	waiting = send(ada.Device()).Answers(422).Says("Sign in with your password.").First(`name="form" value="([\w-]+)"`)
	to := send(key).Answers(303).Response.Header.Get("Location")
	if !strings.HasPrefix(to, "/confirm?form=") {
		t.Fatalf("it leads to %s", to)
	}
	page := ada.Get(to).Answers(200).Says("Ada King")
	ada.Post("/confirm", "form", page.First(`name="form" value="([\w-]+)"`), "next", "/account").LeadsTo("/account")
	if name := site.User("ada").FullName; name != "Ada King" {
		t.Errorf("the name is %q", name)
	}
}

// TestADomainAboveTheSiteIsWhatPasskeysAreMadeFor and used for, by --passkey-domain: an
// answer for the host itself doesn't count then, nor one that says to be at the domain.
func TestADomainAboveTheSiteIsWhatPasskeysAreMadeFor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, func(c *handlers.Config) {
		c.URL, c.PasskeyDomain = &url.URL{Scheme: "https", Host: "dash.example.org"}, "example.org"
	})
	var cookies []string
	for _, cookie := range site.Visitor().Login("ada", sitetest.Password).LeadsTo("/dashboard").Response.Cookies() {
		cookies = append(cookies, cookie.Name+"="+cookie.Value)
	}
	ada := site.WithCookies(strings.Join(cookies, "; "))
	making := ada.Get("/account/security/passkeys/new").Answers(200)
	if options := making.Options(); !strings.Contains(options, `"rp":{"name":"Daypass","id":"example.org"}`) {
		t.Errorf("the options are %s", options)
	}
	key := ada.Device()
	ada.MakePasskey(key, "for the host").Answers(422)
	key.Domain = "example.org"
	ada.MakePasskey(key, "for the domain").Answers(200)
	if options := ada.PasskeyOptions(); !strings.Contains(options, `"rpId":"example.org"`) {
		t.Errorf("the options are %s", options)
	}
	signsInAlone(site, key)
	for domain, origin := range map[string]string{"dash.example.org": "https://dash.example.org", "example.org": "https://example.org", "org": "https://dash.example.org"} {
		key.Domain, key.Origin = domain, origin
		site.Visitor().Post("/login/passkey", "passkey", key.Answer(ada.PasskeyOptions())).Answers(422).SetsNoCookie()
	}
}

// TestAPasskeyMadeElsewhereIsAskedForNowhere: no browser would offer it, so the second step
// takes a recovery code.
func TestAPasskeyMadeElsewhereIsAskedForNowhere(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	page := ada.MakePasskey(ada.Device(), "key").Answers(200)
	code := page.First(`<li><code>([A-Z2-7-]+)</code></li>`)
	factor(site, "ada").Get("/login/second-factor").Answers(200).Says("use your passkey, or</span> enter one of your recovery codes")
	site.Change(`UPDATE passkeys SET domain = 'dash.example.org'`)
	ada.Get("/account/security").Answers(200).Says("Made for dash.example.org: it doesn't work here")
	b := factor(site, "ada")
	b.Get("/login/second-factor").Answers(200).Says("enter one of your recovery codes").SaysNot("use your passkey").SaysNot("data-passkey")
	b.Post("/login/second-factor", "recovery_code", code).LeadsTo("/dashboard")
}

// TestADamagedPasskeyIsNotUsed, and closes no other way to sign in.
func TestADamagedPasskeyIsNotUsed(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	ada.SetUpPasskey("damaged")
	site.Change(`UPDATE passkeys SET record = '{'`)
	whole := ada.SetUpPasskey("whole")
	site.Advance(time.Minute)
	b := factor(site, "ada")
	b.Get("/login/second-factor").Answers(200).Says("data-passkey")
	b.Post("/login/second-factor", "code", app.Code()).LeadsTo("/dashboard")
	signsInAlone(site, whole)
	site.Advance(16 * time.Minute)
	answer := b.Post("/account/security/codes").LeadsToConfirm()
	b.Get(answer.Response.Header.Get("Location")).Answers(200).Says("Confirm it&#39;s you")
}
