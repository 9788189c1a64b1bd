package database

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"daypass/models/database/databasetest"
)

// TestTheDoctorSaysWhatIsWrongWithPostgres, whose tests run without safety.
func TestTheDoctorSaysWhatIsWrongWithPostgres(t *testing.T) {
	t.Parallel()
	address := databasetest.NewPostgres(t)
	db, err := Open(t.Context(), address+"&lock_timeout=0")
	check(t, err)
	defer db.Close()
	check(t, db.CreateVersionTriggers(t.Context()))
	says := func(level Level, about, text string) {
		t.Helper()
		for _, finding := range db.Examine(t.Context()) {
			if finding.Level == level && finding.About == about && strings.Contains(finding.Found, text) {
				return
			}
		}
		t.Errorf("it does not say %s, %s: %s, but %q", level, about, text, db.Examine(t.Context()))
	}
	says(OK, "database", "schema version")
	says(Failed, "durability", "fsync=off")
	says(Warning, "durability", "no standby")
	says(Warning, "connection", "lock_timeout")
	says(OK, "versions", "are there")
	says(OK, "servers", "none is connected")
	server, err := OpenAs(t.Context(), address, "three")
	check(t, err)
	defer server.Close()
	check(t, server.SQL.Ping()) // it connects when it has something to ask
	says(OK, "servers", "connected to the database: three")
	_, err = db.SQL.Exec(`ALTER TABLE events DISABLE TRIGGER events_version_insert`)
	check(t, err)
	_, err = db.SQL.Exec(`DROP TRIGGER session_payloads_version_delete ON session_payloads`)
	check(t, err)
	says(Failed, "versions", "events_version_insert, session_payloads_version_delete")
}

// TestKeysAreComparedByteByByte on PostgreSQL, too, also those of tables that somebody
// adds, but for columns that were given a collation.
func TestKeysAreComparedByteByByte(t *testing.T) {
	t.Parallel()
	address := databasetest.NewPostgres(t)
	db, err := Open(t.Context(), address)
	check(t, err)
	_, err = db.SQL.Exec(`CREATE TABLE added_by_hand (id VARCHAR(40) PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), title TEXT COLLATE "POSIX" UNIQUE)`)
	check(t, err)
	check(t, db.Close())
	db, err = Open(t.Context(), address)
	check(t, err)
	defer db.Close()
	var others []string
	check(t, db.SQL.Select(&others, `SELECT DISTINCT t.relname || '.' || a.attname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
		JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
		WHERE t.relnamespace = CAST(current_schema() AS TEXT)::regnamespace AND a.attcollation NOT IN (0, '"C"'::regcollation) ORDER BY 1`))
	if !slices.Equal(others, []string{"added_by_hand.title"}) {
		t.Errorf("the collation of %v is not C", others)
	}
}

// TestNoPasswordIsShown in whatever form an address has it.
func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://ada:hunter22@db.example/daypass", "postgresql://ada:hunter22@db.example/daypass?sslmode=require",
		"postgres://db.example/daypass?user=ada&password=hunter22", "postgres://ada:hunter22@db.example:x/daypass", "postgres://ada:hunter22@127.0.0.1:1/daypass",
	} {
		if shown := Redacted(address); strings.Contains(shown, "hunter22") {
			t.Errorf("%s is shown as %s", address, shown)
		}
		if !HasPassword(address) {
			t.Errorf("%s has no password", address)
		}
		if _, err := Open(t.Context(), address+"&connect_timeout=1"); err == nil || strings.Contains(err.Error(), "hunter22") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if HasPassword("postgres://ada@db.example/daypass") || HasPassword("data/daypass.db") {
		t.Error("an address without a password has one")
	}
}

// TestAHostThatSaysNothingIsPassedOver: after a failover the first host of the address
// may be a machine that is down.
func TestAHostThatSaysNothingIsPassedOver(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(databasetest.NewPostgres(t))
	check(t, err)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	check(t, err)
	defer silent.Close()
	_, port, err := net.SplitHostPort(silent.Addr().String())
	check(t, err)
	query := address.Query()
	query.Set("host", "127.0.0.1,"+query.Get("host"))
	query.Set("port", port+",5432")
	address.RawQuery = query.Encode()
	db, err := Open(t.Context(), address.String())
	check(t, err)
	defer db.Close()
	if _, err := db.UserVersion(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a request that needs a new connection: %v", err)
	}
}

// TestWhatAnErrorOfPostgresMeans: what is wrong with a value is no reason to try again.
func TestWhatAnErrorOfPostgresMeans(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]failure{
		"40001": conflictingChange, "40P01": conflictingChange, // others were in the way
		"23503": missingReference,
		"23505": otherFailure, "23514": otherFailure, "22003": otherFailure, // the value
		"57P01": unavailable, "53300": unavailable, "25006": unavailable, "55P03": unavailable, "57014": unavailable, // the server
		"42P01": unavailable, // the schema
	} {
		if found := failureOf(fmt.Errorf("write: %w", &pgconn.PgError{Code: code})); found != want {
			t.Errorf("%s means %d, not %d", code, found, want)
		}
	}
	for _, lost := range []error{&net.OpError{Err: io.ErrClosedPipe}, io.EOF, io.ErrUnexpectedEOF, sql.ErrTxDone, errStandby, &pgconn.ConnectError{}} {
		if !Unavailable(fmt.Errorf("read: %w", lost)) {
			t.Errorf("%#v is not taken for a lost connection", lost)
		}
	}
	if Unavailable(errors.New("a mistake")) || Unavailable(nil) {
		t.Error("another error is taken for a lost connection")
	}
}

// TestPgBouncerIsNamed where it refuses what each connection sets, or passes statements
// on to a connection that has not prepared them.
func TestPgBouncerIsNamed(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"08P01", "42P05", "26000"} {
		if said := explainPostgres("postgres://db/daypass", fmt.Errorf("open: %w", &pgconn.PgError{Code: code})).Error(); !strings.Contains(said, "PgBouncer") || strings.Contains(said, "\n") {
			t.Errorf("%s: %s", code, said)
		}
	}
}

// TestServersThatStartAtOnce on a new database bring it up to date together.
func TestServersThatStartAtOnce(t *testing.T) {
	t.Parallel()
	address := databasetest.NewPostgres(t)
	var starts sync.WaitGroup
	for range 6 {
		starts.Go(func() {
			db, err := Open(t.Context(), address)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.CreateVersionTriggers(t.Context()); err != nil {
				t.Error(err)
			}
			db.Close()
		})
	}
	starts.Wait()
}

// TestMigrationsWaitForEachOther: a server does nothing to a schema as long as another one
// is bringing it up to date.
func TestMigrationsWaitForEachOther(t *testing.T) {
	t.Parallel()
	address := databasetest.NewPostgres(t)
	pool := databasetest.Open(t, address)
	defer pool.Close()
	other, err := pool.Conn(t.Context())
	check(t, err)
	defer other.Close()
	const lock = `(hashtextextended('migrations of ' || current_schema(), 0))`
	_, err = other.ExecContext(t.Context(), `SELECT pg_advisory_lock`+lock)
	check(t, err)

	name := t.Name()
	opened := make(chan error)
	go func() {
		db, err := Open(t.Context(), address+"&application_name="+name)
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	for asked := false; !asked; time.Sleep(time.Millisecond) {
		select {
		case err := <-opened:
			t.Fatalf("it did not wait: %v", err)
		default:
			check(t, pool.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND query LIKE '%pg_try_advisory_lock%')`, name).Scan(&asked))
		}
	}
	var changed int
	check(t, pool.QueryRow(`SELECT COUNT(*) FROM pg_class WHERE relnamespace = CAST(current_schema() AS TEXT)::regnamespace AND relname <> 'goose_db_version' AND relkind = 'r'`).Scan(&changed))
	if changed > 0 {
		t.Errorf("it has created %d tables", changed)
	}
	_, err = other.ExecContext(t.Context(), `SELECT pg_advisory_unlock`+lock)
	check(t, err)
	check(t, <-opened)
}

// TestConnectionsToPostgresHaveTimeouts, also those that the address does not name.
func TestConnectionsToPostgresHaveTimeouts(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), databasetest.NewPostgres(t)+"&lock_timeout=7s")
	check(t, err)
	defer db.Close()
	for name, want := range map[string]string{"idle_in_transaction_session_timeout": "10s", "statement_timeout": "10s", "lock_timeout": "7s"} {
		var set string
		if check(t, db.SQL.Get(&set, `SELECT current_setting($1)`, name)); set != want {
			t.Errorf("%s is %s, not %s", name, set, want)
		}
	}
}

// TestEveryVersionChangesWithAnEmptiedTable, and is read over a new connection when the
// old one is lost.
func TestEveryVersionChangesWithAnEmptiedTable(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), databasetest.NewPostgres(t))
	check(t, err)
	defer db.Close()
	check(t, db.CreateVersionTriggers(t.Context()))
	_, err = db.SQL.Exec(`INSERT INTO users (id, name, name_key, full_name, role, disabled, password, created) VALUES ('ada', 'ada', 'ada', '', 'admin', FALSE, '', 0)`)
	check(t, err)
	before, err := db.UserVersion(t.Context(), "ada")
	check(t, err)
	for _, table := range []string{"events", "devices", "session_values", PayloadTable, "sessions CASCADE"} {
		_, err := db.SQL.Exec(`SELECT pg_terminate_backend($1, 5000)`, db.engine.(*postgresEngine).reader.PgConn().PID())
		check(t, err)
		_, err = db.SQL.Exec(`TRUNCATE ` + table)
		check(t, err)
		after, err := db.UserVersion(t.Context(), "ada")
		if check(t, err); after == before {
			t.Errorf("after TRUNCATE %s the version is the same", table)
		}
		before = after
	}
}
