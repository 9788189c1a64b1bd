package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/session"
	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

// TestS34TheCommandLineResetsASecondFactor, also that of the only administrator, and the
// doctor says who has one, who owes one, and which seeds no secret decrypts.
func TestS34TheCommandLineResetsASecondFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	secret := filepath.Join(t.TempDir(), "secret")
	run := func(status int, says string, args ...string) {
		t.Helper()
		got, out, errs := sitetest.Typed(t, "", append(args, "--database", site.File)...)
		if got != status || !strings.Contains(out+errs, says) {
			t.Errorf("%q: status %d, and not %q:\n%s%s", args, got, says, out, errs)
		}
	}
	doctor := func(secrets string, status int, says string, args ...string) {
		t.Helper()
		sitetest.Must(t, os.WriteFile(secret, []byte(secrets+"\n"), 0o600))
		if databasetest.Postgres() {
			status = 1 // the tests' server is set up for speed
		}
		run(status, says, append([]string{"doctor", "--url", site.URL, "--secret-file", secret}, args...)...)
	}
	site.SignedIn("eve", models.Member)
	ada := site.SignIn("ada")
	run(0, "ada has no second factor.", "user", "second-factor", "ada")
	run(1, "ada has no second factor", "user", "second-factor", "reset", "ada")
	doctor(sitetest.SecretA, 0, "0 of 2 users have one; administrators without one: ada")
	doctor(sitetest.SecretA, 0, "those who still need one: ada and eve", "--second-factor", "everybody")

	ada.SetUpApp()
	run(0, "authenticator app", "user", "second-factor", "ada")
	_, all, _ := sitetest.Typed(t, "", "user", "list", "--database", site.File)
	_, owing, _ := sitetest.Typed(t, "", "user", "list", "--factor", "owed", "--second-factor", "everybody", "--database", site.File)
	if !regexp.MustCompile(`(?m)^ada .* yes .*\n.*^eve .* none `).MatchString(all) || strings.Contains(owing, "ada") || !regexp.MustCompile(`(?m)^eve .* required `).MatchString(owing) {
		t.Errorf("the lists of users are\n%s%s", all, owing)
	}
	run(0, `"second_factor": true`, "user", "list", "--json")
	run(0, `"owes_second_factor": true`, "user", "list", "--json", "--factor", "none", "--second-factor", "everybody")
	run(2, "--factor must be one of", "user", "list", "--factor", "some")
	run(0, "recovery codes: 10", "user", "second-factor", "show", "ada")
	site.AddPasskey("ada")
	run(0, "passkey: blue key", "user", "second-factor", "ada")
	doctor(sitetest.SecretA, 0, "1 of 2 users have one")
	doctor(sitetest.SecretA, 0, "never tested by ada")
	doctor(sitetest.SecretA, 0, "encrypts 1 authenticator app")
	doctor(sitetest.SecretB+"\n"+sitetest.SecretA, 0, "keep it until the next start, which encrypts them with the first")
	doctor(sitetest.SecretB, 1, "secret "+session.Fingerprint(sitetest.SecretA)+"   is not configured, and encrypted 1 authenticator app, of ada")

	run(0, "ada has no second factor any more and is signed out everywhere.", "user", "second-factor", "reset", "ada")
	ada.Get("/dashboard").LeadsToSignIn()
	if passkeys := site.Count(`SELECT COUNT(*) FROM passkeys`); passkeys != 0 {
		t.Errorf("%d passkeys are left", passkeys)
	}
	site.SignIn("ada").Get("/activity").Says("Second factor reset").Says("by command line")
	run(2, "--second-factor must be one of", "serve", "--second-factor", "some")
}

// TestTheDoctorCountsThoseWhomNothingSignsIn: they have removed their passwords, and the
// site has another domain since.
func TestTheDoctorCountsThoseWhomNothingSignsIn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	ada := site.SignIn("ada")
	phone, listed := ada.Device(), true
	phone.Listed = &listed
	ada.MakePasskey(phone, "phone").Answers(200)
	ada.Post("/account/security/password/remove").LeadsTo("/account/security")
	secret := filepath.Join(t.TempDir(), "secret")
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretA+"\n"), 0o600))
	for url, says := range map[string]string{
		strings.Replace(site.URL, "127.0.0.1", "localhost", 1): "1 for localhost",
		site.URL:                   "1 user without a password can't sign in at " + site.URL,
		"https://dash.example.org": "1 user without a password can't sign in at https://dash.example.org",
	} {
		if _, out, errs := sitetest.Typed(t, "", "doctor", "--database", site.File, "--secret-file", secret, "--url", url); !strings.Contains(out+errs, says) {
			t.Errorf("at %s the doctor does not say %q:\n%s%s", url, says, out, errs)
		}
	}
}
