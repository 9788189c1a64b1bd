package session

import (
	"bytes"
	"sync/atomic"

	"daypass/models"
)

// maxCachedSessions is how many sessions are held in memory, at some 1 KB each.
const maxCachedSessions = 4096

// cachedSession is a session as it was read in a state of the database.
type cachedSession struct {
	models.Session
	state models.State
	seen  atomic.Int64 // Unix seconds
}

// cached returns the session with this key if it was read in the present state.
func (m *Manager) cached(key string, state models.State) (*models.Session, bool) {
	known, ok := m.loaded.GetIfPresent(key)
	if !ok || known.state != state {
		return nil, false
	}
	session := known.Session // a request may change its own
	session.Seen = models.UnixTime(known.seen.Load())
	if !m.db.Lasts(&session) {
		return nil, false
	}
	return &session, true
}

// touch notes that a session is in use.
func (m *Manager) touch(session *models.Session) {
	m.db.Mark(session)
	if known, ok := m.loaded.GetIfPresent(session.ID); ok {
		known.seen.Store(session.Seen.Unix())
	}
}

// cache keeps a session that was read after the state was taken.
func (m *Manager) cache(session *models.Session, state models.State) {
	known := &cachedSession{Session: *session, state: state}
	known.seen.Store(session.Seen.Unix())
	m.loaded.Set(session.ID, known)
}

// checkedBefore tells whether what Fiber's store keeps for a session is what was
// found to be right before.
func (m *Manager) checkedBefore(session *models.Session) bool {
	known, ok := m.loaded.GetIfPresent(session.ID)
	return ok && len(session.Payload) > 0 && bytes.Equal(known.Payload, session.Payload)
}
