package models

import (
	"testing"
)

// TestEventsAreTheirOwnersAlone, and have all that is known of where they came from.
func TestEventsAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	users := map[string]*User{"ada": added(t, db, "ada"), "eve": added(t, db, "eve")}
	from := map[string]ClientInfo{
		"ada": {Address: "203.0.113.1", Browser: "browser of ada", Author: users["eve"].ID},
		"eve": {Address: "203.0.113.2", Browser: "browser of eve", Author: users["ada"].ID},
	}
	for name, user := range users {
		check(t, db.SetFullName(t.Context(), user, name, from[name]))
		if _, err := db.Authenticate(t.Context(), "nobody", goodPassword, from[name]); err == nil {
			t.Fatal("nobody signs in")
		}
	}
	for name, user := range users {
		events, err := db.EventsOf(t.Context(), user, 10)
		check(t, err)
		if len(events) != 2 || events[0].Kind != NameChanged || events[1].Kind != UserAdded {
			t.Fatalf("the events of %s are %+v", name, events)
		}
		e, want := events[0], from[name]
		if e.Address != want.Address || e.Browser != want.Browser || e.AuthorID != want.Author || *e.UserID != user.ID || !e.At.Equal(db.Time().Time) {
			t.Errorf("the event of %s is %+v", name, e)
		}
		if newest, err := db.EventsOf(t.Context(), user, 1); err != nil || len(newest) != 1 || newest[0].ID != e.ID {
			t.Errorf("the newest event of %s is %+v, %v", name, newest, err)
		}
	}
}
