package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// errGone says that the path of the database leads to another file than the
// open one, or to none. What would be written now, nobody would find again.
var errGone = errors.New("the database file was removed or replaced")

// file remembers which file the database is.
type file struct {
	path    string
	opened  atomic.Pointer[os.FileInfo]
	journal os.FileInfo // of the write-ahead log; only follow uses it
}

// remember takes the file that the path leads to now for the open one.
func (f *file) remember() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	f.opened.Store(&info)
	f.journal, err = os.Stat(f.path + "-wal") // there as long as the database is open
	if errors.Is(err, fs.ErrNotExist) {       // unless the disk can't have one
		return nil
	}
	return err
}

// check returns errGone when the path no longer leads to the open file.
func (f *file) check() error {
	info, err := os.Stat(f.path)
	if err != nil || !os.SameFile(info, *f.opened.Load()) {
		return fmt.Errorf("%w: %s", errGone, f.path)
	}
	return nil
}

// follow goes over to the file that the path leads to, when somebody put
// another database there, such as a copy from before. All connections to the
// old file are closed first. Its write-ahead log is put aside: SQLite leaves it
// when the file was moved, and would take it for that of the new one.
func (db *DB) follow(ctx context.Context) error {
	if db.file.check() == nil {
		return nil
	}
	if _, err := os.Stat(db.file.path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is not there; put it back, or restart to begin with a new one", errGone, db.file.path)
	}
	db.observer.Lock() // whoever asks for the state waits for the new file
	defer db.observer.Unlock()
	db.observer.close()
	db.sql.SetMaxIdleConns(0)
	defer db.sql.SetMaxIdleConns(connections())
	for db.sql.Stats().OpenConnections > 0 { // until then check refuses all work
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	if journal, err := os.Stat(db.file.path + "-wal"); err == nil && os.SameFile(journal, db.file.journal) {
		aside := db.file.path + ".replaced-wal"
		if err := os.Rename(db.file.path+"-wal", aside); err != nil {
			return err
		}
		os.Remove(db.file.path + "-shm")
		db.Log.Warn("the write-ahead log of the database that was replaced was put aside; it belongs to that file", "log", aside)
	}
	if err := prepareFile(db.file.path); err != nil {
		return err
	}
	if err := db.migrate(ctx); err != nil {
		return explain(db.file.path, err)
	}
	if err := db.watchTables(ctx); err != nil {
		return explain(db.file.path, err)
	}
	if err := db.file.remember(); err != nil {
		return err
	}
	db.hasUsers.Store(false)
	db.Log.Warn("the database file was replaced; going on with the new one", "database", db.file.path)
	return nil
}
