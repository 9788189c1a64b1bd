package handlers_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// inClear tells whether a text has a secret: as it is, as a page groups it, or its bytes in
// another form. A code of a few digits has to stand alone: any long number may have them in it.
func inClear(text, secret string) bool {
	if len(secret) < 12 {
		return regexp.MustCompile(`\b` + secret + `\b`).MatchString(text)
	}
	forms := []string{secret, strings.ReplaceAll(secret, "-", ""), strings.TrimSpace(regexp.MustCompile(`.{4}`).ReplaceAllString(secret, "$0 ")), numbers([]byte(secret))}
	for _, decode := range []func(string) ([]byte, error){base32.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if raw, err := decode(secret); err == nil {
			forms = append(forms, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), numbers(raw))
		}
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, strings.ToLower(form)) })
}

// numbers is how a column of bytes is written in the text of a table.
func numbers(bytes []byte) string { return strings.Trim(fmt.Sprint(bytes), "[]") }

// TestS20NothingTellsASecretOfTheSecondFactor: no page but the one that shows it once, no
// line of the log, no export, no command and no column of any table has a seed, a code or
// the challenge of a passkey in clear, in the middle of all that can be done with them.
func TestS20NothingTellsASecretOfTheSecondFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost, requiredFor(models.Everybody, time.Hour))
	site.StopClock()
	secrets := make(map[string]string)
	shown := func(what string, page *sitetest.Answer) {
		t.Helper()
		secrets[what] = strings.ReplaceAll(page.Answers(200).First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", "")
		if !inClear(page.Body, secrets[what]) {
			t.Fatalf("%s is not found where it is shown", what)
		}
	}
	asked := func(what, options string) string {
		secrets["the challenge for "+what] = sitetest.Challenge(t, options)
		return options
	}
	typed := func(what, code string) string { secrets[what] = code; return code }

	// What ada has set up and used.
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	secrets["the seed"] = app.Seed
	for i, code := range app.Codes {
		secrets[fmt.Sprint("recovery code ", i)] = code
	}
	key, making := ada.Device(), ada.Get("/account/security/passkeys/new")
	ada.Post("/account/security/passkeys/new", "name", "key", "handle", making.First(`name="handle" value="(\w+)"`), "passkey", key.Make(asked("making a passkey", making.Options()))).LeadsTo("/account/security")
	site.Advance(time.Minute)
	b := factor(site, "ada")
	b.Post("/login/second-factor", "code", typed("a wrong code", "918273")).Answers(422).SaysNot("918273")
	b.Post("/login/second-factor", "code", typed("the code that signed in", app.Code())).LeadsTo("/dashboard")
	factor(site, "ada").Post("/login/second-factor", "code", app.Code()).Answers(422)
	b = factor(site, "ada")
	b.Post("/login/second-factor", "passkey", key.Answer(asked("the second factor", b.Get("/login/second-factor").Options()))).LeadsTo("/dashboard")
	b = site.Visitor()
	b.Post("/login/passkey", "passkey", key.Answer(asked("signing in", b.PasskeyOptions()))).LeadsTo("/dashboard")

	// What waits in her sessions, and in one that has ended.
	var cookies []string
	for _, cookie := range b.Client.Jar.Cookies(parsed(t, b)) {
		cookies = append(cookies, cookie.Name+"="+cookie.Value)
	}
	ended := site.WithCookies(strings.Join(cookies, "; "))
	b.Post("/logout")
	to := ended.Post("/account/security/app/confirm", "code", typed("a code that came too late", "829364")).LeadsToSignIn().Response.Header.Get("Location")
	ended.Get(to).Says("what you sent was not stored").SaysNot("829364")
	site.Advance(16 * time.Minute)
	confirm := ada.ConfirmPage(ada.Post("/account/security/app"))
	shown("the seed of another app", ada.SendConfirmation(confirm, "passkey", key.Answer(asked("confirming", confirm.Options()))))
	ada.Post("/account/security/app/confirm", "code", typed("a wrong code of that app", "546372")).Answers(422).SaysNot("546372")
	site.Advance(15 * time.Minute)
	waiting := ada.ConfirmPage(ada.Post("/account/security/codes", "code", typed("a code that waits in a form", "647382"))).SaysNot("647382")

	// A sign-in that waits for the second factor, and one that has to set one up.
	second := factor(site, "ada")
	asked("a sign-in that waits", second.Get("/login/second-factor").Options())
	site.AddUser("eve", models.Member)
	site.Change(`UPDATE users SET factor_due = 2 WHERE name = 'eve'`) // the time of grace is over
	eve := site.Visitor()
	eve.Login("eve", sitetest.Password).LeadsTo("/login/second-factor/new")
	shown("the seed of eve", eve.Post("/login/second-factor/new"))
	eve.Post("/login/second-factor/new/confirm", "code", typed("a wrong code of eve", "738291")).Answers(422).SaysNot("738291")

	told := map[string]string{
		"the log": site.Log.String(), "the export": ada.Post("/account/data.json").Answers(200).Says("passkeys").Body,
		"the second step": second.Get("/login/second-factor").Answers(200).Body, "the second step with a recovery code": second.Get("/login/second-factor?with=recovery").Answers(200).Body,
		"the enrolment": eve.Get("/login/second-factor/new").Answers(200).Body, "the page of a passkey": ada.Get(passkeyPage(site, "ada")).Answers(200).Body,
	}
	for _, route := range site.App.GetRoutes(true) {
		if path := site.PathOf(route.Path, "ada"); route.Method == http.MethodGet && path != "/session/watch" {
			told["GET "+path] = ada.Get(path).Body
		}
	}
	told["the page that asks for all factors"] = ada.Get(strings.TrimPrefix(waiting.To, "GET ")).Answers(200).Body
	secret := filepath.Join(t.TempDir(), "secret")
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretA+"\n"), 0o600))
	for _, line := range []string{"user second-factor ada", "user list --json", "session list --json", "doctor --json --secret-file " + secret} {
		_, out, errs := sitetest.Typed(t, "", append(strings.Fields(line), "--database", site.File)...)
		told["daypass "+line] = out + errs
	}
	for table, rows := range sitetest.Tables(t, site.File) {
		told["the table "+table] = rows
	}
	for name, content := range site.Stored() { // also what was deleted
		told["stored: "+name] = content
	}
	for where, text := range told {
		if text == "" && strings.HasPrefix(where, "daypass") {
			t.Errorf("%s says nothing", where)
		}
		for what, secret := range secrets {
			if inClear(text, secret) {
				t.Errorf("%s tells %s, which is %s", where, what, secret)
			}
		}
	}
	if len(secrets) < 20 || len(told) < 50 {
		t.Errorf("only %d secrets were looked for in %d places", len(secrets), len(told))
	}
}
