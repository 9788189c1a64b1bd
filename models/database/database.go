// Package database opens the database and keeps it safe: its connections and
// settings, its migrations, its transactions, and the versions of users by which
// others know that what they have read is still true. It runs on SQLite and on
// PostgreSQL, which differ behind one interface (engine.go). Of users it knows only
// that they have versions, of sessions nothing: package models does.
package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// DB is the open database. It is safe for concurrent use.
type DB struct {
	// Now tells the time. A test may set it, before anything else is called.
	Now func() time.Time
	// Log takes one line for each event. It never gets a password, a session
	// ID or a token.
	Log *slog.Logger
	// SQL is for reading. What writes calls Write or Exec.
	SQL *sqlx.DB

	server   string // empty: a command
	engine   engine
	moved    atomic.Bool // as of the last check: what is read may be old
	versions versions
}

// Open opens a database and brings its schema up to date: at a postgres:// URL, or
// else the SQLite database at a path, which is created if it is missing. Errors about
// the address are one sentence for the person who runs the program; ErrAddress is one.
func Open(ctx context.Context, address string) (*DB, error) { return OpenAs(ctx, address, "") }

// OpenAs is Open for a server with a name, which the doctor lists while it is connected.
func OpenAs(ctx context.Context, address, server string) (*DB, error) {
	db := &DB{Now: time.Now, Log: slog.New(slog.DiscardHandler), server: server}
	open := openSQLite
	switch {
	case isPostgres(address):
		open = openPostgres
	case IsURL(address):
		return nil, ErrAddress
	}
	var err error
	if db.engine, err = open(ctx, db, address); err != nil {
		return nil, Explain(address, err)
	}
	db.versions.read = db.engine.versions
	return db, nil
}

// Close closes the database.
func (db *DB) Close() error { return db.engine.close() }

// Address is where the database is, for people: it has no password.
func (db *DB) Address() string { return db.engine.redactedAddress() }

// Tables returns the names of all tables.
func (db *DB) Tables(ctx context.Context) (names []string, err error) {
	tables, err := db.engine.tables(ctx)
	for _, table := range tables {
		names = append(names, table.name)
	}
	return names, err
}

// Present returns ErrReplaced if this is no longer the database that was opened.
func (db *DB) Present() error { return db.engine.present() }

// Check does what Present does more thoroughly, and tells whether the database can be used.
func (db *DB) Check(ctx context.Context) error {
	if err := db.engine.check(ctx); err != nil {
		return err
	}
	address, err := db.MovedTo(ctx)
	if err == nil && address != "" {
		err = ErrMoved
	}
	db.moved.Store(errors.Is(err, ErrMoved))
	return err
}

// CheckRestored is called before the database is served. If it is a copy that was put
// in place, it calls end, which runs adopt in the transaction that ends everything that
// may have ended before.
func (db *DB) CheckRestored(ctx context.Context, end func(adopt func(*sqlx.Tx) error) error) error {
	return db.engine.checkRestored(ctx, end)
}

// Size is how much the database stores, in bytes.
func (db *DB) Size(ctx context.Context) (int64, error) { return db.engine.size(ctx) }

// ClockSkew is how far the clock of this machine is ahead of the database's, or, if
// negative, behind it: zero if the database is a file.
func (db *DB) ClockSkew(ctx context.Context) (time.Duration, error) {
	if _, _, err := db.engine.clock(ctx); err != nil { // so that what is measured includes no connecting
		return 0, err
	}
	before := db.Now()
	theirs, own, err := db.engine.clock(ctx)
	if err != nil || !own {
		return 0, err
	}
	after := db.Now()
	return before.Add(after.Sub(before) / 2).Sub(theirs), nil
}

// Examine says what is wrong with the database and with how it is set up.
func (db *DB) Examine(ctx context.Context) []Finding { return db.engine.examine(ctx) }

// SchemaVersion returns the number of the last migration.
func (db *DB) SchemaVersion(ctx context.Context) (version int, err error) {
	err = db.SQL.GetContext(ctx, &version, `SELECT MAX(version_id) FROM goose_db_version`)
	return version, err
}

// unseenTable is the one that refers to users and that no page shows: pending sign-ins.
const unseenTable = "pending_sign_ins"

// UserTables returns the tables that refer to users by a column user_id and that pages
// may show, by name.
func (db *DB) UserTables(ctx context.Context) ([]string, error) { return db.engine.userTables(ctx) }

// CreateVersionTriggers creates the triggers by which every table that refers to users
// gives a user a new version when one of the user's rows changes.
func (db *DB) CreateVersionTriggers(ctx context.Context) error {
	tables, err := db.UserTables(ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := db.engine.createVersionTriggers(ctx, table); err != nil {
			return fmt.Errorf("create the triggers of the table %s: %w", table, err)
		}
	}
	return nil
}

// PrimaryKey returns the columns that tell the rows of a table apart, in order, and
// whether they have to be asked for by name, because `*` does not have them.
func (db *DB) PrimaryKey(ctx context.Context, table string) (columns []string, hidden bool, err error) {
	return db.engine.primaryKey(ctx, table)
}

// NewRowID returns an ID that sorts in the order in which rows were added: a UUIDv7 (RFC 9562).
func NewRowID() string { return uuid.Must(uuid.NewV7()).String() } // never fails, as crypto/rand does not

// Time is a moment as the database stores it: whole Unix seconds.
type Time struct{ time.Time }

// Scan reads Unix seconds.
func (t *Time) Scan(from any) error {
	seconds, ok := from.(int64)
	if !ok {
		return fmt.Errorf("%w: a time is stored as Unix seconds, not as %T", ErrDamaged, from)
	}
	*t = UnixTime(seconds)
	return nil
}

// Value writes Unix seconds.
func (t Time) Value() (driver.Value, error) { return t.Unix(), nil }

// MarshalJSON encodes a moment as RFC 3339 says, and zero seconds, which are stored for
// what has never happened, as null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.Unix() <= 0 {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}

// UnixTime is the moment so many seconds after 1970 began.
func UnixTime(seconds int64) Time { return Time{time.Unix(seconds, 0).UTC()} }

// Time is the current time as the database stores it.
func (db *DB) Time() Time { return Time{db.Now().UTC().Truncate(time.Second)} }

// ErrDamaged says that a row holds what no part of this program wrote.
var ErrDamaged = errors.New("damaged row")
