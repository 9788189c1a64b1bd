package database

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
	sqlite "github.com/mattn/go-sqlite3"
)

// prepareFile creates the folder and the file of the database, readable by their
// owner alone, and finds early the problems that SQLite reports only by a code.
func prepareFile(path string) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil { // an existing folder keeps its mode
		return fmt.Errorf("the folder %s can't be used for the database: %w", folder, Cause(err))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder; name a file in it, such as %s", path, filepath.Join(path, "daypass.db"))
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the database %s can't be opened: %w", path, Cause(err))
	}
	defer file.Close()

	head := make([]byte, len("SQLite format 3\x00"))
	switch _, err := io.ReadFull(file, head); {
	case errors.Is(err, io.EOF): // empty: it is new
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the database %s can't be read: %w", path, Cause(err))
	case string(head) != "SQLite format 3\x00":
		return fmt.Errorf("%s is not a SQLite database; name another file, or move this one away", path)
	}
	return nil
}

// openWithRetry opens the storage. Switching a new file to WAL is the one step in
// which SQLite does not wait until another process is done.
func openWithRetry(path string) (storage *sqlite3.Storage, err error) {
	for deadline := time.Now().Add(busyTimeout); ; time.Sleep(20 * time.Millisecond) {
		storage, err = openStorage(path)
		var failed sqlite.Error
		if !errors.As(err, &failed) || failed.Code != sqlite.ErrBusy || time.Now().After(deadline) {
			return storage, err
		}
	}
}

// busyTimeout is how long a statement waits for another process to release the
// database, before it fails.
const busyTimeout = 5 * time.Second

// openStorage opens the connection pool that the session storage and all SQL
// share. The pragmas are in the data source name because every connection needs them.
func openStorage(path string) (storage *sqlite3.Storage, err error) {
	// The driver reports every error by a panic.
	defer func() {
		if failure := recover(); failure != nil {
			storage, err = nil, fmt.Errorf("open session storage: %w", asError(failure))
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
		"_stmt_cache_size": {"64"},        // prepared statements per connection
		"_cache_size":      {"-1000"},     // KiB of pages per connection; the system caches the file as well
		"_busy_timeout":    {strconv.FormatInt(busyTimeout.Milliseconds(), 10)},
	}
	name := url.URL{Scheme: "file", Path: absolute, RawQuery: settings.Encode()}
	storage = sqlite3.New(sqlite3.Config{
		Database:        name.String(),
		Table:           PayloadTable,
		MaxOpenConns:    connections(),
		MaxIdleConns:    connections(),
		ConnMaxLifetime: -1,                        // for ever
		GCInterval:      10 * 365 * 24 * time.Hour, // never: the models delete expired rows in small steps
	})
	return storage, nil
}

// connections is how many there are at most, each with a cache of its own. One
// of them only reads the versions of users.
func connections() int { return 1 + max(4, 2*runtime.NumCPU()) }

func asError(recovered any) error {
	if err, ok := recovered.(error); ok {
		return err
	}
	return fmt.Errorf("%v", recovered)
}
