package models

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

	"github.com/jmoiron/sqlx"
)

// A copy of the database that is put in its place holds sessions and password
// links that have ended since it was made. So each transaction advances a
// sequence in the database, and then one in a file beside it, before it is
// answered. A database that is behind that file, or is another file than the one
// that was in use last, is a copy, and whatever it would revive ends.

// mark is what the file beside the database says. It is written in place and
// always has the same length, so that it can be written when the disk is full,
// and a killed process leaves it whole.
type mark struct {
	lineage  string
	sequence int64
	base     int64  // the file had this sequence, at least, when the present log began; 0: unknown
	file     uint64 // inode of the database; not the device, whose number changes with a restart of the machine
	log      uint64 // inode of its write-ahead log
}

const markForm = "%26s %020d %020d %020d %020d\n"

func markPath(database string) string { return database + ".mark" }

// readMark returns nil when there is none, or it can't be read.
func readMark(database string) *mark {
	file, err := os.Open(markPath(database))
	if err != nil {
		return nil
	}
	defer file.Close()
	if err := lock(file); err != nil {
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

// changeMark lets change see the mark, or nil, and writes what it returns. No
// other process changes it meanwhile. The flags may ask for a new one.
func changeMark(database string, flags int, change func(*mark) *mark) error {
	file, err := os.OpenFile(markPath(database), os.O_RDWR|flags, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := lock(file); err != nil {
		return err
	}
	if m := change(scanMark(file)); m != nil {
		_, err = file.WriteAt(fmt.Appendf(nil, markForm, m.lineage, m.sequence, m.base, m.file, m.log), 0)
	}
	return err
}

// lineage is the row that the mark is compared with.
type lineage struct {
	ID       string `db:"id"`
	Sequence int64  `db:"sequence"`
}

// tampered stands for the lineage of a copy to which a command wrote before a
// server noticed that it is one: however far its sequence gets, it is no other's.
const tampered = "copy"

// isCopy tells whether this is not the database that the mark is about, or an
// older content of it.
func (db *DB) isCopy(ctx context.Context) (bool, error) {
	m := readMark(db.file.path)
	var row lineage
	err := db.sql.GetContext(ctx, &row, `SELECT id, sequence FROM lineage`)
	if errors.Is(err, sql.ErrNoRows) {
		// Nothing was served yet, or only by a version that knew no mark; or the
		// first start was killed after it had made the mark.
		return m != nil && (m.sequence > 0 || m.file != inode(db.file.opened)), nil
	}
	if err != nil {
		return false, err
	}
	db.copyOf = row.ID
	return m == nil || m.lineage != row.ID || m.sequence > row.Sequence || m.file != inode(db.file.opened), nil
}

// CheckRestored is called before the database is served. When it is a copy that
// was put in place, all sessions and password links in it end: they may have
// ended before.
func (db *DB) CheckRestored(ctx context.Context) error {
	if db.aside != "" {
		db.Log.Warn("the write-ahead log of another database was put aside", "log", db.aside)
	}
	db.serving = true
	var row lineage
	err := db.sql.GetContext(ctx, &row, `SELECT id, sequence FROM lineage`)
	switch {
	case db.copied:
		if row, err = db.endRestored(ctx); err != nil {
			return err
		}
		db.Log.Warn("the database is a copy that was put in place: all sessions and password links in it were ended", "database", db.file.path)
	case errors.Is(err, sql.ErrNoRows): // the first start
		row = lineage{ID: rand.Text()}
		if err := db.writeMark(row); err != nil { // first: without it the row would be that of a copy
			return err
		}
		if _, err := db.exec(ctx, `INSERT INTO lineage (id, sequence) VALUES ($1, $2)`, row.ID, row.Sequence); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	var written struct{ Busy, Log, Checkpointed int }
	if err := db.sql.GetContext(ctx, &written, `PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		return err
	}
	if written.Log == written.Checkpointed {
		db.base = row.Sequence
	}
	db.logBegan = logBegan(db.file.path)
	return db.writeMark(row)
}

// endRestored makes a copy the database in use, which has nothing to do with the
// one that it is a copy of.
func (db *DB) endRestored(ctx context.Context) (row lineage, err error) {
	row.ID = rand.Text()
	return row, db.writeWithEvents(ctx, Origin{Browser: "restored copy"}, func(tx *sqlx.Tx, note note) error {
		if _, err := endAccess(ctx, tx, nil, ""); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM lineage`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO lineage (id, sequence) VALUES ($1, $2)`, row.ID, row.Sequence); err != nil {
			return err
		}
		db.copied = false
		return note(AllSessionsEnded, nil)
	})
}

// writeMark makes this database the one that the mark is about.
func (db *DB) writeMark(row lineage) error {
	err := changeMark(db.file.path, os.O_CREATE, func(*mark) *mark {
		return &mark{row.ID, row.Sequence, db.base, inode(db.file.opened), inode(db.file.log)}
	})
	if err != nil {
		return fmt.Errorf("the file %s can't be written: %w", markPath(db.file.path), reason(err))
	}
	db.marked = row.Sequence
	return nil
}

// advance counts a transaction that is about to be committed.
func (db *DB) advance(ctx context.Context, tx *sqlx.Tx) (row lineage, err error) {
	if db.copied {
		_, err = tx.ExecContext(ctx, `UPDATE lineage SET id = $1 WHERE id = $2`, tampered, db.copyOf)
		return row, err
	}
	err = tx.GetContext(ctx, &row, `UPDATE lineage SET sequence = sequence + 1 RETURNING id, sequence`)
	if errors.Is(err, sql.ErrNoRows) { // nothing was served yet
		err = nil
	}
	return row, err
}

// advanceMark writes that a transaction was committed.
func (db *DB) advanceMark(row lineage) error {
	if row.ID == "" {
		return nil
	}
	// SQLite begins the log anew when all of it is in the database file.
	if began := logBegan(db.file.path); began != db.logBegan {
		db.logBegan, db.base = began, db.marked
	}
	err := changeMark(db.file.path, 0, func(m *mark) *mark {
		if m == nil || m.lineage != row.ID {
			return nil
		}
		m.sequence, m.base = max(m.sequence, row.Sequence), max(m.base, db.base)
		m.log = inode(db.file.log)
		return m
	})
	if errors.Is(err, fs.ErrNotExist) && db.serving {
		return db.writeMark(row)
	}
	if err == nil {
		db.marked = row.Sequence
	}
	return err
}

// logBegan returns what tells a log that was begun anew from what it was before:
// the salts in its header (SQLite's file format, 4.1).
func logBegan(database string) (salts [8]byte) {
	if file, err := os.Open(database + logSuffix); err == nil {
		defer file.Close()
		file.ReadAt(salts[:], 16)
	}
	return salts
}

// isBehind tells whether the database file, without its log, is older than it
// was when the log that the mark knows began: then the log belongs to another
// content. It is asked before the database is opened.
func (m *mark) isBehind(database string) (bool, error) {
	absolute, err := filepath.Abs(database)
	if err != nil {
		return false, err
	}
	name := url.URL{Scheme: "file", Path: absolute, RawQuery: "mode=ro&immutable=1"}
	db, err := sqlx.Open("sqlite3", name.String())
	if err != nil {
		return false, err
	}
	defer db.Close()
	var tables int
	if err := db.Get(&tables, `SELECT COUNT(*) FROM sqlite_schema WHERE name = 'lineage'`); err != nil {
		return false, err
	}
	if tables == 0 {
		return true, nil
	}
	var row lineage
	if err := db.Get(&row, `SELECT id, sequence FROM lineage`); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	return row.ID != m.lineage || row.Sequence < m.base, nil
}
