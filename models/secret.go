package models

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Secrets returns the secrets in the database that sign cookies: the first signs, all
// verify. It makes one if there is none.
func (db *DB) Secrets(ctx context.Context) ([]string, error) {
	secrets, err := db.secrets(ctx, db.SQL)
	if err != nil || len(secrets) > 0 {
		return secrets, err
	}
	err = db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := db.LockRule(ctx, tx, "secrets"); err != nil {
			return err
		}
		if secrets, err = db.secrets(ctx, tx); err != nil || len(secrets) > 0 {
			return err
		}
		secrets = []string{NewSecret()}
		return addSecret(ctx, tx, secrets[0], db.Time())
	})
	return secrets, err
}

// secrets are those in the database: the one that signs, older ones, and those that do
// not sign yet.
func (db *DB) secrets(ctx context.Context, from sqlx.QueryerContext) (secrets []string, err error) {
	err = sqlx.SelectContext(ctx, from, &secrets, `SELECT secret FROM secrets ORDER BY CASE WHEN signs <= $1 THEN 0 ELSE 1 END, signs DESC, secret`, db.Time())
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	return secrets, nil
}

// AddSecret makes a secret that signs cookies once every server knows it, and returns it
// with that time.
func (db *DB) AddSecret(ctx context.Context) (secret string, signs Time, err error) {
	if _, err := db.Secrets(ctx); err != nil { // else the new one would have to sign at once
		return "", Time{}, err
	}
	secret, signs = NewSecret(), Time{Time: db.Time().Add(SecretVerifiesFirst)}
	err = db.Write(ctx, func(tx *sqlx.Tx) error { return addSecret(ctx, tx, secret, signs) })
	return secret, signs, err
}

func addSecret(ctx context.Context, tx *sqlx.Tx, secret string, signs Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO secrets (secret, signs) VALUES ($1, $2)`, secret, signs)
	return err
}

// RemoveSecret removes a secret. What it signed counts no more. It returns ErrNotFound
// if there is no such secret, and ErrInUse if it is the only one.
func (db *DB) RemoveSecret(ctx context.Context, secret string) error {
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := db.LockRule(ctx, tx, "secrets"); err != nil {
			return err
		}
		if err := database.ExecOne(ctx, tx, `DELETE FROM secrets WHERE secret = $1`, secret); err != nil {
			return err
		}
		left, err := db.secrets(ctx, tx)
		if err == nil && len(left) == 0 {
			return database.ErrInUse
		}
		return err
	})
}

// NewSecret returns a secret of 260 random bits.
func NewSecret() string { return rand.Text() + rand.Text() }

// SetSecrets puts secrets in the place of those in a copy that is not complete, the one
// that signs first.
func (db *DB) SetSecrets(ctx context.Context, secrets []string) error {
	now := db.Time()
	return db.WriteToCopy(ctx, func(tx *sqlx.Tx) error {
		if err := db.LockRule(ctx, tx, "secrets"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM secrets`); err != nil {
			return err
		}
		for place, secret := range secrets {
			if err := addSecret(ctx, tx, secret, database.UnixTime(now.Unix()-int64(place))); err != nil {
				return err
			}
		}
		return nil
	})
}
