package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// newRecoveryCodes returns new recovery codes, as people are shown them.
func newRecoveryCodes() (codes []string) {
	for range RecoveryCodes {
		letters := rand.Text()[:RecoveryCodeLength] // base32, of which each letter is as likely as any other
		var groups []string
		for ; letters != ""; letters = letters[4:] {
			groups = append(groups, letters[:4])
		}
		codes = append(codes, strings.Join(groups, "-"))
	}
	return codes
}

// typedRecoveryCode returns the code that somebody has typed, as it is compared. Case,
// spaces and hyphens don't count, and neither do digits that base32 doesn't have because
// they look like a letter.
func typedRecoveryCode(typed string) (code string, ok bool) {
	code = strings.NewReplacer(" ", "", "-", "", "\t", "", "0", "O", "8", "B").Replace(strings.ToUpper(typed))
	return code, len(code) == RecoveryCodeLength && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func recoveryCodeKey(code string) string {
	sum := sha256.Sum256([]byte("recovery code\x00" + code))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// setRecoveryCodes gives a user new recovery codes in the place of those before.
func (db *DB) setRecoveryCodes(ctx context.Context, tx *sqlx.Tx, record record, user *User, codes []string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, user.ID); err != nil {
		return err
	}
	for _, code := range codes {
		compared, _ := typedRecoveryCode(code)
		if _, err := tx.ExecContext(ctx, `INSERT INTO recovery_codes (key, user_id) VALUES ($1, $2)`, recoveryCodeKey(compared), user.ID); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE users SET codes_made = $1, codes_checked = 0 WHERE id = $2`, db.Time(), user.ID); err != nil {
		return err
	}
	return record(RecoveryCodesMade, user)
}

// CheckRecoveryCode checks a recovery code of a user. It returns a ValidationError for
// the field "recovery_code" that can be none; ErrRefused if the user has no such code;
// and ErrNotFound if the pending sign-in has ended, which is nil inside a session.
// There is no limit but that of the pending sign-in: nobody guesses 120 bits.
func (db *DB) CheckRecoveryCode(ctx context.Context, user *User, pending *PendingSignIn, typed string, from ClientInfo) (*Factor, error) {
	code, ok := typedRecoveryCode(typed)
	if !ok {
		return nil, ValidationError{"recovery_code": fmt.Sprintf("A recovery code has %d letters and digits.", RecoveryCodeLength)}
	}
	err := db.Write(ctx, func(tx *sqlx.Tx) error { return countTry(ctx, tx, pending, db.Time()) })
	if err != nil {
		return nil, err
	}
	has, err := db.hasRecoveryCode(ctx, user, code)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, db.refuseFactor(ctx, user, from, 0)
	}
	return &Factor{method: ByRecoveryCode, use: func(ctx context.Context, tx *sqlx.Tx, record record, user *User) error {
		err := database.ExecOne(ctx, tx, `DELETE FROM recovery_codes WHERE key = $1 AND user_id = $2`, recoveryCodeKey(code), user.ID)
		if errors.Is(err, ErrNotFound) {
			return ErrRefused
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM code_failures WHERE user_id = $1`, user.ID); err != nil {
			return err
		}
		left := 0
		if err := tx.GetContext(ctx, &left, `SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1`, user.ID); err != nil {
			return err
		}
		return record(RecoveryCodeUsed, user, fmt.Sprintf("%d left", left))
	}, endsOthers: true}, nil
}

func (db *DB) hasRecoveryCode(ctx context.Context, user *User, code string) (has bool, err error) {
	err = db.SQL.GetContext(ctx, &has, `SELECT EXISTS (SELECT 1 FROM recovery_codes WHERE key = $1 AND user_id = $2)`, recoveryCodeKey(code), user.ID)
	return has, err
}

// VerifyRecoveryCode checks a recovery code without using it up, so that its user knows
// that the codes are at hand. It returns a ValidationError for the field "recovery_code"
// if it is none of them.
func (db *DB) VerifyRecoveryCode(ctx context.Context, user *User, typed string, from ClientInfo) error {
	code, ok := typedRecoveryCode(typed)
	if !ok {
		return ValidationError{"recovery_code": fmt.Sprintf("A recovery code has %d letters and digits.", RecoveryCodeLength)}
	}
	has, err := db.hasRecoveryCode(ctx, user, code)
	if err != nil {
		return err
	}
	if !has {
		return ValidationError{"recovery_code": "This is none of your codes that are left. If you have no others, make new ones."}
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET codes_checked = $1 WHERE id = $2`, db.Time(), user.ID); err != nil {
			return err
		}
		return record(RecoveryCodesChecked, user)
	})
}
