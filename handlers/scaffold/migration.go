package scaffold

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
