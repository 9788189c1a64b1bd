package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// SetIdle first ends the sessions that are idle by the previous limit, including
// those that became idle while no server ran, and then sets a new limit. So a longer
// limit revives no session.
func (db *DB) SetIdle(ctx context.Context, limit time.Duration) error {
	if err := db.endIdle(ctx); err != nil {
		return err
	}
	if limit == db.Idle {
		return nil
	}
	db.Idle = limit
	_, err := db.Exec(ctx, `INSERT INTO settings (name, value) VALUES ('idle', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, int64(limit.Seconds()))
	if err != nil {
		return fmt.Errorf("store the idle limit: %w", err)
	}
	return db.endIdle(ctx)
}

// readIdle reads the limit that was set last.
func (db *DB) readIdle(ctx context.Context) error {
	var seconds int64
	err := db.SQL.GetContext(ctx, &seconds, `SELECT COALESCE(MAX(value), 0) FROM settings WHERE name = 'idle'`)
	db.Idle = time.Duration(seconds) * time.Second
	return err
}

// endIdle ends idle sessions. It finds them before it takes the write lock.
func (db *DB) endIdle(ctx context.Context) error {
	if db.Idle == 0 {
		return nil
	}
	last := db.lastIdle() // read first: sessions that are seen meanwhile are later than this
	if err := db.writeLastSeen(ctx); err != nil {
		return err
	}
	for {
		var ids []string
		if err := db.SQL.SelectContext(ctx, &ids, `SELECT id FROM sessions WHERE seen < $1 LIMIT $2`, last, sweepStep); err != nil {
			return fmt.Errorf("find idle sessions: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		where := database.Conditions{}
		where.Add(true, `seen < `, last)
		where.AddIn(`id`, ids)
		err := db.Write(ctx, func(tx *sqlx.Tx) error {
			return endSessionsOfMany(ctx, tx, where.All(), where.Values...)
		})
		if err != nil {
			return fmt.Errorf("end idle sessions: %w", err)
		}
	}
}

// EndIdle ends a session for which Session returned ErrIdle, unless it was used
// meanwhile: then it returns the session. Ending it in the database decides for all
// processes, so that no session is idle for one of them and in use for another.
func (db *DB) EndIdle(ctx context.Context, id string) (*Session, error) {
	err := db.Write(ctx, func(tx *sqlx.Tx) error {
		var user User
		err := tx.GetContext(ctx, &user.ID, `SELECT user_id FROM sessions WHERE id = $1`, id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // ended meanwhile
		}
		if err == nil {
			_, err = endSessionsOf(ctx, tx, &user, `id = $1 AND seen < $2`, id, db.lastIdle())
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end an idle session: %w", err)
	}
	return db.Session(ctx, id)
}

// idle tells whether a session was not used for longer than the limit.
func (db *DB) idle(session *Session) bool {
	return db.Idle > 0 && session.Seen.Before(db.lastIdle().Time)
}

// lastIdle is the time before which idle sessions were last seen.
func (db *DB) lastIdle() Time { return Time{Time: db.Time().Add(-db.Idle)} }
