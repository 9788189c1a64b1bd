package models

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Method is how a user proved to be the account's owner: with one factor or with two.
type Method string

// The factors. What was sent in a password link counts as its password.
const (
	ByPassword     Method = "password"
	ByPasswordLink Method = "password link"
	ByCode         Method = "code" // of an authenticator app
	ByRecoveryCode Method = "recovery code"
	ByPasskey      Method = "passkey"
)

// with is the method of both factors: "password and code". A passkey may be both.
func (m Method) with(second *Factor) Method {
	if second == nil || second.method == m {
		return m
	}
	return m + " and " + second.method
}

// ErrFactorOwed says that the second factor is missing.
var ErrFactorOwed = errors.New("the second factor is missing")

// Factor is a second factor that was checked. It counts once, in the transaction of what
// it was given for: see useUp.
type Factor struct {
	method Method
	// use makes sure that the factor still counts, and that it counts no more. It returns
	// ErrRefused if somebody else was faster. It changes the user with what is stored, so
	// each try of a transaction has a copy of its own.
	use   func(ctx context.Context, tx *sqlx.Tx, record record, user *User) error
	alone bool // it is both factors
	// endsOthers says that using it ends the user's other sessions.
	endsOthers bool
}

// IsRecoveryCode tells whether the factor is a recovery code.
func (f *Factor) IsRecoveryCode() bool { return f.method == ByRecoveryCode }

// Alone tells whether the factor is both at once, so that no password is needed beside it.
func (f *Factor) Alone() bool { return f != nil && f.alone }

// EndsOthers tells whether using the factor ends the user's other sessions.
func (f *Factor) EndsOthers() bool { return f.endsOthers }

// useUp uses a factor of a user in a transaction, for a session. A nil factor does nothing.
func (f *Factor) useUp(ctx context.Context, tx *sqlx.Tx, record record, user *User, session string) error {
	if f == nil {
		return nil
	}
	if err := f.use(ctx, tx, record, user); err != nil {
		return err
	}
	if !f.endsOthers {
		return nil
	}
	_, err := endAccess(ctx, tx, user, session)
	return err
}

// setFactors notes in a user that the second factors have changed. Whoever has given the
// first factor before starts again. What begins with the first of them stays: see Credential.
func setFactors(ctx context.Context, tx *sqlx.Tx, user *User) error {
	var before struct {
		Has     bool
		Factors string
	}
	err := tx.GetContext(ctx, &before, `SELECT factors, EXISTS (SELECT 1 FROM authenticators WHERE user_id = $1) OR EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1) AS has FROM users WHERE id = $1`, user.ID)
	if err != nil {
		return err
	}
	factors := ""
	if before.Has {
		factors = cmp.Or(sinceFirstFactor(before.Factors), rand.Text()) + rand.Text()
	}
	if err := database.ExecOne(ctx, tx, `UPDATE users SET factors = $1 WHERE id = $2`, factors, user.ID); err != nil {
		return err
	}
	user.Factors = factors
	return nil
}

// sinceFirstFactor is the part of a user's factors that stays the same from the first second
// factor on, until the last is removed.
func sinceFirstFactor(factors string) string { return factors[:min(26, len(factors))] } // as long as rand.Text

// Factors are the second factors of a user.
type Factors struct {
	App          *Authenticator // nil: none
	Passkeys     []Passkey
	Codes        int  // recovery codes that are left
	CodesMade    Time `db:"codes_made"`    // 1970: never
	CodesChecked Time `db:"codes_checked"` // when the user last showed to have them; 1970: never
}

// FewCodes tells whether it is time to make new recovery codes.
func (f Factors) FewCodes() bool { return f.Codes <= FewRecoveryCodes }

// Checked tells whether the user has ever shown to have the recovery codes at hand.
func (f Factors) Checked() bool { return f.CodesChecked.Unix() > 0 }

// FactorsOf returns the second factors of a user. Without any it asks nothing.
func (db *DB) FactorsOf(ctx context.Context, user *User) (Factors, error) {
	if !user.HasSecondFactor() {
		return Factors{}, nil
	}
	var factors Factors
	err := db.SQL.GetContext(ctx, &factors, `SELECT (SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = u.id) AS codes,
		u.codes_made, u.codes_checked FROM users u WHERE u.id = $1`, user.ID)
	if err != nil {
		return Factors{}, fmt.Errorf("read the second factors of a user: %w", err)
	}
	if factors.App, err = db.Authenticator(ctx, user); err != nil && !errors.Is(err, ErrNotFound) {
		return Factors{}, err
	}
	factors.Passkeys, err = db.PasskeysOf(ctx, user)
	return factors, err
}

// FactorChange is a change by the user of a session, which gives the session a new ID.
type FactorChange struct {
	Session *Session
	NewID   func() (SessionID, error) // of the session, from then on; called when nothing else is refused, as it writes
	From    ClientInfo
	Domain  string // that passkeys are used for; empty: browsers offer none here
}

// ErrLastFactor says that a second factor can't be removed because it is required here.
var ErrLastFactor = errors.New("a second factor is required")

// ErrLastWayIn says that something can't be removed because nothing else signs the user in.
var ErrLastWayIn = errors.New("nothing else signs the user in")

// wayInLeft returns ErrLastWayIn if nothing is left that signs a user in: neither a
// password nor a passkey which does so alone. The transaction has locked the user.
func wayInLeft(ctx context.Context, tx *sqlx.Tx, user *User, domain string) error {
	var left bool
	err := tx.GetContext(ctx, &left, `SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND password <> '')
		OR EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1 AND domain = $2 AND `+signsInAlone+`)`, user.ID, domain)
	if err == nil && !left {
		return ErrLastWayIn
	}
	return err
}

// changeFactors makes a change to how the user of a session signs in, and gives the
// session a new ID in the same transaction, which has locked the user. It returns
// ErrNotFound if the session has ended.
func (db *DB) changeFactors(ctx context.Context, asked FactorChange, change func(tx *sqlx.Tx, record record, user *User, session string) error) error {
	id, err := asked.NewID()
	if err != nil {
		return err
	}
	if asked.Session.User.HasSecondFactor() { // the first one ends the other sessions
		asked.From.Changing = asked.Session.Device
	}
	return db.writeWithEvents(ctx, asked.From, func(tx *sqlx.Tx, record record) error {
		user := asked.Session.User
		if err := lockUser(ctx, tx, user.ID); err != nil {
			return err
		}
		if err := renameSession(ctx, tx, asked.Session.ID, id); err != nil {
			return err
		}
		return change(tx, record, &user, id.ID)
	})
}

// confirmedValue is the value of a session that says when its user last confirmed who
// they are, in Unix seconds.
const confirmedValue = "confirmed"

// Reauthenticate notes that the user of a session has given all factors that the account
// has: the password, which Confirm has checked, and this one, which may be nil. It
// returns ErrRefused if the factor counts no more, and ErrNotFound if the session has ended.
func (db *DB) Reauthenticate(ctx context.Context, asked FactorChange, factor *Factor) error {
	return db.changeFactors(ctx, asked, func(tx *sqlx.Tx, record record, user *User, session string) error {
		if factor == nil && user.HasSecondFactor() {
			return ErrFactorOwed
		}
		if err := factor.useUp(ctx, tx, record, user, session); err != nil {
			return err
		}
		return setValue(ctx, tx, session, confirmedValue, strconv.FormatInt(db.Now().Unix(), 10))
	})
}

// RecentlyConfirmed tells whether the user of a session has given all factors recently: at
// the sign-in, or since.
func (db *DB) RecentlyConfirmed(ctx context.Context, session *Session) (bool, error) {
	if db.Now().Sub(session.Created.Time) < ConfirmedFor {
		return true, nil
	}
	confirmed, err := db.Value(ctx, session, confirmedValue)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	at, err := strconv.ParseInt(confirmed, 10, 64)
	return err == nil && db.Now().Sub(time.Unix(at, 0)) < ConfirmedFor, nil
}

// AddFactor gives the user of a session a new second factor, such as that of NewApp. The
// other sessions end, unless there was one already and it stays.
func (db *DB) AddFactor(ctx context.Context, asked FactorChange, factor *Factor) error {
	return db.changeFactors(ctx, asked, func(tx *sqlx.Tx, record record, user *User, session string) error {
		return factor.useUp(ctx, tx, record, user, session)
	})
}

// RemoveApp removes the authenticator app of the user of a session, and the recovery
// codes with the last second factor. The other sessions end. It returns ErrLastFactor if one has to stay, and
// ErrNotFound if there is no app.
func (db *DB) RemoveApp(ctx context.Context, asked FactorChange) error {
	return db.changeFactors(ctx, asked, func(tx *sqlx.Tx, record record, user *User, session string) error {
		if err := database.ExecOne(ctx, tx, `DELETE FROM authenticators WHERE user_id = $1`, user.ID); err != nil {
			return err
		}
		return db.afterRemoval(ctx, tx, record, user, session, AppRemoved)
	})
}

// afterRemoval does what follows when the user of a session has removed a second factor.
func (db *DB) afterRemoval(ctx context.Context, tx *sqlx.Tx, record record, user *User, session string, kind Kind, details ...string) error {
	if err := db.factorRemoved(ctx, tx, user); err != nil {
		return err
	}
	if db.SecondFactor.appliesTo(user) {
		return ErrLastFactor
	}
	if _, err := endAccess(ctx, tx, user, session); err != nil {
		return err
	}
	return record(kind, user, details...)
}

// factorRemoved does what follows from the removal of a second factor.
func (db *DB) factorRemoved(ctx context.Context, tx *sqlx.Tx, user *User) error {
	if err := setFactors(ctx, tx, user); err != nil || user.HasSecondFactor() {
		return err
	}
	return db.forgetCodes(ctx, tx, user)
}

// ErrOwnFactor says that administrators can't reset their own second factor.
var ErrOwnFactor = errors.New("administrators can't reset their own second factor")

// ResetSecondFactor removes all second factors of a user who has lost them, and ends all
// sessions. The password stays. It returns ErrOwnFactor if the user is the author, and
// ErrNotFound if there is no second factor.
func (db *DB) ResetSecondFactor(ctx context.Context, user *User, from ClientInfo) error {
	if from.Author == user.ID {
		return ErrOwnFactor
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET factors = '' WHERE id = $1 AND factors <> ''`, user.ID); err != nil {
			return err
		}
		for _, table := range []string{"authenticators", "passkeys"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE user_id = $1`, user.ID); err != nil {
				return err
			}
		}
		if err := db.factorRemoved(ctx, tx, user); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, user, ""); err != nil {
			return err
		}
		return record(SecondFactorReset, user)
	})
}

// forgetCodes deletes the recovery codes of a user without a second factor.
func (db *DB) forgetCodes(ctx context.Context, tx *sqlx.Tx, user *User) error {
	for _, table := range []string{"recovery_codes", "code_failures"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE user_id = $1`, user.ID); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE users SET codes_made = 0, codes_checked = 0 WHERE id = $1`, user.ID)
	return err
}

// NewRecoveryCodes gives the user of a session new recovery codes, in the place of those
// before, and returns them. It returns ErrNotFound without a second factor.
func (db *DB) NewRecoveryCodes(ctx context.Context, session *Session, from ClientInfo) (codes []string, err error) {
	if !session.User.HasSecondFactor() {
		return nil, ErrNotFound
	}
	codes = newRecoveryCodes()
	from.Changing = session.Device
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := lockUser(ctx, tx, session.User.ID); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `UPDATE sessions SET id = id WHERE id = $1`, session.ID); err != nil {
			return err
		}
		return db.setRecoveryCodes(ctx, tx, record, &session.User, codes)
	})
	return codes, err
}
