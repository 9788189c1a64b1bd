package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// Write runs change in one transaction, which holds the write lock from its beginning.
func (db *DB) Write(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.TakeTurn(ctx, func() error { return db.Commit(ctx, change) })
}

// WriteUnsynced is Write without waiting until the disk has the change: a killed process
// loses nothing, but a power cut may take back the last such changes.
func (db *DB) WriteUnsynced(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.TakeTurn(ctx, func() error {
		conn, err := db.SQL.Connx(ctx)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer func() {
			if _, err := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = FULL`); err != nil {
				conn.Raw(func(any) error { return driver.ErrBadConn }) // never used again
			}
		}()
		tx, err := conn.BeginTxx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer tx.Rollback() // does nothing after Commit
		if err := change(tx); err != nil {
			return err
		}
		if err := db.checkFiles(); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	})
}

// Alone lets no other transaction that names the same rule run until this one ends:
// one that is about all rows of a table, so that no row could be locked for it. Here
// nothing has to be done for it, because SQLite has one writer.
func (db *DB) Alone(context.Context, *sqlx.Tx, string) error { return nil }

// Exec runs one statement that writes.
func (db *DB) Exec(ctx context.Context, statement string, args ...any) (result sql.Result, err error) {
	err = db.Write(ctx, func(tx *sqlx.Tx) (err error) {
		result, err = tx.ExecContext(ctx, statement, args...)
		return err
	})
	return result, err
}

// TakeTurn runs write when the caller is the one who has waited longest. SQLite
// has a single writer too, but whoever waits for it there has to ask again and
// again, and newcomers may get in first. It returns context.DeadlineExceeded if
// the turn does not come.
func (db *DB) TakeTurn(ctx context.Context, write func() error) error {
	waiting, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	if err := db.writer.Acquire(waiting, 1); err != nil {
		return fmt.Errorf("wait to write: %w", err)
	}
	defer db.writer.Release(1)
	if err := db.Check(ctx); err != nil {
		return err
	}
	return write()
}

// Commit runs change in one transaction. The caller has taken its turn.
func (db *DB) Commit(ctx context.Context, change func(*sqlx.Tx) error) error {
	tx, err := db.SQL.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := change(tx); err != nil {
		if brokenReference(err) {
			return ErrNotFound // what a new row refers to was deleted meanwhile
		}
		return err
	}
	row, err := db.advance(ctx, tx)
	if err != nil {
		return fmt.Errorf("advance the sequence: %w", err)
	}
	if err := db.checkFiles(); err != nil { // a change to a file that was replaced would be lost
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := db.advanceMark(row); err != nil { // the change itself is committed; the next one tries again
		db.Log.Error("the mark beside the database can't be written", "file", markPath(db.files.path), "error", err)
	}
	return nil
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
