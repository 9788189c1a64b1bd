package handlers

import (
	"database/sql"
	"testing"
	"time"

	"daypass/models"
)

// TestS11ASignInThatIsNotStoredGivesNoCookie, whichever of its rows fails.
func TestS11ASignInThatIsNotStoredGivesNoCookie(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	ada := site.signedIn("ada", models.Admin)
	db, err := sql.Open("sqlite3", site.file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range []string{"session_payloads", "sessions", "events"} {
		if _, err := db.Exec(`CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'broken'); END`); err != nil {
			t.Fatal(err)
		}
		site.later(2 * time.Minute) // so that no event is counted in the row of another
		before := site.tables()
		for _, answer := range []*answer{
			site.post("/login", "username", "ada", "password", testPassword),
			ada.post("/login", "username", "ada", "password", testPassword),
		} {
			if answer.status < 500 || len(answer.header.Values("Set-Cookie")) > 0 {
				t.Errorf("without %s: %d, %q", table, answer.status, answer.header.Values("Set-Cookie"))
			}
		}
		after := site.tables()
		if before["sessions"] != after["sessions"] || before["session_payloads"] != after["session_payloads"] {
			t.Errorf("without %s a session is left:\n%s\n%s", table, after["sessions"], after["session_payloads"])
		}
		if _, err := db.Exec(`DROP TRIGGER broken`); err != nil {
			t.Fatal(err)
		}
		ada.visit("/dashboard").answers(200)
	}
	site.post("/login", "username", "ada", "password", testPassword).leadsTo("/dashboard")
}
