package models

import (
	"context"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// alarming are the kinds of event that the user's other sessions are warned of: sign-ins
// with new browsers, and changes to the second factors that were there already.
const alarming = `'` + string(NewBrowser) + `', '` + string(AppAdded) + `', '` + string(AppReplaced) + `', '` + string(AppRemoved) +
	`', '` + string(PasskeyAdded) + `', '` + string(PasskeyRemoved) + `', '` + string(RecoveryCodesMade) + `'`

// newBrowserOf reads the latest sign-in that made a session's own browser a new one, unless
// somebody has vouched for it.
const newBrowserOf = `SELECT MAX(o.id) FROM events o WHERE o.user_id = $1 AND o.kind = '` + string(NewBrowser) + `' AND NOT o.known AND o.device = $2`

// unansweredAlarms reads what a session is warned of. Somebody with a stolen password must
// not vouch for what they did themselves. So a session is not warned of what its own
// browser did and, until somebody has vouched for that one, of nothing earlier either.
const unansweredAlarms = selectEvents + ` WHERE e.user_id = $1 AND e.kind IN (` + alarming + `) AND NOT e.known AND e.device <> $2 AND e.device <> ''
	AND e.dismissed_by <> $2 AND e.id > COALESCE((` + newBrowserOf + `), '')`

// alarms returns what a session is warned of, newest first.
func alarms(ctx context.Context, from sqlx.QueryerContext, session *Session) (events []Event, err error) {
	err = sqlx.SelectContext(ctx, from, &events, unansweredAlarms+` ORDER BY e.id DESC LIMIT $3`, session.User.ID, session.Device, alarmsShown)
	return events, err
}

// recordNewBrowser records the sign-in of a session with a browser that its user has
// not used before. Before the first sign-in there was no session to warn.
func recordNewBrowser(ctx context.Context, tx *sqlx.Tx, in SignIn, record record) error {
	if in.From.NewDevice == "" {
		return nil
	}
	var before bool
	err := tx.GetContext(ctx, &before, `SELECT EXISTS (SELECT 1 FROM events WHERE user_id = $1 AND kind = $2)`, in.User.ID, SignedIn)
	if err != nil || !before {
		return err
	}
	return record(NewBrowser, in.User)
}

// AnswerAlarm vouches for a sign-in with a new browser, or for a change to the second
// factors, by the ID of its event. A session whose own browser is a new one that nobody has
// vouched for dismisses the warning for that browser alone: two of them must not vouch for
// each other. It returns ErrNotFound if the session is not warned of such an event.
func (db *DB) AnswerAlarm(ctx context.Context, session *Session, event string, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil { // of several that answer at once, one does
			return err
		}
		var unanswered []Event
		if err := tx.SelectContext(ctx, &unanswered, unansweredAlarms+` AND e.id = $3`, session.User.ID, session.Device, event); err != nil {
			return err
		}
		if len(unanswered) == 0 {
			return ErrNotFound
		}
		err := database.ExecOne(ctx, tx, `UPDATE events SET known = (`+newBrowserOf+`) IS NULL, dismissed_by = $2 WHERE id = $3`, session.User.ID, session.Device, event)
		if err != nil {
			return err
		}
		if unanswered[0].Kind == NewBrowser {
			return record(NewBrowserConfirmed, &session.User)
		}
		return record(FactorsConfirmed, &session.User, string(unanswered[0].Kind))
	})
}

// answerNewBrowsers ends the warnings of new browsers: a new password has ended their
// sessions. It has not undone what they changed.
func answerNewBrowsers(ctx context.Context, tx *sqlx.Tx, user *User) error {
	_, err := tx.ExecContext(ctx, `UPDATE events SET known = TRUE WHERE user_id = $1 AND kind = $2 AND NOT known`, user.ID, NewBrowser)
	return err
}
