package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// ExportSession is a session, without its ID.
type ExportSession struct {
	Address string `json:"address"`
	Browser string `json:"browser"`
	Version string `json:"version"`
	Device  string `json:"device"` // what the user calls it
	Method  Method `json:"method"` // how the user signed in
	Created Time   `json:"created"`
	Seen    Time   `json:"seen"`
	Expires Time   `json:"expires"`
}

// ExportEvent is an event.
type ExportEvent struct {
	Kind    Kind   `json:"kind"`
	Detail  string `json:"detail,omitempty"`
	At      Time   `json:"at"`
	Address string `json:"address"`
	Browser string `json:"browser"`
	Author  string `json:"author,omitempty"`
	Count   int    `json:"count"` // how often it happened within a minute
}

// Export writes everything stored about the user of a session as JSON, for that user
// (GDPR, articles 15 and 20), and records that it did. It reads a bounded number of
// rows at a time and holds no transaction while a slow client receives them. Changes
// made meanwhile may or may not be included.
func (db *DB) Export(ctx context.Context, session *Session, from ClientInfo, to io.Writer) error {
	user := &session.User
	err := db.writeWithEvents(ctx, from, func(_ *sqlx.Tx, record record) error { return record(DataDownloaded, user) })
	if err != nil {
		return err
	}
	tables, err := db.otherTables(ctx)
	if err != nil {
		return err
	}
	about, err := json.Marshal(user)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(to, "{\n  \"user\": %s", about); err != nil {
		return err
	}
	err = writeList(to, "sessions", func(add func(any) error) error {
		sessions, _, err := db.SessionsOf(ctx, user, math.MaxInt32)
		for _, s := range sessions {
			if err := add(ExportSession{s.Address, s.Browser, s.Version, s.Named, s.Method, s.Created, s.Seen, s.Expires}); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	err = writeList(to, "events", func(add func(any) error) error {
		return db.EachEvent(ctx, EventFilter{UserID: user.ID}, func(e *Event) error {
			return add(ExportEvent{e.Kind, e.Detail, e.At, e.Address, e.Browser, e.Author, e.Count})
		})
	})
	if err != nil {
		return err
	}
	err = writeList(to, "devices", func(add func(any) error) error {
		devices, err := db.DevicesOf(ctx, user)
		for _, device := range devices {
			if err := add(device); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := writeList(to, table, func(add func(any) error) error { return db.eachRow(ctx, table, user, add) }); err != nil {
			return err
		}
	}
	_, err = io.WriteString(to, "\n}\n")
	return err
}

// writeList writes another field of an object: a list with one item per line.
func writeList(to io.Writer, name string, each func(add func(any) error) error) error {
	if _, err := fmt.Fprintf(to, ",\n  %q: [", name); err != nil {
		return err
	}
	before, end := "\n", "]"
	err := each(func(item any) error {
		text, err := json.Marshal(item)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "%s    %s", before, text)
		before, end = ",\n", "\n  ]"
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(to, end)
	return err
}

// otherTables returns the tables that refer to users by a column user_id and
// are not exported by name. So the table of a page that somebody adds is exported
// without a change here.
func (db *DB) otherTables(ctx context.Context) ([]string, error) {
	tables, err := db.UserTables(ctx)
	return slices.DeleteFunc(tables, func(table string) bool {
		return slices.Contains([]string{"sessions", "events", "devices", // exported in their own form
			"links", "pending_sign_ins", "authenticators", "recovery_codes", "code_failures", // secret
		}, table)
	}), err
}

// eachRow calls do with each row of a user in a table, in the order of the primary key.
func (db *DB) eachRow(ctx context.Context, table string, user *User, do func(any) error) error {
	key, hidden, err := db.PrimaryKey(ctx, table)
	if err != nil {
		return err
	}
	columns := `*`
	if hidden {
		columns = strings.Join(key, `, `) + `, *`
	}
	order := `"` + strings.Join(key, `", "`) + `"`
	for last := map[string]any(nil); ; {
		where := database.Conditions{}
		where.Add(true, `user_id = `, user.ID)
		if last != nil {
			var places []string
			for _, name := range key {
				places = append(places, where.Place(last[name]))
			}
			where.AddIf(true, `(`+order+`) > (`+strings.Join(places, `, `)+`)`)
		}
		rows, err := db.readRows(ctx, `SELECT `+columns+` FROM "`+table+`"`+where.Where()+` ORDER BY `+order+` LIMIT `+where.Place(rowsAtATime), where.Values...)
		if err != nil {
			return err
		}
		for _, row := range rows {
			shown := maps.Clone(row)
			delete(shown, "user_id")
			if hidden {
				maps.DeleteFunc(shown, func(name string, _ any) bool { return slices.Contains(key, name) })
			}
			if err := do(shown); err != nil {
				return err
			}
		}
		if len(rows) < rowsAtATime {
			return nil
		}
		last = rows[len(rows)-1]
	}
}

func (db *DB) readRows(ctx context.Context, statement string, args ...any) (all []map[string]any, err error) {
	rows, err := db.SQL.QueryxContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		row := make(map[string]any)
		if err := rows.MapScan(row); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}
