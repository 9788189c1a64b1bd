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
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
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

// Main runs the tests of a package, and then cleanup. TestMain of every package that uses
// databases calls it.
func Main(m *testing.M, cleanup ...func()) {
	if !slices.Contains([]string{"", "sqlite", "postgres"}, engine) {
		fmt.Fprintf(os.Stderr, "%s is sqlite or postgres, not %q\n", variable, engine)
		os.Exit(2)
	}
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		debug.SetGCPercent(400) // a fifth of the tests' time was spent on collecting garbage
	}
	status := m.Run()
	if server := running.Load(); server != nil {
		server.Stop()
	}
	for _, clean := range cleanup {
		clean()
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
	NeedsPostgres(t)
	server, err := start()
	if errors.Is(err, ErrMissing) {
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

// NeedsPostgres skips a test of PostgreSQL in a short run on SQLite.
func NeedsPostgres(t testing.TB) {
	t.Helper()
	if testing.Short() && !Postgres() {
		t.Skip("-short leaves PostgreSQL to " + variable + "=postgres")
	}
}

// OnlySQLite skips a test on PostgreSQL, and says why.
func OnlySQLite(t testing.TB, because string) {
	t.Helper()
	if Postgres() {
		t.Skip("only for SQLite: " + because)
	}
}

// OnlyPostgres skips a test on SQLite, and says why.
func OnlyPostgres(t testing.TB, because string) {
	t.Helper()
	if !Postgres() {
		t.Skip("only for PostgreSQL: " + because)
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
	settings         []string
	process          *exec.Cmd
}

// ErrMissing says that PostgreSQL is missing, and what to install.
var ErrMissing = errors.New("PostgreSQL is missing; install it with: apt-get install -y --no-install-recommends postgresql")

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
		return "", ErrMissing
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

// Create creates a server, which Start starts. Settings are such as "fsync=on"; without
// any, a server is fast and forgets what it has not written when it is killed.
func Create(settings ...string) (*Server, error) {
	programs, err := programs()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, settings: settings}
	if s.folder, err = newFolder(); err != nil {
		return nil, err
	}
	return s, s.run("initdb", "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
}

// newFolder has a short path: that of a socket has at most 107 bytes.
func newFolder() (string, error) {
	folder, err := os.MkdirTemp("", "postgres")
	if err != nil {
		return "", err
	}
	return folder, giveAway(folder)
}

// run runs one of PostgreSQL's programs on the server's data.
func (s *Server) run(program string, args ...string) error {
	run := exec.Command(filepath.Join(s.programs, program), append([]string{"-D", s.data()}, args...)...)
	run.Dir, run.SysProcAttr = s.folder, unprivileged()
	if said, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}

// Standby creates a server that follows this one, which has to run.
func (s *Server) Standby(settings ...string) (*Server, error) {
	standby := &Server{programs: s.programs, settings: settings}
	var err error
	if standby.folder, err = newFolder(); err != nil {
		return nil, err
	}
	return standby, standby.run("pg_basebackup", "-h", s.folder, "-U", "test", "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
}

// Promote makes a standby a server of its own.
func (s *Server) Promote() error { return s.run("pg_ctl", "promote", "--wait") }

// Socket is the folder of the socket that the server listens on.
func (s *Server) Socket() string { return s.folder }

// Crash ends the server without its cleaning up, as `pg_ctl stop -m immediate` does.
// Nothing that it had begun goes on afterwards.
func (s *Server) Crash() { s.end() }

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// Start starts the server and waits until it answers.
func (s *Server) Start() error {
	arguments := []string{"-D", s.data(), "-k", s.folder}
	for _, setting := range append([]string{"listen_addresses=", "fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=500", "deadlock_timeout=100ms"}, s.settings...) {
		arguments = append(arguments, "-c", setting)
	}
	s.process = exec.Command(filepath.Join(s.programs, "postgres"), arguments...)
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

// Stop ends the server, and deletes what it stored.
func (s *Server) Stop() {
	s.end()
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
