package models

import (
	"context"
	"sync"
	"time"
)

// watchEvery is how often it is looked whether sessions that are watched have
// ended: half of what people are promised.
const watchEvery = time.Second

// watchers wait for sessions to end.
type watchers struct {
	sync.Mutex
	waiting map[string]map[chan struct{}]bool // by session ID
	ofUser  map[string]int                    // how many, by user ID
}

// How many may wait for the end of one session, and for those of one user.
const (
	MaxWatchers        = 16
	MaxWatchersPerUser = 100
)

// Watch returns a channel that is closed when a session ends, however that
// happens, and a function to stop watching; or false when too many watch
// already. All are looked after by one goroutine, with one query for hundreds of them.
func (db *DB) Watch(session *Session) (ended <-chan struct{}, stop func(), ok bool) {
	w := &db.watchers
	w.Lock()
	defer w.Unlock()
	if len(w.waiting[session.ID]) >= MaxWatchers || w.ofUser[session.User.ID] >= MaxWatchersPerUser {
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

// lookAfter tells the watchers of sessions that have ended.
func (db *DB) lookAfter(ctx context.Context) error {
	w := &db.watchers
	w.Lock()
	ids := make([]string, 0, len(w.waiting))
	for id := range w.waiting {
		ids = append(ids, id)
	}
	w.Unlock()
	const atOnce = 500
	for len(ids) > 0 {
		some := ids[:min(len(ids), atOnce)]
		ids = ids[len(some):]
		where := conditions{}
		where.add(true, `s.expires > `, db.now())
		where.addIn(`s.id`, some)
		where.addIf(true, `NOT u.disabled`)
		alive, err := db.sessions(ctx, where.text(), where.values...)
		if err != nil {
			return err // nobody is sent away because the database can't be read
		}
		living := make(map[string]bool, len(alive))
		for _, session := range alive {
			living[session.ID] = true
		}
		w.Lock()
		for _, id := range some {
			if !living[id] {
				w.tell(id)
			}
		}
		w.Unlock()
	}
	return nil
}

func (w *watchers) tell(id string) {
	for channel := range w.waiting[id] {
		close(channel)
	}
	delete(w.waiting, id)
}
