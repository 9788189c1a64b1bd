package models

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// SignInCount is how many sign-ins succeeded and failed within a span of time.
type SignInCount struct {
	From              Time
	Succeeded, Failed int
}

// CountSignIns counts the sign-ins of the last slots spans of time, oldest first,
// including the current one. A nil user means all users.
func (db *DB) CountSignIns(ctx context.Context, user *User, span time.Duration, slots int) ([]SignInCount, error) {
	size := int64(span.Seconds())
	present := db.Time().Unix() / size * size
	first := present - int64(slots-1)*size
	counts := make([]SignInCount, slots)
	for i := range counts {
		counts[i].From = Time{Time: time.Unix(first+int64(i)*size, 0).UTC()}
	}
	where := database.Conditions{}
	origin, width := where.Place(first), where.Place(size)
	where.Add(true, `at >= `, first)
	where.AddIf(true, `kind IN ('`+string(SignedIn)+`', '`+string(SignInFailed)+`')`)
	if user != nil {
		where.Add(true, `user_id = `, user.ID)
	}
	var rows []struct {
		Kind  Kind
		Slot  int
		Count int
	}
	err := db.SQL.SelectContext(ctx, &rows, `SELECT kind, (at - `+origin+`) / `+width+` AS slot, CAST(SUM(count) AS BIGINT) AS count FROM events`+where.Where()+` GROUP BY kind, slot`, where.Values...)
	if err != nil {
		return nil, fmt.Errorf("count sign-ins: %w", err)
	}
	for _, row := range rows {
		if row.Slot >= slots {
			continue // the clock was set back
		}
		if row.Kind == SignedIn {
			counts[row.Slot].Succeeded = row.Count
		} else {
			counts[row.Slot].Failed = row.Count
		}
	}
	return counts, nil
}

// Attention is what a user should check.
type Attention struct {
	// Failed sign-ins, and wrong passwords where a session asked again, since the
	// previous sign-in, with browsers with which this account has not signed in.
	Failed, Refused int
	Alarms          []Event // sign-ins with new browsers, and changes to the second factors, that the user has not vouched for, at most alarmsShown
	Unfinished      int     // sign-ins with the right password and no right code since then, from AlarmingCodes on
	Resets          int     // how often somebody else has removed the second factor since then
	since           Time    // the previous sign-in
}

// Failures is how many wrong passwords the user should check.
func (a Attention) Failures() int { return a.Failed + a.Refused }

// mistypedValue is the value of a session that says how many failures its own browser
// had just before.
const mistypedValue = "mistyped"

// excuseMistyping stores in a new session how many failures are its own: as many as its
// form counted, with its address and browser. They alarm every other session of the
// user, since whoever knows a password may have guessed it.
func excuseMistyping(ctx context.Context, tx *sqlx.Tx, session *Session, in SignIn) error {
	if in.Mistyped <= 0 {
		return nil
	}
	var failed int
	err := tx.GetContext(ctx, &failed, `SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM events
		WHERE user_id = $1 AND kind = $2 AND address = $3 AND browser = $4 AND at >= $5 AND NOT known`,
		in.User.ID, SignInFailed, in.From.Address, in.From.Browser, Time{Time: session.Created.Add(-mistypingWithin)})
	if err != nil || failed == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO session_values (session_id, name, value) VALUES ($1, $2, $3)`,
		session.ID, mistypedValue, strconv.Itoa(min(failed, in.Mistyped, maxMistyping)))
	return err
}

// Acknowledge records that the failures that NeedsAttention counts are the user's own.
// It returns ErrNotFound if they are not those that the user was shown.
func (db *DB) Acknowledge(ctx context.Context, session *Session, shown int, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil { // no failure is added that was not shown
			return err
		}
		attention, err := needsAttention(ctx, tx, session)
		if err != nil {
			return err
		}
		if shown == 0 || shown != attention.Failures() {
			return ErrNotFound
		}
		_, err = tx.ExecContext(ctx, `UPDATE events SET known = TRUE WHERE user_id = $1 AND kind IN ($2, $3) AND at >= $4 AND NOT known`,
			session.User.ID, SignInFailed, PasswordRefused, attention.since)
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM session_values WHERE session_id = $1 AND name = $2`, session.ID, mistypedValue); err != nil {
			return err
		}
		return record(FailuresAcknowledged, &session.User)
	})
}

// NeedsAttention returns what the user of a session should check.
func (db *DB) NeedsAttention(ctx context.Context, session *Session) (Attention, error) {
	attention, err := needsAttention(ctx, db.SQL, session)
	if err != nil {
		return Attention{}, err
	}
	attention.Alarms, err = alarms(ctx, db.SQL, session)
	return attention, err
}

func needsAttention(ctx context.Context, from sqlx.QueryerContext, session *Session) (Attention, error) {
	var attention Attention
	err := sqlx.GetContext(ctx, from, &attention.since, `SELECT COALESCE(MAX(at), 0) FROM events WHERE user_id = $1 AND kind = $2 AND at < $3`,
		session.User.ID, SignedIn, session.Created)
	if err != nil || attention.since.Unix() == 0 { // before the first sign-in there was no visit
		return Attention{}, err
	}
	var counted []struct {
		Kind  Kind
		Count int
	}
	err = sqlx.SelectContext(ctx, from, &counted, `SELECT kind, CAST(SUM(count) AS BIGINT) AS count FROM events
		WHERE user_id = $1 AND kind IN ($2, $3, $4, $5, $6) AND at >= $7 AND NOT known GROUP BY kind`,
		session.User.ID, SignInFailed, PasswordRefused, SecondFactorRefused, SignInUnfinished, SecondFactorReset, attention.since)
	if err != nil {
		return Attention{}, err
	}
	for _, row := range counted {
		switch row.Kind {
		case SignInFailed:
			attention.Failed = row.Count
		case PasswordRefused:
			attention.Refused = row.Count
		case SecondFactorReset:
			attention.Resets = row.Count
		default:
			attention.Unfinished += row.Count
		}
	}
	if attention.Unfinished < AlarmingCodes { // which may be the user's own
		attention.Unfinished = 0
	}
	if attention.Failed == 0 {
		return attention, nil
	}
	var own int
	err = sqlx.GetContext(ctx, from, &own, `SELECT COALESCE(MAX(CAST(value AS BIGINT)), 0) FROM session_values WHERE session_id = $1 AND name = $2`,
		session.ID, mistypedValue)
	attention.Failed = max(0, attention.Failed-own)
	return attention, err
}

// System is the state of the installation.
type System struct {
	Users, Disabled, Sessions int
	Protected                 int   // users with a second factor
	Owing                     int   // users who owe one
	Size                      int64 // of the database, in bytes
	Throttled                 int64 // sign-ins of this process since its start
	Waiting                   int64 // and those in the queue of its limiter
}

// System returns the state of the installation.
func (db *DB) System(ctx context.Context) (System, error) {
	system := System{Throttled: db.throttled.Load(), Waiting: db.limiter.Waiting()}
	where := database.Conditions{}
	db.addLive(&where, ``)
	var err error
	if system.Size, err = db.Size(ctx); err != nil {
		return system, err
	}
	err = db.SQL.GetContext(ctx, &system, `SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM users WHERE disabled) AS disabled,
		(SELECT COUNT(*) FROM sessions`+where.Where()+`) AS sessions`, where.Values...)
	if err != nil {
		return System{}, err
	}
	factors, err := db.factorUse(ctx)
	system.Protected, system.Owing = factors.protected, factors.owing
	return system, err
}
