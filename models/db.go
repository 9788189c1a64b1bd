// Package models holds users, sessions and events, and the rules that apply to
// them. It knows nothing of HTTP. Package database below it opens the database, and
// package password hashes passwords.
//
// A method of [DB] answers one question or makes one change, and its name says
// which. Changes that belong together are written in one transaction, so that a
// killed process leaves either all of them or none. policy.go lists the limits and
// times, with the standards they come from.
package models

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// ErrNotFound says that there is no such row, or that it belongs to somebody else.
var ErrNotFound = database.ErrNotFound

// Time is a moment as the database stores it: whole Unix seconds.
type Time = database.Time

// DB gives access to all models. It is safe for concurrent use.
type DB struct {
	*database.DB

	// Throttle slows down sign-ins after failed ones.
	Throttle Throttle
	// KeepEvents is how long events are kept before Sweep deletes them.
	KeepEvents time.Duration
	// SecondFactor says who has to have a second factor.
	SecondFactor SecondFactorRule
	// Idle ends a session that was not used for this long; zero means never. It is the
	// setting of the server that uses the database or used it last; SetIdle changes it.
	Idle time.Duration

	limiter   *password.Limiter
	dummyHash password.Parameters
	attempts  *attempts
	watchers  *watchers
	lastSeen  *lastSeen
	ready     ready
	tables    []string // all that there are, also those of pages
	seedKeys  atomic.Pointer[[]SeedKey]

	hasUsers  atomic.Bool  // once true, it stays true: the last administrator can't be removed
	throttled atomic.Int64 // sign-ins since the start
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// Open opens a database, as database.Open does, and brings it up to date. Errors about
// the address are one sentence for the person who runs the program.
func Open(ctx context.Context, address string) (*DB, error) { return OpenAs(ctx, address, "") }

// OpenAs is Open for a server with a name.
func OpenAs(ctx context.Context, address, server string) (*DB, error) {
	opened, err := database.OpenAs(ctx, address, server)
	if err != nil {
		return nil, err
	}
	db := &DB{
		DB:         opened,
		Throttle:   DefaultThrottle,
		KeepEvents: DefaultKeepEvents,
		limiter:    password.NewLimiter(),
		dummyHash:  password.Dummy(),
		watchers:   newWatchers(),
		lastSeen:   newLastSeen(),
	}
	db.attempts = newAttempts(opened, &db.Throttle, db.limiter)
	readTables := func(ctx context.Context) (err error) {
		db.tables, err = opened.Tables(ctx)
		return err
	}
	for _, step := range []func(context.Context) error{db.fillSearchKeys, db.CreateVersionTriggers, db.readIdle, readTables} {
		if err := step(ctx); err != nil {
			opened.Close()
			return nil, database.Explain(address, err)
		}
	}
	return db, nil
}

// CheckRestored is called before the database is served. If it is a copy that was
// put in place, all sessions and password links in it end: they may have ended
// since the copy was made.
func (db *DB) CheckRestored(ctx context.Context) error {
	return db.DB.CheckRestored(ctx, func(adopt func(*sqlx.Tx) error) error {
		err := db.writeWithEvents(ctx, ClientInfo{Browser: "restored copy"}, func(tx *sqlx.Tx, record record) error {
			if _, err := endAccess(ctx, tx, nil, ""); err != nil {
				return err
			}
			if err := adopt(tx); err != nil {
				return err
			}
			return record(AllSessionsEnded, nil)
		})
		if err == nil {
			db.Log.Warn("the database is a copy that was put in place: all sessions and password links in it were ended", "database", db.Address())
		}
		return err
	})
}

// Start begins the background work: writing when sessions were last seen, deleting
// what has expired, checking the files, and polling watched sessions. Close ends it.
func (db *DB) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	db.stop = cancel
	db.every(ctx, lastSeenWrites, db.writeLastSeen)
	db.every(ctx, time.Minute, db.Sweep)
	db.every(ctx, time.Second, db.Check)
	db.every(ctx, pollInterval, db.pollWatchers)
}

// every runs work once per interval until ctx ends. A failure is logged, and the
// work is tried again after the next interval.
func (db *DB) every(ctx context.Context, interval time.Duration, work func(context.Context) error) {
	db.running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				err := work(ctx)
				if errors.Is(err, database.ErrReplaced) || errors.Is(db.Present(), database.ErrReplaced) {
					return // until the program is restarted
				}
				if err != nil && ctx.Err() == nil {
					db.Log.Warn("background work failed; it will be tried again", "error", err)
				}
			}
		}
	})
}

// Close writes what is not written yet and closes the database.
func (db *DB) Close() error {
	var unwritten error
	if db.stop != nil {
		db.stop()
		db.running.Wait()
		unwritten = db.writeLastSeen(context.Background())
	}
	if errors.Is(unwritten, database.ErrReplaced) {
		unwritten = nil
	}
	return errors.Join(unwritten, db.DB.Close())
}

// ready is what was read last for the health checks.
type ready struct {
	sync.Mutex
	at  time.Time
	err error
}

// Ready returns an error if the database can't be used, or if what pages and sign-ins need
// can't be read: the session that expires last with its user and latest events, and a row
// of every table. That is read once in readyFor, however many ask. It takes readyTimeout
// at most.
func (db *DB) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := db.Check(ctx); err != nil {
		return err
	}
	r := &db.ready
	r.Lock()
	defer r.Unlock()
	if time.Since(r.at) >= readyFor {
		r.err = db.readEveryTable(ctx)
		r.at = time.Now()
	}
	return r.err
}

func (db *DB) readEveryTable(ctx context.Context) error {
	var id string
	err := db.SQL.GetContext(ctx, &id, `SELECT id FROM sessions WHERE expires > $1 ORDER BY expires DESC LIMIT 1`, db.Time())
	if err == nil {
		var session *Session
		if session, err = db.Session(ctx, id); err == nil {
			_, err = db.Events(ctx, EventFilter{UserID: session.User.ID}, 20)
		}
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !errors.Is(err, ErrNotFound) {
		return err
	}
	for _, table := range db.tables {
		rows, err := db.SQL.QueryxContext(ctx, `SELECT * FROM "`+table+`" LIMIT 1`)
		if err != nil {
			return err
		}
		rows.Next()
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}
