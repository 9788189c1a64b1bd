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

	"github.com/jmoiron/sqlx"

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
	mine, err := db.attempts.begin(t.Context(), db.Throttle.limits("ada", from))
	check(t, err)
	theirs, err := db.attempts.begin(t.Context(), db.Throttle.limits("eve", from))
	check(t, err)
	check(t, db.attempts.succeed(t.Context(), mine))
	address, err := storedFailures(t.Context(), db.SQL, theirs.limits[1])
	check(t, err)
	if db.Throttle.count(address, db.Time()) != DefaultThrottle.Address-2 {
		t.Error("the address was cleared")
	}
	check(t, db.attempts.withdraw(t.Context(), theirs))
}

// TestABoundedNumberWaitsAtOneAccount: in the queue of the limiter, and before it.
func TestABoundedNumberWaitsAtOneAccount(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	added(t, db, "ada")
	db.limiter.Capacity = 8
	release := occupy(t, db.limiter)
	var wg sync.WaitGroup
	try := func() {
		wg.Go(func() {
			if _, err := db.Authenticate(t.Context(), "ada", goodPassword, ClientInfo{}); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range int64(5) { // as many as may fail at a time
		try()
		for db.limiter.Waiting() <= i {
			time.Sleep(time.Millisecond)
		}
	}
	for range 8 { // as many as may wait for them
		try()
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

// TestNobodyIsTurnedAwayForANewcomer, not even while asking the database once more.
func TestNobodyIsTurnedAwayForANewcomer(t *testing.T) {
	t.Parallel()
	db, _ := clockwork(t)
	db.limiter.Capacity = 1
	limits := db.Throttle.limits("ada", ClientInfo{})
	begin := func(ctx context.Context) (attempt, error) { return db.attempts.begin(ctx, limits) }
	var underWay attempt
	for range DefaultThrottle.Account {
		var err error
		underWay, err = begin(t.Context())
		check(t, err)
	}
	first := make(chan error)
	go func() {
		_, err := begin(t.Context())
		first <- err
	}()
	state := func() (waiting int, woken bool) {
		db.attempts.Lock()
		defer db.attempts.Unlock()
		q := db.attempts.queues[limits[0].key]
		return db.attempts.waiting, q != nil && len(q.ended) == 0
	}
	for waiting, _ := state(); waiting == 0; waiting, _ = state() {
		time.Sleep(time.Millisecond)
	}
	check(t, db.Write(t.Context(), func(tx *sqlx.Tx) error { // which the first has to wait for
		if err := db.LockRule(t.Context(), tx, limits[0].key); err != nil {
			return err
		}
		db.attempts.wake(limits)
		for _, woken := state(); !woken; _, woken = state() {
			time.Sleep(time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for range 20 {
			if _, err := begin(ctx); !errors.As(err, new(*password.BusyError)) {
				return fmt.Errorf("a newcomer, while the first asks: %w", err)
			}
		}
		return nil
	}))
	check(t, db.attempts.withdraw(t.Context(), underWay))
	check(t, <-first)
}

// TestTriesAtOneMomentAreCounted, in one process and over several.
func TestTriesAtOneMomentAreCounted(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 3} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			t.Parallel()
			handles := nodes(t, processes)
			var free, slowed atomic.Int32
			var wg sync.WaitGroup
			for i := range 40 {
				wg.Go(func() {
					if fail(t, handles[i%processes], "ada", ClientInfo{Address: fmt.Sprintf("203.0.113.%d", i)}) == 0 {
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
		})
	}
}

// nodes are handles on one database, as processes have them, whose clock stands still.
func nodes(t *testing.T, count int) (handles []*DB) {
	t.Helper()
	first, _ := clockwork(t)
	handles = append(handles, first)
	for range count - 1 {
		another, err := Open(t.Context(), first.Address())
		check(t, err)
		t.Cleanup(func() { another.Close() })
		another.Now = first.Now
		handles = append(handles, another)
	}
	return handles
}

// TestAKilledProcessIsWaitedForAndCounts: what it was checking is not known to have
// failed, and must not be checked again and again for free.
func TestAKilledProcessIsWaitedForAndCounts(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	other, err := Open(t.Context(), db.Address())
	check(t, err)
	defer other.Close()
	other.Now = db.Now
	limits := db.Throttle.limits("ada", ClientInfo{})
	for range DefaultThrottle.Account - 1 {
		_, err := other.attempts.begin(t.Context(), limits)
		check(t, err)
	}
	other.Close() // without an outcome
	held, err := db.attempts.begin(t.Context(), limits)
	check(t, err)
	waits, cancel := context.WithTimeout(t.Context(), 4*askAgainAfter)
	defer cancel()
	if _, err := db.attempts.begin(waits, limits); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside those of the killed process: %v", err)
	}
	check(t, db.attempts.withdraw(t.Context(), held))
	later(attemptLifetime)
	if wait := fail(t, db, "ada", ClientInfo{}); wait != 0 {
		t.Errorf("a wait of %s", wait)
	}
	if fail(t, db, "ada", ClientInfo{}) == 0 {
		t.Error("what the killed process was checking does not count")
	}
	if rows := 0; db.SQL.Get(&rows, `SELECT COUNT(*) FROM attempts`) != nil || rows != 0 {
		t.Errorf("%d attempts are left", rows)
	}
}

// TestAnOutcomeThatComesTooLateCountsOnce, as the failure it was taken for.
func TestAnOutcomeThatComesTooLateCountsOnce(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	limits := db.Throttle.limits("ada", ClientInfo{})
	slow, err := db.attempts.begin(t.Context(), limits)
	check(t, err)
	later(attemptLifetime)
	fail(t, db, "ada", ClientInfo{})
	check(t, db.recordFailure(t.Context(), SignInFailed, nil, slow, ClientInfo{}))
	counted, err := storedFailures(t.Context(), db.SQL, limits[0])
	check(t, err)
	if count := db.Throttle.count(counted, db.Time()); count != 2 {
		t.Errorf("two failures count as %d", count)
	}
}

// TestAnAttemptOfAClockThatWasSetBackExpires instead of blocking the account.
func TestAnAttemptOfAClockThatWasSetBackExpires(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	for range DefaultThrottle.Account {
		_, err := db.attempts.begin(t.Context(), db.Throttle.limits("ada", ClientInfo{}))
		check(t, err)
	}
	later(-24 * time.Hour)
	if fail(t, db, "ada", ClientInfo{}) == 0 {
		t.Error("they do not count")
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

// TestAFailureThatCantBeWrittenCountsLater, and while nothing can be written no password
// is checked.
func TestAFailureThatCantBeWrittenCountsLater(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a locked database")
	}
	db, later := clockwork(t)
	from := ClientInfo{Address: "203.0.113.9"}
	other, err := sql.Open("sqlite3", db.Address()+"?_txlock=immediate")
	check(t, err)
	defer other.Close()
	begun, err := db.attempts.begin(t.Context(), db.Throttle.limits("ada", from))
	check(t, err)
	lock, err := other.Begin() // nothing can be written
	check(t, err)
	if err := db.recordFailure(t.Context(), SignInFailed, nil, begun, from); !database.Unavailable(err) {
		t.Fatal(err)
	}
	db.limiter.Capacity = 0 // whose password would be checked is turned away as too many
	if _, err := db.Authenticate(t.Context(), "eve", "not the password", from); !database.Unavailable(err) {
		t.Errorf("while nothing can be written: %v", err)
	}
	check(t, lock.Rollback())
	db.limiter.Capacity = 100
	later(attemptLifetime)
	for range 4 {
		if wait := fail(t, db, "ada", from); wait != 0 {
			t.Fatalf("a wait of %s", wait)
		}
	}
	if fail(t, db, "ada", from) == 0 {
		t.Error("the failure that could not be written at once was not counted")
	}
}

// storedFailures returns the count that is stored for a limit.
func storedFailures(ctx context.Context, from sqlx.QueryerContext, limit limit) (stored failures, err error) {
	err = sqlx.GetContext(ctx, from, &stored, `SELECT COALESCE(MAX(last), 0) AS last, COALESCE(MAX(forgiven), 0) AS forgiven FROM failures WHERE key = $1`, limit.key)
	return stored, err
}
