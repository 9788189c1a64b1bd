package database

import (
	"path/filepath"
	"testing"
)

// TestTheDataVersionChangesWithEveryCommit of this process, over whatever connection,
// and with nothing else.
func TestTheDataVersionChangesWithEveryCommit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	db, err := Open(t.Context(), file)
	check(t, err)
	defer db.Close()
	other, err := Open(t.Context(), file)
	check(t, err)
	defer other.Close()
	version := func() DataVersion {
		t.Helper()
		version, err := db.DataVersion(t.Context())
		check(t, err)
		return version
	}
	first := version()
	for range 3 {
		if _, err := db.SQL.Exec(`SELECT * FROM users`); err != nil || version() != first {
			t.Errorf("reading changes the version: %v", err)
		}
	}
	for _, writer := range []*DB{db, other, db} {
		before := version()
		if _, err := writer.SQL.Exec(`INSERT INTO failures (key, last, forgiven) VALUES ($1, 1, 1) ON CONFLICT (key) DO UPDATE SET last = failures.last + 1`, "x"); err != nil {
			t.Fatal(err)
		}
		if version() == before {
			t.Error("a commit does not change the version")
		}
	}
	before := version()
	db.version.close() // as after a failure
	if version() == before {
		t.Error("what two connections read is taken for the same")
	}
}
