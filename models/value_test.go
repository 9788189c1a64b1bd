package models

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daypass/models/database/databasetest"
)

// aSession is a session of a user of its own.
func aSession(t *testing.T, db *DB) *Session {
	t.Helper()
	user, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	session, err := db.AddSession(t.Context(), SignIn{ID: "one", User: user, Lifetime: time.Hour})
	check(t, err)
	return session
}

func TestS10ValuesOfOneSessionDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	db := open(t)
	session := aSession(t, db)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if err := db.SetValue(t.Context(), session, fmt.Sprint("name", i), fmt.Sprint("value", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 64 {
		value, err := db.Value(t.Context(), session, fmt.Sprint("name", i))
		if err != nil || value != fmt.Sprint("value", i) {
			t.Errorf("name%d: %q, %v", i, value, err)
		}
	}
	check(t, db.SetValue(t.Context(), session, "name1", "another"))
	if value, _ := db.Value(t.Context(), session, "name1"); value != "another" {
		t.Errorf("name1 is %q", value)
	}
	if value, err := db.TakeValue(t.Context(), session, "name1"); err != nil || value != "another" {
		t.Errorf("name1 is taken as %q, %v", value, err)
	}
	if _, err := db.Value(t.Context(), session, "name1"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	check(t, db.SetValue(t.Context(), session, "large", strings.Repeat("x", MaxValue)))
	if err := db.SetValue(t.Context(), session, "large", strings.Repeat("x", MaxValue+1)); err == nil {
		t.Error("a value of any size is kept")
	}
	for _, value := range []string{"\x00", "a\xffb"} {
		if err := db.SetValue(t.Context(), session, "other", value); !errors.Is(err, ErrNotText) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestS10ValuesAreTheirSessionsAlone: also those of another session of the same user.
func TestS10ValuesAreTheirSessionsAlone(t *testing.T) {
	t.Parallel()
	db := open(t)
	one := aSession(t, db)
	two := begun(t, db, "two", &one.User, time.Hour)
	check(t, db.SetValue(t.Context(), one, "confirmed", "one's"))
	if value, err := db.Value(t.Context(), two, "confirmed"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another session reads %q, %v", value, err)
	}
	if value, err := db.TakeValue(t.Context(), two, "confirmed"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another session takes %q, %v", value, err)
	}
	check(t, db.SetValue(t.Context(), two, "confirmed", "two's"))
	_, err := db.TakeValue(t.Context(), two, "confirmed")
	check(t, err)
	if value, err := db.TakeValue(t.Context(), one, "confirmed"); err != nil || value != "one's" {
		t.Errorf("what is left to take is %q, %v", value, err)
	}
}

func TestS10OfTwoThatTakeAValueOneGetsIt(t *testing.T) {
	t.Parallel()
	db := open(t)
	session := aSession(t, db)
	for round := range 50 {
		check(t, db.SetValue(t.Context(), session, "flash", fmt.Sprint(round)))
		var got atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				value, err := db.TakeValue(t.Context(), session, "flash")
				switch {
				case err == nil && value == fmt.Sprint(round):
					got.Add(1)
				case !errors.Is(err, ErrNotFound):
					t.Error(value, err)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Fatalf("round %d: %d got the value", round, got.Load())
		}
	}
}

func TestS9ValuesGoWithTheirSession(t *testing.T) {
	t.Parallel()
	db := open(t)
	session := aSession(t, db)
	check(t, db.SetValue(t.Context(), session, "name", "value"))
	check(t, db.SignOut(t.Context(), session, CommandLine))
	if _, err := db.Value(t.Context(), session, "name"); !errors.Is(err, ErrNotFound) {
		t.Error("the value outlives its session")
	}
	if err := db.SetValue(t.Context(), session, "name", "late"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a late value: %v", err)
	}
	var rows int
	check(t, db.SQL.Get(&rows, `SELECT (SELECT COUNT(*) FROM session_values) + (SELECT COUNT(*) FROM sessions)`))
	if rows != 0 {
		t.Errorf("%d rows are left", rows)
	}
}

func TestS11ADamagedRowHarmsItsSessionAlone(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "the columns of PostgreSQL hold nothing of another type")
	db := open(t)
	session := aSession(t, db)
	for _, damage := range []string{`expires = 'never'`, `seen = X'00'`, `created = 'x'`} {
		for what, ask := range map[string]func() []string{
			"asked for by its ID": func() []string {
				_, err := db.Session(t.Context(), "other")
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("%s: %v", damage, err)
				}
				return []string{"one"}
			},
			"asked for by its user": func() []string {
				all, _, err := db.SessionsOf(t.Context(), &session.User, 10)
				return ids(t, all, err)
			},
			"asked for by an administrator": func() []string {
				all, err := db.SearchSessions(t.Context(), SessionFilter{}, 10)
				return ids(t, all, err)
			},
		} {
			begun(t, db, "other", &session.User, time.Hour)
			raw(t, db, `UPDATE sessions SET `+damage+` WHERE id = 'other'`)
			if found := ask(); !slices.Equal(found, []string{"one"}) {
				t.Errorf("%s, %s: %q", damage, what, found)
			}
			if rows := number(t, db, `SELECT COUNT(*) FROM sessions`); rows != 1 {
				t.Errorf("%s, %s: the damaged session is kept", damage, what)
			}
		}
	}
}
