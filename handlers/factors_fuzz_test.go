package handlers

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// protect gives a user an authenticator app, and returns its seed and the recovery codes.
func protect(t testing.TB, app *App, user *models.User) (seed string, codes []string) {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	seed = models.NewSeed()
	session, err := app.db.AddSession(t.Context(), models.SignIn{ID: rand.Text(), User: user, Lifetime: time.Hour, Method: models.ByPassword})
	fail(err)
	factor, codes, err := app.db.NewApp(t.Context(), user, seed, 0)
	fail(err)
	fail(app.db.AddFactor(t.Context(), models.FactorChange{Session: session, NewID: func() (models.SessionID, error) { return models.SessionID{ID: rand.Text()}, nil }}, factor))
	return seed, codes
}

// signInCookie sends the sign-in form, and returns the cookie that it gives under a name.
func signInCookie(t testing.TB, app *App, name, word, cookie string) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"username": {name}, "password": {word}}.Encode()))
	request.Header.Set("Content-Type", fiber.MIMEApplicationForm)
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range response.Cookies() {
		if set.Name == cookie {
			return cookie + "=" + set.Value
		}
	}
	t.Fatalf("the sign-in gives no cookie %s: %v", cookie, response)
	return ""
}

// FuzzFactor types anything into each field of a second factor, before the sign-in, within
// it and inside a session. None of it is right: it is never an error of the server, and
// gives nobody a cookie.
func FuzzFactor(f *testing.F) {
	app := fuzzed(f)
	eve, err := app.db.AddUser(f.Context(), models.NewUser{Name: "eve", Password: "a walk in the wet grass", Role: models.Member}, models.CommandLine)
	if err != nil {
		f.Fatal(err)
	}
	protect(f, app, eve)
	session, pending := signInCookie(f, app, "ada", "a walk in the wet grass", "daypass"), signInCookie(f, app, "eve", "a walk in the wet grass", "daypass-pending")
	change := func(t testing.TB, statement string) {
		if _, err := app.db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	anotherTry := func(t testing.TB) {
		change(t, `UPDATE pending_sign_ins SET tries = 0, expires = 1000000000000`)
		change(t, `DELETE FROM code_failures`)
	}
	anotherTry(f)
	change(f, `UPDATE authenticators SET step = 1000000000000`) // no code counts before that
	change(f, `INSERT INTO passkeys (id, user_id, name, domain, credential, record, count, verified, synced, copied, added, used)
		SELECT name, id, 'key', 'localhost', 'AAAA', '{}', 0, TRUE, TRUE, FALSE, 0, 0 FROM users`)
	fields := []struct{ path, cookie, field string }{
		{"/login/passkey", "", "passkey"},
		{"/login/second-factor", pending, "passkey"},
		{"/login/second-factor", pending, "code"},
		{"/login/second-factor", pending, "recovery_code"},
		{"/account/security/passkeys/new", session, "name=key&passkey"},
		{"/account/security/passkeys/new", session, "passkey={}&name"},
		{"/account/security/passkeys/ada", session, "name"},
		{"/account/security/app/confirm", session, "code"},
		{"/account/security/codes/test", session, "recovery_code"},
	}
	const using = `{"id":"QUFB","rawId":"QUFB","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAA","signature":"AA","userHandle":"_w"}}`
	const making = `{"id":"QUFB","rawId":"QUFB","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"}}`
	for field := range fields {
		for _, seed := range []string{"", "123456", " 123 456 ", "１２３４５６", "12345\x00", "\xff", "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV", "gezd gnbv gy3t qojq gezd 8880", "blue key", "\u202e", "{}", using, making} {
			f.Add(byte(field), seed)
		}
	}
	tries := 0
	f.Fuzz(func(t *testing.T, field byte, typed string) {
		it := fields[int(field)%len(fields)]
		accept, body := "application/json", it.field+"="+url.QueryEscape(typed) // pages take longer
		if strings.HasSuffix(it.field, "name") {
			accept = "text/html" // which shows it again
		}
		ask(t, app, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nCookie: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", it.path, accept, it.cookie, len(body), body))
		if it.cookie != pending {
			return
		}
		if tries++; tries%(models.MaxTries-1) == 0 { // before one too many ends the sign-in
			anotherTry(t)
		}
	})
}
