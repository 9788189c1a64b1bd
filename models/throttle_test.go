package models

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

const goodPassword = "a walk in the wet grass"

// clockwork is a database whose clock is put forward by hand.
func clockwork(t *testing.T) (db *DB, later func(time.Duration)) {
	t.Helper()
	db = open(t)
	var offset atomic.Int64
	db.Now = func() time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(offset.Load())) }
	return db, func(by time.Duration) { offset.Add(int64(by)) }
}

// fail tries a wrong password and returns how long to wait, or zero.
func fail(t *testing.T, db *DB, name string, from ClientInfo) time.Duration {
	t.Helper()
	_, err := db.Authenticate(t.Context(), name, "not the password", from)
	var throttled *ThrottledError
	switch {
	case errors.As(err, &throttled):
		return throttled.After
	case !errors.Is(err, ErrRefused):
		t.Fatal(err)
	}
	return 0
}

func TestDelaysGrow(t *testing.T) {
	t.Parallel()
	throttle := Throttle{Account: 3, Delay: time.Second, Longest: time.Minute}
	for count, want := range []time.Duration{0, 0, 0, 1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 60e9, 60e9} {
		if got := throttle.delay(count, 3); got != want {
			t.Errorf("after %d failures the delay is %s, not %s", count, got, want)
		}
	}
	if throttle.delay(1_000_000, 3) != time.Minute {
		t.Error("the delay is not bounded")
	}
}

// TestTheLimitsAreWhatIsPromised, in figures.
func TestTheLimitsAreWhatIsPromised(t *testing.T) {
	t.Parallel()
	if DefaultThrottle != (Throttle{Account: 5, Address: 20, Delay: time.Second, Longest: 15 * time.Minute}) {
		t.Errorf("the defaults are %+v", DefaultThrottle)
	}
	keys := map[string]bool{}
	for _, kind := range []string{"account", "address", "browser"} {
		keys[failureKey(kind, "x")] = true
	}
	if len(keys) != 3 {
		t.Error("an account, an address and a browser of one name share a count")
	}
}

// TestASuccessClearsWhatIsItsOwn: a known browser's count, and an account's without an address.
func TestASuccessClearsWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	for what, from := range map[string]ClientInfo{"a known browser": {Address: "203.0.113.9", Device: "laptop"}, "no address": {}} {
		db, _ := clockwork(t)
		added(t, db, "ada")
		for range 3 {
			for range 4 {
				if wait := fail(t, db, "ada", from); wait != 0 {
					t.Fatalf("%s: a wait of %s", what, wait)
				}
			}
			_, err := db.Authenticate(t.Context(), "ada", goodPassword, from)
			check(t, err)
		}
		if rows := number(t, db, `SELECT COUNT(*) FROM failures`); rows != 0 {
			t.Errorf("%s: %d counts are left", what, rows)
		}
	}
}

func TestManyAddressesAtOneAccountAreSlowed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ada", "nobody"} { // it does not tell who exists
		t.Run(name, func(t *testing.T) {
			db, later := clockwork(t)
			_, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
			check(t, err)
			address := 0
			next := func() time.Duration {
				address++
				return fail(t, db, name, ClientInfo{Address: fmt.Sprintf("203.0.113.%d", address)})
			}
			for range 5 {
				if wait := next(); wait != 0 {
					t.Fatalf("a free try has to wait %s", wait)
				}
			}
			for _, want := range []time.Duration{1, 2, 4, 8} {
				if wait := next(); wait != want*time.Second {
					t.Fatalf("the wait is %s, not %s", wait, want*time.Second)
				}
				later(want * time.Second)
				if wait := next(); wait != 0 {
					t.Fatalf("after the wait there is another of %s", wait)
				}
			}
			if _, err := db.Authenticate(t.Context(), name, goodPassword, ClientInfo{Address: "203.0.113.200"}); !errors.As(err, new(*ThrottledError)) {
				t.Errorf("the right password is not throttled: %v", err)
			}
			for _, sweep := range []func(context.Context) error{func(context.Context) error { return nil }, db.Sweep} {
				later(24 * time.Hour)
				check(t, sweep(t.Context()))
				for range 5 {
					if wait := next(); wait != 0 {
						t.Errorf("a day later the wait is %s", wait)
					}
				}
				if next() == 0 {
					t.Error("a day later the sixth failure is free")
				}
			}
		})
	}
}

// guesses tries as soon as it is allowed, and returns how many tries there were
// in a span of time.
func guesses(t *testing.T, db *DB, later func(time.Duration), from ClientInfo, span time.Duration) (guesses int) {
	t.Helper()
	for left := span; ; {
		wait := fail(t, db, "ada", from)
		if wait == 0 {
			guesses++
			continue
		}
		if left -= wait; left < 0 {
			return guesses
		}
		later(wait)
	}
}

func TestAllTheWorldTriesAnAccountAHundredTimesADay(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it guesses for two days")
	}
	db, later := clockwork(t)
	first := guesses(t, db, later, ClientInfo{}, 24*time.Hour)
	second := guesses(t, db, later, ClientInfo{}, 24*time.Hour)
	if first != 109 || second != 96 {
		t.Errorf("the first day has %d guesses, the second %d", first, second)
	}
}

func TestYesterdaysTypingErrorCostsNothing(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	office := ClientInfo{Address: "203.0.113.9"}
	for day := range 60 { // each by somebody else
		if wait := fail(t, db, fmt.Sprint("user", day), office); wait != 0 {
			t.Fatalf("on day %d the wait is %s", day, wait)
		}
		later(23 * time.Hour)
	}
	for i := range 19 { // and then a bad hour
		if wait := fail(t, db, fmt.Sprint("user", i), office); wait != 0 {
			t.Fatalf("after %d failures the wait is %s", i, wait)
		}
		later(3 * time.Minute)
	}
	// A count is given back one by one: an hour each.
	for range 2 {
		for range 5 {
			fail(t, db, "ada", ClientInfo{})
		}
		if fail(t, db, "ada", ClientInfo{}) == 0 {
			t.Fatal("the sixth failure is free")
		}
		later(time.Hour)
		if wait := fail(t, db, "ada", ClientInfo{}); wait != 0 {
			t.Errorf("an hour later the wait is %s", wait)
		}
		if wait := fail(t, db, "ada", ClientInfo{}); wait == 0 {
			t.Error("an hour gives back more than one")
		}
		later(5 * time.Hour)
	}
}

func TestAClockThatIsSetBackLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for what, from := range map[string]ClientInfo{"a stranger": {Address: "203.0.113.9"}, "a known browser": {Device: "laptop"}} {
		t.Run(what, func(t *testing.T) {
			db, later := clockwork(t)
			_, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
			check(t, err)
			fail(t, db, "ada", from)
			later(-30 * 24 * time.Hour)
			if wait := fail(t, db, "ada", from); wait != 0 {
				t.Errorf("after one failure and a clock set back the wait is %s", wait)
			}
			later(30 * 24 * time.Hour)
			guesses(t, db, later, from, time.Hour)
			later(-30 * 24 * time.Hour)
			// What was counted counts on, and no wait is longer than the longest.
			fail(t, db, "ada", from)
			if wait := fail(t, db, "ada", from); wait == 0 || wait > 15*time.Minute {
				t.Errorf("after many failures and a clock set back the wait is %s", wait)
			}
			later(15 * time.Minute)
			_, err = db.Authenticate(t.Context(), "ada", goodPassword, from)
			check(t, err)
		})
	}
}

func TestOneAddressAtManyAccountsIsSlowed(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"203.0.113.9", "2001:db8:1:2::%d"} {
		db, _ := clockwork(t)
		tries := 0
		for i := range 40 {
			from := ClientInfo{Address: address}
			if i > 0 && address[0] == '2' && address[3] == '1' {
				from.Address = fmt.Sprintf(address, i) // a new one of the same network each time
			}
			if from.Address == "2001:db8:1:2::%d" {
				from.Address = "2001:db8:1:2::"
			}
			if fail(t, db, fmt.Sprintf("user%d", i), from) == 0 {
				tries++
			}
		}
		if tries != DefaultThrottle.Address {
			t.Errorf("%s had %d free tries, not %d", address, tries, DefaultThrottle.Address)
		}
	}
}

func TestSuccessClearsTheAccountAndNotTheAddress(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	_, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	from := ClientInfo{Address: "203.0.113.9"}
	for round := range 4 {
		for range 4 {
			if wait := fail(t, db, "ADA", from); wait != 0 {
				t.Fatalf("round %d: a wait of %s", round, wait)
			}
		}
		user, err := db.Authenticate(t.Context(), "ada", goodPassword, from)
		check(t, err)
		_, err = db.AddSession(t.Context(), SignIn{ID: fmt.Sprint(round), User: user, Lifetime: time.Hour, From: from})
		check(t, err)
	}
	for i := range 4 { // 16 of 20 are used up
		if wait := fail(t, db, fmt.Sprint("other", i), from); wait != 0 {
			t.Fatalf("a wait of %s", wait)
		}
	}
	if wait := fail(t, db, "another", from); wait == 0 {
		t.Error("the address was cleared too")
	}
}

func TestAKnownBrowserIsNotLockedOut(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	_, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	stranger, owner := ClientInfo{Address: "203.0.113.9"}, ClientInfo{Address: "203.0.113.9", Device: "laptop"}
	for range 30 {
		fail(t, db, "ada", stranger)
	}
	if fail(t, db, "ada", stranger) == 0 {
		t.Fatal("the stranger is not slowed")
	}
	_, err = db.Authenticate(t.Context(), "ada", goodPassword, owner)
	check(t, err)
	waited := false
	for range 10 { // what is known may be stolen, and has a count of its own
		waited = waited || fail(t, db, "ada", owner) > 0
	}
	if !waited {
		t.Error("a known browser may guess for ever")
	}
}

func TestARestartClearsNothing(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	for i := range 6 {
		fail(t, db, "ada", ClientInfo{Address: fmt.Sprintf("203.0.113.%d", i)})
	}
	now, path := db.Now, db.Address()
	db.Close()
	again, err := Open(t.Context(), path)
	check(t, err)
	defer again.Close()
	again.Now = now
	if fail(t, again, "ada", ClientInfo{Address: "203.0.113.99"}) == 0 {
		t.Error("the restart cleared the count")
	}
	var rows []string
	check(t, again.SQL.Select(&rows, `SELECT key FROM failures`))
	for _, key := range rows {
		if len(key) != 24 {
			t.Errorf("the table tells %q", key)
		}
	}
}

func TestFailuresOfNobodyAreCountedByTheHour(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	for i := range 100 { // 50 minutes long, each by another address at another name
		if wait := fail(t, db, fmt.Sprint("nobody", i), ClientInfo{Address: fmt.Sprintf("203.0.113.%d", i)}); wait != 0 {
			t.Fatalf("a wait of %s", wait)
		}
		later(30 * time.Second)
	}
	later(10 * time.Minute) // the next hour
	fail(t, db, "nobody", ClientInfo{Address: "203.0.113.200"})
	var rows, sum int
	check(t, db.SQL.QueryRow(`SELECT COUNT(*), SUM(count) FROM events WHERE user_id IS NULL`).Scan(&rows, &sum))
	if rows != 11 || sum != 101 {
		t.Errorf("101 failures in two hours are %d rows, and %d in sum", rows, sum)
	}
	hours, err := db.CountSignIns(t.Context(), nil, time.Hour, 2)
	check(t, err)
	if hours[0].Failed != 100 || hours[1].Failed != 1 {
		t.Errorf("the hours are %+v", hours)
	}
}

func TestMadeUpNamesFillNoTable(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	for range 6 {
		fail(t, db, "ada", ClientInfo{})
	}
	_, err := db.SQL.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100500)
		INSERT INTO failures (key, last, forgiven) SELECT 'x' || i, CAST($1 AS BIGINT), CAST($1 AS BIGINT) + 3600 + i % 600 FROM n`, db.Time())
	check(t, err)
	check(t, db.Sweep(t.Context()))
	var rows int
	check(t, db.SQL.Get(&rows, `SELECT COUNT(*) FROM failures`))
	if rows > 100_000 || rows < 99_000 {
		t.Errorf("there are %d counts", rows)
	}
	if fail(t, db, "ada", ClientInfo{}) == 0 {
		t.Error("made up names clear the count of an account")
	}
}
