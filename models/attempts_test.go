package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daypass/models/database"
	"daypass/models/password"
)

// TestASuccessLeavesTheCountOfItsAddress to those who try from there at that moment.
func TestASuccessLeavesTheCountOfItsAddress(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	from := ClientInfo{Address: "203.0.113.9"}
	for i := range DefaultThrottle.Address - 2 {
		fail(t, db, fmt.Sprint("user", i), from)
	}
	mine, theirs := db.Throttle.limits("ada", from), db.Throttle.limits("eve", from)
	check(t, db.attempts.begin(t.Context(), mine))
	check(t, db.attempts.begin(t.Context(), theirs))
	db.attempts.end(mine, succeeded)
	address := db.attempts.open[theirs[1].key]
	if address == nil || db.Throttle.count(address.failures, db.Time()) != DefaultThrottle.Address-2 {
		t.Error("the address was cleared")
	}
	db.attempts.end(theirs, undecided)
}

// TestABoundedNumberWaitsAtOneAccount: in the queue of the limiter, and before it.
func TestABoundedNumberWaitsAtOneAccount(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	added(t, db, "ada")
	db.limiter.Capacity = 8
	release := occupy(t, db.limiter)
	var wg sync.WaitGroup
	for range 5 + 8 { // as many as may fail at a time, and as many as may wait for them
		wg.Go(func() {
			if _, err := db.Authenticate(t.Context(), "ada", goodPassword, ClientInfo{}); err != nil {
				t.Error(err)
			}
		})
	}
	waiting := func() int {
		db.attempts.Lock()
		defer db.attempts.Unlock()
		return db.attempts.waiting
	}
	for waiting() < 8 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	refused := make(chan error, 1)
	go func() {
		_, err := db.Authenticate(ctx, "ada", goodPassword, ClientInfo{})
		refused <- err
	}()
	select {
	case err := <-refused:
		if !errors.As(err, new(*password.BusyError)) {
			t.Errorf("one too many: %v", err)
		}
	case <-ctx.Done():
		t.Error("one too many waits")
	}
	release()
	wg.Wait()
}

func TestTriesAtOneMomentAreCounted(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	var free, slowed atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if fail(t, db, "ada", ClientInfo{Address: fmt.Sprintf("203.0.113.%d", i)}) == 0 {
				free.Add(1)
			} else {
				slowed.Add(1)
			}
		})
	}
	wg.Wait()
	if free.Load() != int32(DefaultThrottle.Account) || slowed.Load() != 35 {
		t.Errorf("%d tries were free, %d slowed", free.Load(), slowed.Load())
	}
}

func TestWhoWasTurnedAwayAtTheLimiterIsNotToBlame(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	db.limiter.Capacity = 0
	for range 10 {
		if _, err := db.Authenticate(t.Context(), "ada", goodPassword, ClientInfo{Address: "203.0.113.9"}); !errors.As(err, new(*password.BusyError)) {
			t.Fatal(err)
		}
	}
	db.limiter.Capacity = 1
	if wait := fail(t, db, "ada", ClientInfo{Address: "203.0.113.9"}); wait != 0 {
		t.Errorf("a wait of %s", wait)
	}
}

func TestNoPasswordIsLookedAtWhileAFailureIsUnwritten(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a locked database")
	}
	db, _ := clockwork(t)
	from := ClientInfo{Address: "203.0.113.9"}
	other, err := sql.Open("sqlite3", db.Path()+"?_txlock=immediate")
	check(t, err)
	defer other.Close()
	lock, err := other.Begin() // nothing can be written
	check(t, err)
	if _, err := db.Authenticate(t.Context(), "ada", "not the password", from); !database.Unavailable(err) {
		t.Fatal(err)
	}
	db.limiter.Capacity = 0 // whose password would be looked at is turned away as too many
	if _, err := db.Authenticate(t.Context(), "eve", "not the password", from); !database.Unavailable(err) {
		t.Errorf("with a failure that is not written: %v", err)
	}
	check(t, lock.Rollback())
	db.limiter.Capacity = 100
	for range 4 {
		if wait := fail(t, db, "ada", from); wait != 0 {
			t.Fatalf("a wait of %s", wait)
		}
	}
	if fail(t, db, "ada", from) == 0 {
		t.Error("the failure that could not be written at once was not counted")
	}
}
