package models

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
	sqlite "github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
)

// prepareFile makes the folder and the file of the database, readable by their
// owner alone, and finds out early what SQLite would only tell in a code.
func prepareFile(path string) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil { // one that is there keeps its mode
		return fmt.Errorf("the folder %s can't be used for the database: %w", folder, reason(err))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder; name a file in it, such as %s", path, filepath.Join(path, "daypass.db"))
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the database %s can't be opened: %w", path, reason(err))
	}
	defer file.Close()

	head := make([]byte, len("SQLite format 3\x00"))
	switch _, err := io.ReadFull(file, head); {
	case errors.Is(err, io.EOF): // empty: it is new
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the database %s can't be read: %w", path, reason(err))
	case string(head) != "SQLite format 3\x00":
		return fmt.Errorf("%s is not a SQLite database; name another file, or move this one away", path)
	}
	return nil
}

// reason drops the system call and the path from an error that already names them.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// openPatiently opens the storage. Switching a new file to WAL is the one thing
// for which SQLite does not wait until another process is done.
func openPatiently(path string) (storage *sqlite3.Storage, err error) {
	for deadline := time.Now().Add(busyTimeout); ; time.Sleep(20 * time.Millisecond) {
		storage, err = openStorage(path)
		var refused sqlite.Error
		if !errors.As(err, &refused) || refused.Code != sqlite.ErrBusy || time.Now().After(deadline) {
			return storage, err
		}
	}
}

// busyTimeout is how long a statement waits for another process to release the
// database, before it fails.
const busyTimeout = 5 * time.Second

// openStorage opens the pool that the session storage and all SQL share. The
// pragmas stand in the data source name because every connection needs them.
func openStorage(path string) (storage *sqlite3.Storage, err error) {
	// The driver reports all that goes wrong by a panic.
	defer func() {
		if refused := recover(); refused != nil {
			storage, err = nil, fmt.Errorf("open session storage: %w", asError(refused))
		}
	}()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	settings := url.Values{
		"_journal_mode":    {"WAL"},
		"_synchronous":     {"FULL"}, // an ended session must not come back after a power cut
		"_foreign_keys":    {"on"},
		"_txlock":          {"immediate"}, // a transaction that reads first must not fail when it writes
		"_stmt_cache_size": {"64"},        // prepared statements of a connection
		"_cache_size":      {"-1000"},     // KiB of pages a connection; the system caches the file as well
		"_busy_timeout":    {strconv.FormatInt(busyTimeout.Milliseconds(), 10)},
	}
	name := url.URL{Scheme: "file", Path: absolute, RawQuery: settings.Encode()}
	storage = sqlite3.New(sqlite3.Config{
		Database:        name.String(),
		Table:           payloads,
		MaxOpenConns:    connections(),
		MaxIdleConns:    connections(),
		ConnMaxLifetime: -1,                        // for ever
		GCInterval:      10 * 365 * 24 * time.Hour, // never: Sweep does it in small steps
	})
	return storage, nil
}

// connections is how many there are at most, each with a cache of its own. One
// of them only observes.
func connections() int { return 1 + max(4, 2*runtime.NumCPU()) }

func asError(recovered any) error {
	if err, ok := recovered.(error); ok {
		return err
	}
	return fmt.Errorf("%v", recovered)
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, one transaction a step.
func (db *DB) migrate(ctx context.Context) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.sql.DB, steps)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	version, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if version > known {
		return fmt.Errorf("the database %s has schema version %d and this program knows %d: it was written by a newer version; run that one, or restore a copy from before", db.file.path, version, known)
	}
	for try := 0; version < known; try++ {
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
		// Another process may be at the same step: it is done when it is done.
		time.Sleep(100 * time.Millisecond)
		now, asked := provider.GetDBVersion(ctx)
		if asked != nil || try == 20 {
			return fmt.Errorf("migrate: %w", err)
		}
		version = now
	}
	return nil
}

// explain turns what SQLite says about a file into a sentence that tells what to do.
func explain(path string, err error) error {
	var refused sqlite.Error
	if !errors.As(err, &refused) {
		return err
	}
	var sentence string
	switch refused.Code {
	case sqlite.ErrNotADB:
		sentence = "is not a SQLite database; name another file, or move this one away"
	case sqlite.ErrCorrupt:
		sentence = "is damaged; restore a copy, or save what is left with: sqlite3 FILE .recover"
	case sqlite.ErrFull:
		sentence = "can't be written because the disk is full; make room and start again"
	case sqlite.ErrReadonly, sqlite.ErrPerm, sqlite.ErrAuth:
		sentence = "can't be written; give the user who runs this program write permission on the file and its folder"
	case sqlite.ErrCantOpen:
		sentence = "can't be opened; see that its folder exists and may be written by the user who runs this program"
	case sqlite.ErrBusy, sqlite.ErrLocked:
		sentence = "is locked by another program; end that one, or wait until it is done"
	case sqlite.ErrIoErr:
		sentence = "can't be read or written; the disk may be full or failing"
	default:
		return fmt.Errorf("the database %s: %w", path, err)
	}
	return fmt.Errorf("the database %s %s (%w)", path, sentence, err)
}
