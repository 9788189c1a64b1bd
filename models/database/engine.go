package database

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// engine is what SQLite and PostgreSQL do differently. All other SQL has the same text
// and means the same on both. sqlite.go and postgres.go have one each; Open chooses one
// by the address.
type engine interface {
	// redactedAddress is where the database is, without a password.
	redactedAddress() string
	// write runs change in one transaction, which sees everything that was committed
	// before. It may run change again if others have changed the same rows meanwhile.
	write(ctx context.Context, change func(*sqlx.Tx) error) error
	// writeUnsynced is write without waiting until the disk has the change.
	writeUnsynced(ctx context.Context, change func(*sqlx.Tx) error) error
	// lockRule waits until no other transaction has locked the same rule, and locks it.
	lockRule(ctx context.Context, tx *sqlx.Tx, rule string) error
	// skipLocked ends a SELECT that locks its rows, and leaves out those that others have locked.
	skipLocked() string
	// lockRows ends a SELECT that locks its rows one after the other.
	lockRows() string

	// present returns ErrReplaced if this is no longer the database that was opened.
	present() error
	// check does so more thoroughly, and tells whether the database can be used.
	check(ctx context.Context) error
	// checkRestored calls end if the database is a copy that was put in place.
	checkRestored(ctx context.Context, end func(adopt func(*sqlx.Tx) error) error) error
	// versions reads the versions of users over a connection that nothing else uses.
	versions(ctx context.Context, users []string) (map[string]int64, error)

	// payloads is where Fiber's session store keeps what a session holds.
	payloads() Storage
	// userTables returns the tables that refer to users by a column user_id.
	userTables(ctx context.Context) ([]string, error)
	// createVersionTriggers creates those of such a table, if they are missing.
	createVersionTriggers(ctx context.Context, table string) error
	// primaryKey returns the columns that tell the rows of a table apart, and whether
	// they have to be asked for by name, because `*` does not have them.
	primaryKey(ctx context.Context, table string) (columns []string, hidden bool, err error)

	// tables are those of the schema, with their columns in order.
	tables(ctx context.Context) ([]table, error)
	// lockForCopy runs copy once, in a transaction that nobody else can write beside,
	// however long it takes.
	lockForCopy(ctx context.Context, tables []table, copy func(*sqlx.Tx) error) error
	// holds tells whether this is the database in which hold has begun a transaction.
	holds(ctx context.Context, other engine, held *sqlx.Tx) (bool, error)
	// analyze lets the planner know tables that were just filled.
	analyze(ctx context.Context, tables []table) error
	// collation follows a column of text to be compared byte by byte.
	collation() string
	// clock is the time by the clock of the database, if it has one of its own.
	clock(ctx context.Context) (now time.Time, own bool, err error)
	// size is how much the database stores, in bytes.
	size(ctx context.Context) (int64, error)
	// examine says what is wrong with the database and with how it is set up.
	examine(ctx context.Context) []Finding
	close() error
}

// Level says how serious a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Failed  Level = "wrong"
)

// Finding is one line of the doctor's report.
type Finding struct {
	Level Level  `json:"level"`
	About string `json:"about"`
	Found string `json:"found"`
	Fix   string `json:"do,omitempty"` // what to do about it
}
