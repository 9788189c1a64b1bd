package models

import (
	"context"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// choosePassword sets the hash of a new password in user, or returns a
// ValidationError. The check of its strength runs in the limiter as well, because it
// takes about as long as a hash.
func (db *DB) choosePassword(ctx context.Context, user *User, plaintext string) error {
	if complaint := password.Problem(plaintext); complaint != "" {
		return ValidationError{"password": complaint}
	}
	return db.limiter.Run(ctx, func() error {
		if complaint := password.Guessable(plaintext, user.Name, user.FullName); complaint != "" {
			return ValidationError{"password": complaint}
		}
		user.Password = password.New(plaintext)
		return nil
	})
}

// CheckPassword returns what is wrong with a new password of somebody with these
// names, or nothing. It returns a BusyError if the limiter is full.
func (db *DB) CheckPassword(ctx context.Context, plaintext string, names ...string) (complaint string, err error) {
	if complaint := password.Problem(plaintext); complaint != "" {
		return complaint, nil
	}
	err = db.limiter.Run(ctx, func() error {
		complaint = password.Guessable(plaintext, names...)
		return nil
	})
	return complaint, err
}

// SetPassword gives a user a new password, and ends all sessions and password links
// of the user. It returns a ValidationError if the password is refused.
func (db *DB) SetPassword(ctx context.Context, user *User, plaintext string, from ClientInfo) error {
	if err := db.choosePassword(ctx, user, plaintext); err != nil {
		return err
	}
	if err := db.attempts.forgive(ctx, db.Throttle.limits(user.nameKey(), ClientInfo{})); err != nil {
		return err
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2`, password.PHC(user.Password), user.ID); err != nil {
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
}

// ChangePassword gives a user who knows the current password, or has none, a new one. The other
// sessions and the password links end, and this session continues under a new ID
// (ASVS 5.0, 7.4.3). It returns a ValidationError, a ThrottledError or a BusyError as
// Authenticate does, and ErrNotFound if the session has ended meanwhile.
func (db *DB) ChangePassword(ctx context.Context, asked FactorChange, current, plaintext string) error {
	refused, has := ValidationError{}, asked.Session.User.HasPassword()
	if complaint := password.Implausible(current); has && complaint != "" {
		refused["current"] = complaint
	}
	if complaint := password.Problem(plaintext); complaint != "" {
		refused["password"] = complaint
	} else if plaintext == current {
		refused["password"] = "This is the current password."
	}
	if len(refused) > 0 {
		return refused
	}
	if has {
		if err := db.Confirm(ctx, asked.Session, current, asked.From); err != nil {
			return err
		}
	}
	user := asked.Session.User
	before := password.PHC(user.Password)
	if err := db.choosePassword(ctx, &user, plaintext); err != nil {
		return err
	}
	id, err := asked.NewID()
	if err != nil {
		return err
	}
	return db.writeWithEvents(ctx, asked.From, func(tx *sqlx.Tx, record record) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2 AND password = $3 AND NOT disabled`, password.PHC(user.Password), user.ID, before); err != nil {
			return err
		}
		if err := renameSession(ctx, tx, asked.Session.ID, id); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, &user, id.ID); err != nil {
			return err
		}
		if err := answerNewBrowsers(ctx, tx, &user); err != nil {
			return err
		}
		return record(PasswordChanged, &user)
	})
}

// RemovePassword removes the password of the user of a session, and ends what a change of
// it ends. It returns ErrLastWayIn unless a passkey signs the user in alone, and
// ErrNotFound if there is no password.
func (db *DB) RemovePassword(ctx context.Context, asked FactorChange) error {
	return db.changeFactors(ctx, asked, func(tx *sqlx.Tx, record record, user *User, session string) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = '' WHERE id = $1 AND password <> ''`, user.ID); err != nil {
			return err
		}
		if err := wayInLeft(ctx, tx, user, asked.Domain); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, user, session); err != nil {
			return err
		}
		if err := answerNewBrowsers(ctx, tx, user); err != nil {
			return err
		}
		return record(PasswordRemoved, user)
	})
}
