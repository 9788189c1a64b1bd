package database

import (
	"context"
	"fmt"
	"strings"
)

// Damage says what is wrong inside the file, or nothing.
func (db *DB) Damage(ctx context.Context) (string, error) {
	var said []string
	err := db.SQL.SelectContext(ctx, &said, `PRAGMA quick_check(1)`)
	if err != nil || len(said) == 1 && said[0] == "ok" {
		return "", err
	}
	return strings.Join(said, " "), nil
}

// SchemaVersion returns the number of the last migration.
func (db *DB) SchemaVersion(ctx context.Context) (version int, err error) {
	err = db.SQL.GetContext(ctx, &version, `SELECT MAX(version_id) FROM goose_db_version`)
	return version, err
}

// Settings returns the settings on which durability depends, and whether a commit
// is safe with them.
func (db *DB) Settings(ctx context.Context) (settings string, safe bool, err error) {
	var journal, synchronous, foreign string
	for pragma, value := range map[string]*string{"journal_mode": &journal, "synchronous": &synchronous, "foreign_keys": &foreign} {
		if err := db.SQL.GetContext(ctx, value, `PRAGMA `+pragma); err != nil {
			return "", false, err
		}
	}
	words := map[string]string{"0": "off", "1": "on"}
	levels := map[string]string{"0": "off", "1": "normal", "2": "full", "3": "extra"}
	settings = fmt.Sprintf("journal_mode=%s synchronous=%s foreign_keys=%s", journal, levels[synchronous], words[foreign])
	return settings, journal == "wal" && synchronous == "2" && foreign == "1", nil
}
