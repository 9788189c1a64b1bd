package handlers_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/session"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestACodeCountsAfterItsSecretWasRemoved by another process, before this one reads the
// secrets again by itself. While it can't, codes are answered with 503 and counted nowhere.
func TestACodeCountsAfterItsSecretWasRemoved(t *testing.T) {
	t.Parallel()
	var secrets atomic.Pointer[[]string]
	secrets.Store(&[]string{sitetest.SecretA})
	site := sitetest.Start(t, func(c *handlers.Config) {
		c.ReadSecrets = func(context.Context) ([]string, error) { return *secrets.Load(), nil }
	})
	site.StopClock()
	app := site.SignIn("ada").SetUpApp()
	site.Advance(time.Minute)
	b := factor(site, "ada")

	db, err := models.Open(t.Context(), site.File)
	sitetest.Must(t, err)
	defer db.Close()
	keys, err := session.SeedKeys([]string{sitetest.SecretB, sitetest.SecretA})
	sitetest.Must(t, err)
	db.SetSeedKeys(keys)
	sitetest.Must(t, db.EncryptSeeds(t.Context()))
	for range 2 * models.MaxTries {
		answer := b.Post("/login/second-factor", "code", app.Code()).Answers(503).Says("Your code can&#39;t be checked at the moment.")
		if answer.Response.Header.Get("Retry-After") == "" {
			t.Error("it doesn't say when to try again")
		}
	}
	if counted := site.Count(`SELECT COUNT(*) FROM code_failures`) + site.Count(`SELECT tries FROM pending_sign_ins`); counted != 0 {
		t.Errorf("%d codes are counted", counted)
	}

	secrets.Store(&[]string{sitetest.SecretB})
	for try := 1; ; try++ { // the secrets are read once a second at most
		answer := b.Post("/login/second-factor", "code", app.Code())
		if answer.Response.StatusCode == http.StatusSeeOther {
			answer.LeadsTo("/dashboard")
			return
		}
		if answer.Answers(503); try == 200 {
			t.Fatal("the code is never looked at")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
