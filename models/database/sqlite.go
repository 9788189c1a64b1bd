package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/storage/sqlite3/v2"
	"github.com/jmoiron/sqlx"
	sqlite "github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/semaphore"
)

// sqliteEngine is one file, with one writer at a time. The other files with its name
// are about the file itself: how it is opened, whether it is still the same, whether it
// is a copy that was put in place.
type sqliteEngine struct {
	*DB
	storage *sqlite3.Storage
	writer  *semaphore.Weighted
	folder  *os.File // held open while the database is in use
	files   files
	lineage lineage
	reader  versionReader
}

func openSQLite(ctx context.Context, db *DB, path string) (engine, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	folder, alone := holdFolder(filepath.Dir(path))
	e, err := openHeld(ctx, db, path, folder, alone)
	if err != nil {
		folder.Close()
		return nil, err
	}
	return e, nil
}

func openHeld(ctx context.Context, db *DB, path string, folder *os.File, alone bool) (*sqliteEngine, error) {
	aside, err := putLogAside(path, alone)
	if err != nil {
		return nil, err
	}
	if folder != nil {
		if err := shareFolder(folder); err != nil {
			return nil, err
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the database %s can't be opened: %w", path, Cause(err))
	}
	storage, err := openWithRetry(path)
	if err != nil {
		return nil, err
	}
	db.SQL = sqlx.NewDb(storage.Conn(), "sqlite3")
	e := &sqliteEngine{
		DB:      db,
		storage: storage,
		writer:  semaphore.NewWeighted(1),
		folder:  folder,
		files:   files{path: path},
		lineage: lineage{logAside: aside},
	}
	steps, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.migrate(ctx, path, goose.DialectSQLite3, steps)
	}
	if err == nil {
		err = e.rememberFiles(ctx, before)
	}
	if err == nil {
		err = e.readLineage(ctx)
	}
	if err != nil {
		storage.Close()
		return nil, err
	}
	return e, nil
}

func (db *sqliteEngine) close() error {
	if db.unsafeToClose() {
		return nil // the process ends without touching the new file
	}
	defer db.folder.Close()
	defer db.files.content.Close() // after SQLite has closed it
	db.reader.Lock()
	defer db.reader.Unlock()
	db.reader.close()
	return db.storage.Close()
}

func (db *sqliteEngine) redactedAddress() string { return db.files.path }

func (db *sqliteEngine) payloads() Storage { return &sqliteStorage{db.storage, db} }

// Files returns the names of the files that the SQLite database at path consists of, if
// they are there.
func Files(path string) []string {
	return []string{path, path + logSuffix, path + indexSuffix, markPath(path)}
}

func (db *sqliteEngine) size(context.Context) (bytes int64, err error) {
	for _, name := range []string{db.files.path, db.files.path + logSuffix} {
		if info, err := os.Stat(name); err == nil {
			bytes += info.Size()
		}
	}
	return bytes, nil
}

func (db *sqliteEngine) write(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.takeTurn(ctx, func() error { return db.commit(ctx, change) })
}

// takeTurn runs write when the caller is the one who has waited longest. SQLite
// has a single writer too, but whoever waits for it there has to ask again and
// again, and newcomers may get in first. It returns context.DeadlineExceeded if
// the turn does not come.
func (db *sqliteEngine) takeTurn(ctx context.Context, write func() error) error {
	waiting, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	if err := db.writer.Acquire(waiting, 1); err != nil {
		return fmt.Errorf("wait to write: %w", err)
	}
	defer db.writer.Release(1)
	if err := db.checkBeforeWriting(ctx); err != nil {
		return err
	}
	return write()
}

// commit runs change in one transaction. The caller has taken its turn.
func (db *sqliteEngine) commit(ctx context.Context, change func(*sqlx.Tx) error) error {
	tx, err := db.SQL.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := change(tx); err != nil {
		return err
	}
	row, err := db.advance(ctx, tx)
	if err != nil {
		return fmt.Errorf("advance the sequence: %w", err)
	}
	if err := db.checkFiles(); err != nil { // a change to a file that was replaced would be lost
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := db.advanceMark(row); err != nil { // the change itself is committed; the next one tries again
		db.Log.Error("the mark beside the database can't be written", "file", markPath(db.files.path), "error", err)
	}
	return nil
}

// writeUnsynced does not advance the sequence: what it changes may be lost.
func (db *sqliteEngine) writeUnsynced(ctx context.Context, change func(*sqlx.Tx) error) error {
	return db.takeTurn(ctx, func() error {
		conn, err := db.SQL.Connx(ctx)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer func() {
			if _, err := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = FULL`); err != nil {
				conn.Raw(func(any) error { return driver.ErrBadConn }) // never used again
			}
		}()
		tx, err := conn.BeginTxx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer tx.Rollback() // does nothing after Commit
		if err := change(tx); err != nil {
			return err
		}
		if err := db.checkFiles(); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	})
}

// There is one writer: nothing changes between the statements of a transaction.

func (db *sqliteEngine) lockRule(context.Context, *sqlx.Tx, string) error { return nil }

func (db *sqliteEngine) skipLocked() string { return "" }

func (db *sqliteEngine) lockRows() string { return "" }

func (db *sqliteEngine) tables(ctx context.Context) ([]table, error) {
	const ofTables = ` FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY m.name, c.cid`
	isText := func(string) bool { return false } // text is compared byte by byte anyway
	return describe(ctx, db.SQL, `SELECT m.name AS "table", c.name AS "column", c.type AS kind, c.pk AS place`+ofTables, isText,
		`SELECT m.name AS "table", f."table" AS other FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`)
}

func (db *sqliteEngine) lockForCopy(ctx context.Context, _ []table, copy func(*sqlx.Tx) error) error {
	return db.write(ctx, copy)
}

func (db *sqliteEngine) holds(_ context.Context, other engine, _ *sqlx.Tx) (bool, error) {
	file, ok := other.(*sqliteEngine)
	return ok && os.SameFile(db.files.opened, file.files.opened), nil
}

// analyze does nothing: the planner of SQLite goes by the indices alone.
func (db *sqliteEngine) analyze(context.Context, []table) error { return nil }

func (db *sqliteEngine) collation() string { return "" }

func (db *sqliteEngine) clock(context.Context) (now time.Time, own bool, err error) {
	return now, false, nil
}

func (db *sqliteEngine) userTables(ctx context.Context) (tables []string, err error) {
	err = db.SQL.SelectContext(ctx, &tables, `SELECT m.name FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' AND f."table" = 'users' AND f."from" = 'user_id' AND m.name <> '`+unseenTable+`' ORDER BY m.name`)
	return tables, err
}

func (db *sqliteEngine) createVersionTriggers(ctx context.Context, table string) error {
	var triggers []string
	if err := db.SQL.SelectContext(ctx, &triggers, `SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = $1`, table); err != nil {
		return err
	}
	for event, row := range map[string]string{"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"} {
		name := table + "_version_" + strings.ToLower(event)
		if slices.Contains(triggers, name) {
			continue
		}
		if _, err := db.SQL.ExecContext(ctx, fmt.Sprintf(`CREATE TRIGGER IF NOT EXISTS %q AFTER %s ON %q BEGIN
			UPDATE users SET version = random() WHERE id = %s.user_id; END`, name, event, table, row)); err != nil {
			return err
		}
	}
	return nil
}

func (db *sqliteEngine) primaryKey(ctx context.Context, table string) (columns []string, hidden bool, err error) {
	err = db.SQL.SelectContext(ctx, &columns, `SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk`, table)
	if err == nil && len(columns) == 0 {
		return []string{"rowid"}, true, nil
	}
	return columns, false, err
}

func (db *sqliteEngine) examine(ctx context.Context) []Finding {
	return []Finding{db.examineContent(ctx), db.examineSettings(ctx)}
}

func (db *sqliteEngine) examineContent(ctx context.Context) Finding {
	const about = "database"
	var damage []string
	if err := db.SQL.SelectContext(ctx, &damage, `PRAGMA quick_check(1)`); err != nil {
		return Finding{Failed, about, explainSQLite(db.files.path, err).Error(), "restore a copy"}
	}
	if found := strings.Join(damage, " "); found != "ok" {
		return Finding{Failed, about, db.files.path + " is damaged: " + found, "restore a copy, or save what is left with: sqlite3 FILE .recover"}
	}
	if db.isCopy() {
		return Finding{Warning, about, db.files.path + " is a copy that was put in place", "expect the next start to end all sessions and password links in it"}
	}
	version, err := db.SchemaVersion(ctx)
	if err != nil {
		return Finding{Failed, about, err.Error(), "restore a copy"}
	}
	return Finding{OK, about, fmt.Sprintf("%s is whole, schema version %d", db.files.path, version), ""}
}

// examineSettings says whether a commit is safe with the settings of the connections.
func (db *sqliteEngine) examineSettings(ctx context.Context) Finding {
	const about = "durability"
	var journal, synchronous, foreign string
	for pragma, value := range map[string]*string{"journal_mode": &journal, "synchronous": &synchronous, "foreign_keys": &foreign} {
		if err := db.SQL.GetContext(ctx, value, `PRAGMA `+pragma); err != nil {
			return Finding{Failed, about, err.Error(), "see what the disk and the system's log say"}
		}
	}
	words := map[string]string{"0": "off", "1": "on"}
	levels := map[string]string{"0": "off", "1": "normal", "2": "full", "3": "extra"}
	settings := fmt.Sprintf("journal_mode=%s synchronous=%s foreign_keys=%s", journal, levels[synchronous], words[foreign])
	if journal != "wal" || synchronous != "2" || foreign != "1" {
		return Finding{Failed, about, settings, "put the database on a local disk: network file systems can't keep it safe"}
	}
	return Finding{OK, about, settings, ""}
}

// versionReader has a connection of its own, which the pool does not wait for.
type versionReader struct {
	sync.Mutex
	connection *sql.Conn
	statement  driver.Stmt
}

// versionQuery reads all in one statement, and so at one moment: the row that tells a
// copy from the database itself, and the versions.
const versionQuery = `SELECT 0, id, sequence FROM lineage UNION ALL SELECT 1, id, version FROM users WHERE id IN (SELECT value FROM json_each($1))`

// versions returns ErrReplaced if a copy was restored into the file: its versions are
// those of before.
func (db *sqliteEngine) versions(ctx context.Context, users []string) (map[string]int64, error) {
	if err := db.present(); err != nil {
		return nil, err
	}
	marked := db.lineage.marked.Load() // first: what is committed later can only be further
	r := &db.reader
	r.Lock()
	defer r.Unlock()
	if r.connection == nil {
		if err := r.open(ctx, db.SQL.DB); err != nil {
			r.close()
			return nil, err
		}
	}
	lineage, versions, err := r.read(users)
	if err != nil {
		r.close() // the next call tries another connection
		if replaced := db.checkContent(ctx, db.SQL); errors.Is(replaced, ErrReplaced) {
			return nil, replaced
		}
		return nil, err
	}
	if marked != nil && (lineage.ID != marked.ID || lineage.Sequence < marked.Sequence) {
		return nil, db.stopRestored()
	}
	return versions, nil
}

func (r *versionReader) open(ctx context.Context, from *sql.DB) (err error) {
	if r.connection, err = from.Conn(ctx); err != nil {
		return err
	}
	return r.connection.Raw(func(connection any) (err error) {
		r.statement, err = connection.(*sqlite.SQLiteConn).Prepare(versionQuery)
		return err
	})
}

func (r *versionReader) read(users []string) (lineage lineageRow, versions map[string]int64, err error) {
	list, err := json.Marshal(users)
	if err != nil {
		return lineage, nil, err
	}
	versions = make(map[string]int64, len(users))
	err = r.connection.Raw(func(any) error {
		rows, err := r.statement.Query([]driver.Value{string(list)}) //lint:ignore SA1019 the function that takes a context starts a goroutine
		if err != nil {
			return err
		}
		defer rows.Close()
		for {
			var row [3]driver.Value
			if err := rows.Next(row[:]); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			id, _ := row[1].(string)
			number, _ := row[2].(int64)
			if row[0] == int64(0) {
				lineage = lineageRow{id, number}
			} else {
				versions[id] = number
			}
		}
	})
	return lineage, versions, err
}

// close returns the connection to the pool. The caller holds the lock.
func (r *versionReader) close() {
	if r.statement != nil {
		r.connection.Raw(func(any) error { return r.statement.Close() })
	}
	if r.connection != nil {
		r.connection.Close()
	}
	r.connection, r.statement = nil, nil
}

// sqliteUnavailable are the codes with which SQLite reports problems of files, disks
// and other programs. All others are mistakes of this program.
var sqliteUnavailable = []sqlite.ErrNo{
	sqlite.ErrBusy, sqlite.ErrLocked, sqlite.ErrIoErr, sqlite.ErrFull, sqlite.ErrReadonly,
	sqlite.ErrCorrupt, sqlite.ErrCantOpen, sqlite.ErrNotADB,
}

func sqliteFailure(err error) failure {
	var failed sqlite.Error
	switch {
	case !errors.As(err, &failed):
		return otherFailure
	case slices.Contains(sqliteUnavailable, failed.Code):
		return unavailable
	case failed.ExtendedCode == sqlite.ErrConstraintForeignKey:
		return missingReference
	}
	return otherFailure
}

func explainSQLite(path string, err error) error {
	var failed sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	var sentence string
	switch failed.Code {
	case sqlite.ErrNotADB:
		sentence = "is not a SQLite database; name another file, or move this one away"
	case sqlite.ErrCorrupt:
		sentence = "is damaged; restore a copy, or save what is left with: sqlite3 FILE .recover"
	case sqlite.ErrFull:
		sentence = "can't be written because the disk is full; make room and start again"
	case sqlite.ErrReadonly, sqlite.ErrPerm, sqlite.ErrAuth:
		sentence = "can't be written; give the user who runs this program write permission on the file and its folder"
	case sqlite.ErrCantOpen:
		sentence = "can't be opened; see that its folder exists and may be written by the user who runs this program"
	case sqlite.ErrBusy, sqlite.ErrLocked:
		sentence = "is locked by another program; end that one, or wait until it is done"
	case sqlite.ErrIoErr:
		sentence = "can't be read or written; the disk may be full or failing"
	default:
		return fmt.Errorf("the database %s: %w", path, err)
	}
	return fmt.Errorf("the database %s %s (%w)", path, sentence, err)
}
