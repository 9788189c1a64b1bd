package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
)

// A database is copied to another one, of whichever engine, table by table in an order in
// which no row refers to one that is not there yet. The tables are those of the schema,
// so those that somebody added to the product go along.
//
// Both sides are read in ranges of primary keys, and what differs is written. So a copy
// that was broken off is just run again: what is equal is passed over.

// CopiedTable is the state of a table.
type CopiedTable struct {
	Name     string
	Rows     int    // compared so far
	Written  int    // of them
	Verified bool   // all rows are equal
	Sum      string // of all rows, once they were verified
}

const (
	copyRange     = 10_000 // rows that are compared at a time
	copyStatement = 30_000 // parameters of a statement: SQLite has at most 32,766
)

// ownTables are not copied as they are: each engine, and each database, has its own.
var ownTables = []string{"goose_db_version", "lineage", "installation", "secrets"}

// table is what a schema says about a table.
type table struct {
	name    string
	columns []string
	text    map[string]bool // columns whose order depends on a collation
	key     []string        // primary key
	refers  []string        // other tables
}

// Copy makes the database to equal to the database from, which nobody else can write to
// meanwhile. With moves, nobody can write to that one afterwards either. It returns an
// error, and has changed nothing, if to is the same database or holds another installation.
// As long as it has not succeeded, to can't be used. What the servers of the copy need
// besides is for complete, which is called when everything else is done.
func Copy(ctx context.Context, from, to *DB, moves bool, report func(CopiedTable), complete func() error) error {
	for _, db := range []*DB{from, to} {
		ours, err := from.SchemaVersion(ctx)
		if err != nil {
			return err
		}
		if theirs, err := db.SchemaVersion(ctx); err != nil {
			return err
		} else if theirs != ours {
			return fmt.Errorf("one of the databases has schema version %d, and the other %d: copy with the version of the program that knows both", ours, theirs)
		}
	}
	installation, err := from.Installation(ctx)
	if err != nil {
		return err
	}
	tables, err := from.engine.tables(ctx)
	if err != nil {
		return err
	}
	err = from.engine.lockForCopy(ctx, tables, func(held *sqlx.Tx) error {
		return copier{from, to, held}.run(ctx, tables, installation, moves, report, complete)
	})
	if err != nil {
		return err
	}
	return to.engine.write(ctx, func(tx *sqlx.Tx) error { return setMovedTo(ctx, tx, "") })
}

// run copies all tables, while nobody can write to the source.
func (c copier) run(ctx context.Context, tables []table, installation string, moves bool, report func(CopiedTable), complete func() error) error {
	if same, err := c.to.engine.holds(ctx, c.from.engine, c.held); err != nil {
		return err
	} else if same {
		return fmt.Errorf("%s and %s are the same database", c.from.Address(), c.to.Address())
	}
	if err := c.to.claim(ctx, installation); err != nil {
		return err
	}
	tables = byReferences(slices.DeleteFunc(tables, func(t table) bool { return slices.Contains(ownTables, t.name) }))
	for _, t := range slices.Backward(tables) {
		if err := c.deleteSurplus(ctx, t); err != nil {
			return fmt.Errorf("copy the table %s: %w", t.name, err)
		}
	}
	for _, verify := range []bool{false, true} {
		for _, t := range tables {
			if err := c.copy(ctx, t, verify, report); err != nil {
				return fmt.Errorf("copy the table %s: %w", t.name, err)
			}
		}
	}
	if err := c.to.engine.analyze(ctx, tables); err != nil {
		return fmt.Errorf("analyze the copy: %w", err)
	}
	if err := complete(); err != nil {
		return err
	}
	if moves {
		return setMovedTo(ctx, c.held, c.to.Address())
	}
	return nil
}

// claim makes an empty database one of an installation.
func (db *DB) claim(ctx context.Context, installation string) error {
	return db.engine.write(ctx, func(tx *sqlx.Tx) error {
		var users int
		if err := tx.GetContext(ctx, &users, `SELECT COUNT(*) FROM users`); err != nil {
			return err
		}
		if users == 0 { // started once, perhaps, and never used
			if _, err := tx.ExecContext(ctx, `DELETE FROM installation`); err != nil {
				return err
			}
		}
		var present string
		_, err := tx.ExecContext(ctx, `INSERT INTO installation (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING`, installation)
		if err == nil {
			err = tx.GetContext(ctx, &present, `SELECT id FROM installation`)
		}
		if err == nil && present != installation {
			return fmt.Errorf("the database %s holds another installation; name an empty one", db.Address())
		}
		if err == nil {
			err = setMovedTo(ctx, tx, Unfinished)
		}
		return err
	})
}

// byReferences sorts tables so that each comes after those that it refers to.
func byReferences(tables []table) (sorted []table) {
	missing := func(t table) bool {
		return slices.ContainsFunc(t.refers, func(other string) bool {
			return other != t.name && slices.ContainsFunc(tables, func(left table) bool { return left.name == other })
		})
	}
	for len(tables) > 0 {
		next := slices.IndexFunc(tables, func(t table) bool { return !missing(t) })
		next = max(0, next) // in a circle of references there is no order
		sorted = append(sorted, tables[next])
		tables = slices.Delete(slices.Clone(tables), next, next+1)
	}
	return sorted
}

type copier struct {
	from, to *DB
	held     *sqlx.Tx
}

// copiedRow is a row as it is written, and as it is compared.
type copiedRow struct {
	values   []any
	key      string
	compared string
}

// read returns the rows of a table in the range after one key, up to another: nil keys are
// the ends of the table.
func (c copier) read(ctx context.Context, db *DB, from sqlx.QueryerContext, t table, after, upTo []any) (rows []copiedRow, err error) {
	var where Conditions
	key := make([]string, len(t.key))
	for i, column := range t.key {
		key[i] = quoted(column)
		if t.text[column] {
			key[i] += db.engine.collation()
		}
	}
	bound := func(than string, values []any) {
		places := make([]string, len(values))
		for i, value := range values {
			places[i] = where.Place(value)
		}
		where.AddIf(values != nil, `(`+strings.Join(key, `, `)+`) `+than+` (`+strings.Join(places, `, `)+`)`)
	}
	bound(`>`, after)
	bound(`<=`, upTo)
	limit := ``
	if upTo == nil {
		limit = ` LIMIT ` + strconv.Itoa(copyRange)
	}
	found, err := from.QueryContext(ctx, `SELECT `+quotedList(t.columns)+` FROM `+quoted(t.name)+where.Where()+` ORDER BY `+strings.Join(key, `, `)+limit, where.Values...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		row := copiedRow{values: make([]any, len(t.columns))}
		into := make([]any, len(t.columns))
		for i := range into {
			into[i] = &row.values[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		var key, compared strings.Builder
		for i, column := range t.columns {
			value := row.values[i]
			if slices.Contains(t.key, column) {
				encode(&key, value)
			}
			if !versionColumn(t, column) {
				encode(&compared, value)
			}
		}
		row.key, row.compared = key.String(), compared.String()
		rows = append(rows, row)
	}
	return rows, errors.Join(found.Err(), found.Close())
}

// versionColumn tells whether a column is the version of a user, which is another one
// after every change of what belongs to the user, and nowhere the same.
func versionColumn(t table, column string) bool { return t.name == "users" && column == "version" }

// encode writes a value the same way whichever engine it comes from.
func encode(to *strings.Builder, value any) {
	text := ""
	switch value := value.(type) {
	case nil:
		to.WriteString("-;")
		return
	case bool:
		text = "0"
		if value {
			text = "1"
		}
	case []byte:
		text = string(value)
	default:
		text = fmt.Sprint(value)
	}
	fmt.Fprintf(to, "%d:%s;", len(text), text)
}

// keyOf returns the values of the primary key.
func (t table) keyOf(row copiedRow) (values []any) {
	for _, column := range t.key {
		values = append(values, row.values[slices.Index(t.columns, column)])
	}
	return values
}

// deleteSurplus deletes the rows that the source does not have.
func (c copier) deleteSurplus(ctx context.Context, t table) error {
	var after []any
	for {
		theirs, err := c.read(ctx, c.to, c.to.SQL, t, after, nil)
		if err != nil || len(theirs) == 0 {
			return err
		}
		last := t.keyOf(theirs[len(theirs)-1])
		ours, err := c.read(ctx, c.from, c.held, t, after, last)
		if err != nil {
			return err
		}
		there := byKey(ours)
		err = c.to.engine.write(ctx, func(tx *sqlx.Tx) error {
			for _, row := range theirs {
				if _, ok := there[row.key]; ok {
					continue
				}
				var where Conditions
				for i, value := range t.keyOf(row) {
					where.Add(true, quoted(t.key[i])+` = `, value)
				}
				if _, err := tx.ExecContext(ctx, `DELETE FROM `+quoted(t.name)+where.Where(), where.Values...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = last
	}
}

func byKey(rows []copiedRow) map[string]string {
	found := make(map[string]string, len(rows))
	for _, row := range rows {
		found[row.key] = row.compared
	}
	return found
}

// copy writes the rows that are missing or different, or returns an error if it is to
// verify that there is none.
func (c copier) copy(ctx context.Context, t table, verify bool, report func(CopiedTable)) error {
	if len(t.key) == 0 {
		return errors.New("it has no primary key")
	}
	state, sum := CopiedTable{Name: t.name}, sha256.New()
	var after []any
	for {
		ours, err := c.read(ctx, c.from, c.held, t, after, nil)
		if err != nil {
			return err
		}
		if len(ours) == 0 {
			break
		}
		last := t.keyOf(ours[len(ours)-1])
		theirs, err := c.read(ctx, c.to, c.to.SQL, t, after, last)
		if err != nil {
			return err
		}
		there := byKey(theirs)
		var different []copiedRow
		for _, row := range ours {
			sum.Write([]byte(row.compared))
			if compared, ok := there[row.key]; !ok || compared != row.compared {
				different = append(different, row)
			}
		}
		if verify && (len(different) > 0 || len(theirs) != len(ours)) {
			return errors.New("the copy differs: something else writes to it")
		}
		if err := c.write(ctx, t, different); err != nil {
			return err
		}
		state.Rows += len(ours)
		state.Written += len(different)
		after = last
		if !verify {
			report(state)
		}
	}
	if verify {
		var rows int
		if err := c.to.SQL.GetContext(ctx, &rows, `SELECT COUNT(*) FROM `+quoted(t.name)); err != nil {
			return err
		}
		if rows != state.Rows {
			return fmt.Errorf("the copy has %d rows and not %d: something else writes to it", rows, state.Rows)
		}
		state.Verified, state.Sum = true, hex.EncodeToString(sum.Sum(nil)[:8])
		report(state)
	}
	return nil
}

// write writes rows in one transaction.
func (c copier) write(ctx context.Context, t table, rows []copiedRow) error {
	if len(rows) == 0 {
		return nil
	}
	var set []string
	for _, column := range t.columns {
		if !slices.Contains(t.key, column) && !versionColumn(t, column) {
			set = append(set, quoted(column)+` = excluded.`+quoted(column))
		}
	}
	conflict := ` DO NOTHING`
	if len(set) > 0 {
		conflict = ` DO UPDATE SET ` + strings.Join(set, `, `)
	}
	return c.to.engine.write(ctx, func(tx *sqlx.Tx) error {
		for some := range slices.Chunk(rows, copyStatement/len(t.columns)) {
			var values Conditions
			var tuples []string
			for _, row := range some {
				places := make([]string, len(row.values))
				for i, value := range row.values {
					places[i] = values.Place(value)
				}
				tuples = append(tuples, `(`+strings.Join(places, `, `)+`)`)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO `+quoted(t.name)+` (`+quotedList(t.columns)+`) VALUES `+strings.Join(tuples, `, `)+
				` ON CONFLICT (`+quotedList(t.key)+`)`+conflict, values.Values...); err != nil {
				return err
			}
		}
		return nil
	})
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func namesOf(tables []table) (names []string) {
	for _, table := range tables {
		names = append(names, table.name)
	}
	return names
}

func quotedList(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quoted(name)
	}
	return strings.Join(list, `, `)
}

// describe groups what a schema says about columns by table. Each row has a table, a
// column, its type, and its place in the primary key, or zero.
func describe(ctx context.Context, db *sqlx.DB, query string, isText func(kind string) bool, references string) (tables []table, err error) {
	var columns []struct {
		Table, Column, Kind string
		Place               int
	}
	if err := db.SelectContext(ctx, &columns, query); err != nil {
		return nil, err
	}
	var refers []struct{ Table, Other string }
	if err := db.SelectContext(ctx, &refers, references); err != nil {
		return nil, err
	}
	places := make(map[string]int)
	for _, c := range columns {
		if len(tables) == 0 || tables[len(tables)-1].name != c.Table {
			tables = append(tables, table{name: c.Table, text: make(map[string]bool)})
		}
		t := &tables[len(tables)-1]
		t.columns = append(t.columns, c.Column)
		t.text[c.Column] = isText(strings.ToLower(c.Kind))
		if c.Place > 0 {
			places[c.Table+"\x00"+c.Column] = c.Place
			t.key = append(t.key, c.Column)
		}
	}
	for i := range tables {
		t := &tables[i]
		slices.SortFunc(t.key, func(a, b string) int { return places[t.name+"\x00"+a] - places[t.name+"\x00"+b] })
		for _, r := range refers {
			if r.Table == t.name {
				t.refers = append(t.refers, r.Other)
			}
		}
	}
	return tables, nil
}
