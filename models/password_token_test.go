package models

import (
	"errors"
	"testing"
	"time"
)

// invited is somebody with a link and no password yet.
func invited(t *testing.T, db *DB) (eve *User, token string) {
	t.Helper()
	eve, token, err := db.Invite(t.Context(), NewUser{Name: "eve", Role: Member}, CommandLine)
	check(t, err)
	return eve, token
}

func TestALinkLastsADayFromWhenItWasMade(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	eve, first := invited(t, db)
	later(23 * time.Hour)
	second, err := db.NewPasswordToken(t.Context(), eve, CommandLine)
	check(t, err)
	if _, err := db.UserOfPasswordToken(t.Context(), first); !errors.Is(err, ErrNotFound) {
		t.Errorf("the link that was replaced: %v", err)
	}
	later(24*time.Hour - time.Second)
	_, err = db.UserOfPasswordToken(t.Context(), second)
	check(t, err)
	later(time.Second)
	if _, err := db.UserOfPasswordToken(t.Context(), second); !errors.Is(err, ErrNotFound) {
		t.Errorf("the link a day later: %v", err)
	}
}

// TestALinkThatWaitedForItsHashSetsNoPassword when it stopped counting in the meantime.
func TestALinkThatWaitedForItsHashSetsNoPassword(t *testing.T) {
	t.Parallel()
	for what, meanwhile := range map[string]func(db *DB, eve *User, later func(time.Duration)){
		"its author is no longer an administrator": func(db *DB, _ *User, _ func(time.Duration)) {
			raw(t, db, `UPDATE links SET author_id = 'nobody'`)
		},
		"expired to the second": func(_ *DB, _ *User, later func(time.Duration)) { later(24 * time.Hour) },
		"disabled": func(db *DB, eve *User, _ func(time.Duration)) {
			check(t, db.SetDisabled(t.Context(), eve, true, CommandLine))
		},
		"disabled by another program": func(db *DB, eve *User, _ func(time.Duration)) { raw(t, db, `UPDATE users SET disabled = TRUE`) },
		"replaced": func(db *DB, eve *User, _ func(time.Duration)) {
			_, err := db.NewPasswordToken(t.Context(), eve, CommandLine)
			check(t, err)
		},
		"removed": func(db *DB, eve *User, _ func(time.Duration)) { check(t, db.RemoveUser(t.Context(), eve, CommandLine)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db, later := clockwork(t)
			eve, token := invited(t, db)
			err := hashes(t, db, func() error {
				_, err := db.UsePasswordToken(t.Context(), token, goodPassword, ClientInfo{})
				return err
			}, func() { meanwhile(db, eve, later) })
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("it ends with: %v", err)
			}
			if set := number(t, db, `SELECT COUNT(*) FROM users WHERE password <> ''`); set != 0 {
				t.Error("the password is set")
			}
		})
	}
}

// TestANewPasswordClearsTheFailures of its user, whoever sets it.
func TestANewPasswordClearsTheFailures(t *testing.T) {
	t.Parallel()
	const next = "another walk in the grass"
	for what, set := range map[string]func(db *DB, ada *User) error{
		"a command": func(db *DB, ada *User) error { return db.SetPassword(t.Context(), ada, next, CommandLine) },
		"a link": func(db *DB, ada *User) error {
			token, err := db.NewPasswordToken(t.Context(), ada, CommandLine)
			check(t, err)
			_, err = db.UsePasswordToken(t.Context(), token, next, ClientInfo{Address: "203.0.113.9"})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db, _ := clockwork(t)
			ada := added(t, db, "ada")
			for range 5 {
				fail(t, db, "ada", ClientInfo{Address: "203.0.113.1"})
			}
			if fail(t, db, "ada", ClientInfo{Address: "203.0.113.2"}) == 0 {
				t.Fatal("the account is not throttled")
			}
			check(t, set(db, ada))
			_, err := db.Authenticate(t.Context(), "ada", next, ClientInfo{Address: "203.0.113.3"})
			check(t, err)
		})
	}
}
