package database

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"daypass/models/database/databasetest"
)

// TestACopyHasAllThatWasAcknowledged by the process that makes it, while others of that
// process write: it waits for its turn as they do, and the move counts as a change.
func TestACopyHasAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"from a file", "from PostgreSQL"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			addresses := []string{filepath.Join(t.TempDir(), "daypass.db"), databasetest.NewPostgres(t)}
			if way == "from PostgreSQL" {
				addresses[0], addresses[1] = addresses[1], addresses[0]
			}
			from, err := Open(t.Context(), addresses[0])
			check(t, err)
			defer from.Close()
			to, err := Open(t.Context(), addresses[1])
			check(t, err)
			defer to.Close()
			check(t, from.CheckRestored(t.Context(), nil))
			written := func(db *DB) (count int) {
				t.Helper()
				check(t, db.SQL.Get(&count, `SELECT COUNT(*) FROM settings WHERE name LIKE 'written %'`))
				return count
			}

			var acknowledged atomic.Int64
			var writers sync.WaitGroup
			begun := make(chan bool, 4)
			for writer := range cap(begun) {
				writers.Go(func() {
					for i := 0; ; i++ {
						_, err := from.Exec(t.Context(), `INSERT INTO settings (name, value) VALUES ($1, 0)`, fmt.Sprintf("written %d %d", writer, i))
						if errors.Is(err, ErrMoved) {
							return
						}
						if err != nil {
							t.Error(err)
							return
						}
						if acknowledged.Add(1); i == 0 {
							begun <- true
						}
					}
				})
			}
			for range cap(begun) {
				<-begun
			}
			sequence := func() (count int64) {
				t.Helper()
				if way == "from PostgreSQL" {
					return 0
				}
				check(t, from.SQL.Get(&count, `SELECT COALESCE(MAX(sequence), 0) FROM lineage`))
				return count
			}
			var before int64
			check(t, Copy(t.Context(), from, to, true, func(CopiedTable) {}, func() error {
				before = sequence()
				return nil
			}))
			writers.Wait()
			if rows := written(to); rows != int(acknowledged.Load()) || rows != written(from) {
				t.Errorf("%d rows were acknowledged, %d are there, and %d in the copy", acknowledged.Load(), written(from), rows)
			}
			if way == "from a file" {
				if m := readMark(addresses[0]); sequence() != before+1 || m.sequence != sequence() {
					t.Errorf("the move makes the sequence %d of %d, and %d in the mark", sequence(), before, m.sequence)
				}
			}
		})
	}
}
