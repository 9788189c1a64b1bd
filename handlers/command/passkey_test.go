package command_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daypass/handlers/identity"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestTheDomainOfPasskeys is the host of --url or a registered domain above it; the start
// refuses any other, and says why.
func TestTheDomainOfPasskeys(t *testing.T) {
	t.Parallel()
	for _, it := range []struct{ url, set, says string }{
		{"https://dash.example.org", "example.com", "it must be dash.example.org, or a registered domain above that"},
		{"https://dash.example.org", "org", "it must be dash.example.org"},
		{"https://dash.example.org", "ash.example.org", "it must be dash.example.org"},
		{"https://dash.example.org", "a.dash.example.org", "it must be dash.example.org"},
		{"https://dash.example.org", ".example.org", "it must be dash.example.org"},
		{"https://dash.example.org", "https://example.org", "it must be dash.example.org"},
		{"http://localhost:3000", "example.org", "it must be localhost"},
		{"https://dash.localhost", "localhost", "it must be dash.localhost"},
		{"http://dash.example.org", "example.org", "browsers offer passkeys only under https with a domain name, or at http://localhost"},
		{"https://192.0.2.1", "example.org", "browsers offer passkeys only under https"},
		{"https://[2001:db8::1]", "2001:db8::1", "browsers offer passkeys only under https"},
	} {
		status, _, errs := sitetest.Typed(t, "", "--database", filepath.Join(t.TempDir(), "daypass.db"), "--listen", "127.0.0.1:0", "--url", it.url, "--passkey-domain", it.set)
		if status == 0 || !strings.Contains(errs, "--passkey-domain "+it.set+" doesn't fit "+it.url+": ") || !strings.Contains(errs, it.says) {
			t.Errorf("%s at %s: status %d, %s", it.set, it.url, status, errs)
		}
	}
	for _, it := range []struct{ url, set, domain string }{
		{"https://a.dash.example.co.uk", "example.co.uk", "example.co.uk"},
		{"https://a.dash.example.org:8443", "dash.example.org", "dash.example.org"},
		{"https://dash.intranet.internal", "intranet.internal", "intranet.internal"},
		{"https://dash.example.org", "dash.example.org", "dash.example.org"},
		{"https://dash.example.org", "", "dash.example.org"},
		{"http://localhost:3000", "", "localhost"},
		{"https://dash", "", "dash"},
	} {
		public, err := url.Parse(it.url)
		sitetest.Must(t, err)
		if domain, err := identity.PasskeyDomain(public, it.set); domain != it.domain || err != nil {
			t.Errorf("%s at %s: %s, %v", it.set, it.url, domain, err)
		}
	}

	// The one that is set is what browsers are asked for, and then the site can be at any
	// host below it.
	folder, address := t.TempDir(), sitetest.FreeAddress(t)
	if status, _, errs := sitetest.Typed(t, sitetest.Password, "user", "add", "ada", "--database", filepath.Join(folder, "data/daypass.db")); status != 0 {
		t.Fatal(errs)
	}
	p := sitetest.Launch(t, folder, "--listen", address, "--url", "https://Dash.example.org", "--passkey-domain", "EXAMPLE.org")
	defer p.Stop()
	answer := (&sitetest.Site{T: t, URL: "http://" + address}).Visitor().Get("/login/passkey").Answers(200)
	var options struct {
		RPID string `json:"rpId"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &options); err != nil || options.RPID != "example.org" {
		t.Errorf("browsers are asked %s, %v", answer.Body, err)
	}
}

// TestTheDoctorTellsWherePasskeysWereMade, and what to do about those that no browser
// offers at the present address.
func TestTheDoctorTellsWherePasskeysWereMade(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	secret := filepath.Join(t.TempDir(), "secret")
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretA+"\n"), 0o600))
	doctor := func(level models.Level, says, fix string, args ...string) {
		t.Helper()
		_, out, errs := sitetest.Typed(t, "", append([]string{"doctor", "--json", "--database", site.File, "--secret-file", secret}, args...)...)
		var found []models.Finding
		sitetest.Must(t, json.Unmarshal([]byte(out), &found))
		for _, line := range found {
			if line.About == "passkeys" {
				if line.Level != level || !strings.Contains(line.Found, says) || !strings.Contains(line.Fix, fix) {
					t.Errorf("%q: %+v", args, line)
				}
				return
			}
		}
		if says != "" {
			t.Errorf("%q: no line about passkeys:\n%s%s", args, out, errs)
		}
	}
	here := site.App.URL.String()
	doctor("", "", "", "--url", here)
	site.SignIn("ada").SetUpPasskey("key")
	doctor("ok", "1 for localhost", "", "--url", here)
	doctor("warning", "0 for dash.example.org, and 1 made for another domain, which no browser offers here", "set --passkey-domain to that domain", "--url", "https://dash.example.org")
	doctor("warning", "1 passkey can't be used at http://dash.example.org", "set --url to the address that they were made at", "--url", "http://dash.example.org")
	doctor("wrong", "--passkey-domain org doesn't fit https://dash.example.org", "correct --passkey-domain", "--url", "https://dash.example.org", "--passkey-domain", "org")
	site.Change(`INSERT INTO passkeys SELECT 'other', user_id, name, 'example.org', 'AAAA', record, count, verified, synced, copied, added, used, discoverable FROM passkeys`)
	doctor("warning", "1 for localhost, and 1 made for another domain", "have people create new ones", "--url", here)
	doctor("warning", "1 for example.org, and 1 made for another domain", "", "--url", "https://dash.example.org", "--passkey-domain", "example.org")
}
