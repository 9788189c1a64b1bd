package models

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/jmoiron/sqlx"
)

// lastSeen holds when sessions were last seen, as far as the database does not know yet.
type lastSeen struct {
	sync.Mutex
	seen map[string]Time // by session ID
}

func newLastSeen() *lastSeen { return &lastSeen{seen: make(map[string]Time)} }

// touch remembers that a session was seen, if it was not within the last minute.
func (m *lastSeen) touch(session *Session, now Time) {
	if now.Sub(session.Seen.Time) < lastSeenInterval {
		return
	}
	m.Lock()
	defer m.Unlock()
	m.seen[session.ID] = now
	session.Seen = now
}

// later returns the later of what the database holds and what it does not know yet.
func (m *lastSeen) later(id string, written Time) Time {
	m.Lock()
	defer m.Unlock()
	if seen, ok := m.seen[id]; ok && seen.After(written.Time) {
		return seen
	}
	return written
}

// unwritten returns what the database does not know yet.
func (m *lastSeen) unwritten() map[string]Time {
	m.Lock()
	defer m.Unlock()
	return maps.Clone(m.seen)
}

// forget drops what was written, unless the session was seen again meanwhile.
func (m *lastSeen) forget(written map[string]Time) {
	m.Lock()
	defer m.Unlock()
	for id, at := range written {
		if m.seen[id] == at {
			delete(m.seen, id)
		}
	}
}

// Touch remembers that a session is in use. It waits for no write.
func (db *DB) Touch(session *Session) {
	db.limiter.CountPage()
	db.lastSeen.touch(session, db.Time())
}

// setLastActive writes when the user of a session was last seen.
func setLastActive(ctx context.Context, tx *sqlx.Tx, session string, at Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET last_active = CAST($1 AS BIGINT) WHERE id = (SELECT user_id FROM sessions WHERE id = $2) AND last_active < $1`, at, session)
	return err
}

// writeLastSeen writes when sessions were last seen, all in one transaction. It is
// an UPDATE: a session that has ended meanwhile stays ended.
func (db *DB) writeLastSeen(ctx context.Context) error {
	seen := db.lastSeen.unwritten()
	if len(seen) == 0 {
		return nil
	}
	err := db.Write(ctx, func(tx *sqlx.Tx) error {
		for id, at := range seen {
			if _, err := tx.ExecContext(ctx, `UPDATE sessions SET seen = $1 WHERE id = $2 AND seen < $1`, at, id); err != nil {
				return err
			}
			if err := setLastActive(ctx, tx, id, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write when sessions were last seen: %w", err)
	}
	db.lastSeen.forget(seen)
	return nil
}
