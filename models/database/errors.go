package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
)

// ErrInUse says that a row can't be removed because other rows refer to it.
var ErrInUse = errors.New("other rows refer to this one")

// failure is what an error of a database means for whoever asked.
type failure int

const (
	otherFailure      failure = iota // a mistake of this program, or no error of a database
	unavailable                      // the database can't be used now
	missingReference                 // rows would refer to one that is not there
	conflictingChange                // others have changed the same rows: the transaction has to run again
)

func failureOf(err error) failure {
	if found := sqliteFailure(err); found != otherFailure {
		return found
	}
	return postgresFailure(err)
}

// Unavailable tells whether err says that the database can't be used now: it is
// locked, full, read-only, damaged or replaced. Such a request may be tried again.
func Unavailable(err error) bool {
	switch failureOf(err) {
	case unavailable, conflictingChange:
		return true
	}
	return errors.Is(err, ErrReplaced) || errors.Is(err, ErrMoved) || errors.Is(err, errStandby) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.DeadlineExceeded)
}

// brokenReference tells whether a statement failed because rows would refer to one
// that is not there.
func brokenReference(err error) bool { return failureOf(err) == missingReference }

// IsNotFound tells whether err says that there is no such row. There is none either for
// what is no text, which PostgreSQL refuses to look for.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) || sqlState(err) == "22021" }

// Explain turns what a database reports into a sentence that says what to do.
func Explain(address string, err error) error {
	if IsURL(address) {
		return explainPostgres(address, err)
	}
	return explainSQLite(address, err)
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
