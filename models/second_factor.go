package models

import (
	"context"
	"crypto/rand"
	"errors"

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
)

// with is the method of both factors: "password and code".
func (m Method) with(second *Factor) Method {
	if second == nil {
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
	// ErrRefused if somebody else was faster.
	use func(ctx context.Context, tx *sqlx.Tx, record record) error
	// endsOthers says that using it ends the user's other sessions.
	endsOthers bool
}

// useUp uses a factor of a user in a transaction, for a session. A nil factor does nothing.
func (f *Factor) useUp(ctx context.Context, tx *sqlx.Tx, record record, user *User, session string) error {
	if f == nil {
		return nil
	}
	if err := f.use(ctx, tx, record); err != nil {
		return err
	}
	if !f.endsOthers {
		return nil
	}
	_, err := endAccess(ctx, tx, user, session)
	return err
}

// setFactors notes in a user that the second factors have changed. Whoever has given the
// first factor before starts again.
func setFactors(ctx context.Context, tx *sqlx.Tx, user *User) error {
	factors, has := rand.Text(), false
	err := tx.GetContext(ctx, &has, `SELECT EXISTS (SELECT 1 FROM authenticators WHERE user_id = $1)`, user.ID)
	if err != nil {
		return err
	}
	if !has {
		factors = ""
	}
	if err := database.ExecOne(ctx, tx, `UPDATE users SET factors = $1 WHERE id = $2 AND NOT disabled`, factors, user.ID); err != nil {
		return err
	}
	user.Factors = factors
	return nil
}
