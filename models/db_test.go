package models

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pressly/goose/v3"
)

// open opens a new database.
func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestWhatIsWrongWithThePathIsASentence(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text")
	check(t, os.WriteFile(text, []byte("This is a letter and not a database.\n"), 0o600))
	torn := filepath.Join(folder, "torn")
	check(t, os.WriteFile(torn, append([]byte("SQLite format 3\x00"), make([]byte, 4080)...), 0o600))
	for path, part := range map[string]string{
		folder:                                  "is a folder",
		text:                                    "is not a SQLite database",
		torn:                                    "is not a SQLite database",
		filepath.Join(text, "daypass.db"):       "can't be used for the database: not a directory",
		"/proc/daypass/daypass.db":              "can't be used for the database",
		filepath.Join(folder, "a\x00b", "c.db"): "can't be used for the database",
	} {
		db, err := Open(t.Context(), path)
		if err == nil {
			db.Close()
			t.Errorf("%q was opened", path)
		} else if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestAFullDiskIsASentence(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder).CombinedOutput(); err != nil {
		missing := fmt.Sprintf("this test needs a small disk; run it as root: %v %s", err, out)
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", folder).Run() })
	db, err := Open(t.Context(), filepath.Join(folder, "daypass.db"))
	if err == nil {
		db.Close()
		t.Fatal("the disk is too large for this test")
	}
	if !strings.Contains(err.Error(), "disk") {
		t.Error(err)
	}
}

// TestTheFilesAreTheirOwnersAlone: so is a folder that the program makes. One
// that was there keeps its mode.
func TestTheFilesAreTheirOwnersAlone(t *testing.T) {
	made, there := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "data")
	check(t, os.Mkdir(there, 0o700))
	check(t, os.Chmod(there, 0o775))
	check(t, os.WriteFile(filepath.Join(there, ".gitignore"), nil, 0o644))
	for folder, mode := range map[string]os.FileMode{made: 0o700, there: 0o775} {
		db, err := Open(t.Context(), filepath.Join(folder, "daypass.db"))
		check(t, err)
		defer db.Close()
		check(t, db.CheckRestored(t.Context()))
		_, err = SecretFile(filepath.Join(folder, "secret"))
		check(t, err)
		_, err = db.AddUser(t.Context(), NewUser{Name: "ada", Password: "a walk in the wet grass", Role: Admin}, CommandLine)
		check(t, err)

		modes := map[string]os.FileMode{".": mode, "daypass.db": 0o600, "daypass.db-wal": 0o600, "daypass.db-shm": 0o600, "daypass.db.mark": 0o600, "secret": 0o600}
		for name, want := range modes {
			info, err := os.Stat(filepath.Join(folder, name))
			check(t, err)
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s in %s has mode %o, not %o", name, folder, got, want)
			}
		}
	}
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daypass.db")
	db, err := Open(t.Context(), path)
	check(t, err)
	_, err = db.sql.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, TRUE)`)
	check(t, err)
	db.Close()
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Error(err)
	}
}

// openAt opens a new database as an older version left it, with the schema of
// one of its migrations, and fills it.
func openAt(t *testing.T, version int64, fill ...string) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daypass.db")
	check(t, prepareFile(path))
	storage, err := openPatiently(path)
	check(t, err)
	steps, err := fs.Sub(migrations, "migrations")
	check(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, storage.Conn(), steps)
	check(t, err)
	_, err = provider.UpTo(t.Context(), version)
	check(t, err)
	for _, statement := range fill {
		_, err := storage.Conn().Exec(statement)
		check(t, err)
	}
	check(t, storage.Close())
	db, err := Open(t.Context(), path)
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestAuthorsByNameBecomeAuthorsByID(t *testing.T) {
	db := openAt(t, 6,
		`INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password) VALUES
			('A', 'Ada', 'ada', '', 'admin', FALSE, 100, ''), ('E', 'eve', 'eve', '', 'member', FALSE, 100, '')`,
		`INSERT INTO events (id, user_id, kind, at, address, browser, author) VALUES
			('1', 'E', 'user added', 50, '', '', 'Ada'), ('2', 'E', 'user added', 150, '', '', 'Ada'), ('3', 'E', 'user added', 150, '', '', 'bob'),
			('4', 'E', 'user added', 150, '', '', 'command line'), ('5', 'E', 'sign-in', 150, '', '', '')`)
	events, err := db.EventsOf(t.Context(), &User{ID: "E"}, 10)
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

func TestSeveralProcessesMayStartAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daypass.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			db.Close()
		})
	}
	wg.Wait()
}

func TestEveryConnectionHasTheSettings(t *testing.T) {
	db := open(t)
	var held []*sql.Conn
	for range 4 {
		connection, err := db.sql.DB.Conn(t.Context())
		check(t, err)
		held = append(held, connection)
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
			var got string
			check(t, connection.QueryRowContext(t.Context(), `PRAGMA `+pragma).Scan(&got))
			if got != want {
				t.Errorf("%s is %s, not %s", pragma, got, want)
			}
		}
	}
	// A transaction holds the write lock from its beginning.
	tx, err := held[0].BeginTx(t.Context(), nil)
	check(t, err)
	defer tx.Rollback()
	_, err = held[1].ExecContext(t.Context(), `PRAGMA busy_timeout = 0`)
	check(t, err)
	if _, err := held[1].ExecContext(t.Context(), `BEGIN IMMEDIATE`); err == nil {
		t.Error("a transaction that has not written yet lets others write")
	}
	check(t, tx.Rollback())
	for _, connection := range held {
		connection.Close()
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
