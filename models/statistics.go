package models

import (
	"context"
	"fmt"
	"time"

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

// Attention is what a user should check after signing in.
type Attention struct {
	Failed     int  // failed sign-ins since the previous sign-in, with browsers with which this account has not signed in
	NewBrowser bool // the account has not signed in with such a browser before
}

// NeedsAttention returns what the user of a session should check.
func (db *DB) NeedsAttention(ctx context.Context, session *Session) (Attention, error) {
	var before struct {
		Last  Time
		Known bool
	}
	err := db.SQL.GetContext(ctx, &before, `SELECT COALESCE(MAX(at), 0) AS last, COALESCE(MAX(CASE WHEN browser = $1 THEN 1 ELSE 0 END), 0) AS known
		FROM events WHERE user_id = $2 AND kind = $3 AND at < $4`, session.Browser, session.User.ID, SignedIn, session.Created)
	if err != nil || before.Last.Unix() == 0 { // the first sign-in has nothing to compare with
		return Attention{}, err
	}
	attention := Attention{NewBrowser: !before.Known}
	err = db.SQL.GetContext(ctx, &attention.Failed, `SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM events WHERE user_id = $1 AND kind = $2 AND at >= $3 AND NOT known`,
		session.User.ID, SignInFailed, before.Last)
	return attention, err
}

// System is the state of the installation.
type System struct {
	Users, Disabled, Sessions int
	Size                      int64 // of the database and its log, in bytes
	Failed, Throttled         int64 // sign-ins since the start
	Waiting                   int64 // sign-ins in the queue of the limiter
}

// System returns the state of the installation.
func (db *DB) System(ctx context.Context) (System, error) {
	system := System{Failed: db.failed.Load(), Throttled: db.throttled.Load(), Waiting: db.limiter.Waiting(), Size: db.Size()}
	where := database.Conditions{}
	db.addLive(&where, ``)
	err := db.SQL.GetContext(ctx, &system, `SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM users WHERE disabled) AS disabled,
		(SELECT COUNT(*) FROM sessions`+where.Where()+`) AS sessions`, where.Values...)
	return system, err
}
