package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	sqlite "github.com/mattn/go-sqlite3"
)

// unavailable are the codes with which SQLite reports problems of files, disks
// and other programs. All others are mistakes of this program.
var unavailable = []sqlite.ErrNo{
	sqlite.ErrBusy, sqlite.ErrLocked, sqlite.ErrIoErr, sqlite.ErrFull, sqlite.ErrReadonly,
	sqlite.ErrCorrupt, sqlite.ErrCantOpen, sqlite.ErrNotADB,
}

// Unavailable tells whether err says that the database can't be used now: it is
// locked, full, read-only, damaged or gone. Such a request may be tried again.
func Unavailable(err error) bool {
	var failed sqlite.Error
	if errors.As(err, &failed) {
		return slices.Contains(unavailable, failed.Code)
	}
	return errors.Is(err, ErrReplaced) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.DeadlineExceeded)
}

// ErrInUse says that a row can't be removed because other rows refer to it.
var ErrInUse = errors.New("other rows refer to this one")

// brokenReference tells whether a statement failed because rows would refer to one
// that is not there.
func brokenReference(err error) bool {
	var failed sqlite.Error
	return errors.As(err, &failed) && failed.ExtendedCode == sqlite.ErrConstraintForeignKey
}

// Explain turns what SQLite reports about a file into a sentence that says what to do.
func Explain(path string, err error) error {
	var failed sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	var sentence string
	switch failed.Code {
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

// Cause drops the system call and the path from an error, for a sentence that
// already names them.
func Cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
