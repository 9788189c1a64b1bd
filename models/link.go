package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// LinkLifetime is how long a link counts with which a person sets a password
// (ASVS 5.0, 6.4.1: an initial secret is short-lived and used once).
const LinkLifetime = 24 * time.Hour

// Invite adds a user without a password and returns the token of the link with
// which that person sets one. It returns an InvalidError when a field is
// refused or the username is taken.
func (db *DB) Invite(ctx context.Context, asked NewUser, from Origin) (user *User, token string, err error) {
	user, compared, err := checked(asked)
	if err != nil {
		return nil, "", err
	}
	user.Created = db.Time()
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := insertUser(ctx, tx, user, compared, anyTime); err != nil {
			return err
		}
		if err := note(UserInvited, user); err != nil {
			return err
		}
		token, err = db.newLink(ctx, tx, user, from.Author)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, "", InvalidError{"username": "This username is taken."}
	}
	return user, token, err
}

// LinkFor returns the token of a new link with which a user sets another
// password. Links that the user had before count no more. It returns ErrNotFound
// when the user was removed meanwhile.
func (db *DB) LinkFor(ctx context.Context, user *User, from Origin) (token string, err error) {
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if token, err = db.newLink(ctx, tx, user, from.Author); err != nil {
			return err
		}
		return note(LinkMade, user)
	})
	return token, err
}

func (db *DB) newLink(ctx context.Context, tx *sqlx.Tx, user *User, author string) (string, error) {
	token := rand.Text()
	err := database.ExecOne(ctx, tx, `INSERT INTO links (key, expires, author_id, user_id) SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), id FROM users WHERE id = $4
		ON CONFLICT (user_id) DO UPDATE SET key = excluded.key, expires = excluded.expires, author_id = excluded.author_id`,
		linkKey(token), Time{Time: db.Time().Add(LinkLifetime)}, author, user.ID)
	if err != nil {
		return "", fmt.Errorf("make a link: %w", err)
	}
	return token, nil
}

func linkKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// linkCounts holds for a link that has not expired and whose author may still
// create one: an administrator must not keep a way into accounts when that role ends.
const linkCounts = `key = $1 AND expires > $2 AND
	(author_id = '` + byCommandLine + `' OR author_id IN (SELECT id FROM users WHERE role = 'admin' AND NOT disabled))`

// UserOfLink returns whom a link is for, or ErrNotFound when it was used, has
// expired, never was one, or its author is no longer an administrator.
func (db *DB) UserOfLink(ctx context.Context, token string) (*User, error) {
	return db.userWhere(ctx, `NOT disabled AND id = (SELECT user_id FROM links WHERE `+linkCounts+`)`, linkKey(token), db.Time())
}

// UseLink sets the password of the user whom a link is for, and ends all
// sessions of that user. Of several who use a link at once, one gets through;
// the others get ErrNotFound.
func (db *DB) UseLink(ctx context.Context, token, plaintext string, from Origin) (*User, error) {
	user, err := db.UserOfLink(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := db.choosePassword(ctx, user, plaintext); err != nil {
		return nil, err
	}
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := database.ExecOne(ctx, tx, `DELETE FROM links WHERE `+linkCounts, linkKey(token), db.Time()); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2 AND NOT disabled`, password.PHC(user.Password), user.ID); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, user, ""); err != nil {
			return err
		}
		return note(PasswordChanged, user)
	})
	if err != nil {
		return nil, err
	}
	return user, db.tries.forgive(ctx, db.Throttle.limits(user.compared(), Origin{}))
}
