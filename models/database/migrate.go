package database

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// The migrations of SQLite, and in a folder below those that PostgreSQL has in place of
// them. What SQL means the same on both stands once.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date, one transaction per step.
func (db *DB) migrate(ctx context.Context, address string, dialect goose.Dialect, steps fs.FS, options ...goose.ProviderOption) error {
	provider, err := goose.NewProvider(dialect, db.SQL.DB, steps, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	version, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if version > known { // a newer version is being rolled out, or was tried
		needs, err := db.schemaNeeds(ctx)
		if err != nil {
			return fmt.Errorf("read what the schema needs: %w", err)
		}
		if needs > known {
			return fmt.Errorf("the database %s has schema version %d, which needs a program that knows %d, and this one knows %d: it was written by a newer version; run that one, or restore a copy from before", Redacted(address), version, needs, known)
		}
		return nil
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

// schemaNeeds returns which version a program has to know at least to work with the
// schema. A migration that older programs can't live with stores its own version as the
// setting schema_needs. All others, such as those that add tables, or columns with a
// default, let servers of both versions run side by side during an upgrade.
func (db *DB) schemaNeeds(ctx context.Context) (version int64, err error) {
	err = db.SQL.GetContext(ctx, &version, `SELECT COALESCE(MAX(value), 0) FROM settings WHERE name = 'schema_needs'`)
	return version, err
}
