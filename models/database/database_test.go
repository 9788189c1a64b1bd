package database

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"daypass/models/database/databasetest"
)

// open opens a new database.
func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestWhatIsWrongWithThePathIsASentence(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

// TestADatabaseOfANewerVersionIsRefused if its schema needs that version.
func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "daypass.db")
	db, err := Open(t.Context(), path)
	check(t, err)
	_, err = db.SQL.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, TRUE)`)
	check(t, err)
	db.Close()
	db, err = Open(t.Context(), path) // an older program can work with it
	check(t, err)
	_, err = db.SQL.Exec(`UPDATE settings SET value = 8999 WHERE name = 'schema_needs'`)
	check(t, err)
	db.Close()
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Error(err)
	}
}

func TestSeveralProcessesMayStartAtOnce(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	db := open(t)
	var held []*sql.Conn
	for range 4 {
		connection, err := db.SQL.DB.Conn(t.Context())
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

// TestACopyWrittenOverTheFileIsNoticed, also when all that SQLite reads of the lineage is
// in memory or in the log, and newer.
func TestACopyWrittenOverTheFileIsNoticed(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"quiet after a checkpoint", "busy after a checkpoint", "busy, beside a newer log"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			check(t, db.CheckRestored(t.Context(), nil))
			write := func() error {
				_, err := db.Exec(t.Context(), `INSERT INTO settings (name, value) VALUES ('test', 0) ON CONFLICT (name) DO UPDATE SET value = settings.value + 1`)
				return err
			}
			other := databasetest.Open(t, db.Address())
			defer other.Close()
			checkpoint := func() {
				t.Helper()
				var result [3]int
				check(t, other.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&result[0], &result[1], &result[2]))
				if result[0] != 0 {
					t.Fatal("the log is in use")
				}
			}
			check(t, write())
			checkpoint()
			saved, err := os.ReadFile(db.Address())
			check(t, err)
			check(t, write())
			checkpoint()
			if way == "busy, beside a newer log" {
				check(t, write())
			}
			check(t, db.Check(t.Context()))
			check(t, os.WriteFile(db.Address(), saved, 0))
			if strings.HasPrefix(way, "busy") { // SQLite notices nothing
				for range 3 {
					check(t, write())
				}
			}
			for range 2 {
				if err := db.Check(t.Context()); !errors.Is(err, ErrReplaced) {
					t.Errorf("checked, it is %v", err)
				}
				if err := write(); !errors.Is(err, ErrReplaced) {
					t.Errorf("written to, it is %v", err)
				}
			}
			if now, err := os.ReadFile(db.Address()); err != nil || !bytes.Equal(now, saved) {
				t.Errorf("something was written into the copy: %v", err)
			}
		})
	}
}

// TestACheckpointIsNoCopy, whoever makes it, and whatever is written meanwhile.
func TestACheckpointIsNoCopy(t *testing.T) {
	t.Parallel()
	db := open(t)
	check(t, db.CheckRestored(t.Context(), nil))
	other := databasetest.Open(t, db.Address())
	defer other.Close()
	var work sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for _, repeated := range []func() error{
		func() error {
			_, err := db.Exec(t.Context(), `UPDATE settings SET value = value`)
			return err
		},
		func() error {
			_, err := other.Exec(`PRAGMA wal_checkpoint(RESTART)`)
			return err
		},
	} {
		work.Go(func() {
			for ctx.Err() == nil {
				if err := repeated(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 200 {
		if i%20 == 0 {
			_, err := other.Exec(`VACUUM`)
			check(t, err)
		}
		check(t, db.Check(t.Context()))
	}
	stop()
	work.Wait()
}
