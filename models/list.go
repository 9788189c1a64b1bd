package models

import (
	"context"
	"slices"
	"strings"
	"time"

	"daypass/models/database"
)

// Cursor is a place in a sorted list.
type Cursor = database.Cursor

// Sort names what a list is sorted by: a column, with a minus for the last one first.
type Sort string

// Descending tells whether the last one comes first.
func (s Sort) Descending() bool { return strings.HasPrefix(string(s), "-") }

// Reversed is the same column in the opposite direction.
func (s Sort) Reversed() Sort {
	if s.Descending() {
		return s[1:]
	}
	return "-" + s
}

// orders are the columns by which a list can be sorted.
type orders map[string]database.Order

// named returns an order by its name. It returns the fallback for an unknown name.
func (o orders) named(sort, fallback Sort) database.Order {
	order, ok := o[strings.TrimPrefix(string(sort), "-")]
	if !ok {
		order, sort = o[strings.TrimPrefix(string(fallback), "-")], fallback
	}
	order.Descending = sort.Descending()
	return order
}

// Span is a range of time. A bound that is zero does not count.
type Span struct{ From, Before time.Time }

func (s Span) addTo(where *database.Conditions, column string) {
	where.Add(!s.From.IsZero(), column+` >= `, s.From.Unix())
	where.Add(!s.Before.IsZero(), column+` < `, s.Before.Unix())
}

// inOrder puts rows that were read backwards into the order of their list.
func inOrder[Row any](rows []Row, cursor Cursor) []Row {
	if cursor.Back {
		slices.Reverse(rows)
	}
	return rows
}

// count counts rows, at most MaxCounted.
func (db *DB) count(ctx context.Context, tables string, where database.Conditions) (rows int, err error) {
	condition := where.Where()
	err = db.SQL.GetContext(ctx, &rows, `SELECT COUNT(*) FROM (SELECT 1`+tables+condition+` LIMIT `+where.Place(MaxCounted)+`) counted`, where.Values...)
	return rows, err
}
