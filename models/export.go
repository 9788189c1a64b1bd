package models

import (
	"context"
	"math"

	"github.com/jmoiron/sqlx"
)

// Export is all that is held about a user, for that user (GDPR, articles 15 and 20).
type Export struct {
	User     User            `json:"user"`
	Sessions []ExportSession `json:"sessions"`
	Events   []ExportEvent   `json:"events"`
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
}

// Export returns all that is held about the user of a session.
func (db *DB) Export(ctx context.Context, session *Session, from Origin) (*Export, error) {
	err := db.writeWithEvents(ctx, from, func(_ *sqlx.Tx, note note) error { return note(DataDownloaded, &session.User) })
	if err != nil {
		return nil, err
	}
	sessions, err := db.SessionsOf(ctx, &session.User)
	if err != nil {
		return nil, err
	}
	events, err := db.EventsOf(ctx, &session.User, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	export := &Export{User: session.User, Sessions: []ExportSession{}, Events: []ExportEvent{}}
	for _, s := range sessions {
		export.Sessions = append(export.Sessions, ExportSession{s.Address, s.Browser, s.Created, s.Seen, s.Expires})
	}
	for _, e := range events {
		export.Events = append(export.Events, ExportEvent{e.Kind, e.At, e.Address, e.Browser, e.Author})
	}
	return export, nil
}
