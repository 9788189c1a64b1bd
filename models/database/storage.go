package database

import "time"

// PayloadTable is where Fiber's session store keeps what a session holds.
const PayloadTable = "session_payloads"

// Storage is fiber.Storage: what Fiber's session store asks of its driver.
type Storage interface {
	// Get returns a value, or nil if there is none or it has expired by the clock of
	// the database.
	Get(key string) ([]byte, error)
	// Set stores a value that expires after lifetime, by the clock of the database.
	Set(key string, value []byte, lifetime time.Duration) error
	Delete(key string) error
	Reset() error
	Close() error
}

// Storage is where Fiber's session store keeps its payloads.
func (db *DB) Storage() Storage { return db.engine.payloads() }
