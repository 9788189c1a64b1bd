package database

import "strconv"

// Lists are read one page at a time, after a cursor: what the list is sorted by in
// the last row of the previous page, not its number, so that the last page is as fast
// as the first, and a row that was added meanwhile moves no other to another page.

// Order is what a list is sorted by: a column, and an ID where rows have the same value.
// An index of both makes every page fast. Without a column it is sorted by the ID alone.
type Order struct {
	Column, ID string // in SQL
	Number     bool   // the column has numbers, such as times; else text
	Descending bool
}

// Place is the columns of a row's cursor, for a field with the name place.
func (o Order) Place() string {
	return `CAST(` + o.Column + ` AS TEXT) AS "place.value", ` + o.ID + ` AS "place.id"`
}

// Reversed is the opposite order.
func (o Order) Reversed() Order {
	o.Descending = !o.Descending
	return o
}

// Cursor is a place in a sorted list, that of a row. The zero value is the beginning.
type Cursor struct {
	Value, ID string
	Back      bool // the rows before that row are wanted, not those after it
}

// AddCursor asks for the rows of an order after a cursor, or before it, and returns what
// sorts them. Rows before a cursor come last one first.
func (c *Conditions) AddCursor(order Order, cursor Cursor) (orderBy string) {
	if cursor.Back {
		order = order.Reversed()
	}
	than, direction := ` > `, ``
	if order.Descending {
		than, direction = ` < `, ` DESC`
	}
	if order.Column == "" {
		c.Add(cursor.ID != "", order.ID+than, cursor.ID)
		return ` ORDER BY ` + order.ID + direction
	}
	if cursor.ID != "" {
		var value any = cursor.Value
		if order.Number {
			value, _ = strconv.ParseInt(cursor.Value, 10, 64) // of a mistyped address, the beginning
		}
		place := c.Place(value)
		c.AddIf(true, `(`+order.Column+`, `+order.ID+`)`+than+`(`+place+`, `+c.Place(cursor.ID)+`)`)
	}
	return ` ORDER BY ` + order.Column + direction + `, ` + order.ID + direction
}
