package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	sqlite "github.com/mattn/go-sqlite3"
)

// A copy of the database that is put in its place holds sessions and password
// links that have ended since the copy was made. So each transaction advances a
// sequence in the database, and then one in a file beside it, before it is
// answered. A database that is behind that file, or is not the file that was in
// use last, is a copy, and everything it would revive ends.

// mark is the content of the file beside the database. It is written in place and
// always has the same length, so that it can be written when the disk is full,
// and a killed process leaves it intact.
type mark struct {
	lineage  string
	sequence int64
	base     int64  // the file had this sequence, at least, when the present log began; 0: unknown
	file     uint64 // inode of the database; not the device, whose number changes with a restart of the machine
	log      uint64 // inode of its write-ahead log
}

const markForm = "%26s %020d %020d %020d %020d\n"

func markPath(database string) string { return database + ".mark" }

// readMark returns nil if there is no mark or it can't be read.
func readMark(database string) *mark {
	file, err := os.Open(markPath(database))
	if err != nil {
		return nil
	}
	defer file.Close()
	if err := lockFile(file); err != nil {
		return nil
	}
	return scanMark(file)
}

func scanMark(from io.Reader) *mark {
	var m mark
	if _, err := fmt.Fscanf(from, markForm, &m.lineage, &m.sequence, &m.base, &m.file, &m.log); err != nil {
		return nil
	}
	return &m
}

// changeMark passes the mark, or nil, to change and writes what it returns. No
// other process changes it meanwhile. The flags may ask for a new file.
func changeMark(database string, flags int, change func(*mark) *mark) error {
	file, err := os.OpenFile(markPath(database), os.O_RDWR|flags, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := lockFile(file); err != nil {
		return err
	}
	if m := change(scanMark(file)); m != nil {
		_, err = file.WriteAt(fmt.Appendf(nil, markForm, m.lineage, m.sequence, m.base, m.file, m.log), 0)
	}
	return err
}

// lineage is what the process knows of the lineage of the database and of the mark.
type lineage struct {
	copied   bool    // the file is a copy that was put in place, and what has to end in it has not ended yet
	copyOf   string  // the lineage of the copy
	logAside string  // the new name of a log that belonged to another database
	serving  bool    // checkRestored was called
	base     int64   // as in the mark
	logBegan [8]byte // logBegan of the present log

	marked  atomic.Pointer[lineageRow] // what the mark says; nil until it was written
	checked atomic.Pointer[fileState]  // which file was found not to be older than the log
}

// fileState is when the database file was last written, and the base of the mark then.
type fileState struct{ written, base int64 }

// lineageRow is the row that the mark is compared with.
type lineageRow struct {
	ID       string `db:"id"`
	Sequence int64  `db:"sequence"`
}

// tampered replaces the lineage of a copy to which a command wrote before a
// server noticed that it is one: no mark names it, however far its sequence gets.
const tampered = "copy"

// readLineage finds out whether this is another database than the one that the mark
// is about, or older content of it.
func (db *sqliteEngine) readLineage(ctx context.Context) error {
	l := &db.lineage
	l.logBegan, _ = logBegan(db.files.path)
	m := readMark(db.files.path)
	var row lineageRow
	err := db.SQL.GetContext(ctx, &row, `SELECT id, sequence FROM lineage`)
	if errors.Is(err, sql.ErrNoRows) {
		// Nothing was served yet, or only by a version that knew no mark; or the
		// first start was killed after it had created the mark.
		l.copied = m != nil && (m.sequence > 0 || m.file != inode(db.files.opened))
		return nil
	}
	if err != nil {
		return err
	}
	l.copyOf = row.ID
	l.copied = m == nil || m.lineage != row.ID || m.sequence > row.Sequence || m.file != inode(db.files.opened)
	return nil
}

// isCopy tells whether the file is a copy that was put in place, in which
// checkRestored has not ended anything yet.
func (db *sqliteEngine) isCopy() bool { return db.lineage.copied }

// checkRestored is called before the database is served. If it is a copy that was
// put in place, it calls end, which runs adopt in the transaction that ends
// everything that may have ended before.
func (db *sqliteEngine) checkRestored(ctx context.Context, end func(adopt func(*sqlx.Tx) error) error) error {
	l := &db.lineage
	if l.logAside != "" {
		db.Log.Warn("the write-ahead log of another database was put aside", "log", l.logAside)
	}
	l.serving = true
	var row lineageRow
	err := db.SQL.GetContext(ctx, &row, `SELECT id, sequence FROM lineage`)
	switch {
	case l.copied:
		if err := changeMark(db.files.path, os.O_CREATE, func(*mark) *mark { return nil }); err != nil { // before anything ends
			return fmt.Errorf("the file %s can't be written: %w", markPath(db.files.path), Cause(err))
		}
		row = lineageRow{ID: rand.Text()}
		if err := end(func(tx *sqlx.Tx) error { return db.adopt(ctx, tx, row) }); err != nil {
			return err
		}
	case errors.Is(err, sql.ErrNoRows): // the first start
		row = lineageRow{ID: rand.Text()}
		if err := db.writeMark(row); err != nil { // first: without the mark, the row would be that of a copy
			return err
		}
		if _, err := db.Exec(ctx, `INSERT INTO lineage (id, sequence) VALUES ($1, $2)`, row.ID, row.Sequence); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	var written struct{ Busy, Log, Checkpointed int }
	if err := db.SQL.GetContext(ctx, &written, `PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		return err
	}
	if written.Log == written.Checkpointed {
		l.base = row.Sequence
	}
	l.logBegan, _ = logBegan(db.files.path)
	if err := db.writeMark(row); err != nil {
		return err
	}
	l.marked.Store(&row)
	return nil
}

// adopt makes a copy the database in use, with a lineage that the database it was
// copied from does not have.
func (db *sqliteEngine) adopt(ctx context.Context, tx *sqlx.Tx, row lineageRow) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM lineage`); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO lineage (id, sequence) VALUES ($1, $2)`, row.ID, row.Sequence); err != nil {
		return err
	}
	db.lineage.copied = false
	return nil
}

// writeMark makes this database the one that the mark is about.
func (db *sqliteEngine) writeMark(row lineageRow) error {
	err := changeMark(db.files.path, os.O_CREATE, func(*mark) *mark {
		return &mark{row.ID, row.Sequence, db.lineage.base, inode(db.files.opened), inode(db.files.log)}
	})
	if err != nil {
		return fmt.Errorf("the file %s can't be written: %w", markPath(db.files.path), Cause(err))
	}
	return nil
}

// checkContent returns ErrReplaced if a copy was restored into the open file, as
// sqlite3's .restore does: what it holds is older than what this process has
// committed, or of another lineage. A process that has written nothing knows nothing to compare.
func (db *sqliteEngine) checkContent(ctx context.Context, from interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) error {
	marked := db.lineage.marked.Load() // first: what is committed later can only be further
	if marked == nil {
		return nil
	}
	var row lineageRow
	err := from.QueryRowContext(ctx, `SELECT id, sequence FROM lineage`).Scan(&row.ID, &row.Sequence)
	var failed sqlite.Error
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.As(err, &failed) && failed.Code == sqlite.ErrError: // no such table
		return db.stopRestored()
	case err != nil:
		return fmt.Errorf("read the lineage: %w", err)
	case row.ID != marked.ID || row.Sequence < marked.Sequence:
		return db.stopRestored()
	}
	return nil
}

// checkWithoutLog returns ErrReplaced if a copy was written over the file that is older
// than the log. What SQLite reads may not tell: it has the lineage in memory, or a newer
// one in the log, where it was written since.
func (db *sqliteEngine) checkWithoutLog() error {
	marked := db.lineage.marked.Load() // first, as above
	m := readMark(db.files.path)
	if marked == nil || m == nil || m.lineage != marked.ID {
		return nil
	}
	if began, err := logBegan(db.files.path); err == nil && began == [8]byte{} { // it is empty: all is in the file
		m.base = max(m.base, marked.Sequence)
	}
	info, err := db.files.content.Stat()
	if err != nil {
		return err
	}
	now := fileState{info.ModTime().UnixNano(), m.base}
	if last := db.lineage.checked.Load(); m.base == 0 || last != nil && *last == now {
		return nil
	}
	for range 2 {
		row, err := readWithoutLog(db.files.path)
		if err == nil && len(row.ID) == len(m.lineage) && m.isAfter(row) {
			continue
		}
		if err == nil && time.Since(info.ModTime()) > time.Second { // else it may change again at what is the same time for the disk
			db.lineage.checked.Store(&now)
		}
		return nil // SQLite may be writing the file just now
	}
	return db.stopRestored()
}

// stopRestored stops all work, because a copy was restored into the open file.
func (db *sqliteEngine) stopRestored() error {
	db.files.restored.Store(true)
	return db.stop(db.files.path)
}

// advance counts a transaction that is about to be committed.
func (db *sqliteEngine) advance(ctx context.Context, tx *sqlx.Tx) (row lineageRow, err error) {
	if db.lineage.copied {
		_, err = tx.ExecContext(ctx, `UPDATE lineage SET id = $1 WHERE id = $2`, tampered, db.lineage.copyOf)
		return row, err
	}
	err = tx.GetContext(ctx, &row, `UPDATE lineage SET sequence = sequence + 1 RETURNING id, sequence`)
	marked := db.lineage.marked.Load()
	switch {
	case errors.Is(err, sql.ErrNoRows) && marked == nil: // nothing was served yet
		return row, nil
	case marked != nil && (errors.Is(err, sql.ErrNoRows) || err == nil && (row.ID != marked.ID || row.Sequence <= marked.Sequence)):
		return row, db.stopRestored() // while this transaction waited to begin
	}
	return row, err
}

// advanceMark writes into the mark that a transaction was committed.
func (db *sqliteEngine) advanceMark(row lineageRow) error {
	if row.ID == "" {
		return nil
	}
	l := &db.lineage
	// SQLite begins a new log once all of the old one is in the database file.
	if began, err := logBegan(db.files.path); err == nil && began != l.logBegan {
		l.logBegan = began
		if marked := l.marked.Load(); marked != nil {
			l.base = marked.Sequence
		}
	}
	err := changeMark(db.files.path, 0, func(m *mark) *mark {
		if m == nil || m.lineage != row.ID {
			return nil
		}
		m.sequence, m.base = max(m.sequence, row.Sequence), max(m.base, l.base)
		m.log = inode(db.files.log)
		return m
	})
	if errors.Is(err, fs.ErrNotExist) && l.serving {
		err = db.writeMark(row)
	}
	if err == nil {
		l.marked.Store(&row)
	}
	return err
}

// logBegan returns the salts in the header of the write-ahead log, which change when
// SQLite begins a new one (SQLite's file format, 4.1), or zeros if the log is empty.
func logBegan(database string) (salts [8]byte, err error) {
	file, err := os.Open(database + logSuffix)
	if err != nil {
		return salts, err
	}
	defer file.Close()
	if _, err = file.ReadAt(salts[:], 16); errors.Is(err, io.EOF) {
		err = nil
	}
	return salts, err
}

// isBehind tells whether the database file, without its log, is older than it was
// when the log that the mark names began: then the log belongs to other content. It
// is called before the database is opened.
func (m *mark) isBehind(database string) (bool, error) {
	row, err := readWithoutLog(database)
	return err == nil && m.isAfter(row), err
}

// isAfter tells whether a file with that row is older than when the log began.
func (m *mark) isAfter(row lineageRow) bool { return row.ID != m.lineage || row.Sequence < m.base }

// readWithoutLog returns what the database file says without its log: nothing if it has
// no such row.
func readWithoutLog(database string) (row lineageRow, err error) {
	absolute, err := filepath.Abs(database)
	if err != nil {
		return row, err
	}
	name := url.URL{Scheme: "file", Path: absolute, RawQuery: "mode=ro&immutable=1"}
	db, err := sqlx.Open("sqlite3", name.String())
	if err != nil {
		return row, err
	}
	defer db.Close()
	var tables int
	if err := db.Get(&tables, `SELECT COUNT(*) FROM sqlite_schema WHERE name = 'lineage'`); err != nil || tables == 0 {
		return row, err
	}
	if err := db.Get(&row, `SELECT id, sequence FROM lineage`); !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	return row, nil
}
