package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// attempts are the sign-ins whose password is being checked. For each limit, no more
// of them run at a time than may still fail before delays start; the others wait for
// their outcome. So many sign-ins with the right password succeed as fast as they can
// be hashed, and a burst of guesses gets no more attempts than the same guesses one
// after the other.
type attempts struct {
	db       *database.DB
	throttle *Throttle
	limiter  *password.Limiter

	sync.Mutex
	ended   sync.Cond
	open    map[string]*counter
	waiting int

	// unwritten are the limits of failures that could not be counted in the
	// database. They are written before any further password is checked, otherwise
	// a full disk would allow unlimited guesses. Writing each attempt before its
	// password is checked would do as well, but would cost every sign-in another
	// write. There are never more of them than passwords are checked at a time.
	unwritten [][]limit
}

func newAttempts(db *database.DB, throttle *Throttle, limiter *password.Limiter) *attempts {
	a := &attempts{db: db, throttle: throttle, limiter: limiter, open: make(map[string]*counter)}
	a.ended.L = a
	return a
}

// counter is the count of a limit while there are attempts.
type counter struct {
	failures
	underWay int
}

// begin waits until an attempt may run under its limits and all earlier failures are
// written. It returns a ThrottledError if it is too early for another attempt, and a
// BusyError if too many wait. After begin has succeeded, the caller calls end.
func (a *attempts) begin(ctx context.Context, limits []limit) error {
	a.Lock()
	defer a.Unlock()
	for {
		if len(a.unwritten) > 0 {
			a.Unlock()
			err := a.writeUnwritten(ctx)
			a.Lock()
			if err != nil {
				return err
			}
			continue
		}
		counters, now := make([]*counter, len(limits)), a.db.Now()
		var wait time.Duration
		full := false
		for i, limit := range limits {
			c, err := a.counter(ctx, limit)
			if err != nil {
				return err
			}
			counters[i] = c
			wait = max(wait, a.throttle.wait(c.failures, limit.free, now))
			full = full || c.underWay >= max(1, limit.free-a.throttle.count(c.failures, Time{Time: now}))
		}
		switch {
		case wait > 0:
			return &ThrottledError{After: wait}
		case !full:
			for i, c := range counters {
				c.underWay++
				a.open[limits[i].key] = c
			}
			return nil
		case a.waiting >= int(a.limiter.Capacity):
			return password.NewBusyError()
		}
		a.waiting++
		a.ended.Wait()
		a.waiting--
	}
}

// counter returns the count of a limit: the one in use, or else the stored one.
func (a *attempts) counter(ctx context.Context, limit limit) (*counter, error) {
	if c, ok := a.open[limit.key]; ok {
		return c, nil
	}
	stored, err := storedFailures(ctx, a.db.SQL, limit)
	return &counter{failures: stored}, err
}

// storedFailures returns the count that is stored for a limit.
func storedFailures(ctx context.Context, from sqlx.QueryerContext, limit limit) (stored failures, err error) {
	err = sqlx.GetContext(ctx, from, &stored, `SELECT last, forgiven FROM failures WHERE key = $1`, limit.key)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return failures{}, fmt.Errorf("read failed sign-ins: %w", err)
	}
	return stored, nil
}

// outcome is how an attempt ended.
type outcome int

const (
	undecided outcome = iota // the password was not checked
	failed
	unwritten // failed, but not counted in the database yet
	succeeded
)

// end removes an attempt from its limits, counts its outcome, and wakes those who wait.
func (a *attempts) end(limits []limit, how outcome) {
	a.Lock()
	defer a.Unlock()
	for _, limit := range limits {
		c := a.open[limit.key]
		c.underWay--
		switch {
		case how == failed || how == unwritten:
			c.failures = a.throttle.add(c.failures, limit.free, a.db.Time())
		case how == succeeded && !limit.shared:
			c.failures = failures{}
		}
		if c.underWay == 0 {
			delete(a.open, limit.key)
		}
	}
	if how == unwritten {
		a.unwritten = append(a.unwritten, limits)
	}
	a.ended.Broadcast()
}

// writeUnwritten counts the failures that are not counted in the database yet.
func (a *attempts) writeUnwritten(ctx context.Context) error {
	return a.db.TakeTurn(ctx, func() error { // so that no other goroutine writes the same
		a.Lock()
		all := a.unwritten
		a.Unlock()
		if len(all) == 0 {
			return nil
		}
		err := a.db.Commit(ctx, func(tx *sqlx.Tx) error {
			for _, limits := range all {
				if err := a.countFailure(ctx, tx, limits); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		a.Lock()
		defer a.Unlock()
		a.unwritten = a.unwritten[len(all):]
		return nil
	})
}

// countFailure adds a failure to its limits.
func (a *attempts) countFailure(ctx context.Context, tx *sqlx.Tx, limits []limit) error {
	for _, limit := range limits {
		stored, err := storedFailures(ctx, tx, limit)
		if err != nil {
			return err
		}
		counted := a.throttle.add(stored, limit.free, a.db.Time())
		if _, err := tx.ExecContext(ctx, `INSERT INTO failures (key, last, forgiven) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET last = excluded.last, forgiven = excluded.forgiven`, limit.key, counted.Last, counted.Forgiven); err != nil {
			return fmt.Errorf("count a failed sign-in: %w", err)
		}
	}
	return nil
}

// forgive clears the counts that are not shared, because their owner has signed in.
// Usually there is nothing to clear, and nothing is written.
func (a *attempts) forgive(ctx context.Context, limits []limit) error {
	for _, limit := range limits {
		if limit.shared {
			continue
		}
		var failures bool
		if err := a.db.SQL.GetContext(ctx, &failures, `SELECT EXISTS (SELECT 1 FROM failures WHERE key = $1)`, limit.key); err != nil {
			return err
		}
		if failures {
			if _, err := a.db.Exec(ctx, `DELETE FROM failures WHERE key = $1`, limit.key); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgivenBefore returns a time. Counts that are forgiven by then can be deleted: it
// is now, or later if there are too many counts.
func (a *attempts) forgivenBefore(ctx context.Context) (Time, error) {
	var excess Time
	err := a.db.SQL.GetContext(ctx, &excess, `SELECT COALESCE((SELECT forgiven FROM failures ORDER BY forgiven DESC LIMIT 1 OFFSET $1), 0)`, maxFailures)
	if err != nil {
		return Time{}, fmt.Errorf("count failed sign-ins: %w", err)
	}
	if now := a.db.Time(); now.After(excess.Time) {
		return now, nil
	}
	return excess, nil
}
