package models

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
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

// writeLastSeen writes when sessions were last seen, all in one transaction, user by
// user in the order that lockUser asks for. It is an UPDATE: a session that has ended
// meanwhile stays ended.
func (db *DB) writeLastSeen(ctx context.Context) error {
	seen := db.lastSeen.unwritten()
	if len(seen) == 0 {
		return nil
	}
	ids := slices.SortedFunc(maps.Keys(seen), func(a, b string) int { return cmp.Or(cmp.Compare(seen[a].user, seen[b].user), cmp.Compare(a, b)) })
	err := db.Write(ctx, func(tx *sqlx.Tx) error {
		for _, id := range ids {
			if err := setLastActive(ctx, tx, seen[id].user, seen[id].at); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE sessions SET seen = $1 WHERE id = $2 AND seen < $1`, seen[id].at, id); err != nil {
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
