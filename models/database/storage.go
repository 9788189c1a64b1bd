package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
)

// PayloadTable is where Fiber's session store keeps what a session holds. The
// driver of the store creates it.
const PayloadTable = "session_payloads"

// Storage is the driver of Fiber's session store: the same file and the same
// connections, with writes that wait for their turn.
type Storage struct {
	*sqlite3.Storage
	db *DB
}

// Storage is where Fiber's session store keeps its payloads.
func (db *DB) Storage() *Storage { return &Storage{db.storage, db} }

// Get returns a value, or nil if there is none or it has expired by the clock of
// the database.
func (s *Storage) Get(key string) (value []byte, err error) {
	err = s.db.SQL.Get(&value, `SELECT v FROM `+PayloadTable+` WHERE k = $1 AND (e = 0 OR e > $2)`, key, s.db.Time())
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

// Set stores a value that expires after lifetime, by the clock of the database.
func (s *Storage) Set(key string, value []byte, lifetime time.Duration) error {
	return s.db.TakeTurn(context.Background(), func() error {
		return s.Storage.Set(key, value, lifetime+time.Until(s.db.Now()))
	})
}

// Delete removes a value.
func (s *Storage) Delete(key string) error {
	return s.db.TakeTurn(context.Background(), func() error { return s.Storage.Delete(key) })
}
