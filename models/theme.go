package models

import (
	"context"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Theme says in which colors a user sees pages.
type Theme string

// The themes.
const (
	SystemTheme Theme = "" // as the system or the browser is set
	Light       Theme = "light"
	Dark        Theme = "dark"
)

// SetTheme gives a user another theme. It returns ErrNotFound if there is no such
// user, and a ValidationError if there is no such theme.
func (db *DB) SetTheme(ctx context.Context, user *User, theme Theme) error {
	if theme != SystemTheme && theme != Light && theme != Dark {
		return ValidationError{"theme": "There is no such theme."}
	}
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		return database.ExecOne(ctx, tx, `UPDATE users SET theme = $1 WHERE id = $2`, theme, user.ID)
	})
}
