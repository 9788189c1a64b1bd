// Package sitetest is for tests of a whole site: it starts one on a real port and
// a database of its own, visits it over HTTP as a browser or in Chromium, moves its
// clock, breaks what it stands on, and compares what its tables hold.
package sitetest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daypass/models/database/databasetest"
)

// Tables returns the rows of every table of a database as text, by table. It reads
// over a connection of its own.
func Tables(t testing.TB, address string) map[string]string {
	t.Helper()
	db := databasetest.Open(t, address)
	defer db.Close()
	tables := make(map[string]string)
	for _, table := range TableNames(t, db) {
		rows := strings.Split(query(t, db, `SELECT * FROM "`+table+`"`), "\n")
		slices.Sort(rows)
		tables[table] = strings.Join(rows, "\n")
	}
	if len(tables) < 8 {
		t.Fatalf("only %d tables to compare", len(tables))
	}
	return tables
}

// TableNames returns the names of all tables, sorted.
func TableNames(t testing.TB, db *sql.DB) []string {
	t.Helper()
	if databasetest.Postgres() {
		return strings.Fields(query(t, db, `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename COLLATE "C"`))
	}
	return strings.Fields(query(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`))
}

// Changed says which tables differ, and how, or nothing.
func Changed(before, after map[string]string) string {
	var changed strings.Builder
	for table, rows := range after {
		if before[table] != rows {
			fmt.Fprintf(&changed, "the table %s was:\n%s\nand is:\n%s\n", table, before[table], rows)
		}
	}
	return changed.String()
}

// query returns what a query finds, one row per line.
func query(t testing.TB, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&text, values...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
