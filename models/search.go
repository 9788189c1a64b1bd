package models

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Lists are read a page at a time, from a cursor on: the place of the last row
// of the page before, not its number, so that the last page is as quick as the first.

// EventFilter says which events are asked for. The zero value means all.
type EventFilter struct {
	UserID string
	Name   string // words of the username and the full name
	Kind   Kind
	Before string // ID of the event that the page before ended with
}

// Events returns events, newest first, at most limit.
func (db *DB) Events(ctx context.Context, filter EventFilter, limit int) ([]Event, error) {
	var events []Event
	statement, args := filter.statement(limit)
	err := db.SQL.SelectContext(ctx, &events, statement, args...)
	return events, err
}

func (f EventFilter) statement(limit int) (statement string, args []any) {
	where := database.Conditions{}
	where.Add(f.UserID != "", `e.user_id = `, f.UserID)
	where.Add(f.Kind != "", `e.kind = `, f.Kind)
	where.Add(f.Before != "", `e.id < `, f.Before)
	where.AddText(f.Name, `u.search_key`)
	return `SELECT ` + eventColumns + `, COALESCE(u.name, '') AS name` + eventTables + ` LEFT JOIN users u ON u.id = e.user_id` + where.Where() +
		` ORDER BY e.id DESC LIMIT ` + where.Place(limit), where.Values
}

// rowsAtATime is how many rows are read at a time where all are needed.
const rowsAtATime = 500

// EachEvent does something with each event, newest first. While it does, nothing
// in the database is held.
func (db *DB) EachEvent(ctx context.Context, filter EventFilter, do func(*Event) error) error {
	for {
		events, err := db.Events(ctx, filter, rowsAtATime)
		if err != nil {
			return err
		}
		for i := range events {
			if err := do(&events[i]); err != nil {
				return err
			}
		}
		if len(events) < rowsAtATime {
			return nil
		}
		filter.Before = events[len(events)-1].ID
	}
}

// UserFilter says which users are asked for. The zero value means all.
type UserFilter struct {
	Text   string // words of the username and the full name
	Role   Role
	State  string // "enabled", "disabled" or "invited"
	Newest bool   // sorted by when they were added; else by username
	After  *User  // the user that the page before ended with
}

// SearchUsers returns users, at most limit.
func (db *DB) SearchUsers(ctx context.Context, filter UserFilter, limit int) ([]User, error) {
	where := database.Conditions{}
	where.Add(filter.Role != "", `role = `, filter.Role)
	where.AddIf(filter.State == "enabled", `NOT disabled AND password <> ''`)
	where.AddIf(filter.State == "disabled", `disabled`)
	where.AddIf(filter.State == "invited", `NOT disabled AND password = ''`)
	where.AddText(filter.Text, `search_key`)
	order := `name_key`
	if filter.Newest {
		order = `created DESC, id DESC`
	}
	if after := filter.After; after != nil && filter.Newest {
		created := where.Place(after.Created)
		where.AddIf(true, `(created < `+created+` OR created = `+created+` AND id < `+where.Place(after.ID)+`)`)
	} else if after != nil {
		where.Add(true, `name_key > `, after.compared())
	}
	var users []User
	err := db.SQL.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users`+where.Where()+` ORDER BY `+order+` LIMIT `+where.Place(limit), where.Values...)
	return users, err
}

// fillSearchKeys gives a search key to users from before there was one.
func (db *DB) fillSearchKeys(ctx context.Context) error {
	var missing bool
	if err := db.SQL.GetContext(ctx, &missing, `SELECT EXISTS (SELECT 1 FROM users WHERE search_key = '')`); err != nil || !missing {
		return err
	}
	err := db.Write(ctx, func(tx *sqlx.Tx) error {
		var users []User
		if err := tx.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users WHERE search_key = ''`); err != nil {
			return err
		}
		for _, user := range users {
			if _, err := tx.ExecContext(ctx, `UPDATE users SET search_key = $1 WHERE id = $2`, database.SearchKey(user.Name, user.FullName), user.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill search keys: %w", err)
	}
	return nil
}
