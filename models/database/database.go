// Package database opens the SQLite database and keeps it safe: its connections
// and settings, its migrations, transactions in turn, a version of what it
// holds, and whether its file is still the one that was opened. It knows neither
// users nor sessions: package models does.
package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/semaphore"
)

// DB is the open database. It is safe for concurrent use.
type DB struct {
	// Now tells the time. A test may set it, before anything else is called.
	Now func() time.Time
	// Log takes one line for each event. It never gets a password, a session
	// ID or a token.
	Log *slog.Logger
	// SQL is for reading. What writes calls Write or Exec, which wait for their turn.
	SQL *sqlx.DB

	storage *sqlite3.Storage
	writer  *semaphore.Weighted
	folder  *os.File // held open while the database is in use
	files   files
	lineage lineage
	version versionReader
}

// Open opens the SQLite database at path, creates it if it is missing and
// brings its schema up to date. Errors about the path or the file are one
// sentence for the person who runs the program.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	folder, alone := holdFolder(filepath.Dir(path))
	db, err := openHeld(ctx, path, folder, alone)
	if err != nil {
		folder.Close()
		return nil, Explain(path, err)
	}
	return db, nil
}

func openHeld(ctx context.Context, path string, folder *os.File, alone bool) (*DB, error) {
	aside, err := putLogAside(path, alone)
	if err != nil {
		return nil, err
	}
	if folder != nil {
		if err := shareFolder(folder); err != nil {
			return nil, err
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the database %s can't be opened: %w", path, Cause(err))
	}
	storage, err := openWithRetry(path)
	if err != nil {
		return nil, err
	}
	db := &DB{
		Now:     time.Now,
		Log:     slog.New(slog.DiscardHandler),
		SQL:     sqlx.NewDb(storage.Conn(), "sqlite3"),
		storage: storage,
		writer:  semaphore.NewWeighted(1),
		folder:  folder,
		files:   files{path: path},
		lineage: lineage{logAside: aside},
	}
	err = db.migrate(ctx)
	if err == nil {
		err = db.rememberFiles(ctx, before)
	}
	if err == nil {
		err = db.readLineage(ctx)
	}
	if err != nil {
		storage.Close()
		return nil, err
	}
	return db, nil
}

// Close closes the database.
func (db *DB) Close() error {
	if db.moved() {
		return nil // the process ends without touching the new file
	}
	defer db.folder.Close()
	defer db.files.content.Close() // after SQLite has closed it
	db.version.Lock()
	defer db.version.Unlock()
	db.version.close()
	return db.storage.Close()
}

// Path is where the database is.
func (db *DB) Path() string { return db.files.path }

// Files returns the names of the files that the database at path consists of, if
// they are there.
func Files(path string) []string {
	return []string{path, path + logSuffix, path + indexSuffix, markPath(path)}
}

// Size is how long the database and its write-ahead log are, in bytes.
func (db *DB) Size() (bytes int64) {
	for _, name := range []string{db.files.path, db.files.path + logSuffix} {
		if info, err := os.Stat(name); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
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
