package models

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

// ErrGone says that the path of the database leads to another file than the
// open one, or to none, or that its write-ahead log was removed. What would be
// written now, nobody would find again. It stays so until the program is restarted.
var ErrGone = errors.New("the database file was removed or replaced; restart the program")

// file remembers which files the database is.
type file struct {
	path               string
	opened, log, index fs.FileInfo // the latter two are nil where the disk can't have them
	content            *os.File    // stays open: closing it would take SQLite's locks away
	gone               atomic.Bool
	told               sync.Once
}

// The write-ahead log, and the index of it that all processes share.
const (
	logSuffix   = "-wal"
	indexSuffix = "-shm"
)

// remember takes the files that the path leads to now for the open ones. Before,
// it opens all connections of the pool, which are never closed: one that is
// opened when the file was replaced would take the log of the old file for that
// of the new one, and truncate the index under the feet of the others.
func (db *DB) remember(ctx context.Context, before fs.FileInfo) error {
	for range connections() {
		connection, err := db.sql.Connx(ctx)
		if err != nil {
			return err
		}
		defer connection.Close() // gives it back, when all are open
		var tables int
		if err := connection.GetContext(ctx, &tables, `SELECT COUNT(*) FROM sqlite_schema`); err != nil {
			return err
		}
	}
	f := &db.file
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

// Present returns ErrGone when the path does not lead to the open database, and
// ever after.
func (db *DB) Present() error { return db.stillThere(db.file.path, db.file.opened) }

// check is Present for the log and its index, too, and notices a copy that was
// written over the file.
func (db *DB) check() error {
	if err := db.Present(); err != nil {
		return err
	}
	if db.overwritten() {
		return db.lost(db.file.path)
	}
	if err := db.stillThere(db.file.path+logSuffix, db.file.log); err != nil {
		return err
	}
	return db.stillThere(db.file.path+indexSuffix, db.file.index)
}

func (db *DB) stillThere(name string, was fs.FileInfo) error {
	if db.file.gone.Load() {
		return ErrGone
	}
	if was == nil {
		return nil
	}
	if info, err := os.Stat(name); err == nil && os.SameFile(info, was) {
		return nil
	}
	return db.lost(name)
}

// lost makes an end of all work, because of the file with this name.
func (db *DB) lost(name string) error {
	db.file.told.Do(func() {
		db.Log.Error("a file of the database was removed or replaced: nothing is read or written any more until the program is restarted", "file", name)
		if name == db.file.path+logSuffix {
			db.saveLog()
		}
		db.file.gone.Store(true)
	})
	return ErrGone
}

// overwritten tells whether the open file has become a database without a log.
func (db *DB) overwritten() bool { return db.file.log != nil && withoutLog(db.file.content) }

// saveLog writes what is only in the removed log, which is still open, into the
// database: nobody else can find it.
func (db *DB) saveLog() {
	if _, err := db.sql.Exec(`PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		db.Log.Error("the removed log could not be saved", "error", err)
	}
}

// moved tells whether the path leads to another database. Then not even closing
// the open one is safe: SQLite would remove the log of the new one.
func (db *DB) moved() bool {
	info, err := os.Stat(db.file.path)
	return db.file.gone.Load() && (err != nil || !os.SameFile(info, db.file.opened) || db.overwritten())
}

// putLogAside renames the write-ahead log of another database, or of another
// content, which was left by a process that was killed or that noticed that the
// database was replaced: SQLite would take it for that of the present one. It
// returns the log's new name. Nobody else has the database open when it is alone.
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
