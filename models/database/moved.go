package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// ErrMoved says that the database was copied to another place, which is used instead. As
// for whoever asks, it is unavailable.
var ErrMoved = errors.New("the database has moved; start the server with the address of the other one")

// Unfinished is where a database has moved to whose copy was broken off.
const Unfinished = "unfinished copy"

// MovedTo is where the database was copied to, for people: Unfinished, if it is such a
// copy, or empty, if it can be used.
func (db *DB) MovedTo(ctx context.Context) (address string, err error) {
	err = db.SQL.GetContext(ctx, &address, `SELECT moved_to FROM installation`)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return address, err
}

// UndoMove lets a database be used that was copied to another place. Its own changes and
// those there are never brought together.
func (db *DB) UndoMove(ctx context.Context) error {
	return db.Write(ctx, func(tx *sqlx.Tx) error { return setMovedTo(ctx, tx, "") })
}

func setMovedTo(ctx context.Context, tx *sqlx.Tx, address string) error {
	_, err := tx.ExecContext(ctx, `UPDATE installation SET moved_to = $1`, address)
	return err
}

// notMoved ends each transaction: what it changed in a database that has moved meanwhile
// would be lost.
func notMoved(ctx context.Context, tx *sqlx.Tx) error {
	var moved bool
	err := tx.GetContext(ctx, &moved, `SELECT EXISTS (SELECT 1 FROM installation WHERE moved_to <> '')`)
	if err == nil && moved {
		return ErrMoved
	}
	return err
}

// Installation returns the ID of this installation, which stays the same when the
// database is copied to another place.
func (db *DB) Installation(ctx context.Context) (id string, err error) {
	read := func() error { return db.SQL.GetContext(ctx, &id, `SELECT id FROM installation`) }
	if err = read(); errors.Is(err, sql.ErrNoRows) {
		if _, err = db.Exec(ctx, `INSERT INTO installation (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING`, rand.Text()); err == nil {
			err = read()
		}
	}
	if err != nil {
		return "", fmt.Errorf("read the ID of the installation: %w", err)
	}
	return id, nil
}
