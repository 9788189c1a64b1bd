package sitetest

import (
	"bufio"
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"daypass/models/database/databasetest"
)

// Count asks the database, over a connection of its own.
func (s *Site) Count(query string) (rows int) {
	s.T.Helper()
	db := databasetest.Open(s.T, s.File)
	defer db.Close()
	Must(s.T, db.QueryRow(query).Scan(&rows))
	return rows
}

// Query returns what a query finds in the database, one row per line. It reads over
// a connection of its own.
func (s *Site) Query(text string) string {
	s.T.Helper()
	db := databasetest.Open(s.T, s.File)
	defer db.Close()
	return query(s.T, db, text)
}

// Change changes the database behind the product's back.
func (s *Site) Change(statement string, args ...any) {
	s.T.Helper()
	db := databasetest.Open(s.T, s.File)
	defer db.Close()
	_, err := db.Exec(statement, args...)
	Must(s.T, err)
}

// WatchWrites returns a function whose result changes with every write by others, also
// with one that leaves all rows as they were.
func (s *Site) WatchWrites() (state func() string) {
	s.T.Helper()
	db := databasetest.Open(s.T, s.File)
	s.T.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1) // SQLite's version is that of a connection; PostgreSQL plans each statement once
	if databasetest.Postgres() {
		return func() string {
			s.T.Helper()
			var all strings.Builder
			for _, table := range TableNames(s.T, db) {
				fmt.Fprintln(&all, table, query(s.T, db, `SELECT xmin, * FROM "`+table+`"`))
			}
			return all.String()
		}
	}
	return func() (version string) {
		s.T.Helper()
		Must(s.T, db.QueryRow(`PRAGMA data_version`).Scan(&version))
		return version
	}
}

// Stored returns what a thief of the database has, by the names of its parts.
func (s *Site) Stored() map[string]string {
	s.T.Helper()
	if databasetest.Postgres() {
		return Tables(s.T, s.File)
	}
	stored := make(map[string]string)
	files, err := filepath.Glob(s.File + "*")
	Must(s.T, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		Must(s.T, err)
		stored[filepath.Base(file)] = string(content)
	}
	return stored
}

// Bytes is a literal of SQL.
func Bytes(content ...byte) string {
	if databasetest.Postgres() {
		return fmt.Sprintf(`'\x%x'::bytea`, content)
	}
	return fmt.Sprintf(`X'%x'`, content)
}

// Rows are the rows of all tables, as text.
func (s *Site) Rows() string {
	s.T.Helper()
	var text strings.Builder
	tables := Tables(s.T, s.File)
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&text, "%s:\n%s\n", table, tables[table])
	}
	return text.String()
}

// WroteNothing runs something and compares the rows of all tables before and after.
func (s *Site) WroteNothing(does func()) {
	s.T.Helper()
	before := Tables(s.T, s.File)
	does()
	if changed := Changed(before, Tables(s.T, s.File)); changed != "" {
		s.T.Error(changed)
	}
}

// Integrity returns what SQLite's integrity check says: "ok", or what is damaged.
func (s *Site) Integrity() (whole string) {
	s.T.Helper()
	databasetest.OnlySQLite(s.T, "it is about files")
	db := databasetest.Open(s.T, s.File)
	defer db.Close()
	Must(s.T, db.QueryRow(`PRAGMA integrity_check`).Scan(&whole))
	return whole
}

// WhileWriting holds the write lock with a change that is not committed, lets a
// request come as far as a function that waits for the lock, and commits then:
// what the request has read is what was before.
func (s *Site) WhileWriting(change string, request func() *Answer, function string) *Answer {
	s.T.Helper()
	s.T.Setenv("NOT_PARALLEL", "") // fails in a parallel test, where another one may be in the function
	databasetest.OnlySQLite(s.T, "there is no lock that all writes wait for")
	db, err := sql.Open("sqlite3", s.File+"?_txlock=immediate&_busy_timeout=5000")
	Must(s.T, err)
	defer db.Close()
	tx, err := db.Begin()
	Must(s.T, err)
	defer tx.Rollback() // does nothing after Commit
	_, err = tx.Exec(change)
	Must(s.T, err)
	answered := make(chan *Answer, 1)
	go func() { answered <- request() }()
	stacks := make([]byte, 4<<20)
	for !bytes.Contains(stacks[:goruntime.Stack(stacks, true)], []byte(function)) {
		select {
		case early := <-answered:
			s.T.Fatalf("%s answered %d before it came to %s", early.To, early.Response.StatusCode, function)
		case <-time.After(time.Millisecond):
		}
	}
	Must(s.T, tx.Commit())
	return <-answered
}

// writeWhatIsTold runs each line of standard input as a statement on a database,
// and answers each with a line when it is committed.
func writeWhatIsTold(address string) {
	driver, name := "sqlite3", address+"?_busy_timeout=5000&_foreign_keys=on"
	if strings.HasPrefix(address, "postgres") {
		driver, name = "pgx", address
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := db.Exec(lines.Text()); err != nil {
			panic(err)
		}
		fmt.Println("done")
	}
}

// AnotherWriter starts a process that writes to the database what it is told,
// and returns when that is committed.
func (s *Site) AnotherWriter() (write func(statement string)) {
	s.T.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), "BE_ANOTHER_WRITER="+s.File)
	in, err := process.StdinPipe()
	Must(s.T, err)
	out, err := process.StdoutPipe()
	Must(s.T, err)
	process.Stderr = os.Stderr
	Must(s.T, process.Start())
	s.T.Cleanup(func() { in.Close(); process.Wait() })
	answers := bufio.NewReader(out)
	return func(statement string) {
		s.T.Helper()
		fmt.Fprintln(in, strings.ReplaceAll(statement, "\n", " "))
		if answer, err := answers.ReadString('\n'); err != nil || answer != "done\n" {
			s.T.Fatalf("%s: %q, %v", statement, answer, err)
		}
	}
}
