package models

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Passkey is a passkey of a user.
type Passkey struct {
	ID         string `db:"id"`
	UserID     string `db:"user_id"`
	Name       string `db:"name"`
	Domain     string `db:"domain"`     // that it was made for
	Credential string `db:"credential"` // its ID, base64url
	Record     string `db:"record"`     // what is needed to check an answer, see package identity
	Count      int64  `db:"count"`      // of uses, as the device counts them; 0: it doesn't
	Verified   bool   `db:"verified"`   // the device checked who uses it when the passkey was made
	Synced     bool   `db:"synced"`     // it may be on several devices
	// Discoverable says whether its device lists it when no username was entered.
	Discoverable Discoverable `db:"discoverable"`
	Copied       bool         `db:"copied"` // the count went back once
	Added        Time         `db:"added"`
	Used         Time         `db:"used"`
}

// Discoverable says whether something is so, or that nobody knows.
type Discoverable string

// What is known. The zero value is that nobody knows.
const (
	IsDiscoverable  Discoverable = "yes"
	NotDiscoverable Discoverable = "no"
)

// Alone tells whether the passkey can be both factors. One that was made without a check
// of its user can't, unless it is synced: whoever has the device could set a PIN for it
// later.
func (p *Passkey) Alone() bool { return p.Verified || p.Synced }

// SignsInAlone tells whether the passkey opens the account without username and password.
func (p *Passkey) SignsInAlone() bool { return p.Alone() && p.Discoverable == IsDiscoverable }

// MaySignInAlone tells whether nobody knows if it does.
func (p *Passkey) MaySignInAlone() bool { return p.Alone() && p.Discoverable == "" }

// signsInAlone is SignsInAlone for a row of passkeys.
const signsInAlone = `(verified OR synced) AND discoverable = '` + string(IsDiscoverable) + `'`

const passkeyColumns = `id, user_id, name, domain, credential, record, count, verified, synced, discoverable, copied, added, used`

// PasskeysOf returns the passkeys of a user, the oldest first.
func (db *DB) PasskeysOf(ctx context.Context, user *User) ([]Passkey, error) {
	var passkeys []Passkey
	err := db.SQL.SelectContext(ctx, &passkeys, `SELECT `+passkeyColumns+` FROM passkeys WHERE user_id = $1 ORDER BY added, id`, user.ID)
	if err != nil {
		return nil, fmt.Errorf("read the passkeys of a user: %w", err)
	}
	return passkeys, nil
}

// UserByHandle returns the user whom passkeys know by this handle, or ErrNotFound.
func (db *DB) UserByHandle(ctx context.Context, handle string) (*User, error) {
	if !isText(handle) { // a device says what it likes
		return nil, ErrNotFound
	}
	return db.userWhere(ctx, `handle = $1 AND handle <> ''`, handle)
}

// Handle returns what passkeys know a user by; empty: there was never one.
func (db *DB) Handle(ctx context.Context, user *User) (handle string, err error) {
	err = db.SQL.GetContext(ctx, &handle, `SELECT handle FROM users WHERE id = $1`, user.ID)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return handle, err
}

// Challenge is what the answer of a passkey was given to. It counts once.
type Challenge struct {
	Text    string
	Expires time.Time
}

// spend makes sure that a challenge counts no more. It returns ErrRefused if it was used.
func (c Challenge) spend(ctx context.Context, tx *sqlx.Tx, now Time) error {
	if !c.Expires.After(now.Time) {
		return ErrRefused
	}
	sum := sha256.Sum256([]byte(c.Text))
	err := database.ExecOne(ctx, tx, `INSERT INTO spent (key, expires) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, hex.EncodeToString(sum[:]), Time{Time: c.Expires})
	if errors.Is(err, ErrNotFound) {
		return ErrRefused
	}
	return err
}

// PasskeyAnswer is the answer of a passkey whose signature was checked.
type PasskeyAnswer struct {
	Passkey   Passkey
	Challenge Challenge
	Count     int64 // of uses, as the device counts them
	Verified  bool  // the device has just checked who uses it
	Unnamed   bool  // the device has found it although nobody had entered a username
}

// Factor is the factor of an answer: both at once, or a second one.
func (db *DB) Factor(user *User, answer PasskeyAnswer) *Factor {
	return &Factor{method: ByPasskey, alone: answer.Verified && answer.Passkey.Alone(), use: func(ctx context.Context, tx *sqlx.Tx, record record, user *User) error {
		now := db.Time()
		if err := answer.Challenge.spend(ctx, tx, now); err != nil {
			return err
		}
		var before int64
		err := tx.GetContext(ctx, &before, `SELECT count FROM passkeys WHERE id = $1 AND user_id = $2`, answer.Passkey.ID, user.ID)
		if errors.Is(err, sql.ErrNoRows) { // it was removed meanwhile
			return ErrRefused
		}
		if err != nil {
			return err
		}
		copied := answer.Count <= before && (answer.Count != 0 || before != 0) // WebAuthn Level 3, section 6.1.1
		_, err = tx.ExecContext(ctx, `UPDATE passkeys SET count = $1, copied = copied OR $2, discoverable = CASE WHEN $3 THEN $4 ELSE discoverable END, used = $5 WHERE id = $6`,
			max(before, answer.Count), copied, answer.Unnamed, IsDiscoverable, now, answer.Passkey.ID)
		if err != nil {
			return err
		}
		// Whoever can use a passkey may type codes again.
		if _, err := tx.ExecContext(ctx, `DELETE FROM code_failures WHERE user_id = $1`, user.ID); err != nil || !copied {
			return err
		}
		return record(PasskeyCopied, user, answer.Passkey.Name)
	}}
}

// passkeyFailures is what the keys of wrong passkeys begin with, beside those of wrong
// codes: neither makes the other one wait. Nobody guesses a passkey, so they never stop.
const passkeyFailures = "passkey "

// CountPasskey counts the answer of a passkey before it is looked at, as CheckCode counts a
// code: as the second factor of a pending sign-in or, without one, of a session. It
// returns a ThrottledError after too many wrong ones, and ErrNotFound if the pending
// sign-in has ended.
func (db *DB) CountPasskey(ctx context.Context, user *User, pending *PendingSignIn, from ClientInfo) error {
	_, err := db.countAnswer(ctx, user, pending, passkeyFailures+codeDevice(from), "passkeys")
	return err
}

// RefusePasskey records an answer of a passkey that was wrong, and returns ErrRefused.
func (db *DB) RefusePasskey(ctx context.Context, user *User, from ClientInfo) error {
	return db.refuseFactor(ctx, user, from, 0)
}

// NewPasskey is a factor that adds a passkey, which was made for a challenge. With the
// first second factor it makes recovery codes. Using it returns ErrRefused if the
// challenge was used already, or the user has this passkey.
func (db *DB) NewPasskey(user *User, handle string, passkey Passkey, challenge Challenge) (factor *Factor, codes []string) {
	first := !user.HasSecondFactor()
	if first {
		codes = newRecoveryCodes()
	}
	return &Factor{method: ByPasskey, endsOthers: first, use: func(ctx context.Context, tx *sqlx.Tx, record record, user *User) error {
		now := db.Time()
		if err := challenge.spend(ctx, tx, now); err != nil {
			return err
		}
		var count int
		if err := tx.GetContext(ctx, &count, `SELECT COUNT(*) FROM passkeys WHERE user_id = $1`, user.ID); err != nil {
			return err
		}
		if count >= MaxPasskeys {
			return ErrTooManyPasskeys
		}
		err := database.ExecOne(ctx, tx, `UPDATE users SET handle = $1 WHERE id = $2 AND handle IN ('', $1)`, handle, user.ID)
		if err == nil {
			err = database.ExecOne(ctx, tx, `INSERT INTO passkeys (id, user_id, name, domain, credential, record, count, verified, synced, discoverable, copied, added, used)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) ON CONFLICT DO NOTHING`,
				database.NewRowID(), user.ID, passkey.Name, passkey.Domain, passkey.Credential, passkey.Record, passkey.Count, passkey.Verified, passkey.Synced, passkey.Discoverable, false, now)
		}
		if errors.Is(err, ErrNotFound) {
			return ErrRefused
		}
		if err != nil {
			return err
		}
		if codes != nil {
			if err := db.setRecoveryCodes(ctx, tx, record, user, codes); err != nil {
				return err
			}
		}
		if err := setFactors(ctx, tx, user); err != nil {
			return err
		}
		return record(PasskeyAdded, user, passkey.Name)
	}}, codes
}

// ErrTooManyPasskeys says that a user has MaxPasskeys already.
var ErrTooManyPasskeys = errors.New("too many passkeys")

// PasskeyName checks what a user calls a passkey.
func PasskeyName(name string) (string, error) {
	name, complaint := displayName(name, MaxDeviceName)
	if complaint == "" && name == "" {
		complaint = "Required."
	}
	if complaint != "" {
		return "", ValidationError{"name": complaint}
	}
	return name, nil
}

// RenamePasskey changes what the user of a session calls a passkey. It returns a
// ValidationError, or ErrNotFound if there is no such passkey.
func (db *DB) RenamePasskey(ctx context.Context, user *User, id, name string, from ClientInfo) error {
	name, err := PasskeyName(name)
	if err != nil {
		return err
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := lockUser(ctx, tx, user.ID); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `UPDATE passkeys SET name = $1 WHERE id = $2 AND user_id = $3`, name, id, user.ID); err != nil {
			return err
		}
		return record(PasskeyRenamed, user, name)
	})
}

// RemovePasskey removes a passkey of the user of a session, and the recovery codes with
// the last second factor. The other sessions end. It returns ErrLastFactor if one has to
// stay, ErrLastWayIn if nothing else signs the user in, and ErrNotFound if there is no
// such passkey.
func (db *DB) RemovePasskey(ctx context.Context, asked FactorChange, id string) error {
	return db.changeFactors(ctx, asked, func(tx *sqlx.Tx, record record, user *User, session string) error {
		var name string
		err := tx.GetContext(ctx, &name, `DELETE FROM passkeys WHERE id = $1 AND user_id = $2 RETURNING name`, id, user.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := wayInLeft(ctx, tx, user, asked.Domain); err != nil {
			return err
		}
		return db.afterRemoval(ctx, tx, record, user, session, PasskeyRemoved, name)
	})
}

// PasskeysElsewhere counts the passkeys that were made for another domain, which no
// browser offers at this one, those that were made for this one, and the users without a
// password whom none of them signs in.
func (db *DB) PasskeysElsewhere(ctx context.Context, domain string) (elsewhere, here, lockedOut int, err error) {
	err = db.SQL.QueryRowxContext(ctx, `SELECT COUNT(CASE WHEN domain <> $1 THEN 1 END), COUNT(CASE WHEN domain = $1 THEN 1 END),
		(SELECT COUNT(*) FROM users u WHERE NOT u.disabled AND u.password = '' AND u.factors <> ''
			AND NOT EXISTS (SELECT 1 FROM passkeys WHERE user_id = u.id AND domain = $1 AND `+signsInAlone+`)) FROM passkeys`, domain).Scan(&elsewhere, &here, &lockedOut)
	if err != nil {
		err = fmt.Errorf("count the passkeys: %w", err)
	}
	return elsewhere, here, lockedOut, err
}
