package models

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
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
	err := db.sql.SelectContext(ctx, &events, statement, args...)
	return events, err
}

func (f EventFilter) statement(limit int) (statement string, args []any) {
	where := conditions{}
	where.add(f.UserID != "", `e.user_id = `, f.UserID)
	where.add(f.Kind != "", `e.kind = `, f.Kind)
	where.add(f.Before != "", `e.id < `, f.Before)
	where.addText(f.Name, `u.search_key`)
	return `SELECT ` + eventColumns + `, COALESCE(u.name, '') AS name` + eventTables + ` LEFT JOIN users u ON u.id = e.user_id` + where.text() +
		` ORDER BY e.id DESC LIMIT ` + where.place(limit), where.values
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
	where := conditions{}
	where.add(filter.Role != "", `role = `, filter.Role)
	where.addIf(filter.State == "enabled", `NOT disabled AND password <> ''`)
	where.addIf(filter.State == "disabled", `disabled`)
	where.addIf(filter.State == "invited", `NOT disabled AND password = ''`)
	where.addText(filter.Text, `search_key`)
	order := `name_key`
	if filter.Newest {
		order = `created DESC, id DESC`
	}
	if after := filter.After; after != nil && filter.Newest {
		created := where.place(after.Created)
		where.addIf(true, `(created < `+created+` OR created = `+created+` AND id < `+where.place(after.ID)+`)`)
	} else if after != nil {
		where.add(true, `name_key > `, after.compared())
	}
	var users []User
	err := db.sql.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users`+where.text()+` ORDER BY `+order+` LIMIT `+where.place(limit), where.values...)
	return users, err
}

// conditions collects what a row has to meet, with numbered parameters.
type conditions struct {
	texts  []string
	values []any
}

// place adds a value and returns its placeholder. Values are placed in the
// order in which the statement names them: SQLite numbers by appearance.
func (c *conditions) place(value any) string {
	c.values = append(c.values, value)
	return "$" + strconv.Itoa(len(c.values))
}

func (c *conditions) add(when bool, condition string, value any) {
	if when {
		c.texts = append(c.texts, condition+c.place(value))
	}
}

func (c *conditions) addIf(when bool, condition string) {
	if when {
		c.texts = append(c.texts, condition)
	}
}

// addText asks for all words of a text, each as a part of one of some columns,
// which hold what searchKey returned or lower-case ASCII.
func (c *conditions) addText(text string, columns ...string) {
	for word := range strings.FieldsSeq(searchKey(text)) {
		place := c.place("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word) + "%")
		var any []string
		for _, column := range columns {
			any = append(any, column+` LIKE `+place+` ESCAPE '\'`)
		}
		c.texts = append(c.texts, `(`+strings.Join(any, ` OR `)+`)`)
	}
}

// searchKey returns texts as they are searched: what differs only in case, in how
// accents were typed, in width or in characters that are shown as nothing is the
// same (Unicode, NFKC_Casefold). A table that can be searched keeps it in a column
// beside what is shown, for addText: a database folds as its build happens to.
func searchKey(texts ...string) string {
	key := cases.Fold().String(norm.NFKC.String(strings.Join(texts, " ")))
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, key))
}

// fillSearchKeys gives a search key to the users who were added before there was one.
func (db *DB) fillSearchKeys(ctx context.Context) error {
	var missing bool
	if err := db.sql.GetContext(ctx, &missing, `SELECT EXISTS (SELECT 1 FROM users WHERE search_key = '')`); err != nil || !missing {
		return err
	}
	tx, err := db.sql.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("fill search keys: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	var users []User
	if err := tx.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users WHERE search_key = ''`); err != nil {
		return fmt.Errorf("fill search keys: %w", err)
	}
	for _, user := range users {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET search_key = $1 WHERE id = $2`, searchKey(user.Name, user.FullName), user.ID); err != nil {
			return fmt.Errorf("fill search keys: %w", err)
		}
	}
	return tx.Commit()
}

// addIn asks for a column that has one of some values.
func (c *conditions) addIn(column string, values []string) {
	var places []string
	for _, value := range values {
		places = append(places, c.place(value))
	}
	c.texts = append(c.texts, column+` IN (`+strings.Join(places, `, `)+`)`)
}

func (c *conditions) all() string { return strings.Join(c.texts, ` AND `) }

func (c *conditions) text() string {
	if len(c.texts) == 0 {
		return ""
	}
	return ` WHERE ` + c.all()
}
