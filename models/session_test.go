package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// added adds an administrator whose password is goodPassword.
func added(t *testing.T, db *DB, name string) *User {
	t.Helper()
	user, err := db.AddUser(t.Context(), NewUser{Name: name, Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	return user
}

// begun begins a session.
func begun(t *testing.T, db *DB, id string, user *User, lifetime time.Duration) *Session {
	t.Helper()
	session, err := db.AddSession(t.Context(), SignIn{ID: id, User: user, Signer: "old", Lifetime: lifetime})
	check(t, err)
	return session
}

// raw changes the database as another program may.
func raw(t *testing.T, db *DB, statement string, args ...any) {
	t.Helper()
	_, err := db.SQL.Exec(statement, args...)
	check(t, err)
}

// number is what a query for one number finds.
func number(t *testing.T, db *DB, query string, args ...any) (found int64) {
	t.Helper()
	check(t, db.SQL.Get(&found, query, args...))
	return found
}

// ids are the IDs of sessions, sorted.
func ids(t *testing.T, sessions []Session, err error) []string {
	t.Helper()
	check(t, err)
	found := []string{}
	for _, session := range sessions {
		found = append(found, session.ID)
	}
	slices.Sort(found)
	return found
}

// TestS8AnExpiredSessionIsNowhere, also before it is swept.
func TestS8AnExpiredSessionIsNowhere(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	ada := added(t, db, "ada")
	begun(t, db, "short", ada, time.Hour)
	begun(t, db, "long", ada, 2*time.Hour)
	for _, step := range []struct {
		by   time.Duration
		left []string
	}{
		{time.Hour - time.Second, []string{"long", "short"}},
		{time.Second, []string{"long"}},
		{time.Hour, []string{}},
	} {
		later(step.by)
		of, more, err := db.SessionsOf(t.Context(), ada, 1)
		if left := ids(t, of, err); len(left)+more != len(step.left) {
			t.Errorf("the user has %q and %d more, not %q", left, more, step.left)
		}
		all, err := db.SearchSessions(t.Context(), SessionFilter{}, 10)
		if left := ids(t, all, err); !slices.Equal(left, step.left) {
			t.Errorf("all are %q, not %q", left, step.left)
		}
		signers, err := db.Signers(t.Context())
		if check(t, err); signers["old"] != len(step.left) {
			t.Errorf("the secret signs %d, not %d", signers["old"], len(step.left))
		}
		for _, id := range []string{"short", "long"} {
			if _, err := db.Session(t.Context(), id); errors.Is(err, ErrNotFound) == slices.Contains(step.left, id) {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
}

func TestS6OneCookieIsSignedAnewAndNoOther(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	ada, eve := added(t, db, "ada"), added(t, db, "eve")
	renewed := begun(t, db, "one", ada, time.Hour)
	begun(t, db, "two", ada, time.Hour)
	begun(t, db, "three", eve, time.Hour)
	check(t, db.SetSigner(t.Context(), renewed, "new"))
	signers, err := db.Signers(t.Context())
	if check(t, err); signers["new"] != 1 || signers["old"] != 2 {
		t.Errorf("the secrets sign %v", signers)
	}
}

// TestS8ASightingCountsBeforeItIsWritten: a session that is used must not idle out.
func TestS8ASightingCountsBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	db.Idle = 30 * time.Minute
	session := begun(t, db, "one", added(t, db, "ada"), 24*time.Hour)
	later(20 * time.Minute)
	db.Touch(t.Context(), session)
	if !session.Seen.Equal(db.Time().Time) {
		t.Errorf("it was seen %s, and now is %s", session.Seen, db.Time())
	}
	later(20 * time.Minute)
	anew, err := db.Session(t.Context(), "one")
	check(t, err)
	if !anew.Seen.Equal(session.Seen.Time) {
		t.Errorf("read anew it was seen %s, not %s", anew.Seen, session.Seen)
	}
	later(20 * time.Minute)
	if _, err := db.Session(t.Context(), "one"); !errors.Is(err, ErrNotFound) {
		t.Errorf("left alone for 40 minutes: %v", err)
	}
}

// TestS8IdleInOneProcessIsIdleInAll: one that another process has seen lately goes on,
// and one that has ended is in use nowhere.
func TestS8IdleInOneProcessIsIdleInAll(t *testing.T) {
	t.Parallel()
	first, later := clockwork(t)
	second, err := Open(t.Context(), first.Address())
	check(t, err)
	t.Cleanup(func() { second.Close() })
	second.Now = first.Now
	first.Idle, second.Idle = 30*time.Minute, 30*time.Minute
	begun(t, first, "one", added(t, first, "ada"), 24*time.Hour)
	session, err := first.Session(t.Context(), "one")
	check(t, err)

	later(30*time.Minute - time.Second)
	first.Touch(t.Context(), session)
	later(2 * time.Second)
	_, err = second.Session(t.Context(), "one")
	check(t, err)

	later(15 * time.Minute)
	first.Touch(t.Context(), session) // not written yet
	later(20 * time.Minute)
	if _, err := second.Session(t.Context(), "one"); !errors.Is(err, ErrIdle) {
		t.Fatal(err)
	}
	check(t, first.writeLastSeen(t.Context()))
	if _, err := second.EndIdle(t.Context(), "one"); err != nil {
		t.Errorf("seen by the other process meanwhile: %v", err)
	}

	later(5 * time.Minute)
	first.Touch(t.Context(), session) // not written yet
	later(20 * time.Minute)
	if _, err := second.EndIdle(t.Context(), "one"); !errors.Is(err, ErrNotFound) {
		t.Errorf("idle for the process that ends it: %v", err)
	}
	check(t, first.writeLastSeen(t.Context()))
	if _, err := first.Session(t.Context(), "one"); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrIdle) {
		t.Errorf("ended by the other process: %v", err)
	}
}

func TestAPayloadEndsByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	storage := db.Storage()
	check(t, storage.Set("k", []byte("v"), 10*time.Second))
	for _, step := range []struct {
		by   time.Duration
		want string
	}{{0, "v"}, {9 * time.Second, "v"}, {3 * time.Second, ""}} {
		later(step.by)
		if value, err := storage.Get("k"); err != nil || string(value) != step.want {
			t.Errorf("it holds %q, %v", value, err)
		}
	}
	if value, err := storage.Get("nothing"); err != nil || value != nil {
		t.Errorf("nothing holds %q, %v", value, err)
	}
}

func TestASightingNeverGoesBack(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	session := begun(t, db, "one", added(t, db, "ada"), 24*time.Hour)
	later(time.Hour)
	db.Touch(t.Context(), session)
	latest := session.Seen.Unix() + 60 // by another process
	raw(t, db, `UPDATE sessions SET seen = $1`, latest)
	check(t, db.writeLastSeen(t.Context()))
	if seen := number(t, db, `SELECT seen FROM sessions`); seen != latest {
		t.Errorf("it was seen at %d, not at %d", seen, latest)
	}
}

// TestSightingsAreWrittenTogether: of each session its own, of each user the latest, and
// nothing of a session or a user that was removed meanwhile.
func TestSightingsAreWrittenTogether(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	start := db.Time().Unix()
	ada, eve, bob := added(t, db, "ada"), added(t, db, "eve"), added(t, db, "bob")
	for i, session := range []*Session{begun(t, db, "a1", ada, 24*time.Hour), begun(t, db, "a2", ada, 24*time.Hour), begun(t, db, "e1", eve, 24*time.Hour), begun(t, db, `b"<1`, bob, 24*time.Hour)} {
		later(time.Hour)
		db.Touch(t.Context(), session)
		if i == 3 {
			check(t, db.RemoveUser(t.Context(), bob, CommandLine))
		}
	}
	ended, err := db.Session(t.Context(), "e1")
	check(t, err)
	check(t, db.EndSession(t.Context(), ended, ClientInfo{}))
	check(t, db.writeLastSeen(t.Context()))
	for query, want := range map[string]int64{
		`SELECT seen FROM sessions WHERE id = 'a1'`:                                        3600,
		`SELECT seen FROM sessions WHERE id = 'a2'`:                                        2 * 3600,
		`SELECT last_active FROM users WHERE name = 'ada'`:                                 2 * 3600,
		`SELECT last_active FROM users WHERE name = 'eve'`:                                 3 * 3600,
		`SELECT COUNT(*) + ` + fmt.Sprint(start) + ` FROM sessions WHERE id NOT LIKE 'a%'`: 0,
	} {
		if found := number(t, db, query); found != start+want {
			t.Errorf("%s finds %d, not %d", query, found-start, want)
		}
	}
	if left := db.lastSeen.unwritten(); len(left) > 0 {
		t.Errorf("%v would be written again", left)
	}
}

func TestS10SightingsAreOneWriteAMinuteAtMost(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	session := begun(t, db, "one", added(t, db, "ada"), 24*time.Hour)
	writes := func() (writes int) {
		for range 60 { // twice a second for half a minute
			before, err := db.UserVersion(t.Context(), session.User.ID)
			check(t, err)
			db.Touch(t.Context(), session)
			check(t, db.writeLastSeen(context.Background()))
			if after, err := db.UserVersion(t.Context(), session.User.ID); err != nil || after != before {
				writes++
			}
			later(time.Second / 2)
		}
		return writes
	}
	for half, want := range []int{0, 0, 1, 0, 1, 0} {
		if wrote := writes(); wrote != want {
			t.Errorf("in half minute %d there are %d writes, not %d", half, wrote, want)
		}
	}
}

// TestSweepingTakesWhatIsOverAlone: to the second, from every table that has an end.
func TestSweepingTakesWhatIsOverAlone(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	ada := added(t, db, "ada")
	begin := db.Time().Unix()
	raw(t, db, `DELETE FROM events`)
	for second := range int64(2) {
		begun(t, db, fmt.Sprint("s", second), ada, time.Duration(10+second)*time.Second)
		raw(t, db, `INSERT INTO session_payloads (k, v, e) VALUES ($1, 'x', $2)`, fmt.Sprint("p", second), begin+10+second)
		raw(t, db, `INSERT INTO failures (key, last, forgiven) VALUES ($1, $2, $3)`, fmt.Sprint("f", second), begin, begin+10+second)
		raw(t, db, `INSERT INTO events (id, kind, at, address, browser) VALUES ($1, 'x', $2, '', '')`, fmt.Sprint("e", second), begin+10+second-int64(db.KeepEvents.Seconds()))
	}
	raw(t, db, `INSERT INTO session_payloads (k, v, e) VALUES ('endless', 'x', 0)`)
	later(10 * time.Second)
	check(t, db.Sweep(t.Context()))
	for query, want := range map[string][]string{
		`SELECT id FROM sessions ORDER BY id`:                        {"s1"},
		`SELECT k FROM session_payloads ORDER BY k`:                  {"endless", "p1"},
		`SELECT key FROM failures ORDER BY key`:                      {"f1"},
		`SELECT id FROM events WHERE id IN ('e0', 'e1') ORDER BY id`: {"e1"},
		`SELECT name FROM users ORDER BY id`:                         {"ada"},
	} {
		var left []string
		check(t, db.SQL.Select(&left, query))
		if !slices.Equal(left, want) {
			t.Errorf("%s finds %q, not %q", query, left, want)
		}
	}
}
