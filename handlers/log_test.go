package handlers_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
)

// TestTheLogTellsNoSecret looks through all that a busy site logs, in both
// forms, for what must not be there.
func TestTheLogTellsNoSecret(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"text", "json"} {
		folder := t.TempDir()
		p := sitetest.Launch(t, folder, "--log", form)
		site := &sitetest.Site{T: t, URL: p.URL}
		token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.Out.String())[1]
		ada := site.Visitor()
		ada.Header.Set("User-Agent", "evil\tFirefox/1.0")
		ada.Post("/setup", "token", token, "username", "ada", "full_name", "Ada", "password", sitetest.Password).LeadsTo("/dashboard")
		cookie := ada.Cookie()
		ada.Login("ada", "a wrong password that is secret").Answers(422)
		ada.Login("a password typed as a name", "x").Answers(422)
		ada.Login("ada\nlevel=ERROR msg=forged", "x").Answers(422)
		ada.Get("/nothing?token=" + token).Answers(404)
		ada.Header.Set("Sec-Fetch-Site", "cross-site")
		ada.Header.Set("Origin", "https://evil.example/\tforged")
		ada.Post("/logout").Answers(403)
		ada.Header.Del("Sec-Fetch-Site")
		ada.Header.Del("Origin")
		ada.Post("/account/password", "current", sitetest.Password, "password", "another walk in the grass").LeadsTo("/account")
		renewed := ada.Cookie()
		ada.Post("/logout").LeadsTo("/login?left=1")
		p.Stop()

		_, log, _ := strings.Cut(p.Out.String(), "/setup?token="+token)
		for _, secret := range []string{token, cookie, renewed, strings.Split(cookie[2:], ".")[0], strings.Split(renewed[2:], ".")[0], sitetest.Password,
			"a wrong password that is secret", "a password typed as a name", "another walk in the grass", "forged\n"} {
			if strings.Contains(log, secret) {
				t.Errorf("the log tells %q:\n%s", secret, log)
			}
		}
		lines := strings.Split(strings.TrimSpace(log), "\n")
		for _, line := range lines {
			if strings.HasPrefix(line, "  Ending: ") { // for people, on standard output
				continue
			}
			if form == "json" && !json.Valid([]byte(line)) || form == "text" && !strings.HasPrefix(line, "time=") {
				t.Errorf("not a line of the log: %q", line)
			}
		}
		for _, event := range []string{"user added", "sign-in", "failed sign-in", "password change", "sign-out", "another site refused"} {
			if !strings.Contains(log, event) {
				t.Errorf("the log has no line of %q:\n%s", event, log)
			}
		}
	}
}
