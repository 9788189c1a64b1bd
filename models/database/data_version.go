package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	sqlite "github.com/mattn/go-sqlite3"
)

// DataVersion is a version of what the database holds. While it stays the same,
// nothing was committed, neither by this process nor by any other.
type DataVersion struct {
	connection int   // that read it: the versions of two connections can't be compared
	version    int64 // PRAGMA data_version
}

// versionReader has a connection of its own that never writes: the data version of
// SQLite changes on a connection when others have written.
type versionReader struct {
	sync.Mutex
	connection *sql.Conn
	statement  driver.Stmt
	opened     int // number of connections so far
	last       DataVersion
}

// DataVersion returns the current version. Ask for it before reading what will be
// cached: what was read is true as long as the version stays the same.
func (db *DB) DataVersion(ctx context.Context) (DataVersion, error) {
	r := &db.version
	r.Lock()
	defer r.Unlock()
	if r.connection == nil {
		if err := r.open(ctx, db.SQL.DB); err != nil {
			r.close()
			return DataVersion{}, fmt.Errorf("read the version of the database: %w", err)
		}
	}
	version, err := r.version()
	if err != nil {
		r.close() // the next call tries another connection
		return DataVersion{}, fmt.Errorf("read the version of the database: %w", err)
	}
	now := DataVersion{r.opened, version}
	if now != r.last { // what was committed may be a copy that revives what has ended
		if err := db.checkContent(ctx, r.connection); errors.Is(err, ErrReplaced) {
			return DataVersion{}, err
		}
	}
	r.last = now
	return now, nil
}

func (r *versionReader) open(ctx context.Context, from *sql.DB) (err error) {
	if r.connection, err = from.Conn(ctx); err != nil {
		return err
	}
	r.opened++
	return r.connection.Raw(func(connection any) (err error) {
		r.statement, err = connection.(*sqlite.SQLiteConn).Prepare(`PRAGMA data_version`)
		return err
	})
}

func (r *versionReader) version() (version int64, err error) {
	err = r.connection.Raw(func(any) error {
		rows, err := r.statement.Query(nil) //lint:ignore SA1019 the function that takes a context starts a goroutine
		if err != nil {
			return err
		}
		defer rows.Close()
		var row [1]driver.Value
		if err := rows.Next(row[:]); err != nil {
			return err
		}
		version, _ = row[0].(int64)
		return nil
	})
	return version, err
}

// close returns the connection to the pool. The caller holds the lock.
func (r *versionReader) close() {
	if r.statement != nil {
		r.connection.Raw(func(any) error { return r.statement.Close() })
	}
	if r.connection != nil {
		r.connection.Close()
	}
	r.connection, r.statement = nil, nil
}
