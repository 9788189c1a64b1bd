package models

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Session is one sign-in that is still valid.
type Session struct {
	ID      string `db:"id"`     // hash of the cookie's session ID: nobody can sign in with it, so it may be part of a URL
	Signer  string `db:"signer"` // fingerprint of the secret that signed the cookie
	Address string `db:"address"`
	Browser string `db:"browser"`
	Version string `db:"version"` // of the browser; empty: unknown
	Device  string `db:"device"`  // hash of the browser's ID; empty: unknown
	Named   string `db:"named"`   // what the user calls the device
	Created Time   `db:"created"`
	Seen    Time   `db:"seen"`
	Expires Time   `db:"expires"`
	Method  Method `db:"method"` // how its user signed in
	Flash   bool   `db:"flash"`  // a message is among its values, for the next page
	User    User   `db:"user"`
	Place   Cursor `db:"place"` // in the list; only SearchSessions fills it in

	// Only Session fills these in:
	Payload []byte `db:"payload"`  // what Fiber's store keeps for it
	NextEnd Time   `db:"next_end"` // when the first of the user's sessions expires
}

// FlashValue is the name of the value that is shown once, on the next page.
const FlashValue = "flash"

const sessionColumns = `s.id, s.signer, s.address, s.browser, s.version, s.device, s.created, s.seen, s.expires, s.method,
	COALESCE((SELECT d.name FROM devices d WHERE d.user_id = s.user_id AND d.id = s.device), '') AS named,
	EXISTS (SELECT 1 FROM session_values v WHERE v.session_id = s.id AND v.name = '` + FlashValue + `') AS flash, ` + userOfOther

// userOfOther are the columns of a user who is read with another row.
const userOfOther = `u.id AS "user.id", u.name AS "user.name", u.full_name AS "user.full_name", u.role AS "user.role",
	u.disabled AS "user.disabled", u.created AS "user.created", u.theme AS "user.theme", u.last_active AS "user.last_active", u.password AS "user.password", u.version AS "user.version",
	u.factors AS "user.factors", u.factor_due AS "user.factor_due"`

const sessionExtraColumns = `,
	(SELECT p.v FROM ` + database.PayloadTable + ` p WHERE p.k = s.id) AS payload,
	(SELECT MIN(o.expires) FROM sessions o WHERE o.user_id = s.user_id AND o.expires > $1) AS next_end`

const sessionTables = `
	FROM sessions s JOIN users u ON u.id = s.user_id`

// SignIn describes a session to begin.
type SignIn struct {
	ID       string        // of the new session
	Replaces string        // ID of the session this browser had before, if any
	User     *User         // as Authenticate returned it
	Signer   string        // fingerprint of the secret that signs the cookie
	Lifetime time.Duration // from now on, absolute
	From     ClientInfo
	Device   string         // hash of the browser's ID for this user
	Mistyped int            // failures of this very browser just before, as its form counts them
	Method   Method         // the first factor
	Factor   *Factor        // the second one, which was checked; nil: none
	Pending  *PendingSignIn // that this completes; nil: none
}

// AddSession begins the session of a sign-in, and ends the one it replaces and those
// beyond MaxSessions. In the same transaction it uses up the second factor, and takes
// the pending sign-in away: of several that finish it at once, one gets a session. It
// returns ErrFactorOwed if the user owes a second factor and none was given; ErrRefused
// if the user was disabled, removed, or given another password, role or factor since
// the first one was verified, or if the second counts no more; and ErrNotFound if the
// pending sign-in has ended.
func (db *DB) AddSession(ctx context.Context, in SignIn) (*Session, error) {
	if in.Factor == nil && db.Owes(in.User) != OwesNothing || in.Method == ByPasskey && !in.Factor.Alone() {
		return nil, ErrFactorOwed
	}
	now := db.Time()
	session := &Session{
		ID: in.ID, Signer: in.Signer, Address: in.From.Address, Browser: in.From.Browser, Version: in.From.Version, Device: in.Device,
		Created: now, Seen: now, Expires: Time{Time: now.Add(in.Lifetime)}, User: *in.User,
		Method: in.Method.with(in.Factor),
	}
	err := db.writeWithEvents(ctx, in.From, func(tx *sqlx.Tx, record record) error {
		user := *in.User // which this try changes
		if err := holdUserWithRole(ctx, tx, in.User); errors.Is(err, ErrNotFound) {
			return ErrRefused
		} else if err != nil {
			return err
		}
		if err := finishPending(ctx, tx, in.Pending, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, signer, address, browser, version, device, method, created, seen, expires, user_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			session.ID, session.Signer, session.Address, session.Browser, session.Version, session.Device, session.Method, now, now, session.Expires, in.User.ID)
		if err != nil {
			return err
		}
		if err := in.Factor.useUp(ctx, tx, record, &user, session.ID); err != nil {
			return err
		}
		if err := db.startGrace(ctx, tx, &user); err != nil {
			return err
		}
		if err := setLastActive(ctx, tx, in.User.ID, now); err != nil {
			return err
		}
		if err := useDevice(ctx, tx, in.User, in.Device, now); err != nil {
			return err
		}
		if in.Replaces != "" {
			if _, err := endSessions(ctx, tx, `id = $1`, in.Replaces); err != nil {
				return err
			}
		}
		over, err := endSessions(ctx, tx, `id IN (SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 AND expires > $3 ORDER BY seen DESC, created DESC, id LIMIT $4 OFFSET $5)`,
			in.User.ID, session.ID, now, math.MaxInt32, MaxSessions-1)
		if err != nil {
			return err
		}
		if over > 0 {
			if err := record(SessionDisplaced, in.User); err != nil {
				return err
			}
		}
		if err := excuseMistyping(ctx, tx, session, in); err != nil {
			return err
		}
		if err := recordNewBrowser(ctx, tx, in, record); err != nil {
			return err
		}
		session.User = user
		return record(SignedIn, in.User, string(session.Method))
	})
	if err != nil {
		return nil, err
	}
	return session, nil
}

// ErrIdle says that a session was not used for longer than the limit, as far as this
// process knows. It is an ErrNotFound.
var ErrIdle = fmt.Errorf("idle: %w", ErrNotFound)

// Session returns the session with this ID and its user. It returns ErrNotFound if
// there is none, it has expired, or its user may not sign in; and ErrIdle for one that
// EndIdle has to be asked about, since another process may have seen it later.
func (db *DB) Session(ctx context.Context, id string) (*Session, error) {
	found, err := db.readSessions(ctx, sessionColumns+sessionExtraColumns+sessionTables+` WHERE s.expires > $1 AND s.id = $2 AND NOT u.disabled`, db.Time(), id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || db.overdue(&found[0]) {
		return nil, ErrNotFound
	}
	if db.idle(&found[0]) {
		return nil, ErrIdle
	}
	return &found[0], nil
}

// Valid tells whether a session that was read earlier is still valid, judged by time
// alone.
func (db *DB) Valid(session *Session) bool {
	return session.Expires.After(db.Time().Time) && !db.idle(session) && !db.overdue(session)
}

// addLive asks for sessions that are valid, judged by time alone.
func (db *DB) addLive(where *database.Conditions, prefix string) {
	where.Add(true, prefix+`expires > `, db.Time())
	where.Add(db.Idle > 0, prefix+`seen >= `, db.lastIdle())
}

// SessionsOf returns the valid sessions of a user, last seen first, at most
// limit, and how many more there are.
func (db *DB) SessionsOf(ctx context.Context, user *User, limit int) (some []Session, more int, err error) {
	return db.someSessions(ctx, user, "", limit)
}

// OtherSessions returns what SessionsOf does, without the session mine.
func (db *DB) OtherSessions(ctx context.Context, mine *Session, limit int) (some []Session, more int, err error) {
	return db.someSessions(ctx, &mine.User, mine.ID, limit)
}

func (db *DB) someSessions(ctx context.Context, user *User, except string, limit int) (some []Session, more int, err error) {
	where := database.Conditions{}
	db.addLive(&where, `s.`)
	where.AddIf(true, `NOT u.disabled`)
	where.Add(true, `s.user_id = `, user.ID)
	where.Add(true, `s.id <> `, except)
	which, args := where.Where(), where.Values
	some, err = db.sessions(ctx, which+` ORDER BY s.seen DESC, s.created DESC LIMIT `+where.Place(limit), where.Values...)
	if err == nil && len(some) == limit {
		err = db.SQL.GetContext(ctx, &more, `SELECT COUNT(*)`+sessionTables+which, args...)
		more = max(0, more-limit)
	}
	return some, more, err
}

// SessionFilter selects and sorts sessions. The zero value selects all, last seen first.
type SessionFilter struct {
	UserID  string
	Text    string // words of the user, the address and the browser
	State   string // "used" recently, "unused" since, or "ending" soon
	Created Span
	Sort    Sort // by user, created or seen
	Cursor  Cursor
}

var sessionOrders = orders{
	"user":    {Column: `u.name_key`, ID: `s.id`},
	"created": {Column: `s.created`, ID: `s.id`, Number: true},
	"seen":    {Column: `s.seen`, ID: `s.id`, Number: true},
}

func (db *DB) sessionConditions(filter SessionFilter) (where database.Conditions) {
	db.addLive(&where, `+s.`) // the plus keeps SQLite from sorting all live sessions for one page
	where.AddIf(true, `NOT u.disabled`)
	where.Add(filter.UserID != "", `s.user_id = `, filter.UserID)
	now := db.Time()
	where.Add(filter.State == "used", `s.seen >= `, Time{Time: now.Add(-InUseWithin)})
	where.Add(filter.State == "unused", `s.seen < `, Time{Time: now.Add(-InUseWithin)})
	where.Add(filter.State == "ending", `s.expires <= `, Time{Time: now.Add(EndsSoonWithin)})
	filter.Created.addTo(&where, `s.created`)
	where.AddText(filter.Text, `u.search_key`, `s.address`, `lower(s.browser)`)
	return where
}

// SearchSessions returns valid sessions, at most limit.
func (db *DB) SearchSessions(ctx context.Context, filter SessionFilter, limit int) ([]Session, error) {
	where := db.sessionConditions(filter)
	if strings.TrimPrefix(string(filter.Sort), "-") == "user" && filter.Created == (Span{}) && filter.State == "" && filter.UserID == "" {
		where.AddIf(true, `u.name_key > ''`) // true of all: SQLite then reads users in order, instead of sorting all sessions
	}
	order := sessionOrders.named(filter.Sort, "-seen")
	orderBy := where.AddCursor(order, filter.Cursor)
	sessions, err := db.readInUse(ctx, sessionColumns+`, `+order.Place()+sessionTables+where.Where()+orderBy+` LIMIT `+where.Place(limit), where.Values...)
	return inOrder(sessions, filter.Cursor), err
}

// CountSessions counts the valid sessions that a filter selects, at most MaxCounted.
func (db *DB) CountSessions(ctx context.Context, filter SessionFilter) (int, error) {
	return db.count(ctx, sessionTables, db.sessionConditions(filter))
}

// sessions returns the sessions for which a condition holds and that are not idle. A
// row that can't be read affects only its own session, which is ended.
func (db *DB) sessions(ctx context.Context, condition string, args ...any) ([]Session, error) {
	return db.readInUse(ctx, sessionColumns+sessionTables+condition, args...)
}

// readInUse is readSessions without those that are idle or owe a second factor for too
// long.
func (db *DB) readInUse(ctx context.Context, selection string, args ...any) ([]Session, error) {
	sessions, err := db.readSessions(ctx, selection, args...)
	return slices.DeleteFunc(sessions, func(session Session) bool { return db.idle(&session) || db.overdue(&session) }), err
}

func (db *DB) readSessions(ctx context.Context, selection string, args ...any) ([]Session, error) {
	rows, err := db.SQL.QueryxContext(ctx, `SELECT `+selection, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var valid []Session
	var damaged []string
	for rows.Next() {
		var session Session
		if err := rows.StructScan(&session); errors.Is(err, database.ErrDamaged) {
			columns, err := rows.SliceScan()
			if err != nil {
				return nil, err
			}
			damaged = append(damaged, fmt.Sprint(columns[0]))
			continue
		} else if err != nil {
			return nil, err
		}
		session.Seen = db.lastSeen.later(session.ID, session.Seen)
		valid = append(valid, session)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	return valid, db.endDamaged(ctx, damaged)
}

func (db *DB) endDamaged(ctx context.Context, ids []string) error {
	for _, id := range ids {
		db.Log.Error("a session's row is damaged; the session was ended")
		if err := db.Write(ctx, func(tx *sqlx.Tx) error {
			_, err := endSessions(ctx, tx, `id = $1`, id)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// SignOut ends the session of the user who signs out. It returns ErrNotFound if it has
// ended already.
func (db *DB) SignOut(ctx context.Context, session *Session, from ClientInfo) error {
	return db.endOne(ctx, session, SignedOut, from)
}

// EndSession ends a session for another reason than a sign-out. It returns ErrNotFound
// if it has ended already.
func (db *DB) EndSession(ctx context.Context, session *Session, from ClientInfo) error {
	return db.endOne(ctx, session, SessionEnded, from)
}

func (db *DB) endOne(ctx context.Context, session *Session, kind Kind, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		ended, err := endSessionsOf(ctx, tx, &session.User, `id = $1`, session.ID)
		if err != nil {
			return err
		}
		if ended == 0 {
			return ErrNotFound
		}
		return record(kind, &session.User)
	})
}

// EndSessionOf ends one session of one user. It returns ErrNotFound if that user has
// no such session.
func (db *DB) EndSessionOf(ctx context.Context, user *User, id string, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		ended, err := endSessionsOf(ctx, tx, user, `id = $1 AND user_id = $2`, id, user.ID)
		if err != nil {
			return err
		}
		if ended == 0 {
			return ErrNotFound
		}
		return record(SessionEnded, user)
	})
}

// SessionsByID returns those sessions of some that are valid, last seen first; with a
// user, only those of that user.
func (db *DB) SessionsByID(ctx context.Context, ids []string, of *User) ([]Session, error) {
	where := database.Conditions{}
	db.addLive(&where, `s.`)
	where.AddIf(true, `NOT u.disabled`)
	where.AddIn(`s.id`, ids)
	if of != nil {
		where.Add(true, `s.user_id = `, of.ID)
	}
	return db.sessions(ctx, where.Where()+` ORDER BY s.seen DESC, s.id`, where.Values...)
}

// EndSessions ends those sessions of some that are left when it writes, and returns how
// many; with a user, only those of that user.
func (db *DB) EndSessions(ctx context.Context, ids []string, of *User, from ClientInfo) (ended int, err error) {
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		ended = 0
		where := database.Conditions{}
		where.AddIn(`s.id`, ids)
		if of != nil {
			where.Add(true, `s.user_id = `, of.ID)
		}
		var found []struct {
			ID   string
			User User
		}
		if err := tx.SelectContext(ctx, &found, `SELECT s.id, u.id AS "user.id", u.name AS "user.name"`+sessionTables+where.Where()+` ORDER BY u.id, s.id`, where.Values...); err != nil {
			return err
		}
		for _, session := range found {
			count, err := endSessionsOf(ctx, tx, &session.User, `id = $1`, session.ID)
			if err != nil {
				return err
			}
			if count == 0 { // meanwhile
				continue
			}
			if err := record(SessionEnded, &session.User); err != nil {
				return err
			}
			ended++
		}
		return nil
	})
	return ended, err
}

// EndOtherSessions ends all sessions of a user except this one, and the user's
// password links.
func (db *DB) EndOtherSessions(ctx context.Context, mine *Session, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		ended, err := endAccess(ctx, tx, &mine.User, mine.ID)
		if err != nil || ended == 0 {
			return err
		}
		return record(SessionEnded, &mine.User)
	})
}

// EndSessionsOf ends all sessions and password links of a user, and returns how many
// sessions there were.
func (db *DB) EndSessionsOf(ctx context.Context, user *User, from ClientInfo) (ended int64, err error) {
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if ended, err = endAccess(ctx, tx, user, ""); err != nil || ended == 0 {
			return err
		}
		return record(SessionEnded, user)
	})
	return ended, err
}

// EndAllSessions ends all sessions and password links of all users, and returns how
// many sessions there were.
func (db *DB) EndAllSessions(ctx context.Context, from ClientInfo) (ended int64, err error) {
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if ended, err = endAccess(ctx, tx, nil, ""); err != nil {
			return err
		}
		return record(AllSessionsEnded, nil)
	})
	return ended, err
}

// endAccess ends everything that gives access to a user's account besides the
// password: all sessions, except the one with this ID, pending sign-ins, and the links
// that set a password. It returns how many sessions there were. A nil user means all users.
// Whatever ends sessions for security calls it, because a thief who has a session may
// have a link as well.
func endAccess(ctx context.Context, tx *sqlx.Tx, user *User, except string) (int64, error) {
	if user == nil {
		for _, table := range []string{"links", "pending_sign_ins"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table); err != nil {
				return 0, err
			}
		}
		return endSessions(ctx, tx, `id <> $1`, except)
	}
	if err := lockUser(ctx, tx, user.ID); err != nil {
		return 0, err
	}
	for _, table := range []string{"links", "pending_sign_ins"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE user_id = $1`, user.ID); err != nil {
			return 0, err
		}
	}
	return endSessions(ctx, tx, `user_id = $1 AND id <> $2`, user.ID, except)
}

// endSessionsOf is endSessions for one user's sessions. It locks the user first, as
// AddSession does, so that of a sign-in and a sign-out one waits for the other.
func endSessionsOf(ctx context.Context, tx *sqlx.Tx, user *User, condition string, args ...any) (int64, error) {
	if err := lockUser(ctx, tx, user.ID); err != nil {
		return 0, err
	}
	return endSessions(ctx, tx, condition, args...)
}

// endSessionsOfMany is endSessions for the sessions of many users, whom it locks first.
func endSessionsOfMany(ctx context.Context, tx *sqlx.Tx, condition string, args ...any) error {
	var users []string
	if err := tx.SelectContext(ctx, &users, `SELECT DISTINCT user_id FROM sessions WHERE `+condition+` ORDER BY user_id`, args...); err != nil {
		return err
	}
	for _, user := range users {
		if err := lockUser(ctx, tx, user); err != nil {
			return err
		}
	}
	_, err := endSessions(ctx, tx, condition, args...)
	return err
}

// endSessions ends the sessions for which condition holds, with everything stored in
// them, and returns how many there were. Besides Sweep, nothing else deletes sessions:
// what has to happen when one ends belongs here. Whoever ends those of one user calls
// endSessionsOf, and whoever ends those of many endSessionsOfMany.
func endSessions(ctx context.Context, tx *sqlx.Tx, condition string, args ...any) (int64, error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM `+database.PayloadTable+` WHERE k IN (SELECT id FROM sessions WHERE `+condition+`)`, args...); err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE `+condition, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// SessionID is another ID for a session.
type SessionID struct {
	ID     string // hash of the cookie's session ID
	Signer string // fingerprint of the secret that signs the cookie
	Root   string // becomes the value RootValue
}

// RootValue is the name of the value that keys of a session with another ID than at first
// are derived from. It is encrypted with a key that only the cookie has.
const RootValue = "root of keys"

// renameSession gives a session another ID and deletes what the session store has
// under the old one.
func renameSession(ctx context.Context, tx *sqlx.Tx, from string, to SessionID) error {
	if err := database.ExecOne(ctx, tx, `UPDATE sessions SET id = $1, signer = $2 WHERE id = $3`, to.ID, to.Signer, from); err != nil {
		return err
	}
	if err := setValue(ctx, tx, to.ID, RootValue, to.Root); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM `+database.PayloadTable+` WHERE k = $1`, from)
	return err
}

// Signers returns how many valid sessions each secret signs, by the fingerprint of the secret.
func (db *DB) Signers(ctx context.Context) (map[string]int, error) {
	var counted []struct {
		Signer string
		Count  int
	}
	where := database.Conditions{}
	db.addLive(&where, ``)
	if err := db.SQL.SelectContext(ctx, &counted, `SELECT signer, COUNT(*) AS count FROM sessions`+where.Where()+` GROUP BY signer`, where.Values...); err != nil {
		return nil, err
	}
	signers := make(map[string]int)
	for _, row := range counted {
		signers[row.Signer] = row.Count
	}
	return signers, nil
}

// SetSigner stores which secret signs a session's cookie from now on.
func (db *DB) SetSigner(ctx context.Context, session *Session, signer string) error {
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil {
			return err
		}
		return database.ExecOne(ctx, tx, `UPDATE sessions SET signer = $1 WHERE id = $2`, signer, session.ID)
	})
}
