package models

import (
	"context"
	"errors"
	"math"

	"github.com/jmoiron/sqlx"
)

// Export is all that is held about a user, for that user (GDPR, articles 15 and 20).
type Export struct {
	User     User            `json:"user"`
	Sessions []ExportSession `json:"sessions"`
	Events   []ExportEvent   `json:"events"`
	// Further are the user's rows in the tables of further pages, by table.
	Further map[string][]map[string]any `json:"further,omitempty"`
}

// ExportSession is a session without what names it.
type ExportSession struct {
	Address string `json:"address"`
	Browser string `json:"browser"`
	Created Time   `json:"created"`
	Seen    Time   `json:"seen"`
	Expires Time   `json:"expires"`
}

// ExportEvent is an event.
type ExportEvent struct {
	Kind    Kind   `json:"kind"`
	At      Time   `json:"at"`
	Address string `json:"address"`
	Browser string `json:"browser"`
	Author  string `json:"author,omitempty"`
	Count   int    `json:"count"` // how often it happened within a minute
}

// Export returns all that is held about the user of a session.
func (db *DB) Export(ctx context.Context, session *Session, from Origin) (*Export, error) {
	err := db.writeWithEvents(ctx, from, func(_ *sqlx.Tx, note note) error { return note(DataDownloaded, &session.User) })
	if err != nil {
		return nil, err
	}
	sessions, _, err := db.SessionsOf(ctx, &session.User, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	events, err := db.EventsOf(ctx, &session.User, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	further, err := db.further(ctx, &session.User)
	if err != nil {
		return nil, err
	}
	export := &Export{User: session.User, Sessions: []ExportSession{}, Events: []ExportEvent{}, Further: further}
	for _, s := range sessions {
		export.Sessions = append(export.Sessions, ExportSession{s.Address, s.Browser, s.Created, s.Seen, s.Expires})
	}
	for _, e := range events {
		export.Events = append(export.Events, ExportEvent{e.Kind, e.At, e.Address, e.Browser, e.Author, e.Count})
	}
	return export, nil
}

// further returns all rows of a user in tables that refer to users by a column
// user_id and are not named here. So a page's own table is exported without a
// word in this file.
func (db *DB) further(ctx context.Context, user *User) (map[string][]map[string]any, error) {
	var tables []string
	err := db.sql.SelectContext(ctx, &tables, ofUsers)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]map[string]any)
	for _, table := range tables {
		if table == "sessions" || table == "events" || table == "links" {
			continue // which have a form of their own, or are nobody's business
		}
		rows, err := db.sql.QueryxContext(ctx, `SELECT * FROM "`+table+`" WHERE user_id = $1`, user.ID)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		all[table] = []map[string]any{}
		for rows.Next() {
			row := make(map[string]any)
			if err := rows.MapScan(row); err != nil {
				return nil, err
			}
			delete(row, "user_id")
			all[table] = append(all[table], row)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return all, nil
}
