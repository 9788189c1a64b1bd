package database

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, one transaction per step.
func (db *DB) migrate(ctx context.Context) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.SQL.DB, steps)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	version, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if version > known {
		return fmt.Errorf("the database %s has schema version %d and this program knows %d: it was written by a newer version; run that one, or restore a copy from before", db.files.path, version, known)
	}
	for try := 0; version < known; try++ {
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
		// Another process may be running the same step: look again whether it is done.
		time.Sleep(100 * time.Millisecond)
		now, asked := provider.GetDBVersion(ctx)
		if asked != nil || try == 20 {
			return fmt.Errorf("migrate: %w", err)
		}
		version = now
	}
	return nil
}
