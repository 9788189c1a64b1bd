// Package cache holds sessions and pages in memory, so that most requests ask
// the database only for the version of a user.
//
// No entry is valid merely because it is recent:
//
//   - A session is valid while its user has the version with which it was read. Triggers
//     change that version together with every row that refers to the user, whoever writes.
//   - A page is valid while its user has the version at which it was rendered. A page also
//     ends with the minute, and when the next of the user's sessions expires: what it
//     shows may depend on the time.
//
// So an ended session, a disabled user or a new name counts from the next request on.
package cache

import (
	"bytes"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"daypass/models"
	"daypass/models/database"
)

// The bounds of the caches.
const (
	maxSessions  = 4096    // some 1 KB each
	maxPageBytes = 6 << 20 // with 256 bytes for each page's entry
)

// Sessions holds sessions by their ID. It is safe for concurrent use.
type Sessions struct {
	entries *otter.Cache[string, *sessionEntry]
}

type sessionEntry struct {
	models.Session
	seen atomic.Int64 // Unix seconds
}

// NewSessions returns an empty cache.
func NewSessions() *Sessions {
	return &Sessions{otter.Must(&otter.Options[string, *sessionEntry]{MaximumSize: maxSessions})}
}

// Get returns a copy of the session with this ID. It is true if its user still has the
// version that it has.
func (s *Sessions) Get(id string) (*models.Session, bool) {
	entry, ok := s.entries.GetIfPresent(id)
	if !ok {
		return nil, false
	}
	session := entry.Session
	session.Seen = database.UnixTime(entry.seen.Load())
	return &session, true
}

// Put holds a session as it was read, with its user.
func (s *Sessions) Put(session *models.Session) {
	entry := &sessionEntry{Session: *session}
	entry.seen.Store(session.Seen.Unix())
	s.entries.Set(session.ID, entry)
}

// Touch takes over when a session was last seen.
func (s *Sessions) Touch(session *models.Session) {
	if entry, ok := s.entries.GetIfPresent(session.ID); ok {
		entry.seen.Store(session.Seen.Unix())
	}
}

// HadPayload tells whether a session was put with the payload it has now,
// which was checked then.
func (s *Sessions) HadPayload(session *models.Session) bool {
	entry, ok := s.entries.GetIfPresent(session.ID)
	return ok && len(session.Payload) > 0 && bytes.Equal(entry.Payload, session.Payload)
}

// Pages holds pages as they were sent. It is safe for concurrent use.
type Pages struct {
	entries *otter.Cache[PageKey, *pageEntry]
}

// PageKey names a page of a session; without a session, one that is the same for all visitors.
type PageKey struct{ Session, Path string }

type pageEntry struct {
	version, until int64
	body           []byte
}

// NewPages returns an empty cache.
func NewPages() *Pages {
	return &Pages{otter.Must(&otter.Options[PageKey, *pageEntry]{
		MaximumWeight: maxPageBytes,
		Weigher:       func(_ PageKey, page *pageEntry) uint32 { return uint32(len(page.body) + 256) },
	})}
}

// Get returns the bytes of a page, which nobody may change, if it was made under
// this version of its user and does not end before now, in Unix seconds.
func (p *Pages) Get(key PageKey, version, now int64) ([]byte, bool) {
	page, ok := p.entries.GetIfPresent(key)
	if !ok || page.version != version || now >= page.until {
		return nil, false
	}
	return page.body, true
}

// Put holds a copy of a page, until a time in Unix seconds.
func (p *Pages) Put(key PageKey, version, until int64, body []byte) {
	p.entries.Set(key, &pageEntry{version, until, bytes.Clone(body)})
}
