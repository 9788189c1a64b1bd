package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// postgresEngine is a PostgreSQL server, version 13 or later, that many processes on
// many machines use at once.
type postgresEngine struct {
	*DB
	redacted string
	config   *pgx.ConnConfig

	reading sync.Mutex
	reader  *pgx.Conn // of versions; nil: not connected
}

// A transaction that has to be repeated meets the same others again only by chance.
const (
	postgresTries   = 5
	postgresConnect = 5 * time.Second // to connect, unless the address has several hosts
)

// serverPrefix is what the connections of servers are called, before their names.
const serverPrefix = "daypass server "

// postgresSettings are those of each connection, unless the address has others. With
// them a server that is cut off from the database, or a client that hangs in a
// transaction, doesn't keep others waiting for long.
var postgresSettings = map[string]string{
	"idle_in_transaction_session_timeout": "10s",
	"statement_timeout":                   "10s",
	"lock_timeout":                        "5s",
}

func openPostgres(ctx context.Context, db *DB, address string) (engine, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout(config)
	}
	config.ValidateConnect = refuseStandby
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "daypass command"
		if db.server != "" {
			config.RuntimeParams["application_name"] = serverPrefix + db.server
		}
	}
	for name, value := range postgresSettings {
		if config.RuntimeParams[name] == "" {
			config.RuntimeParams[name] = value
		}
	}
	config.DialFunc = dialWithTimeout
	e := &postgresEngine{DB: db, redacted: Redacted(address), config: config}
	if err := e.bringUpToDate(ctx); err != nil {
		return nil, err
	}
	db.SQL = e.open(config)
	return e, nil
}

// refuseStandby refuses a server that lags behind, also when it has become one.
func refuseStandby(ctx context.Context, connection *pgconn.PgConn) error {
	found, err := connection.Exec(ctx, `SHOW transaction_read_only`).ReadAll()
	if err == nil && string(found[0].Rows[0][0]) == "on" {
		err = errStandby
	}
	return err
}

// connectTimeout leaves time for the next host while a request waits: a machine that is
// down often says nothing, and after a failover it may be the first in the address.
func connectTimeout(config *pgx.ConnConfig) time.Duration {
	hosts := map[string]bool{config.Host + fmt.Sprint(config.Port): true}
	for _, other := range config.Fallbacks { // the same host again without TLS, or another one
		hosts[other.Host+fmt.Sprint(other.Port)] = true
	}
	if len(hosts) == 1 {
		return postgresConnect
	}
	return versionTimeout / time.Duration(len(hosts))
}

// dialPostgres notices within some ten seconds that a host is cut off.
var dialPostgres = (&net.Dialer{
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
	Control:         limitUnacknowledged,
}).DialContext

func (db *postgresEngine) open(config *pgx.ConnConfig) *sqlx.DB {
	pool := stdlib.OpenDB(*config)
	most := max(8, 2*runtime.NumCPU())
	pool.SetMaxOpenConns(most)
	pool.SetMaxIdleConns(most)
	return sqlx.NewDb(pool, "pgx")
}

// bringUpToDate migrates, over connections of its own: a step may take longer than a
// request may.
func (db *postgresEngine) bringUpToDate(ctx context.Context) error {
	config := db.config.Copy()
	config.DialFunc = dialPostgres
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	db.SQL = db.open(config)
	defer db.SQL.Close()
	var schema int64 // each has its own migrations
	if err := db.SQL.GetContext(ctx, &schema, `SELECT hashtextextended('migrations of ' || current_schema(), 0)`); err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(schema), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	steps, err := postgresMigrations()
	if err != nil {
		return err
	}
	if err := db.migrate(ctx, db.redacted, goose.DialectPostgres, steps, goose.WithSessionLocker(locker)); err != nil {
		return err
	}
	return db.collateKeys(ctx)
}

// collateKeys gives text in indexes the collation C, as SQLite has it: it is faster, and
// it can't change with the system. Migrations that both share don't name it. A column
// that was given another collation keeps it.
func (db *postgresEngine) collateKeys(ctx context.Context) error {
	var tables []struct{ Name, Changes string }
	const find = `SELECT t.relname AS name, string_agg(DISTINCT format('ALTER %I TYPE %s COLLATE "C"', a.attname, format_type(a.atttypid, a.atttypmod)), ', ') AS changes
		FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
		WHERE t.relkind = 'r' AND t.relnamespace = CAST(current_schema() AS TEXT)::regnamespace AND a.attcollation = '"default"'::regcollation
		GROUP BY t.relname ORDER BY t.relname`
	if err := db.SQL.SelectContext(ctx, &tables, find); err != nil || len(tables) == 0 {
		return err
	}
	return db.write(ctx, func(tx *sqlx.Tx) error {
		if err := db.lockRule(ctx, tx, "collations"); err != nil {
			return err
		}
		tables = nil
		if err := tx.SelectContext(ctx, &tables, find); err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.ExecContext(ctx, `ALTER TABLE `+quoted(table.Name)+` `+table.Changes); err != nil {
				return fmt.Errorf("change the collation of keys of the table %s: %w", table.Name, err)
			}
		}
		return nil
	})
}

// migrationFiles are the files of migrations by name.
type migrationFiles map[string]string // the path of each

// postgresMigrations are those in the folder of PostgreSQL, and all later ones of which
// that has none.
func postgresMigrations() (fs.FS, error) {
	own, err := fs.Glob(migrations, "migrations/postgres/*.sql")
	if err != nil {
		return nil, err
	}
	shared, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	files := make(migrationFiles)
	first := path.Base(own[0]) // the schema, as of its number
	number, _, _ := strings.Cut(first, "_")
	for _, name := range shared {
		if of, _, _ := strings.Cut(path.Base(name), "_"); of > number {
			files[path.Base(name)] = name
		}
	}
	for _, name := range own {
		files[path.Base(name)] = name
	}
	return files, nil
}

// Open implements [fs.FS].
func (f migrationFiles) Open(name string) (fs.File, error) {
	if name == "." {
		return migrations.Open("migrations")
	}
	if path, ok := f[name]; ok {
		return migrations.Open(path)
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Glob implements [fs.GlobFS].
func (f migrationFiles) Glob(pattern string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if matched, err := path.Match(pattern, name); err != nil {
			return nil, err
		} else if matched {
			names = append(names, name)
		}
	}
	return names, nil
}

func (db *postgresEngine) close() error {
	db.reading.Lock()
	defer db.reading.Unlock()
	db.disconnect()
	return db.SQL.Close()
}

func (db *postgresEngine) redactedAddress() string { return db.redacted }

// write runs change again when it was in a circle of transactions that wait for each
// other.
func (db *postgresEngine) write(ctx context.Context, change func(*sqlx.Tx) error) error {
	for try := 1; ; try++ {
		err := db.transact(ctx, change)
		if failureOf(err) != conflictingChange || try == postgresTries {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(try) * 20 * time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

func (db *postgresEngine) transact(ctx context.Context, change func(*sqlx.Tx) error) error {
	tx, err := db.SQL.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := change(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (db *postgresEngine) writeUnsynced(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.write(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		return change(tx)
	})
}

func (db *postgresEngine) lockRule(ctx context.Context, tx *sqlx.Tx, rule string) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(`+lockOfRule+`)`, rule)
	return err
}

// lockOfRule is the number of the lock of a rule in this schema.
const lockOfRule = `hashtextextended(current_schema() || ' ' || $1, 0)`

func (db *postgresEngine) skipLocked() string { return ` FOR UPDATE SKIP LOCKED` }

func (db *postgresEngine) lockRows() string { return ` FOR NO KEY UPDATE` }

// A server is never another one. What a restored backup holds is the administrator's care:
// see daypass help machines.

func (db *postgresEngine) present() error { return nil }

func (db *postgresEngine) checkRestored(context.Context, func(func(*sqlx.Tx) error) error) error {
	return nil
}

// errStandby says that the server can't be written to. For whoever asks, it is unavailable.
var errStandby = errors.New("the database is a standby, or read-only")

func (db *postgresEngine) check(ctx context.Context) error {
	var standby bool
	if err := db.SQL.GetContext(ctx, &standby, `SELECT pg_is_in_recovery()`); err != nil {
		return err
	}
	if standby {
		return errStandby
	}
	return nil
}

// versions asks once more when the connection turns out to be broken.
func (db *postgresEngine) versions(ctx context.Context, users []string) (found map[string]int64, err error) {
	db.reading.Lock()
	defer db.reading.Unlock()
	for range 2 {
		held := db.reader != nil
		if found, err = db.readVersions(ctx, users); err == nil {
			return found, nil
		}
		db.disconnect()
		if !held || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (db *postgresEngine) readVersions(ctx context.Context, users []string) (map[string]int64, error) {
	if db.reader == nil {
		var err error
		if db.reader, err = pgx.ConnectConfig(ctx, db.config); err != nil {
			return nil, err
		}
	}
	rows, err := db.reader.Query(ctx, `SELECT id, version FROM users WHERE id = ANY($1)`, users)
	if err != nil {
		return nil, err
	}
	found := make(map[string]int64, len(users))
	var id string
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&id, &version}, func() error {
		found[id] = version
		return nil
	})
	return found, err
}

// disconnect closes the connection that reads versions, without waiting for the server.
func (db *postgresEngine) disconnect() {
	if db.reader == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	db.reader.Close(ctx)
	db.reader = nil
}

func (db *postgresEngine) payloads() Storage { return postgresStorage{db} }

// postgresStorage has no driver: it is three statements.
type postgresStorage struct{ db *postgresEngine }

func (s postgresStorage) Get(key string) ([]byte, error) { return s.db.payload(key) }

func (s postgresStorage) Set(key string, value []byte, lifetime time.Duration) error {
	var expires int64
	if lifetime > 0 {
		expires = s.db.Now().Add(lifetime).Unix()
	}
	_, err := s.db.Exec(context.Background(), `INSERT INTO `+PayloadTable+` (k, v, e) VALUES ($1, $2, $3) ON CONFLICT (k) DO UPDATE SET v = excluded.v, e = excluded.e`, key, value, expires)
	return err
}

func (s postgresStorage) Delete(key string) error {
	_, err := s.db.Exec(context.Background(), `DELETE FROM `+PayloadTable+` WHERE k = $1`, key)
	return err
}

func (s postgresStorage) Reset() error {
	_, err := s.db.Exec(context.Background(), `DELETE FROM `+PayloadTable)
	return err
}

func (s postgresStorage) Close() error { return nil } // the database closes itself

func (db *postgresEngine) userTables(ctx context.Context) (tables []string, err error) {
	err = db.SQL.SelectContext(ctx, &tables, `SELECT t.relname FROM pg_constraint c
		JOIN pg_class t ON t.oid = c.conrelid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND cardinality(c.conkey) = 1 AND a.attname = 'user_id' AND t.relname <> '`+unseenTable+`'
		ORDER BY t.relname COLLATE "C"`)
	return tables, err
}

// versionTriggers are the events that change a table, and how a trigger gets the rows.
var versionTriggers = map[string]string{
	"INSERT":   "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION users_changed()",
	"UPDATE":   "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION users_changed()",
	"DELETE":   "REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION users_changed()",
	"TRUNCATE": "FOR EACH STATEMENT EXECUTE FUNCTION all_users_changed()",
}

func (db *postgresEngine) createVersionTriggers(ctx context.Context, table string) error {
	var triggers []string
	if err := db.SQL.SelectContext(ctx, &triggers, `SELECT tgname FROM pg_trigger WHERE tgrelid = CAST($1 AS TEXT)::regclass`, pgx.Identifier{table}.Sanitize()); err != nil {
		return err
	}
	for event, how := range versionTriggers {
		name := table + "_version_" + strings.ToLower(event)
		if slices.Contains(triggers, name) {
			continue
		}
		_, err := db.SQL.ExecContext(ctx, fmt.Sprintf(`CREATE TRIGGER %s AFTER %s ON %s %s`, pgx.Identifier{name}.Sanitize(), event, pgx.Identifier{table}.Sanitize(), how))
		if err != nil && sqlState(err) != "42710" { // another process has created it meanwhile
			return err
		}
	}
	return nil
}

func (db *postgresEngine) primaryKey(ctx context.Context, table string) (columns []string, hidden bool, err error) {
	err = db.SQL.SelectContext(ctx, &columns, `SELECT a.attname FROM pg_index i
		CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
		WHERE i.indisprimary AND i.indrelid = CAST($1 AS TEXT)::regclass ORDER BY k.place`, pgx.Identifier{table}.Sanitize())
	if err == nil && len(columns) == 0 {
		return []string{"ctid"}, true, nil
	}
	return columns, false, err
}

func (db *postgresEngine) tables(ctx context.Context) ([]table, error) {
	isText := func(kind string) bool { return kind == "text" || strings.HasPrefix(kind, "character") }
	return describe(ctx, db.SQL, `SELECT t.relname AS "table", a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS kind,
			COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0) AS place
		FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
		WHERE t.relkind = 'r' AND t.relnamespace = CAST(current_schema() AS TEXT)::regnamespace ORDER BY t.relname COLLATE "C", a.attnum`, isText,
		`SELECT t.relname AS "table", o.relname AS other FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class o ON o.oid = c.confrelid
		WHERE c.contype = 'f' AND t.relnamespace = CAST(current_schema() AS TEXT)::regnamespace`)
}

func (db *postgresEngine) lockForCopy(ctx context.Context, tables []table, copy func(*sqlx.Tx) error) error {
	return db.transact(ctx, func(tx *sqlx.Tx) error {
		for _, statement := range []string{`SET LOCAL idle_in_transaction_session_timeout = 0`, `SET LOCAL statement_timeout = 0`, `LOCK TABLE ` + quotedList(namesOf(tables)) + ` IN SHARE MODE`} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("keep others from writing: %w", err)
			}
		}
		return copy(tx)
	})
}

// holds can't go by addresses: a server may have many.
func (db *postgresEngine) holds(ctx context.Context, other engine, held *sqlx.Tx) (bool, error) {
	if _, ok := other.(*postgresEngine); !ok {
		return false, nil
	}
	rule := NewRowID()
	if err := other.lockRule(ctx, held, rule); err != nil {
		return false, err
	}
	free := false
	err := db.SQL.GetContext(ctx, &free, `SELECT pg_try_advisory_xact_lock(`+lockOfRule+`)`, rule)
	return !free, err
}

func (db *postgresEngine) analyze(ctx context.Context, tables []table) error {
	return db.write(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `ANALYZE `+quotedList(namesOf(tables)))
		return err
	})
}

func (db *postgresEngine) collation() string { return ` COLLATE "C"` }

func (db *postgresEngine) clock(ctx context.Context) (now time.Time, own bool, err error) {
	err = db.SQL.GetContext(ctx, &now, `SELECT clock_timestamp()`)
	return now, true, err
}

func (db *postgresEngine) size(ctx context.Context) (bytes int64, err error) {
	err = db.SQL.GetContext(ctx, &bytes, `SELECT pg_database_size(current_database())`)
	return bytes, err
}

// sqlState is the code of an error of PostgreSQL (its documentation, appendix A), or
// empty if it is none.
func sqlState(err error) string {
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		return failed.Code
	}
	return ""
}

// postgresFailure takes for a mistake of this program what is wrong with a value
// (class 22) or with what rows may hold (23). All else is the state of the server, of
// the network, or of a schema that somebody has changed.
func postgresFailure(err error) failure {
	state := sqlState(err)
	switch {
	case state == "40001", state == "40P01":
		return conflictingChange
	case state == "23503":
		return missingReference
	case strings.HasPrefix(state, "22"), strings.HasPrefix(state, "23"):
		return otherFailure
	case state != "":
		return unavailable
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connecting) || errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, sql.ErrTxDone) {
		return unavailable
	}
	return otherFailure
}

func explainPostgres(address string, err error) error {
	shown := Redacted(address)
	if wrong := (*pgconn.ParseConfigError)(nil); errors.As(err, &wrong) {
		return fmt.Errorf("%s is no address of a PostgreSQL database; it looks like postgres://USER@HOST/DATABASE", shown)
	}
	var sentence string
	if errors.Is(err, errStandby) {
		return fmt.Errorf("the database %s is a standby, or read-only; name the primary, or all servers", shown)
	}
	switch sqlState(err) {
	case "28P01", "28000":
		sentence = "refuses the user or the password; give the password in DAYPASS_DATABASE, in PGPASSWORD or in ~/.pgpass"
	case "3D000":
		sentence = "does not exist; create it with: createdb"
	case "42501":
		sentence = "can't be changed by this user; let the user own the database, or grant CREATE on its schema"
	case "53300":
		sentence = "has no connection left; raise max_connections"
	case "57P03":
		sentence = "is starting or ending; try again in a moment"
	case "25006":
		sentence = "is read-only; name the primary"
	case "08P01", "42P05", "26000": // of it, or of prepared statements that are another connection's
		sentence = "is behind PgBouncer, it seems; name PostgreSQL itself, or see daypass help machines for what PgBouncer needs"
	case "55P03":
		sentence = "is locked by another program; end that one, or wait until it is done"
	case "":
		if connecting := (*pgconn.ConnectError)(nil); errors.As(err, &connecting) {
			sentence = "can't be reached; see that it runs, and that its address is right"
			break
		}
		return err
	default:
		return fmt.Errorf("the database %s: %w", shown, err)
	}
	return fmt.Errorf("the database %s %s (%w)", shown, sentence, innermost(err))
}

// innermost is the cause of an error: those around it repeat the address, over several lines.
func innermost(err error) error {
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		return failed
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return network.Err
	}
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
