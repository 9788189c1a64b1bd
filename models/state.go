package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync"

	sqlite "github.com/mattn/go-sqlite3"
)

// State is a mark of what the database holds. While it is the same, nothing was
// committed: not by this process, nor by any other.
type State struct {
	connection int   // which observed it: the marks of two can't be compared
	version    int64 // PRAGMA data_version
}

// observer has a connection of its own, over which nothing is written: SQLite
// tells it by the data version that others wrote.
type observer struct {
	sync.Mutex
	connection *sql.Conn
	statement  driver.Stmt
	opened     int // connections so far
}

// State returns the present state. It is taken before what is to be kept is
// read: what was read then is true as long as the state is the same.
func (db *DB) State(ctx context.Context) (State, error) {
	o := &db.observer
	o.Lock()
	defer o.Unlock()
	if o.connection == nil {
		if err := o.open(ctx, db.sql.DB); err != nil {
			o.close()
			return State{}, fmt.Errorf("observe the database: %w", err)
		}
	}
	version, err := o.version()
	if err != nil {
		o.close() // the next one tries another connection
		return State{}, fmt.Errorf("observe the database: %w", err)
	}
	return State{o.opened, version}, nil
}

func (o *observer) open(ctx context.Context, from *sql.DB) (err error) {
	if o.connection, err = from.Conn(ctx); err != nil {
		return err
	}
	o.opened++
	return o.connection.Raw(func(connection any) (err error) {
		o.statement, err = connection.(*sqlite.SQLiteConn).Prepare(`PRAGMA data_version`)
		return err
	})
}

func (o *observer) version() (version int64, err error) {
	err = o.connection.Raw(func(any) error {
		rows, err := o.statement.Query(nil) //lint:ignore SA1019 the way with a context makes a goroutine
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

// close gives the connection back. The caller holds the lock.
func (o *observer) close() {
	if o.statement != nil {
		o.connection.Raw(func(any) error { return o.statement.Close() })
	}
	if o.connection != nil {
		o.connection.Close()
	}
	o.connection, o.statement = nil, nil
}

// ofUsers lists the tables that refer to users by a column user_id.
const ofUsers = `SELECT m.name FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
	WHERE m.type = 'table' AND f."table" = 'users' AND f."from" = 'user_id' ORDER BY m.name`

// watchTables makes the triggers by which all tables that refer to users give the
// user whose row is changed another version.
func (db *DB) watchTables(ctx context.Context) error {
	var tables, triggers []string
	if err := db.sql.SelectContext(ctx, &tables, ofUsers); err != nil {
		return err
	}
	if err := db.sql.SelectContext(ctx, &triggers, `SELECT name FROM sqlite_schema WHERE type = 'trigger'`); err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, name := range triggers {
		there[name] = true
	}
	for _, table := range tables {
		for event, row := range map[string]string{"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"} {
			name := table + "_version_" + strings.ToLower(event)
			if there[name] {
				continue
			}
			if _, err := db.sql.ExecContext(ctx, fmt.Sprintf(`CREATE TRIGGER IF NOT EXISTS %q AFTER %s ON %q BEGIN
				UPDATE users SET version = random() WHERE id = %s.user_id; END`, name, event, table, row)); err != nil {
				return fmt.Errorf("watch the table %s: %w", table, err)
			}
		}
	}
	return nil
}
