package scaffold

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	_ "github.com/mattn/go-sqlite3" // tries out the migration
)

// tryOut runs a migration on a database that is thrown away.
func tryOut(migration string) error {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(migration); err != nil {
		return fmt.Errorf("SQLite refuses such a table (%w); choose other names", err)
	}
	return nil
}

// postgresWords are the reserved words of PostgreSQL 13 to 18, which name no table and no
// column: those of pg_get_keywords() with the code R or T.
var postgresWords = strings.Fields(`all analyse analyze and any array as asc asymmetric authorization binary both case cast check
	collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema
	current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign
	freeze from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
	localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
	returning right select session_user similar some symmetric system_user table tablesample then to trailing true union unique
	user using variadic verbose when where window with`)

// checkPostgres refuses a table that only SQLite could have.
func (w words) checkPostgres() error {
	names := []string{w.Table}
	for _, column := range w.Columns {
		names = append(names, column.DB)
	}
	for _, name := range names {
		if slices.Contains(postgresWords, name) {
			return fmt.Errorf("PostgreSQL refuses a table or a column with the name %s, which is a word of its SQL; choose another one", name)
		}
	}
	return nil
}

func (c Checkout) nextMigration() (int, error) {
	files, err := fs.Glob(os.DirFS(string(c)), "models/database/migrations/*.sql")
	last := 0
	for _, file := range files {
		digits, _, _ := strings.Cut(filepath.Base(file), "_")
		if number, err := strconv.Atoi(digits); err == nil {
			last = max(last, number)
		}
	}
	return last + 1, err
}
