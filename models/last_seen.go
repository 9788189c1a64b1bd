package models

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/jmoiron/sqlx"
)

// lastSeen holds when sessions were last seen, as far as the database does not know yet.
type lastSeen struct {
	sync.Mutex
	seen map[string]seen // by session ID
}

// seen is when a session was last seen, and whose it is.
type seen struct {
	user string
	at   Time
}

func newLastSeen() *lastSeen { return &lastSeen{seen: make(map[string]seen)} }

// touch remembers that a session was seen, if it was not within the last minute.
func (m *lastSeen) touch(session *Session, now Time) {
	if now.Sub(session.Seen.Time) < lastSeenInterval {
		return
	}
	m.Lock()
	defer m.Unlock()
	m.seen[session.ID] = seen{session.User.ID, now}
	session.Seen = now
}

// later returns the later of what the database holds and what it does not know yet.
func (m *lastSeen) later(id string, written Time) Time {
	m.Lock()
	defer m.Unlock()
	if seen, ok := m.seen[id]; ok && seen.at.After(written.Time) {
		return seen.at
	}
	return written
}

// unwritten returns what the database does not know yet.
func (m *lastSeen) unwritten() map[string]seen {
	m.Lock()
	defer m.Unlock()
	return maps.Clone(m.seen)
}

// forget drops what was written, unless the session was seen again meanwhile.
func (m *lastSeen) forget(written map[string]seen) {
	m.Lock()
	defer m.Unlock()
	for id, at := range written {
		if m.seen[id] == at {
			delete(m.seen, id)
		}
	}
}

// Touch remembers that a session is in use. It waits for no write, unless the session
// is about to become idle for other processes.
func (db *DB) Touch(ctx context.Context, session *Session) {
	db.limiter.CountPage()
	before, now := session.Seen, db.Time()
	db.lastSeen.touch(session, now)
	if db.Idle == 0 || now.Sub(before.Time) < db.Idle-2*lastSeenWrites {
		return
	}
	if err := db.writeLastSeen(ctx); err != nil {
		db.Log.Warn("when a session was last seen can't be written; it will be tried again", "error", err)
	}
}

// setLastActive writes when a user was last seen.
func setLastActive(ctx context.Context, tx *sqlx.Tx, user string, at Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET last_active = $1 WHERE id = $2 AND last_active < $1`, at, user)
	return err
}

// writeLastSeen writes when sessions were last seen, all in one transaction, which locks
// their users first, in the order that lockUser asks for. It is an UPDATE: a session that
// has ended meanwhile stays ended.
func (db *DB) writeLastSeen(ctx context.Context) error {
	unwritten := db.lastSeen.unwritten()
	if len(unwritten) == 0 {
		return nil
	}
	sessions, users := make(map[string]int64), make(map[string]int64)
	for id, seen := range unwritten {
		sessions[id] = seen.at.Unix()
		users[seen.user] = max(users[seen.user], seen.at.Unix())
	}
	ofSessions, err := json.Marshal(sessions)
	if err != nil {
		return err
	}
	ofUsers, err := json.Marshal(users)
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(tx *sqlx.Tx) error {
		if lock := db.LockRows(); lock != "" {
			if _, err := tx.ExecContext(ctx, `SELECT 1 FROM users WHERE id IN (SELECT key FROM json_each($1)) ORDER BY id`+lock, string(ofUsers)); err != nil {
				return err
			}
		}
		const times = ` FROM (SELECT key AS id, CAST(CAST(value AS TEXT) AS BIGINT) AS at FROM json_each($1)) latest WHERE `
		if _, err := tx.ExecContext(ctx, `UPDATE users SET last_active = at`+times+`users.id = latest.id AND last_active < at`, string(ofUsers)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET seen = at`+times+`sessions.id = latest.id AND seen < at`, string(ofSessions))
		return err
	})
	if err != nil {
		return fmt.Errorf("write when sessions were last seen: %w", err)
	}
	db.lastSeen.forget(unwritten)
	return nil
}
