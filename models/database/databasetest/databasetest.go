// Package databasetest gives tests a database of their own, on the engine that the
// variable DAYPASS_TEST_ENGINE names: sqlite, which is the default, or postgres.
//
// For PostgreSQL each test binary starts a server that nothing else uses: on a socket in
// a temporary folder, without a port, as a user who is not root. Each test has a schema.
package databasetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	_ "github.com/mattn/go-sqlite3"    // and that of SQLite
)

// variable is not for the program, which would refuse it as unknown.
const variable = "DAYPASS_TEST_ENGINE"

var (
	engine  = os.Getenv(variable)
	start   = sync.OnceValues(startServer)
	running atomic.Pointer[Server]
	schemas atomic.Int64
)

func init() { os.Unsetenv(variable) }

// Postgres tells whether the tests run on PostgreSQL.
func Postgres() bool {
	os.Getenv(variable) // it is gone, but go test now knows that a cached result depends on it
	return engine == "postgres"
}

// Main runs the tests of a package. TestMain of every package that uses databases calls it.
func Main(m *testing.M) {
	if !slices.Contains([]string{"", "sqlite", "postgres"}, engine) {
		fmt.Fprintf(os.Stderr, "%s is sqlite or postgres, not %q\n", variable, engine)
		os.Exit(2)
	}
	status := m.Run()
	if server := running.Load(); server != nil {
		server.Stop()
	}
	os.Exit(status)
}

// New returns the address of a new database.
func New(t testing.TB) string {
	t.Helper()
	if !Postgres() {
		return filepath.Join(t.TempDir(), "daypass.db")
	}
	return NewPostgres(t)
}

// NewPostgres returns the address of a new schema in the PostgreSQL server of this test
// binary, whatever engine the tests run on.
func NewPostgres(t testing.TB) string {
	t.Helper()
	server, err := start()
	if errors.Is(err, errMissing) {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return server.NewSchema(t)
}

// OnlySQLite skips a test on PostgreSQL, and says why.
func OnlySQLite(t testing.TB, because string) {
	t.Helper()
	if Postgres() {
		t.Skip("only for SQLite: " + because)
	}
}

// Open opens a connection to the database at an address, beside the product.
func Open(t testing.TB, address string) *sql.DB {
	t.Helper()
	driver, name := "sqlite3", address+"?_busy_timeout=5000"
	if strings.HasPrefix(address, "postgres") {
		driver, name = "pgx", address
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Server is a PostgreSQL server.
type Server struct {
	folder, programs string
	process          *exec.Cmd
}

var errMissing = errors.New("PostgreSQL is missing; install it with: apt-get install -y --no-install-recommends postgresql")

// programs returns the folder of the newest programs of the server. Debian has them in
// no folder of PATH.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errMissing
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func startServer() (*Server, error) {
	server, err := Create()
	if err != nil {
		return nil, err
	}
	running.Store(server)
	return server, server.Start()
}

// Create creates a server, which Start starts.
func Create() (*Server, error) {
	programs, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "postgres") // short: the path of a socket has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder, programs: programs}
	if err := giveAway(folder); err != nil {
		return nil, err
	}
	created := exec.Command(filepath.Join(programs, "initdb"), "-D", s.data(), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	created.Dir, created.SysProcAttr = folder, unprivileged()
	if said, err := created.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, said)
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// Start starts the server and waits until it answers.
func (s *Server) Start() error {
	s.process = exec.Command(filepath.Join(s.programs, "postgres"), "-D", s.data(), "-k", s.folder, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=500", "-c", "deadlock_timeout=100ms")
	s.process.Dir, s.process.SysProcAttr = s.folder, unprivileged()
	log, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	db, err := sql.Open("pgx", s.URL(""))
	if err != nil {
		return err
	}
	defer db.Close()
	for range 1500 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = db.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, said)
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.end(killed) }

// Stop ends the server, and deletes what it stored.
func (s *Server) Stop() {
	s.end(immediately)
	os.RemoveAll(s.folder)
}

// URL is the address of a schema.
func (s *Server) URL(schema string) string {
	query := url.Values{"host": {s.folder}, "user": {"test"}}
	if schema != "" {
		query.Set("search_path", schema)
	}
	return "postgres:///postgres?" + query.Encode()
}

// NewSchema returns the address of a new schema, which is deleted after the test.
func (s *Server) NewSchema(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", s.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("test%d", schemas.Add(1))
	if _, err := db.Exec(`CREATE SCHEMA ` + name); err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

// Schema is that of an address.
func Schema(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(parsed.Query().Get("search_path"))
}
