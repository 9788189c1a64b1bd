package models

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"daypass/models/database/databasetest"
)

var empty = databasetest.Template{Make: func(address string) error {
	db, err := Open(context.Background(), address)
	if err != nil {
		return err
	}
	return db.Close()
}}

// open opens a new database.
func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), empty.Copy(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestTheFilesAreTheirOwnersAlone: so is a folder that the program makes. One
// that was there keeps its mode.
func TestTheFilesAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "it is about files")
	made, there := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "data")
	check(t, os.Mkdir(there, 0o700))
	check(t, os.Chmod(there, 0o775))
	check(t, os.WriteFile(filepath.Join(there, ".gitignore"), nil, 0o644))
	for folder, mode := range map[string]os.FileMode{made: 0o700, there: 0o775} {
		db, err := Open(t.Context(), filepath.Join(folder, "daypass.db"))
		check(t, err)
		defer db.Close()
		check(t, db.CheckRestored(t.Context()))
		_, err = db.AddUser(t.Context(), NewUser{Name: "ada", Password: "a walk in the wet grass", Role: Admin}, CommandLine)
		check(t, err)

		modes := map[string]os.FileMode{".": mode, "daypass.db": 0o600, "daypass.db-wal": 0o600, "daypass.db-shm": 0o600, "daypass.db.mark": 0o600}
		for name, want := range modes {
			info, err := os.Stat(filepath.Join(folder, name))
			check(t, err)
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s in %s has mode %o, not %o", name, folder, got, want)
			}
		}
	}
}

// TestTheHealthCheckReadsEveryTable but that of the mark, and only once however many ask.
func TestTheHealthCheckReadsEveryTable(t *testing.T) {
	t.Parallel()
	db := open(t)
	check(t, db.CheckRestored(t.Context()))
	list := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'lineage'`
	if databasetest.Postgres() {
		list = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`
	}
	var tables []string
	check(t, db.SQL.Select(&tables, list))
	if len(tables) < 10 {
		t.Fatalf("there are only %v", tables)
	}
	for _, table := range tables {
		db.ready.at = time.Time{}
		check(t, db.Ready(t.Context()))
		rename := func(from, to string) {
			t.Helper()
			_, err := db.SQL.Exec(`ALTER TABLE ` + from + ` RENAME TO ` + to)
			check(t, err)
		}
		rename(table, "aside")
		db.ready.at = time.Now().Add(time.Hour)
		if err := db.Ready(t.Context()); err != nil && table != "installation" {
			t.Errorf("without %s, it is read again: %v", table, err)
		}
		db.ready.at = time.Time{}
		if db.Ready(t.Context()) == nil {
			t.Errorf("without %s, it is healthy", table)
		}
		rename("aside", table)
	}
}

// migrations are those of the database.
var migrations = os.DirFS("database/migrations")

// openAt opens a new database as an older version left it, with the schema of
// one of its migrations, and fills it.
func openAt(t *testing.T, version int64, fill ...string) *DB {
	t.Helper()
	databasetest.OnlySQLite(t, "PostgreSQL has no older versions")
	path := filepath.Join(t.TempDir(), "daypass.db")
	old, err := sql.Open("sqlite3", path+"?_journal_mode=WAL")
	check(t, err)
	_, err = old.Exec(`CREATE TABLE session_payloads (k VARCHAR(64) PRIMARY KEY NOT NULL DEFAULT '', v BLOB NOT NULL, e BIGINT NOT NULL DEFAULT '0')`)
	check(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, old, migrations)
	check(t, err)
	_, err = provider.UpTo(t.Context(), version)
	check(t, err)
	for _, statement := range fill {
		_, err := old.Exec(statement)
		check(t, err)
	}
	check(t, old.Close())
	db, err := Open(t.Context(), path)
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestAuthorsByNameBecomeAuthorsByID(t *testing.T) {
	t.Parallel()
	db := openAt(t, 6,
		`INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password) VALUES
			('A', 'Ada', 'ada', '', 'admin', FALSE, 100, ''), ('E', 'eve', 'eve', '', 'member', FALSE, 100, '')`,
		`INSERT INTO events (id, user_id, kind, at, address, browser, author) VALUES
			('1', 'E', 'user added', 50, '', '', 'Ada'), ('2', 'E', 'user added', 150, '', '', 'Ada'), ('3', 'E', 'user added', 150, '', '', 'bob'),
			('4', 'E', 'user added', 150, '', '', 'command line'), ('5', 'E', 'sign-in', 150, '', '', '')`)
	events, err := db.Events(t.Context(), EventFilter{UserID: "E"}, 10)
	check(t, err)
	var authors []string
	for _, event := range events {
		authors = append(authors, event.AuthorID+"="+event.Author)
	}
	// The first was done by an Ada of before this one.
	if got := strings.Join(authors, ","); got != "=,command line=command line,removed=removed user,A=Ada,removed=removed user" {
		t.Error(got)
	}
}

func TestUsersOfBeforeAreFound(t *testing.T) {
	t.Parallel()
	db := openAt(t, 6, `INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password) VALUES
		('I', 'Ivan', 'ivan', 'Иван Петров', 'admin', FALSE, 100, ''), ('E', 'eve', 'eve', '', 'member', FALSE, 100, '')`)
	for text, want := range map[string]string{"иван": "I", "ПЕТРОВ ivan": "I", "EVE": "E"} {
		found, err := db.SearchUsers(t.Context(), UserFilter{Text: text}, 10)
		check(t, err)
		if len(found) != 1 || found[0].ID != want {
			t.Errorf("%q finds %v", text, found)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestACopyWhoseMarkCannotBeWrittenIsLeftAsItIs: nothing ends by a start that fails.
func TestACopyWhoseMarkCannotBeWrittenIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "it is about files")
	db := open(t)
	check(t, db.CheckRestored(t.Context()))
	aSession(t, db)
	content := filepath.Join(t.TempDir(), "copy.db")
	_, err := db.SQL.ExecContext(t.Context(), `VACUUM INTO '`+content+`'`)
	check(t, err)
	check(t, os.Mkdir(content+".mark", 0o700))
	copied, err := Open(t.Context(), content)
	check(t, err)
	defer copied.Close()
	if err := copied.CheckRestored(t.Context()); err == nil || !strings.Contains(err.Error(), "copy.db.mark can't be written") {
		t.Errorf("the start says %v", err)
	}
	var sessions int
	check(t, copied.SQL.GetContext(t.Context(), &sessions, `SELECT COUNT(*) FROM sessions`))
	if sessions != 1 {
		t.Errorf("%d sessions are left", sessions)
	}
}
