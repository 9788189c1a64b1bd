package models

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Kind says what happened.
type Kind string

// The kinds of event.
const (
	SignedIn             Kind = "sign-in"
	SignInFailed         Kind = "failed sign-in"
	PasswordRefused      Kind = "wrong password" // where a session asks for it again
	FailuresAcknowledged Kind = "failures acknowledged"
	NewBrowser           Kind = "new browser" // a sign-in with a browser that the account has not used before
	NewBrowserConfirmed  Kind = "new browser confirmed"
	SignedOut            Kind = "sign-out"
	SessionEnded         Kind = "session ended"
	SessionDisplaced     Kind = "session displaced"
	PasswordChanged      Kind = "password change"
	PasswordRemoved      Kind = "password removed"
	UserAdded            Kind = "user added"
	UserDisabled         Kind = "user disabled"
	UserEnabled          Kind = "user enabled"
	UserInvited          Kind = "user invited"
	PasswordTokenCreated Kind = "password link made"
	RoleChanged          Kind = "role changed"
	NameChanged          Kind = "name changed"
	DataDownloaded       Kind = "data downloaded"
	UserRemoved          Kind = "user removed"
	AllSessionsEnded     Kind = "all sessions ended"
	SecondFactorRefused  Kind = "second factor refused" // after a right password
	CodesStopped         Kind = "codes stopped"
	CodesAllowed         Kind = "codes allowed again"
	AppAdded             Kind = "authenticator app added"
	AppReplaced          Kind = "authenticator app replaced"
	AppRemoved           Kind = "authenticator app removed"
	RecoveryCodesMade    Kind = "recovery codes made"
	RecoveryCodesChecked Kind = "recovery codes checked"
	RecoveryCodeUsed     Kind = "recovery code used"
	SecondFactorReset    Kind = "second factor reset"
	FactorsConfirmed     Kind = "change of second factors confirmed"
	PasskeyAdded         Kind = "passkey added"
	PasskeyRenamed       Kind = "passkey renamed"
	PasskeyRemoved       Kind = "passkey removed"
	PasskeyCopied        Kind = "passkey may be copied" // its count of uses went back
	SignInUnfinished     Kind = "sign-in unfinished"    // the second factor was never given
)

// isFailure tells whether an event is a password or a second factor that was wrong.
func (k Kind) isFailure() bool {
	return k == SignInFailed || k == PasswordRefused || k == SecondFactorRefused
}

// Event is something that happened to a user's account.
type Event struct {
	ID       string  `db:"id"`
	UserID   *string `db:"user_id"` // nil if no user has the username that was entered
	Kind     Kind    `db:"kind"`
	At       Time    `db:"at"`
	Address  string  `db:"address"`
	Browser  string  `db:"browser"`
	AuthorID string  `db:"author_id"` // who did it to the user; empty: the user
	Author   string  `db:"author"`    // the author's username, or "removed user"
	Known    bool    `db:"known"`     // no warning: a wrong password in a browser with which this account has signed in before, or what somebody has vouched for
	Device   string  `db:"device"`    // of a new browser, or one that changed the second factors: hash of its ID, as in sessions
	Count    int     `db:"count"`     // how many events within a minute this row counts
	Detail   string  `db:"detail"`    // of a sign-in: how; of a factor: which
	Name     string  `db:"name"`      // username of the user
}

// selectEvents reads events with the names of their users and authors. A name is
// stored only with its user, so that it is gone once that user is removed.
const selectEvents = `SELECT e.id, e.user_id, e.kind, e.at, e.address, e.browser, e.author_id, e.known, e.count, e.detail,
		CASE WHEN e.author_id IN ('', '` + byCommandLine + `') THEN e.author_id ELSE COALESCE(a.name, 'removed user') END AS author,
		COALESCE(u.name, '') AS name
	FROM events e LEFT JOIN users a ON a.id = e.author_id LEFT JOIN users u ON u.id = e.user_id`

// EventFilter selects events. The zero value selects all.
type EventFilter struct {
	UserID string
	Name   string // words of the username and the full name
	Kind   Kind
	Cursor Cursor
}

// Events returns events, newest first, at most limit.
func (db *DB) Events(ctx context.Context, filter EventFilter, limit int) ([]Event, error) {
	var events []Event
	statement, args := filter.statement(limit)
	err := db.SQL.SelectContext(ctx, &events, statement, args...)
	return inOrder(events, filter.Cursor), err
}

func (f EventFilter) statement(limit int) (statement string, args []any) {
	where := database.Conditions{}
	where.Add(f.UserID != "", `e.user_id = `, f.UserID)
	where.Add(f.Kind != "", `e.kind = `, f.Kind)
	where.AddText(f.Name, `u.search_key`)
	orderBy := where.AddCursor(database.Order{ID: `e.id`, Descending: true}, f.Cursor)
	return selectEvents + where.Where() + orderBy + ` LIMIT ` + where.Place(limit), where.Values
}

// rowsAtATime is how many rows one query reads where all are needed.
const rowsAtATime = 500

// EachEvent calls do with each event, newest first. No transaction and no connection
// is held during the calls.
func (db *DB) EachEvent(ctx context.Context, filter EventFilter, do func(*Event) error) error {
	for {
		events, err := db.Events(ctx, filter, rowsAtATime)
		if err != nil {
			return err
		}
		for i := range events {
			if err := do(&events[i]); err != nil {
				return err
			}
		}
		if len(events) < rowsAtATime {
			return nil
		}
		filter.Cursor = Cursor{ID: events[len(events)-1].ID}
	}
}

// record adds an event to a transaction. The user may be nil; the details are joined.
type record func(kind Kind, user *User, details ...string) error

// writeWithEvents runs change in one transaction with the events it records, and
// logs them after the commit. It returns ErrNotAdmin if the author is no longer an
// administrator.
func (db *DB) writeWithEvents(ctx context.Context, from ClientInfo, change func(*sqlx.Tx, record) error) error {
	type line struct {
		kind   Kind
		name   string
		detail string
	}
	var happened []line
	var author string
	err := db.Write(ctx, func(tx *sqlx.Tx) (err error) {
		happened = nil // of a try before
		if author, err = db.authorName(ctx, tx, from); err != nil {
			return err
		}
		return change(tx, func(kind Kind, user *User, details ...string) error {
			event := Event{Detail: strings.Join(details, ", "), ID: database.NewRowID(), Kind: kind, At: db.Time(), Address: from.Address, Browser: from.Browser, AuthorID: from.Author, Count: 1}
			event.Known = kind.isFailure() && kind != SecondFactorRefused && from.Device != ""
			event.Device = from.Changing
			if kind == NewBrowser {
				event.Device = from.NewDevice
			}
			name := "(nobody)"
			if user != nil {
				event.UserID, name = &user.ID, user.Name
			}
			happened = append(happened, line{kind, name, event.Detail})
			if user != nil {
				err = lockUser(ctx, tx, user.ID)
			} else {
				err = db.LockRule(ctx, tx, "events of nobody")
			}
			if err != nil {
				return err
			}
			return addEvent(ctx, tx, event)
		})
	})
	if err != nil {
		return err
	}
	for _, line := range happened {
		about := []any{"user", line.name, "author", author, "address", from.Address, "browser", from.Browser, "request", from.Request}
		if line.detail != "" {
			about = append(about, "detail", line.detail)
		}
		db.Log.Info(string(line.kind), about...)
	}
	return nil
}

// addEvent adds an event, or counts it in the row of a similar one that is less than
// a minute old, which no other transaction adds or counts meanwhile. Each device has rows
// of its own, since alarms tell devices apart. Failed sign-ins with unknown usernames get
// that number of rows per hour, not per minute, because anybody can cause as many as the
// server can hash. A failed sign-in is not counted in a row from before the user's latest
// sign-in, because the dashboard shows the failures since then.
func addEvent(ctx context.Context, tx *sqlx.Tx, event Event) error {
	since := event.At.Add(-repeatWithin)
	if event.UserID == nil && event.Kind == SignInFailed {
		since = event.At.Truncate(time.Hour).Add(-time.Second) // so that each hour has its own count
	}
	where := database.Conditions{}
	where.AddIf(event.UserID == nil, `user_id IS NULL`)
	where.Add(event.UserID != nil, `user_id = `, event.UserID)
	where.Add(true, `kind = `, event.Kind)
	where.Add(true, `author_id = `, event.AuthorID)
	where.Add(true, `known = `, event.Known)
	where.Add(true, `detail = `, event.Detail)
	where.Add(true, `device = `, event.Device)
	where.Add(true, `at > `, Time{Time: since})
	where.Add(true, `at <= `, event.At) // the clock may have been set back
	if event.Kind.isFailure() && event.UserID != nil {
		where.AddIf(true, `at >= (SELECT COALESCE(MAX(s.at), 0) FROM events s WHERE s.user_id = `+where.Place(event.UserID)+` AND s.kind = `+where.Place(SignedIn)+`)`)
	}
	var recent []Event
	err := tx.SelectContext(ctx, &recent, `SELECT id, address, browser FROM events`+where.Where()+` ORDER BY id DESC LIMIT `+where.Place(eventsPerMinute), where.Values...)
	if err != nil {
		return err
	}
	like := slices.IndexFunc(recent, func(e Event) bool {
		return e.Address == event.Address && e.Browser == event.Browser
	})
	if like < 0 && len(recent) == eventsPerMinute {
		like = 0
	}
	if like >= 0 {
		return database.ExecOne(ctx, tx, `UPDATE events SET count = count + 1 WHERE id = $1`, recent[like].ID)
	}
	return insertEvent(ctx, tx, event)
}

func insertEvent(ctx context.Context, tx *sqlx.Tx, event Event) error {
	_, err := tx.NamedExecContext(ctx,
		`INSERT INTO events (id, user_id, kind, at, address, browser, author_id, known, device, count, detail) VALUES (:id, :user_id, :kind, :at, :address, :browser, :author_id, :known, :device, :count, :detail)`, event)
	return err
}
