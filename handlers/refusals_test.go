package handlers_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// told is all that an answer tells: status, headers and page. What is random in every
// answer is taken out of it.
func told(a *sitetest.Answer) string {
	a.T.Helper()
	header := a.Response.Header.Clone()
	for _, differs := range []string{"Date", "X-Request-Id", "Content-Length"} { // the length follows from the page
		header.Del(differs)
	}
	var text strings.Builder
	fmt.Fprintln(&text, a.Response.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintln(&text, name, header[name])
	}
	return text.String() + regexp.MustCompile(`(challenge&#34;:&#34;)[\w-]+`).ReplaceAllString(a.Body, "$1")
}

// alike expects that all answers tell the same.
func alike(t *testing.T, answers map[string]*sitetest.Answer) {
	t.Helper()
	names := slices.Sorted(maps.Keys(answers))
	for _, name := range names[1:] {
		if one, other := told(answers[names[0]]), told(answers[name]); one != other {
			t.Errorf("%s is answered\n%s\nand %s\n%s", names[0], one, name, other)
		}
	}
}

// TestS21RefusalsTellNothing, to the byte: neither whether a code was right and used
// already, nor whose it is, nor how far off the clock is; the same holds for recovery
// codes, for passkeys, and where a session asks. When codes count no more, or have to
// wait, nothing tells that one is right.
func TestS21RefusalsTellNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, sitetest.OnLocalhost)
	site.StopClock()
	site.DB.Throttle.Account = models.MaxWrongCodes // free of delay
	eve := site.SignedIn("eve", models.Member)
	hers, strange := eve.SetUpApp(), eve.SetUpPasskey("hers")
	ada := site.SignIn("ada")
	app := ada.SetUpApp()
	former := app.Codes[0]
	page := ada.Post("/account/security/codes").Answers(200)
	for i, code := range regexp.MustCompile(`<li><code>([A-Z2-7-]+)</code></li>`).FindAllStringSubmatch(page.Body, -1) {
		app.Codes[i] = code[1]
	}
	key := ada.SetUpPasskey("mine")
	site.Advance(time.Minute)
	used := app.Code()
	factor(site, "ada").Post("/login/second-factor", "code", used).LeadsTo("/dashboard")
	factor(site, "ada").Post("/login/second-factor", "recovery_code", app.Codes[0]).LeadsTo("/dashboard")
	at := func(by time.Duration) string { return models.Code(app.Seed, site.DB.Now().Add(by)) }
	codes := map[string]string{"a wrong code": "000000", "a used one": used, "an earlier one": at(-10 * time.Minute), "a later one": at(10 * time.Minute), "another user's": hers.Code()}
	recovery := map[string]string{"a wrong recovery code": strings.Repeat("A", models.RecoveryCodeLength), "a used one": app.Codes[0], "one of former ones": former, "another user's": hers.Codes[0]}

	refused := make(map[string]*sitetest.Answer)
	for what, code := range codes {
		refused[what] = factor(site, "ada").Post("/login/second-factor", "code", code).Answers(422).SetsNoCookie()
	}
	alike(t, refused)
	refused = make(map[string]*sitetest.Answer)
	for what, code := range recovery {
		refused[what] = factor(site, "ada").Post("/login/second-factor", "recovery_code", code).Answers(422).SetsNoCookie()
	}
	alike(t, refused)

	refused = make(map[string]*sitetest.Answer)
	answers := func(what string, d *sitetest.Device) *sitetest.Browser {
		t.Helper()
		b := factor(site, "ada")
		answer := d.Answer(b.Get("/login/second-factor").Options())
		refused[what] = b.Post("/login/second-factor", "passkey", answer).Answers(422).SetsNoCookie()
		return b
	}
	answers("another user's passkey", strange)
	unknown := ada.Device()
	unknown.Handle = key.Handle
	answers("an unknown one", unknown)
	unknown.ID = key.ID
	answers("a signature of another key", unknown)
	key.Flags = sitetest.Verified
	answers("one that nobody touched", key)
	key.Flags = sitetest.Present | sitetest.Verified
	key.Client = map[string]any{"origin": "https://evil.example"}
	answers("one at another site", key)
	key.Client = nil
	late := factor(site, "ada")
	answer := key.Answer(site.Visitor().PasskeyOptions())
	refused["one for another purpose"] = late.Post("/login/second-factor", "passkey", answer).Answers(422)
	alike(t, refused)

	// Inside a session, the same page is shown again.
	ada = site.Visitor()
	ada.Post("/login/passkey", "passkey", key.Answer(ada.PasskeyOptions())).LeadsTo("/dashboard")
	site.Change(`UPDATE sessions SET created = created - 3600`)
	site.Change(`UPDATE users SET version = version + 1`)
	confirm := ada.ConfirmPage(ada.Post("/account/security/codes"))
	refused = make(map[string]*sitetest.Answer)
	for what, code := range codes {
		refused[what] = ada.SendConfirmation(confirm, "current", sitetest.Password, "code", code).Answers(422).SetsNoCookie()
	}
	alike(t, refused)

	// A right code tells no more than a wrong one when none is looked at.
	codes["the right one"] = at(30 * time.Second)
	for what, count := range map[string]int{"stopped": models.MaxWrongCodes, "waiting": models.MaxWrongCodes - 1} {
		site.DB.Throttle.Account = 5
		site.Change(`DELETE FROM code_failures`)
		site.Change(fmt.Sprintf(`INSERT INTO code_failures (user_id, device, count, last) VALUES ('%s', '', %d, %d)`, site.User("ada").ID, count, site.DB.Now().Unix()))
		refused = make(map[string]*sitetest.Answer)
		for kind, code := range codes {
			refused[what+": "+kind] = factor(site, "ada").Post("/login/second-factor", "code", code).Answers(429).SetsNoCookie()
		}
		alike(t, refused)
	}
}

// TestS16ASignInThatHasEndedTellsNothing: neither why, nor whether the answer was right.
func TestS16ASignInThatHasEndedTellsNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	site.AddUser("root", models.Admin)
	app := site.SignIn("ada").SetUpApp()
	answers := make(map[string]*sitetest.Answer)
	for what, end := range map[string]func(ada *models.User) error{
		"it never was": func(*models.User) error { site.Change(`DELETE FROM pending_sign_ins`); return nil },
		"expired":      func(*models.User) error { site.Advance(models.PendingFor); return nil },
		"tried too often": func(*models.User) error {
			site.Change(fmt.Sprintf(`UPDATE pending_sign_ins SET tries = %d`, models.MaxTries))
			return nil
		},
		"disabled": func(ada *models.User) error { return site.DB.SetDisabled(t.Context(), ada, true, models.CommandLine) },
		"another password": func(ada *models.User) error {
			return site.DB.SetPassword(t.Context(), ada, "another walk in the grass", models.CommandLine)
		},
	} {
		site.Advance(time.Minute)
		for name, typed := range map[string]func() (field, value string){
			"a right code":          func() (field, value string) { return "code", app.Code() },
			"a wrong code":          func() (field, value string) { return "code", "000000" },
			"a right recovery code": func() (field, value string) { return "recovery_code", app.Codes[0] },
			"a wrong recovery code": func() (field, value string) { return "recovery_code", strings.Repeat("A", models.RecoveryCodeLength) },
		} {
			b, ada := factor(site, "ada"), site.User("ada")
			sitetest.Must(t, end(ada))
			field, value := typed()
			answers[what+": "+name] = b.Post("/login/second-factor", field, value).LeadsTo("/login?late=1")
			sitetest.Must(t, site.DB.SetDisabled(t.Context(), ada, false, models.CommandLine))
			sitetest.Must(t, site.DB.SetPassword(t.Context(), ada, sitetest.Password, models.CommandLine))
		}
	}
	alike(t, answers)
}
