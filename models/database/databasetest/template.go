package databasetest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
)

// Template is a database that tests get copies of: to make a new one takes longer than
// most tests.
type Template struct {
	Make func(address string) error // is called once, with the address of a new database

	once sync.Once
	made []byte // a file of SQLite, or SQL with the name of its schema in braces
	err  error
}

// Copy returns the address of a copy.
func (m *Template) Copy(t testing.TB) string {
	t.Helper()
	address := New(t)
	m.once.Do(func() {
		from := New(t)
		if m.err = m.Make(from); m.err != nil {
			return
		}
		if Postgres() {
			m.made, m.err = dump(from)
		} else {
			m.made, m.err = os.ReadFile(from)
		}
	})
	err := m.err
	if err == nil && Postgres() {
		err = restore(m.made, address)
	} else if err == nil {
		err = os.WriteFile(address, m.made, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// forPsql are lines of a dump that PostgreSQL's own client alone understands, and the one
// that creates the schema, which is there.
var forPsql = regexp.MustCompile(`(?m)^(\\.*|CREATE SCHEMA .*;)$`)

// dump returns the SQL that makes what is in a schema.
func dump(address string) ([]byte, error) {
	server := running.Load()
	schema := schemaOf(address)
	run := exec.Command(filepath.Join(server.programs, "pg_dump"), "-h", server.folder, "-U", "test", "-n", schema, "--inserts", "postgres")
	var complaints bytes.Buffer
	run.Stderr = &complaints
	said, err := run.Output()
	if err != nil {
		return nil, fmt.Errorf("pg_dump: %w\n%s", err, complaints.Bytes())
	}
	said = forPsql.ReplaceAll(said, nil)
	return regexp.MustCompile(`\b`+schema+`\b`).ReplaceAll(said, []byte("{schema}")), nil
}

// restore makes in one schema what was dumped from another.
func restore(dumped []byte, address string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	statements := bytes.ReplaceAll(dumped, []byte("{schema}"), []byte(schemaOf(address)))
	return conn.Raw(func(conn any) error {
		return conn.(*stdlib.Conn).Conn().PgConn().Exec(context.Background(), string(statements)).Close()
	})
}

func schemaOf(address string) string {
	parsed, _ := url.Parse(address) // it is one of ours
	return parsed.Query().Get("search_path")
}
