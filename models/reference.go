package models

import (
	"context"
	"slices"
	"time"

	"daypass/models/database"
)

// ErrInUse says that a row can't be removed because other rows refer to it.
var ErrInUse = database.ErrInUse

// Choices returns the rows of a table to choose from, from A to Z: their IDs, and the
// column label. There are at most MaxChoices, and always the one that is
// chosen already. With a user, only that user's rows are among them.
func (db *DB) Choices(ctx context.Context, table, label string, user *User, chosen string) ([]Choice, error) {
	find := func(id string) (found []Choice, err error) {
		where := database.Conditions{}
		if user != nil {
			where.Add(true, `user_id = `, user.ID)
		}
		where.Add(id != "", `id = `, id)
		err = db.SQL.SelectContext(ctx, &found, `SELECT id AS value, CAST(`+label+` AS TEXT) AS label FROM `+table+where.Where()+` ORDER BY LOWER(CAST(`+label+` AS TEXT)), id LIMIT `+where.Place(MaxChoices), where.Values...)
		return found, err
	}
	all, err := find("")
	if err != nil || chosen == "" || slices.ContainsFunc(all, func(choice Choice) bool { return choice.Value == chosen }) {
		return all, err
	}
	missing, err := find(chosen)
	return append(missing, all...), err
}

// CheckReference refuses the ID of a row that is not in a table or, with a user, is not
// that user's.
func (db *DB) CheckReference(ctx context.Context, refused ValidationError, field, table string, user *User, id string) error {
	if id == "" {
		refused[field] = "Required."
		return nil
	}
	where := database.Conditions{}
	where.Add(true, `id = `, id)
	if user != nil {
		where.Add(true, `user_id = `, user.ID)
	}
	var found int
	err := db.SQL.GetContext(ctx, &found, `SELECT COUNT(*) FROM `+table+where.Where(), where.Values...)
	if err == nil && found == 0 {
		refused[field] = "Choose one of the list."
	}
	return err
}

// MonthCount is how many rows have a date in a month.
type MonthCount struct {
	Month time.Time // its first day
	Count int
}

// CountPerMonth counts the rows of a table by the month of a date, for this month and
// the eleven before it. With a user, only that user's rows count.
func (db *DB) CountPerMonth(ctx context.Context, table, date string, user *User) ([]MonthCount, error) {
	const layout = "2006-01"
	now := db.Now().UTC()
	first := time.Date(now.Year(), now.Month()-11, 1, 0, 0, 0, 0, time.UTC)
	where := database.Conditions{}
	where.Add(true, date+` >= `, first.Format(time.DateOnly))
	if user != nil {
		where.Add(true, `user_id = `, user.ID)
	}
	var rows []struct {
		Month string `db:"month"`
		Count int    `db:"count"`
	}
	month := `SUBSTR(` + date + `, 1, 7)`
	err := db.SQL.SelectContext(ctx, &rows, `SELECT `+month+` AS month, COUNT(*) AS count FROM `+table+where.Where()+` GROUP BY `+month, where.Values...)
	if err != nil {
		return nil, err
	}
	counted := make(map[string]int)
	for _, row := range rows {
		counted[row.Month] = row.Count
	}
	var all []MonthCount
	for i := range 12 {
		month := first.AddDate(0, i, 0)
		all = append(all, MonthCount{month, counted[month.Format(layout)]})
	}
	return all, nil
}
