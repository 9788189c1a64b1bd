package models

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// Kind says what happened.
type Kind string

// The kinds of event.
const (
	SignedIn         Kind = "sign-in"
	SignInFailed     Kind = "failed sign-in"
	SignedOut        Kind = "sign-out"
	SessionEnded     Kind = "session ended"
	PasswordChanged  Kind = "password change"
	UserAdded        Kind = "user added"
	UserDisabled     Kind = "user disabled"
	UserEnabled      Kind = "user enabled"
	UserInvited      Kind = "user invited"
	LinkMade         Kind = "password link made"
	RoleChanged      Kind = "role changed"
	NameChanged      Kind = "name changed"
	DataDownloaded   Kind = "data downloaded"
	UserRemoved      Kind = "user removed"
	AllSessionsEnded Kind = "all sessions ended"
)

// Origin is where a request came from. The zero value is the command line.
type Origin struct {
	Address string // IP address
	Browser string // in words: Firefox on Android
	Request string // the request's ID in the log; it is not stored
	Author  string // username of an administrator who acts on somebody else
	Known   string // names the browser, when this account has signed in there before; it is not stored
}

// CommandLine is the origin of what whoever runs the program does beside it.
var CommandLine = Origin{Browser: "command line", Author: "command line"}

// Event is something that happened to a user's account.
type Event struct {
	ID      string  `db:"id"`
	UserID  *string `db:"user_id"` // nil when the username was nobody's
	Kind    Kind    `db:"kind"`
	At      Time    `db:"at"`
	Address string  `db:"address"`
	Browser string  `db:"browser"`
	Author  string  `db:"author"` // username of who did it to the user; empty: the user
	Name    string  `db:"name"`   // username of whose event it is, where that was asked for
}

// EventsOf returns the latest events of a user, newest first, at most limit.
func (db *DB) EventsOf(ctx context.Context, user *User, limit int) ([]Event, error) {
	var events []Event
	err := db.sql.SelectContext(ctx, &events,
		`SELECT id, user_id, kind, at, address, browser, author FROM events WHERE user_id = $1 ORDER BY id DESC LIMIT $2`, user.ID, limit)
	return events, err
}

// recordFailure notes and counts a failed sign-in. The user is nil when the username was
// nobody's: what was typed then is not kept, because people type passwords there.
func (db *DB) recordFailure(ctx context.Context, user *User, limits []limit, from Origin) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := db.countFailure(ctx, tx, limits); err != nil {
			return err
		}
		return note(SignInFailed, user)
	})
}

// note adds an event to a transaction. The user may be nil.
type note func(kind Kind, user *User) error

// writeWithEvents runs change in one transaction with the events it notes, and
// logs them once they are kept.
func (db *DB) writeWithEvents(ctx context.Context, from Origin, change func(*sqlx.Tx, note) error) error {
	type line struct {
		kind Kind
		name string
	}
	var happened []line
	err := db.write(ctx, func(tx *sqlx.Tx) error {
		return change(tx, func(kind Kind, user *User) error {
			event := Event{ID: newRowID(), Kind: kind, At: db.now(), Address: from.Address, Browser: from.Browser, Author: from.Author}
			name := "(nobody)"
			if user != nil {
				event.UserID, name = &user.ID, user.Name
			}
			happened = append(happened, line{kind, name})
			_, err := tx.NamedExecContext(ctx,
				`INSERT INTO events (id, user_id, kind, at, address, browser, author) VALUES (:id, :user_id, :kind, :at, :address, :browser, :author)`, event)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, line := range happened {
		db.Log.Info(string(line.kind), "user", line.name, "author", from.Author, "address", from.Address, "browser", from.Browser, "request", from.Request)
	}
	return nil
}
