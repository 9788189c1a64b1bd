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

// attempts are the sign-ins whose password is being looked at. While there are
// some against a limit, no more of them run at a time than may still fail free
// of delay; the others wait for how those end. So a crowd that knows the
// password comes in as fast as it can be hashed, and a burst of guesses gets no
// more tries than the same guesses one by one.
type attempts struct {
	db       *database.DB
	throttle *Throttle
	limiter  *password.Limiter

	sync.Mutex
	ended   sync.Cond
	open    map[string]*counter
	waiting int

	// unwritten are the limits of failures that could not be counted in the
	// database. They are before any further password is looked at: otherwise a
	// full disk would allow as many guesses as anybody likes. To write each try
	// before its password is looked at would do, too, but costs every sign-in a
	// write more. There are never more of them than passwords are looked at at a time.
	unwritten [][]limit
}

func newAttempts(db *database.DB, throttle *Throttle, limiter *password.Limiter) *attempts {
	a := &attempts{db: db, throttle: throttle, limiter: limiter, open: make(map[string]*counter)}
	a.ended.L = a
	return a
}

// counter is the count of a limit while somebody tries.
type counter struct {
	failures
	underWay int
}

// begin lets a try against its limits begin, when its turn comes and all
// failures before it are written. It returns a ThrottledError when it is too early for another one, and a BusyError when too
// many wait. Whoever began calls end.
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
		tallies, now := make([]*counter, len(limits)), a.db.Now()
		var wait time.Duration
		full := false
		for i, limit := range limits {
			t, err := a.counter(ctx, limit)
			if err != nil {
				return err
			}
			tallies[i] = t
			wait = max(wait, a.throttle.wait(t.failures, limit.free, now))
			full = full || t.underWay >= max(1, limit.free-a.throttle.count(t.failures, Time{Time: now}))
		}
		switch {
		case wait > 0:
			return &ThrottledError{After: wait}
		case !full:
			for i, t := range tallies {
				t.underWay++
				a.open[limits[i].key] = t
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

// counter returns the count of a limit: the one in use, or else what is stored.
func (a *attempts) counter(ctx context.Context, limit limit) (*counter, error) {
	if t, ok := a.open[limit.key]; ok {
		return t, nil
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

// outcome is how a try ended.
type outcome int

const (
	undecided outcome = iota // nobody is to blame
	failed
	unwritten // failed, which the database does not know yet
	succeeded
)

// end takes a try off its limits, with its outcome, and lets others go on.
func (a *attempts) end(limits []limit, how outcome) {
	a.Lock()
	defer a.Unlock()
	for _, limit := range limits {
		t := a.open[limit.key]
		t.underWay--
		switch {
		case how == failed || how == unwritten:
			t.failures = a.throttle.add(t.failures, limit.free, a.db.Time())
		case how == succeeded && !limit.shared:
			t.failures = failures{}
		}
		if t.underWay == 0 {
			delete(a.open, limit.key)
		}
	}
	if how == unwritten {
		a.unwritten = append(a.unwritten, limits)
	}
	a.ended.Broadcast()
}

// writeUnwritten counts the failures that the database does not know yet.
func (a *attempts) writeUnwritten(ctx context.Context) error {
	return a.db.TakeTurn(ctx, func() error { // so that nobody else writes the same
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

// countFailure adds a failure to the limits it is held against.
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

// forgive clears the counts that are not shared: their owner has come. Mostly
// there is nothing to clear, and nothing is written.
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

// maxFailures is how many counts are kept: about 10 MB. When strangers make up
// more names than that, those go that would be given back first. To get rid of the
// count of an account in that way takes more failures than are ever hashed before it is
// given back by itself.
const maxFailures = 100_000

// forgivenBefore returns up to which moment the counts are deleted that will have
// been given back then: now, or later when there are too many.
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
