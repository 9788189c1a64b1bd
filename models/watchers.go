package models

import (
	"context"
	"maps"
	"slices"
	"sync"

	"daypass/models/database"
)

// watchers wait for sessions to end.
type watchers struct {
	sync.Mutex
	waiting map[string]map[chan struct{}]bool // by session ID
	ofUser  map[string]int                    // how many, by user ID
}

func newWatchers() *watchers {
	return &watchers{waiting: make(map[string]map[chan struct{}]bool), ofUser: make(map[string]int)}
}

// add returns what Watch returns.
func (w *watchers) add(session *Session) (ended <-chan struct{}, stop func(), ok bool) {
	w.Lock()
	defer w.Unlock()
	open := len(w.waiting[session.ID])
	// The first of a session is always admitted: whoever is inside an account must not
	// be able to keep its owner's pages from hearing that their session has ended.
	if open >= MaxWatchers || open > 0 && w.ofUser[session.User.ID] >= MaxWatchersPerUser {
		return nil, nil, false
	}
	w.ofUser[session.User.ID]++
	channel := make(chan struct{})
	if w.waiting[session.ID] == nil {
		w.waiting[session.ID] = make(map[chan struct{}]bool)
	}
	w.waiting[session.ID][channel] = true
	return channel, func() {
		w.Lock()
		defer w.Unlock()
		delete(w.waiting[session.ID], channel)
		if len(w.waiting[session.ID]) == 0 {
			delete(w.waiting, session.ID)
		}
		if w.ofUser[session.User.ID]--; w.ofUser[session.User.ID] == 0 {
			delete(w.ofUser, session.User.ID)
		}
	}, true
}

// watched returns the IDs of the sessions that are watched.
func (w *watchers) watched() []string {
	w.Lock()
	defer w.Unlock()
	return slices.Collect(maps.Keys(w.waiting))
}

// notify tells the watchers of a session that it has ended.
func (w *watchers) notify(id string) {
	w.Lock()
	defer w.Unlock()
	for channel := range w.waiting[id] {
		close(channel)
	}
	delete(w.waiting, id)
}

// Watch returns a channel that is closed when a session ends, however that
// happens, and a function to stop watching; or false if too many watch already.
// One goroutine checks all of them, with one query for hundreds of sessions.
func (db *DB) Watch(session *Session) (ended <-chan struct{}, stop func(), ok bool) {
	return db.watchers.add(session)
}

// pollWatchers notifies the watchers of sessions that have ended.
func (db *DB) pollWatchers(ctx context.Context) error {
	for ids := range slices.Chunk(db.watchers.watched(), rowsAtATime) {
		where := database.Conditions{}
		where.Add(true, `s.expires > `, db.Time())
		where.AddIn(`s.id`, ids)
		where.AddIf(true, `NOT u.disabled`)
		valid, err := db.sessions(ctx, where.Where(), where.Values...)
		if err != nil {
			return err // nobody is sent away because the database can't be read
		}
		living := make(map[string]bool, len(valid))
		for _, session := range valid {
			living[session.ID] = true
		}
		for _, id := range ids {
			if !living[id] {
				db.watchers.notify(id)
			}
		}
	}
	return nil
}
