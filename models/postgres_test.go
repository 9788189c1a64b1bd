package models

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"daypass/models/database/databasetest"
)

// shared is a PostgreSQL database, whatever the other tests run on.
func shared(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), databasetest.NewPostgres(t))
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// TestClocksAreComparedWithTheDatabases: administrators hear of a small difference, and
// with a large one nothing starts.
func TestClocksAreComparedWithTheDatabases(t *testing.T) {
	t.Parallel()
	db := shared(t)
	for _, wrong := range []struct {
		by    time.Duration
		level Level
		says  string
	}{{0, OK, ""}, {-10 * time.Second, Warning, "behind that of the database"}, {50 * time.Second, Warning, "ahead of that of the database"}, {90 * time.Second, Failed, "ahead of that of the database"}} {
		var log strings.Builder
		db.Log = slog.New(slog.NewTextHandler(&log, nil))
		db.Now = func() time.Time { return time.Now().Add(wrong.by) }
		err := db.CheckClock(t.Context())
		found := db.diagnoseClock(t.Context())
		if (err != nil) != (wrong.level == Failed) || (log.Len() > 0) != (wrong.level == Warning) || found.Level != wrong.level || !strings.Contains(found.Found, wrong.says) {
			t.Errorf("%s: %v, %+v, and in the log:\n%s", wrong.by, err, found, &log)
		}
	}
}

// TestServersShareTheSweep: one waits for nothing that another is deleting.
func TestServersShareTheSweep(t *testing.T) {
	t.Parallel()
	db := shared(t)
	user := added(t, db, "ada")
	for _, id := range []string{"one", "two", "three"} {
		begun(t, db, id, user, time.Hour)
	}
	_, err := db.SQL.Exec(`UPDATE sessions SET expires = expires - 86400`)
	check(t, err)
	other, err := db.SQL.Beginx()
	check(t, err)
	defer other.Rollback()
	_, err = other.Exec(`DELETE FROM sessions WHERE id = 'two'`)
	check(t, err)
	check(t, db.Sweep(t.Context()))
	var left []string
	check(t, db.SQL.Select(&left, `SELECT id FROM sessions`))
	if len(left) != 1 || left[0] != "two" {
		t.Errorf("left are %q", left)
	}
}
