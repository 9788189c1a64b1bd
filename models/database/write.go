package database

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jmoiron/sqlx"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// Write runs change in one transaction. It may run change again from its beginning if
// another transaction was in the way, so what change collects is emptied there.
//
// Each statement sees what was committed before it began. SQLite has one writer, and a
// transaction holds the write lock from its beginning. On PostgreSQL others may write
// between two statements: a change that concludes anything from a row locks that row
// before, and one that concludes anything from all rows of a table calls LockRule.
//
// It returns ErrNotFound if a row that a new one refers to is not there.
func (db *DB) Write(ctx context.Context, change func(*sqlx.Tx) error) error {
	return referenceFound(db.engine.write(ctx, func(tx *sqlx.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return notMoved(ctx, tx)
	}))
}

// WriteToCopy is Write for a copy that is not complete.
func (db *DB) WriteToCopy(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.engine.write(ctx, change)
}

// WriteUnsynced is Write without waiting until the disk has the change: a killed process
// loses nothing, but a power cut may take back the last such changes.
func (db *DB) WriteUnsynced(ctx context.Context, change func(*sqlx.Tx) error) error {
	return referenceFound(db.engine.writeUnsynced(ctx, change))
}

func referenceFound(err error) error {
	if brokenReference(err) {
		return ErrNotFound
	}
	return err
}

// LockRule lets no other transaction that locks the same rule run until this one ends. It
// comes before anything else that a transaction waits for.
func (db *DB) LockRule(ctx context.Context, tx *sqlx.Tx, rule string) error {
	return db.engine.lockRule(ctx, tx, rule)
}

// SkipLocked ends a SELECT whose rows are to be deleted, and leaves out those that others
// have locked, so that several processes can share the work of deleting what has
// expired. It begins with a space, or is empty where transactions run one after the other.
func (db *DB) SkipLocked() string { return db.engine.skipLocked() }

// LockRows ends a SELECT of rows that a transaction is about to change, in their order. It
// is empty where transactions run one after the other.
func (db *DB) LockRows() string { return db.engine.lockRows() }

// Exec runs one statement that writes.
func (db *DB) Exec(ctx context.Context, statement string, args ...any) (result sql.Result, err error) {
	err = db.Write(ctx, func(tx *sqlx.Tx) (err error) {
		result, err = tx.ExecContext(ctx, statement, args...)
		return err
	})
	return result, err
}

// ExecOne runs a statement that has to change a row, and returns ErrNotFound if it
// changed none, and ErrInUse if other rows refer to the one that it would remove.
func ExecOne(ctx context.Context, tx *sqlx.Tx, statement string, args ...any) error {
	result, err := tx.ExecContext(ctx, statement, args...)
	if brokenReference(err) && strings.HasPrefix(statement, "DELETE") {
		return ErrInUse
	}
	if err != nil {
		return err
	}
	if changed, err := result.RowsAffected(); err != nil {
		return err
	} else if changed == 0 {
		return ErrNotFound
	}
	return nil
}
