package sitetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"daypass/models/database/databasetest"
)

// Damage spoils all pages of the database but the first, or the roots of some
// tables and indexes, and returns a function that mends them. Other programs do
// it: if this process closed the file, SQLite would lose its locks on it.
func (s *Site) Damage(roots ...string) (mend func()) {
	s.T.Helper()
	databasetest.OnlySQLite(s.T, "it damages the file")
	tool := func(name string, args ...string) {
		s.T.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			s.T.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	spoil := func(first, pages int) {
		tool("dd", "if=/dev/urandom", "of="+s.File, "bs=4096", fmt.Sprintf("seek=%d", first-1), fmt.Sprintf("count=%d", pages), "conv=notrunc")
	}
	s.Change(`PRAGMA wal_checkpoint(TRUNCATE)`) // no page is only in the log
	whole := filepath.Join(s.T.TempDir(), "whole")
	tool("cp", s.File, whole)
	for _, name := range roots {
		spoil(s.Count(`SELECT rootpage FROM sqlite_schema WHERE name = '`+name+`'`), 1)
	}
	if len(roots) == 0 {
		spoil(2, s.Count(`PRAGMA page_count`)-1)
	}
	return func() { tool("dd", "if="+whole, "of="+s.File, "conv=notrunc") }
}

// Withdraw makes the database useless, until it is given back.
func (s *Site) Withdraw() (giveBack func()) {
	s.T.Helper()
	if databasetest.Postgres() {
		s.Change(`ALTER TABLE users RENAME TO aside`)
		return func() { s.Change(`ALTER TABLE aside RENAME TO users`) }
	}
	Must(s.T, os.Rename(s.File, s.File+".aside"))
	return func() { Must(s.T, os.Rename(s.File+".aside", s.File)) }
}

// FailInserts makes every insertion into a table fail.
func (s *Site) FailInserts(table string) (mend func()) {
	s.T.Helper()
	if databasetest.Postgres() {
		s.Change(`CREATE FUNCTION broken() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;
			CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` FOR EACH STATEMENT EXECUTE FUNCTION broken()`)
		return func() { s.Change(`DROP FUNCTION broken CASCADE`) }
	}
	s.Change(`CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'broken'); END`)
	return func() { s.Change(`DROP TRIGGER broken`) }
}

// Mount makes a small disk of a folder, where that is permitted.
func Mount(t *testing.T, folder, options string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder).CombinedOutput(); err != nil {
		missing := fmt.Sprintf("this test needs a small disk; run it as root: %v %s", err, out)
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", folder).Run() })
}

// Zeros reads as zero bytes without an end.
type Zeros struct{}

// Read implements [io.Reader].
func (Zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// OpenFiles tells how many files may be open at once, up to a number.
func OpenFiles(most int) int {
	var files []*os.File
	for range most {
		file, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, file)
	}
	for _, file := range files {
		file.Close()
	}
	return len(files)
}
