package models

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database/databasetest"
	"daypass/models/encryption"
)

// twoServers opens a new database twice, as two processes do.
func twoServers(t *testing.T) [2]*DB {
	t.Helper()
	address := databasetest.New(t)
	var both [2]*DB
	for i := range both {
		db, err := Open(t.Context(), address)
		check(t, err)
		t.Cleanup(func() { db.Close() })
		both[i] = db
	}
	return both
}

// rounds is how often two changes race. What was wrong once in three of them is found.
const rounds = 40

// race runs changes at the same moment and returns what they return.
func race(changes ...func() error) []error {
	found := make([]error, len(changes))
	ready, done := make(chan struct{}), sync.WaitGroup{}
	for i, change := range changes {
		done.Go(func() {
			<-ready
			found[i] = change()
		})
	}
	close(ready)
	done.Wait()
	return found
}

// TestS9NoSessionOutlivesAnotherPassword: of a sign-in with the old password that
// is made at the same moment nothing is left.
func TestS9NoSessionOutlivesAnotherPassword(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	ada := added(t, servers[0], "ada")
	for round := range rounds {
		read, err := servers[1].User(t.Context(), "ada")
		check(t, err)
		found := race(
			func() error {
				next := *ada
				return servers[0].SetPassword(t.Context(), &next, fmt.Sprintf("another walk in the grass %d", round), CommandLine)
			},
			func() error {
				time.Sleep(time.Duration(round%8) * time.Millisecond)
				_, err := servers[1].AddSession(t.Context(), SignIn{ID: fmt.Sprint("race", round), User: read, Lifetime: time.Hour})
				return err
			},
		)
		if found[0] != nil || found[1] != nil && !errors.Is(found[1], ErrRefused) {
			t.Fatal(found)
		}
		if left := number(t, servers[0], `SELECT COUNT(*) FROM sessions`); left != 0 {
			t.Fatalf("round %d: %d sessions are left after the change of the password (%v)", round, left, found[1])
		}
	}
}

// TestTwoAdministratorsDoNotDemoteEachOther: one of them stays.
func TestTwoAdministratorsDoNotDemoteEachOther(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	ada, bob := added(t, servers[0], "ada"), added(t, servers[0], "bob")
	admins := `SELECT COUNT(*) FROM users WHERE role = 'admin' AND NOT disabled`
	for name, unmake := range map[string]func(*DB, *User, ClientInfo) error{
		"demoted":  func(db *DB, user *User, from ClientInfo) error { return db.SetRole(t.Context(), user, Member, from) },
		"disabled": func(db *DB, user *User, from ClientInfo) error { return db.SetDisabled(t.Context(), user, true, from) },
	} {
		for round := range rounds {
			raw(t, servers[0], `UPDATE users SET role = 'admin', disabled = FALSE`)
			found := race(
				func() error { return unmake(servers[0], bob, ClientInfo{Author: ada.ID}) },
				func() error { return unmake(servers[1], ada, ClientInfo{Author: bob.ID}) },
			)
			for _, err := range found {
				if err != nil && !errors.Is(err, ErrLastAdmin) && !errors.Is(err, ErrNotAdmin) {
					t.Fatal(err)
				}
			}
			if left := number(t, servers[0], admins); left != 1 {
				t.Fatalf("%s, round %d: %d administrators are left (%v)", name, round, left, found)
			}
		}
	}
}

// TestTheFirstUserIsOne at several servers, too.
func TestTheFirstUserIsOne(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	for round := range rounds {
		raw(t, servers[0], `DELETE FROM users`)
		var changes []func() error
		for i := range 4 {
			changes = append(changes, func() error {
				_, err := servers[i%2].SetUp(t.Context(), NewUser{Name: fmt.Sprint("first", i), Password: goodPassword}, ClientInfo{})
				return err
			})
		}
		found := race(changes...)
		if users := number(t, servers[0], `SELECT COUNT(*) FROM users`); users != 1 {
			t.Fatalf("round %d: %d first users (%v)", round, users, found)
		}
	}
}

// TestNoPasswordLinkOutlivesItsReason: neither the account that is blocked at the same
// moment, nor the role of its author.
func TestNoPasswordLinkOutlivesItsReason(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	ada, eve := added(t, servers[0], "ada"), added(t, servers[0], "eve")
	added(t, servers[0], "bob") // who administers when ada does not
	for name, end := range map[string]func() error{
		"the user is disabled":  func() error { return servers[0].SetDisabled(t.Context(), eve, true, CommandLine) },
		"the author is demoted": func() error { return servers[0].SetRole(t.Context(), ada, Member, CommandLine) },
	} {
		for round := range rounds {
			raw(t, servers[0], `UPDATE users SET role = 'admin', disabled = FALSE`)
			raw(t, servers[0], `DELETE FROM links`)
			found := race(end, func() error {
				_, err := servers[1].NewPasswordToken(t.Context(), eve, ClientInfo{Author: ada.ID})
				return err
			})
			if found[0] != nil || found[1] != nil && !errors.Is(found[1], ErrNotFound) && !errors.Is(found[1], ErrNotAdmin) {
				t.Fatal(found)
			}
			if left := number(t, servers[0], `SELECT COUNT(*) FROM links`); left != 0 {
				t.Fatalf("%s, round %d: a link is left", name, round)
			}
		}
	}
}

// TestS9WhatIsStoredInASessionThatEndsIsNotFound, and no failure of the database.
func TestS9WhatIsStoredInASessionThatEndsIsNotFound(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	ada := added(t, servers[0], "ada")
	for round := range 3 * rounds {
		session := begun(t, servers[0], fmt.Sprint("race", round), ada, time.Hour)
		found := race(
			func() error { return servers[0].SignOut(t.Context(), session, ClientInfo{}) },
			func() error { return servers[1].SetValue(t.Context(), session, "name", "value") },
			func() error {
				from := ClientInfo{Browser: "Firefox"}
				_, err := servers[1].EndSessions(t.Context(), []string{session.ID}, ada, from)
				return err
			},
		)
		for _, err := range found {
			if err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		}
		if left := number(t, servers[0], `SELECT COUNT(*) FROM session_values`); left != 0 {
			t.Fatal("a value is left of a session that has ended")
		}
	}
}

// TestServersThatWriteTheSameRowsDoNotFail: what several of them write in the
// background or for many users at once.
func TestServersThatWriteTheSameRowsDoNotFail(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	var sessions []*Session
	for i := range 8 {
		user := added(t, servers[0], fmt.Sprint("user", i))
		for j := range 3 {
			sessions = append(sessions, begun(t, servers[0], fmt.Sprintf("session%d%d", j, i), user, time.Hour))
		}
	}
	for round := range rounds {
		var changes []func() error
		for i, db := range servers {
			db.lastSeen.seen = make(map[string]seen)
			for _, session := range sessions {
				db.lastSeen.seen[session.ID] = seen{session.User.ID, Time{Time: session.Seen.Add(time.Duration(2*round+i+1) * time.Second)}}
			}
			changes = append(changes,
				func() error { return db.writeLastSeen(t.Context()) },
				func() error { return db.Sweep(t.Context()) },
				func() error {
					return db.EndOtherSessions(t.Context(), sessions[(round+i)%len(sessions)], ClientInfo{})
				},
			)
		}
		for _, err := range race(changes...) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestATransactionThatIsRepeatedRecordsOnce runs two transactions that wait for each
// other: one of them is repeated, and does nothing twice.
func TestATransactionThatIsRepeatedRecordsOnce(t *testing.T) {
	t.Parallel()
	databasetest.OnlyPostgres(t, "transactions of SQLite run one after the other")
	db := open(t)
	ada, eve := added(t, db, "ada"), added(t, db, "eve")
	raw(t, db, `DELETE FROM events`)
	var tries int
	var mutex sync.Mutex
	both := sync.WaitGroup{}
	both.Add(2)
	first := [2]sync.Once{}
	cross := func(which int, one, other *User) func() error {
		return func() error {
			return db.writeWithEvents(context.Background(), ClientInfo{}, func(tx *sqlx.Tx, record record) error {
				mutex.Lock()
				tries++
				mutex.Unlock()
				if err := record(NameChanged, one); err != nil {
					return err
				}
				first[which].Do(func() { both.Done(); both.Wait() })
				return record(NameChanged, other)
			})
		}
	}
	for _, err := range race(cross(0, ada, eve), cross(1, eve, ada)) {
		check(t, err)
	}
	if events := number(t, db, `SELECT SUM(count) FROM events`); events != 4 || tries < 3 {
		t.Errorf("%d tries recorded %d events", tries, events)
	}
}

// TestATransactionLocksItsUserFirst: else it waits for the user while others, who have
// locked the user, wait for it.
func TestATransactionLocksItsUserFirst(t *testing.T) {
	t.Parallel()
	db := shared(t)
	ada := added(t, db, "ada")
	session := begun(t, db, "session", ada, time.Hour)
	check(t, db.AddPendingSignIn(t.Context(), &PendingSignIn{ID: "pending", User: *ada}))
	key, err := encryption.NewKey("a secret of this test, long enough", "x")
	check(t, err)
	db.SetSeedKeys([]SeedKey{{Key: key, Name: "x"}})
	raw(t, db, `INSERT INTO authenticators (user_id, seed, signer, step, added, used) VALUES ($1, $2, 'x', 0, 0, 0)`, ada.ID, key.Encrypt(NewSeed(), seedOf(ada.ID)))
	for _, past := range []string{`sessions SET seen`, `pending_sign_ins SET expires`, `users SET factor_due`} {
		raw(t, db, `UPDATE `+past+` = 1000`)
	}
	session.User.Factors = "some"
	db.Idle, db.SecondFactor.For = time.Hour, Everybody
	asked := FactorChange{Session: session, NewID: func() (SessionID, error) { return SessionID{ID: "renamed"}, nil }}
	for name, change := range map[string]func(context.Context) error{
		"AnswerAlarm":      func(ctx context.Context) error { return db.AnswerAlarm(ctx, session, "event", ClientInfo{}) },
		"SetValue":         func(ctx context.Context) error { return db.SetValue(ctx, session, "name", "value") },
		"TakeValue":        func(ctx context.Context) error { _, err := db.TakeValue(ctx, session, "name"); return err },
		"NameDevice":       func(ctx context.Context) error { return db.NameDevice(ctx, ada, session.ID, "laptop") },
		"SetSigner":        func(ctx context.Context) error { return db.SetSigner(ctx, session, "new") },
		"Reauthenticate":   func(ctx context.Context) error { return db.Reauthenticate(ctx, asked, nil) },
		"NewRecoveryCodes": func(ctx context.Context) error { _, err := db.NewRecoveryCodes(ctx, session, ClientInfo{}); return err },
		"RenamePasskey":    func(ctx context.Context) error { return db.RenamePasskey(ctx, ada, "one", "key", ClientInfo{}) },
		"CheckCode": func(ctx context.Context) error {
			_, err := db.CheckCode(ctx, ada, nil, "123456", ClientInfo{})
			return err
		},
		"AllowCodes": func(ctx context.Context) error { return db.AllowCodes(ctx, ada, ClientInfo{}) },
		"writeLastSeen": func(ctx context.Context) error {
			db.lastSeen.touch(session, Time{Time: session.Seen.Add(time.Hour)})
			return db.writeLastSeen(ctx)
		},
		"endIdle":    db.endIdle,
		"endOverdue": db.endOverdue,
		"endExpired": db.endExpired,
	} {
		holder, err := db.SQL.Beginx()
		check(t, err)
		check(t, lockUser(t.Context(), holder, ada.ID))
		var number string
		check(t, holder.Get(&number, `SELECT pg_current_xact_id()::xid::text`))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- change(ctx) }()
		for waits := false; !waits; time.Sleep(time.Millisecond) {
			select {
			case err := <-done:
				t.Fatalf("%s does not lock its user: %v", name, err)
			default:
				check(t, db.SQL.Get(&waits, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND transactionid::text = $1)`, number))
			}
		}
		var touched []string
		check(t, db.SQL.Select(&touched, `SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation AND c.relkind = 'r'
			WHERE l.mode = 'RowExclusiveLock' AND c.relname <> 'users' AND l.pid = (SELECT pid FROM pg_locks WHERE NOT granted AND transactionid::text = $1)`, number))
		if len(touched) > 0 {
			t.Errorf("%s has touched %q before it locks its user", name, touched)
		}
		cancel()
		<-done
		check(t, holder.Rollback())
	}
}

// TestARepeatedTransactionSignsIn: what a try has changed counts no more in the next one, as
// when PostgreSQL ends transactions that wait for each other in a circle.
func TestARepeatedTransactionSignsIn(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "the trigger is SQLite's; the repetition is PostgreSQL's")
	db := open(t)
	db.SecondFactor = SecondFactorRule{For: Everybody, Grace: time.Hour}
	key, err := encryption.NewKey("a secret of this test, long enough", "x")
	check(t, err)
	db.SetSeedKeys([]SeedKey{{Key: key, Name: "x"}})
	added(t, db, "ada")
	ada, err := db.User(t.Context(), "ada")
	check(t, err)
	twice := func(in SignIn) {
		t.Helper()
		raw(t, db, `CREATE TRIGGER fails BEFORE INSERT ON events WHEN NEW.kind = 'sign-in' BEGIN SELECT RAISE(ABORT, 'once'); END`)
		if _, err := db.AddSession(t.Context(), in); err == nil {
			t.Error("it did not fail")
		}
		raw(t, db, `DROP TRIGGER fails`)
		_, err := db.AddSession(t.Context(), in)
		check(t, err)
	}
	twice(SignIn{ID: "graced", User: ada, Lifetime: time.Hour, Method: ByPassword})
	if due := number(t, db, `SELECT factor_due FROM users`); due == 0 {
		t.Error("no time of grace has begun")
	}
	pending := &PendingSignIn{ID: "p", Kind: OwesEnrolment, Method: ByPassword, User: *ada}
	check(t, db.AddPendingSignIn(t.Context(), pending))
	factor, _, err := db.NewApp(t.Context(), &pending.User, NewSeed(), 1)
	check(t, err)
	twice(SignIn{ID: "enrolled", User: &pending.User, Lifetime: time.Hour, Method: ByPassword, Factor: factor, Pending: pending})
}
