package models

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// recordFailure records and counts a wrong password. The user is nil if nobody has
// the username. What was entered is not stored, because people enter passwords there.
func (db *DB) recordFailure(ctx context.Context, kind Kind, user *User, failed attempt, from ClientInfo) error {
	defer db.attempts.wake(failed.limits)
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := db.attempts.fail(ctx, tx, failed); err != nil {
			return err
		}
		return record(kind, user)
	})
}

// ErrRefused says that a username and a password don't match an account that may
// sign in. It doesn't say which of them is wrong.
var ErrRefused = errors.New("the username or the password is wrong")

// Authenticate returns the user with a username and a password. It returns
// ErrRefused if they are wrong or the user is disabled: all cases take the same time
// and record the same event. It returns a ValidationError, and records nothing, for
// what no account can have; a ThrottledError after too many failures; and a BusyError
// if the limiter is full.
func (db *DB) Authenticate(ctx context.Context, name, plaintext string, from ClientInfo) (*User, error) {
	refused := ValidationError{}
	if strings.TrimSpace(name) == "" {
		refused["username"] = "Enter your username."
	}
	if complaint := password.Implausible(plaintext); complaint != "" {
		refused["password"] = complaint
	}
	if len(refused) > 0 {
		return nil, refused
	}
	_, compared, ok := Username(name)
	if !ok || !isText(plaintext) {
		return nil, ErrRefused
	}
	user, err := db.User(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return user, db.verify(ctx, SignInFailed, user, compared, plaintext, from)
}

// Credential names the user and the password that a username stands for at the
// moment: another one when the password is changed, or the name is another user's.
// For nobody's username it is that of no user, at the same cost.
func (db *DB) Credential(ctx context.Context, name string) (string, error) {
	user, err := db.User(ctx, name)
	if errors.Is(err, ErrNotFound) {
		user, err = &User{}, nil
	}
	if err != nil {
		return "", err
	}
	return user.Credential(), nil
}

// Credential is that of the user. It tells nothing of the password. It is another one from
// the first second factor on: a browser that was known for the password alone is so no more.
func (u *User) Credential() string {
	sum := sha256.Sum256([]byte(password.PHC(u.Password) + sinceFirstFactor(u.Factors)))
	return u.ID + "\x00" + string(sum[:])
}

// Confirm checks the password of the user who is signed in once more. It returns a
// ValidationError for the field "current" if it is wrong, a ThrottledError or a BusyError.
func (db *DB) Confirm(ctx context.Context, session *Session, plaintext string, from ClientInfo) error {
	if complaint := password.Implausible(plaintext); complaint != "" {
		return ValidationError{"current": complaint}
	}
	err := db.verify(ctx, PasswordRefused, &session.User, session.User.nameKey(), plaintext, from)
	if errors.Is(err, ErrRefused) {
		return ValidationError{"current": "This is not your current password."}
	}
	return err
}

// verify checks the password of a user, and records a failure as this kind of event.
// For a nil user it takes the same time.
func (db *DB) verify(ctx context.Context, failure Kind, user *User, account, plaintext string, from ClientInfo) (err error) {
	stored := db.dummyHash
	if user != nil {
		if stored, err = password.Parse(user.Password); !user.HasPassword() {
			stored = db.dummyHash // none is set yet, or it was removed
		} else if err != nil {
			db.Log.Error("a user's password hash is damaged; set a new password", "user", user.Name)
			stored = db.dummyHash
		}
	}
	attempt, err := db.attempts.begin(ctx, db.Throttle.limits(account, from))
	if err != nil {
		if errors.As(err, new(*ThrottledError)) {
			db.throttled.Add(1)
		}
		return err
	}
	var matches bool
	err = db.limiter.Run(ctx, func() error {
		matches = stored.Matches(plaintext)
		return nil
	})
	if err != nil {
		return errors.Join(err, db.attempts.withdraw(context.WithoutCancel(ctx), attempt))
	}
	if !matches || user == nil || user.Disabled {
		if err := db.recordFailure(ctx, failure, user, attempt, from); err != nil {
			return err
		}
		return ErrRefused
	}
	if err := db.attempts.succeed(ctx, attempt); err != nil {
		return err
	}
	if stored.Outdated() {
		return db.rehash(ctx, user, plaintext)
	}
	return nil
}

// rehash stores a new hash, with the current costs, of a password that was just verified.
func (db *DB) rehash(ctx context.Context, user *User, plaintext string) error {
	before := password.PHC(user.Password)
	err := db.limiter.Run(ctx, func() error {
		user.Password = password.New(plaintext)
		return nil
	})
	if err != nil {
		return err
	}
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2 AND password = $3`, password.PHC(user.Password), user.ID, before)
		if errors.Is(err, ErrNotFound) {
			return ErrRefused // changed in the meantime: what was verified no longer holds
		}
		return err
	})
}
