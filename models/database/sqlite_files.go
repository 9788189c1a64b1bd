package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// ErrReplaced says that the path of the database leads to another file than the
// open one, or to none, or that its write-ahead log was removed. Whatever is
// written now would be lost, so nothing is until the program is restarted.
var ErrReplaced = errors.New("the database file was removed or replaced; restart the program")

// files remembers which files the database consists of.
type files struct {
	path               string
	opened, log, index fs.FileInfo // log and index are nil where the disk can't have them
	content            *os.File    // stays open: closing it would take SQLite's locks away
	replaced           atomic.Bool
	restored           atomic.Bool // what the file holds was replaced
	logged             sync.Once
}

// The write-ahead log, and the index of it that all processes share.
const (
	logSuffix   = "-wal"
	indexSuffix = "-shm"
)

// rememberFiles takes the files that the path leads to now as the open ones. First
// it opens all connections of the pool, which are never closed: a connection that
// is opened after the file was replaced would take the log of the old file for
// that of the new one, and truncate the index that the others have mapped.
func (db *sqliteEngine) rememberFiles(ctx context.Context, before fs.FileInfo) error {
	for range connections() {
		connection, err := db.SQL.Connx(ctx)
		if err != nil {
			return err
		}
		defer connection.Close() // returns it to the pool, once all are open
		var tables int
		if err := connection.GetContext(ctx, &tables, `SELECT COUNT(*) FROM sqlite_schema`); err != nil {
			return err
		}
	}
	f := &db.files
	for name, info := range map[string]*fs.FileInfo{f.path: &f.opened, f.path + logSuffix: &f.log, f.path + indexSuffix: &f.index} {
		var err error
		if *info, err = os.Stat(name); err != nil && (name == f.path || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	if !os.SameFile(before, f.opened) {
		return fmt.Errorf("the database %s was replaced while it was opened; start again", f.path)
	}
	var err error
	f.content, err = os.Open(f.path)
	return err
}

// present returns ErrReplaced if the path does not lead to the open database, and
// on every later call.
func (db *sqliteEngine) present() error { return db.stillThere(db.files.path, db.files.opened) }

// check does what present does for the log and its index as well, and notices a
// copy that was written over the file or restored into it.
func (db *sqliteEngine) check(ctx context.Context) error {
	if err := db.checkBeforeWriting(ctx); err != nil {
		return err
	}
	return db.checkWithoutLog()
}

func (db *sqliteEngine) checkBeforeWriting(ctx context.Context) error {
	if err := db.checkFiles(); err != nil {
		return err
	}
	return db.checkContent(ctx, db.SQL)
}

func (db *sqliteEngine) checkFiles() error {
	if err := db.present(); err != nil {
		return err
	}
	if db.overwritten() {
		return db.stop(db.files.path)
	}
	if err := db.stillThere(db.files.path+logSuffix, db.files.log); err != nil {
		return err
	}
	return db.stillThere(db.files.path+indexSuffix, db.files.index)
}

func (db *sqliteEngine) stillThere(name string, was fs.FileInfo) error {
	if db.files.replaced.Load() {
		return ErrReplaced
	}
	if was == nil {
		return nil
	}
	if info, err := os.Stat(name); err == nil && os.SameFile(info, was) {
		return nil
	}
	return db.stop(name)
}

// stop stops all work, because the file with this name was removed or replaced.
func (db *sqliteEngine) stop(name string) error {
	db.files.logged.Do(func() {
		db.Log.Error("a file of the database was removed or replaced: nothing is read or written any more until the program is restarted", "file", name)
		if name == db.files.path+logSuffix {
			db.saveLog()
		}
		db.files.replaced.Store(true)
	})
	return ErrReplaced
}

// overwritten tells whether the open file has become a database without a log: a
// copy was written over it.
func (db *sqliteEngine) overwritten() bool {
	return db.files.log != nil && withoutLog(db.files.content)
}

// saveLog copies what is only in the removed log, which this process still has
// open, into the database: no other process can read it.
func (db *sqliteEngine) saveLog() {
	if _, err := db.SQL.Exec(`PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		db.Log.Error("the removed log could not be saved", "error", err)
	}
}

// unsafeToClose tells whether the path leads to another database or to other content. Then
// even closing the open one is unsafe: SQLite would remove the log of the new one,
// or write that of the old one into it.
func (db *sqliteEngine) unsafeToClose() bool {
	info, err := os.Stat(db.files.path)
	return db.files.replaced.Load() && (err != nil || !os.SameFile(info, db.files.opened) || db.overwritten() || db.files.restored.Load())
}

// putLogAside renames a write-ahead log that belongs to another database or to
// other content. It was left by a process that was killed, or that noticed that the
// database had been replaced, and SQLite would take it for the log of this one.
// It returns the new name of the log. When alone is true, no other process has the
// database open.
func putLogAside(database string, alone bool) (aside string, err error) {
	log, err := os.Stat(database + logSuffix)
	if err != nil || log.Size() == 0 {
		return "", nil
	}
	foreign, err := hasForeignLog(database, log, alone)
	if err != nil || !foreign {
		return "", err
	}
	aside = database + ".replaced-wal"
	if err := os.Rename(database+logSuffix, aside); err != nil {
		return "", err
	}
	if err := os.Remove(database + indexSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return aside, nil
}

func hasForeignLog(database string, log fs.FileInfo, alone bool) (bool, error) {
	file, err := os.Open(database)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if withoutLog(file) {
		return true, nil
	}
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	m := readMark(database)
	switch {
	case m == nil || m.log == 0 || m.log != inode(log):
		return false, nil
	case m.file != inode(info):
		return true, nil
	case m.base == 0 || !alone: // others may be writing the file now
		return false, nil
	}
	return m.isBehind(database)
}

// withoutLog tells whether the header of a database says that it has no
// write-ahead log (SQLite's file format, 1.3.3), as in a copy by VACUUM INTO.
func withoutLog(file io.ReaderAt) bool {
	var version [1]byte
	_, err := file.ReadAt(version[:], 18)
	return err == nil && version[0] == 1
}
