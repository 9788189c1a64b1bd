package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/encryption"
)

// Authenticator is the authenticator app of a user.
type Authenticator struct {
	UserID string `db:"user_id"`
	Seed   string `db:"seed"`   // encrypted
	Signer string `db:"signer"` // fingerprint of the secret that its key is derived from
	Step   int64  `db:"step"`   // of the latest code that was used
	Added  Time   `db:"added"`
	Used   Time   `db:"used"`
}

// ErrCodesStopped says that too many codes in a row were wrong: no more are looked at.
var ErrCodesStopped = errors.New("too many wrong codes in a row")

// Authenticator returns the authenticator app of a user, or ErrNotFound.
func (db *DB) Authenticator(ctx context.Context, user *User) (*Authenticator, error) {
	var app Authenticator
	err := db.SQL.GetContext(ctx, &app, `SELECT user_id, seed, signer, step, added, used FROM authenticators WHERE user_id = $1`, user.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read an authenticator app: %w", err)
	}
	return &app, nil
}

// CheckCode checks the code of a user's authenticator app. It counts the attempt before
// it looks at the code, so that no number of requests at once gets more attempts than one
// after the other. It returns a ValidationError for the field "code" that can be none;
// ErrRefused if it is wrong, or was used already; a ThrottledError or ErrCodesStopped
// after too many wrong ones; ErrUnknownSecret; and ErrNotFound if the pending sign-in has
// ended, which is nil inside a session, or the user has no app.
func (db *DB) CheckCode(ctx context.Context, user *User, pending *PendingSignIn, code string, from ClientInfo) (*Factor, error) {
	code, ok := typedCode(code)
	if !ok {
		return nil, ValidationError{"code": "Enter the 6 digits that your app shows."}
	}
	app, err := db.Authenticator(ctx, user)
	if err != nil {
		return nil, err
	}
	seed, err := db.decryptSeed(app)
	if err != nil {
		return nil, err
	}
	device := codeDevice(from)
	counted, err := db.countAnswer(ctx, user, pending, device, "codes")
	if err != nil {
		return nil, err
	}
	step, matches := matchCode(seed, code, db.Now(), codeSteps)
	if !matches || step <= app.Step {
		return nil, db.refuseFactor(ctx, user, from, counted)
	}
	return &Factor{method: ByCode, use: func(ctx context.Context, tx *sqlx.Tx, _ record, user *User) error {
		err := database.ExecOne(ctx, tx, `UPDATE authenticators SET step = $1, used = $2 WHERE user_id = $3 AND seed = $4 AND step < $1`, step, db.Time(), user.ID, app.Seed)
		if errors.Is(err, ErrNotFound) {
			return ErrRefused
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM code_failures WHERE user_id = $1 AND device = $2`, user.ID, device)
		}
		return err
	}}, nil
}

// typedCode returns a code without the spaces that apps show in it.
func typedCode(typed string) (code string, ok bool) {
	code = strings.Join(strings.Fields(typed), "")
	return code, len(code) == codeDigits && strings.Trim(code, "0123456789") == ""
}

// codeDevice is what wrong codes are counted by besides the account: the browser, if the
// account knows it, so that strangers with the password don't make its owner wait.
func codeDevice(from ClientInfo) string {
	switch {
	case from.Device != "":
		return failureKey("code browser", from.Device)
	case from.Session != "":
		return failureKey("code session", from.Session)
	}
	return ""
}

// countAnswer counts an answer that is about to be looked at as a wrong one: for the
// pending sign-in, if there is one, and for the account. It returns how many codes there are
// in a row, in all browsers that the account knows or in all that it doesn't. The right one
// deletes the count of its browser. What they are, "codes" or "passkeys", the error says if
// it is too early for another one.
func (db *DB) countAnswer(ctx context.Context, user *User, pending *PendingSignIn, device, what string) (counted int, err error) {
	err = db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := lockUser(ctx, tx, user.ID); err != nil {
			return err
		}
		now := db.Time()
		if err := countTry(ctx, tx, pending, now); err != nil {
			return err
		}
		var before struct {
			Count int
			Last  Time
		}
		err := tx.GetContext(ctx, &before, `SELECT count, last FROM code_failures WHERE user_id = $1 AND device = $2`, user.ID, device)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("count a code: %w", err)
		}
		var all int
		err = tx.GetContext(ctx, &all, `SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM code_failures WHERE user_id = $1 AND (device = '') = $2 AND device NOT LIKE $3`,
			user.ID, device == "", passkeyFailures+"%")
		if err != nil {
			return fmt.Errorf("count the codes: %w", err)
		}
		if all >= MaxWrongCodes && what == "codes" {
			return ErrCodesStopped
		}
		if wait := db.Throttle.delay(before.Count, db.Throttle.Account) - db.Now().Sub(before.Last.Time); wait > 0 && !before.Last.After(now.Time) {
			return &ThrottledError{After: wait, Wrong: what}
		}
		err = database.ExecOne(ctx, tx, `INSERT INTO code_failures (user_id, device, count, last) VALUES ($1, $2, 1, $3)
			ON CONFLICT (user_id, device) DO UPDATE SET count = code_failures.count + 1, last = excluded.last WHERE code_failures.count = $4`,
			user.ID, device, now, before.Count)
		if errors.Is(err, ErrNotFound) { // another one was counted at the same time
			return &ThrottledError{After: time.Second, Wrong: what}
		}
		counted = all + 1
		return err
	})
	return counted, err
}

// refuseFactor records a wrong answer, and returns ErrRefused.
func (db *DB) refuseFactor(ctx context.Context, user *User, from ClientInfo, counted int) error {
	err := db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if counted == MaxWrongCodes {
			if err := record(CodesStopped, user); err != nil {
				return err
			}
		}
		return record(SecondFactorRefused, user)
	})
	if err != nil {
		return err
	}
	return ErrRefused
}

// CodesStopped tells whether codes of a user count no more, in the browsers that the account
// knows or in those that it doesn't.
func (db *DB) CodesStopped(ctx context.Context, user *User) (stopped bool, err error) {
	err = db.SQL.GetContext(ctx, &stopped, `SELECT EXISTS (SELECT 1 FROM code_failures WHERE user_id = $1 AND device NOT LIKE $2 GROUP BY device = '' HAVING SUM(count) >= $3)`, user.ID, passkeyFailures+"%", MaxWrongCodes)
	return stopped, err
}

// AllowCodes lets codes of a user count again after too many wrong ones.
func (db *DB) AllowCodes(ctx context.Context, user *User, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if err := lockUser(ctx, tx, user.ID); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `DELETE FROM code_failures WHERE user_id = $1`, user.ID); err != nil {
			return err
		}
		return record(CodesAllowed, user)
	})
}

// CheckNewApp checks the code of an authenticator app that is being added. It returns the
// step of the code, or a ValidationError for the field "code", which says by how much a
// clock is wrong if that is why.
func (db *DB) CheckNewApp(seed, code string) (step int64, err error) {
	code, ok := typedCode(code)
	if !ok {
		return 0, ValidationError{"code": "Enter the 6 digits that your app shows."}
	}
	now := db.Now()
	if step, ok := matchCode(seed, code, now, codeSteps); ok {
		return step, nil
	}
	step, ok = matchCode(seed, code, now, driftSteps)
	if !ok {
		return 0, ValidationError{"code": "This code is wrong. Enter the one that your app shows now."}
	}
	drift := time.Duration(step-stepOf(now)) * codeStep
	direction := "ahead of"
	if drift < 0 {
		direction, drift = "behind", -drift
	}
	about := fmt.Sprintf("%d minutes", int(math.Round(drift.Minutes())))
	if drift < 90*time.Second {
		about = "a minute"
	}
	return 0, ValidationError{"code": fmt.Sprintf("The clock of your device is about %s %s that of this site (%s UTC). Set it automatically, then enter the next code.", about, direction, now.UTC().Format("15:04"))}
}

// CheckEnrolment does what CheckNewApp does in a pending sign-in, which ends with too many
// wrong codes. It returns ErrNotFound if it has ended.
func (db *DB) CheckEnrolment(ctx context.Context, pending *PendingSignIn, seed, code string) (step int64, err error) {
	if _, ok := typedCode(code); ok {
		err := db.Write(ctx, func(tx *sqlx.Tx) error {
			if err := lockUser(ctx, tx, pending.User.ID); err != nil {
				return err
			}
			return countTry(ctx, tx, pending, db.Time())
		})
		if err != nil {
			return 0, err
		}
	}
	step, err = db.CheckNewApp(seed, code)
	if err != nil && pending.Tries+1 >= MaxTries {
		return 0, ErrNotFound
	}
	return step, err
}

// NewApp is a factor that adds an authenticator app, or puts it in the place of another
// one, whose code CheckNewApp has checked: that code counts no more. With the first
// second factor it makes recovery codes.
func (db *DB) NewApp(ctx context.Context, user *User, seed string, step int64) (factor *Factor, codes []string, err error) {
	keys := db.seedKeys.Load()
	if keys == nil || len(*keys) == 0 {
		return nil, nil, errors.New("no secret to encrypt the seed of an authenticator app with")
	}
	key := (*keys)[0]
	if !user.HasSecondFactor() {
		codes = newRecoveryCodes()
	}
	factors, err := db.FactorsOf(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	kind, further := AppAdded, user.HasSecondFactor()
	if factors.App != nil {
		kind, further = AppReplaced, false
	}
	return &Factor{method: ByCode, use: func(ctx context.Context, tx *sqlx.Tx, record record, user *User) error {
		now := db.Time()
		_, err := tx.ExecContext(ctx, `INSERT INTO authenticators (user_id, seed, signer, step, added, used) VALUES ($1, $2, $3, $4, $5, $5)
			ON CONFLICT (user_id) DO UPDATE SET seed = excluded.seed, signer = excluded.signer, step = excluded.step, added = excluded.added, used = excluded.used`,
			user.ID, key.Encrypt(seed, seedOf(user.ID)), key.Name, step, now)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM code_failures WHERE user_id = $1`, user.ID); err != nil {
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
		return record(kind, user)
	}, endsOthers: !further}, codes, nil
}

// SeedKey encrypts the seeds of authenticator apps.
type SeedKey struct {
	encryption.Key
	Name string // fingerprint of the secret that it is derived from
}

// seedOf is what the seed of a user is bound to when it is encrypted.
func seedOf(user string) string { return "authenticator\x00" + user }

// SetSeedKeys sets the keys of seeds: the first encrypts, all decrypt, and so do those
// that were set before, because their secrets may be gone by now.
func (db *DB) SetSeedKeys(keys []SeedKey) {
	if before := db.seedKeys.Load(); before != nil {
		keys = slices.Clone(keys)
		for _, key := range *before {
			if !slices.ContainsFunc(keys, func(other SeedKey) bool { return other.Name == key.Name }) {
				keys = append(keys, key)
			}
		}
	}
	db.seedKeys.Store(&keys)
}

// EncryptSeeds encrypts with the first key all seeds that were encrypted with another one.
// It returns an error that says how many can't be decrypted.
func (db *DB) EncryptSeeds(ctx context.Context) error {
	keys := *db.seedKeys.Load()
	var old []Authenticator
	if err := db.SQL.SelectContext(ctx, &old, `SELECT user_id, seed, signer, step, added, used FROM authenticators WHERE signer <> $1 ORDER BY user_id`, keys[0].Name); err != nil {
		return fmt.Errorf("read the authenticator apps: %w", err)
	}
	lost := 0
	for some := range slices.Chunk(old, rowsAtATime) { // a transaction each, in the same order on all servers
		seeds := make(map[string]string, len(some))
		for _, app := range some {
			if seed, err := db.decryptSeed(&app); err == nil {
				seeds[app.UserID] = seed
			}
		}
		lost += len(some) - len(seeds)
		err := db.Write(ctx, func(tx *sqlx.Tx) error {
			for _, app := range some {
				seed, ok := seeds[app.UserID]
				if !ok {
					continue
				}
				_, err := tx.ExecContext(ctx, `UPDATE authenticators SET seed = $1, signer = $2 WHERE user_id = $3 AND seed = $4`, keys[0].Encrypt(seed, seedOf(app.UserID)), keys[0].Name, app.UserID, app.Seed)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("encrypt the seeds of authenticator apps with the first secret: %w", err)
		}
	}
	if lost > 0 {
		return fmt.Errorf("the authenticator apps of %s can't be read: their seeds were encrypted with a secret that is not configured; put it back behind the first one, or, for each user that daypass doctor names: daypass user second-factor reset NAME", english.Plural(lost, "user", ""))
	}
	return nil
}

// ErrUnknownSecret says that a seed was encrypted with a secret that is not known here: it
// was lost, or another server knows it already.
var ErrUnknownSecret = errors.New("the seed of an authenticator app can't be decrypted")

func (db *DB) decryptSeed(app *Authenticator) (string, error) {
	if keys := db.seedKeys.Load(); keys != nil {
		for _, key := range *keys {
			if seed, ok := key.Decrypt(app.Seed, seedOf(app.UserID)); key.Name == app.Signer && ok {
				return seed, nil
			}
		}
	}
	return "", ErrUnknownSecret
}
