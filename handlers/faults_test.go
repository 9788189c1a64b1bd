package handlers_test

import (
	"testing"
	"time"

	"daypass/handlers/sitetest"
)

// TestS11ASignInThatIsNotStoredGivesNoCookie, whichever of its rows fails.
func TestS11ASignInThatIsNotStoredGivesNoCookie(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	stored := func() string {
		return site.Query(`SELECT id, expires FROM sessions ORDER BY id`) + site.Query(`SELECT * FROM session_payloads ORDER BY 1`)
	}
	for _, table := range []string{"session_payloads", "sessions", "events"} {
		mend := site.FailInserts(table)
		site.Advance(2 * time.Minute) // so that no event is counted in the row of another
		before := stored()
		for _, who := range []*sitetest.Browser{site.Visitor(), ada} {
			if answer := who.Login("ada", sitetest.Password).SetsNoCookie(); answer.Response.StatusCode < 500 {
				t.Errorf("without %s: %d", table, answer.Response.StatusCode)
			}
		}
		if after := stored(); after != before {
			t.Errorf("without %s a session is left:\n%s\nand before there were:\n%s", table, after, before)
		}
		mend()
		ada.Get("/dashboard").Answers(200)
	}
	site.SignIn("ada")
}
