package models

import (
	"strings"
	"testing"

	"daypass/models/database/databasetest"
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
		events, err := db.Events(t.Context(), EventFilter{UserID: user.ID}, 10)
		check(t, err)
		if len(events) != 2 || events[0].Kind != NameChanged || events[1].Kind != UserAdded {
			t.Fatalf("the events of %s are %+v", name, events)
		}
		e, want := events[0], from[name]
		if e.Address != want.Address || e.Browser != want.Browser || e.AuthorID != want.Author || *e.UserID != user.ID || !e.At.Equal(db.Time().Time) {
			t.Errorf("the event of %s is %+v", name, e)
		}
		if newest, err := db.Events(t.Context(), EventFilter{UserID: user.ID}, 1); err != nil || len(newest) != 1 || newest[0].ID != e.ID {
			t.Errorf("the newest event of %s is %+v, %v", name, newest, err)
		}
	}
}

// TestListsOfEventsAreReadFromAnIndex: a page of a long list costs no more than
// one of a short list, and a user's list does not depend on what others did.
func TestListsOfEventsAreReadFromAnIndex(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "it reads SQLite's plans")
	db := open(t)
	for name, list := range map[string]struct {
		filter EventFilter
		index  string
	}{
		"a user's":            {EventFilter{UserID: "u", Cursor: Cursor{ID: "x"}}, "(user_id=? AND id<?)"},
		"a user's of a kind":  {EventFilter{UserID: "u", Kind: SignedIn, Cursor: Cursor{ID: "x"}}, "(user_id=? AND kind=? AND id<?)"},
		"everybody's":         {EventFilter{Cursor: Cursor{ID: "x"}}, "(id<?)"},
		"all of a kind":       {EventFilter{Kind: SignedIn, Cursor: Cursor{ID: "x"}}, "(kind=? AND id<?)"},
		"of users of a name":  {EventFilter{Name: "ada", Cursor: Cursor{ID: "x"}}, "(id<?)"},
		"a name's of a kind":  {EventFilter{Name: "ada", Kind: SignedIn, Cursor: Cursor{ID: "x"}}, "(kind=? AND id<?)"},
		"the first of a user": {EventFilter{UserID: "u", Kind: SignedIn}, "(user_id=? AND kind=?)"},
	} {
		statement, args := list.filter.statement(50)
		var plan []struct {
			ID, Parent, NotUsed int
			Detail              string
		}
		check(t, db.SQL.Select(&plan, `EXPLAIN QUERY PLAN `+statement, args...))
		var said []string
		for _, step := range plan {
			said = append(said, step.Detail)
		}
		all := strings.Join(said, "\n")
		if !strings.Contains(all, "SEARCH e ") || !strings.Contains(said[0], list.index) || strings.Contains(all, "TEMP B-TREE") || strings.Contains(all, "SCAN") {
			t.Errorf("%s:\n%s", name, all)
		}
	}
}
