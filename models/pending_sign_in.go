package models

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// Owed is what a sign-in waits for.
type Owed string

// What may be owed after the first factor.
const (
	OwesNothing      Owed = ""
	OwesSecondFactor Owed = "second factor"
	OwesEnrolment    Owed = "enrolment" // of the second factor that is required
)

// Owes returns what a user still owes who has just given the first factor.
func (db *DB) Owes(user *User) Owed {
	if user.HasSecondFactor() {
		return OwesSecondFactor
	}
	if due, owes := db.FactorDueBy(user); owes && !due.After(db.Time().Time) {
		return OwesEnrolment
	}
	return OwesNothing
}

// PendingSignIn is a sign-in between its factors.
type PendingSignIn struct {
	ID       string `db:"id"` // hash of what the cookie holds
	Kind     Owed   `db:"kind"`
	Method   Method `db:"method"` // the first factor
	State    string `db:"state"`
	Next     string `db:"next"`     // the page to lead to
	Form     string `db:"form"`     // one that continues after the sign-in, encrypted
	Secret   string `db:"held"`     // what the next step needs, encrypted
	Mistyped int    `db:"mistyped"` // as in SignIn
	Tries    int    `db:"tries"`    // wrong answers
	Address  string `db:"address"`
	Browser  string `db:"browser"`
	Expires  Time   `db:"expires"`
	User     User   `db:"user"`
}

// state is the hash of what a pending sign-in relies on: while it stays the same, the
// user has the same password, factors and role.
func (u *User) state() string {
	sum := sha256.Sum256([]byte(password.PHC(u.Password) + "\x00" + u.Factors + "\x00" + string(u.Role)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// AddPendingSignIn stores that the first factor of a user was right. It fills in when
// that expires. It returns ErrRefused if the user was disabled, removed, or given another
// password, role or factor meanwhile.
func (db *DB) AddPendingSignIn(ctx context.Context, pending *PendingSignIn) error {
	user := &pending.User
	pending.State, pending.Expires = user.state(), Time{Time: db.Time().Add(PendingFor)}
	err := db.Write(ctx, func(tx *sqlx.Tx) error {
		return database.ExecOne(ctx, tx, `INSERT INTO pending_sign_ins (id, kind, method, state, next, form, held, mistyped, tries, address, browser, expires, user_id)
			SELECT $1, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT), 0, $9, $10, CAST($11 AS BIGINT), id FROM users
			WHERE id = $12 AND password = $13 AND role = $14 AND factors = $15 AND NOT disabled`,
			pending.ID, pending.Kind, pending.Method, pending.State, pending.Next, pending.Form, pending.Secret, pending.Mistyped, pending.Address, pending.Browser, pending.Expires,
			user.ID, password.PHC(user.Password), user.Role, user.Factors)
	})
	if errors.Is(err, ErrNotFound) {
		return ErrRefused
	}
	return err
}

const pendingColumns = `p.id, p.kind, p.method, p.state, p.next, p.form, p.held, p.mistyped, p.tries, p.address, p.browser, p.expires, ` + userOfOther

// PendingSignIn returns a pending sign-in with its user. It returns ErrNotFound if there
// is none, it has expired, too many answers were wrong, or the user has another password,
// role or factor since.
func (db *DB) PendingSignIn(ctx context.Context, id string) (*PendingSignIn, error) {
	var pending PendingSignIn
	err := db.SQL.GetContext(ctx, &pending, `SELECT `+pendingColumns+` FROM pending_sign_ins p JOIN users u ON u.id = p.user_id
		WHERE p.id = $1 AND p.expires > $2 AND p.tries < $3 AND NOT u.disabled`, id, db.Time(), MaxTries)
	if errors.Is(err, sql.ErrNoRows) || err == nil && pending.State != pending.User.state() {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a pending sign-in: %w", err)
	}
	return &pending, nil
}

// SetPendingSecret stores what the next step of a pending sign-in needs. It returns
// ErrNotFound if that has ended.
func (db *DB) SetPendingSecret(ctx context.Context, pending *PendingSignIn, secret string) error {
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		return database.ExecOne(ctx, tx, `UPDATE pending_sign_ins SET held = $1 WHERE id = $2 AND expires > $3`, secret, pending.ID, db.Time())
	})
}

// EndPendingSignIn ends a pending sign-in that is not finished, if it is there.
func (db *DB) EndPendingSignIn(ctx context.Context, id string) error {
	return db.endUnfinished(ctx, `p.id = `, id)
}

// countTry counts an answer for a pending sign-in before it is looked at. It returns
// ErrNotFound if there can be none any more. Without a pending sign-in it does nothing.
func countTry(ctx context.Context, tx *sqlx.Tx, pending *PendingSignIn, now Time) error {
	if pending == nil {
		return nil
	}
	return database.ExecOne(ctx, tx, `UPDATE pending_sign_ins SET tries = tries + 1 WHERE id = $1 AND tries < $2 AND expires > $3`, pending.ID, MaxTries, now)
}

// finishPending takes a pending sign-in away, for the one who finishes it. It returns
// ErrNotFound if it has ended. Without a pending sign-in it does nothing.
func finishPending(ctx context.Context, tx *sqlx.Tx, pending *PendingSignIn, now Time) error {
	if pending == nil {
		return nil
	}
	return database.ExecOne(ctx, tx, `DELETE FROM pending_sign_ins WHERE id = $1 AND state = $2 AND expires > $3`, pending.ID, pending.State, now)
}

// endExpired ends the pending sign-ins that have expired.
func (db *DB) endExpired(ctx context.Context) error {
	return db.endUnfinished(ctx, `p.expires <= `, db.Time())
}

// endUnfinished deletes the pending sign-ins for which a condition holds. Those that owed a
// second factor are events: somebody has the password.
func (db *DB) endUnfinished(ctx context.Context, condition string, value any) error {
	for {
		var found []PendingSignIn
		err := db.SQL.SelectContext(ctx, &found, `SELECT `+pendingColumns+` FROM pending_sign_ins p JOIN users u ON u.id = p.user_id WHERE `+condition+`$1 LIMIT $2`, value, sweepStep)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, pending := range found {
			err := db.writeWithEvents(ctx, ClientInfo{Address: pending.Address, Browser: pending.Browser}, func(tx *sqlx.Tx, record record) error {
				if err := lockUser(ctx, tx, pending.User.ID); err != nil {
					return err
				}
				err := database.ExecOne(ctx, tx, `DELETE FROM pending_sign_ins WHERE id = $1`, pending.ID)
				if err != nil || pending.Kind != OwesSecondFactor {
					return err
				}
				return record(SignInUnfinished, &pending.User, string(pending.Method))
			})
			if err != nil && !errors.Is(err, ErrNotFound) { // finished, or found by another process
				return err
			}
		}
	}
}
