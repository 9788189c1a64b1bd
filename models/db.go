// Package models says what is true: users, sessions and events, and the rules
// they keep. It owns the database and knows nothing of HTTP.
//
// A method of [DB] answers one question or makes one change, and its name says
// which. What belongs together is written in one transaction, so that a killed
// process leaves either all of it or nothing.
package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	sqlite "github.com/mattn/go-sqlite3"
	"golang.org/x/sync/semaphore"
)

// ErrNotFound says that there is no such thing, or that it is not the asker's.
var ErrNotFound = errors.New("not found")

// payloads is the table in which Fiber's session store keeps what a session holds.
const payloads = "session_payloads"

// DB is the open database. It is safe for concurrent use.
type DB struct {
	// Now tells the time. A test may set it, before anything else is called.
	Now func() time.Time
	// Log takes one line for each event. It never gets a password, a session
	// ID or a token.
	Log *slog.Logger
	// Throttle slows down sign-ins after failed ones.
	Throttle Throttle
	// KeepEvents is how long events are kept.
	KeepEvents time.Duration
	// Idle ends a session that was not used for so long; zero means never. It is
	// that of the server which uses the database or used it last; SetIdle changes it.
	Idle time.Duration

	file     file
	held     *os.File // the folder
	copied   bool     // the file is a copy that was put in place, and what has to end in it did not yet
	copyOf   string   // the lineage of the copy
	aside    string   // where the log of another database was put
	serving  bool     // CheckRestored was called
	marked   int64    // the sequence in the mark
	base     int64    // as in the mark
	logBegan [8]byte  // what tells the present log from what it was before
	sql      *sqlx.DB
	storage  *sqlite3.Storage
	writer   *semaphore.Weighted
	hashing  *gate
	decoy    parameters

	hasUsers atomic.Bool // once true, always true: the last administrator stays
	marks    marks
	tries    tries
	watchers watchers
	observer observer

	rejected, throttled atomic.Int64 // sign-ins since the start
	stop                context.CancelFunc
	running             sync.WaitGroup
}

// Open opens the SQLite database at path, creates it when it is not there and
// brings its schema up to date. What is wrong with the path or the file comes
// back as one sentence for whoever runs the program.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	held, alone := hold(filepath.Dir(path))
	aside, err := putLogAside(path, alone)
	if err == nil && held != nil {
		err = share(held)
	}
	if err != nil {
		held.Close()
		return nil, explain(path, err)
	}
	before, err := os.Stat(path)
	if err != nil {
		held.Close()
		return nil, fmt.Errorf("the database %s can't be opened: %w", path, reason(err))
	}
	storage, err := openPatiently(path)
	if err != nil {
		held.Close()
		return nil, explain(path, err)
	}
	db := &DB{
		Now:        time.Now,
		file:       file{path: path},
		aside:      aside,
		held:       held,
		Log:        slog.New(slog.DiscardHandler),
		Throttle:   DefaultThrottle,
		KeepEvents: 365 * 24 * time.Hour,
		sql:        sqlx.NewDb(storage.Conn(), "sqlite3"),
		storage:    storage,
		writer:     semaphore.NewWeighted(1),
		hashing:    newGate(),
		decoy:      decoy(),
	}
	db.watchers.waiting, db.watchers.ofUser = make(map[string]map[chan struct{}]bool), make(map[string]int)
	db.tries.open = make(map[string]*tally)
	db.tries.ended.L = &db.tries
	err = db.migrate(ctx)
	if err == nil {
		err = db.fillSearchKeys(ctx)
	}
	if err == nil {
		err = db.watchTables(ctx)
	}
	if err == nil {
		err = db.readIdle(ctx)
	}
	if err == nil {
		err = db.remember(ctx, before)
	}
	if err == nil {
		db.logBegan = logBegan(path)
		db.copied, err = db.isCopy(ctx)
	}
	if err != nil {
		storage.Close()
		held.Close()
		return nil, explain(path, err)
	}
	return db, nil
}

// Storage is where Fiber's session store keeps its payloads: the same file and
// the same connections.
func (db *DB) Storage() *Storage { return &Storage{db.storage, db} }

// Storage is the driver of the session store, whose writes wait their turn.
type Storage struct {
	*sqlite3.Storage
	db *DB
}

// Get returns a value, or nil when there is none or its time is over by the
// clock of the database.
func (s *Storage) Get(key string) (value []byte, err error) {
	err = s.db.sql.Get(&value, `SELECT v FROM `+payloads+` WHERE k = $1 AND (e = 0 OR e > $2)`, key, s.db.now())
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

// Set stores a value for so long, by the clock of the database.
func (s *Storage) Set(key string, value []byte, lifetime time.Duration) error {
	return s.db.inTurn(context.Background(), func() error {
		return s.Storage.Set(key, value, lifetime+time.Until(s.db.Now()))
	})
}

// Delete removes a value.
func (s *Storage) Delete(key string) error {
	return s.db.inTurn(context.Background(), func() error { return s.Storage.Delete(key) })
}

// inTurn lets those write who waited longest. SQLite has one writer at a time,
// too, but who waits for it there has to ask again and again, and late comers
// may be first. It returns context.DeadlineExceeded when the turn does not come.
func (db *DB) inTurn(ctx context.Context, write func() error) error {
	waiting, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	if err := db.writer.Acquire(waiting, 1); err != nil {
		return fmt.Errorf("wait to write: %w", err)
	}
	defer db.writer.Release(1)
	if err := db.check(); err != nil {
		return err
	}
	return write()
}

// exec runs one statement that writes.
func (db *DB) exec(ctx context.Context, statement string, args ...any) (result sql.Result, err error) {
	err = db.write(ctx, func(tx *sqlx.Tx) (err error) {
		result, err = tx.ExecContext(ctx, statement, args...)
		return err
	})
	return result, err
}

// Start begins the work that is nobody's request: writing when sessions were
// last seen, and sweeping what has expired. Close ends it.
func (db *DB) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	db.stop = cancel
	db.every(ctx, 5*time.Second, db.writeMarks)
	db.every(ctx, time.Minute, db.Sweep)
	db.every(ctx, time.Second, func(context.Context) error { return db.check() })
	db.every(ctx, watchEvery, db.lookAfter)
}

// every runs work again and again until ctx ends. A failure is logged and
// tried again at the next turn.
func (db *DB) every(ctx context.Context, pause time.Duration, work func(context.Context) error) {
	db.running.Go(func() {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				err := work(ctx)
				if errors.Is(err, ErrGone) || db.file.gone.Load() {
					return // until the program is restarted
				}
				if err != nil && ctx.Err() == nil {
					db.Log.Warn("background work failed; it will be tried again", "error", err)
				}
			}
		}
	})
}

// Close writes what is still to be written and closes the database.
func (db *DB) Close() error {
	var unwritten error
	if db.stop != nil {
		db.stop()
		db.running.Wait()
		unwritten = errors.Join(db.writeMarks(context.Background()), db.writeUnwritten(context.Background()))
	}
	if db.moved() {
		return nil // the process ends without a touch of the new file
	}
	if errors.Is(unwritten, ErrGone) {
		unwritten = nil
	}
	defer db.held.Close()
	defer db.file.content.Close() // after SQLite has closed it
	db.observer.Lock()
	defer db.observer.Unlock()
	db.observer.close()
	return errors.Join(unwritten, db.storage.Close())
}

// Ready returns an error when what pages show can't be read: the session that
// was begun last with its user and latest events, and a row of every other table.
func (db *DB) Ready(ctx context.Context) error {
	if err := db.check(); err != nil {
		return err
	}
	var id string
	err := db.sql.GetContext(ctx, &id, `SELECT id FROM sessions WHERE expires > $1 ORDER BY expires DESC LIMIT 1`, db.now())
	if err == nil {
		var session *Session
		if session, err = db.Session(ctx, id); err == nil {
			_, err = db.EventsOf(ctx, &session.User, 20)
		}
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !errors.Is(err, ErrNotFound) {
		return err
	}
	for _, table := range []string{"users", "sessions", payloads, "session_values", "events", "failures", "links", "goose_db_version"} {
		rows, err := db.sql.QueryxContext(ctx, `SELECT * FROM `+table+` LIMIT 1`)
		if err != nil {
			return err
		}
		rows.Next()
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// unavailable are what SQLite reports about files, disks and other programs;
// the rest is a mistake of this program.
var unavailable = []sqlite.ErrNo{
	sqlite.ErrBusy, sqlite.ErrLocked, sqlite.ErrIoErr, sqlite.ErrFull, sqlite.ErrReadonly,
	sqlite.ErrCorrupt, sqlite.ErrCantOpen, sqlite.ErrNotADB,
}

// Unavailable tells whether err says that the database can't be used now: it is
// locked, full, read-only, damaged or gone. Such a request may be tried again.
func Unavailable(err error) bool {
	var refused sqlite.Error
	if errors.As(err, &refused) {
		return slices.Contains(unavailable, refused.Code)
	}
	return errors.Is(err, ErrGone) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.DeadlineExceeded)
}

// write runs change in one transaction, which holds the write lock from its beginning.
func (db *DB) write(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.inTurn(ctx, func() error { return db.commit(ctx, change) })
}

func (db *DB) commit(ctx context.Context, change func(*sqlx.Tx) error) error {
	tx, err := db.sql.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := change(tx); err != nil {
		return err
	}
	row, err := db.advance(ctx, tx)
	if err != nil {
		return fmt.Errorf("advance the sequence: %w", err)
	}
	if err := db.check(); err != nil { // what is written elsewhere is lost
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := db.advanceMark(row); err != nil { // the change itself is made; the next one tries again
		db.Log.Error("the mark beside the database can't be written", "file", markPath(db.file.path), "error", err)
	}
	return nil
}

// must runs a statement that has to touch a row, and returns ErrNotFound when none was.
func must(ctx context.Context, tx *sqlx.Tx, statement string, args ...any) error {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	if touched, err := result.RowsAffected(); err != nil {
		return err
	} else if touched == 0 {
		return ErrNotFound
	}
	return nil
}

// newRowID returns an ID that sorts as rows were added: a UUIDv7 (RFC 9562).
func newRowID() string { return uuid.Must(uuid.NewV7()).String() } // never fails, as crypto/rand does not

// errDamaged says that a row holds what no part of this program wrote.
var errDamaged = errors.New("damaged row")

// Time is a moment as the database keeps it: whole Unix seconds.
type Time struct{ time.Time }

// Scan reads Unix seconds.
func (t *Time) Scan(from any) error {
	seconds, ok := from.(int64)
	if !ok {
		return fmt.Errorf("%w: a time is kept as Unix seconds, not as %T", errDamaged, from)
	}
	*t = UnixTime(seconds)
	return nil
}

// Value writes Unix seconds.
func (t Time) Value() (driver.Value, error) { return t.Unix(), nil }

// UnixTime is the moment so many seconds after 1970 began.
func UnixTime(seconds int64) Time { return Time{time.Unix(seconds, 0).UTC()} }

// now is the present as the database keeps it.
func (db *DB) now() Time { return Time{db.Now().UTC().Truncate(time.Second)} }
