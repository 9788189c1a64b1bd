package models

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"daypass/models/database/databasetest"
)

// TestVersionsChangeWithWhatRefersToUsers: also the rows of a table that somebody
// added to the product.
func TestVersionsChangeWithWhatRefersToUsers(t *testing.T) {
	t.Parallel()
	file := databasetest.New(t)
	db, err := Open(t.Context(), file)
	check(t, err)
	_, err = db.SQL.Exec(`CREATE TABLE sample_rows (id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE)`)
	check(t, err)
	check(t, db.Close())
	if db, err = Open(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password) VALUES ('u', 'u', 'u', '', 'member', FALSE, 1, ''), ('v', 'v', 'v', '', 'member', FALSE, 1, '')`,
		`INSERT INTO sample_rows VALUES ('n', 'u')`,
		`UPDATE sample_rows SET id = 'm'`,
		`DELETE FROM sample_rows`,
		`INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires) VALUES ('s', 'u', '', '', '', 1, 1, 9999999999)`,
		`UPDATE sessions SET seen = 2`,
		`INSERT INTO session_values VALUES ('s', 'flash', 'x')`,
		`UPDATE session_values SET value = 'y'`,
		`DELETE FROM session_values`,
		`DELETE FROM sessions`,
		`INSERT INTO events (id, user_id, kind, at, address, browser) VALUES ('e', 'u', '', 1, '', '')`,
		`DELETE FROM events`,
		`UPDATE users SET full_name = 'U' WHERE id = 'u'`,
		`UPDATE users SET disabled = TRUE WHERE id = 'u'`,
	} {
		var before, after, others int64
		db.SQL.Get(&before, `SELECT version FROM users WHERE id = 'u'`)
		if _, err := db.SQL.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		check(t, db.SQL.Get(&after, `SELECT version FROM users WHERE id = 'u'`))
		check(t, db.SQL.Get(&others, `SELECT version FROM users WHERE id = 'v'`))
		if after == before && !strings.HasPrefix(statement, "INSERT INTO users") || others != 0 {
			t.Errorf("%s: the version goes from %d to %d, and somebody else's to %d", statement, before, after, others)
		}
	}
}

// TestSessionsOfTheVersionBeforeGoOn: their keys were longer.
func TestSessionsOfTheVersionBeforeGoOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	db, err := Open(t.Context(), file)
	check(t, err)
	defer db.Close()
	migration, err := fs.ReadFile(migrations, "00005_shorter_keys.sql")
	check(t, err)
	long := strings.Repeat("ABCDEFGH", 6) + "WXYZ"
	for _, statement := range []string{
		`INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password) VALUES ('u', 'u', 'u', '', 'member', FALSE, 1, '')`,
		`INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires) VALUES ('` + long + `', 'u', '', '', '', 1, 1, 2)`,
		`INSERT INTO session_values VALUES ('` + long + `', 'theme', 'dark')`,
		`INSERT INTO session_payloads VALUES ('` + long + `', 'x', 1)`,
		string(migration),
	} {
		if _, err := db.SQL.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	var kept int
	check(t, db.SQL.Get(&kept, `SELECT COUNT(*) FROM sessions s JOIN session_payloads p ON p.k = s.id JOIN session_values v ON v.session_id = s.id WHERE s.id = $1`, long[:26]))
	if kept != 1 {
		t.Errorf("%d sessions are kept with all they hold", kept)
	}
}

// TestAnUpgradeKeepsEverybodySignedIn: a version that kept no mark beside the
// database served it before. A copy from then ends everything once there is one.
func TestAnUpgradeKeepsEverybodySignedIn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	old, err := sql.Open("sqlite3", file+"?_journal_mode=WAL")
	check(t, err)
	defer old.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, old, migrations)
	check(t, err)
	for _, statement := range []string{
		`CREATE TABLE session_payloads (k VARCHAR(64) PRIMARY KEY NOT NULL DEFAULT '', v BLOB NOT NULL, e BIGINT NOT NULL DEFAULT '0')`,
		`INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password) VALUES ('u', 'u', 'u', '', 'admin', FALSE, 1, '')`,
		`INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires) VALUES ('s', 'u', '', '', '', 1, 1, 9999999999)`,
		`INSERT INTO links VALUES ('l', 'u', 9999999999)`,
		`VACUUM INTO '` + file + `.copy'`,
	} {
		if _, err := old.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if strings.HasPrefix(statement, "CREATE") {
			_, err = provider.UpTo(t.Context(), 6)
			check(t, err)
		}
	}
	check(t, old.Close())

	serve := func() (sessions, links int) {
		t.Helper()
		db, err := Open(t.Context(), file)
		check(t, err)
		defer db.Close()
		check(t, db.CheckRestored(t.Context()))
		check(t, db.SQL.Get(&sessions, `SELECT COUNT(*) FROM sessions`))
		check(t, db.SQL.Get(&links, `SELECT COUNT(*) FROM links`))
		return sessions, links
	}
	for range 3 {
		if sessions, links := serve(); sessions != 1 || links != 1 {
			t.Fatalf("%d sessions and %d links are left", sessions, links)
		}
	}
	check(t, os.Rename(file+".copy", file))
	if sessions, links := serve(); sessions != 0 || links != 0 {
		t.Errorf("a copy keeps %d sessions and %d links", sessions, links)
	}
}

// TestS16ProgramsThatKnowNoSecondFactorAreRefused: they would open accounts with the
// password alone.
func TestS16ProgramsThatKnowNoSecondFactorAreRefused(t *testing.T) {
	t.Parallel()
	if needs := number(t, open(t), `SELECT COALESCE(MAX(value), 0) FROM settings WHERE name = 'schema_needs'`); needs < 25 {
		t.Errorf("programs from version %d on may use the schema", needs)
	}
}
