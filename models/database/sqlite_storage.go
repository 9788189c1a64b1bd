package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
)

// sqliteStorage is the driver of Fiber's session store: the same file and the same
// connections, with writes that wait for their turn. The driver creates the table.
type sqliteStorage struct {
	*sqlite3.Storage
	db *sqliteEngine
}

func (s *sqliteStorage) Get(key string) ([]byte, error) { return s.db.payload(key) }

func (s *sqliteStorage) Set(key string, value []byte, lifetime time.Duration) error {
	return s.db.takeTurn(context.Background(), func() error {
		return s.Storage.Set(key, value, lifetime+time.Until(s.db.Now()))
	})
}

func (s *sqliteStorage) Delete(key string) error {
	return s.db.takeTurn(context.Background(), func() error { return s.Storage.Delete(key) })
}

// payload returns what the session store has under a key, or nil.
func (db *DB) payload(key string) (value []byte, err error) {
	err = db.SQL.Get(&value, `SELECT v FROM `+PayloadTable+` WHERE k = $1 AND (e = 0 OR e > $2)`, key, db.Time())
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}
