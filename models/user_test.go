package models

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"daypass/models/password"
)

func encodeForTest(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

func TestUsernames(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ada": "ada", "Ada": "ada", " ada ": "ada", "ADA.LOVELACE@example.org": "ada.lovelace@example.org",
		"Zoe\u0308": "zoë", "ｆｕｌｌ": "full", "שרה": "שרה", "x": "x", "Straße": "straße", "李小龙": "李小龙",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
	} {
		if _, compared, ok := Username(typed); !ok || compared != want {
			t.Errorf("%q is compared as %q, not %q", typed, compared, want)
		}
	}
	for _, typed := range []string{"", " ", "a b", "a\x00b", "a\nb", "\xff", "🙂", "\u202eevil", "a\u00adb", strings.Repeat("x", 65), strings.Repeat("x", 10_000)} {
		if shown, _, ok := Username(typed); ok {
			t.Errorf("%.20q is accepted as %q", typed, shown)
		}
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	db := open(t)
	ada, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: "a walk in the wet grass", Role: Admin}, CommandLine)
	check(t, err)
	eve, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: "a walk in the wet grass", Role: Admin}, CommandLine)
	check(t, err)
	// Both try to remove the other at once: one stays.
	var wg sync.WaitGroup
	wg.Go(func() { db.RemoveUser(t.Context(), ada, CommandLine) })
	wg.Go(func() { db.SetDisabled(t.Context(), eve, true, CommandLine) })
	wg.Wait()
	var admins int
	check(t, db.SQL.Get(&admins, `SELECT COUNT(*) FROM users WHERE role = 'admin' AND NOT disabled`))
	if admins != 1 {
		t.Errorf("%d administrators are left", admins)
	}
	for _, user := range []*User{ada, eve} {
		if err := db.RemoveUser(t.Context(), user, CommandLine); err == nil {
			if left, _ := db.Users(t.Context(), UserFilter{}); len(left) != 1 {
				t.Error("everybody was removed")
			}
		} else if !errors.Is(err, ErrLastAdmin) && !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
}

// occupy keeps all cores of the limiter busy until it is released.
func occupy(t *testing.T, limiter *password.Limiter) (release func()) {
	t.Helper()
	hold, cores := make(chan struct{}), runtime.GOMAXPROCS(0)
	began, ended := make(chan struct{}), sync.WaitGroup{}
	for range cores {
		ended.Go(func() {
			if err := limiter.Run(context.Background(), func() error { began <- struct{}{}; <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for range cores {
		<-began
	}
	return func() { close(hold); ended.Wait() }
}

// hashes runs a call that hashes a password, and makes changes while it waits for its turn.
func hashes(t *testing.T, db *DB, call func() error, meanwhile func()) error {
	t.Helper()
	release := occupy(t, db.limiter)
	done := make(chan error, 1)
	go func() { done <- call() }()
	for db.limiter.Waiting() == 0 {
		runtime.Gosched()
	}
	meanwhile()
	release()
	return <-done
}

// sessionIn signs a user in.
func sessionIn(t *testing.T, db *DB, user *User) *Session {
	t.Helper()
	session, err := db.AddSession(t.Context(), SignIn{ID: user.Name + "'s", User: user, Lifetime: time.Hour})
	check(t, err)
	return session
}

func TestTheLastAdministratorStaysWhoWasAMemberWhenHisRemovalBegan(t *testing.T) {
	t.Parallel()
	db := open(t)
	ada, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	eve, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: goodPassword, Role: Member}, CommandLine)
	check(t, err)
	session := sessionIn(t, db, eve)
	err = hashes(t, db, func() error { return db.RemoveSelf(t.Context(), session, goodPassword, ClientInfo{}) }, func() {
		check(t, db.SetRole(t.Context(), eve, Admin, CommandLine))
		check(t, db.SetRole(t.Context(), ada, Member, CommandLine))
	})
	if !errors.Is(err, ErrLastAdmin) {
		t.Errorf("the removal ends with: %v", err)
	}
	for _, change := range []func() error{ // eve is still as she was read, a member
		func() error { return db.RemoveUser(t.Context(), eve, CommandLine) },
		func() error { return db.SetDisabled(t.Context(), eve, true, CommandLine) },
		func() error { return db.SetRole(t.Context(), eve, Member, CommandLine) },
	} {
		if err := change(); !errors.Is(err, ErrLastAdmin) {
			t.Errorf("the last administrator is taken away: %v", err)
		}
	}
}

func TestARemovalThatWaitedDoesNotOutliveWhatEndsTheSession(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*DB, *Session) error{
		"disabled":       func(db *DB, mine *Session) error { return db.SetDisabled(t.Context(), &mine.User, true, CommandLine) },
		"signed out":     func(db *DB, mine *Session) error { return db.EndSession(t.Context(), mine, CommandLine) },
		"all signed out": func(db *DB, mine *Session) error { _, err := db.EndAllSessions(t.Context(), CommandLine); return err },
		"another password": func(db *DB, mine *Session) error {
			_, err := db.SQL.Exec(`UPDATE users SET password = 'x' WHERE id = $1`, mine.User.ID)
			return err
		},
	} {
		db := open(t)
		eve, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: goodPassword, Role: Member}, CommandLine)
		check(t, err)
		session := sessionIn(t, db, eve)
		err = hashes(t, db, func() error { return db.RemoveSelf(t.Context(), session, goodPassword, ClientInfo{}) }, func() { check(t, meanwhile(db, session)) })
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: the removal ends with: %v", name, err)
		}
		if _, err := db.UserByID(t.Context(), eve.ID); err != nil {
			t.Errorf("%s: the user is gone: %v", name, err)
		}
	}
}

func TestWhoIsNoAdministratorAnyMoreDoesNothingToOthers(t *testing.T) {
	t.Parallel()
	db := open(t)
	bob, err := db.AddUser(t.Context(), NewUser{Name: "bob", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	eve, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	session := sessionIn(t, db, eve)
	from := ClientInfo{Author: bob.ID}
	check(t, db.SetFullName(t.Context(), eve, "Eve", from))
	for _, end := range []func() error{
		func() error { return db.SetRole(t.Context(), bob, Member, CommandLine) },
		func() error {
			db.SetRole(t.Context(), bob, Admin, CommandLine)
			return db.SetDisabled(t.Context(), bob, true, CommandLine)
		},
		func() error { return db.RemoveUser(t.Context(), bob, CommandLine) },
	} {
		check(t, end())
		for name, act := range map[string]func() error{
			"invite":         func() error { _, _, err := db.Invite(t.Context(), NewUser{Name: "kim", Role: Admin}, from); return err },
			"link":           func() error { _, err := db.NewPasswordToken(t.Context(), eve, from); return err },
			"role":           func() error { return db.SetRole(t.Context(), eve, Member, from) },
			"disable":        func() error { return db.SetDisabled(t.Context(), eve, true, from) },
			"remove":         func() error { return db.RemoveUser(t.Context(), eve, from) },
			"end a session":  func() error { return db.EndSession(t.Context(), session, from) },
			"end all of one": func() error { _, err := db.EndSessionsOf(t.Context(), eve, from); return err },
			"end all":        func() error { _, err := db.EndAllSessions(t.Context(), from); return err },
		} {
			if err := act(); !errors.Is(err, ErrNotAdmin) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestNobodyWhoWasRemovedGetsALink(t *testing.T) {
	t.Parallel()
	db := open(t)
	eve, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: goodPassword, Role: Member}, CommandLine)
	check(t, err)
	check(t, db.RemoveUser(t.Context(), eve, CommandLine))
	if _, err := db.NewPasswordToken(t.Context(), eve, CommandLine); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestTwoWhoMakeTheFirstAccountAtOnce: both have been let in before there was one.
func TestTwoWhoMakeTheFirstAccountAtOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	release := occupy(t, db.limiter)
	var wg sync.WaitGroup
	done := make(chan error, 4)
	for i := range 4 {
		wg.Go(func() {
			_, err := db.SetUp(t.Context(), NewUser{Name: "ada" + strings.Repeat("x", i), Password: goodPassword}, ClientInfo{})
			done <- err
		})
	}
	for db.limiter.Waiting() < 4 {
		time.Sleep(time.Millisecond)
	}
	release()
	wg.Wait()
	made := 0
	for range 4 {
		if err := <-done; err == nil {
			made++
		} else if !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
	if users := number(t, db, `SELECT COUNT(*) FROM users`); made != 1 || users != 1 {
		t.Errorf("%d made an account, and there are %d", made, users)
	}
}

func TestAMemberIsRemovedWhereNobodyAdministers(t *testing.T) {
	t.Parallel()
	db := open(t)
	eve, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: goodPassword, Role: Member}, CommandLine)
	check(t, err)
	check(t, db.SetDisabled(t.Context(), eve, true, CommandLine))
	check(t, db.RemoveUser(t.Context(), eve, CommandLine))
}

func TestSweepingForgetsWhatWasKeptLongEnough(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	ada, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	for i := range 3*sweepStep/2 + 1 { // more than one step
		_, err := db.SQL.Exec(`INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires) VALUES ($1, $2, '', '', '', 0, 0, $3)`, fmt.Sprint(i), ada.ID, db.Time())
		check(t, err)
	}
	check(t, db.Sweep(t.Context()))
	var sessions, events int
	check(t, db.SQL.Get(&sessions, `SELECT COUNT(*) FROM sessions`))
	check(t, db.SQL.Get(&events, `SELECT COUNT(*) FROM events`))
	if sessions != 0 || events != 1 {
		t.Errorf("%d sessions and %d events are kept", sessions, events)
	}
	later(db.KeepEvents + time.Hour)
	check(t, db.Sweep(t.Context()))
	check(t, db.SQL.Get(&events, `SELECT COUNT(*) FROM events`))
	if events != 0 {
		t.Errorf("%d old events are kept", events)
	}
}
