package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"daypass/handlers/session"
	"daypass/models"
	"daypass/models/database"
)

type secretCommand struct {
	List   secretList   `cmd:"" help:"List the secrets by their fingerprints, and how many live sessions each has signed."`
	New    secretNew    `cmd:"" help:"Add a secret, which signs new cookies. Nobody is signed out."`
	Remove secretRemove `cmd:"" help:"Remove a secret. The sessions that it has signed end."`
}

// secretSettings say where the secrets are.
type secretSettings struct {
	File string `name:"secret-file" env:"DAYPASS_SECRET_FILE" placeholder:"FILE" help:"File with the secrets that sign cookies, one per line, newest first. Created if missing. (default: secret, beside the database; with PostgreSQL, in the database)"`
}

// The places of the secrets: the variable, else a file, else the database, which several
// machines may share.

func (s *secretSettings) inVariable() bool {
	_, set := os.LookupEnv(secretVariable)
	return set
}

func (s *secretSettings) inDatabase(address string) bool {
	return !s.inVariable() && s.File == "" && database.IsURL(address)
}

// path is that of the file.
func (s *secretSettings) path(address string) string {
	if s.File != "" {
		return s.File
	}
	return filepath.Join(filepath.Dir(address), "secret")
}

// secrets returns the secrets, and how to reload them, unless they can't change. The
// database is nil before the first start.
func (s *secretSettings) secrets(ctx context.Context, db *models.DB, address string) (secrets []string, read func(context.Context) ([]string, error), err error) {
	switch {
	case s.inVariable():
		secrets = strings.Split(os.Getenv(secretVariable), ",")
		for i, secret := range secrets {
			if err := session.CheckSecret(secret); err != nil {
				return nil, nil, fmt.Errorf("secret %d in %s %w; make one with: openssl rand -base64 33", i+1, secretVariable, err)
			}
		}
		return secrets, nil, nil
	case s.inDatabase(address):
		secrets, err = db.Secrets(ctx)
		return secrets, db.Secrets, err
	}
	secrets, err = session.SecretFile(s.path(address))
	return secrets, func(context.Context) ([]string, error) { return session.ReadSecretFile(s.path(address)) }, err
}

// change lets work change the secrets, those of the file by what it returns.
func (s *secretSettings) change(ctx context.Context, at console, inDatabase func(*models.DB) error, inFile func(secrets []string) ([]string, error)) error {
	switch {
	case s.inVariable():
		return fmt.Errorf("the secrets are in %s: change them there, newest first, separated by commas, and restart the server; make one with: openssl rand -base64 33", secretVariable)
	case s.inDatabase(at.db):
		return at.withDatabase(ctx, false, inDatabase)
	case database.IsURL(at.db):
		return fmt.Errorf("the secrets are in the file %s of each machine: change it on all of them, as daypass help secrets says", s.path(at.db))
	}
	secrets, err := session.ReadSecretFile(s.path(at.db))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no secret file %s yet; the first start creates it", s.path(at.db))
	}
	if err != nil {
		return err
	}
	if secrets, err = inFile(secrets); err != nil {
		return err
	}
	return session.WriteSecretFile(s.path(at.db), secrets)
}

type secretList struct {
	Secrets secretSettings `embed:""`
	JSON    bool           `name:"json" help:"Print JSON."`
}

func (s *secretList) Run(ctx context.Context, at console) error {
	type row struct {
		Secret   string `json:"secret"`
		Sessions int    `json:"sessions"`
		Signs    bool   `json:"signs"`
	}
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		secrets, _, err := s.Secrets.secrets(ctx, db, at.db)
		if err != nil {
			return err
		}
		signing, err := db.Signers(ctx)
		if err != nil {
			return err
		}
		listed, table := []row{}, [][]string{{"SECRET", "SESSIONS", "SIGNS"}}
		for place, secret := range secrets {
			name := session.Fingerprint(secret)
			listed = append(listed, row{name, signing[name], place == 0})
			signs := ""
			if place == 0 {
				signs = "new cookies"
			}
			table = append(table, []string{name, fmt.Sprint(signing[name]), signs})
		}
		if s.JSON {
			return at.printJSON(listed)
		}
		return at.printTable(table)
	})
}

type secretNew struct {
	Secrets secretSettings `embed:""`
}

func (s *secretNew) Run(ctx context.Context, at console) error {
	inDatabase := func(db *models.DB) error {
		secret, signs, err := db.AddSecret(ctx)
		if err == nil {
			fmt.Fprintf(at.out, "Secret %s is known to all servers within %s, and signs new cookies from %s on.\n", session.Fingerprint(secret), models.SecretsReadEvery, signs.Format(time.TimeOnly+" MST"))
		}
		return err
	}
	return s.Secrets.change(ctx, at, inDatabase, func(secrets []string) ([]string, error) {
		secret := models.NewSecret()
		fmt.Fprintf(at.out, "Secret %s signs new cookies within %s, or when the server starts.\n", session.Fingerprint(secret), models.SecretsReadEvery)
		return append([]string{secret}, secrets...), nil
	})
}

type secretRemove struct {
	Secrets     secretSettings `embed:""`
	Fingerprint string         `arg:"" help:"The fingerprint of the secret, from the list."`
}

func (s *secretRemove) Run(ctx context.Context, at console) error {
	find := func(secrets []string) (int, error) {
		place := slices.IndexFunc(secrets, func(secret string) bool { return session.Fingerprint(secret) == s.Fingerprint })
		if place < 0 {
			return 0, fmt.Errorf("there is no secret %s; see daypass secret list", s.Fingerprint)
		}
		return place, nil
	}
	only := errors.New("this is the only secret; add another one first, with: daypass secret new")
	inDatabase := func(db *models.DB) error {
		secrets, err := db.Secrets(ctx)
		if err != nil {
			return err
		}
		place, err := find(secrets)
		if err != nil {
			return err
		}
		if err := encryptSeedsWithout(ctx, db, secrets, place); err != nil {
			return err
		}
		err = db.RemoveSecret(ctx, secrets[place])
		if errors.Is(err, database.ErrInUse) {
			return only
		}
		return err
	}
	return s.Secrets.change(ctx, at, inDatabase, func(secrets []string) ([]string, error) {
		place, err := find(secrets)
		if err == nil && len(secrets) == 1 {
			err = only
		}
		if err == nil {
			err = at.withDatabase(ctx, false, func(db *models.DB) error { return encryptSeedsWithout(ctx, db, secrets, place) })
		}
		if err != nil {
			return nil, err
		}
		return slices.Delete(secrets, place, place+1), nil
	})
}

// encryptSeedsWithout encrypts the seeds of authenticator apps with the first of the
// other secrets, because nothing can decrypt them once the one at this place is removed.
func encryptSeedsWithout(ctx context.Context, db *models.DB, secrets []string, place int) error {
	removedLast := append(slices.Delete(slices.Clone(secrets), place, place+1), secrets[place])
	keys, err := session.SeedKeys(removedLast)
	if err != nil {
		return err
	}
	db.SetSeedKeys(keys)
	return db.EncryptSeeds(ctx)
}
