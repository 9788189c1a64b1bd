package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Each value in a session is a row of its own, so that two requests that set
// different values never undo each other. Values are deleted with their session, and
// none can be added to one that has ended.

// ErrNotText says that something has a zero byte or is not UTF-8.
var ErrNotText = errors.New("it has a zero byte or is not UTF-8")

// isText tells whether a column can hold this: PostgreSQL has no other text.
func isText(value string) bool { return utf8.ValidString(value) && !strings.ContainsRune(value, 0) }

// SetValue stores a value in a session, under a name. It returns ErrNotFound if the
// session has ended, and ErrNotText for what is not text.
func (db *DB) SetValue(ctx context.Context, session *Session, name, value string) error {
	if len(value) > MaxValue {
		return fmt.Errorf("the value %q has %d bytes, and a session keeps at most %d in one", name, len(value), MaxValue)
	}
	if !isText(value) {
		return fmt.Errorf("the value %q can't be stored: %w", name, ErrNotText)
	}
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil {
			return err
		}
		return setValue(ctx, tx, session.ID, name, value)
	})
}

// setValue stores a value in a session, whose user is locked.
func setValue(ctx context.Context, tx *sqlx.Tx, session, name, value string) error {
	return database.ExecOne(ctx, tx, `INSERT INTO session_values (session_id, name, value)
		SELECT id, CAST($1 AS TEXT), CAST($2 AS TEXT) FROM sessions WHERE id = $3
		ON CONFLICT (session_id, name) DO UPDATE SET value = excluded.value`, name, value, session)
}

// Value returns the value that a session has under a name, or ErrNotFound.
func (db *DB) Value(ctx context.Context, session *Session, name string) (value string, err error) {
	if !isText(name) {
		return "", ErrNotFound
	}
	err = db.SQL.GetContext(ctx, &value, `SELECT value FROM session_values WHERE session_id = $1 AND name = $2`, session.ID, name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return value, err
}

// TakeValue returns the value that a session has under a name and deletes it, in one
// step: of two requests that take the same value, one gets it and the other ErrNotFound.
func (db *DB) TakeValue(ctx context.Context, session *Session, name string) (value string, err error) {
	err = db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil {
			return err
		}
		return tx.GetContext(ctx, &value, `DELETE FROM session_values WHERE session_id = $1 AND name = $2 RETURNING value`, session.ID, name)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return value, err
}

// KeepLatestValues deletes the values of a session whose names begin with a prefix, all but
// the last of them in the order of their names.
func (db *DB) KeepLatestValues(ctx context.Context, session *Session, prefix string, count int) error {
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM session_values WHERE session_id = $1 AND name IN (
			SELECT name FROM session_values WHERE session_id = $1 AND SUBSTR(name, 1, $2) = $3 ORDER BY name DESC LIMIT $4 OFFSET $5)`,
			session.ID, utf8.RuneCountInString(prefix), prefix, math.MaxInt32, count)
		return err
	})
}
