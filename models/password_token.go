package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// Invite adds a user without a password and returns the token of the link with which
// that person sets one. It returns a ValidationError if a field is refused or the
// username is taken.
func (db *DB) Invite(ctx context.Context, asked NewUser, from ClientInfo) (user *User, token string, err error) {
	user, compared, err := checkNewUser(asked)
	if err != nil {
		return nil, "", err
	}
	user.Created = db.Time()
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := insertUser(ctx, tx, user, compared, anyTime); err != nil {
			return err
		}
		if err := record(UserInvited, user); err != nil {
			return err
		}
		token, err = db.insertPasswordToken(ctx, tx, user, from.Author)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, "", ValidationError{"username": "This username is taken."}
	}
	return user, token, err
}

// NewPasswordToken returns the token of a new link with which a user sets a new
// password. It replaces the user's earlier link. It returns ErrNotFound if the user is
// disabled, or was removed meanwhile.
func (db *DB) NewPasswordToken(ctx context.Context, user *User, from ClientInfo) (token string, err error) {
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if token, err = db.insertPasswordToken(ctx, tx, user, from.Author); err != nil {
			return err
		}
		return record(PasswordTokenCreated, user)
	})
	return token, err
}

func (db *DB) insertPasswordToken(ctx context.Context, tx *sqlx.Tx, user *User, author string) (string, error) {
	if err := lockUser(ctx, tx, user.ID); err != nil {
		return "", err
	}
	token := rand.Text()
	err := database.ExecOne(ctx, tx, `INSERT INTO links (key, expires, author_id, user_id) SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), id FROM users WHERE id = $4 AND NOT disabled
		ON CONFLICT (user_id) DO UPDATE SET key = excluded.key, expires = excluded.expires, author_id = excluded.author_id`,
		passwordTokenKey(token), Time{Time: db.Time().Add(PasswordTokenLifetime)}, author, user.ID)
	if err != nil {
		return "", fmt.Errorf("create a password token: %w", err)
	}
	return token, nil
}

func passwordTokenKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// passwordTokenValid holds for a link that has not expired and whose author may still
// create one: an administrator must not keep a way into accounts when that role ends.
const passwordTokenValid = `key = $1 AND expires > $2 AND
	(author_id = '` + byCommandLine + `' OR author_id IN (SELECT id FROM users WHERE role = 'admin' AND NOT disabled))`

// UserOfPasswordToken returns the user whom a token is for. It returns ErrNotFound if
// the token was used, has expired, never existed, or its author is no longer an
// administrator.
func (db *DB) UserOfPasswordToken(ctx context.Context, token string) (*User, error) {
	return db.userWhere(ctx, `NOT disabled AND id = (SELECT user_id FROM links WHERE `+passwordTokenValid+`)`, passwordTokenKey(token), db.Time())
}

// PasswordTokenExpires returns when a token that works will no longer. It returns
// ErrNotFound as UserOfPasswordToken does.
func (db *DB) PasswordTokenExpires(ctx context.Context, token string) (expires Time, err error) {
	err = db.SQL.GetContext(ctx, &expires, `SELECT expires FROM links WHERE `+passwordTokenValid+` AND user_id IN (SELECT id FROM users WHERE NOT disabled)`, passwordTokenKey(token), db.Time())
	if errors.Is(err, sql.ErrNoRows) {
		return Time{}, ErrNotFound
	}
	return expires, err
}

// UsePasswordToken sets the password of the user whom a token is for, and ends all
// sessions of that user. If several requests use a token at once, one succeeds and
// the others get ErrNotFound.
func (db *DB) UsePasswordToken(ctx context.Context, token, plaintext string, from ClientInfo) (*User, error) {
	user, err := db.UserOfPasswordToken(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := db.choosePassword(ctx, user, plaintext); err != nil {
		return nil, err
	}
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := lockUser(ctx, tx, user.ID); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `DELETE FROM links WHERE `+passwordTokenValid, passwordTokenKey(token), db.Time()); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2 AND NOT disabled`, password.PHC(user.Password), user.ID); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, user, ""); err != nil {
			return err
		}
		if err := answerNewBrowsers(ctx, tx, user); err != nil {
			return err
		}
		return record(PasswordChanged, user)
	})
	if err != nil {
		return nil, err
	}
	return user, db.attempts.forgive(ctx, db.Throttle.limits(user.nameKey(), ClientInfo{}))
}
