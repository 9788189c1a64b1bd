package models

import (
	"context"
	"fmt"
	"strings"
)

// userTables finds the tables that refer to users by a column user_id, and that pages
// may show: pending sign-ins are on none.
const userTables = `SELECT m.name FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
	WHERE m.type = 'table' AND f."table" = 'users' AND f."from" = 'user_id' AND m.name <> 'pending_sign_ins' ORDER BY m.name`

// createVersionTriggers creates the triggers by which every table that refers to
// users gives a user a new version when one of the user's rows changes.
func (db *DB) createVersionTriggers(ctx context.Context) error {
	var tables, triggers []string
	if err := db.SQL.SelectContext(ctx, &tables, userTables); err != nil {
		return err
	}
	if err := db.SQL.SelectContext(ctx, &triggers, `SELECT name FROM sqlite_schema WHERE type = 'trigger'`); err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, name := range triggers {
		there[name] = true
	}
	for _, table := range tables {
		for event, row := range map[string]string{"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"} {
			name := table + "_version_" + strings.ToLower(event)
			if there[name] {
				continue
			}
			if _, err := db.SQL.ExecContext(ctx, fmt.Sprintf(`CREATE TRIGGER IF NOT EXISTS %q AFTER %s ON %q BEGIN
				UPDATE users SET version = random() WHERE id = %s.user_id; END`, name, event, table, row)); err != nil {
				return fmt.Errorf("create the triggers of the table %s: %w", table, err)
			}
		}
	}
	return nil
}
